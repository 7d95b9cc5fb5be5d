// The logit that a class needs to matter to a token, before the token's log-sum-exp is known. Of the classes there are the head, a sample of the
// others and the label, if it is neither. States are (maximum, sum), to base 2, as in finish_loss.
//   bound:     log of the head and the label, which the log-sum-exp can not be below.
//   estimate:  the sample's classes stand for sample_weight classes each, but in every part of the sample the largest for itself alone: a class
//              with much of the probability that happens to be in the sample would else be counted that often.
//   threshold: log epsilon and the larger of the bound, less 1e-3 for its rounding, and the estimate, less 0.1 for its error.
// Where the estimate is too large all the same, missed_tokens finds it out; its list begins here, empty.
gpu.module @kernels {
  llvm.func @filter_threshold(%partial: !llvm.ptr<1>, %head_splits: i32, %sample_splits: i32, %padded: i32, %labels: !llvm.ptr<1>, %often: !llvm.ptr<1>, %every: i32, %sample_weight: !llvm.ptr<1>, %label_logit: !llvm.ptr<1>, %count: !llvm.ptr<1>, %log_epsilon: f32, %threshold: !llvm.ptr<1>, %bound: !llvm.ptr<1>, %missed_rows: !llvm.ptr<1>, %missed_threshold: !llvm.ptr<1>, %missed_capacity: i32, %missed_count: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "filter_threshold", target = "sm_90a", entry = "filter_threshold", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "partial"},
         {kind = "scalar", buffer = "head_splits", type = "i32"},
         {kind = "scalar", buffer = "sample_splits", type = "i32"},
         {kind = "scalar", buffer = "padded", type = "i32"},
         {kind = "pointer", buffer = "labels"},
         {kind = "pointer", buffer = "often"},
         {kind = "scalar", buffer = "every", type = "i32"},
         {kind = "pointer", buffer = "sample_weight"},
         {kind = "pointer", buffer = "label_logit"},
         {kind = "pointer", buffer = "count"},
         {kind = "scalar", buffer = "log_epsilon", type = "f32"},
         {kind = "pointer", buffer = "threshold"},
         {kind = "pointer", buffer = "bound"},
         {kind = "pointer", buffer = "missed_rows"},
         {kind = "pointer", buffer = "missed_threshold"},
         {kind = "scalar", buffer = "missed_capacity", type = "i32"},
         {kind = "pointer", buffer = "missed_count"}]}} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c5 = arith.constant 5 : i32
    %c31 = arith.constant 31 : i32
    %c256 = arith.constant 256 : i32
    %no_row = arith.constant -1 : i32
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %empty = arith.constant 0xFF800000 : f32
    %infinite = arith.constant 0x7F800000 : f32
    %log2e = arith.constant 1.44269502 : f32
    %rounding = arith.constant 1.0e-3 : f32
    %error = arith.constant 1.0e-1 : f32
    %lowest = arith.constant 0xFF7FFFFF : f32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %blocks = nvvm.read.ptx.sreg.nctaid.x : i32
    %first = arith.muli %block, %c256 : i32
    %start = arith.addi %first, %tid : i32
    %step = arith.muli %blocks, %c256 : i32
    %n = llvm.load %count : !llvm.ptr<1> -> i32
    %weight = llvm.load %sample_weight : !llvm.ptr<1> -> f32
    %all_splits = arith.addi %head_splits, %sample_splits : i32
    %middle = arith.shrui %every, %c1 : i32
    scf.for %i = %start to %padded step %step : i32 {
      %i64 = arith.extui %i : i32 to i64
      %inside = arith.cmpi slt, %i, %n : i32
      %values:2 = scf.if %inside -> (f32, f32) {
        %head = llvm.call @merge(%partial, %padded, %i, %c0, %head_splits, %one) : (!llvm.ptr<1>, i32, i32, i32, i32, f32) -> !llvm.struct<(f32, f32)>
        %sample = llvm.call @merge(%partial, %padded, %i, %head_splits, %all_splits, %weight) : (!llvm.ptr<1>, i32, i32, i32, i32, f32) -> !llvm.struct<(f32, f32)>
        %pl = llvm.getelementptr %labels[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
        %pz = llvm.getelementptr %label_logit[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %label = llvm.load %pl : !llvm.ptr<1> -> i32
        %z = llvm.load %pz : !llvm.ptr<1> -> f32
        %w = arith.shrui %label, %c5 : i32
        %at = arith.andi %label, %c31 : i32
        %pw = llvm.getelementptr %often[%w] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
        %word = llvm.load %pw : !llvm.ptr<1> -> i32
        %shifted = arith.shrui %word, %at : i32
        %bit = arith.andi %shifted, %c1 : i32
        %not_in_head = arith.cmpi eq, %bit, %c0 : i32
        %in_stratum = arith.remui %label, %every : i32
        %not_in_sample = arith.cmpi ne, %in_stratum, %middle : i32
        %in_neither = arith.andi %not_in_head, %not_in_sample : i1
        %z2 = arith.mulf %z, %log2e : f32
        %label_state = llvm.call @state_if(%not_in_head, %z2) : (i1, f32) -> !llvm.struct<(f32, f32)>
        %rest_state = llvm.call @state_if(%in_neither, %z2) : (i1, f32) -> !llvm.struct<(f32, f32)>
        %certain = llvm.call @both(%head, %label_state) : (!llvm.struct<(f32, f32)>, !llvm.struct<(f32, f32)>) -> !llvm.struct<(f32, f32)>
        %known = llvm.call @both(%head, %rest_state) : (!llvm.struct<(f32, f32)>, !llvm.struct<(f32, f32)>) -> !llvm.struct<(f32, f32)>
        %guessed = llvm.call @both(%known, %sample) : (!llvm.struct<(f32, f32)>, !llvm.struct<(f32, f32)>) -> !llvm.struct<(f32, f32)>
        %log_certain = llvm.call @log_of(%certain) : (!llvm.struct<(f32, f32)>) -> f32
        // The label may have been too much for the list of the head.
        %least_lse = arith.maxnumf %log_certain, %z : f32
        %estimate = llvm.call @log_of(%guessed) : (!llvm.struct<(f32, f32)>) -> f32
        %safe_bound = arith.subf %least_lse, %rounding : f32
        %safe_estimate = arith.subf %estimate, %error : f32
        %larger = arith.maxnumf %safe_bound, %safe_estimate : f32
        %least = arith.addf %larger, %log_epsilon : f32
        // Finite, so that the -inf of columns behind the last class never reaches it.
        %finite = arith.maxnumf %least, %lowest : f32
        scf.yield %finite, %least_lse : f32, f32
      } else {
        scf.yield %infinite, %empty : f32, f32
      }
      %pt = llvm.getelementptr %threshold[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %pb = llvm.getelementptr %bound[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      llvm.store %values#0, %pt : f32, !llvm.ptr<1>
      llvm.store %values#1, %pb : f32, !llvm.ptr<1>
      %has_room = arith.cmpi slt, %i, %missed_capacity : i32
      scf.if %has_room {
        %pr = llvm.getelementptr %missed_rows[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
        %pm = llvm.getelementptr %missed_threshold[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        llvm.store %no_row, %pr : i32, !llvm.ptr<1>
        llvm.store %infinite, %pm : f32, !llvm.ptr<1>
      }
      %leader = arith.cmpi eq, %i, %c0 : i32
      scf.if %leader {
        %listed = llvm.getelementptr %missed_count[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
        llvm.store %c0, %missed_count : i32, !llvm.ptr<1>
        llvm.store %c0, %listed : i32, !llvm.ptr<1>
      }
    }
    llvm.return
  }

  // The log to base 2 of what the states of token `i` in rows `begin` to `end` of `partial` add up to: (maximum, sum of the rest). Their largest
  // term counts once, all others `weight` times, in each of the states.
  llvm.func internal @merge(%partial: !llvm.ptr<1>, %padded: i32, %i: i32, %begin: i32, %end: i32, %weight: f32) -> !llvm.struct<(f32, f32)> attributes {always_inline} {
    %c1 = arith.constant 1 : i32
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
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
      %others = arith.subf %pt, %one : f32
      %few = arith.maxnumf %others, %zero : f32
      %weighed = arith.mulf %few, %weight : f32
      %added = arith.addf %weighed, %one : f32
      %larger = arith.maxnumf %m, %pm : f32
      // -inf - -inf would be NaN; nothing has been seen then, and both sums are 0.
      %is_empty = arith.cmpf oeq, %larger, %empty : f32
      %shift = arith.select %is_empty, %zero, %larger : f32
      %d0 = arith.subf %m, %shift : f32
      %d1 = arith.subf %pm, %shift : f32
      %e0 = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%d0) : (f32) -> f32
      %e1 = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%d1) : (f32) -> f32
      %t0 = arith.mulf %t, %e0 : f32
      %t1 = arith.mulf %added, %e1 : f32
      %next = arith.addf %t0, %t1 : f32
      scf.yield %larger, %next : f32, f32
    }
    %none = llvm.mlir.undef : !llvm.struct<(f32, f32)>
    %a = llvm.insertvalue %state#0, %none[0] : !llvm.struct<(f32, f32)>
    %b = llvm.insertvalue %state#1, %a[1] : !llvm.struct<(f32, f32)>
    llvm.return %b : !llvm.struct<(f32, f32)>
  }

  // One class, or none.
  llvm.func internal @state_if(%exists: i1, %z: f32) -> !llvm.struct<(f32, f32)> attributes {always_inline} {
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %empty = arith.constant 0xFF800000 : f32
    %m = arith.select %exists, %z, %empty : f32
    %t = arith.select %exists, %one, %zero : f32
    %none = llvm.mlir.undef : !llvm.struct<(f32, f32)>
    %a = llvm.insertvalue %m, %none[0] : !llvm.struct<(f32, f32)>
    %b = llvm.insertvalue %t, %a[1] : !llvm.struct<(f32, f32)>
    llvm.return %b : !llvm.struct<(f32, f32)>
  }

  llvm.func internal @both(%a: !llvm.struct<(f32, f32)>, %b: !llvm.struct<(f32, f32)>) -> !llvm.struct<(f32, f32)> attributes {always_inline} {
    %zero = arith.constant 0.0 : f32
    %empty = arith.constant 0xFF800000 : f32
    %m0 = llvm.extractvalue %a[0] : !llvm.struct<(f32, f32)>
    %t0 = llvm.extractvalue %a[1] : !llvm.struct<(f32, f32)>
    %m1 = llvm.extractvalue %b[0] : !llvm.struct<(f32, f32)>
    %t1 = llvm.extractvalue %b[1] : !llvm.struct<(f32, f32)>
    %larger = arith.maxnumf %m0, %m1 : f32
    %is_empty = arith.cmpf oeq, %larger, %empty : f32
    %shift = arith.select %is_empty, %zero, %larger : f32
    %d0 = arith.subf %m0, %shift : f32
    %d1 = arith.subf %m1, %shift : f32
    %e0 = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%d0) : (f32) -> f32
    %e1 = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%d1) : (f32) -> f32
    %s0 = arith.mulf %t0, %e0 : f32
    %s1 = arith.mulf %t1, %e1 : f32
    %sum = arith.addf %s0, %s1 : f32
    %none = llvm.mlir.undef : !llvm.struct<(f32, f32)>
    %x = llvm.insertvalue %larger, %none[0] : !llvm.struct<(f32, f32)>
    %y = llvm.insertvalue %sum, %x[1] : !llvm.struct<(f32, f32)>
    llvm.return %y : !llvm.struct<(f32, f32)>
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
