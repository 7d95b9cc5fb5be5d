// The gradient of the classifier for all classes but the heavy ones, from the listed logit gradients, every row written once by its owner. Few entries of a listed
// column matter: they are compacted in shared memory, four columns (blocks) at a time, and then every thread adds, for its eight hidden
// columns, these rows of E in order. A block has the classes w * 32 + s + 8k, k < 4: frequent neighbours go to different blocks.
gpu.module @kernels {
  llvm.mlir.global internal @warp_counts() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<16 x i32>
  // Where the row begins, in units of 16 bytes, and the factor; behind the last of up to 512 there is room to fill a group of 8.
  llvm.mlir.global internal @entries() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<1040 x i32>

  llvm.func @grad_classes_bf16(%needed: !llvm.ptr<1>, %ranks: !llvm.ptr<1>, %heavy: !llvm.ptr<1>, %entry_bits: !llvm.ptr<1>, %words: i32, %slots: i32, %blocks: i32, %g: !llvm.ptr<1>, %g_stride: i64, %e: !llvm.ptr<1>, %e_stride: i64, %rows: !llvm.ptr<1>, %labels: !llvm.ptr<1>, %prob_weight: !llvm.ptr<1>, %count_filtered: !llvm.ptr<1>, %hidden: i32, %vocab: i32, %limit: f32, %direction: !llvm.ptr<1>, %total: !llvm.ptr<1>, %tail: !llvm.ptr<1>, %correct: i32, %alpha: !llvm.ptr<1>, %dc: !llvm.ptr<1>, %dc_stride: i64)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>, nvvm.minctasm = 6 : i32, cce.manifest = {
      kernel = "grad_classes_bf16", target = "sm_90a", entry = "grad_classes_bf16", threads = 128 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "needed"},
         {kind = "pointer", buffer = "ranks"},
         {kind = "pointer", buffer = "heavy"},
         {kind = "pointer", buffer = "entries"},
         {kind = "scalar", buffer = "words", type = "i32"},
         {kind = "scalar", buffer = "slots", type = "i32"},
         {kind = "scalar", buffer = "blocks", type = "i32"},
         {kind = "pointer", buffer = "g"},
         {kind = "scalar", buffer = "g_stride", type = "i64"},
         {kind = "pointer", buffer = "e"},
         {kind = "scalar", buffer = "e_stride", type = "i64"},
         {kind = "pointer", buffer = "rows"},
         {kind = "pointer", buffer = "labels"},
         {kind = "pointer", buffer = "prob_weight"},
         {kind = "pointer", buffer = "count_filtered"},
         {kind = "scalar", buffer = "hidden", type = "i32"},
         {kind = "scalar", buffer = "vocab", type = "i32"},
         {kind = "scalar", buffer = "limit", type = "f32"},
         {kind = "pointer", buffer = "direction"},
         {kind = "pointer", buffer = "total"},
         {kind = "pointer", buffer = "tail"},
         {kind = "scalar", buffer = "correct", type = "i32"},
         {kind = "pointer", buffer = "alpha"},
         {kind = "pointer", buffer = "dc"},
         {kind = "scalar", buffer = "dc_stride", type = "i64"}]}} {
    %is_half = arith.constant false
    llvm.call @grad_classes(%is_half, %needed, %ranks, %heavy, %entry_bits, %words, %slots, %blocks, %g, %g_stride, %e, %e_stride, %rows, %labels, %prob_weight, %count_filtered, %hidden, %vocab, %limit, %direction, %total, %tail, %correct, %alpha, %dc, %dc_stride) : (i1, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, i32, i32, i32, !llvm.ptr<1>, i64, !llvm.ptr<1>, i64, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, i32, i32, f32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, i32, !llvm.ptr<1>, !llvm.ptr<1>, i64) -> ()
    llvm.return
  }

  llvm.func @grad_classes_f16(%needed: !llvm.ptr<1>, %ranks: !llvm.ptr<1>, %heavy: !llvm.ptr<1>, %entry_bits: !llvm.ptr<1>, %words: i32, %slots: i32, %blocks: i32, %g: !llvm.ptr<1>, %g_stride: i64, %e: !llvm.ptr<1>, %e_stride: i64, %rows: !llvm.ptr<1>, %labels: !llvm.ptr<1>, %prob_weight: !llvm.ptr<1>, %count_filtered: !llvm.ptr<1>, %hidden: i32, %vocab: i32, %limit: f32, %direction: !llvm.ptr<1>, %total: !llvm.ptr<1>, %tail: !llvm.ptr<1>, %correct: i32, %alpha: !llvm.ptr<1>, %dc: !llvm.ptr<1>, %dc_stride: i64)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>, nvvm.minctasm = 5 : i32, cce.manifest = {
      kernel = "grad_classes_f16", target = "sm_90a", entry = "grad_classes_f16", threads = 128 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "needed"},
         {kind = "pointer", buffer = "ranks"},
         {kind = "pointer", buffer = "heavy"},
         {kind = "pointer", buffer = "entries"},
         {kind = "scalar", buffer = "words", type = "i32"},
         {kind = "scalar", buffer = "slots", type = "i32"},
         {kind = "scalar", buffer = "blocks", type = "i32"},
         {kind = "pointer", buffer = "g"},
         {kind = "scalar", buffer = "g_stride", type = "i64"},
         {kind = "pointer", buffer = "e"},
         {kind = "scalar", buffer = "e_stride", type = "i64"},
         {kind = "pointer", buffer = "rows"},
         {kind = "pointer", buffer = "labels"},
         {kind = "pointer", buffer = "prob_weight"},
         {kind = "pointer", buffer = "count_filtered"},
         {kind = "scalar", buffer = "hidden", type = "i32"},
         {kind = "scalar", buffer = "vocab", type = "i32"},
         {kind = "scalar", buffer = "limit", type = "f32"},
         {kind = "pointer", buffer = "direction"},
         {kind = "pointer", buffer = "total"},
         {kind = "pointer", buffer = "tail"},
         {kind = "scalar", buffer = "correct", type = "i32"},
         {kind = "pointer", buffer = "alpha"},
         {kind = "pointer", buffer = "dc"},
         {kind = "scalar", buffer = "dc_stride", type = "i64"}]}} {
    %is_half = arith.constant true
    llvm.call @grad_classes(%is_half, %needed, %ranks, %heavy, %entry_bits, %words, %slots, %blocks, %g, %g_stride, %e, %e_stride, %rows, %labels, %prob_weight, %count_filtered, %hidden, %vocab, %limit, %direction, %total, %tail, %correct, %alpha, %dc, %dc_stride) : (i1, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, i32, i32, i32, !llvm.ptr<1>, i64, !llvm.ptr<1>, i64, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, i32, i32, f32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, i32, !llvm.ptr<1>, !llvm.ptr<1>, i64) -> ()
    llvm.return
  }

  // Eight elements of 16 bits, as f32.
  llvm.func internal @widen(%is_half: i1, %raw: vector<4xi32>) -> vector<8xf32> attributes {always_inline} {
    %wide = scf.if %is_half -> (vector<8xf32>) {
      %h = llvm.bitcast %raw : vector<4xi32> to vector<8xf16>
      %x = arith.extf %h : vector<8xf16> to vector<8xf32>
      scf.yield %x : vector<8xf32>
    } else {
      %h = llvm.bitcast %raw : vector<4xi32> to vector<8xbf16>
      %x = arith.extf %h : vector<8xbf16> to vector<8xf32>
      scf.yield %x : vector<8xf32>
    }
    llvm.return %wide : vector<8xf32>
  }

  llvm.func internal @splat(%x: f32) -> vector<8xf32> attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %none = llvm.mlir.undef : vector<8xf32>
    %one = llvm.insertelement %x, %none[%c0 : i32] : vector<8xf32>
    %all = llvm.shufflevector %one, %none [0, 0, 0, 0, 0, 0, 0, 0] : vector<8xf32>
    llvm.return %all : vector<8xf32>
  }

  llvm.func internal @word_of(%needed: !llvm.ptr<1>, %b: i32, %blocks: i32, %words: i64, %word: i64, %light: i32) -> i32 attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %inside = arith.cmpi slt, %b, %blocks : i32
    %result = scf.if %inside -> (i32) {
      %b64 = arith.extui %b : i32 to i64
      %row = arith.muli %b64, %words : i64
      %at = arith.addi %row, %word : i64
      %p = llvm.getelementptr %needed[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      %w = llvm.load %p : !llvm.ptr<1> -> i32
      %own = arith.andi %w, %light : i32
      scf.yield %own : i32
    } else {
      scf.yield %c0 : i32
    }
    llvm.return %result : i32
  }

  // The rank of a block's word, where that has one of these bits.
  llvm.func internal @rank_of(%ranks: !llvm.ptr<1>, %b: i32, %words: i64, %word: i64, %value: i32, %bits: i32) -> i32 attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %some = arith.andi %value, %bits : i32
    %listed = arith.cmpi ne, %some, %c0 : i32
    %result = scf.if %listed -> (i32) {
      %b64 = arith.extui %b : i32 to i64
      %row = arith.muli %b64, %words : i64
      %at = arith.addi %row, %word : i64
      %p = llvm.getelementptr %ranks[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      %r = llvm.load %p : !llvm.ptr<1> -> i32
      scf.yield %r : i32
    } else {
      scf.yield %c0 : i32
    }
    llvm.return %result : i32
  }

  // What a thread loads of one listed column: the gradient's bits, label, weight and row of its token.
  llvm.func internal @load_token(%exists: i1, %b: i32, %slot: i32, %tid: i32, %n: i32, %entry_bits: !llvm.ptr<1>, %slots: i32, %g: !llvm.ptr<1>, %g_stride: i64, %labels: !llvm.ptr<1>, %prob_weight: !llvm.ptr<1>, %rows: !llvm.ptr<1>) -> !llvm.struct<(i16, i32, f32, i32)> attributes {always_inline} {
    %c128 = arith.constant 128 : i32
    %nothing = arith.constant 0 : i16
    %minus = arith.constant -1 : i32
    %zero = arith.constant 0.0 : f32
    %first = arith.muli %b, %c128 : i32
    %i = arith.addi %first, %tid : i32
    %takes_part = arith.cmpi slt, %i, %n : i32
    %may_look = arith.andi %exists, %takes_part : i1
    // A word of bits a warp: mostly none is set.
    %looks = scf.if %may_look -> (i1) {
      %c5 = arith.constant 5 : i32
      %c31 = arith.constant 31 : i32
      %l4 = arith.constant 4 : i64
      %b64 = arith.extui %b : i32 to i64
      %slots64 = arith.extui %slots : i32 to i64
      %slot_in_list = arith.extui %slot : i32 to i64
      %list_start = arith.muli %b64, %slots64 : i64
      %place = arith.addi %list_start, %slot_in_list : i64
      %first_word = arith.muli %place, %l4 : i64
      %warp = arith.shrui %tid, %c5 : i32
      %warp64 = arith.extui %warp : i32 to i64
      %word_at = arith.addi %first_word, %warp64 : i64
      %pm = llvm.getelementptr %entry_bits[%word_at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      %bits_of_warp = llvm.load %pm : !llvm.ptr<1> -> i32
      %lane = arith.andi %tid, %c31 : i32
      %shifted = arith.shrui %bits_of_warp, %lane : i32
      %bit = arith.trunci %shifted : i32 to i1
      scf.yield %bit : i1
    } else {
      %false = arith.constant false
      scf.yield %false : i1
    }
    %all:4 = scf.if %looks -> (i16, i32, f32, i32) {
      %i64 = arith.extui %i : i32 to i64
      %slot64 = arith.extui %slot : i32 to i64
      %start = arith.muli %i64, %g_stride : i64
      %at = arith.addi %start, %slot64 : i64
      %pg = llvm.getelementptr %g[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
      %pl = llvm.getelementptr %labels[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      %pw = llvm.getelementptr %prob_weight[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %pr = llvm.getelementptr %rows[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      %value = llvm.load %pg : !llvm.ptr<1> -> i16
      %label = llvm.load %pl : !llvm.ptr<1> -> i32
      %weight = llvm.load %pw : !llvm.ptr<1> -> f32
      %row = llvm.load %pr : !llvm.ptr<1> -> i32
      scf.yield %value, %label, %weight, %row : i16, i32, f32, i32
    } else {
      scf.yield %nothing, %minus, %zero, %minus : i16, i32, f32, i32
    }
    %s0 = llvm.mlir.undef : !llvm.struct<(i16, i32, f32, i32)>
    %s1 = llvm.insertvalue %all#0, %s0[0] : !llvm.struct<(i16, i32, f32, i32)>
    %s2 = llvm.insertvalue %all#1, %s1[1] : !llvm.struct<(i16, i32, f32, i32)>
    %s3 = llvm.insertvalue %all#2, %s2[2] : !llvm.struct<(i16, i32, f32, i32)>
    %s4 = llvm.insertvalue %all#3, %s3[3] : !llvm.struct<(i16, i32, f32, i32)>
    llvm.return %s4 : !llvm.struct<(i16, i32, f32, i32)>
  }

  // Does the token matter, with which factor, and which row of E is it? NaN matters, zero does not (so nothing that was not loaded).
  llvm.func internal @judge(%is_half: i1, %token: !llvm.struct<(i16, i32, f32, i32)>, %class: i32, %limit: f32) -> !llvm.struct<(i1, f32, i32)> attributes {always_inline} {
    %zero = arith.constant 0.0 : f32
    %bits = llvm.extractvalue %token[0] : !llvm.struct<(i16, i32, f32, i32)>
    %label = llvm.extractvalue %token[1] : !llvm.struct<(i16, i32, f32, i32)>
    %weight = llvm.extractvalue %token[2] : !llvm.struct<(i16, i32, f32, i32)>
    %row = llvm.extractvalue %token[3] : !llvm.struct<(i16, i32, f32, i32)>
    %value = scf.if %is_half -> (f32) {
      %h = llvm.bitcast %bits : i16 to f16
      %x = arith.extf %h : f16 to f32
      scf.yield %x : f32
    } else {
      %h = llvm.bitcast %bits : i16 to bf16
      %x = arith.extf %h : bf16 to f32
      scf.yield %x : f32
    }
    %size = llvm.intr.fabs(%value) : (f32) -> f32
    %scale = llvm.intr.fabs(%weight) : (f32) -> f32
    %least = arith.mulf %limit, %scale : f32
    %large = arith.cmpf uge, %size, %least : f32
    %is_label = arith.cmpi eq, %label, %class : i32
    %not_zero = arith.cmpf une, %value, %zero : f32
    %counts = arith.ori %large, %is_label : i1
    %takes = arith.andi %counts, %not_zero : i1
    %s0 = llvm.mlir.undef : !llvm.struct<(i1, f32, i32)>
    %s1 = llvm.insertvalue %takes, %s0[0] : !llvm.struct<(i1, f32, i32)>
    %s2 = llvm.insertvalue %value, %s1[1] : !llvm.struct<(i1, f32, i32)>
    %s3 = llvm.insertvalue %row, %s2[2] : !llvm.struct<(i1, f32, i32)>
    llvm.return %s3 : !llvm.struct<(i1, f32, i32)>
  }

  // Writes a thread's entry; the last one fills up a group of 8 with factors of 0 (of its own row, which is finite if its sum is).
  llvm.func internal @put(%seen: !llvm.struct<(i1, f32, i32)>, %ballot: i32, %before_lane: i32, %before: i32, %number: i32, %row_units: i32) attributes {always_inline} {
    %c1 = arith.constant 1 : i32
    %fill = arith.constant 8 : i32
    %takes = llvm.extractvalue %seen[0] : !llvm.struct<(i1, f32, i32)>
    scf.if %takes {
      %value = llvm.extractvalue %seen[1] : !llvm.struct<(i1, f32, i32)>
      %row = llvm.extractvalue %seen[2] : !llvm.struct<(i1, f32, i32)>
      %earlier = arith.andi %ballot, %before_lane : i32
      %rank = llvm.intr.ctpop(%earlier) : (i32) -> i32
      %at = arith.addi %before, %rank : i32
      %start = arith.muli %row, %row_units : i32
      %entries = llvm.mlir.addressof @entries : !llvm.ptr<3>
      %p = llvm.getelementptr %entries[%at] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
      %bits = llvm.bitcast %value : f32 to i32
      %none = llvm.mlir.undef : vector<2xi32>
      %c0 = arith.constant 0 : i32
      %some = llvm.insertelement %start, %none[%c0 : i32] : vector<2xi32>
      %entry = llvm.insertelement %bits, %some[%c1 : i32] : vector<2xi32>
      llvm.store %entry, %p {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<3>
      %next = arith.addi %at, %c1 : i32
      %is_last = arith.cmpi eq, %next, %number : i32
      scf.if %is_last {
        %nothing = llvm.insertelement %c0, %some[%c1 : i32] : vector<2xi32>
        scf.for %k = %c1 to %fill step %c1 : i32 {
          %q = llvm.getelementptr %p[%k] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
          llvm.store %nothing, %q {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<3>
        }
      }
    }
    llvm.return
  }

  llvm.func internal @load_row(%columns: !llvm.ptr<1>, %start: i32) -> vector<4xi32> attributes {always_inline} {
    %start64 = arith.extui %start : i32 to i64
    %p = llvm.getelementptr %columns[%start64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, !llvm.array<8 x i16>
    %raw = llvm.load %p {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    llvm.return %raw : vector<4xi32>
  }

  llvm.func internal @add_row(%is_half: i1, %sum: vector<8xf32>, %raw: vector<4xi32>, %bits: i32) -> vector<8xf32> attributes {always_inline} {
    %factor = llvm.bitcast %bits : i32 to f32
    %x = llvm.call @widen(%is_half, %raw) : (i1, vector<4xi32>) -> vector<8xf32>
    %f = llvm.call @splat(%factor) : (f32) -> vector<8xf32>
    %more = llvm.intr.fma(%f, %x, %sum) : (vector<8xf32>, vector<8xf32>, vector<8xf32>) -> vector<8xf32>
    llvm.return %more : vector<8xf32>
  }

  // Eight of the tail's columns; those behind the last are 0.
  llvm.func internal @load_tail(%tail: !llvm.ptr<1>, %column: i32, %hidden: i32) -> vector<8xf32> attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c7 = arith.constant 7 : i32
    %c8 = arith.constant 8 : i32
    %l0 = arith.constant 0 : i64
    %l15 = arith.constant 15 : i64
    %zero = arith.constant 0.0 : f32
    %zeros = arith.constant dense<0.0> : vector<8xf32>
    %p = llvm.getelementptr %tail[%column] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    %address = llvm.ptrtoint %p : !llvm.ptr<1> to i64
    %low_bits = arith.andi %address, %l15 : i64
    %aligned = arith.cmpi eq, %low_bits, %l0 : i64
    %left = arith.subi %hidden, %column : i32
    %eight = arith.cmpi sge, %left, %c8 : i32
    %vectors = arith.andi %aligned, %eight : i1
    %result = scf.if %vectors -> (vector<8xf32>) {
      %q = llvm.getelementptr %p[4] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
      %low = llvm.load %p {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
      %high = llvm.load %q {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
      %both = llvm.shufflevector %low, %high [0, 1, 2, 3, 4, 5, 6, 7] : vector<4xf32>
      scf.yield %both : vector<8xf32>
    } else {
      %all = scf.for %k = %c0 to %c8 step %c1 iter_args(%some = %zeros) -> (vector<8xf32>) : i32 {
        %inside = arith.cmpi slt, %k, %left : i32
        %x = scf.if %inside -> (f32) {
          %pk = llvm.getelementptr %p[%k] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
          %y = llvm.load %pk : !llvm.ptr<1> -> f32
          scf.yield %y : f32
        } else {
          scf.yield %zero : f32
        }
        %shifted = llvm.shufflevector %some, %some [1, 2, 3, 4, 5, 6, 7, 0] : vector<8xf32>
        %more = llvm.insertelement %x, %shifted[%c7 : i32] : vector<8xf32>
        scf.yield %more : vector<8xf32>
      }
      scf.yield %all : vector<8xf32>
    }
    llvm.return %result : vector<8xf32>
  }

  // Rounds eight values once and stores those that are columns: at once where 16 bytes are aligned, else one by one.
  llvm.func internal @store_row(%is_half: i1, %values: vector<8xf32>, %to: !llvm.ptr<1>, %left: i32) attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c8 = arith.constant 8 : i32
    %l0 = arith.constant 0 : i64
    %l15 = arith.constant 15 : i64
    %raw = scf.if %is_half -> (vector<8xi16>) {
      %h = arith.truncf %values : vector<8xf32> to vector<8xf16>
      %r = llvm.bitcast %h : vector<8xf16> to vector<8xi16>
      scf.yield %r : vector<8xi16>
    } else {
      %h = arith.truncf %values : vector<8xf32> to vector<8xbf16>
      %r = llvm.bitcast %h : vector<8xbf16> to vector<8xi16>
      scf.yield %r : vector<8xi16>
    }
    %address = llvm.ptrtoint %to : !llvm.ptr<1> to i64
    %low_bits = arith.andi %address, %l15 : i64
    %aligned = arith.cmpi eq, %low_bits, %l0 : i64
    %eight = arith.cmpi sge, %left, %c8 : i32
    %vectors = arith.andi %aligned, %eight : i1
    scf.if %vectors {
      %four = llvm.bitcast %raw : vector<8xi16> to vector<4xi32>
      llvm.store %four, %to {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
    } else {
      %elements = arith.minsi %left, %c8 : i32
      %rest = scf.for %k = %c0 to %elements step %c1 iter_args(%some = %raw) -> (vector<8xi16>) : i32 {
        %p = llvm.getelementptr %to[%k] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i16
        %x = llvm.extractelement %some[%c0 : i32] : vector<8xi16>
        llvm.store %x, %p : i16, !llvm.ptr<1>
        %shifted = llvm.shufflevector %some, %some [1, 2, 3, 4, 5, 6, 7, 0] : vector<8xi16>
        scf.yield %shifted : vector<8xi16>
      }
    }
    llvm.return
  }

  llvm.func internal @grad_classes(%is_half: i1, %needed: !llvm.ptr<1>, %ranks: !llvm.ptr<1>, %heavy: !llvm.ptr<1>, %entry_bits: !llvm.ptr<1>, %words: i32, %slots: i32, %blocks: i32, %g: !llvm.ptr<1>, %g_stride: i64, %e: !llvm.ptr<1>, %e_stride: i64, %rows: !llvm.ptr<1>, %labels: !llvm.ptr<1>, %prob_weight: !llvm.ptr<1>, %count_filtered: !llvm.ptr<1>, %hidden: i32, %vocab: i32, %limit: f32, %direction: !llvm.ptr<1>, %total: !llvm.ptr<1>, %tail: !llvm.ptr<1>, %correct: i32, %alpha: !llvm.ptr<1>, %dc: !llvm.ptr<1>, %dc_stride: i64) attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c3 = arith.constant 3 : i32
    %c4 = arith.constant 4 : i32
    %c5 = arith.constant 5 : i32
    %c7 = arith.constant 7 : i32
    %c8 = arith.constant 8 : i32
    %c31 = arith.constant 31 : i32
    %c32 = arith.constant 32 : i32
    %c63 = arith.constant 63 : i32
    %c64 = arith.constant 64 : i32
    %c96 = arith.constant 96 : i32
    %c128 = arith.constant 128 : i32
    %cm64 = arith.constant -64 : i32
    %c1023 = arith.constant 1023 : i32
    %c1024 = arith.constant 1024 : i32
    %all = arith.constant -1 : i32
    %every_eighth = arith.constant 0x01010101 : i32
    %group = arith.constant 8 : i32
    %l0 = arith.constant 0 : i64
    %l1 = arith.constant 1 : i64
    %l3 = arith.constant 3 : i64
    %l32 = arith.constant 32 : i64
    %zero = arith.constant 0.0 : f32
    %zeros = arith.constant dense<0.0> : vector<8xf32>
    %no_counts = arith.constant dense<0> : vector<4xi32>
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %lane = arith.andi %tid, %c31 : i32
    %warp = arith.shrui %tid, %c5 : i32
    %lane_bit = arith.shli %c1, %lane : i32
    %before_lane = arith.subi %lane_bit, %c1 : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %grid = nvvm.read.ptx.sreg.nctaid.x : i32
    %counts = llvm.mlir.addressof @warp_counts : !llvm.ptr<3>
    %entries = llvm.mlir.addressof @entries : !llvm.ptr<3>
    %n = llvm.load %count_filtered : !llvm.ptr<1> -> i32
    %works = arith.cmpi sge, %n, %c0 : i32
    scf.if %works {
      %words64 = arith.extui %words : i32 to i64
      %units = arith.shrui %e_stride, %l3 : i64
      %row_units = arith.trunci %units : i64 to i32
      %scale = llvm.load %alpha : !llvm.ptr<1> -> f32
      %scales = llvm.call @splat(%scale) : (f32) -> vector<8xf32>
      %wants = arith.cmpi ne, %correct, %c0 : i32
      %sum_of_direction = scf.if %wants -> (f32) {
        %x = llvm.load %total : !llvm.ptr<1> -> f32
        scf.yield %x : f32
      } else {
        scf.yield %zero : f32
      }
      %corrects = arith.cmpf ogt, %sum_of_direction, %zero : f32
      %r0 = arith.addi %hidden, %c1023 : i32
      %splits = arith.divui %r0, %c1024 : i32
      %r1 = arith.addi %hidden, %splits : i32
      %r2 = arith.subi %r1, %c1 : i32
      %even = arith.divui %r2, %splits : i32
      %r3 = arith.addi %even, %c63 : i32
      %width = arith.andi %r3, %cm64 : i32
      %r4 = arith.addi %vocab, %c31 : i32
      %used_words = arith.shrui %r4, %c5 : i32
      %sets = arith.muli %used_words, %c8 : i32
      %items = arith.muli %sets, %splits : i32
      scf.for %item = %block to %items step %grid : i32 {
        %set = arith.divui %item, %splits : i32
        %split = arith.remui %item, %splits : i32
        %word32 = arith.divui %set, %c8 : i32
        %first_bit = arith.andi %set, %c7 : i32
        %word = arith.extui %word32 : i32 to i64
        %word_class = arith.muli %word32, %c32 : i32
        %first_class = arith.addi %word_class, %first_bit : i32
        %first_column = arith.muli %split, %width : i32
        %mine = arith.muli %tid, %c8 : i32
        %column = arith.addi %first_column, %mine : i32
        %column64 = arith.extui %column : i32 to i64
        %in_split = arith.cmpi slt, %mine, %width : i32
        %in_hidden = arith.cmpi slt, %column, %hidden : i32
        %active = arith.andi %in_split, %in_hidden : i1
        %left = arith.subi %hidden, %column : i32
        %from = llvm.getelementptr %e[%column64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
        // Heavy classes have been written already, by the dense product.
        %ph = llvm.getelementptr %heavy[%word] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
        %heavy_word = llvm.load %ph : !llvm.ptr<1> -> i32
        %light = arith.xori %heavy_word, %all : i32
        // Lane l has the words of blocks l and l + 32; all that any block has is enough to know the classes without gradient.
        %second = arith.addi %lane, %c32 : i32
        %w0 = llvm.call @word_of(%needed, %lane, %blocks, %words64, %word, %light) : (!llvm.ptr<1>, i32, i32, i64, i64, i32) -> i32
        %w1 = llvm.call @word_of(%needed, %second, %blocks, %words64, %word, %light) : (!llvm.ptr<1>, i32, i32, i64, i64, i32) -> i32
        // Lane l has the factor of class l % 4.
        %my_class = arith.andi %lane, %c3 : i32
        %my_along = arith.muli %my_class, %c8 : i32
        %my_v = arith.addi %first_class, %my_along : i32
        %my_inside = arith.cmpi slt, %my_v, %vocab : i32
        %has_factor = arith.andi %my_inside, %corrects : i1
        %my_factor = scf.if %has_factor -> (f32) {
          %my_v64 = arith.extui %my_v : i32 to i64
          %p = llvm.getelementptr %direction[%my_v64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
          %q = llvm.load %p : !llvm.ptr<1> -> f32
          %f = arith.divf %q, %sum_of_direction : f32
          scf.yield %f : f32
        } else {
          scf.yield %zero : f32
        }
        %w01 = arith.ori %w0, %w1 : i32
        %any_of_lane = scf.for %b0 = %c64 to %blocks step %c128 iter_args(%some = %w01) -> (i32) : i32 {
          %ba = arith.addi %b0, %lane : i32
          %bb = arith.addi %ba, %c32 : i32
          %bc = arith.addi %ba, %c64 : i32
          %bd = arith.addi %ba, %c96 : i32
          %wa = llvm.call @word_of(%needed, %ba, %blocks, %words64, %word, %light) : (!llvm.ptr<1>, i32, i32, i64, i64, i32) -> i32
          %wb = llvm.call @word_of(%needed, %bb, %blocks, %words64, %word, %light) : (!llvm.ptr<1>, i32, i32, i64, i64, i32) -> i32
          %wc = llvm.call @word_of(%needed, %bc, %blocks, %words64, %word, %light) : (!llvm.ptr<1>, i32, i32, i64, i64, i32) -> i32
          %wd = llvm.call @word_of(%needed, %bd, %blocks, %words64, %word, %light) : (!llvm.ptr<1>, i32, i32, i64, i64, i32) -> i32
          %oa = arith.ori %some, %wa : i32
          %ob = arith.ori %oa, %wb : i32
          %oc = arith.ori %ob, %wc : i32
          %od = arith.ori %oc, %wd : i32
          scf.yield %od : i32
        }
        %any = nvvm.redux.sync or %any_of_lane, %all : i32 -> i32
        %bits_of_set = arith.shli %every_eighth, %first_bit : i32
        %k0 = llvm.call @rank_of(%ranks, %lane, %words64, %word, %w0, %bits_of_set) : (!llvm.ptr<1>, i32, i64, i64, i32, i32) -> i32
        %k1 = llvm.call @rank_of(%ranks, %second, %words64, %word, %w1, %bits_of_set) : (!llvm.ptr<1>, i32, i64, i64, i32, i32) -> i32
        scf.for %k = %c0 to %c4 step %c1 : i32 {
          %along = arith.muli %k, %c8 : i32
          %class = arith.addi %first_class, %along : i32
          %bit = arith.addi %first_bit, %along : i32
          %exists = arith.cmpi slt, %class, %vocab : i32
          %light_bit = arith.shrui %light, %bit : i32
          %is_light = arith.trunci %light_bit : i32 to i1
          %is_class = arith.andi %exists, %is_light : i1
          scf.if %is_class {
            %factor = nvvm.shfl.sync idx %all, %my_factor, %k, %c31 : f32 -> f32
            %any_bit = arith.shrui %any, %bit : i32
            %any_low = arith.andi %any_bit, %c1 : i32
            %has_gradient = arith.cmpi ne, %any_low, %c0 : i32
            %sum = scf.if %has_gradient -> (vector<8xf32>) {
              %bit_mask = arith.shli %c1, %bit : i32
              %below = arith.subi %bit_mask, %c1 : i32
              // 64 blocks at a time, four of those that list the class at a time.
              %pieces = scf.for %piece = %c0 to %blocks step %c64 iter_args(%piece_sum = %zeros) -> (vector<8xf32>) : i32 {
                %is_first = arith.cmpi eq, %piece, %c0 : i32
                %state:4 = scf.if %is_first -> (i32, i32, i32, i32) {
                  scf.yield %w0, %w1, %k0, %k1 : i32, i32, i32, i32
                } else {
                  %ba = arith.addi %piece, %lane : i32
                  %bb = arith.addi %ba, %c32 : i32
                  %wa = llvm.call @word_of(%needed, %ba, %blocks, %words64, %word, %light) : (!llvm.ptr<1>, i32, i32, i64, i64, i32) -> i32
                  %wb = llvm.call @word_of(%needed, %bb, %blocks, %words64, %word, %light) : (!llvm.ptr<1>, i32, i32, i64, i64, i32) -> i32
                  %ka = llvm.call @rank_of(%ranks, %ba, %words64, %word, %wa, %bit_mask) : (!llvm.ptr<1>, i32, i64, i64, i32, i32) -> i32
                  %kb = llvm.call @rank_of(%ranks, %bb, %words64, %word, %wb, %bit_mask) : (!llvm.ptr<1>, i32, i64, i64, i32, i32) -> i32
                  scf.yield %wa, %wb, %ka, %kb : i32, i32, i32, i32
                }
                %lists0 = arith.andi %state#0, %bit_mask : i32
                %lists1 = arith.andi %state#1, %bit_mask : i32
                %is0 = arith.cmpi ne, %lists0, %c0 : i32
                %is1 = arith.cmpi ne, %lists1, %c0 : i32
                %blocks0 = nvvm.vote.sync ballot %all, %is0 -> i32
                %blocks1 = nvvm.vote.sync ballot %all, %is1 -> i32
                %low = arith.extui %blocks0 : i32 to i64
                %high0 = arith.extui %blocks1 : i32 to i64
                %high = arith.shli %high0, %l32 : i64
                %listing = arith.ori %low, %high : i64
                %earlier0 = arith.andi %state#0, %below : i32
                %earlier1 = arith.andi %state#1, %below : i32
                %in_word0 = llvm.intr.ctpop(%earlier0) : (i32) -> i32
                %in_word1 = llvm.intr.ctpop(%earlier1) : (i32) -> i32
                %slot0 = arith.addi %state#2, %in_word0 : i32
                %slot1 = arith.addi %state#3, %in_word1 : i32
                %fours:2 = scf.while (%acc = %piece_sum, %todo = %listing) : (vector<8xf32>, i64) -> (vector<8xf32>, i64) {
                  %more = arith.cmpi ne, %todo, %l0 : i64
                  scf.condition(%more) %acc, %todo : vector<8xf32>, i64
                } do {
                ^bb0(%acc: vector<8xf32>, %m0: i64):
                  %less0 = arith.subi %m0, %l1 : i64
                  %m1 = arith.andi %m0, %less0 : i64
                  %exists0 = arith.cmpi ne, %m0, %l0 : i64
                  %z0 = "llvm.intr.cttz"(%m0) <{is_zero_poison = false}> : (i64) -> i64
                  %place0 = arith.trunci %z0 : i64 to i32
                  %b0 = arith.addi %piece, %place0 : i32
                  %lower0 = arith.cmpi slt, %place0, %c32 : i32
                  %lane_slot0 = arith.select %lower0, %slot0, %slot1 : i32
                  %owner0 = arith.andi %place0, %c31 : i32
                  %at0 = nvvm.shfl.sync idx %all, %lane_slot0, %owner0, %c31 : i32 -> i32
                  %less1 = arith.subi %m1, %l1 : i64
                  %m2 = arith.andi %m1, %less1 : i64
                  %exists1 = arith.cmpi ne, %m1, %l0 : i64
                  %z1 = "llvm.intr.cttz"(%m1) <{is_zero_poison = false}> : (i64) -> i64
                  %place1 = arith.trunci %z1 : i64 to i32
                  %b1 = arith.addi %piece, %place1 : i32
                  %lower1 = arith.cmpi slt, %place1, %c32 : i32
                  %lane_slot1 = arith.select %lower1, %slot0, %slot1 : i32
                  %owner1 = arith.andi %place1, %c31 : i32
                  %at1 = nvvm.shfl.sync idx %all, %lane_slot1, %owner1, %c31 : i32 -> i32
                  %less2 = arith.subi %m2, %l1 : i64
                  %m3 = arith.andi %m2, %less2 : i64
                  %exists2 = arith.cmpi ne, %m2, %l0 : i64
                  %z2 = "llvm.intr.cttz"(%m2) <{is_zero_poison = false}> : (i64) -> i64
                  %place2 = arith.trunci %z2 : i64 to i32
                  %b2 = arith.addi %piece, %place2 : i32
                  %lower2 = arith.cmpi slt, %place2, %c32 : i32
                  %lane_slot2 = arith.select %lower2, %slot0, %slot1 : i32
                  %owner2 = arith.andi %place2, %c31 : i32
                  %at2 = nvvm.shfl.sync idx %all, %lane_slot2, %owner2, %c31 : i32 -> i32
                  %less3 = arith.subi %m3, %l1 : i64
                  %m4 = arith.andi %m3, %less3 : i64
                  %exists3 = arith.cmpi ne, %m3, %l0 : i64
                  %z3 = "llvm.intr.cttz"(%m3) <{is_zero_poison = false}> : (i64) -> i64
                  %place3 = arith.trunci %z3 : i64 to i32
                  %b3 = arith.addi %piece, %place3 : i32
                  %lower3 = arith.cmpi slt, %place3, %c32 : i32
                  %lane_slot3 = arith.select %lower3, %slot0, %slot1 : i32
                  %owner3 = arith.andi %place3, %c31 : i32
                  %at3 = nvvm.shfl.sync idx %all, %lane_slot3, %owner3, %c31 : i32 -> i32
                  %token0 = llvm.call @load_token(%exists0, %b0, %at0, %tid, %n, %entry_bits, %slots, %g, %g_stride, %labels, %prob_weight, %rows) : (i1, i32, i32, i32, i32, !llvm.ptr<1>, i32, !llvm.ptr<1>, i64, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>) -> !llvm.struct<(i16, i32, f32, i32)>
                  %token1 = llvm.call @load_token(%exists1, %b1, %at1, %tid, %n, %entry_bits, %slots, %g, %g_stride, %labels, %prob_weight, %rows) : (i1, i32, i32, i32, i32, !llvm.ptr<1>, i32, !llvm.ptr<1>, i64, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>) -> !llvm.struct<(i16, i32, f32, i32)>
                  %token2 = llvm.call @load_token(%exists2, %b2, %at2, %tid, %n, %entry_bits, %slots, %g, %g_stride, %labels, %prob_weight, %rows) : (i1, i32, i32, i32, i32, !llvm.ptr<1>, i32, !llvm.ptr<1>, i64, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>) -> !llvm.struct<(i16, i32, f32, i32)>
                  %token3 = llvm.call @load_token(%exists3, %b3, %at3, %tid, %n, %entry_bits, %slots, %g, %g_stride, %labels, %prob_weight, %rows) : (i1, i32, i32, i32, i32, !llvm.ptr<1>, i32, !llvm.ptr<1>, i64, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>) -> !llvm.struct<(i16, i32, f32, i32)>
                  %seen0 = llvm.call @judge(%is_half, %token0, %class, %limit) : (i1, !llvm.struct<(i16, i32, f32, i32)>, i32, f32) -> !llvm.struct<(i1, f32, i32)>
                  %takes0 = llvm.extractvalue %seen0[0] : !llvm.struct<(i1, f32, i32)>
                  %ballot0 = nvvm.vote.sync ballot %all, %takes0 -> i32
                  %in_warp0 = llvm.intr.ctpop(%ballot0) : (i32) -> i32
                  %seen1 = llvm.call @judge(%is_half, %token1, %class, %limit) : (i1, !llvm.struct<(i16, i32, f32, i32)>, i32, f32) -> !llvm.struct<(i1, f32, i32)>
                  %takes1 = llvm.extractvalue %seen1[0] : !llvm.struct<(i1, f32, i32)>
                  %ballot1 = nvvm.vote.sync ballot %all, %takes1 -> i32
                  %in_warp1 = llvm.intr.ctpop(%ballot1) : (i32) -> i32
                  %seen2 = llvm.call @judge(%is_half, %token2, %class, %limit) : (i1, !llvm.struct<(i16, i32, f32, i32)>, i32, f32) -> !llvm.struct<(i1, f32, i32)>
                  %takes2 = llvm.extractvalue %seen2[0] : !llvm.struct<(i1, f32, i32)>
                  %ballot2 = nvvm.vote.sync ballot %all, %takes2 -> i32
                  %in_warp2 = llvm.intr.ctpop(%ballot2) : (i32) -> i32
                  %seen3 = llvm.call @judge(%is_half, %token3, %class, %limit) : (i1, !llvm.struct<(i16, i32, f32, i32)>, i32, f32) -> !llvm.struct<(i1, f32, i32)>
                  %takes3 = llvm.extractvalue %seen3[0] : !llvm.struct<(i1, f32, i32)>
                  %ballot3 = nvvm.vote.sync ballot %all, %takes3 -> i32
                  %in_warp3 = llvm.intr.ctpop(%ballot3) : (i32) -> i32
                  // How many of each column the warps have: [warp][column].
                  %is_lane0 = arith.cmpi eq, %lane, %c0 : i32
                  scf.if %is_lane0 {
                    %v0 = llvm.mlir.undef : vector<4xi32>
                    %v1 = llvm.insertelement %in_warp0, %v0[%c0 : i32] : vector<4xi32>
                    %v2 = llvm.insertelement %in_warp1, %v1[%c1 : i32] : vector<4xi32>
                    %v3 = llvm.insertelement %in_warp2, %v2[%c2 : i32] : vector<4xi32>
                    %v4 = llvm.insertelement %in_warp3, %v3[%c3 : i32] : vector<4xi32>
                    %to = arith.muli %warp, %c4 : i32
                    %p = llvm.getelementptr %counts[%to] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
                    llvm.store %v4, %p {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<3>
                  }
                  // Also: everyone is done with the entries of the last four.
                  nvvm.barrier
                  %pc0 = llvm.getelementptr %counts[0] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32
                  %cw0 = llvm.load %pc0 {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
                  %pc1 = llvm.getelementptr %counts[4] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32
                  %cw1 = llvm.load %pc1 {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
                  %pc2 = llvm.getelementptr %counts[8] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32
                  %cw2 = llvm.load %pc2 {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
                  %pc3 = llvm.getelementptr %counts[12] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32
                  %cw3 = llvm.load %pc3 {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
                  %later0 = arith.cmpi sgt, %warp, %c0 : i32
                  %add0 = arith.select %later0, %cw0, %no_counts : vector<4xi32>
                  %later1 = arith.cmpi sgt, %warp, %c1 : i32
                  %add1 = arith.select %later1, %cw1, %no_counts : vector<4xi32>
                  %later2 = arith.cmpi sgt, %warp, %c2 : i32
                  %add2 = arith.select %later2, %cw2, %no_counts : vector<4xi32>
                  %add01 = arith.addi %add0, %add1 : vector<4xi32>
                  %earlier_warps = arith.addi %add01, %add2 : vector<4xi32>
                  %cw01 = arith.addi %cw0, %cw1 : vector<4xi32>
                  %cw23 = arith.addi %cw2, %cw3 : vector<4xi32>
                  %cw = arith.addi %cw01, %cw23 : vector<4xi32>
                  %of0 = llvm.extractelement %cw[%c0 : i32] : vector<4xi32>
                  %ew0 = llvm.extractelement %earlier_warps[%c0 : i32] : vector<4xi32>
                  %of1 = llvm.extractelement %cw[%c1 : i32] : vector<4xi32>
                  %ew1 = llvm.extractelement %earlier_warps[%c1 : i32] : vector<4xi32>
                  %of2 = llvm.extractelement %cw[%c2 : i32] : vector<4xi32>
                  %ew2 = llvm.extractelement %earlier_warps[%c2 : i32] : vector<4xi32>
                  %of3 = llvm.extractelement %cw[%c3 : i32] : vector<4xi32>
                  %ew3 = llvm.extractelement %earlier_warps[%c3 : i32] : vector<4xi32>
                  %sum1 = arith.addi %of0, %of1 : i32
                  %sum2 = arith.addi %sum1, %of2 : i32
                  %number = arith.addi %sum2, %of3 : i32
                  %before1 = arith.addi %of0, %ew1 : i32
                  %before2 = arith.addi %sum1, %ew2 : i32
                  %before3 = arith.addi %sum2, %ew3 : i32
                  llvm.call @put(%seen0, %ballot0, %before_lane, %ew0, %number, %row_units) : (!llvm.struct<(i1, f32, i32)>, i32, i32, i32, i32, i32) -> ()
                  llvm.call @put(%seen1, %ballot1, %before_lane, %before1, %number, %row_units) : (!llvm.struct<(i1, f32, i32)>, i32, i32, i32, i32, i32) -> ()
                  llvm.call @put(%seen2, %ballot2, %before_lane, %before2, %number, %row_units) : (!llvm.struct<(i1, f32, i32)>, i32, i32, i32, i32, i32) -> ()
                  llvm.call @put(%seen3, %ballot3, %before_lane, %before3, %number, %row_units) : (!llvm.struct<(i1, f32, i32)>, i32, i32, i32, i32, i32) -> ()
                  nvvm.barrier
                  %added = scf.if %active -> (vector<8xf32>) {
                    %a = scf.for %j = %c0 to %number step %group iter_args(%s0 = %acc) -> (vector<8xf32>) : i32 {
                      %p0 = llvm.getelementptr %entries[%j] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
                      %e0 = llvm.load %p0 {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
                      %p1 = llvm.getelementptr %p0[2] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
                      %e1 = llvm.load %p1 {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
                      %p2 = llvm.getelementptr %p0[4] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
                      %e2 = llvm.load %p2 {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
                      %p3 = llvm.getelementptr %p0[6] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
                      %e3 = llvm.load %p3 {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
                      %at_row0 = llvm.extractelement %e0[%c0 : i32] : vector<4xi32>
                      %f0 = llvm.extractelement %e0[%c1 : i32] : vector<4xi32>
                      %at_row1 = llvm.extractelement %e0[%c2 : i32] : vector<4xi32>
                      %f1 = llvm.extractelement %e0[%c3 : i32] : vector<4xi32>
                      %at_row2 = llvm.extractelement %e1[%c0 : i32] : vector<4xi32>
                      %f2 = llvm.extractelement %e1[%c1 : i32] : vector<4xi32>
                      %at_row3 = llvm.extractelement %e1[%c2 : i32] : vector<4xi32>
                      %f3 = llvm.extractelement %e1[%c3 : i32] : vector<4xi32>
                      %at_row4 = llvm.extractelement %e2[%c0 : i32] : vector<4xi32>
                      %f4 = llvm.extractelement %e2[%c1 : i32] : vector<4xi32>
                      %at_row5 = llvm.extractelement %e2[%c2 : i32] : vector<4xi32>
                      %f5 = llvm.extractelement %e2[%c3 : i32] : vector<4xi32>
                      %at_row6 = llvm.extractelement %e3[%c0 : i32] : vector<4xi32>
                      %f6 = llvm.extractelement %e3[%c1 : i32] : vector<4xi32>
                      %at_row7 = llvm.extractelement %e3[%c2 : i32] : vector<4xi32>
                      %f7 = llvm.extractelement %e3[%c3 : i32] : vector<4xi32>
                      %x0 = llvm.call @load_row(%from, %at_row0) : (!llvm.ptr<1>, i32) -> vector<4xi32>
                      %x1 = llvm.call @load_row(%from, %at_row1) : (!llvm.ptr<1>, i32) -> vector<4xi32>
                      %x2 = llvm.call @load_row(%from, %at_row2) : (!llvm.ptr<1>, i32) -> vector<4xi32>
                      %x3 = llvm.call @load_row(%from, %at_row3) : (!llvm.ptr<1>, i32) -> vector<4xi32>
                      %x4 = llvm.call @load_row(%from, %at_row4) : (!llvm.ptr<1>, i32) -> vector<4xi32>
                      %x5 = llvm.call @load_row(%from, %at_row5) : (!llvm.ptr<1>, i32) -> vector<4xi32>
                      %x6 = llvm.call @load_row(%from, %at_row6) : (!llvm.ptr<1>, i32) -> vector<4xi32>
                      %x7 = llvm.call @load_row(%from, %at_row7) : (!llvm.ptr<1>, i32) -> vector<4xi32>
                      %s1 = llvm.call @add_row(%is_half, %s0, %x0, %f0) : (i1, vector<8xf32>, vector<4xi32>, i32) -> vector<8xf32>
                      %s2 = llvm.call @add_row(%is_half, %s1, %x1, %f1) : (i1, vector<8xf32>, vector<4xi32>, i32) -> vector<8xf32>
                      %s3 = llvm.call @add_row(%is_half, %s2, %x2, %f2) : (i1, vector<8xf32>, vector<4xi32>, i32) -> vector<8xf32>
                      %s4 = llvm.call @add_row(%is_half, %s3, %x3, %f3) : (i1, vector<8xf32>, vector<4xi32>, i32) -> vector<8xf32>
                      %s5 = llvm.call @add_row(%is_half, %s4, %x4, %f4) : (i1, vector<8xf32>, vector<4xi32>, i32) -> vector<8xf32>
                      %s6 = llvm.call @add_row(%is_half, %s5, %x5, %f5) : (i1, vector<8xf32>, vector<4xi32>, i32) -> vector<8xf32>
                      %s7 = llvm.call @add_row(%is_half, %s6, %x6, %f6) : (i1, vector<8xf32>, vector<4xi32>, i32) -> vector<8xf32>
                      %s8 = llvm.call @add_row(%is_half, %s7, %x7, %f7) : (i1, vector<8xf32>, vector<4xi32>, i32) -> vector<8xf32>
                      scf.yield %s8 : vector<8xf32>
                    }
                    scf.yield %a : vector<8xf32>
                  } else {
                    scf.yield %acc : vector<8xf32>
                  }
                  scf.yield %added, %m4 : vector<8xf32>, i64
                }
                scf.yield %fours#0 : vector<8xf32>
              }
              scf.yield %pieces : vector<8xf32>
            } else {
              scf.yield %zeros : vector<8xf32>
            }
            scf.if %active {
              %r = scf.if %corrects -> (vector<8xf32>) {
                %x = llvm.call @load_tail(%tail, %column, %hidden) : (!llvm.ptr<1>, i32, i32) -> vector<8xf32>
                scf.yield %x : vector<8xf32>
              } else {
                scf.yield %zeros : vector<8xf32>
              }
              %factors = llvm.call @splat(%factor) : (f32) -> vector<8xf32>
              %corrected = llvm.intr.fma(%factors, %r, %sum) : (vector<8xf32>, vector<8xf32>, vector<8xf32>) -> vector<8xf32>
              %scaled = arith.mulf %corrected, %scales : vector<8xf32>
              %class64 = arith.extui %class : i32 to i64
              %row = arith.muli %class64, %dc_stride : i64
              %at = arith.addi %row, %column64 : i64
              %to = llvm.getelementptr %dc[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
              llvm.call @store_row(%is_half, %scaled, %to, %left) : (i1, vector<8xf32>, !llvm.ptr<1>, i32) -> ()
            }
          }
        }
      }
    }
    llvm.return
  }
}
