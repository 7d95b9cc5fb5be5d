// 128 tokens spread evenly over the batch, as one group of tokens for logit_grad: the shape of the dropped tail is taken from them. Weights of 2^14
// and no labels make their gradient of the logits the probabilities, in a range where fp16 has small ones too; only ratios of them matter.
gpu.module @kernels {
  llvm.func @sample_tokens(%rows: !llvm.ptr<1>, %lse: !llvm.ptr<1>, %count_filtered: !llvm.ptr<1>, %sample_rows: !llvm.ptr<1>, %sample_labels: !llvm.ptr<1>, %sample_lse: !llvm.ptr<1>, %sample_prob_weight: !llvm.ptr<1>, %sample_label_weight: !llvm.ptr<1>, %sample_group: !llvm.ptr<1>, %sample_count: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>, cce.manifest = {
      kernel = "sample_tokens", target = "sm_90a", entry = "sample_tokens", threads = 128 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "rows"},
         {kind = "pointer", buffer = "lse"},
         {kind = "pointer", buffer = "count_filtered"},
         {kind = "pointer", buffer = "sample_rows"},
         {kind = "pointer", buffer = "sample_labels"},
         {kind = "pointer", buffer = "sample_lse"},
         {kind = "pointer", buffer = "sample_prob_weight"},
         {kind = "pointer", buffer = "sample_label_weight"},
         {kind = "pointer", buffer = "sample_group"},
         {kind = "pointer", buffer = "sample_count"}]}} {
    %c0 = arith.constant 0 : i32
    %c7 = arith.constant 7 : i32
    %c128 = arith.constant 128 : i32
    %none = arith.constant -1 : i32
    %zero = arith.constant 0.0 : f32
    %weight = arith.constant 16384.0 : f32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %n = llvm.load %count_filtered : !llvm.ptr<1> -> i32
    %some = arith.minsi %n, %c128 : i32
    // -1 if this path is not taken.
    %taken = arith.maxsi %some, %none : i32
    %takes = arith.cmpi slt, %tid, %taken : i32
    %token:3 = scf.if %takes -> (i32, f32, i32) {
      %j = arith.extui %tid : i32 to i64
      %n64 = arith.extui %n : i32 to i64
      %taken64 = arith.extui %taken : i32 to i64
      %scaled = arith.muli %j, %n64 : i64
      %i64 = arith.divui %scaled, %taken64 : i64
      %i = arith.trunci %i64 : i64 to i32
      %pr = llvm.getelementptr %rows[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      %pl = llvm.getelementptr %lse[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %row = llvm.load %pr : !llvm.ptr<1> -> i32
      %l = llvm.load %pl : !llvm.ptr<1> -> f32
      %block = arith.shrui %i, %c7 : i32
      scf.yield %row, %l, %block : i32, f32, i32
    } else {
      scf.yield %none, %zero, %none : i32, f32, i32
    }
    %p0 = llvm.getelementptr %sample_rows[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %p1 = llvm.getelementptr %sample_labels[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %p2 = llvm.getelementptr %sample_lse[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    %p3 = llvm.getelementptr %sample_prob_weight[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    %p4 = llvm.getelementptr %sample_label_weight[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    %p5 = llvm.getelementptr %sample_group[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %token#0, %p0 : i32, !llvm.ptr<1>
    llvm.store %none, %p1 : i32, !llvm.ptr<1>
    llvm.store %token#1, %p2 : f32, !llvm.ptr<1>
    llvm.store %weight, %p3 : f32, !llvm.ptr<1>
    llvm.store %zero, %p4 : f32, !llvm.ptr<1>
    llvm.store %token#2, %p5 : i32, !llvm.ptr<1>
    %leader = arith.cmpi eq, %tid, %c0 : i32
    scf.if %leader {
      llvm.store %taken, %sample_count : i32, !llvm.ptr<1>
    }
    llvm.return
  }
}
