// Merges the states of the splits, finishes loss and log-sum-exp, and reduces in a fixed order, by one cluster of 8 blocks: thread t of
// block b adds up tokens 1024 b + t, 8192 + 1024 b + t, ..., in f64, then the threads of a block are added as a tree, and the blocks in order
// by the first. States are (maximum, sum), to base 2. Where tokens come in chunks, `total` of them in all, the sum is kept from one to the
// next, and the loss is that of all so far.
gpu.module @kernels {
  llvm.mlir.global internal @sums() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1024 x f64>
  // Of the blocks; in the first one.
  llvm.mlir.global internal @block_sums() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<8 x f64>

  llvm.func @finish_loss(%partial: !llvm.ptr<1>, %splits: i32, %padded: i32, %label_logit: !llvm.ptr<1>, %rows: !llvm.ptr<1>, %count: !llvm.ptr<1>, %reduction: i32, %error: !llvm.ptr<1>, %lse_or_null: !llvm.ptr<1>, %loss: !llvm.ptr<1>, %total: !llvm.ptr<1>, %sum_or_null: !llvm.ptr<1>, %has_sum: i32)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 1024, 1, 1>, nvvm.cluster_dim = array<i32: 8, 1, 1>, cce.manifest = {
      kernel = "finish_loss", target = "sm_90a", entry = "finish_loss", threads = 1024 : i64, cluster = 8 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "partial"},
         {kind = "scalar", buffer = "splits", type = "i32"},
         {kind = "scalar", buffer = "padded", type = "i32"},
         {kind = "pointer", buffer = "label_logit"},
         {kind = "pointer", buffer = "rows"},
         {kind = "pointer", buffer = "count"},
         {kind = "scalar", buffer = "reduction", type = "i32"},
         {kind = "pointer", buffer = "error"},
         {kind = "pointer", buffer = "lse_or_null"},
         {kind = "pointer", buffer = "loss"},
         {kind = "pointer", buffer = "total"},
         {kind = "pointer", buffer = "sum_or_null"},
         {kind = "scalar", buffer = "has_sum", type = "i32"}]}} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c3 = arith.constant 3 : i32
    %c4 = arith.constant 4 : i32
    %c5 = arith.constant 5 : i32
    %c6 = arith.constant 6 : i32
    %c7 = arith.constant 7 : i32
    %c8 = arith.constant 8 : i32
    %c512 = arith.constant 512 : i32
    %c1024 = arith.constant 1024 : i32
    %c10 = arith.constant 10 : i32
    %zero = arith.constant 0.0 : f32
    %zero64 = arith.constant 0.0 : f64
    %empty = arith.constant 0xFF800000 : f32
    %ln2 = arith.constant 0.693147182 : f32
    %nan = arith.constant 0x7FC00000 : f32
    %null = llvm.mlir.zero : !llvm.ptr<1>
    // The first block has to run when others write to its memory; they wait before they do. No memory is ordered by this arrival.
    nvvm.cluster.arrive.relaxed
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %before_block = arith.muli %rank, %c1024 : i32
    %first = arith.addi %before_block, %tid : i32
    %n = llvm.load %count : !llvm.ptr<1> -> i32
    // In 64 bits: a step is more than extents leave free below 2^31.
    %first64 = arith.extui %first : i32 to i64
    %end = arith.extsi %n : i32 to i64
    %step = arith.constant 8192 : i64
    %per_token = arith.cmpi eq, %reduction, %c0 : i32
    %wants_lse = llvm.icmp "ne" %lse_or_null, %null : !llvm.ptr<1>
    %sum = scf.for %i64 = %first64 to %end step %step iter_args(%acc = %zero64) -> (f64) : i64 {
      %i = arith.trunci %i64 : i64 to i32
      // Eight states at a time: all are asked for before the first is looked at.
      %state:2 = scf.for %s = %c0 to %splits step %c8 iter_args(%m = %empty, %t = %zero) -> (f32, f32) : i32 {
        %s1 = arith.addi %s, %c1 : i32
        %s2 = arith.addi %s, %c2 : i32
        %s3 = arith.addi %s, %c3 : i32
        %s4 = arith.addi %s, %c4 : i32
        %s5 = arith.addi %s, %c5 : i32
        %s6 = arith.addi %s, %c6 : i32
        %s7 = arith.addi %s, %c7 : i32
        %x0 = llvm.call @load_state(%partial, %s, %splits, %padded, %i) : (!llvm.ptr<1>, i32, i32, i32, i32) -> vector<2xf32>
        %x1 = llvm.call @load_state(%partial, %s1, %splits, %padded, %i) : (!llvm.ptr<1>, i32, i32, i32, i32) -> vector<2xf32>
        %x2 = llvm.call @load_state(%partial, %s2, %splits, %padded, %i) : (!llvm.ptr<1>, i32, i32, i32, i32) -> vector<2xf32>
        %x3 = llvm.call @load_state(%partial, %s3, %splits, %padded, %i) : (!llvm.ptr<1>, i32, i32, i32, i32) -> vector<2xf32>
        %x4 = llvm.call @load_state(%partial, %s4, %splits, %padded, %i) : (!llvm.ptr<1>, i32, i32, i32, i32) -> vector<2xf32>
        %x5 = llvm.call @load_state(%partial, %s5, %splits, %padded, %i) : (!llvm.ptr<1>, i32, i32, i32, i32) -> vector<2xf32>
        %x6 = llvm.call @load_state(%partial, %s6, %splits, %padded, %i) : (!llvm.ptr<1>, i32, i32, i32, i32) -> vector<2xf32>
        %x7 = llvm.call @load_state(%partial, %s7, %splits, %padded, %i) : (!llvm.ptr<1>, i32, i32, i32, i32) -> vector<2xf32>
        %m0 = llvm.extractelement %x0[%c0 : i32] : vector<2xf32>
        %m1 = llvm.extractelement %x1[%c0 : i32] : vector<2xf32>
        %m2 = llvm.extractelement %x2[%c0 : i32] : vector<2xf32>
        %m3 = llvm.extractelement %x3[%c0 : i32] : vector<2xf32>
        %m4 = llvm.extractelement %x4[%c0 : i32] : vector<2xf32>
        %m5 = llvm.extractelement %x5[%c0 : i32] : vector<2xf32>
        %m6 = llvm.extractelement %x6[%c0 : i32] : vector<2xf32>
        %m7 = llvm.extractelement %x7[%c0 : i32] : vector<2xf32>
        %a0 = arith.maxnumf %m, %m0 : f32
        %a1 = arith.maxnumf %m1, %m2 : f32
        %a2 = arith.maxnumf %m3, %m4 : f32
        %a3 = arith.maxnumf %m5, %m6 : f32
        %b0 = arith.maxnumf %a0, %a1 : f32
        %b1 = arith.maxnumf %a2, %a3 : f32
        %d0 = arith.maxnumf %b0, %b1 : f32
        %larger = arith.maxnumf %d0, %m7 : f32
        // -inf - -inf would be NaN; nothing has been seen then, and all sums are 0.
        %is_empty = arith.cmpf oeq, %larger, %empty : f32
        %shift = arith.select %is_empty, %zero, %larger : f32
        %before = arith.subf %m, %shift : f32
        %rescale = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%before) : (f32) -> f32
        %kept = arith.mulf %t, %rescale : f32
        %t0 = llvm.call @add_state(%kept, %x0, %shift) : (f32, vector<2xf32>, f32) -> f32
        %t1 = llvm.call @add_state(%t0, %x1, %shift) : (f32, vector<2xf32>, f32) -> f32
        %t2 = llvm.call @add_state(%t1, %x2, %shift) : (f32, vector<2xf32>, f32) -> f32
        %t3 = llvm.call @add_state(%t2, %x3, %shift) : (f32, vector<2xf32>, f32) -> f32
        %t4 = llvm.call @add_state(%t3, %x4, %shift) : (f32, vector<2xf32>, f32) -> f32
        %t5 = llvm.call @add_state(%t4, %x5, %shift) : (f32, vector<2xf32>, f32) -> f32
        %t6 = llvm.call @add_state(%t5, %x6, %shift) : (f32, vector<2xf32>, f32) -> f32
        %t7 = llvm.call @add_state(%t6, %x7, %shift) : (f32, vector<2xf32>, f32) -> f32
        scf.yield %larger, %t7 : f32, f32
      }
      %log_sum = llvm.call @log_of(%state#0, %state#1) : (f32, f32) -> f32
      %lse = arith.mulf %log_sum, %ln2 : f32
      %pz = llvm.getelementptr %label_logit[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %z = llvm.load %pz : !llvm.ptr<1> -> f32
      %nll = arith.subf %lse, %z : f32
      %prow = llvm.getelementptr %rows[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      %row = llvm.load %prow : !llvm.ptr<1> -> i32
      %row64 = arith.extui %row : i32 to i64
      scf.if %wants_lse {
        %p = llvm.getelementptr %lse_or_null[%row64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        llvm.store %lse, %p : f32, !llvm.ptr<1>
      }
      scf.if %per_token {
        %p = llvm.getelementptr %loss[%row64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        llvm.store %nll, %p : f32, !llvm.ptr<1>
      }
      %wide = arith.extf %nll : f32 to f64
      %more = arith.addf %acc, %wide : f64
      scf.yield %more : f64
    }
    %sums = llvm.mlir.addressof @sums : !llvm.ptr<3>
    %mine = llvm.getelementptr %sums[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f64
    llvm.store %sum, %mine : f64, !llvm.ptr<3>
    nvvm.barrier
    %last = scf.for %k = %c0 to %c10 step %c1 iter_args(%half = %c512) -> (i32) : i32 {
      %adds = arith.cmpi slt, %tid, %half : i32
      scf.if %adds {
        %other = arith.addi %tid, %half : i32
        %po = llvm.getelementptr %sums[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f64
        %a = llvm.load %mine : !llvm.ptr<3> -> f64
        %b = llvm.load %po : !llvm.ptr<3> -> f64
        %s = arith.addf %a, %b : f64
        llvm.store %s, %mine : f64, !llvm.ptr<3>
      }
      nvvm.barrier
      %smaller = arith.shrui %half, %c1 : i32
      scf.yield %smaller : i32
    }
    nvvm.cluster.wait
    %block_sums = llvm.mlir.addressof @block_sums : !llvm.ptr<3>
    %leader = arith.cmpi eq, %tid, %c0 : i32
    scf.if %leader {
      %of_block = llvm.load %mine : !llvm.ptr<3> -> f64
      %of_first = nvvm.mapa %block_sums, %c0 : !llvm.ptr<3> -> !llvm.ptr<7>
      %p = llvm.getelementptr %of_first[%rank] : (!llvm.ptr<7>, i32) -> !llvm.ptr<7>, f64
      llvm.store %of_block, %p : f64, !llvm.ptr<7>
    }
    nvvm.cluster.arrive
    nvvm.cluster.wait
    %is_first = arith.cmpi eq, %first, %c0 : i32
    %reduced = arith.cmpi ne, %reduction, %c0 : i32
    %writes = arith.andi %is_first, %reduced : i1
    scf.if %writes {
      // Added from the first to the last.
      %of_blocks = llvm.load %block_sums {alignment = 16 : i64} : !llvm.ptr<3> -> vector<8xf64>
      %here = "llvm.intr.vector.reduce.fadd"(%zero64, %of_blocks) : (f64, vector<8xf64>) -> f64
      %keeps_sum = llvm.icmp "ne" %sum_or_null, %null : !llvm.ptr<1>
      %adds_sum = arith.cmpi ne, %has_sum, %c0 : i32
      %so_far = scf.if %keeps_sum -> (f64) {
        %before = scf.if %adds_sum -> (f64) {
          %known = llvm.load %sum_or_null : !llvm.ptr<1> -> f64
          scf.yield %known : f64
        } else {
          scf.yield %zero64 : f64
        }
        %with = arith.addf %before, %here : f64
        llvm.store %with, %sum_or_null : f64, !llvm.ptr<1>
        scf.yield %with : f64
      } else {
        scf.yield %here : f64
      }
      %is_mean = arith.cmpi eq, %reduction, %c1 : i32
      %all = llvm.load %total : !llvm.ptr<1> -> i32
      %n64 = arith.sitofp %all : i32 to f64
      %one = arith.constant 1.0 : f64
      %divisor = arith.select %is_mean, %n64, %one : f64
      %value = arith.divf %so_far, %divisor : f64
      %rounded = arith.truncf %value : f64 to f32
      %bad = llvm.load %error : !llvm.ptr<1> -> i64
      %l0 = arith.constant 0 : i64
      %is_bad = arith.cmpi sge, %bad, %l0 : i64
      %result = arith.select %is_bad, %nan, %rounded : f32
      llvm.store %result, %loss : f32, !llvm.ptr<1>
    }
    llvm.return
  }

  // maximum + log2(sum). The exponent of the sum goes to the maximum first: sums below a reference are 2^-57 and less, and in their logarithm
  // the bits would be missing that the log-sum-exp still has. What is no normal number has no such exponent.
  llvm.func internal @log_of(%maximum: f32, %sum: f32) -> f32 attributes {always_inline} {
    %c23 = arith.constant 23 : i32
    %bias = arith.constant 127 : i32
    %fraction_bits = arith.constant 8388607 : i32
    %of_one = arith.constant 1065353216 : i32
    %least = arith.constant 1.17549435e-38 : f32
    %infinity = arith.constant 0x7F800000 : f32
    %zero = arith.constant 0.0 : f32
    %bits = llvm.bitcast %sum : f32 to i32
    %raised = arith.shrui %bits, %c23 : i32
    %exponent = arith.subi %raised, %bias : i32
    %fraction = arith.andi %bits, %fraction_bits : i32
    %mantissa_bits = arith.ori %fraction, %of_one : i32
    %mantissa = llvm.bitcast %mantissa_bits : i32 to f32
    %shift = arith.sitofp %exponent : i32 to f32
    %is_much = arith.cmpf oge, %sum, %least : f32
    %is_finite = arith.cmpf olt, %sum, %infinity : f32
    %is_normal = arith.andi %is_much, %is_finite : i1
    %x = arith.select %is_normal, %mantissa, %sum : f32
    %y = arith.select %is_normal, %shift, %zero : f32
    %log = llvm.call_intrinsic "llvm.nvvm.lg2.approx.ftz.f"(%x) : (f32) -> f32
    %start = arith.addf %maximum, %y : f32
    %result = arith.addf %start, %log : f32
    llvm.return %result : f32
  }

  // The state of token i in a split; behind the last split an empty one.
  llvm.func internal @load_state(%partial: !llvm.ptr<1>, %split: i32, %splits: i32, %padded: i32, %i: i32) -> vector<2xf32> attributes {always_inline} {
    %c1 = arith.constant 1 : i32
    %none = arith.constant dense<[0xFF800000, 0.0]> : vector<2xf32>
    %last = arith.subi %splits, %c1 : i32
    %near = arith.minsi %split, %last : i32
    %s64 = arith.extui %near : i32 to i64
    %p64 = arith.extui %padded : i32 to i64
    %i64 = arith.extui %i : i32 to i64
    %start = arith.muli %s64, %p64 : i64
    %at = arith.addi %start, %i64 : i64
    %p = llvm.getelementptr %partial[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, !llvm.struct<(f32, f32)>
    %state = llvm.load %p {alignment = 8 : i64} : !llvm.ptr<1> -> vector<2xf32>
    %exists = arith.cmpi slt, %split, %splits : i32
    %result = arith.select %exists, %state, %none : vector<2xf32>
    llvm.return %result : vector<2xf32>
  }

  llvm.func internal @add_state(%sum: f32, %state: vector<2xf32>, %shift: f32) -> f32 attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %m = llvm.extractelement %state[%c0 : i32] : vector<2xf32>
    %t = llvm.extractelement %state[%c1 : i32] : vector<2xf32>
    %d = arith.subf %m, %shift : f32
    %e = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%d) : (f32) -> f32
    %term = arith.mulf %t, %e : f32
    %next = arith.addf %sum, %term : f32
    llvm.return %next : f32
  }
}
