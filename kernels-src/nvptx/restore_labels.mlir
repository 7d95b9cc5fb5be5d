// What rounding has taken from the elements of labels in the sums of dC, put back: for every class that is the label of a token
//     sums[class] += sum over its tokens of exact * e - stored * bf16(factor * e),
// because stored * bf16(factor * e) is what the products have added, and exact * e what they should have (label_scales). Tokens come in the
// order of their labels (sort_labels), so those of a class are neighbours, and are added in that order. All sums of dC have to exist.
//
// Of a row of sums a lane has 16 elements as cce.store_halves leaves them in strips of 16 rows (FragmentHalves.cpp): of row 8 h + r of the
// strip, r < 8, of the panel of 64 columns P and the lane q of 4, columns 64 P + 32 j + 8 i + 2 q + k for j, k < 2 and i < 4. Upper halves: 8 of
// them, in the order of i and k, from place 64 P + 32 (r % 2) + 8 q of the strip's row 8 h + 4 j + r / 2 on; in a strip that is not whole from
// place 64 P + 32 j + 8 q of their own row. Lower ones: of the 8 bytes of the strip at 512 P + 64 r + 16 q + 8 h byte 4 j + 2 (i % 2) + k, its
// upper 4 bits for i < 2 and its lower ones else. A warp has 512 columns.
//
// Classes of at most 32 tokens get a warp for each 512 columns. Those of more get a block, whose warps share the tokens.
gpu.module @kernels {
  llvm.mlir.global internal @parts() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<8192 x f32>

  llvm.func @restore_labels(%order: !llvm.ptr<1>, %sorted: !llvm.ptr<1>, %count: !llvm.ptr<1>, %rows: !llvm.ptr<1>, %factor: !llvm.ptr<1>, %exact: !llvm.ptr<1>, %stored: !llvm.ptr<1>, %e: !llvm.ptr<1>, %stride: i64, %hidden: i32, %sum_lower: !llvm.ptr<1>, %dc: !llvm.ptr<1>, %dc_stride: i64, %vocab: i32)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 512, 1, 1>, cce.manifest = {
      kernel = "restore_labels", target = "sm_90a", entry = "restore_labels", threads = 512 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "order"},
         {kind = "pointer", buffer = "sorted"},
         {kind = "pointer", buffer = "count"},
         {kind = "pointer", buffer = "rows"},
         {kind = "pointer", buffer = "factor"},
         {kind = "pointer", buffer = "exact"},
         {kind = "pointer", buffer = "stored"},
         {kind = "pointer", buffer = "e"},
         {kind = "scalar", buffer = "stride", type = "i64"},
         {kind = "scalar", buffer = "hidden", type = "i32"},
         {kind = "pointer", buffer = "sum_lower"},
         {kind = "pointer", buffer = "dc"},
         {kind = "scalar", buffer = "dc_stride", type = "i64"},
         {kind = "scalar", buffer = "vocab", type = "i32"}]}} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c4 = arith.constant 4 : i32
    %c5 = arith.constant 5 : i32
    %c15 = arith.constant 15 : i32
    %c16 = arith.constant 16 : i32
    %c31 = arith.constant 31 : i32
    %c32 = arith.constant 32 : i32
    %c511 = arith.constant 511 : i32
    %all = arith.constant -1 : i32
    %zeros = arith.constant dense<0.0> : vector<16xf32>
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %grid = nvvm.read.ptx.sreg.nctaid.x : i32
    %lane = arith.andi %tid, %c31 : i32
    %warp = arith.shrui %tid, %c5 : i32
    %n = llvm.load %count : !llvm.ptr<1> -> i32
    %last = arith.subi %n, %c1 : i32
    %more_columns = arith.addi %hidden, %c511 : i32
    %c512 = arith.constant 512 : i32
    %widths = arith.divui %more_columns, %c512 : i32
    %items = arith.muli %n, %widths : i32
    %block_item = arith.muli %block, %c16 : i32
    %first_item = arith.addi %block_item, %warp : i32
    %item_step = arith.muli %grid, %c16 : i32
    // Few tokens: an item is a token that has no other of its label in front, and a width of columns.
    scf.for %item = %first_item to %items step %item_step : i32 {
      %at = arith.divui %item, %widths : i32
      %before_at = arith.muli %at, %widths : i32
      %width = arith.subi %item, %before_at : i32
      %label = llvm.call @entry(%sorted, %at) : (!llvm.ptr<1>, i32) -> i32
      %at_before = arith.subi %at, %c1 : i32
      %near = arith.maxsi %at_before, %c0 : i32
      %label_before = llvm.call @entry(%sorted, %near) : (!llvm.ptr<1>, i32) -> i32
      %differs = arith.cmpi ne, %label_before, %label : i32
      %is_first = arith.cmpi eq, %at, %c0 : i32
      %begins = arith.ori %differs, %is_first : i1
      scf.if %begins {
        // The lanes look at the 32 that follow.
        %behind = arith.addi %at, %lane : i32
        %next = arith.addi %behind, %c1 : i32
        %exists = arith.cmpi slt, %next, %n : i32
        %within = arith.minsi %next, %last : i32
        %other = llvm.call @entry(%sorted, %within) : (!llvm.ptr<1>, i32) -> i32
        %same = arith.cmpi eq, %other, %label : i32
        %belongs = arith.andi %same, %exists : i1
        %others = llvm.call @votes(%belongs, %lane) : (i1, i32) -> i32
        %is_few = arith.cmpi ne, %others, %all : i32
        scf.if %is_few {
          %more_tokens = llvm.intr.ctpop(%others) : (i32) -> i32
          %tokens = arith.addi %more_tokens, %c1 : i32
          %end = arith.addi %at, %tokens : i32
          %sum = llvm.call @add_tokens(%zeros, %at, %end, %lane, %width, %order, %rows, %factor, %exact, %stored, %e, %stride, %hidden) : (vector<16xf32>, i32, i32, i32, i32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, i64, i32) -> vector<16xf32>
          llvm.call @add_to_sums(%sum, %label, %lane, %width, %hidden, %sum_lower, %dc, %dc_stride, %vocab) : (vector<16xf32>, i32, i32, i32, i32, !llvm.ptr<1>, !llvm.ptr<1>, i64, i32) -> ()
        }
      }
    }
    // Many tokens: more than 32 have one among them whose place is a multiple of 32. The first such place stands for them.
    %more_places = arith.addi %n, %c31 : i32
    %places = arith.shrui %more_places, %c5 : i32
    %block_items = arith.muli %places, %widths : i32
    scf.for %item = %block to %block_items step %grid : i32 {
      %number = arith.divui %item, %widths : i32
      %before_number = arith.muli %number, %widths : i32
      %width = arith.subi %item, %before_number : i32
      %at = arith.muli %number, %c32 : i32
      %label = llvm.call @entry(%sorted, %at) : (!llvm.ptr<1>, i32) -> i32
      // How many of the 32 in front, the nearest first.
      %one_before = arith.subi %at, %c1 : i32
      %in_front = arith.subi %one_before, %lane : i32
      %exists = arith.cmpi sge, %in_front, %c0 : i32
      %within = arith.maxsi %in_front, %c0 : i32
      %other = llvm.call @entry(%sorted, %within) : (!llvm.ptr<1>, i32) -> i32
      %same = arith.cmpi eq, %other, %label : i32
      %belongs = arith.andi %same, %exists : i1
      %others = llvm.call @votes(%belongs, %lane) : (i1, i32) -> i32
      %number_in_front = llvm.intr.ctpop(%others) : (i32) -> i32
      %begin = arith.subi %at, %number_in_front : i32
      %is_first = arith.cmpi ne, %others, %all : i32
      %far = arith.addi %begin, %c32 : i32
      %far_exists = arith.cmpi slt, %far, %n : i32
      %near = arith.minsi %far, %last : i32
      %far_label = llvm.call @entry(%sorted, %near) : (!llvm.ptr<1>, i32) -> i32
      %far_same = arith.cmpi eq, %far_label, %label : i32
      %reaches = arith.andi %far_same, %far_exists : i1
      %is_many = arith.andi %reaches, %is_first : i1
      scf.if %is_many {
        // The first place with a larger label.
        %bounds:2 = scf.while (%low = %far, %high = %n) : (i32, i32) -> (i32, i32) {
          %open = arith.cmpi slt, %low, %high : i32
          scf.condition(%open) %low, %high : i32, i32
        } do {
        ^bb0(%low: i32, %high: i32):
          %both = arith.addi %low, %high : i32
          %middle = arith.shrui %both, %c1 : i32
          %there = llvm.call @entry(%sorted, %middle) : (!llvm.ptr<1>, i32) -> i32
          %is_more = arith.cmpi sgt, %there, %label : i32
          %above = arith.addi %middle, %c1 : i32
          %new_low = arith.select %is_more, %low, %above : i32
          %new_high = arith.select %is_more, %middle, %high : i32
          scf.yield %new_low, %new_high : i32, i32
        }
        %warp_tokens = arith.muli %warp, %c32 : i32
        %warp_begin = arith.addi %begin, %warp_tokens : i32
        %sum = scf.for %start = %warp_begin to %bounds#0 step %c512 iter_args(%acc = %zeros) -> (vector<16xf32>) : i32 {
          %full_end = arith.addi %start, %c32 : i32
          %end = arith.minsi %full_end, %bounds#0 : i32
          %more = llvm.call @add_tokens(%acc, %start, %end, %lane, %width, %order, %rows, %factor, %exact, %stored, %e, %stride, %hidden) : (vector<16xf32>, i32, i32, i32, i32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, i64, i32) -> vector<16xf32>
          scf.yield %more : vector<16xf32>
        }
        llvm.call @keep_part(%sum, %warp, %lane) : (vector<16xf32>, i32, i32) -> ()
        nvvm.barrier
        %adds = arith.cmpi eq, %warp, %c0 : i32
        scf.if %adds {
          %all_parts = scf.for %w = %c0 to %c16 step %c1 iter_args(%acc = %zeros) -> (vector<16xf32>) : i32 {
            %part = llvm.call @part_of(%w, %lane) : (i32, i32) -> vector<16xf32>
            %more = arith.addf %acc, %part : vector<16xf32>
            scf.yield %more : vector<16xf32>
          }
          llvm.call @add_to_sums(%all_parts, %label, %lane, %width, %hidden, %sum_lower, %dc, %dc_stride, %vocab) : (vector<16xf32>, i32, i32, i32, i32, !llvm.ptr<1>, !llvm.ptr<1>, i64, i32) -> ()
        }
        // Before the parts of the next item.
        nvvm.barrier
      }
    }
    llvm.return
  }

  llvm.func internal @entry(%list: !llvm.ptr<1>, %at: i32) -> i32 attributes {always_inline} {
    %at64 = arith.extui %at : i32 to i64
    %p = llvm.getelementptr %list[%at64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
    %x = llvm.load %p : !llvm.ptr<1> -> i32
    llvm.return %x : i32
  }

  // The bits of the lanes for which the condition holds.
  llvm.func internal @votes(%holds: i1, %lane: i32) -> i32 attributes {always_inline} {
    %all = arith.constant -1 : i32
    %bit = arith.extui %holds : i1 to i32
    %mine = arith.shli %bit, %lane : i32
    %bits = nvvm.redux.sync or %mine, %all : i32 -> i32
    llvm.return %bits : i32
  }

  // Elements in front of the lane's first column, in a panel of 64, and in front of that panel; beyond the rows the last lane's.
  llvm.func internal @panel_of(%lane: i32, %width: i32, %hidden: i32) -> !llvm.struct<(i32, i32)> attributes {always_inline} {
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c3 = arith.constant 3 : i32
    %c4 = arith.constant 4 : i32
    %c5 = arith.constant 5 : i32
    %c6 = arith.constant 6 : i32
    %before = arith.shli %width, %c5 : i32
    %unit = arith.addi %before, %lane : i32
    %units = arith.shrui %hidden, %c4 : i32
    %last = arith.subi %units, %c1 : i32
    %near = arith.minsi %unit, %last : i32
    %number = arith.shrui %near, %c2 : i32
    %panel = arith.shli %number, %c6 : i32
    %q = arith.andi %near, %c3 : i32
    %none = llvm.mlir.undef : !llvm.struct<(i32, i32)>
    %some = llvm.insertvalue %panel, %none[0] : !llvm.struct<(i32, i32)>
    %both = llvm.insertvalue %q, %some[1] : !llvm.struct<(i32, i32)>
    llvm.return %both : !llvm.struct<(i32, i32)>
  }

  // The lane's elements of the row that lane j has found; none if that is negative.
  llvm.func internal @row_of(%j: i32, %stride: i64, %row_or_none: i32, %columns: !llvm.ptr<1>) -> vector<8xi32> attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c3 = arith.constant 3 : i32
    %c4 = arith.constant 4 : i32
    %c5 = arith.constant 5 : i32
    %c6 = arith.constant 6 : i32
    %c7 = arith.constant 7 : i32
    %c31 = arith.constant 31 : i32
    %all = arith.constant -1 : i32
    %nothing = arith.constant dense<0> : vector<8xi32>
    %row = nvvm.shfl.sync idx %all, %row_or_none, %j, %c31 : i32 -> i32
    %present = arith.cmpi sge, %row, %c0 : i32
    %near = arith.maxsi %row, %c0 : i32
    %row64 = arith.extui %near : i32 to i64
    %start = arith.muli %row64, %stride : i64
    %p = llvm.getelementptr %columns[%start] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
    %p00 = llvm.getelementptr %p[0] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i8
    %w00 = llvm.load %p00 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %p01 = llvm.getelementptr %p[16] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i8
    %w01 = llvm.load %p01 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %p02 = llvm.getelementptr %p[32] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i8
    %w02 = llvm.load %p02 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %p03 = llvm.getelementptr %p[48] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i8
    %w03 = llvm.load %p03 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %p10 = llvm.getelementptr %p[64] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i8
    %w10 = llvm.load %p10 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %p11 = llvm.getelementptr %p[80] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i8
    %w11 = llvm.load %p11 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %p12 = llvm.getelementptr %p[96] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i8
    %w12 = llvm.load %p12 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %p13 = llvm.getelementptr %p[112] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i8
    %w13 = llvm.load %p13 {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %v0 = llvm.mlir.undef : vector<8xi32>
    %v1 = llvm.insertelement %w00, %v0[%c0 : i32] : vector<8xi32>
    %v2 = llvm.insertelement %w01, %v1[%c1 : i32] : vector<8xi32>
    %v3 = llvm.insertelement %w02, %v2[%c2 : i32] : vector<8xi32>
    %v4 = llvm.insertelement %w03, %v3[%c3 : i32] : vector<8xi32>
    %v5 = llvm.insertelement %w10, %v4[%c4 : i32] : vector<8xi32>
    %v6 = llvm.insertelement %w11, %v5[%c5 : i32] : vector<8xi32>
    %v7 = llvm.insertelement %w12, %v6[%c6 : i32] : vector<8xi32>
    %v8 = llvm.insertelement %w13, %v7[%c7 : i32] : vector<8xi32>
    %words = arith.select %present, %v8, %nothing : vector<8xi32>
    llvm.return %words : vector<8xi32>
  }

  llvm.func internal @splat(%x: f32) -> vector<16xf32> attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %none = llvm.mlir.undef : vector<16xf32>
    %one = llvm.insertelement %x, %none[%c0 : i32] : vector<16xf32>
    %all = llvm.shufflevector %one, %none [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] : vector<16xf32>
    llvm.return %all : vector<16xf32>
  }

  // exact * e - stored * bf16(factor * e) more, of the token that lane j has found.
  llvm.func internal @add_token(%acc: vector<16xf32>, %words: vector<8xi32>, %j: i32, %k: f32, %a: f32, %b: f32) -> vector<16xf32> attributes {always_inline} {
    %c31 = arith.constant 31 : i32
    %all = arith.constant -1 : i32
    %k1 = nvvm.shfl.sync idx %all, %k, %j, %c31 : f32 -> f32
    %a1 = nvvm.shfl.sync idx %all, %a, %j, %c31 : f32 -> f32
    %b1 = nvvm.shfl.sync idx %all, %b, %j, %c31 : f32 -> f32
    %minus = arith.negf %b1 : f32
    %ks = llvm.call @splat(%k1) : (f32) -> vector<16xf32>
    %as = llvm.call @splat(%a1) : (f32) -> vector<16xf32>
    %bs = llvm.call @splat(%minus) : (f32) -> vector<16xf32>
    %h = llvm.bitcast %words : vector<8xi32> to vector<16xbf16>
    %x = arith.extf %h : vector<16xbf16> to vector<16xf32>
    %scaled = arith.mulf %x, %ks : vector<16xf32>
    %rounded = arith.truncf %scaled : vector<16xf32> to vector<16xbf16>
    %y = arith.extf %rounded : vector<16xbf16> to vector<16xf32>
    %wanted = arith.mulf %x, %as : vector<16xf32>
    %missing = llvm.intr.fma(%y, %bs, %wanted) : (vector<16xf32>, vector<16xf32>, vector<16xf32>) -> vector<16xf32>
    %more = arith.addf %acc, %missing : vector<16xf32>
    llvm.return %more : vector<16xf32>
  }

  // Those in the places from `begin` to `end`, at most 32: each lane looks up one. Tokens that have nothing to restore are left out, and so are
  // those that there are not, to have eight at a time; one or two that are left, as most labels have, come one by one.
  llvm.func internal @add_tokens(%before: vector<16xf32>, %begin: i32, %end: i32, %lane: i32, %width: i32, %order: !llvm.ptr<1>, %rows: !llvm.ptr<1>, %factor: !llvm.ptr<1>, %exact: !llvm.ptr<1>, %stored: !llvm.ptr<1>, %e: !llvm.ptr<1>, %stride: i64, %hidden: i32) -> vector<16xf32> attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c3 = arith.constant 3 : i32
    %c4 = arith.constant 4 : i32
    %c5 = arith.constant 5 : i32
    %c6 = arith.constant 6 : i32
    %c7 = arith.constant 7 : i32
    %c8 = arith.constant 8 : i32
    %absent = arith.constant -1 : i32
    %zero = arith.constant 0.0 : f32
    %mine = arith.addi %begin, %lane : i32
    %is_one = arith.cmpi slt, %mine, %end : i32
    %found:4 = scf.if %is_one -> (i32, f32, f32, f32) {
      %token = llvm.call @entry(%order, %mine) : (!llvm.ptr<1>, i32) -> i32
      %token64 = arith.extui %token : i32 to i64
      %pk = llvm.getelementptr %factor[%token64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %pa = llvm.getelementptr %exact[%token64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %pb = llvm.getelementptr %stored[%token64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %row = llvm.call @entry(%rows, %token) : (!llvm.ptr<1>, i32) -> i32
      %k = llvm.load %pk : !llvm.ptr<1> -> f32
      %a = llvm.load %pa : !llvm.ptr<1> -> f32
      %b = llvm.load %pb : !llvm.ptr<1> -> f32
      %has_a = arith.cmpf une, %a, %zero : f32
      %has_b = arith.cmpf une, %b, %zero : f32
      %has_any = arith.ori %has_a, %has_b : i1
      %row_or_none = arith.select %has_any, %row, %absent : i32
      scf.yield %row_or_none, %k, %a, %b : i32, f32, f32, f32
    } else {
      scf.yield %absent, %zero, %zero, %zero : i32, f32, f32, f32
    }
    %place = llvm.call @panel_of(%lane, %width, %hidden) : (i32, i32, i32) -> !llvm.struct<(i32, i32)>
    %panel = llvm.extractvalue %place[0] : !llvm.struct<(i32, i32)>
    %q = llvm.extractvalue %place[1] : !llvm.struct<(i32, i32)>
    %pair = arith.shli %q, %c1 : i32
    %column = arith.addi %panel, %pair : i32
    %column64 = arith.extui %column : i32 to i64
    %columns = llvm.getelementptr %e[%column64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
    %tokens = arith.subi %end, %begin : i32
    %rest = arith.andi %tokens, %c7 : i32
    %is_few = arith.cmpi sle, %rest, %c2 : i32
    %singles = arith.select %is_few, %rest, %c0 : i32
    %in_eights = arith.subi %tokens, %singles : i32
    %many = scf.for %j = %c0 to %in_eights step %c8 iter_args(%acc = %before) -> (vector<16xf32>) : i32 {
      %j0 = arith.addi %j, %c0 : i32
      %x0 = llvm.call @row_of(%j0, %stride, %found#0, %columns) : (i32, i64, i32, !llvm.ptr<1>) -> vector<8xi32>
      %j1 = arith.addi %j, %c1 : i32
      %x1 = llvm.call @row_of(%j1, %stride, %found#0, %columns) : (i32, i64, i32, !llvm.ptr<1>) -> vector<8xi32>
      %j2 = arith.addi %j, %c2 : i32
      %x2 = llvm.call @row_of(%j2, %stride, %found#0, %columns) : (i32, i64, i32, !llvm.ptr<1>) -> vector<8xi32>
      %j3 = arith.addi %j, %c3 : i32
      %x3 = llvm.call @row_of(%j3, %stride, %found#0, %columns) : (i32, i64, i32, !llvm.ptr<1>) -> vector<8xi32>
      %j4 = arith.addi %j, %c4 : i32
      %x4 = llvm.call @row_of(%j4, %stride, %found#0, %columns) : (i32, i64, i32, !llvm.ptr<1>) -> vector<8xi32>
      %j5 = arith.addi %j, %c5 : i32
      %x5 = llvm.call @row_of(%j5, %stride, %found#0, %columns) : (i32, i64, i32, !llvm.ptr<1>) -> vector<8xi32>
      %j6 = arith.addi %j, %c6 : i32
      %x6 = llvm.call @row_of(%j6, %stride, %found#0, %columns) : (i32, i64, i32, !llvm.ptr<1>) -> vector<8xi32>
      %j7 = arith.addi %j, %c7 : i32
      %x7 = llvm.call @row_of(%j7, %stride, %found#0, %columns) : (i32, i64, i32, !llvm.ptr<1>) -> vector<8xi32>
      %s0 = llvm.call @add_token(%acc, %x0, %j0, %found#1, %found#2, %found#3) : (vector<16xf32>, vector<8xi32>, i32, f32, f32, f32) -> vector<16xf32>
      %s1 = llvm.call @add_token(%s0, %x1, %j1, %found#1, %found#2, %found#3) : (vector<16xf32>, vector<8xi32>, i32, f32, f32, f32) -> vector<16xf32>
      %s2 = llvm.call @add_token(%s1, %x2, %j2, %found#1, %found#2, %found#3) : (vector<16xf32>, vector<8xi32>, i32, f32, f32, f32) -> vector<16xf32>
      %s3 = llvm.call @add_token(%s2, %x3, %j3, %found#1, %found#2, %found#3) : (vector<16xf32>, vector<8xi32>, i32, f32, f32, f32) -> vector<16xf32>
      %s4 = llvm.call @add_token(%s3, %x4, %j4, %found#1, %found#2, %found#3) : (vector<16xf32>, vector<8xi32>, i32, f32, f32, f32) -> vector<16xf32>
      %s5 = llvm.call @add_token(%s4, %x5, %j5, %found#1, %found#2, %found#3) : (vector<16xf32>, vector<8xi32>, i32, f32, f32, f32) -> vector<16xf32>
      %s6 = llvm.call @add_token(%s5, %x6, %j6, %found#1, %found#2, %found#3) : (vector<16xf32>, vector<8xi32>, i32, f32, f32, f32) -> vector<16xf32>
      %s7 = llvm.call @add_token(%s6, %x7, %j7, %found#1, %found#2, %found#3) : (vector<16xf32>, vector<8xi32>, i32, f32, f32, f32) -> vector<16xf32>
      scf.yield %s7 : vector<16xf32>
    }
    %sum = scf.for %j = %in_eights to %tokens step %c1 iter_args(%acc = %many) -> (vector<16xf32>) : i32 {
      %x = llvm.call @row_of(%j, %stride, %found#0, %columns) : (i32, i64, i32, !llvm.ptr<1>) -> vector<8xi32>
      %s = llvm.call @add_token(%acc, %x, %j, %found#1, %found#2, %found#3) : (vector<16xf32>, vector<8xi32>, i32, f32, f32, f32) -> vector<16xf32>
      scf.yield %s : vector<16xf32>
    }
    llvm.return %sum : vector<16xf32>
  }

  // Where a quarter of the part of a warp's lane is kept: those of the lanes stand side by side.
  llvm.func internal @quarter_at(%warp: i32, %lane: i32, %number: i32) -> !llvm.ptr<3> attributes {always_inline} {
    %c2 = arith.constant 2 : i32
    %c5 = arith.constant 5 : i32
    %parts = llvm.mlir.addressof @parts : !llvm.ptr<3>
    %four = arith.shli %warp, %c2 : i32
    %quarter = arith.addi %four, %number : i32
    %lanes = arith.shli %quarter, %c5 : i32
    %at = arith.addi %lanes, %lane : i32
    %p = llvm.getelementptr %parts[%at] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<4 x f32>
    llvm.return %p : !llvm.ptr<3>
  }

  llvm.func internal @keep_part(%sum: vector<16xf32>, %warp: i32, %lane: i32) attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c3 = arith.constant 3 : i32
    %x0 = llvm.shufflevector %sum, %sum [0, 1, 2, 3] : vector<16xf32>
    %p0 = llvm.call @quarter_at(%warp, %lane, %c0) : (i32, i32, i32) -> !llvm.ptr<3>
    llvm.store %x0, %p0 {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<3>
    %x1 = llvm.shufflevector %sum, %sum [4, 5, 6, 7] : vector<16xf32>
    %p1 = llvm.call @quarter_at(%warp, %lane, %c1) : (i32, i32, i32) -> !llvm.ptr<3>
    llvm.store %x1, %p1 {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<3>
    %x2 = llvm.shufflevector %sum, %sum [8, 9, 10, 11] : vector<16xf32>
    %p2 = llvm.call @quarter_at(%warp, %lane, %c2) : (i32, i32, i32) -> !llvm.ptr<3>
    llvm.store %x2, %p2 {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<3>
    %x3 = llvm.shufflevector %sum, %sum [12, 13, 14, 15] : vector<16xf32>
    %p3 = llvm.call @quarter_at(%warp, %lane, %c3) : (i32, i32, i32) -> !llvm.ptr<3>
    llvm.store %x3, %p3 {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<3>
    llvm.return
  }

  llvm.func internal @part_of(%warp: i32, %lane: i32) -> vector<16xf32> attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c3 = arith.constant 3 : i32
    %p0 = llvm.call @quarter_at(%warp, %lane, %c0) : (i32, i32, i32) -> !llvm.ptr<3>
    %x0 = llvm.load %p0 {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xf32>
    %p1 = llvm.call @quarter_at(%warp, %lane, %c1) : (i32, i32, i32) -> !llvm.ptr<3>
    %x1 = llvm.load %p1 {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xf32>
    %p2 = llvm.call @quarter_at(%warp, %lane, %c2) : (i32, i32, i32) -> !llvm.ptr<3>
    %x2 = llvm.load %p2 {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xf32>
    %p3 = llvm.call @quarter_at(%warp, %lane, %c3) : (i32, i32, i32) -> !llvm.ptr<3>
    %x3 = llvm.load %p3 {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xf32>
    %low = llvm.shufflevector %x0, %x1 [0, 1, 2, 3, 4, 5, 6, 7] : vector<4xf32>
    %high = llvm.shufflevector %x2, %x3 [0, 1, 2, 3, 4, 5, 6, 7] : vector<4xf32>
    %all = llvm.shufflevector %low, %high [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] : vector<8xf32>
    llvm.return %all : vector<16xf32>
  }

  // A class' sums, read as cce.load_halves does, the last 4 of 20 bits repeated, and cut to 20 bits again.
  llvm.func internal @add_to_sums(%sum: vector<16xf32>, %label: i32, %lane: i32, %width: i32, %hidden: i32, %sum_lower: !llvm.ptr<1>, %dc: !llvm.ptr<1>, %dc_stride: i64, %vocab: i32) attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c3 = arith.constant 3 : i32
    %c4 = arith.constant 4 : i32
    %c5 = arith.constant 5 : i32
    %before = arith.shli %width, %c5 : i32
    %unit = arith.addi %before, %lane : i32
    %units = arith.shrui %hidden, %c4 : i32
    %exists = arith.cmpi slt, %unit, %units : i32
    scf.if %exists {
      %sixteen = arith.constant dense<16> : vector<16xi32>
      %twelve = arith.constant dense<12> : vector<16xi32>
      %low_bits = arith.constant dense<15> : vector<16xi32>
      %four_times = arith.constant dense<4369> : vector<16xi32> // 0x1111
      %shifts = arith.constant dense<[4, 12, 20, 28, 0, 8, 16, 24, 4, 12, 20, 28, 0, 8, 16, 24]> : vector<16xi32>
      %place = llvm.call @panel_of(%lane, %width, %hidden) : (i32, i32, i32) -> !llvm.struct<(i32, i32)>
      %panel = llvm.extractvalue %place[0] : !llvm.struct<(i32, i32)>
      %q = llvm.extractvalue %place[1] : !llvm.struct<(i32, i32)>
      %c6 = arith.constant 6 : i32
      %c7 = arith.constant 7 : i32
      %c15 = arith.constant 15 : i32
      %c16 = arith.constant 16 : i32
      %sixty_four = arith.constant 64 : i64
      %c8_64 = arith.constant 8 : i64
      // Of the strip of 16 rows which the label is in.
      %within = arith.andi %label, %c15 : i32
      %strip = arith.subi %label, %within : i32
      %strip_end = arith.addi %strip, %c16 : i32
      %is_whole = arith.cmpi sle, %strip_end, %vocab : i32
      %in_half = arith.andi %within, %c7 : i32
      %half_start = arith.subi %within, %in_half : i32
      %pair = arith.shrui %in_half, %c1 : i32
      %odd = arith.andi %in_half, %c1 : i32
      %odd_columns = arith.shli %odd, %c5 : i32
      %eight_q = arith.shli %q, %c3 : i32
      %row_within = arith.select %is_whole, %pair, %in_half : i32
      %more_columns = arith.select %is_whole, %odd_columns, %c0 : i32
      %half_row = arith.addi %strip, %half_start : i32
      %row = arith.addi %half_row, %row_within : i32
      %row64 = arith.extui %row : i32 to i64
      %q_column = arith.addi %panel, %eight_q : i32
      %upper_column = arith.addi %q_column, %more_columns : i32
      %upper_column64 = arith.extui %upper_column : i32 to i64
      %upper_row = arith.muli %row64, %dc_stride : i64
      %upper_at = arith.addi %upper_row, %upper_column64 : i64
      %pu0 = llvm.getelementptr %dc[%upper_at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
      %four_rows = arith.muli %dc_stride, %c8_64 : i64
      %step = arith.select %is_whole, %four_rows, %sixty_four : i64
      %pu1 = llvm.getelementptr %pu0[%step] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
      // 16 bytes for each of the 32 lanes, of both halves of the strip.
      %lower_panel = arith.shli %panel, %c3 : i32
      %row_lanes = arith.shli %in_half, %c6 : i32
      %q_lanes = arith.shli %q, %c4 : i32
      %lower_lane = arith.addi %row_lanes, %q_lanes : i32
      %lower_half = arith.addi %lower_lane, %half_start : i32
      %lower_column = arith.addi %lower_panel, %lower_half : i32
      %lower_column64 = arith.extui %lower_column : i32 to i64
      %row_bytes = arith.shrui %hidden, %c1 : i32
      %row_bytes64 = arith.extui %row_bytes : i32 to i64
      %strip64 = arith.extui %strip : i32 to i64
      %lower_row = arith.muli %strip64, %row_bytes64 : i64
      %lower_at = arith.addi %lower_row, %lower_column64 : i64
      %pl = llvm.getelementptr %sum_lower[%lower_at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
      %u0 = llvm.load %pu0 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
      %u1 = llvm.load %pu1 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
      %l = llvm.load %pl {alignment = 8 : i64} : !llvm.ptr<1> -> vector<2xi32>
      %u = llvm.shufflevector %u0, %u1 [0, 1, 2, 3, 4, 5, 6, 7] : vector<4xi32>
      %halves = llvm.bitcast %u : vector<8xi32> to vector<16xi16>
      %wide = arith.extui %halves : vector<16xi16> to vector<16xi32>
      %upper = arith.shli %wide, %sixteen : vector<16xi32>
      %words = llvm.shufflevector %l, %l [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1] : vector<2xi32>
      %down = arith.shrui %words, %shifts : vector<16xi32>
      %quarters = arith.andi %down, %low_bits : vector<16xi32>
      %lower = arith.muli %quarters, %four_times : vector<16xi32>
      %bits = arith.ori %upper, %lower : vector<16xi32>
      %x = llvm.bitcast %bits : vector<16xi32> to vector<16xf32>
      %y = arith.addf %x, %sum : vector<16xf32>
      %new_bits = llvm.bitcast %y : vector<16xf32> to vector<16xi32>
      %new_wide = arith.shrui %new_bits, %sixteen : vector<16xi32>
      %new_halves = arith.trunci %new_wide : vector<16xi32> to vector<16xi16>
      %new_u = llvm.bitcast %new_halves : vector<16xi16> to vector<8xi32>
      %new_down = arith.shrui %new_bits, %twelve : vector<16xi32>
      %new_quarters = arith.andi %new_down, %low_bits : vector<16xi32>
      %placed = arith.shli %new_quarters, %shifts : vector<16xi32>
      %placed0 = llvm.shufflevector %placed, %placed [0, 1, 2, 3, 4, 5, 6, 7] : vector<16xi32>
      %placed1 = llvm.shufflevector %placed, %placed [8, 9, 10, 11, 12, 13, 14, 15] : vector<16xi32>
      %word0 = "llvm.intr.vector.reduce.or"(%placed0) : (vector<8xi32>) -> i32
      %word1 = "llvm.intr.vector.reduce.or"(%placed1) : (vector<8xi32>) -> i32
      %no_words = llvm.mlir.undef : vector<2xi32>
      %one_word = llvm.insertelement %word0, %no_words[%c0 : i32] : vector<2xi32>
      %new_l = llvm.insertelement %word1, %one_word[%c1 : i32] : vector<2xi32>
      %new_u0 = llvm.shufflevector %new_u, %new_u [0, 1, 2, 3] : vector<8xi32>
      %new_u1 = llvm.shufflevector %new_u, %new_u [4, 5, 6, 7] : vector<8xi32>
      llvm.store %new_u0, %pu0 {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
      llvm.store %new_u1, %pu1 {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
      llvm.store %new_l, %pl {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<1>
    }
    llvm.return
  }
}
