// How many of the tokens are in each chunk of them, and how many of these there are for either way to their gradients: out of exponentials
// that the forward has stored, if it has, as long as check_sums does not say otherwise, or out of logits that it has saved. A count of -1
// means that the other way is taken. One thread a chunk.
gpu.module @kernels {
  llvm.func @chunk_counts(%count: !llvm.ptr<1>, %size: i32, %chunks: i32, %exponentials: i32, %counts: !llvm.ptr<1>, %counts_exp: !llvm.ptr<1>, %counts_saved: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>, cce.manifest = {
      kernel = "chunk_counts", target = "sm_90a", entry = "chunk_counts", threads = 128 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "count"},
         {kind = "scalar", buffer = "size", type = "i32"},
         {kind = "scalar", buffer = "chunks", type = "i32"},
         {kind = "scalar", buffer = "exponentials", type = "i32"},
         {kind = "pointer", buffer = "counts"},
         {kind = "pointer", buffer = "counts_exp"},
         {kind = "pointer", buffer = "counts_saved"}]}} {
    %c0 = arith.constant 0 : i32
    %c128 = arith.constant 128 : i32
    %none = arith.constant -1 : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %n = llvm.load %count : !llvm.ptr<1> -> i32
    %stores_exp = arith.cmpi ne, %exponentials, %c0 : i32
    scf.for %chunk = %tid to %chunks step %c128 : i32 {
      %first = arith.muli %chunk, %size : i32
      %behind = arith.subi %n, %first : i32
      %exist = arith.maxsi %behind, %c0 : i32
      %here = arith.minsi %exist, %size : i32
      %of_exp = arith.select %stores_exp, %here, %none : i32
      %of_saved = arith.select %stores_exp, %none, %here : i32
      %p = llvm.getelementptr %counts[%chunk] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
      %pe = llvm.getelementptr %counts_exp[%chunk] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
      %ps = llvm.getelementptr %counts_saved[%chunk] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
      llvm.store %here, %p : i32, !llvm.ptr<1>
      llvm.store %of_exp, %pe : i32, !llvm.ptr<1>
      llvm.store %of_saved, %ps : i32, !llvm.ptr<1>
    }
    llvm.return
  }
}
