// The least logit a class needs to matter to a token: the log-sum-exp is at least that over the head classes and at least the label's logit,
// so z >= threshold is necessary for p >= epsilon; 1e-3 covers the rounding. States are (maximum, sum), to base 2, as in finish_loss.
gpu.module @kernels {
  llvm.func @filter_threshold(%partial: !llvm.ptr<1>, %splits: i32, %padded: i32, %label_logit: !llvm.ptr<1>, %count: !llvm.ptr<1>, %log_epsilon: f32, %threshold: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "filter_threshold", target = "sm_90a", entry = "filter_threshold", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "partial"},
         {kind = "scalar", buffer = "splits", type = "i32"},
         {kind = "scalar", buffer = "padded", type = "i32"},
         {kind = "pointer", buffer = "label_logit"},
         {kind = "pointer", buffer = "count"},
         {kind = "scalar", buffer = "log_epsilon", type = "f32"},
         {kind = "pointer", buffer = "threshold"}]}} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c256 = arith.constant 256 : i32
    %zero = arith.constant 0.0 : f32
    %empty = arith.constant 0xFF800000 : f32
    %infinite = arith.constant 0x7F800000 : f32
    %ln2 = arith.constant 0.693147182 : f32
    %margin = arith.constant 1.0e-3 : f32
    %lowest = arith.constant 0xFF7FFFFF : f32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %blocks = nvvm.read.ptx.sreg.nctaid.x : i32
    %first = arith.muli %block, %c256 : i32
    %start = arith.addi %first, %tid : i32
    %step = arith.muli %blocks, %c256 : i32
    %padded64 = arith.extui %padded : i32 to i64
    %n = llvm.load %count : !llvm.ptr<1> -> i32
    scf.for %i = %start to %padded step %step : i32 {
      %i64 = arith.extui %i : i32 to i64
      %inside = arith.cmpi slt, %i, %n : i32
      %value = scf.if %inside -> (f32) {
        %state:2 = scf.for %s = %c0 to %splits step %c1 iter_args(%m = %empty, %t = %zero) -> (f32, f32) : i32 {
          %s64 = arith.extui %s : i32 to i64
          %row = arith.muli %s64, %padded64 : i64
          %at = arith.addi %row, %i64 : i64
          %p = llvm.getelementptr %partial[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, !llvm.struct<(f32, f32)>
          %q = llvm.getelementptr %p[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
          %pm = llvm.load %p : !llvm.ptr<1> -> f32
          %pt = llvm.load %q : !llvm.ptr<1> -> f32
          %larger = arith.maxnumf %m, %pm : f32
          // -inf - -inf would be NaN; nothing has been seen then, and both sums are 0.
          %is_empty = arith.cmpf oeq, %larger, %empty : f32
          %shift = arith.select %is_empty, %zero, %larger : f32
          %d0 = arith.subf %m, %shift : f32
          %d1 = arith.subf %pm, %shift : f32
          %e0 = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%d0) : (f32) -> f32
          %e1 = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%d1) : (f32) -> f32
          %t0 = arith.mulf %t, %e0 : f32
          %t1 = arith.mulf %pt, %e1 : f32
          %next = arith.addf %t0, %t1 : f32
          scf.yield %larger, %next : f32, f32
        }
        %log = llvm.call_intrinsic "llvm.nvvm.lg2.approx.ftz.f"(%state#1) : (f32) -> f32
        %log_sum = arith.addf %state#0, %log : f32
        %head_lse = arith.mulf %log_sum, %ln2 : f32
        %pz = llvm.getelementptr %label_logit[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %z = llvm.load %pz : !llvm.ptr<1> -> f32
        %bound = arith.maxnumf %head_lse, %z : f32
        %scaled = arith.addf %bound, %log_epsilon : f32
        %least = arith.subf %scaled, %margin : f32
        // Finite, so that the -inf of columns behind the last class never reaches it.
        %finite = arith.maxnumf %least, %lowest : f32
        scf.yield %finite : f32
      } else {
        scf.yield %infinite : f32
      }
      %pt = llvm.getelementptr %threshold[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      llvm.store %value, %pt : f32, !llvm.ptr<1>
    }
    llvm.return
  }
}
