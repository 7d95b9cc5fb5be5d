// Which tokens take part: the compaction of their positions, in order, by one block. Every round looks at 4096 positions, 128
// neighbours a warp in four rows of 32: a token's place is the number of takers in earlier rounds, warps, rows and lanes.
gpu.module @kernels {
  llvm.mlir.global internal @warp_counts() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @first_bad() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<1 x i32>

  llvm.func @select_tokens_i32(%labels_in: !llvm.ptr<1>, %positions: i64, %sequence: i64, %shift: i64, %ignore_index: i64, %vocab: i64, %rows: !llvm.ptr<1>, %labels: !llvm.ptr<1>, %count: !llvm.ptr<1>, %padded: i32, %error: !llvm.ptr<1>, %loss_or_null: !llvm.ptr<1>, %lse_or_null: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 1024, 1, 1>, cce.manifest = {
      kernel = "select_tokens_i32", target = "sm_90a", entry = "select_tokens_i32", threads = 1024 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "labels_in"},
         {kind = "scalar", buffer = "positions", type = "i64"},
         {kind = "scalar", buffer = "sequence", type = "i64"},
         {kind = "scalar", buffer = "shift", type = "i64"},
         {kind = "scalar", buffer = "ignore_index", type = "i64"},
         {kind = "scalar", buffer = "vocab", type = "i64"},
         {kind = "pointer", buffer = "rows"},
         {kind = "pointer", buffer = "labels"},
         {kind = "pointer", buffer = "count"},
         {kind = "scalar", buffer = "padded", type = "i32"},
         {kind = "pointer", buffer = "error"},
         {kind = "pointer", buffer = "loss_or_null"},
         {kind = "pointer", buffer = "lse_or_null"}]}} {
    %wide = arith.constant false
    llvm.call @select_tokens(%wide, %labels_in, %positions, %sequence, %shift, %ignore_index, %vocab, %rows, %labels, %count, %padded, %error, %loss_or_null, %lse_or_null) : (i1, !llvm.ptr<1>, i64, i64, i64, i64, i64, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, i32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>) -> ()
    llvm.return
  }

  llvm.func @select_tokens_i64(%labels_in: !llvm.ptr<1>, %positions: i64, %sequence: i64, %shift: i64, %ignore_index: i64, %vocab: i64, %rows: !llvm.ptr<1>, %labels: !llvm.ptr<1>, %count: !llvm.ptr<1>, %padded: i32, %error: !llvm.ptr<1>, %loss_or_null: !llvm.ptr<1>, %lse_or_null: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 1024, 1, 1>, cce.manifest = {
      kernel = "select_tokens_i64", target = "sm_90a", entry = "select_tokens_i64", threads = 1024 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "labels_in"},
         {kind = "scalar", buffer = "positions", type = "i64"},
         {kind = "scalar", buffer = "sequence", type = "i64"},
         {kind = "scalar", buffer = "shift", type = "i64"},
         {kind = "scalar", buffer = "ignore_index", type = "i64"},
         {kind = "scalar", buffer = "vocab", type = "i64"},
         {kind = "pointer", buffer = "rows"},
         {kind = "pointer", buffer = "labels"},
         {kind = "pointer", buffer = "count"},
         {kind = "scalar", buffer = "padded", type = "i32"},
         {kind = "pointer", buffer = "error"},
         {kind = "pointer", buffer = "loss_or_null"},
         {kind = "pointer", buffer = "lse_or_null"}]}} {
    %wide = arith.constant true
    llvm.call @select_tokens(%wide, %labels_in, %positions, %sequence, %shift, %ignore_index, %vocab, %rows, %labels, %count, %padded, %error, %loss_or_null, %lse_or_null) : (i1, !llvm.ptr<1>, i64, i64, i64, i64, i64, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, i32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>) -> ()
    llvm.return
  }

  llvm.func internal @load_label(%wide: i1, %labels: !llvm.ptr<1>, %index: i64) -> i64 attributes {always_inline} {
    %label = scf.if %wide -> (i64) {
      %p = llvm.getelementptr %labels[%index] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i64
      %l = llvm.load %p : !llvm.ptr<1> -> i64
      scf.yield %l : i64
    } else {
      %p = llvm.getelementptr %labels[%index] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      %l = llvm.load %p : !llvm.ptr<1> -> i32
      %e = arith.extsi %l : i32 to i64
      scf.yield %e : i64
    }
    llvm.return %label : i64
  }

  // The label of a token: `shift` positions on within its sequence. %ignore_index where there is none.
  llvm.func internal @label_at(%wide: i1, %labels_in: !llvm.ptr<1>, %position: i64, %positions: i64, %sequence: i64, %shift: i64, %ignore_index: i64) -> i64 attributes {always_inline} {
    %inside = arith.cmpi slt, %position, %positions : i64
    // 64-bit divisions are slow.
    %one_sequence = arith.cmpi uge, %sequence, %positions : i64
    %in_sequence = scf.if %one_sequence -> (i64) {
      scf.yield %position : i64
    } else {
      %rest = arith.remui %position, %sequence : i64
      scf.yield %rest : i64
    }
    %shifted = arith.addi %in_sequence, %shift : i64
    %has_label = arith.cmpi slt, %shifted, %sequence : i64
    %looks = arith.andi %inside, %has_label : i1
    %label = scf.if %looks -> (i64) {
      %index = arith.addi %position, %shift : i64
      %l = llvm.call @load_label(%wide, %labels_in, %index) : (i1, !llvm.ptr<1>, i64) -> i64
      scf.yield %l : i64
    } else {
      scf.yield %ignore_index : i64
    }
    llvm.return %label : i64
  }

  llvm.func internal @store_if(%condition: i1, %base: !llvm.ptr<1>, %index: i64, %value: f32) attributes {always_inline} {
    %null = llvm.mlir.zero : !llvm.ptr<1>
    %wanted = llvm.icmp "ne" %base, %null : !llvm.ptr<1>
    %do = arith.andi %wanted, %condition : i1
    scf.if %do {
      %p = llvm.getelementptr %base[%index] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      llvm.store %value, %p : f32, !llvm.ptr<1>
    }
    llvm.return
  }

  // Whether the token at a position takes part. Where it does not, its loss and log-sum-exp are 0, or NaN for a label that is no class, whose
  // place is kept if it is the first.
  llvm.func internal @look_at(%position: i64, %label: i64, %positions: i64, %shift: i64, %ignore_index: i64, %vocab: i64, %loss_or_null: !llvm.ptr<1>, %lse_or_null: !llvm.ptr<1>) -> i1 attributes {always_inline} {
    %zero = arith.constant 0.0 : f32
    %nan = arith.constant 0x7FC00000 : f32
    %true = arith.constant true
    %bad_slot = llvm.mlir.addressof @first_bad : !llvm.ptr<3>
    %inside = arith.cmpi slt, %position, %positions : i64
    %ignored = arith.cmpi eq, %label, %ignore_index : i64
    %valid = arith.cmpi ult, %label, %vocab : i64
    %not_ignored = arith.xori %ignored, %true : i1
    %takes = arith.andi %valid, %not_ignored : i1
    %not_valid = arith.xori %valid, %true : i1
    %bad = arith.andi %not_valid, %not_ignored : i1
    scf.if %bad {
      %index = arith.addi %position, %shift : i64
      %at = arith.trunci %index : i64 to i32
      %old = llvm.atomicrmw umin %bad_slot, %at monotonic : !llvm.ptr<3>, i32
    }
    %absent = arith.select %bad, %nan, %zero : f32
    %not_taken = arith.xori %takes, %true : i1
    %writes = arith.andi %inside, %not_taken : i1
    llvm.call @store_if(%writes, %loss_or_null, %position, %absent) : (i1, !llvm.ptr<1>, i64, f32) -> ()
    llvm.call @store_if(%writes, %lse_or_null, %position, %absent) : (i1, !llvm.ptr<1>, i64, f32) -> ()
    llvm.return %takes : i1
  }

  // Behind those before it and the takers in earlier lanes.
  llvm.func internal @place(%takes: i1, %ballot: i32, %below: i32, %before: i32, %position: i64, %label: i64, %rows: !llvm.ptr<1>, %labels: !llvm.ptr<1>) attributes {always_inline} {
    scf.if %takes {
      %earlier_lanes = arith.andi %ballot, %below : i32
      %lane_rank = llvm.intr.ctpop(%earlier_lanes) : (i32) -> i32
      %place = arith.addi %before, %lane_rank : i32
      %place64 = arith.extui %place : i32 to i64
      %row = arith.trunci %position : i64 to i32
      %class = arith.trunci %label : i64 to i32
      %pr = llvm.getelementptr %rows[%place64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      %pl = llvm.getelementptr %labels[%place64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      llvm.store %row, %pr : i32, !llvm.ptr<1>
      llvm.store %class, %pl : i32, !llvm.ptr<1>
    }
    llvm.return
  }

  llvm.func internal @select_tokens(%wide: i1, %labels_in: !llvm.ptr<1>, %positions: i64, %sequence: i64, %shift: i64, %ignore_index: i64, %vocab: i64, %rows: !llvm.ptr<1>, %labels: !llvm.ptr<1>, %count: !llvm.ptr<1>, %padded: i32, %error: !llvm.ptr<1>, %loss_or_null: !llvm.ptr<1>, %lse_or_null: !llvm.ptr<1>) attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c5 = arith.constant 5 : i32
    %c7 = arith.constant 7 : i32
    %c31 = arith.constant 31 : i32
    %c1024 = arith.constant 1024 : i32
    %all = arith.constant -1 : i32
    %l0 = arith.constant 0 : i64
    %l32 = arith.constant 32 : i64
    %l4096 = arith.constant 4096 : i64
    %none = arith.constant 2147483647 : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %lane = arith.andi %tid, %c31 : i32
    %warp = arith.shrui %tid, %c5 : i32
    %counts = llvm.mlir.addressof @warp_counts : !llvm.ptr<3>
    %bad_slot = llvm.mlir.addressof @first_bad : !llvm.ptr<3>
    %leader = arith.cmpi eq, %tid, %c0 : i32
    scf.if %leader {
      llvm.store %none, %bad_slot : i32, !llvm.ptr<3>
    }
    nvvm.barrier
    %of_warp_start = arith.shli %warp, %c7 : i32
    %offset = arith.addi %of_warp_start, %lane : i32
    %offset64 = arith.extui %offset : i32 to i64
    %bit = arith.shli %c1, %lane : i32
    %below = arith.subi %bit, %c1 : i32
    %selected = scf.for %base = %l0 to %positions step %l4096 iter_args(%taken = %c0) -> (i32) : i64 {
      %p0 = arith.addi %base, %offset64 : i64
      %p1 = arith.addi %p0, %l32 : i64
      %p2 = arith.addi %p1, %l32 : i64
      %p3 = arith.addi %p2, %l32 : i64
      // All labels are asked for before the first is looked at.
      %label0 = llvm.call @label_at(%wide, %labels_in, %p0, %positions, %sequence, %shift, %ignore_index) : (i1, !llvm.ptr<1>, i64, i64, i64, i64, i64) -> i64
      %label1 = llvm.call @label_at(%wide, %labels_in, %p1, %positions, %sequence, %shift, %ignore_index) : (i1, !llvm.ptr<1>, i64, i64, i64, i64, i64) -> i64
      %label2 = llvm.call @label_at(%wide, %labels_in, %p2, %positions, %sequence, %shift, %ignore_index) : (i1, !llvm.ptr<1>, i64, i64, i64, i64, i64) -> i64
      %label3 = llvm.call @label_at(%wide, %labels_in, %p3, %positions, %sequence, %shift, %ignore_index) : (i1, !llvm.ptr<1>, i64, i64, i64, i64, i64) -> i64
      %takes0 = llvm.call @look_at(%p0, %label0, %positions, %shift, %ignore_index, %vocab, %loss_or_null, %lse_or_null) : (i64, i64, i64, i64, i64, i64, !llvm.ptr<1>, !llvm.ptr<1>) -> i1
      %takes1 = llvm.call @look_at(%p1, %label1, %positions, %shift, %ignore_index, %vocab, %loss_or_null, %lse_or_null) : (i64, i64, i64, i64, i64, i64, !llvm.ptr<1>, !llvm.ptr<1>) -> i1
      %takes2 = llvm.call @look_at(%p2, %label2, %positions, %shift, %ignore_index, %vocab, %loss_or_null, %lse_or_null) : (i64, i64, i64, i64, i64, i64, !llvm.ptr<1>, !llvm.ptr<1>) -> i1
      %takes3 = llvm.call @look_at(%p3, %label3, %positions, %shift, %ignore_index, %vocab, %loss_or_null, %lse_or_null) : (i64, i64, i64, i64, i64, i64, !llvm.ptr<1>, !llvm.ptr<1>) -> i1
      %ballot0 = nvvm.vote.sync ballot %all, %takes0 -> i32
      %takers0 = llvm.intr.ctpop(%ballot0) : (i32) -> i32
      %ballot1 = nvvm.vote.sync ballot %all, %takes1 -> i32
      %takers1 = llvm.intr.ctpop(%ballot1) : (i32) -> i32
      %ballot2 = nvvm.vote.sync ballot %all, %takes2 -> i32
      %takers2 = llvm.intr.ctpop(%ballot2) : (i32) -> i32
      %ballot3 = nvvm.vote.sync ballot %all, %takes3 -> i32
      %takers3 = llvm.intr.ctpop(%ballot3) : (i32) -> i32
      %up_to_1 = arith.addi %takers0, %takers1 : i32
      %up_to_2 = arith.addi %up_to_1, %takers2 : i32
      %warp_total = arith.addi %up_to_2, %takers3 : i32
      %is_first_lane = arith.cmpi eq, %lane, %c0 : i32
      scf.if %is_first_lane {
        %slot = llvm.getelementptr %counts[%warp] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
        llvm.store %warp_total, %slot : i32, !llvm.ptr<3>
      }
      nvvm.barrier
      %my_slot = llvm.getelementptr %counts[%lane] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
      %of_warp = llvm.load %my_slot : !llvm.ptr<3> -> i32
      %up_to_warp = scf.for %k = %c0 to %c5 step %c1 iter_args(%sum = %of_warp) -> (i32) : i32 {
        %distance = arith.shli %c1, %k : i32
        %other = nvvm.shfl.sync up %all, %sum, %distance, %c0 : i32 -> i32
        %has_other = arith.cmpi sge, %lane, %distance : i32
        %more = arith.select %has_other, %other, %c0 : i32
        %next = arith.addi %sum, %more : i32
        scf.yield %next : i32
      }
      %behind_warp = nvvm.shfl.sync idx %all, %up_to_warp, %warp, %c31 : i32 -> i32
      %all_warps = nvvm.shfl.sync idx %all, %up_to_warp, %c31, %c31 : i32 -> i32
      %before_warp = arith.subi %behind_warp, %warp_total : i32
      %before0 = arith.addi %taken, %before_warp : i32
      %before1 = arith.addi %before0, %takers0 : i32
      %before2 = arith.addi %before0, %up_to_1 : i32
      %before3 = arith.addi %before0, %up_to_2 : i32
      %taken_now = arith.addi %taken, %all_warps : i32
      nvvm.barrier
      llvm.call @place(%takes0, %ballot0, %below, %before0, %p0, %label0, %rows, %labels) : (i1, i32, i32, i32, i64, i64, !llvm.ptr<1>, !llvm.ptr<1>) -> ()
      llvm.call @place(%takes1, %ballot1, %below, %before1, %p1, %label1, %rows, %labels) : (i1, i32, i32, i32, i64, i64, !llvm.ptr<1>, !llvm.ptr<1>) -> ()
      llvm.call @place(%takes2, %ballot2, %below, %before2, %p2, %label2, %rows, %labels) : (i1, i32, i32, i32, i64, i64, !llvm.ptr<1>, !llvm.ptr<1>) -> ()
      llvm.call @place(%takes3, %ballot3, %below, %before3, %p3, %label3, %rows, %labels) : (i1, i32, i32, i32, i64, i64, !llvm.ptr<1>, !llvm.ptr<1>) -> ()
      scf.yield %taken_now : i32
    }
    %pad_start = arith.addi %selected, %tid : i32
    scf.for %i = %pad_start to %padded step %c1024 : i32 {
      %i64 = arith.extui %i : i32 to i64
      %pr = llvm.getelementptr %rows[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      %pl = llvm.getelementptr %labels[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      llvm.store %all, %pr : i32, !llvm.ptr<1>
      llvm.store %all, %pl : i32, !llvm.ptr<1>
    }
    scf.if %leader {
      llvm.store %selected, %count : i32, !llvm.ptr<1>
      %first = llvm.load %bad_slot : !llvm.ptr<3> -> i32
      %found = arith.cmpi ne, %first, %none : i32
      %second = llvm.getelementptr %error[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i64
      scf.if %found {
        %at = arith.extui %first : i32 to i64
        %value = llvm.call @load_label(%wide, %labels_in, %at) : (i1, !llvm.ptr<1>, i64) -> i64
        llvm.store %at, %error : i64, !llvm.ptr<1>
        llvm.store %value, %second : i64, !llvm.ptr<1>
      } else {
        %minus = arith.constant -1 : i64
        llvm.store %minus, %error : i64, !llvm.ptr<1>
        llvm.store %l0, %second : i64, !llvm.ptr<1>
      }
    }
    llvm.return
  }
}
