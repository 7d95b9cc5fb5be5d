// Per group of 128 tokens, the list of the classes that it computes: first the heavy ones, in the same places for all groups, then, from
// the group's bits, those that any of its tokens needs, both ascending; how many classes precede those of every word (the place of a
// class in the list); and, as one more item, the list of heavy classes alone. As head_classes: 8 words a thread.
gpu.module @kernels {
  llvm.mlir.global internal @warp_counts() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<32 x i32>

  llvm.func @list_classes(%needed: !llvm.ptr<1>, %heavy: !llvm.ptr<1>, %groups: i32, %words: i32, %slots: i32, %lists: !llvm.ptr<1>, %counts: !llvm.ptr<1>, %ranks: !llvm.ptr<1>, %heavy_list: !llvm.ptr<1>, %heavy_count: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 1024, 1, 1>, cce.manifest = {
      kernel = "list_classes", target = "sm_90a", entry = "list_classes", threads = 1024 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "needed"},
         {kind = "pointer", buffer = "heavy"},
         {kind = "scalar", buffer = "groups", type = "i32"},
         {kind = "scalar", buffer = "words", type = "i32"},
         {kind = "scalar", buffer = "slots", type = "i32"},
         {kind = "pointer", buffer = "lists"},
         {kind = "pointer", buffer = "counts"},
         {kind = "pointer", buffer = "ranks"},
         {kind = "pointer", buffer = "heavy_list"},
         {kind = "pointer", buffer = "heavy_count"}]}} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c8 = arith.constant 8 : i32
    %c1024 = arith.constant 1024 : i32
    %c8192 = arith.constant 8192 : i32
    %none = arith.constant -1 : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %first_block = nvvm.read.ptx.sreg.ctaid.x : i32
    %grid = nvvm.read.ptx.sreg.nctaid.x : i32
    %leader = arith.cmpi eq, %tid, %c0 : i32
    %offset = arith.muli %tid, %c8 : i32
    %words64 = arith.extui %words : i32 to i64
    %slots64 = arith.extui %slots : i32 to i64
    %items = arith.addi %groups, %c1 : i32
    scf.for %b = %first_block to %items step %grid : i32 {
      %only_heavy = arith.cmpi eq, %b, %groups : i32
      %b64 = arith.extui %b : i32 to i64
      %word_start = arith.muli %b64, %words64 : i64
      %list_start = arith.muli %b64, %slots64 : i64
      %bits_of_block = llvm.getelementptr %needed[%word_start] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      %ranks_of_block = llvm.getelementptr %ranks[%word_start] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      %list_of_block = llvm.getelementptr %lists[%list_start] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      %count_of_block = llvm.getelementptr %counts[%b] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
      %list = llvm.select %only_heavy, %heavy_list, %list_of_block : i1, !llvm.ptr<1>
      %count = llvm.select %only_heavy, %heavy_count, %count_of_block : i1, !llvm.ptr<1>
      %passes = arith.select %only_heavy, %c1, %c2 : i32
      %total = scf.for %pass = %c0 to %passes step %c1 iter_args(%before = %c0) -> (i32) : i32 {
        %is_own = arith.cmpi eq, %pass, %c1 : i32
        %after_pass = scf.for %base = %c0 to %words step %c8192 iter_args(%listed = %before) -> (i32) : i32 {
          %start = arith.addi %base, %offset : i32
          %inside = arith.cmpi slt, %start, %words : i32
          %mine = scf.if %inside -> (i32) {
            %sum = scf.for %k = %c0 to %c8 step %c1 iter_args(%s = %c0) -> (i32) : i32 {
              %w = arith.addi %start, %k : i32
              %word = llvm.call @word_of_pass(%bits_of_block, %heavy, %w, %is_own) : (!llvm.ptr<1>, !llvm.ptr<1>, i32, i1) -> i32
              %bits = llvm.intr.ctpop(%word) : (i32) -> i32
              %next = arith.addi %s, %bits : i32
              scf.yield %next : i32
            }
            scf.yield %sum : i32
          } else {
            scf.yield %c0 : i32
          }
          %sums = llvm.call @earlier_and_all(%mine) : (i32) -> !llvm.struct<(i32, i32)>
          %earlier = llvm.extractvalue %sums[0] : !llvm.struct<(i32, i32)>
          %all = llvm.extractvalue %sums[1] : !llvm.struct<(i32, i32)>
          %rank = arith.addi %listed, %earlier : i32
          scf.if %inside {
            %end = scf.for %k = %c0 to %c8 step %c1 iter_args(%first = %rank) -> (i32) : i32 {
              %w = arith.addi %start, %k : i32
              %word = llvm.call @word_of_pass(%bits_of_block, %heavy, %w, %is_own) : (!llvm.ptr<1>, !llvm.ptr<1>, i32, i1) -> i32
              scf.if %is_own {
                %pr = llvm.getelementptr %ranks_of_block[%w] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
                llvm.store %first, %pr : i32, !llvm.ptr<1>
              }
              %after = llvm.call @list_word(%word, %w, %first, %list, %slots) : (i32, i32, i32, !llvm.ptr<1>, i32) -> i32
              scf.yield %after : i32
            }
          }
          %listed_now = arith.addi %listed, %all : i32
          scf.yield %listed_now : i32
        }
        scf.yield %after_pass : i32
      }
      %pad_start = arith.addi %total, %tid : i32
      scf.for %i = %pad_start to %slots step %c1024 : i32 {
        %p = llvm.getelementptr %list[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
        llvm.store %none, %p : i32, !llvm.ptr<1>
      }
      scf.if %leader {
        llvm.store %total, %count : i32, !llvm.ptr<1>
      }
    }
    llvm.return
  }

  // The heavy classes of a word, or those of the group that are not heavy.
  llvm.func internal @word_of_pass(%bits: !llvm.ptr<1>, %heavy: !llvm.ptr<1>, %w: i32, %is_own: i1) -> i32 attributes {always_inline} {
    %all = arith.constant -1 : i32
    %ph = llvm.getelementptr %heavy[%w] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %is_heavy = llvm.load %ph : !llvm.ptr<1> -> i32
    %word = scf.if %is_own -> (i32) {
      %p = llvm.getelementptr %bits[%w] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
      %needed = llvm.load %p : !llvm.ptr<1> -> i32
      %others = arith.xori %is_heavy, %all : i32
      %own = arith.andi %needed, %others : i32
      scf.yield %own : i32
    } else {
      scf.yield %is_heavy : i32
    }
    llvm.return %word : i32
  }

  // The sums of `value` over the threads before this one, and over all 1024.
  llvm.func internal @earlier_and_all(%value: i32) -> !llvm.struct<(i32, i32)> attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c5 = arith.constant 5 : i32
    %c31 = arith.constant 31 : i32
    %c32 = arith.constant 32 : i32
    %all_lanes = arith.constant -1 : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %lane = arith.andi %tid, %c31 : i32
    %warp = arith.shrui %tid, %c5 : i32
    %counts = llvm.mlir.addressof @warp_counts : !llvm.ptr<3>
    %up_to_here = scf.for %k = %c0 to %c5 step %c1 iter_args(%sum = %value) -> (i32) : i32 {
      %distance = arith.shli %c1, %k : i32
      %other = nvvm.shfl.sync up %all_lanes, %sum, %distance, %c0 : i32 -> i32
      %has_other = arith.cmpi sge, %lane, %distance : i32
      %more = arith.select %has_other, %other, %c0 : i32
      %next = arith.addi %sum, %more : i32
      scf.yield %next : i32
    }
    %in_warp = arith.subi %up_to_here, %value : i32
    %is_last_lane = arith.cmpi eq, %lane, %c31 : i32
    scf.if %is_last_lane {
      %slot = llvm.getelementptr %counts[%warp] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
      llvm.store %up_to_here, %slot : i32, !llvm.ptr<3>
    }
    nvvm.barrier
    %sums:2 = scf.for %w = %c0 to %c32 step %c1 iter_args(%before = %in_warp, %total = %c0) -> (i32, i32) : i32 {
      %slot = llvm.getelementptr %counts[%w] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
      %c = llvm.load %slot : !llvm.ptr<3> -> i32
      %earlier = arith.cmpi slt, %w, %warp : i32
      %mine = arith.select %earlier, %c, %c0 : i32
      %b2 = arith.addi %before, %mine : i32
      %t2 = arith.addi %total, %c : i32
      scf.yield %b2, %t2 : i32, i32
    }
    nvvm.barrier
    %none = llvm.mlir.undef : !llvm.struct<(i32, i32)>
    %one = llvm.insertvalue %sums#0, %none[0] : !llvm.struct<(i32, i32)>
    %both = llvm.insertvalue %sums#1, %one[1] : !llvm.struct<(i32, i32)>
    llvm.return %both : !llvm.struct<(i32, i32)>
  }

  // Writes the classes of the set bits of word `w` to places `first` and on, as far as there is room; returns the place behind them.
  llvm.func internal @list_word(%word: i32, %w: i32, %first: i32, %list: !llvm.ptr<1>, %room: i32) -> i32 attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c5 = arith.constant 5 : i32
    %base = arith.shli %w, %c5 : i32
    %end:2 = scf.while (%bits = %word, %place = %first) : (i32, i32) -> (i32, i32) {
      %more = arith.cmpi ne, %bits, %c0 : i32
      scf.condition(%more) %bits, %place : i32, i32
    } do {
    ^bb0(%bits: i32, %place: i32):
      %lowest = "llvm.intr.cttz"(%bits) <{is_zero_poison = true}> : (i32) -> i32
      %fits = arith.cmpi slt, %place, %room : i32
      scf.if %fits {
        %class = arith.addi %base, %lowest : i32
        %p = llvm.getelementptr %list[%place] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
        llvm.store %class, %p : i32, !llvm.ptr<1>
      }
      %less = arith.subi %bits, %c1 : i32
      %others = arith.andi %bits, %less : i32
      %next = arith.addi %place, %c1 : i32
      scf.yield %others, %next : i32, i32
    }
    llvm.return %end#1 : i32
  }
}
