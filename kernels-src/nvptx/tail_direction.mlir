// The direction of the dropped tail: for every class the sum of the sample's probabilities, in order, of the tokens whose group
// does not list the class. A thread has two neighbouring classes, which share a word of the bitmap, and loads eight tokens at a time.
gpu.module @kernels {
  llvm.mlir.global internal @sample_words() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<128 x i64>

  llvm.func @tail_direction_bf16(%g_sample: !llvm.ptr<1>, %stride: i64, %needed: !llvm.ptr<1>, %heavy: !llvm.ptr<1>, %words: i32, %sample_group: !llvm.ptr<1>, %sample_count: !llvm.ptr<1>, %vocab: i32, %direction: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "tail_direction_bf16", target = "sm_90a", entry = "tail_direction_bf16", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "g_sample"},
         {kind = "scalar", buffer = "stride", type = "i64"},
         {kind = "pointer", buffer = "needed"},
         {kind = "pointer", buffer = "heavy"},
         {kind = "scalar", buffer = "words", type = "i32"},
         {kind = "pointer", buffer = "sample_group"},
         {kind = "pointer", buffer = "sample_count"},
         {kind = "scalar", buffer = "vocab", type = "i32"},
         {kind = "pointer", buffer = "direction"}]}} {
    %is_half = arith.constant false
    llvm.call @tail_direction(%is_half, %g_sample, %stride, %needed, %heavy, %words, %sample_group, %sample_count, %vocab, %direction) : (i1, !llvm.ptr<1>, i64, !llvm.ptr<1>, !llvm.ptr<1>, i32, !llvm.ptr<1>, !llvm.ptr<1>, i32, !llvm.ptr<1>) -> ()
    llvm.return
  }

  llvm.func @tail_direction_f16(%g_sample: !llvm.ptr<1>, %stride: i64, %needed: !llvm.ptr<1>, %heavy: !llvm.ptr<1>, %words: i32, %sample_group: !llvm.ptr<1>, %sample_count: !llvm.ptr<1>, %vocab: i32, %direction: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "tail_direction_f16", target = "sm_90a", entry = "tail_direction_f16", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "g_sample"},
         {kind = "scalar", buffer = "stride", type = "i64"},
         {kind = "pointer", buffer = "needed"},
         {kind = "pointer", buffer = "heavy"},
         {kind = "scalar", buffer = "words", type = "i32"},
         {kind = "pointer", buffer = "sample_group"},
         {kind = "pointer", buffer = "sample_count"},
         {kind = "scalar", buffer = "vocab", type = "i32"},
         {kind = "pointer", buffer = "direction"}]}} {
    %is_half = arith.constant true
    llvm.call @tail_direction(%is_half, %g_sample, %stride, %needed, %heavy, %words, %sample_group, %sample_count, %vocab, %direction) : (i1, !llvm.ptr<1>, i64, !llvm.ptr<1>, !llvm.ptr<1>, i32, !llvm.ptr<1>, !llvm.ptr<1>, i32, !llvm.ptr<1>) -> ()
    llvm.return
  }

  // The pair of token j (the last one's, beyond the count) and its word of the bitmap.
  llvm.func internal @load_pair(%j: i32, %last: i32, %classes: !llvm.ptr<1>, %stride: i64, %words: !llvm.ptr<1>) -> !llvm.struct<(i32, i32)> attributes {always_inline} {
    %at = arith.minsi %j, %last : i32
    %at64 = arith.extui %at : i32 to i64
    %starts = llvm.mlir.addressof @sample_words : !llvm.ptr<3>
    %ps = llvm.getelementptr %starts[%at64] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, i64
    %start = llvm.load %ps : !llvm.ptr<3> -> i64
    %row = arith.muli %at64, %stride : i64
    %pg = llvm.getelementptr %classes[%row] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
    %pw = llvm.getelementptr %words[%start] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
    %pair = llvm.load %pg {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %word = llvm.load %pw : !llvm.ptr<1> -> i32
    %none = llvm.mlir.undef : !llvm.struct<(i32, i32)>
    %some = llvm.insertvalue %pair, %none[0] : !llvm.struct<(i32, i32)>
    %both = llvm.insertvalue %word, %some[1] : !llvm.struct<(i32, i32)>
    llvm.return %both : !llvm.struct<(i32, i32)>
  }

  llvm.func internal @add_pair(%is_half: i1, %sum: vector<2xf32>, %loaded: !llvm.struct<(i32, i32)>, %bit: i32, %j: i32, %last: i32) -> vector<2xf32> attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %bits = arith.constant dense<[1, 2]> : vector<2xi32>
    %zeros = arith.constant dense<0> : vector<2xi32>
    %pair = llvm.extractvalue %loaded[0] : !llvm.struct<(i32, i32)>
    %word = llvm.extractvalue %loaded[1] : !llvm.struct<(i32, i32)>
    %x = scf.if %is_half -> (vector<2xf32>) {
      %h = llvm.bitcast %pair : i32 to vector<2xf16>
      %f = arith.extf %h : vector<2xf16> to vector<2xf32>
      scf.yield %f : vector<2xf32>
    } else {
      %h = llvm.bitcast %pair : i32 to vector<2xbf16>
      %f = arith.extf %h : vector<2xbf16> to vector<2xf32>
      scf.yield %f : vector<2xf32>
    }
    %more = arith.addf %sum, %x : vector<2xf32>
    // Beyond the sample every class counts as listed.
    %inside = arith.cmpi sle, %j, %last : i32
    %all = arith.constant -1 : i32
    %shifted = arith.shrui %word, %bit : i32
    %listed = arith.select %inside, %shifted, %all : i32
    %none = llvm.mlir.undef : vector<2xi32>
    %one = llvm.insertelement %listed, %none[%c0 : i32] : vector<2xi32>
    %two = llvm.shufflevector %one, %none [0, 0] : vector<2xi32>
    %masked = arith.andi %two, %bits : vector<2xi32>
    %takes = arith.cmpi eq, %masked, %zeros : vector<2xi32>
    %result = arith.select %takes, %more, %sum : vector<2xi1>, vector<2xf32>
    llvm.return %result : vector<2xf32>
  }

  llvm.func internal @tail_direction(%is_half: i1, %g_sample: !llvm.ptr<1>, %stride: i64, %needed: !llvm.ptr<1>, %heavy: !llvm.ptr<1>, %words: i32, %sample_group: !llvm.ptr<1>, %sample_count: !llvm.ptr<1>, %vocab: i32, %direction: !llvm.ptr<1>) attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c5 = arith.constant 5 : i32
    %c8 = arith.constant 8 : i32
    %c31 = arith.constant 31 : i32
    %c128 = arith.constant 128 : i32
    %c511 = arith.constant 511 : i32
    %c512 = arith.constant 512 : i32
    %zero = arith.constant 0.0 : f32
    %zeros = arith.constant dense<0.0> : vector<2xf32>
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %grid = nvvm.read.ptx.sreg.nctaid.x : i32
    %count = llvm.load %sample_count : !llvm.ptr<1> -> i32
    %works = arith.cmpi sge, %count, %c0 : i32
    scf.if %works {
      %last = arith.subi %count, %c1 : i32
      // Where the words of each token's group begin.
      %stages = arith.cmpi slt, %tid, %count : i32
      scf.if %stages {
        %pb = llvm.getelementptr %sample_group[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
        %b = llvm.load %pb : !llvm.ptr<1> -> i32
        %b64 = arith.extui %b : i32 to i64
        %words64 = arith.extui %words : i32 to i64
        %start = arith.muli %b64, %words64 : i64
        %starts = llvm.mlir.addressof @sample_words : !llvm.ptr<3>
        %ps = llvm.getelementptr %starts[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
        llvm.store %start, %ps : i64, !llvm.ptr<3>
      }
      nvvm.barrier
      %rounded = arith.addi %vocab, %c511 : i32
      %items = arith.divui %rounded, %c512 : i32
      scf.for %item = %block to %items step %grid : i32 {
        %first = arith.muli %item, %c512 : i32
        %mine = arith.muli %tid, %c2 : i32
        %v = arith.addi %first, %mine : i32
        %v64 = arith.extui %v : i32 to i64
        %next = arith.addi %v, %c1 : i32
        %inside = arith.cmpi slt, %v, %vocab : i32
        %next_inside = arith.cmpi slt, %next, %vocab : i32
        %sum = scf.if %inside -> (vector<2xf32>) {
          %classes = llvm.getelementptr %g_sample[%v64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
          %word = arith.shrui %v, %c5 : i32
          %bit = arith.andi %v, %c31 : i32
          %at = llvm.getelementptr %needed[%word] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
          %s = scf.for %j = %c0 to %count step %c8 iter_args(%s0 = %zeros) -> (vector<2xf32>) : i32 {
            %k0 = arith.constant 0 : i32
            %j0 = arith.addi %j, %k0 : i32
            %k1 = arith.constant 1 : i32
            %j1 = arith.addi %j, %k1 : i32
            %k2 = arith.constant 2 : i32
            %j2 = arith.addi %j, %k2 : i32
            %k3 = arith.constant 3 : i32
            %j3 = arith.addi %j, %k3 : i32
            %k4 = arith.constant 4 : i32
            %j4 = arith.addi %j, %k4 : i32
            %k5 = arith.constant 5 : i32
            %j5 = arith.addi %j, %k5 : i32
            %k6 = arith.constant 6 : i32
            %j6 = arith.addi %j, %k6 : i32
            %k7 = arith.constant 7 : i32
            %j7 = arith.addi %j, %k7 : i32
            %l0 = llvm.call @load_pair(%j0, %last, %classes, %stride, %at) : (i32, i32, !llvm.ptr<1>, i64, !llvm.ptr<1>) -> !llvm.struct<(i32, i32)>
            %l1 = llvm.call @load_pair(%j1, %last, %classes, %stride, %at) : (i32, i32, !llvm.ptr<1>, i64, !llvm.ptr<1>) -> !llvm.struct<(i32, i32)>
            %l2 = llvm.call @load_pair(%j2, %last, %classes, %stride, %at) : (i32, i32, !llvm.ptr<1>, i64, !llvm.ptr<1>) -> !llvm.struct<(i32, i32)>
            %l3 = llvm.call @load_pair(%j3, %last, %classes, %stride, %at) : (i32, i32, !llvm.ptr<1>, i64, !llvm.ptr<1>) -> !llvm.struct<(i32, i32)>
            %l4 = llvm.call @load_pair(%j4, %last, %classes, %stride, %at) : (i32, i32, !llvm.ptr<1>, i64, !llvm.ptr<1>) -> !llvm.struct<(i32, i32)>
            %l5 = llvm.call @load_pair(%j5, %last, %classes, %stride, %at) : (i32, i32, !llvm.ptr<1>, i64, !llvm.ptr<1>) -> !llvm.struct<(i32, i32)>
            %l6 = llvm.call @load_pair(%j6, %last, %classes, %stride, %at) : (i32, i32, !llvm.ptr<1>, i64, !llvm.ptr<1>) -> !llvm.struct<(i32, i32)>
            %l7 = llvm.call @load_pair(%j7, %last, %classes, %stride, %at) : (i32, i32, !llvm.ptr<1>, i64, !llvm.ptr<1>) -> !llvm.struct<(i32, i32)>
            %s1 = llvm.call @add_pair(%is_half, %s0, %l0, %bit, %j0, %last) : (i1, vector<2xf32>, !llvm.struct<(i32, i32)>, i32, i32, i32) -> vector<2xf32>
            %s2 = llvm.call @add_pair(%is_half, %s1, %l1, %bit, %j1, %last) : (i1, vector<2xf32>, !llvm.struct<(i32, i32)>, i32, i32, i32) -> vector<2xf32>
            %s3 = llvm.call @add_pair(%is_half, %s2, %l2, %bit, %j2, %last) : (i1, vector<2xf32>, !llvm.struct<(i32, i32)>, i32, i32, i32) -> vector<2xf32>
            %s4 = llvm.call @add_pair(%is_half, %s3, %l3, %bit, %j3, %last) : (i1, vector<2xf32>, !llvm.struct<(i32, i32)>, i32, i32, i32) -> vector<2xf32>
            %s5 = llvm.call @add_pair(%is_half, %s4, %l4, %bit, %j4, %last) : (i1, vector<2xf32>, !llvm.struct<(i32, i32)>, i32, i32, i32) -> vector<2xf32>
            %s6 = llvm.call @add_pair(%is_half, %s5, %l5, %bit, %j5, %last) : (i1, vector<2xf32>, !llvm.struct<(i32, i32)>, i32, i32, i32) -> vector<2xf32>
            %s7 = llvm.call @add_pair(%is_half, %s6, %l6, %bit, %j6, %last) : (i1, vector<2xf32>, !llvm.struct<(i32, i32)>, i32, i32, i32) -> vector<2xf32>
            %s8 = llvm.call @add_pair(%is_half, %s7, %l7, %bit, %j7, %last) : (i1, vector<2xf32>, !llvm.struct<(i32, i32)>, i32, i32, i32) -> vector<2xf32>
            scf.yield %s8 : vector<2xf32>
          }
          // Nothing of a heavy class is left out, whether or not a group needs it.
          %ph = llvm.getelementptr %heavy[%word] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
          %heavy_word = llvm.load %ph : !llvm.ptr<1> -> i32
          %heavy_bit = arith.shrui %heavy_word, %bit : i32
          %heavy_one = llvm.mlir.undef : vector<2xi32>
          %heavy_two = llvm.insertelement %heavy_bit, %heavy_one[%c0 : i32] : vector<2xi32>
          %heavy_both = llvm.shufflevector %heavy_two, %heavy_one [0, 0] : vector<2xi32>
          %pair_bits = arith.constant dense<[1, 2]> : vector<2xi32>
          %no_bits = arith.constant dense<0> : vector<2xi32>
          %heavy_masked = arith.andi %heavy_both, %pair_bits : vector<2xi32>
          %light = arith.cmpi eq, %heavy_masked, %no_bits : vector<2xi32>
          %left_out = arith.select %light, %s, %zeros : vector<2xi1>, vector<2xf32>
          scf.yield %left_out : vector<2xf32>
        } else {
          scf.yield %zeros : vector<2xf32>
        }
        // The padding behind an odd number of classes may hold anything.
        %low = llvm.extractelement %sum[%c0 : i32] : vector<2xf32>
        %high = llvm.extractelement %sum[%c1 : i32] : vector<2xf32>
        %second = arith.select %next_inside, %high, %zero : f32
        %pd = llvm.getelementptr %direction[%v64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %pn = llvm.getelementptr %pd[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
        llvm.store %low, %pd : f32, !llvm.ptr<1>
        llvm.store %second, %pn : f32, !llvm.ptr<1>
      }
    }
    llvm.return
  }
}
