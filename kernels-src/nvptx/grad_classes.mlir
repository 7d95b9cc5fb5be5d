// The gradient of the classifier for all classes but the heavy ones, from the listed logit gradients, every row written once by its owner. Few entries
// of a listed column count, and mark_entries has said which. A block has the 32 classes of a word. It counts their entries, a lane for each class and a
// quarter of the groups of tokens for each of its 4 warps; lists them in shared memory by class, in the order of the tokens, as many classes as there is
// room for, or one whose entries come piece by piece; and then adds up their rows of E: a warp one class and up to 512 columns at a time, 8 columns a lane
// in each half of the 512. So what it takes to find the entries, four loads that wait for each other, is waited for once for 32 classes.
gpu.module @kernels {
  // Up to 1024 entries: token and slot, then the row of E in units of 16 bytes and the factor.
  llvm.mlir.global internal @lists() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<2048 x i32>
  // How many entries the classes have in the groups of each warp.
  llvm.mlir.global internal @counts() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<128 x i32>

  llvm.func @grad_classes_bf16(%needed: !llvm.ptr<1>, %ranks: !llvm.ptr<1>, %heavy: !llvm.ptr<1>, %entry_bits: !llvm.ptr<1>, %words: i32, %slots: i32, %groups: i32, %g: !llvm.ptr<1>, %g_stride: i64, %e: !llvm.ptr<1>, %e_stride: i64, %rows: !llvm.ptr<1>, %count_filtered: !llvm.ptr<1>, %hidden: i32, %vocab: i32, %direction: !llvm.ptr<1>, %total: !llvm.ptr<1>, %tail: !llvm.ptr<1>, %correct: i32, %alpha: !llvm.ptr<1>, %dc: !llvm.ptr<1>, %dc_stride: i64)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>, nvvm.minctasm = 6 : i32, cce.manifest = {
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
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>, nvvm.minctasm = 6 : i32, cce.manifest = {
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

  // The light classes of the word that group `b` lists, and the slot of the first of them.
  llvm.func internal @listed(%needed: !llvm.ptr<1>, %ranks: !llvm.ptr<1>, %b: i32, %end: i32, %words: i64, %word: i64, %light: i32) -> !llvm.struct<(i32, i32)> attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %inside = arith.cmpi slt, %b, %end : i32
    %own, %rank = scf.if %inside -> (i32, i32) {
      %b64 = arith.extui %b : i32 to i64
      %row = arith.muli %b64, %words : i64
      %at = arith.addi %row, %word : i64
      %pn = llvm.getelementptr %needed[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      %pk = llvm.getelementptr %ranks[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      %w = llvm.load %pn : !llvm.ptr<1> -> i32
      %k = llvm.load %pk : !llvm.ptr<1> -> i32
      %mine = arith.andi %w, %light : i32
      scf.yield %mine, %k : i32, i32
    } else {
      scf.yield %c0, %c0 : i32, i32
    }
    %none = llvm.mlir.undef : !llvm.struct<(i32, i32)>
    %one = llvm.insertvalue %own, %none[0] : !llvm.struct<(i32, i32)>
    %both = llvm.insertvalue %rank, %one[1] : !llvm.struct<(i32, i32)>
    llvm.return %both : !llvm.struct<(i32, i32)>
  }

  // The slot of the lane's class in the list of a group, whose words lane `from` has, and which of the group's tokens have an entry there. Classes of
  // neighbouring lanes have neighbouring slots.
  llvm.func internal @entries_of(%own: i32, %rank: i32, %from: i32, %lane: i32, %wanted: i1, %first_group: i32, %slots: i32, %entry_bits: !llvm.ptr<1>) -> !llvm.struct<(i32, vector<4xi32>)> attributes {always_inline} {
    %c1 = arith.constant 1 : i32
    %c31 = arith.constant 31 : i32
    %all = arith.constant -1 : i32
    %no_bits = arith.constant dense<0> : vector<4xi32>
    %w = nvvm.shfl.sync idx %all, %own, %from, %c31 : i32 -> i32
    %first = nvvm.shfl.sync idx %all, %rank, %from, %c31 : i32 -> i32
    %shifted = arith.shrui %w, %lane : i32
    %is_listed = arith.trunci %shifted : i32 to i1
    %looks = arith.andi %is_listed, %wanted : i1
    %mask = arith.shli %c1, %lane : i32
    %below = arith.subi %mask, %c1 : i32
    %earlier = arith.andi %w, %below : i32
    %in_word = llvm.intr.ctpop(%earlier) : (i32) -> i32
    %slot = arith.addi %first, %in_word : i32
    %bits = scf.if %looks -> (vector<4xi32>) {
      %group = arith.addi %first_group, %from : i32
      %group64 = arith.extui %group : i32 to i64
      %slots64 = arith.extui %slots : i32 to i64
      %slot64 = arith.extui %slot : i32 to i64
      %start = arith.muli %group64, %slots64 : i64
      %place = arith.addi %start, %slot64 : i64
      %p = llvm.getelementptr %entry_bits[%place] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, !llvm.array<4 x i32>
      %x = llvm.load %p {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
      scf.yield %x : vector<4xi32>
    } else {
      scf.yield %no_bits : vector<4xi32>
    }
    %none = llvm.mlir.undef : !llvm.struct<(i32, vector<4xi32>)>
    %one = llvm.insertvalue %slot, %none[0] : !llvm.struct<(i32, vector<4xi32>)>
    %both = llvm.insertvalue %bits, %one[1] : !llvm.struct<(i32, vector<4xi32>)>
    llvm.return %both : !llvm.struct<(i32, vector<4xi32>)>
  }

  llvm.func internal @count(%bits: vector<4xi32>) -> i32 attributes {always_inline} {
    %ones = llvm.intr.ctpop(%bits) : (vector<4xi32>) -> vector<4xi32>
    %number = "llvm.intr.vector.reduce.add"(%ones) : (vector<4xi32>) -> i32
    llvm.return %number : i32
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

  // Rounds eight values once and stores those that are columns: all at once where rows are whole vectors of 16 bytes, else one by one.
  llvm.func internal @store_row(%is_half: i1, %values: vector<8xf32>, %to: !llvm.ptr<1>, %left: i32, %in_vectors: i1) attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c3 = arith.constant 3 : i32
    %c8 = arith.constant 8 : i32
    %raw = scf.if %is_half -> (vector<8xi16>) {
      %h = arith.truncf %values : vector<8xf32> to vector<8xf16>
      %r = llvm.bitcast %h : vector<8xf16> to vector<8xi16>
      scf.yield %r : vector<8xi16>
    } else {
      %h = arith.truncf %values : vector<8xf32> to vector<8xbf16>
      %r = llvm.bitcast %h : vector<8xbf16> to vector<8xi16>
      scf.yield %r : vector<8xi16>
    }
    scf.if %in_vectors {
      %four = llvm.bitcast %raw : vector<8xi16> to vector<4xi32>
      %w0 = llvm.extractelement %four[%c0 : i32] : vector<4xi32>
      %w1 = llvm.extractelement %four[%c1 : i32] : vector<4xi32>
      %w2 = llvm.extractelement %four[%c2 : i32] : vector<4xi32>
      %w3 = llvm.extractelement %four[%c3 : i32] : vector<4xi32>
      // Rows of dC are not read again here, those of E are.
      llvm.inline_asm has_side_effects "st.global.cs.v4.b32 [$0], {$1, $2, $3, $4};", "l,r,r,r,r" %to, %w0, %w1, %w2, %w3 : (!llvm.ptr<1>, i32, i32, i32, i32) -> ()
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

  // Puts a lane's tokens of one word of bits into the list, those whose places exist; returns the place behind them.
  llvm.func internal @list_tokens(%bits: i32, %first_token: i32, %slot: i32, %first: i32, %list: !llvm.ptr<3>) -> i32 attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %room = arith.constant 1024 : i32
    %end:2 = scf.while (%left = %bits, %place = %first) : (i32, i32) -> (i32, i32) {
      %more = arith.cmpi ne, %left, %c0 : i32
      scf.condition(%more) %left, %place : i32, i32
    } do {
    ^bb0(%left: i32, %place: i32):
      %lowest = "llvm.intr.cttz"(%left) <{is_zero_poison = true}> : (i32) -> i32
      %token = arith.addi %first_token, %lowest : i32
      // Before the piece: negative.
      %exists = arith.cmpi ult, %place, %room : i32
      scf.if %exists {
        llvm.call @put(%list, %place, %token, %slot) : (!llvm.ptr<3>, i32, i32, i32) -> ()
      }
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

  // All of a lane's tokens of a group; returns the place behind them.
  llvm.func internal @list_group(%bits: vector<4xi32>, %group: i32, %slot: i32, %first: i32, %list: !llvm.ptr<3>) -> i32 attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c4 = arith.constant 4 : i32
    %c32 = arith.constant 32 : i32
    %c128 = arith.constant 128 : i32
    %first_token = arith.muli %group, %c128 : i32
    %end:3 = scf.for %w = %c0 to %c4 step %c1 iter_args(%place = %first, %token = %first_token, %words = %bits) -> (i32, i32, vector<4xi32>) : i32 {
      %word = llvm.extractelement %words[%c0 : i32] : vector<4xi32>
      %behind = llvm.call @list_tokens(%word, %token, %slot, %place, %list) : (i32, i32, i32, i32, !llvm.ptr<3>) -> i32
      %next_token = arith.addi %token, %c32 : i32
      %shifted = llvm.shufflevector %words, %words [1, 2, 3, 0] : vector<4xi32>
      scf.yield %behind, %next_token, %shifted : i32, i32, vector<4xi32>
    }
    llvm.return %end#0 : i32
  }

  // In place of token and slot: where the token's row of E is, and the factor that it has.
  llvm.func internal @look_up(%is_half: i1, %list: !llvm.ptr<3>, %place: i32, %g: !llvm.ptr<1>, %g_stride: i64, %rows: !llvm.ptr<1>, %row_units: i32) attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %p = llvm.getelementptr %list[%place] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
    %pair = llvm.load %p {alignment = 8 : i64} : !llvm.ptr<3> -> vector<2xi32>
    %token = llvm.extractelement %pair[%c0 : i32] : vector<2xi32>
    %slot = llvm.extractelement %pair[%c1 : i32] : vector<2xi32>
    %token64 = arith.extui %token : i32 to i64
    %slot64 = arith.extui %slot : i32 to i64
    %start = arith.muli %token64, %g_stride : i64
    %at = arith.addi %start, %slot64 : i64
    %pg = llvm.getelementptr %g[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
    %pr = llvm.getelementptr %rows[%token64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
    %raw = llvm.load %pg : !llvm.ptr<1> -> i16
    %row = llvm.load %pr : !llvm.ptr<1> -> i32
    %factor = scf.if %is_half -> (f32) {
      %h = llvm.bitcast %raw : i16 to f16
      %x = arith.extf %h : f16 to f32
      scf.yield %x : f32
    } else {
      %h = llvm.bitcast %raw : i16 to bf16
      %x = arith.extf %h : bf16 to f32
      scf.yield %x : f32
    }
    %bits = llvm.bitcast %factor : f32 to i32
    %units = arith.muli %row, %row_units : i32
    llvm.call @put(%list, %place, %units, %bits) : (!llvm.ptr<3>, i32, i32, i32) -> ()
    llvm.return
  }

  // Entry `at` of a list, or behind its `last` that one once more, with a factor of 0: its row is finite if its sum is.
  llvm.func internal @entry(%list: !llvm.ptr<3>, %at: i32, %last: i32) -> !llvm.struct<(i32, i32)> attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %there = arith.minsi %at, %last : i32
    %p = llvm.getelementptr %list[%there] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
    %pair = llvm.load %p {alignment = 8 : i64} : !llvm.ptr<3> -> vector<2xi32>
    %units = llvm.extractelement %pair[%c0 : i32] : vector<2xi32>
    %bits = llvm.extractelement %pair[%c1 : i32] : vector<2xi32>
    %exists = arith.cmpi sle, %at, %last : i32
    %factor = arith.select %exists, %bits, %c0 : i32
    %none = llvm.mlir.undef : !llvm.struct<(i32, i32)>
    %one = llvm.insertvalue %units, %none[0] : !llvm.struct<(i32, i32)>
    %both = llvm.insertvalue %factor, %one[1] : !llvm.struct<(i32, i32)>
    llvm.return %both : !llvm.struct<(i32, i32)>
  }

  // Adds the rows of `number` entries to the sums of both halves, four at a time.
  llvm.func internal @add_rows(%is_half: i1, %list: !llvm.ptr<3>, %number: i32, %from0: !llvm.ptr<1>, %from1: !llvm.ptr<1>, %sum0: vector<8xf32>, %sum1: vector<8xf32>) -> !llvm.struct<(vector<8xf32>, vector<8xf32>)> attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c3 = arith.constant 3 : i32
    %c4 = arith.constant 4 : i32
    %last = arith.subi %number, %c1 : i32
    %sums:2 = scf.for %j = %c0 to %number step %c4 iter_args(%a0 = %sum0, %b0 = %sum1) -> (vector<8xf32>, vector<8xf32>) : i32 {
      %j1 = arith.addi %j, %c1 : i32
      %j2 = arith.addi %j, %c2 : i32
      %j3 = arith.addi %j, %c3 : i32
      %e0 = llvm.call @entry(%list, %j, %last) : (!llvm.ptr<3>, i32, i32) -> !llvm.struct<(i32, i32)>
      %e1 = llvm.call @entry(%list, %j1, %last) : (!llvm.ptr<3>, i32, i32) -> !llvm.struct<(i32, i32)>
      %e2 = llvm.call @entry(%list, %j2, %last) : (!llvm.ptr<3>, i32, i32) -> !llvm.struct<(i32, i32)>
      %e3 = llvm.call @entry(%list, %j3, %last) : (!llvm.ptr<3>, i32, i32) -> !llvm.struct<(i32, i32)>
      %r0 = llvm.extractvalue %e0[0] : !llvm.struct<(i32, i32)>
      %f0 = llvm.extractvalue %e0[1] : !llvm.struct<(i32, i32)>
      %r1 = llvm.extractvalue %e1[0] : !llvm.struct<(i32, i32)>
      %f1 = llvm.extractvalue %e1[1] : !llvm.struct<(i32, i32)>
      %r2 = llvm.extractvalue %e2[0] : !llvm.struct<(i32, i32)>
      %f2 = llvm.extractvalue %e2[1] : !llvm.struct<(i32, i32)>
      %r3 = llvm.extractvalue %e3[0] : !llvm.struct<(i32, i32)>
      %f3 = llvm.extractvalue %e3[1] : !llvm.struct<(i32, i32)>
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
    %s0 = llvm.mlir.undef : !llvm.struct<(vector<8xf32>, vector<8xf32>)>
    %s1 = llvm.insertvalue %sums#0, %s0[0] : !llvm.struct<(vector<8xf32>, vector<8xf32>)>
    %s2 = llvm.insertvalue %sums#1, %s1[1] : !llvm.struct<(vector<8xf32>, vector<8xf32>)>
    llvm.return %s2 : !llvm.struct<(vector<8xf32>, vector<8xf32>)>
  }

  llvm.func internal @correct_and_store(%is_half: i1, %sum: vector<8xf32>, %factor: f32, %r: vector<8xf32>, %scale: f32, %column: !llvm.ptr<1>, %row_start: i64, %left: i32, %in_vectors: i1) attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %exists = arith.cmpi sgt, %left, %c0 : i32
    scf.if %exists {
      %factors = llvm.call @splat(%factor) : (f32) -> vector<8xf32>
      %scales = llvm.call @splat(%scale) : (f32) -> vector<8xf32>
      %corrected = llvm.intr.fma(%factors, %r, %sum) : (vector<8xf32>, vector<8xf32>, vector<8xf32>) -> vector<8xf32>
      %scaled = arith.mulf %corrected, %scales : vector<8xf32>
      %to = llvm.getelementptr %column[%row_start] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
      llvm.call @store_row(%is_half, %scaled, %to, %left, %in_vectors) : (i1, vector<8xf32>, !llvm.ptr<1>, i32, i1) -> ()
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
    %c128 = arith.constant 128 : i32
    %c31 = arith.constant 31 : i32
    %c32 = arith.constant 32 : i32
    %c63 = arith.constant 63 : i32
    %cm64 = arith.constant -64 : i32
    %c256 = arith.constant 256 : i32
    %c511 = arith.constant 511 : i32
    %c512 = arith.constant 512 : i32
    %room = arith.constant 1024 : i32
    %all = arith.constant -1 : i32
    %true = arith.constant true
    %l0 = arith.constant 0 : i64
    %l3 = arith.constant 3 : i64
    %l7 = arith.constant 7 : i64
    %l15 = arith.constant 15 : i64
    %zero = arith.constant 0.0 : f32
    %zeros = arith.constant dense<0.0> : vector<8xf32>
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %lane = arith.andi %tid, %c31 : i32
    %warp = arith.shrui %tid, %c5 : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %grid = nvvm.read.ptx.sreg.nctaid.x : i32
    %list = llvm.mlir.addressof @lists : !llvm.ptr<3>
    %counts = llvm.mlir.addressof @counts : !llvm.ptr<3>
    %my_count = llvm.getelementptr %counts[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
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
      // The warp's groups.
      %g3 = arith.addi %groups, %c3 : i32
      %share = arith.divui %g3, %c4 : i32
      %own_begin = arith.muli %warp, %share : i32
      %own_end = arith.addi %own_begin, %share : i32
      %begin = arith.minsi %own_begin, %groups : i32
      %end = arith.minsi %own_end, %groups : i32
      %mine0 = arith.muli %lane, %c8 : i32
      %mine1 = arith.addi %mine0, %c256 : i32
      %in_split0 = arith.cmpi slt, %mine0, %width : i32
      %in_split1 = arith.cmpi slt, %mine1, %width : i32
      %classes_on = arith.divui %c4, %splits : i32
      %splits_on = arith.remui %c4, %splits : i32
      // Every row of dC begins at a multiple of 16 bytes and ends with eight columns.
      %dc_address = llvm.ptrtoint %dc : !llvm.ptr<1> to i64
      %dc_low = arith.andi %dc_address, %l15 : i64
      %stride_low = arith.andi %dc_stride, %l7 : i64
      %hidden_low = arith.andi %hidden, %c7 : i32
      %hidden_low64 = arith.extui %hidden_low : i32 to i64
      %lows = arith.ori %dc_low, %stride_low : i64
      %all_lows = arith.ori %lows, %hidden_low64 : i64
      %in_vectors = arith.cmpi eq, %all_lows, %l0 : i64
      scf.for %word32 = %block to %used_words step %grid : i32 {
        %word = arith.extui %word32 : i32 to i64
        %first_class = arith.muli %word32, %c32 : i32
        // Heavy classes have been written already, by the dense product.
        %ph = llvm.getelementptr %heavy[%word] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
        %heavy_word = llvm.load %ph : !llvm.ptr<1> -> i32
        %light = arith.xori %heavy_word, %all : i32
        %my_class = arith.addi %first_class, %lane : i32
        %my_inside = arith.cmpi slt, %my_class, %vocab : i32
        %has_factor = arith.andi %my_inside, %corrects : i1
        %my_factor = scf.if %has_factor -> (f32) {
          %my_class64 = arith.extui %my_class : i32 to i64
          %p = llvm.getelementptr %direction[%my_class64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
          %q = llvm.load %p : !llvm.ptr<1> -> f32
          %f = arith.divf %q, %sum_of_direction : f32
          scf.yield %f : f32
        } else {
          scf.yield %zero : f32
        }
        // How many entries there are; four groups are asked for at the same time.
        %mine = scf.for %base = %begin to %end step %c32 iter_args(%before_base = %c0) -> (i32) : i32 {
          %b = arith.addi %base, %lane : i32
          %both = llvm.call @listed(%needed, %ranks, %b, %end, %words64, %word, %light) : (!llvm.ptr<1>, !llvm.ptr<1>, i32, i32, i64, i64, i32) -> !llvm.struct<(i32, i32)>
          %own = llvm.extractvalue %both[0] : !llvm.struct<(i32, i32)>
          %rank = llvm.extractvalue %both[1] : !llvm.struct<(i32, i32)>
          %left = arith.subi %end, %base : i32
          %number = arith.minsi %left, %c32 : i32
          %with_base = scf.for %j = %c0 to %number step %c4 iter_args(%before_j = %before_base) -> (i32) : i32 {
            %j1 = arith.addi %j, %c1 : i32
            %j2 = arith.addi %j, %c2 : i32
            %j3 = arith.addi %j, %c3 : i32
            %of0 = llvm.call @entries_of(%own, %rank, %j, %lane, %true, %base, %slots, %entry_bits) : (i32, i32, i32, i32, i1, i32, i32, !llvm.ptr<1>) -> !llvm.struct<(i32, vector<4xi32>)>
            %of1 = llvm.call @entries_of(%own, %rank, %j1, %lane, %true, %base, %slots, %entry_bits) : (i32, i32, i32, i32, i1, i32, i32, !llvm.ptr<1>) -> !llvm.struct<(i32, vector<4xi32>)>
            %of2 = llvm.call @entries_of(%own, %rank, %j2, %lane, %true, %base, %slots, %entry_bits) : (i32, i32, i32, i32, i1, i32, i32, !llvm.ptr<1>) -> !llvm.struct<(i32, vector<4xi32>)>
            %of3 = llvm.call @entries_of(%own, %rank, %j3, %lane, %true, %base, %slots, %entry_bits) : (i32, i32, i32, i32, i1, i32, i32, !llvm.ptr<1>) -> !llvm.struct<(i32, vector<4xi32>)>
            %b0 = llvm.extractvalue %of0[1] : !llvm.struct<(i32, vector<4xi32>)>
            %b1 = llvm.extractvalue %of1[1] : !llvm.struct<(i32, vector<4xi32>)>
            %b2 = llvm.extractvalue %of2[1] : !llvm.struct<(i32, vector<4xi32>)>
            %b3 = llvm.extractvalue %of3[1] : !llvm.struct<(i32, vector<4xi32>)>
            %n0 = llvm.call @count(%b0) : (vector<4xi32>) -> i32
            %n1 = llvm.call @count(%b1) : (vector<4xi32>) -> i32
            %n2 = llvm.call @count(%b2) : (vector<4xi32>) -> i32
            %n3 = llvm.call @count(%b3) : (vector<4xi32>) -> i32
            %n01 = arith.addi %n0, %n1 : i32
            %n23 = arith.addi %n2, %n3 : i32
            %four = arith.addi %n01, %n23 : i32
            %more = arith.addi %before_j, %four : i32
            scf.yield %more : i32
          }
          scf.yield %with_base : i32
        }
        llvm.store %mine, %my_count : i32, !llvm.ptr<3>
        nvvm.barrier
        // Of the lane's class: all entries, and those of the groups of earlier warps.
        %total_of_class, %earlier = scf.for %w = %c0 to %c4 step %c1 iter_args(%sum = %c0, %sum_earlier = %c0) -> (i32, i32) : i32 {
          %row = arith.muli %w, %c32 : i32
          %at = arith.addi %row, %lane : i32
          %p = llvm.getelementptr %counts[%at] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
          %x = llvm.load %p : !llvm.ptr<3> -> i32
          %is_earlier = arith.cmpi slt, %w, %warp : i32
          %x_earlier = arith.select %is_earlier, %x, %c0 : i32
          %more = arith.addi %sum, %x : i32
          %more_earlier = arith.addi %sum_earlier, %x_earlier : i32
          scf.yield %more, %more_earlier : i32, i32
        }
        // Entries are numbered class by class: those of the lane's class from `start` to `behind`.
        %behind = scf.for %d = %c0 to %c5 step %c1 iter_args(%sum = %total_of_class) -> (i32) : i32 {
          %distance = arith.shli %c1, %d : i32
          %other = nvvm.shfl.sync up %all, %sum, %distance, %c0 : i32 -> i32
          %has_other = arith.cmpi sge, %lane, %distance : i32
          %more = arith.select %has_other, %other, %c0 : i32
          %next = arith.addi %sum, %more : i32
          scf.yield %next : i32
        }
        %start = arith.subi %behind, %total_of_class : i32
        %my_first = arith.addi %start, %earlier : i32
        // As many classes as have room in the list, or one in several rounds.
        %done = scf.while (%k0 = %c0) : (i32) -> (i32) {
          %more = arith.cmpi slt, %k0, %c32 : i32
          scf.condition(%more) %k0 : i32
        } do {
        ^bb0(%k0: i32):
          %first_entry = nvvm.shfl.sync idx %all, %start, %k0, %c31 : i32 -> i32
          %up_to_here = arith.subi %behind, %first_entry : i32
          %fits = arith.cmpi sle, %up_to_here, %room : i32
          %is_later = arith.cmpi sge, %lane, %k0 : i32
          %takes_part = arith.andi %fits, %is_later : i1
          %ballot = nvvm.vote.sync ballot %all, %takes_part -> i32
          %fitting = llvm.intr.ctpop(%ballot) : (i32) -> i32
          %classes = arith.maxsi %fitting, %c1 : i32
          %k1 = arith.addi %k0, %classes : i32
          %last_lane = arith.subi %k1, %c1 : i32
          %end_entry = nvvm.shfl.sync idx %all, %behind, %last_lane, %c31 : i32 -> i32
          %entries = arith.subi %end_entry, %first_entry : i32
          %is_before_end = arith.cmpi slt, %lane, %k1 : i32
          %is_mine = arith.andi %is_later, %is_before_end : i1
          %e0 = arith.addi %entries, %room : i32
          %e1 = arith.subi %e0, %c1 : i32
          %full_rounds = arith.divui %e1, %room : i32
          %rounds = arith.maxsi %full_rounds, %c1 : i32
          // Neighbouring warps have neighbouring columns of a class: some classes have many entries, and all warps share them. A class that takes
          // several rounds keeps its sums in registers, so a warp has one split of it at a time.
          %pairs = arith.muli %classes, %splits : i32
          %is_long = arith.cmpi sgt, %rounds, %c1 : i32
          %a_pass = arith.select %is_long, %c4, %pairs : i32
          scf.for %first_pair = %c0 to %pairs step %a_pass : i32 {
            %pass_end = arith.addi %first_pair, %a_pass : i32
            %end_pair = arith.minsi %pass_end, %pairs : i32
            %my_pair = arith.addi %first_pair, %warp : i32
            %first_in_batch = arith.divui %my_pair, %splits : i32
            %first_split = arith.remui %my_pair, %splits : i32
            %over_rounds:2 = scf.for %round = %c0 to %rounds step %c1 iter_args(%sum0 = %zeros, %sum1 = %zeros) -> (vector<8xf32>, vector<8xf32>) : i32 {
              %in_rounds = arith.muli %round, %room : i32
              %first_in_list = arith.addi %first_entry, %in_rounds : i32
              %rest = arith.subi %end_entry, %first_in_list : i32
              %in_list = arith.minsi %rest, %room : i32
              // Everyone is done with the last list, and has read the counts.
              nvvm.barrier
              %has_entries = arith.cmpi sgt, %entries, %c0 : i32
              scf.if %has_entries {
                %my_place = arith.subi %my_first, %first_in_list : i32
                %listed = scf.for %base = %begin to %end step %c32 iter_args(%place_of_base = %my_place) -> (i32) : i32 {
                  %b = arith.addi %base, %lane : i32
                  %both = llvm.call @listed(%needed, %ranks, %b, %end, %words64, %word, %light) : (!llvm.ptr<1>, !llvm.ptr<1>, i32, i32, i64, i64, i32) -> !llvm.struct<(i32, i32)>
                  %own = llvm.extractvalue %both[0] : !llvm.struct<(i32, i32)>
                  %rank = llvm.extractvalue %both[1] : !llvm.struct<(i32, i32)>
                  %left = arith.subi %end, %base : i32
                  %number = arith.minsi %left, %c32 : i32
                  %place_behind = scf.for %j = %c0 to %number step %c1 iter_args(%place = %place_of_base) -> (i32) : i32 {
                    %of = llvm.call @entries_of(%own, %rank, %j, %lane, %is_mine, %base, %slots, %entry_bits) : (i32, i32, i32, i32, i1, i32, i32, !llvm.ptr<1>) -> !llvm.struct<(i32, vector<4xi32>)>
                    %slot = llvm.extractvalue %of[0] : !llvm.struct<(i32, vector<4xi32>)>
                    %bits = llvm.extractvalue %of[1] : !llvm.struct<(i32, vector<4xi32>)>
                    %group = arith.addi %base, %j : i32
                    %next = llvm.call @list_group(%bits, %group, %slot, %place, %list) : (vector<4xi32>, i32, i32, i32, !llvm.ptr<3>) -> i32
                    scf.yield %next : i32
                  }
                  scf.yield %place_behind : i32
                }
                nvvm.barrier
                scf.for %i = %tid to %in_list step %c128 : i32 {
                  llvm.call @look_up(%is_half, %list, %i, %g, %g_stride, %rows, %row_units) : (i1, !llvm.ptr<3>, i32, !llvm.ptr<1>, i64, !llvm.ptr<1>, i32) -> ()
                }
                nvvm.barrier
              }
              %is_first_round = arith.cmpi eq, %round, %c0 : i32
              %next_round = arith.addi %round, %c1 : i32
              %is_last_round = arith.cmpi eq, %next_round, %rounds : i32
              %over_pairs:4 = scf.for %pair = %my_pair to %end_pair step %c4 iter_args(%before0 = %sum0, %before1 = %sum1, %in_batch = %first_in_batch, %split = %first_split) -> (vector<8xf32>, vector<8xf32>, i32, i32) : i32 {
                %first_column = arith.muli %split, %width : i32
                %column0 = arith.addi %first_column, %mine0 : i32
                %column1 = arith.addi %first_column, %mine1 : i32
                %left_of0 = arith.subi %hidden, %column0 : i32
                %left_of1 = arith.subi %hidden, %column1 : i32
                %left0 = arith.select %in_split0, %left_of0, %c0 : i32
                %left1 = arith.select %in_split1, %left_of1, %c0 : i32
                %exists0 = arith.cmpi sgt, %left0, %c0 : i32
                %exists1 = arith.cmpi sgt, %left1, %c0 : i32
                %bit = arith.addi %k0, %in_batch : i32
                %class = arith.addi %first_class, %bit : i32
                %factor = nvvm.shfl.sync idx %all, %my_factor, %bit, %c31 : f32 -> f32
                %class_start = nvvm.shfl.sync idx %all, %start, %bit, %c31 : i32 -> i32
                %class_behind = nvvm.shfl.sync idx %all, %behind, %bit, %c31 : i32 -> i32
                %exists = arith.cmpi slt, %class, %vocab : i32
                %light_bit = arith.shrui %light, %bit : i32
                %is_light = arith.trunci %light_bit : i32 to i1
                %is_class = arith.andi %exists, %is_light : i1
                %sums:2 = scf.if %is_class -> (vector<8xf32>, vector<8xf32>) {
                  // Lanes without columns read along at column 0, and keep nothing of it.
                  %read0 = arith.select %exists0, %column0, %c0 : i32
                  %read1 = arith.select %exists1, %column1, %c0 : i32
                  %from0 = llvm.getelementptr %e[%read0] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i16
                  %from1 = llvm.getelementptr %e[%read1] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i16
                  %from_start = arith.subi %class_start, %first_in_list : i32
                  %list_first = arith.maxsi %from_start, %c0 : i32
                  %to_end = arith.subi %class_behind, %first_in_list : i32
                  %list_end = arith.minsi %to_end, %room : i32
                  %number = arith.subi %list_end, %list_first : i32
                  %of_class = llvm.getelementptr %list[%list_first] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
                  %a0 = arith.select %is_first_round, %zeros, %before0 : vector<8xf32>
                  %a1 = arith.select %is_first_round, %zeros, %before1 : vector<8xf32>
                  %s = llvm.call @add_rows(%is_half, %of_class, %number, %from0, %from1, %a0, %a1) : (i1, !llvm.ptr<3>, i32, !llvm.ptr<1>, !llvm.ptr<1>, vector<8xf32>, vector<8xf32>) -> !llvm.struct<(vector<8xf32>, vector<8xf32>)>
                  %s0 = llvm.extractvalue %s[0] : !llvm.struct<(vector<8xf32>, vector<8xf32>)>
                  %s1 = llvm.extractvalue %s[1] : !llvm.struct<(vector<8xf32>, vector<8xf32>)>
                  scf.if %is_last_round {
                    %tails0 = arith.andi %exists0, %corrects : i1
                    %tails1 = arith.andi %exists1, %corrects : i1
                    %tail0 = llvm.call @load_tail(%tail, %column0, %tails0) : (!llvm.ptr<1>, i32, i1) -> vector<8xf32>
                    %tail1 = llvm.call @load_tail(%tail, %column1, %tails1) : (!llvm.ptr<1>, i32, i1) -> vector<8xf32>
                    %to0 = llvm.getelementptr %dc[%column0] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i16
                    %to1 = llvm.getelementptr %dc[%column1] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i16
                    %class64 = arith.extui %class : i32 to i64
                    %row_start = arith.muli %class64, %dc_stride : i64
                    llvm.call @correct_and_store(%is_half, %s0, %factor, %tail0, %scale, %to0, %row_start, %left0, %in_vectors) : (i1, vector<8xf32>, f32, vector<8xf32>, f32, !llvm.ptr<1>, i64, i32, i1) -> ()
                    llvm.call @correct_and_store(%is_half, %s1, %factor, %tail1, %scale, %to1, %row_start, %left1, %in_vectors) : (i1, vector<8xf32>, f32, vector<8xf32>, f32, !llvm.ptr<1>, i64, i32, i1) -> ()
                  }
                  scf.yield %s0, %s1 : vector<8xf32>, vector<8xf32>
                } else {
                  scf.yield %before0, %before1 : vector<8xf32>, vector<8xf32>
                }
                // Four pairs on.
                %split_on = arith.addi %split, %splits_on : i32
                %in_batch_on = arith.addi %in_batch, %classes_on : i32
                %is_behind = arith.cmpi sge, %split_on, %splits : i32
                %split_before = arith.subi %split_on, %splits : i32
                %in_batch_next = arith.addi %in_batch_on, %c1 : i32
                %next_split = arith.select %is_behind, %split_before, %split_on : i32
                %next_in_batch = arith.select %is_behind, %in_batch_next, %in_batch_on : i32
                scf.yield %sums#0, %sums#1, %next_in_batch, %next_split : vector<8xf32>, vector<8xf32>, i32, i32
              }
              scf.yield %over_pairs#0, %over_pairs#1 : vector<8xf32>, vector<8xf32>
            }
          }
          scf.yield %k1 : i32
        }
      }
    }
    llvm.return
  }
}
