// The tokens whose threshold was above what their log-sum-exp, now known, allows: mark_missed goes over their classes again. missed_count[0] is how
// many there are, missed_count[1] how many have found room; with more than that the backward is exact. Their order does not matter, since
// marks are combined with an integer `or`, so places are handed out as tokens come. States are (maximum, sum), to base 2, as in finish_loss.
gpu.module @kernels {
  llvm.func @missed_tokens(%partial: !llvm.ptr<1>, %splits: i32, %padded: i32, %rows: !llvm.ptr<1>, %count: !llvm.ptr<1>, %log_epsilon: f32, %threshold: !llvm.ptr<1>, %missed_rows: !llvm.ptr<1>, %missed_threshold: !llvm.ptr<1>, %missed_group: !llvm.ptr<1>, %missed_capacity: i32, %missed_count: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "missed_tokens", target = "sm_90a", entry = "missed_tokens", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "partial"},
         {kind = "scalar", buffer = "splits", type = "i32"},
         {kind = "scalar", buffer = "padded", type = "i32"},
         {kind = "pointer", buffer = "rows"},
         {kind = "pointer", buffer = "count"},
         {kind = "scalar", buffer = "log_epsilon", type = "f32"},
         {kind = "pointer", buffer = "threshold"},
         {kind = "pointer", buffer = "missed_rows"},
         {kind = "pointer", buffer = "missed_threshold"},
         {kind = "pointer", buffer = "missed_group"},
         {kind = "scalar", buffer = "missed_capacity", type = "i32"},
         {kind = "pointer", buffer = "missed_count"}]}} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c7 = arith.constant 7 : i32
    %c256 = arith.constant 256 : i32
    %rounding = arith.constant 1.0e-3 : f32
    %half_rounding = arith.constant 5.0e-4 : f32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %blocks = nvvm.read.ptx.sreg.nctaid.x : i32
    %first = arith.muli %block, %c256 : i32
    %start = arith.addi %first, %tid : i32
    %step = arith.muli %blocks, %c256 : i32
    %n = llvm.load %count : !llvm.ptr<1> -> i32
    %listed = llvm.getelementptr %missed_count[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    scf.for %i = %start to %n step %step : i32 {
      %i64 = arith.extui %i : i32 to i64
      %state = llvm.call @merge(%partial, %padded, %i, %c0, %splits) : (!llvm.ptr<1>, i32, i32, i32, i32) -> !llvm.struct<(f32, f32)>
      %lse = llvm.call @log_of(%state) : (!llvm.struct<(f32, f32)>) -> f32
      %pt = llvm.getelementptr %threshold[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %used = llvm.load %pt : !llvm.ptr<1> -> f32
      %limit = arith.addf %lse, %log_epsilon : f32
      // What came from the bound is 1e-3 below, up to rounding.
      %allowed = arith.subf %limit, %half_rounding : f32
      %is_missed = arith.cmpf ogt, %used, %allowed : f32
      scf.if %is_missed {
        %place = llvm.atomicrmw add %missed_count, %c1 syncscope("device") monotonic : !llvm.ptr<1>, i32
        %fits = arith.cmpi slt, %place, %missed_capacity : i32
        scf.if %fits {
          %place64 = arith.extui %place : i32 to i64
          %row_at = llvm.getelementptr %rows[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
          %row = llvm.load %row_at : !llvm.ptr<1> -> i32
          %group = arith.shrui %i, %c7 : i32
          %safe = arith.subf %limit, %rounding : f32
          %p0 = llvm.getelementptr %missed_rows[%place64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
          %p1 = llvm.getelementptr %missed_threshold[%place64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
          %p2 = llvm.getelementptr %missed_group[%place64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
          llvm.store %row, %p0 : i32, !llvm.ptr<1>
          llvm.store %safe, %p1 : f32, !llvm.ptr<1>
          llvm.store %group, %p2 : i32, !llvm.ptr<1>
          %before = llvm.atomicrmw add %listed, %c1 syncscope("device") monotonic : !llvm.ptr<1>, i32
        }
      }
    }
    llvm.return
  }

  // The log to base 2 of what the states of token `i` in rows `begin` to `end` of `partial` add up to: (maximum, sum).
  llvm.func internal @merge(%partial: !llvm.ptr<1>, %padded: i32, %i: i32, %begin: i32, %end: i32) -> !llvm.struct<(f32, f32)> attributes {always_inline} {
    %c1 = arith.constant 1 : i32
    %zero = arith.constant 0.0 : f32
    %empty = arith.constant 0xFF800000 : f32
    %padded64 = arith.extui %padded : i32 to i64
    %i64 = arith.extui %i : i32 to i64
    %state:2 = scf.for %s = %begin to %end step %c1 iter_args(%m = %empty, %t = %zero) -> (f32, f32) : i32 {
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
    %none = llvm.mlir.undef : !llvm.struct<(f32, f32)>
    %a = llvm.insertvalue %state#0, %none[0] : !llvm.struct<(f32, f32)>
    %b = llvm.insertvalue %state#1, %a[1] : !llvm.struct<(f32, f32)>
    llvm.return %b : !llvm.struct<(f32, f32)>
  }

  // In natural units.
  llvm.func internal @log_of(%state: !llvm.struct<(f32, f32)>) -> f32 attributes {always_inline} {
    %ln2 = arith.constant 0.693147182 : f32
    %m = llvm.extractvalue %state[0] : !llvm.struct<(f32, f32)>
    %t = llvm.extractvalue %state[1] : !llvm.struct<(f32, f32)>
    %log = llvm.call_intrinsic "llvm.nvvm.lg2.approx.ftz.f"(%t) : (f32) -> f32
    %sum = arith.addf %m, %log : f32
    %natural = arith.mulf %sum, %ln2 : f32
    llvm.return %natural : f32
  }
}
