// The upstream gradient of every token, scaled so that the largest is 256 (alpha undoes it), so that G keeps its precision in
// 16 bits however small 1 / N and the probabilities are: fp16 is subnormal below 6e-5, and has room up to 65504. One block: first the weights and their largest magnitude, then the division.
gpu.module @kernels {
  llvm.mlir.global internal @largest() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<1024 x f32>

  llvm.func @token_weights(%dloss_or_null: !llvm.ptr<1>, %dlse_or_null: !llvm.ptr<1>, %lse: !llvm.ptr<1>, %rows: !llvm.ptr<1>, %count: !llvm.ptr<1>, %padded: i32, %reduction: i32, %lse_out: !llvm.ptr<1>, %prob_weight: !llvm.ptr<1>, %label_weight: !llvm.ptr<1>, %alpha: !llvm.ptr<1>, %total: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 1024, 1, 1>, cce.manifest = {
      kernel = "token_weights", target = "sm_90a", entry = "token_weights", threads = 1024 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "dloss_or_null"},
         {kind = "pointer", buffer = "dlse_or_null"},
         {kind = "pointer", buffer = "lse"},
         {kind = "pointer", buffer = "rows"},
         {kind = "pointer", buffer = "count"},
         {kind = "scalar", buffer = "padded", type = "i32"},
         {kind = "scalar", buffer = "reduction", type = "i32"},
         {kind = "pointer", buffer = "lse_out"},
         {kind = "pointer", buffer = "prob_weight"},
         {kind = "pointer", buffer = "label_weight"},
         {kind = "pointer", buffer = "alpha"},
         {kind = "pointer", buffer = "total"}]}} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c10 = arith.constant 10 : i32
    %c512 = arith.constant 512 : i32
    %c1024 = arith.constant 1024 : i32
    %l0 = arith.constant 0 : i64
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %room = arith.constant 256.0 : f32
    %undo = arith.constant 0.00390625 : f32
    %null = llvm.mlir.zero : !llvm.ptr<1>
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %n = llvm.load %count : !llvm.ptr<1> -> i32
    %has_dloss = llvm.icmp "ne" %dloss_or_null, %null : !llvm.ptr<1>
    %has_dlse = llvm.icmp "ne" %dlse_or_null, %null : !llvm.ptr<1>
    %per_token = arith.cmpi eq, %reduction, %c0 : i32
    %is_mean = arith.cmpi eq, %reduction, %c1 : i32
    // Of the mean, whose tokens may come in chunks.
    %all = llvm.load %total : !llvm.ptr<1> -> i32
    %nf = arith.sitofp %all : i32 to f32
    %divisor = arith.select %is_mean, %nf, %one : f32
    %most = scf.for %i = %tid to %n step %c1024 iter_args(%m = %zero) -> (f32) : i32 {
      %i64 = arith.extui %i : i32 to i64
      %prow = llvm.getelementptr %rows[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      %row = llvm.load %prow : !llvm.ptr<1> -> i32
      %row64 = arith.extui %row : i32 to i64
      %g0 = scf.if %has_dloss -> (f32) {
        %at = arith.select %per_token, %row64, %l0 : i64
        %p = llvm.getelementptr %dloss_or_null[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %v = llvm.load %p : !llvm.ptr<1> -> f32
        scf.yield %v : f32
      } else {
        scf.yield %one : f32
      }
      %g = arith.divf %g0, %divisor : f32
      %h = scf.if %has_dlse -> (f32) {
        %p = llvm.getelementptr %dlse_or_null[%row64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %v = llvm.load %p : !llvm.ptr<1> -> f32
        scf.yield %v : f32
      } else {
        scf.yield %zero : f32
      }
      %gh = arith.addf %g, %h : f32
      %pl = llvm.getelementptr %lse[%row64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %l = llvm.load %pl : !llvm.ptr<1> -> f32
      %po = llvm.getelementptr %lse_out[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %pp = llvm.getelementptr %prob_weight[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %pw = llvm.getelementptr %label_weight[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      llvm.store %l, %po : f32, !llvm.ptr<1>
      llvm.store %gh, %pp : f32, !llvm.ptr<1>
      llvm.store %g, %pw : f32, !llvm.ptr<1>
      %ag = llvm.intr.fabs(%g) : (f32) -> f32
      %agh = llvm.intr.fabs(%gh) : (f32) -> f32
      %m1 = arith.maxnumf %m, %ag : f32
      %m2 = arith.maxnumf %m1, %agh : f32
      scf.yield %m2 : f32
    }
    %slots = llvm.mlir.addressof @largest : !llvm.ptr<3>
    %mine = llvm.getelementptr %slots[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    llvm.store %most, %mine : f32, !llvm.ptr<3>
    nvvm.barrier
    %last = scf.for %k = %c0 to %c10 step %c1 iter_args(%half = %c512) -> (i32) : i32 {
      %compares = arith.cmpi slt, %tid, %half : i32
      scf.if %compares {
        %other = arith.addi %tid, %half : i32
        %po = llvm.getelementptr %slots[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
        %a = llvm.load %mine : !llvm.ptr<3> -> f32
        %b = llvm.load %po : !llvm.ptr<3> -> f32
        %s = arith.maxnumf %a, %b : f32
        llvm.store %s, %mine : f32, !llvm.ptr<3>
      }
      nvvm.barrier
      %smaller = arith.shrui %half, %c1 : i32
      scf.yield %smaller : i32
    }
    %largest = llvm.load %slots : !llvm.ptr<3> -> f32
    %leader = arith.cmpi eq, %tid, %c0 : i32
    scf.if %leader {
      %a = arith.mulf %largest, %undo : f32
      llvm.store %a, %alpha : f32, !llvm.ptr<1>
    }
    %positive = arith.cmpf ogt, %largest, %zero : f32
    %scale = arith.select %positive, %largest, %one : f32
    scf.for %i = %tid to %padded step %c1024 : i32 {
      %i64 = arith.extui %i : i32 to i64
      %po = llvm.getelementptr %lse_out[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %pp = llvm.getelementptr %prob_weight[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %pw = llvm.getelementptr %label_weight[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %inside = arith.cmpi slt, %i, %n : i32
      scf.if %inside {
        %a = llvm.load %pp : !llvm.ptr<1> -> f32
        %b = llvm.load %pw : !llvm.ptr<1> -> f32
        %a1 = arith.divf %a, %scale : f32
        %b1 = arith.divf %b, %scale : f32
        %a2 = arith.mulf %a1, %room : f32
        %b2 = arith.mulf %b1, %room : f32
        llvm.store %a2, %pp : f32, !llvm.ptr<1>
        llvm.store %b2, %pw : f32, !llvm.ptr<1>
      } else {
        llvm.store %zero, %po : f32, !llvm.ptr<1>
        llvm.store %zero, %pp : f32, !llvm.ptr<1>
        llvm.store %zero, %pw : f32, !llvm.ptr<1>
      }
    }
    llvm.return
  }
}
