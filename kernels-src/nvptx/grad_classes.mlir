// The gradient of the classifier for all classes but the heavy ones, from the listed logit gradients, every row written once by its owner. Few entries
// of a listed column count, and mark_entries has said which. A warp has the classes w * 32 + s + 4k, k < 8 (frequent neighbours go to different
// warps), and up to 512 columns. For every class it goes over the groups of tokens, 32 at a time, one a lane, makes a list of the entries in shared
// memory, in the order of the tokens, and adds up their rows of E, 8 columns a lane in each half of the 512.
gpu.module @kernels {
  // Of each of the 4 warps up to 256 entries, and room to fill up a group of 4: token and slot, then the row of E in units of 16 bytes and the factor.
  llvm.mlir.global internal @lists() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<2080 x i32>

  llvm.func @grad_classes_bf16(%needed: !llvm.ptr<1>, %ranks: !llvm.ptr<1>, %heavy: !llvm.ptr<1>, %entry_bits: !llvm.ptr<1>, %words: i32, %slots: i32, %groups: i32, %g: !llvm.ptr<1>, %g_stride: i64, %e: !llvm.ptr<1>, %e_stride: i64, %rows: !llvm.ptr<1>, %count_filtered: !llvm.ptr<1>, %hidden: i32, %vocab: i32, %direction: !llvm.ptr<1>, %total: !llvm.ptr<1>, %tail: !llvm.ptr<1>, %correct: i32, %alpha: !llvm.ptr<1>, %dc: !llvm.ptr<1>, %dc_stride: i64)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>, nvvm.minctasm = 5 : i32, cce.manifest = {
      kernel = "grad_classes_bf16", target = "sm_90a", entry = "grad_classes_bf16", threads = 128 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "needed"},
         {kind = "pointer", buffer = "ranks"},
         {kind = "pointer", buffer = "heavy"},
         {kind = "pointer", buffer = "entries"},
         {kind = "scalar", buffer = "words", type = "i32"},
         {kind = "scalar", buffer = "slots", type = "i32"},
         {kind = "scalar", buffer = "groups", type = "i32"},
         {kind = "pointer", buffer = "g"},
         {kind = "scalar", buffer = "g_stride", type = "i64"},
         {kind = "pointer", buffer = "e"},
         {kind = "scalar", buffer = "e_stride", type = "i64"},
         {kind = "pointer", buffer = "rows"},
         {kind = "pointer", buffer = "count_filtered"},
         {kind = "scalar", buffer = "hidden", type = "i32"},
         {kind = "scalar", buffer = "vocab", type = "i32"},
         {kind = "pointer", buffer = "direction"},
         {kind = "pointer", buffer = "total"},
         {kind = "pointer", buffer = "tail"},
         {kind = "scalar", buffer = "correct", type = "i32"},
         {kind = "pointer", buffer = "alpha"},
         {kind = "pointer", buffer = "dc"},
         {kind = "scalar", buffer = "dc_stride", type = "i64"}]}} {
    %is_half = arith.constant false
    llvm.call @grad_classes(%is_half, %needed, %ranks, %heavy, %entry_bits, %words, %slots, %groups, %g, %g_stride, %e, %e_stride, %rows, %count_filtered, %hidden, %vocab, %direction, %total, %tail, %correct, %alpha, %dc, %dc_stride) : (i1, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, i32, i32, i32, !llvm.ptr<1>, i64, !llvm.ptr<1>, i64, !llvm.ptr<1>, !llvm.ptr<1>, i32, i32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, i32, !llvm.ptr<1>, !llvm.ptr<1>, i64) -> ()
    llvm.return
  }

  llvm.func @grad_classes_f16(%needed: !llvm.ptr<1>, %ranks: !llvm.ptr<1>, %heavy: !llvm.ptr<1>, %entry_bits: !llvm.ptr<1>, %words: i32, %slots: i32, %groups: i32, %g: !llvm.ptr<1>, %g_stride: i64, %e: !llvm.ptr<1>, %e_stride: i64, %rows: !llvm.ptr<1>, %count_filtered: !llvm.ptr<1>, %hidden: i32, %vocab: i32, %direction: !llvm.ptr<1>, %total: !llvm.ptr<1>, %tail: !llvm.ptr<1>, %correct: i32, %alpha: !llvm.ptr<1>, %dc: !llvm.ptr<1>, %dc_stride: i64)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>, nvvm.minctasm = 4 : i32, cce.manifest = {
      kernel = "grad_classes_f16", target = "sm_90a", entry = "grad_classes_f16", threads = 128 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "needed"},
         {kind = "pointer", buffer = "ranks"},
         {kind = "pointer", buffer = "heavy"},
         {kind = "pointer", buffer = "entries"},
         {kind = "scalar", buffer = "words", type = "i32"},
         {kind = "scalar", buffer = "slots", type = "i32"},
         {kind = "scalar", buffer = "groups", type = "i32"},
         {kind = "pointer", buffer = "g"},
         {kind = "scalar", buffer = "g_stride", type = "i64"},
         {kind = "pointer", buffer = "e"},
         {kind = "scalar", buffer = "e_stride", type = "i64"},
         {kind = "pointer", buffer = "rows"},
         {kind = "pointer", buffer = "count_filtered"},
         {kind = "scalar", buffer = "hidden", type = "i32"},
         {kind = "scalar", buffer = "vocab", type = "i32"},
         {kind = "pointer", buffer = "direction"},
         {kind = "pointer", buffer = "total"},
         {kind = "pointer", buffer = "tail"},
         {kind = "scalar", buffer = "correct", type = "i32"},
         {kind = "pointer", buffer = "alpha"},
         {kind = "pointer", buffer = "dc"},
         {kind = "scalar", buffer = "dc_stride", type = "i64"}]}} {
    %is_half = arith.constant true
    llvm.call @grad_classes(%is_half, %needed, %ranks, %heavy, %entry_bits, %words, %slots, %groups, %g, %g_stride, %e, %e_stride, %rows, %count_filtered, %hidden, %vocab, %direction, %total, %tail, %correct, %alpha, %dc, %dc_stride) : (i1, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, i32, i32, i32, !llvm.ptr<1>, i64, !llvm.ptr<1>, i64, !llvm.ptr<1>, !llvm.ptr<1>, i32, i32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, i32, !llvm.ptr<1>, !llvm.ptr<1>, i64) -> ()
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

  llvm.func internal @word_of(%needed: !llvm.ptr<1>, %b: i32, %groups: i32, %words: i64, %word: i64, %light: i32) -> i32 attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %inside = arith.cmpi slt, %b, %groups : i32
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

  // Eight of the tail's columns; there is memory up to a multiple of 8 of them.
  llvm.func internal @load_tail(%tail: !llvm.ptr<1>, %column: i32, %exists: i1) -> vector<8xf32> attributes {always_inline} {
    %zeros = arith.constant dense<0.0> : vector<8xf32>
    %result = scf.if %exists -> (vector<8xf32>) {
      %p = llvm.getelementptr %tail[%column] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
      %q = llvm.getelementptr %p[4] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
      %low = llvm.load %p {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
      %high = llvm.load %q {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
      %both = llvm.shufflevector %low, %high [0, 1, 2, 3, 4, 5, 6, 7] : vector<4xf32>
      scf.yield %both : vector<8xf32>
    } else {
      scf.yield %zeros : vector<8xf32>
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

  // Appends a lane's tokens of one word of bits to the warp's list; returns the place behind them.
  llvm.func internal @list_tokens(%bits: i32, %first_token: i32, %slot: i32, %first: i32, %list: !llvm.ptr<3>) -> i32 attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %end:2 = scf.while (%left = %bits, %place = %first) : (i32, i32) -> (i32, i32) {
      %more = arith.cmpi ne, %left, %c0 : i32
      scf.condition(%more) %left, %place : i32, i32
    } do {
    ^bb0(%left: i32, %place: i32):
      %lowest = "llvm.intr.cttz"(%left) <{is_zero_poison = true}> : (i32) -> i32
      %token = arith.addi %first_token, %lowest : i32
      llvm.call @put(%list, %place, %token, %slot) : (!llvm.ptr<3>, i32, i32, i32) -> ()
      %less = arith.subi %left, %c1 : i32
      %others = arith.andi %left, %less : i32
      %next = arith.addi %place, %c1 : i32
      scf.yield %others, %next : i32, i32
    }
    llvm.return %end#1 : i32
  }

  llvm.func internal @put(%list: !llvm.ptr<3>, %place: i32, %a: i32, %b: i32) attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %p = llvm.getelementptr %list[%place] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
    %none = llvm.mlir.undef : vector<2xi32>
    %some = llvm.insertelement %a, %none[%c0 : i32] : vector<2xi32>
    %both = llvm.insertelement %b, %some[%c1 : i32] : vector<2xi32>
    llvm.store %both, %p {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<3>
    llvm.return
  }

  // All of a lane's tokens of a group.
  llvm.func internal @list_group(%bits: vector<4xi32>, %group: i32, %slot: i32, %first: i32, %list: !llvm.ptr<3>) attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c3 = arith.constant 3 : i32
    %c32 = arith.constant 32 : i32
    %c128 = arith.constant 128 : i32
    %t0 = arith.muli %group, %c128 : i32
    %t1 = arith.addi %t0, %c32 : i32
    %t2 = arith.addi %t1, %c32 : i32
    %t3 = arith.addi %t2, %c32 : i32
    %b0 = llvm.extractelement %bits[%c0 : i32] : vector<4xi32>
    %b1 = llvm.extractelement %bits[%c1 : i32] : vector<4xi32>
    %b2 = llvm.extractelement %bits[%c2 : i32] : vector<4xi32>
    %b3 = llvm.extractelement %bits[%c3 : i32] : vector<4xi32>
    %p1 = llvm.call @list_tokens(%b0, %t0, %slot, %first, %list) : (i32, i32, i32, i32, !llvm.ptr<3>) -> i32
    %p2 = llvm.call @list_tokens(%b1, %t1, %slot, %p1, %list) : (i32, i32, i32, i32, !llvm.ptr<3>) -> i32
    %p3 = llvm.call @list_tokens(%b2, %t2, %slot, %p2, %list) : (i32, i32, i32, i32, !llvm.ptr<3>) -> i32
    %p4 = llvm.call @list_tokens(%b3, %t3, %slot, %p3, %list) : (i32, i32, i32, i32, !llvm.ptr<3>) -> i32
    llvm.return
  }

  // Adds the rows of the list's `number` entries, at least one, to the sums of both halves.
  llvm.func internal @add_list(%is_half: i1, %list: !llvm.ptr<3>, %number: i32, %lane: i32, %g: !llvm.ptr<1>, %g_stride: i64, %rows: !llvm.ptr<1>, %row_units: i32, %from0: !llvm.ptr<1>, %from1: !llvm.ptr<1>, %sum0: vector<8xf32>, %sum1: vector<8xf32>) -> !llvm.struct<(vector<8xf32>, vector<8xf32>)> attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c3 = arith.constant 3 : i32
    %c4 = arith.constant 4 : i32
    %c32 = arith.constant 32 : i32
    %cm4 = arith.constant -4 : i32
    %all = arith.constant -1 : i32
    %zero = arith.constant 0.0 : f32
    %last = arith.subi %number, %c1 : i32
    %n3 = arith.addi %number, %c3 : i32
    %filled = arith.andi %n3, %cm4 : i32
    nvvm.bar.warp.sync %all : i32
    // Every lane looks up the row and the factor of an entry. The last group of 4 is filled up with the last entry's row, which is finite if its sum
    // is, times 0.
    scf.for %base = %c0 to %filled step %c32 : i32 {
      %at = arith.addi %base, %lane : i32
      %exists = arith.cmpi slt, %at, %number : i32
      %entry = arith.minsi %at, %last : i32
      %p = llvm.getelementptr %list[%entry] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
      %pair = llvm.load %p {alignment = 8 : i64} : !llvm.ptr<3> -> vector<2xi32>
      %token = llvm.extractelement %pair[%c0 : i32] : vector<2xi32>
      %slot = llvm.extractelement %pair[%c1 : i32] : vector<2xi32>
      %token64 = arith.extui %token : i32 to i64
      %slot64 = arith.extui %slot : i32 to i64
      %start = arith.muli %token64, %g_stride : i64
      %place = arith.addi %start, %slot64 : i64
      %pg = llvm.getelementptr %g[%place] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
      %pr = llvm.getelementptr %rows[%token64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      %raw = llvm.load %pg : !llvm.ptr<1> -> i16
      %row = llvm.load %pr : !llvm.ptr<1> -> i32
      %value = scf.if %is_half -> (f32) {
        %h = llvm.bitcast %raw : i16 to f16
        %x = arith.extf %h : f16 to f32
        scf.yield %x : f32
      } else {
        %h = llvm.bitcast %raw : i16 to bf16
        %x = arith.extf %h : bf16 to f32
        scf.yield %x : f32
      }
      %factor = arith.select %exists, %value, %zero : f32
      %bits = llvm.bitcast %factor : f32 to i32
      %units = arith.muli %row, %row_units : i32
      nvvm.bar.warp.sync %all : i32
      %is_filled = arith.cmpi slt, %at, %filled : i32
      scf.if %is_filled {
        llvm.call @put(%list, %at, %units, %bits) : (!llvm.ptr<3>, i32, i32, i32) -> ()
      }
    }
    nvvm.bar.warp.sync %all : i32
    %sums:2 = scf.for %j = %c0 to %filled step %c4 iter_args(%a0 = %sum0, %b0 = %sum1) -> (vector<8xf32>, vector<8xf32>) : i32 {
      %p0 = llvm.getelementptr %list[%j] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
      %p1 = llvm.getelementptr %p0[2] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
      %e0 = llvm.load %p0 {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
      %e1 = llvm.load %p1 {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
      %r0 = llvm.extractelement %e0[%c0 : i32] : vector<4xi32>
      %f0 = llvm.extractelement %e0[%c1 : i32] : vector<4xi32>
      %r1 = llvm.extractelement %e0[%c2 : i32] : vector<4xi32>
      %f1 = llvm.extractelement %e0[%c3 : i32] : vector<4xi32>
      %r2 = llvm.extractelement %e1[%c0 : i32] : vector<4xi32>
      %f2 = llvm.extractelement %e1[%c1 : i32] : vector<4xi32>
      %r3 = llvm.extractelement %e1[%c2 : i32] : vector<4xi32>
      %f3 = llvm.extractelement %e1[%c3 : i32] : vector<4xi32>
      %x00 = llvm.call @load_row(%from0, %r0) : (!llvm.ptr<1>, i32) -> vector<4xi32>
      %x01 = llvm.call @load_row(%from0, %r1) : (!llvm.ptr<1>, i32) -> vector<4xi32>
      %x02 = llvm.call @load_row(%from0, %r2) : (!llvm.ptr<1>, i32) -> vector<4xi32>
      %x03 = llvm.call @load_row(%from0, %r3) : (!llvm.ptr<1>, i32) -> vector<4xi32>
      %x10 = llvm.call @load_row(%from1, %r0) : (!llvm.ptr<1>, i32) -> vector<4xi32>
      %x11 = llvm.call @load_row(%from1, %r1) : (!llvm.ptr<1>, i32) -> vector<4xi32>
      %x12 = llvm.call @load_row(%from1, %r2) : (!llvm.ptr<1>, i32) -> vector<4xi32>
      %x13 = llvm.call @load_row(%from1, %r3) : (!llvm.ptr<1>, i32) -> vector<4xi32>
      %a1 = llvm.call @add_row(%is_half, %a0, %x00, %f0) : (i1, vector<8xf32>, vector<4xi32>, i32) -> vector<8xf32>
      %a2 = llvm.call @add_row(%is_half, %a1, %x01, %f1) : (i1, vector<8xf32>, vector<4xi32>, i32) -> vector<8xf32>
      %a3 = llvm.call @add_row(%is_half, %a2, %x02, %f2) : (i1, vector<8xf32>, vector<4xi32>, i32) -> vector<8xf32>
      %a4 = llvm.call @add_row(%is_half, %a3, %x03, %f3) : (i1, vector<8xf32>, vector<4xi32>, i32) -> vector<8xf32>
      %b1 = llvm.call @add_row(%is_half, %b0, %x10, %f0) : (i1, vector<8xf32>, vector<4xi32>, i32) -> vector<8xf32>
      %b2 = llvm.call @add_row(%is_half, %b1, %x11, %f1) : (i1, vector<8xf32>, vector<4xi32>, i32) -> vector<8xf32>
      %b3 = llvm.call @add_row(%is_half, %b2, %x12, %f2) : (i1, vector<8xf32>, vector<4xi32>, i32) -> vector<8xf32>
      %b4 = llvm.call @add_row(%is_half, %b3, %x13, %f3) : (i1, vector<8xf32>, vector<4xi32>, i32) -> vector<8xf32>
      scf.yield %a4, %b4 : vector<8xf32>, vector<8xf32>
    }
    // Before the list is written again.
    nvvm.bar.warp.sync %all : i32
    %s0 = llvm.mlir.undef : !llvm.struct<(vector<8xf32>, vector<8xf32>)>
    %s1 = llvm.insertvalue %sums#0, %s0[0] : !llvm.struct<(vector<8xf32>, vector<8xf32>)>
    %s2 = llvm.insertvalue %sums#1, %s1[1] : !llvm.struct<(vector<8xf32>, vector<8xf32>)>
    llvm.return %s2 : !llvm.struct<(vector<8xf32>, vector<8xf32>)>
  }

  llvm.func internal @correct_and_store(%is_half: i1, %sum: vector<8xf32>, %factor: f32, %r: vector<8xf32>, %scale: f32, %dc: !llvm.ptr<1>, %row_start: i64, %column: i32, %hidden: i32, %exists: i1) attributes {always_inline} {
    scf.if %exists {
      %factors = llvm.call @splat(%factor) : (f32) -> vector<8xf32>
      %scales = llvm.call @splat(%scale) : (f32) -> vector<8xf32>
      %corrected = llvm.intr.fma(%factors, %r, %sum) : (vector<8xf32>, vector<8xf32>, vector<8xf32>) -> vector<8xf32>
      %scaled = arith.mulf %corrected, %scales : vector<8xf32>
      %column64 = arith.extui %column : i32 to i64
      %at = arith.addi %row_start, %column64 : i64
      %to = llvm.getelementptr %dc[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
      %left = arith.subi %hidden, %column : i32
      llvm.call @store_row(%is_half, %scaled, %to, %left) : (i1, vector<8xf32>, !llvm.ptr<1>, i32) -> ()
    }
    llvm.return
  }

  llvm.func internal @grad_classes(%is_half: i1, %needed: !llvm.ptr<1>, %ranks: !llvm.ptr<1>, %heavy: !llvm.ptr<1>, %entry_bits: !llvm.ptr<1>, %words: i32, %slots: i32, %groups: i32, %g: !llvm.ptr<1>, %g_stride: i64, %e: !llvm.ptr<1>, %e_stride: i64, %rows: !llvm.ptr<1>, %count_filtered: !llvm.ptr<1>, %hidden: i32, %vocab: i32, %direction: !llvm.ptr<1>, %total: !llvm.ptr<1>, %tail: !llvm.ptr<1>, %correct: i32, %alpha: !llvm.ptr<1>, %dc: !llvm.ptr<1>, %dc_stride: i64) attributes {always_inline} {
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
    %cm64 = arith.constant -64 : i32
    %c256 = arith.constant 256 : i32
    %c511 = arith.constant 511 : i32
    %c512 = arith.constant 512 : i32
    %all = arith.constant -1 : i32
    %list_words = arith.constant 520 : i32
    %l3 = arith.constant 3 : i64
    %zero = arith.constant 0.0 : f32
    %zeros = arith.constant dense<0.0> : vector<8xf32>
    %no_bits = arith.constant dense<0> : vector<4xi32>
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %lane = arith.andi %tid, %c31 : i32
    %warp = arith.shrui %tid, %c5 : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %grid = nvvm.read.ptx.sreg.nctaid.x : i32
    %lists = llvm.mlir.addressof @lists : !llvm.ptr<3>
    %list_start = arith.muli %warp, %list_words : i32
    %list = llvm.getelementptr %lists[%list_start] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %n = llvm.load %count_filtered : !llvm.ptr<1> -> i32
    %works = arith.cmpi sge, %n, %c0 : i32
    scf.if %works {
      %words64 = arith.extui %words : i32 to i64
      %units = arith.shrui %e_stride, %l3 : i64
      %row_units = arith.trunci %units : i64 to i32
      %scale = llvm.load %alpha : !llvm.ptr<1> -> f32
      %wants = arith.cmpi ne, %correct, %c0 : i32
      %sum_of_direction = scf.if %wants -> (f32) {
        %x = llvm.load %total : !llvm.ptr<1> -> f32
        scf.yield %x : f32
      } else {
        scf.yield %zero : f32
      }
      %corrects = arith.cmpf ogt, %sum_of_direction, %zero : f32
      // Even splits of the columns, of up to 512.
      %r0 = arith.addi %hidden, %c511 : i32
      %splits = arith.divui %r0, %c512 : i32
      %r1 = arith.addi %hidden, %splits : i32
      %r2 = arith.subi %r1, %c1 : i32
      %even = arith.divui %r2, %splits : i32
      %r3 = arith.addi %even, %c63 : i32
      %width = arith.andi %r3, %cm64 : i32
      %r4 = arith.addi %vocab, %c31 : i32
      %used_words = arith.shrui %r4, %c5 : i32
      %sets = arith.muli %used_words, %c4 : i32
      %items = arith.muli %sets, %splits : i32
      %warp_of_block = arith.muli %block, %c4 : i32
      %first_item = arith.addi %warp_of_block, %warp : i32
      %step = arith.muli %grid, %c4 : i32
      scf.for %item = %first_item to %items step %step : i32 {
        %set = arith.divui %item, %splits : i32
        %split = arith.remui %item, %splits : i32
        %word32 = arith.shrui %set, %c2 : i32
        %first_bit = arith.andi %set, %c3 : i32
        %word = arith.extui %word32 : i32 to i64
        %word_class = arith.muli %word32, %c32 : i32
        %first_class = arith.addi %word_class, %first_bit : i32
        %first_column = arith.muli %split, %width : i32
        %mine0 = arith.muli %lane, %c8 : i32
        %mine1 = arith.addi %mine0, %c256 : i32
        %column0 = arith.addi %first_column, %mine0 : i32
        %column1 = arith.addi %first_column, %mine1 : i32
        %in_split0 = arith.cmpi slt, %mine0, %width : i32
        %in_split1 = arith.cmpi slt, %mine1, %width : i32
        %in_hidden0 = arith.cmpi slt, %column0, %hidden : i32
        %in_hidden1 = arith.cmpi slt, %column1, %hidden : i32
        %exists0 = arith.andi %in_split0, %in_hidden0 : i1
        %exists1 = arith.andi %in_split1, %in_hidden1 : i1
        // Lanes without columns read along at column 0, and keep nothing of it.
        %read0 = arith.select %exists0, %column0, %c0 : i32
        %read1 = arith.select %exists1, %column1, %c0 : i32
        %from0 = llvm.getelementptr %e[%read0] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i16
        %from1 = llvm.getelementptr %e[%read1] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i16
        %tails0 = arith.andi %exists0, %corrects : i1
        %tails1 = arith.andi %exists1, %corrects : i1
        %tail0 = llvm.call @load_tail(%tail, %column0, %tails0) : (!llvm.ptr<1>, i32, i1) -> vector<8xf32>
        %tail1 = llvm.call @load_tail(%tail, %column1, %tails1) : (!llvm.ptr<1>, i32, i1) -> vector<8xf32>
        // Heavy classes have been written already, by the dense product.
        %ph = llvm.getelementptr %heavy[%word] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
        %heavy_word = llvm.load %ph : !llvm.ptr<1> -> i32
        %light = arith.xori %heavy_word, %all : i32
        // What any group has: other classes have no entries.
        %of_lane = scf.for %b = %lane to %groups step %c32 iter_args(%some = %c0) -> (i32) : i32 {
          %w = llvm.call @word_of(%needed, %b, %groups, %words64, %word, %light) : (!llvm.ptr<1>, i32, i32, i64, i64, i32) -> i32
          %more = arith.ori %some, %w : i32
          scf.yield %more : i32
        }
        %any = nvvm.redux.sync or %of_lane, %all : i32 -> i32
        // Lane l has the factor of class l % 8.
        %my_k = arith.andi %lane, %c7 : i32
        %my_along = arith.muli %my_k, %c4 : i32
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
        scf.for %k = %c0 to %c8 step %c1 : i32 {
          %along = arith.muli %k, %c4 : i32
          %class = arith.addi %first_class, %along : i32
          %bit = arith.addi %first_bit, %along : i32
          %factor = nvvm.shfl.sync idx %all, %my_factor, %k, %c31 : f32 -> f32
          %exists = arith.cmpi slt, %class, %vocab : i32
          %light_bit = arith.shrui %light, %bit : i32
          %is_light = arith.trunci %light_bit : i32 to i1
          %is_class = arith.andi %exists, %is_light : i1
          scf.if %is_class {
            %any_bit = arith.shrui %any, %bit : i32
            %is_listed = arith.trunci %any_bit : i32 to i1
            %sums:2 = scf.if %is_listed -> (vector<8xf32>, vector<8xf32>) {
              %bit_mask = arith.shli %c1, %bit : i32
              %below = arith.subi %bit_mask, %c1 : i32
              %over_groups:2 = scf.for %piece = %c0 to %groups step %c32 iter_args(%a = %zeros, %b = %zeros) -> (vector<8xf32>, vector<8xf32>) : i32 {
                %group = arith.addi %piece, %lane : i32
                %own = llvm.call @word_of(%needed, %group, %groups, %words64, %word, %light) : (!llvm.ptr<1>, i32, i32, i64, i64, i32) -> i32
                %own_bit = arith.andi %own, %bit_mask : i32
                %has = arith.cmpi ne, %own_bit, %c0 : i32
                %of_group:2 = scf.if %has -> (i32, vector<4xi32>) {
                  %group64 = arith.extui %group : i32 to i64
                  %row = arith.muli %group64, %words64 : i64
                  %at = arith.addi %row, %word : i64
                  %pk = llvm.getelementptr %ranks[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
                  %rank = llvm.load %pk : !llvm.ptr<1> -> i32
                  %earlier = arith.andi %own, %below : i32
                  %in_word = llvm.intr.ctpop(%earlier) : (i32) -> i32
                  %slot = arith.addi %rank, %in_word : i32
                  %slot64 = arith.extui %slot : i32 to i64
                  %slots64 = arith.extui %slots : i32 to i64
                  %start = arith.muli %group64, %slots64 : i64
                  %place = arith.addi %start, %slot64 : i64
                  %pb = llvm.getelementptr %entry_bits[%place] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, !llvm.array<4 x i32>
                  %bits = llvm.load %pb {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
                  scf.yield %slot, %bits : i32, vector<4xi32>
                } else {
                  scf.yield %c0, %no_bits : i32, vector<4xi32>
                }
                %ones = llvm.intr.ctpop(%of_group#1) : (vector<4xi32>) -> vector<4xi32>
                %mine = "llvm.intr.vector.reduce.add"(%ones) : (vector<4xi32>) -> i32
                %up_to_here = scf.for %d = %c0 to %c5 step %c1 iter_args(%sum = %mine) -> (i32) : i32 {
                  %distance = arith.shli %c1, %d : i32
                  %other = nvvm.shfl.sync up %all, %sum, %distance, %c0 : i32 -> i32
                  %has_other = arith.cmpi sge, %lane, %distance : i32
                  %more = arith.select %has_other, %other, %c0 : i32
                  %next = arith.addi %sum, %more : i32
                  scf.yield %next : i32
                }
                %number = nvvm.shfl.sync idx %all, %up_to_here, %c31, %c31 : i32 -> i32
                %some = arith.cmpi sgt, %number, %c0 : i32
                %fits = arith.cmpi sle, %number, %c256 : i32
                // All groups at once, or, if there are too many entries for the list, one at a time: of 128 all fit.
                %rounds_if_any = arith.select %fits, %c1, %c32 : i32
                %rounds = arith.select %some, %rounds_if_any, %c0 : i32
                %first_of_all = arith.subi %up_to_here, %mine : i32
                %first = arith.select %fits, %first_of_all, %c0 : i32
                %now:2 = scf.for %l = %c0 to %rounds step %c1 iter_args(%a1 = %a, %b1 = %b) -> (vector<8xf32>, vector<8xf32>) : i32 {
                  %of_one = nvvm.shfl.sync idx %all, %mine, %l, %c31 : i32 -> i32
                  %entries = arith.select %fits, %number, %of_one : i32
                  %is_it = arith.cmpi eq, %lane, %l : i32
                  %lists_its = arith.ori %fits, %is_it : i1
                  %has_entries = arith.cmpi sgt, %entries, %c0 : i32
                  %next:2 = scf.if %has_entries -> (vector<8xf32>, vector<8xf32>) {
                    scf.if %lists_its {
                      llvm.call @list_group(%of_group#1, %group, %of_group#0, %first, %list) : (vector<4xi32>, i32, i32, i32, !llvm.ptr<3>) -> ()
                    }
                    %s = llvm.call @add_list(%is_half, %list, %entries, %lane, %g, %g_stride, %rows, %row_units, %from0, %from1, %a1, %b1) : (i1, !llvm.ptr<3>, i32, i32, !llvm.ptr<1>, i64, !llvm.ptr<1>, i32, !llvm.ptr<1>, !llvm.ptr<1>, vector<8xf32>, vector<8xf32>) -> !llvm.struct<(vector<8xf32>, vector<8xf32>)>
                    %s0 = llvm.extractvalue %s[0] : !llvm.struct<(vector<8xf32>, vector<8xf32>)>
                    %s1 = llvm.extractvalue %s[1] : !llvm.struct<(vector<8xf32>, vector<8xf32>)>
                    scf.yield %s0, %s1 : vector<8xf32>, vector<8xf32>
                  } else {
                    scf.yield %a1, %b1 : vector<8xf32>, vector<8xf32>
                  }
                  scf.yield %next#0, %next#1 : vector<8xf32>, vector<8xf32>
                }
                scf.yield %now#0, %now#1 : vector<8xf32>, vector<8xf32>
              }
              scf.yield %over_groups#0, %over_groups#1 : vector<8xf32>, vector<8xf32>
            } else {
              scf.yield %zeros, %zeros : vector<8xf32>, vector<8xf32>
            }
            %class64 = arith.extui %class : i32 to i64
            %row_start = arith.muli %class64, %dc_stride : i64
            llvm.call @correct_and_store(%is_half, %sums#0, %factor, %tail0, %scale, %dc, %row_start, %column0, %hidden, %exists0) : (i1, vector<8xf32>, f32, vector<8xf32>, f32, !llvm.ptr<1>, i64, i32, i32, i1) -> ()
            llvm.call @correct_and_store(%is_half, %sums#1, %factor, %tail1, %scale, %dc, %row_start, %column1, %hidden, %exists1) : (i1, vector<8xf32>, f32, vector<8xf32>, f32, !llvm.ptr<1>, i64, i32, i32, i1) -> ()
          }
        }
      }
    }
    llvm.return
  }
}
