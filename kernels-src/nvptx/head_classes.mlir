// Two lists of classes, from which the forward estimates log-sum-exps before it begins, by one block. The *head*: the classes that at least three
// tokens have as their label, ascending. The *sample*: of the others the middle one of every `every` classes; each of them stands for
// sample_weight classes. A round looks at 8192 words of the bitmap, 8 a thread (a vocabulary of 262144), or at 1024 classes of the sample: a
// place in a list is the number of entries before it.
gpu.module @kernels {
  llvm.mlir.global internal @warp_counts() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<32 x i32>

  llvm.func @head_classes(%often: !llvm.ptr<1>, %words: i32, %vocab: i32, %classes: !llvm.ptr<1>, %capacity: i32, %head_count: !llvm.ptr<1>, %every: i32, %sample: !llvm.ptr<1>, %sample_capacity: i32, %sample_count: !llvm.ptr<1>, %sample_weight: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 1024, 1, 1>, cce.manifest = {
      kernel = "head_classes", target = "sm_90a", entry = "head_classes", threads = 1024 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "often"},
         {kind = "scalar", buffer = "words", type = "i32"},
         {kind = "scalar", buffer = "vocab", type = "i32"},
         {kind = "pointer", buffer = "classes"},
         {kind = "scalar", buffer = "capacity", type = "i32"},
         {kind = "pointer", buffer = "head_count"},
         {kind = "scalar", buffer = "every", type = "i32"},
         {kind = "pointer", buffer = "sample"},
         {kind = "scalar", buffer = "sample_capacity", type = "i32"},
         {kind = "pointer", buffer = "sample_count"},
         {kind = "pointer", buffer = "sample_weight"}]}} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c5 = arith.constant 5 : i32
    %c8 = arith.constant 8 : i32
    %c31 = arith.constant 31 : i32
    %c1024 = arith.constant 1024 : i32
    %c8192 = arith.constant 8192 : i32
    %none = arith.constant -1 : i32
    %no_weight = arith.constant 0.0 : f32
    %false = arith.constant false
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %offset = arith.muli %tid, %c8 : i32
    %total = scf.for %base = %c0 to %words step %c8192 iter_args(%listed = %c0) -> (i32) : i32 {
      %start = arith.addi %base, %offset : i32
      %inside = arith.cmpi slt, %start, %words : i32
      %mine = scf.if %inside -> (i32) {
        %sum = scf.for %k = %c0 to %c8 step %c1 iter_args(%s = %c0) -> (i32) : i32 {
          %w = arith.addi %start, %k : i32
          %p = llvm.getelementptr %often[%w] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
          %word = llvm.load %p : !llvm.ptr<1> -> i32
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
          %p = llvm.getelementptr %often[%w] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
          %word = llvm.load %p : !llvm.ptr<1> -> i32
          %after = llvm.call @list_word(%word, %w, %first, %classes, %capacity) : (i32, i32, i32, !llvm.ptr<1>, i32) -> i32
          scf.yield %after : i32
        }
      }
      %listed_now = arith.addi %listed, %all : i32
      scf.yield %listed_now : i32
    }
    %kept = arith.minsi %total, %capacity : i32
    %pad_start = arith.addi %kept, %tid : i32
    scf.for %i = %pad_start to %capacity step %c1024 : i32 {
      %p = llvm.getelementptr %classes[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
      llvm.store %none, %p : i32, !llvm.ptr<1>
    }
    %middle = arith.shrui %every, %c1 : i32
    %sampled = scf.for %base = %c0 to %sample_capacity step %c1024 iter_args(%listed = %c0) -> (i32) : i32 {
      %j = arith.addi %base, %tid : i32
      %stratum = arith.muli %j, %every : i32
      %class = arith.addi %stratum, %middle : i32
      %has_room = arith.cmpi slt, %j, %sample_capacity : i32
      %is_class = arith.cmpi slt, %class, %vocab : i32
      %exists = arith.andi %has_room, %is_class : i1
      %takes = scf.if %exists -> (i1) {
        %w = arith.shrui %class, %c5 : i32
        %at = arith.andi %class, %c31 : i32
        %p = llvm.getelementptr %often[%w] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
        %word = llvm.load %p : !llvm.ptr<1> -> i32
        %shifted = arith.shrui %word, %at : i32
        %bit = arith.andi %shifted, %c1 : i32
        %is_rare = arith.cmpi eq, %bit, %c0 : i32
        scf.yield %is_rare : i1
      } else {
        scf.yield %false : i1
      }
      %one = arith.extui %takes : i1 to i32
      %sums = llvm.call @earlier_and_all(%one) : (i32) -> !llvm.struct<(i32, i32)>
      %earlier = llvm.extractvalue %sums[0] : !llvm.struct<(i32, i32)>
      %all = llvm.extractvalue %sums[1] : !llvm.struct<(i32, i32)>
      scf.if %takes {
        %place = arith.addi %listed, %earlier : i32
        %p = llvm.getelementptr %sample[%place] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
        llvm.store %class, %p : i32, !llvm.ptr<1>
      }
      %listed_now = arith.addi %listed, %all : i32
      scf.yield %listed_now : i32
    }
    %sample_pad = arith.addi %sampled, %tid : i32
    scf.for %i = %sample_pad to %sample_capacity step %c1024 : i32 {
      %p = llvm.getelementptr %sample[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
      llvm.store %none, %p : i32, !llvm.ptr<1>
    }
    %leader = arith.cmpi eq, %tid, %c0 : i32
    scf.if %leader {
      llvm.store %kept, %head_count : i32, !llvm.ptr<1>
      llvm.store %sampled, %sample_count : i32, !llvm.ptr<1>
      %rare = arith.subi %vocab, %total : i32
      %rare_f = arith.sitofp %rare : i32 to f32
      %sampled_f = arith.sitofp %sampled : i32 to f32
      %ratio = arith.divf %rare_f, %sampled_f : f32
      %any = arith.cmpi sgt, %sampled, %c0 : i32
      %weight = arith.select %any, %ratio, %no_weight : f32
      llvm.store %weight, %sample_weight : f32, !llvm.ptr<1>
    }
    llvm.return
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
