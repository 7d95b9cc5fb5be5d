// The logit that a class needs to matter to a token, before the token's log-sum-exp is known. Of the classes there are the head, a sample of the
// others and the label, if it is neither. States are (maximum, sum), to base 2, as in finish_loss.
//   bound:     log of the head and the label, which the log-sum-exp can not be below.
//   estimate:  the sample's classes stand for sample_weight classes each; but what the largest term of a part has beyond the geometric mean of all
//              parts' largest terms stands for itself alone: a class with much of the probability that happens to be in the sample would else be
//              counted that often.
//   error:     the standard error of the estimate's logarithm, from what the parts of the sample say.
//   threshold: log epsilon and the larger of the bound, less 1e-3 for its rounding, and the estimate, less 0.05 and 1.2 of its error.
// Where the estimate is too large all the same, missed_tokens finds it out; its list begins here, empty.
// About `tallied_blocks` blocks of eight tokens, spread evenly, or one a group if these are more, have their threshold as the limit below which
// lse_forward_filter adds up what each class has; the others have none. Of every so many blocks it is the first, the second and so on in turn, so that it
// is not always the same warp's. No group has less than one: as many groups as lse_forward_filter tallies for a class have no more than it has room for.
gpu.module @kernels {
  llvm.func @filter_threshold(%partial: !llvm.ptr<1>, %head_splits: i32, %sample_partial: !llvm.ptr<1>, %sample_splits: i32, %padded: i32, %labels: !llvm.ptr<1>, %often: !llvm.ptr<1>, %every: i32, %sample_weight: !llvm.ptr<1>, %label_logit: !llvm.ptr<1>, %count: !llvm.ptr<1>, %log_epsilon: f32, %threshold: !llvm.ptr<1>, %bound: !llvm.ptr<1>, %missed_rows: !llvm.ptr<1>, %missed_threshold: !llvm.ptr<1>, %missed_capacity: i32, %missed_count: !llvm.ptr<1>, %tallied_blocks: i32, %limit: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "filter_threshold", target = "sm_90a", entry = "filter_threshold", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "partial"},
         {kind = "scalar", buffer = "head_splits", type = "i32"},
         {kind = "pointer", buffer = "sample_partial"},
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
         {kind = "pointer", buffer = "missed_count"},
         {kind = "scalar", buffer = "tallied_blocks", type = "i32"},
         {kind = "pointer", buffer = "limit"}]}} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c3 = arith.constant 3 : i32
    %c5 = arith.constant 5 : i32
    %c16 = arith.constant 16 : i32
    %c31 = arith.constant 31 : i32
    %c256 = arith.constant 256 : i32
    %no_row = arith.constant -1 : i32
    %zero = arith.constant 0.0 : f32
    %empty = arith.constant 0xFF800000 : f32
    %infinite = arith.constant 0x7F800000 : f32
    %log2e = arith.constant 1.44269502 : f32
    %rounding = arith.constant 1.0e-3 : f32
    %least_error = arith.constant 5.0e-2 : f32
    %errors = arith.constant 1.2 : f32
    %lowest = arith.constant 0xFF7FFFFF : f32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %blocks = nvvm.read.ptx.sreg.nctaid.x : i32
    %first = arith.muli %block, %c256 : i32
    %start = arith.addi %first, %tid : i32
    %step = arith.muli %blocks, %c256 : i32
    %n = llvm.load %count : !llvm.ptr<1> -> i32
    %weight = llvm.load %sample_weight : !llvm.ptr<1> -> f32
    %middle = arith.shrui %every, %c1 : i32
    %blocks_of_tokens = arith.shrui %n, %c3 : i32
    %tallies = arith.cmpi sgt, %tallied_blocks, %c0 : i32
    %at_least_one = arith.maxsi %tallied_blocks, %c1 : i32
    %blocks_apart = arith.divui %blocks_of_tokens, %at_least_one : i32
    %not_beyond_a_group = arith.minui %blocks_apart, %c16 : i32
    %apart = arith.maxui %not_beyond_a_group, %c1 : i32
    scf.for %i = %start to %padded step %step : i32 {
      %i64 = arith.extui %i : i32 to i64
      %inside = arith.cmpi slt, %i, %n : i32
      %values:2 = scf.if %inside -> (f32, f32) {
        %head = llvm.call @merge(%partial, %padded, %i, %c0, %head_splits) : (!llvm.ptr<1>, i32, i32, i32, i32) -> !llvm.struct<(f32, f32)>
        %sample_and_error = llvm.call @estimate(%sample_partial, %padded, %i, %c0, %sample_splits, %weight) : (!llvm.ptr<1>, i32, i32, i32, i32, f32) -> !llvm.struct<(struct<(f32, f32)>, f32)>
        %sample = llvm.extractvalue %sample_and_error[0] : !llvm.struct<(struct<(f32, f32)>, f32)>
        %sample_error = llvm.extractvalue %sample_and_error[1] : !llvm.struct<(struct<(f32, f32)>, f32)>
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
        // The error in units of the estimate. NaN, from logits that are, leaves the bound; without a sample there is no error.
        %sample_maximum = llvm.extractvalue %sample[0] : !llvm.struct<(f32, f32)>
        %has_sample = arith.cmpf one, %sample_error, %zero : f32
        %estimate2 = arith.mulf %estimate, %log2e : f32
        %below = arith.subf %sample_maximum, %estimate2 : f32
        %scale = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%below) : (f32) -> f32
        %scaled_error = arith.mulf %sample_error, %scale : f32
        %relative_error = arith.select %has_sample, %scaled_error, %zero : f32
        %more_errors = arith.mulf %relative_error, %errors : f32
        %error = arith.addf %more_errors, %least_error : f32
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
      %block_of_tokens = arith.shrui %i, %c3 : i32
      %turn = arith.divui %block_of_tokens, %apart : i32
      %in_turn = arith.remui %turn, %apart : i32
      %of_turn = arith.remui %block_of_tokens, %apart : i32
      %has_turn = arith.cmpi eq, %of_turn, %in_turn : i32
      %may_tally = arith.andi %has_turn, %tallies : i1
      %has_limit = arith.andi %may_tally, %inside : i1
      %its_limit = arith.select %has_limit, %values#0, %empty : f32
      %pl = llvm.getelementptr %limit[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      llvm.store %its_limit, %pl : f32, !llvm.ptr<1>
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

  // The log to base 2 of what the states of token `i` in rows `begin` to `end` of `partial` add up to: (maximum, sum).
  llvm.func internal @merge(%partial: !llvm.ptr<1>, %padded: i32, %i: i32, %begin: i32, %end: i32) -> !llvm.struct<(f32, f32)> attributes {always_inline} {
    %c1 = arith.constant 1 : i32
    %zero = arith.constant 0.0 : f32
    %empty = arith.constant 0xFF800000 : f32
    %none = llvm.mlir.undef : !llvm.struct<(f32, f32)>
    %state:2 = scf.for %s = %begin to %end step %c1 iter_args(%m = %empty, %t = %zero) -> (f32, f32) : i32 {
      %part = llvm.call @part(%partial, %padded, %i, %s) : (!llvm.ptr<1>, i32, i32, i32) -> !llvm.struct<(f32, f32)>
      %x = llvm.insertvalue %m, %none[0] : !llvm.struct<(f32, f32)>
      %y = llvm.insertvalue %t, %x[1] : !llvm.struct<(f32, f32)>
      %sum = llvm.call @both(%y, %part) : (!llvm.struct<(f32, f32)>, !llvm.struct<(f32, f32)>) -> !llvm.struct<(f32, f32)>
      %next_m = llvm.extractvalue %sum[0] : !llvm.struct<(f32, f32)>
      %next_t = llvm.extractvalue %sum[1] : !llvm.struct<(f32, f32)>
      scf.yield %next_m, %next_t : f32, f32
    }
    %a = llvm.insertvalue %state#0, %none[0] : !llvm.struct<(f32, f32)>
    %b = llvm.insertvalue %state#1, %a[1] : !llvm.struct<(f32, f32)>
    llvm.return %b : !llvm.struct<(f32, f32)>
  }

  // What the sample stands for, as (maximum, sum) to base 2, and the standard error of that sum, in units of 2^maximum. Rows `begin` to `end` of
  // `partial` are its parts; an empty one says nothing. With P parts, M their largest terms and c the geometric mean of these,
  //   A = (the part's sum - M) + min(M, c)      stands for `weight` times itself,
  //   M - min(M, c)                             for itself,
  // and the error is sqrt(weight (weight - 1) (P var A + sum min(M, c)^2)). Either of the two terms may be far too small: the first is known from a
  // few parts only, the second is the largest of the squares that the variance of a sum has. Where the sample is all classes, nothing is uncertain.
  llvm.func internal @estimate(%partial: !llvm.ptr<1>, %padded: i32, %i: i32, %begin: i32, %end: i32, %weight: f32) -> !llvm.struct<(struct<(f32, f32)>, f32)> attributes {always_inline} {
    %c1 = arith.constant 1 : i32
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %empty = arith.constant 0xFF800000 : f32
    %maxima:3 = scf.for %s = %begin to %end step %c1 iter_args(%largest_so_far = %empty, %logs = %zero, %some = %zero) -> (f32, f32, f32) : i32 {
      %part = llvm.call @part(%partial, %padded, %i, %s) : (!llvm.ptr<1>, i32, i32, i32) -> !llvm.struct<(f32, f32)>
      %m = llvm.extractvalue %part[0] : !llvm.struct<(f32, f32)>
      %larger = arith.maxnumf %largest_so_far, %m : f32
      %is_empty = arith.cmpf oeq, %m, %empty : f32
      %log = arith.select %is_empty, %zero, %m : f32
      %this = arith.select %is_empty, %zero, %one : f32
      %more_logs = arith.addf %logs, %log : f32
      %more = arith.addf %some, %this : f32
      scf.yield %larger, %more_logs, %more : f32, f32, f32
    }
    %mean_log = arith.divf %maxima#1, %maxima#2 : f32
    // Mean and squared differences of A as in Welford's recurrence, for a difference of large sums would have lost its digits.
    %terms:5 = scf.for %s = %begin to %end step %c1 iter_args(%mean_so_far = %zero, %squares_so_far = %zero, %cs = %zero, %beyond_so_far = %zero, %k = %zero) -> (f32, f32, f32, f32, f32) : i32 {
      %part = llvm.call @part(%partial, %padded, %i, %s) : (!llvm.ptr<1>, i32, i32, i32) -> !llvm.struct<(f32, f32)>
      %m = llvm.extractvalue %part[0] : !llvm.struct<(f32, f32)>
      %t = llvm.extractvalue %part[1] : !llvm.struct<(f32, f32)>
      %is_empty = arith.cmpf oeq, %m, %empty : f32
      %cap = arith.minnumf %m, %mean_log : f32
      %down = arith.subf %m, %maxima#0 : f32
      %cap_down = arith.subf %cap, %maxima#0 : f32
      %term = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%down) : (f32) -> f32
      %capped = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%cap_down) : (f32) -> f32
      %others = arith.subf %t, %one : f32
      %few = arith.maxnumf %others, %zero : f32
      %rest = arith.mulf %few, %term : f32
      %a = arith.addf %rest, %capped : f32
      %more_k = arith.addf %k, %one : f32
      %difference = arith.subf %a, %mean_so_far : f32
      %step = arith.divf %difference, %more_k : f32
      %next_mean = arith.addf %mean_so_far, %step : f32
      %difference_now = arith.subf %a, %next_mean : f32
      %square = arith.mulf %difference, %difference_now : f32
      %next_squares = arith.addf %squares_so_far, %square : f32
      %capped_square = arith.mulf %capped, %capped : f32
      %next_cs = arith.addf %cs, %capped_square : f32
      %excess = arith.subf %term, %capped : f32
      %next_beyond = arith.addf %beyond_so_far, %excess : f32
      // -inf - -inf is NaN, which select leaves behind.
      %r0 = arith.select %is_empty, %mean_so_far, %next_mean : f32
      %r1 = arith.select %is_empty, %squares_so_far, %next_squares : f32
      %r2 = arith.select %is_empty, %cs, %next_cs : f32
      %r3 = arith.select %is_empty, %beyond_so_far, %next_beyond : f32
      %r4 = arith.select %is_empty, %k, %more_k : f32
      scf.yield %r0, %r1, %r2, %r3, %r4 : f32, f32, f32, f32, f32
    }
    %sum_a = arith.mulf %terms#0, %terms#4 : f32
    %weighed = arith.mulf %sum_a, %weight : f32
    %sum = arith.addf %weighed, %terms#3 : f32
    // One part has no variance; its squares are 0 then.
    %others_seen = arith.subf %terms#4, %one : f32
    %divisor = arith.maxnumf %others_seen, %one : f32
    %of_all = arith.mulf %terms#1, %terms#4 : f32
    %variance = arith.divf %of_all, %divisor : f32
    %both_terms = arith.addf %variance, %terms#2 : f32
    %weight_less = arith.subf %weight, %one : f32
    %unseen = arith.maxnumf %weight_less, %zero : f32
    %factor = arith.mulf %weight, %unseen : f32
    %squared_error = arith.mulf %both_terms, %factor : f32
    %error = llvm.intr.sqrt(%squared_error) : (f32) -> f32
    %none = llvm.mlir.undef : !llvm.struct<(struct<(f32, f32)>, f32)>
    %x = llvm.insertvalue %maxima#0, %none[0, 0] : !llvm.struct<(struct<(f32, f32)>, f32)>
    %y = llvm.insertvalue %sum, %x[0, 1] : !llvm.struct<(struct<(f32, f32)>, f32)>
    %z = llvm.insertvalue %error, %y[1] : !llvm.struct<(struct<(f32, f32)>, f32)>
    llvm.return %z : !llvm.struct<(struct<(f32, f32)>, f32)>
  }

  // The state of token `i` in row `s` of `partial`.
  llvm.func internal @part(%partial: !llvm.ptr<1>, %padded: i32, %i: i32, %s: i32) -> !llvm.struct<(f32, f32)> attributes {always_inline} {
    %padded64 = arith.extui %padded : i32 to i64
    %i64 = arith.extui %i : i32 to i64
    %s64 = arith.extui %s : i32 to i64
    %row = arith.muli %s64, %padded64 : i64
    %at = arith.addi %row, %i64 : i64
    %p = llvm.getelementptr %partial[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, !llvm.struct<(f32, f32)>
    %q = llvm.getelementptr %p[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
    %m = llvm.load %p : !llvm.ptr<1> -> f32
    %t = llvm.load %q : !llvm.ptr<1> -> f32
    %none = llvm.mlir.undef : !llvm.struct<(f32, f32)>
    %a = llvm.insertvalue %m, %none[0] : !llvm.struct<(f32, f32)>
    %b = llvm.insertvalue %t, %a[1] : !llvm.struct<(f32, f32)>
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
