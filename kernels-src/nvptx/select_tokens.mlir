// Which tokens take part: the compaction of their positions, in order, by one block. Every round looks at 1024 positions:
// a token's place is the number of takers in earlier rounds, in earlier warps and in earlier lanes.
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

  llvm.func internal @select_tokens(%wide: i1, %labels_in: !llvm.ptr<1>, %positions: i64, %sequence: i64, %shift: i64, %ignore_index: i64, %vocab: i64, %rows: !llvm.ptr<1>, %labels: !llvm.ptr<1>, %count: !llvm.ptr<1>, %padded: i32, %error: !llvm.ptr<1>, %loss_or_null: !llvm.ptr<1>, %lse_or_null: !llvm.ptr<1>) attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c5 = arith.constant 5 : i32
    %c31 = arith.constant 31 : i32
    %c1024 = arith.constant 1024 : i32
    %all = arith.constant -1 : i32
    %l0 = arith.constant 0 : i64
    %l1 = arith.constant 1 : i64
    %l1024 = arith.constant 1024 : i64
    %none = arith.constant 2147483647 : i32
    %zero = arith.constant 0.0 : f32
    %nan = arith.constant 0x7FC00000 : f32
    %false = arith.constant false
    %true = arith.constant true
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tid64 = arith.extui %tid : i32 to i64
    %lane = arith.andi %tid, %c31 : i32
    %warp = arith.shrui %tid, %c5 : i32
    %counts = llvm.mlir.addressof @warp_counts : !llvm.ptr<3>
    %bad_slot = llvm.mlir.addressof @first_bad : !llvm.ptr<3>
    %leader = arith.cmpi eq, %tid, %c0 : i32
    scf.if %leader {
      llvm.store %none, %bad_slot : i32, !llvm.ptr<3>
    }
    nvvm.barrier
    // The next round's label is asked for before this round waits for others.
    %first_label = llvm.call @label_at(%wide, %labels_in, %tid64, %positions, %sequence, %shift, %ignore_index) : (i1, !llvm.ptr<1>, i64, i64, i64, i64, i64) -> i64
    %selected:2 = scf.for %base = %l0 to %positions step %l1024 iter_args(%taken = %c0, %label = %first_label) -> (i32, i64) : i64 {
      %position = arith.addi %base, %tid64 : i64
      %next_position = arith.addi %position, %l1024 : i64
      %next_label = llvm.call @label_at(%wide, %labels_in, %next_position, %positions, %sequence, %shift, %ignore_index) : (i1, !llvm.ptr<1>, i64, i64, i64, i64, i64) -> i64
      %inside = arith.cmpi slt, %position, %positions : i64
      %index = arith.addi %position, %shift : i64
      %ignored = arith.cmpi eq, %label, %ignore_index : i64
      %valid = arith.cmpi ult, %label, %vocab : i64
      %not_ignored = arith.xori %ignored, %true : i1
      %takes = arith.andi %valid, %not_ignored : i1
      %not_valid = arith.xori %valid, %true : i1
      %bad = arith.andi %not_valid, %not_ignored : i1
      scf.if %bad {
        %at = arith.trunci %index : i64 to i32
        %old = llvm.atomicrmw umin %bad_slot, %at monotonic : !llvm.ptr<3>, i32
      }
      %absent = arith.select %bad, %nan, %zero : f32
      %not_taken = arith.xori %takes, %true : i1
      %writes = arith.andi %inside, %not_taken : i1
      llvm.call @store_if(%writes, %loss_or_null, %position, %absent) : (i1, !llvm.ptr<1>, i64, f32) -> ()
      llvm.call @store_if(%writes, %lse_or_null, %position, %absent) : (i1, !llvm.ptr<1>, i64, f32) -> ()
      %ballot = nvvm.vote.sync ballot %all, %takes -> i32
      %bit = arith.shli %c1, %lane : i32
      %below = arith.subi %bit, %c1 : i32
      %earlier_lanes = arith.andi %ballot, %below : i32
      %lane_rank = llvm.intr.ctpop(%earlier_lanes) : (i32) -> i32
      %warp_total = llvm.intr.ctpop(%ballot) : (i32) -> i32
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
      %before = arith.addi %taken, %before_warp : i32
      %taken_now = arith.addi %taken, %all_warps : i32
      nvvm.barrier
      scf.if %takes {
        %place = arith.addi %before, %lane_rank : i32
        %place64 = arith.extui %place : i32 to i64
        %row = arith.trunci %position : i64 to i32
        %class = arith.trunci %label : i64 to i32
        %pr = llvm.getelementptr %rows[%place64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
        %pl = llvm.getelementptr %labels[%place64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
        llvm.store %row, %pr : i32, !llvm.ptr<1>
        llvm.store %class, %pl : i32, !llvm.ptr<1>
      }
      scf.yield %taken_now, %next_label : i32, i64
    }
    %pad_start = arith.addi %selected#0, %tid : i32
    scf.for %i = %pad_start to %padded step %c1024 : i32 {
      %i64 = arith.extui %i : i32 to i64
      %pr = llvm.getelementptr %rows[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      %pl = llvm.getelementptr %labels[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      llvm.store %all, %pr : i32, !llvm.ptr<1>
      llvm.store %all, %pl : i32, !llvm.ptr<1>
    }
    scf.if %leader {
      llvm.store %selected#0, %count : i32, !llvm.ptr<1>
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
