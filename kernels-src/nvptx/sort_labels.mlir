// Tokens in the order of their labels, those of a label as they come: the place of a token is how many labels are less, or the same of a
// token in front of it. A warp has a token and goes over all labels, four a lane at a time.
gpu.module @kernels {
  llvm.func @sort_labels(%labels: !llvm.ptr<1>, %count: !llvm.ptr<1>, %order: !llvm.ptr<1>, %sorted: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "sort_labels", target = "sm_90a", entry = "sort_labels", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "labels"},
         {kind = "pointer", buffer = "count"},
         {kind = "pointer", buffer = "order"},
         {kind = "pointer", buffer = "sorted"}]}} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c3 = arith.constant 3 : i32
    %c5 = arith.constant 5 : i32
    %c8 = arith.constant 8 : i32
    %c31 = arith.constant 31 : i32
    %c127 = arith.constant 127 : i32
    %c128 = arith.constant 128 : i32
    %all = arith.constant -1 : i32
    %whole = arith.constant -128 : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %grid = nvvm.read.ptx.sreg.nctaid.x : i32
    %lane = arith.andi %tid, %c31 : i32
    %warp = arith.shrui %tid, %c5 : i32
    %block_token = arith.muli %block, %c8 : i32
    %first = arith.addi %block_token, %warp : i32
    %step = arith.muli %grid, %c8 : i32
    %n = llvm.load %count : !llvm.ptr<1> -> i32
    // The list holds whole tiles of 128.
    %raised = arith.addi %n, %c127 : i32
    %end = arith.andi %raised, %whole : i32
    %mine4 = arith.shli %lane, %c2 : i32
    scf.for %i = %first to %n step %step : i32 {
      %i64 = arith.extui %i : i32 to i64
      %pi = llvm.getelementptr %labels[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
      %label = llvm.load %pi : !llvm.ptr<1> -> i32
      %mine = scf.for %start = %c0 to %end step %c128 iter_args(%before = %c0) -> (i32) : i32 {
        %j0 = arith.addi %start, %mine4 : i32
        %j64 = arith.extui %j0 : i32 to i64
        %pj = llvm.getelementptr %labels[%j64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
        %four = llvm.load %pj {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
        %other0 = llvm.extractelement %four[%c0 : i32] : vector<4xi32>
        %j10 = arith.addi %j0, %c0 : i32
        %b0 = llvm.call @add_label(%before, %other0, %j10, %label, %i, %n) : (i32, i32, i32, i32, i32, i32) -> i32
        %other1 = llvm.extractelement %four[%c1 : i32] : vector<4xi32>
        %j11 = arith.addi %j0, %c1 : i32
        %b1 = llvm.call @add_label(%b0, %other1, %j11, %label, %i, %n) : (i32, i32, i32, i32, i32, i32) -> i32
        %other2 = llvm.extractelement %four[%c2 : i32] : vector<4xi32>
        %j12 = arith.addi %j0, %c2 : i32
        %b2 = llvm.call @add_label(%b1, %other2, %j12, %label, %i, %n) : (i32, i32, i32, i32, i32, i32) -> i32
        %other3 = llvm.extractelement %four[%c3 : i32] : vector<4xi32>
        %j13 = arith.addi %j0, %c3 : i32
        %b3 = llvm.call @add_label(%b2, %other3, %j13, %label, %i, %n) : (i32, i32, i32, i32, i32, i32) -> i32
        scf.yield %b3 : i32
      }
      %place = nvvm.redux.sync add %mine, %all : i32 -> i32
      %leads = arith.cmpi eq, %lane, %c0 : i32
      scf.if %leads {
        %place64 = arith.extui %place : i32 to i64
        %po = llvm.getelementptr %order[%place64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
        %ps = llvm.getelementptr %sorted[%place64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
        llvm.store %i, %po : i32, !llvm.ptr<1>
        llvm.store %label, %ps : i32, !llvm.ptr<1>
      }
    }
    llvm.return
  }

  // One more if label `other` of token j stands in front of that of token i.
  llvm.func internal @add_label(%before: i32, %other: i32, %j: i32, %label: i32, %i: i32, %n: i32) -> i32 attributes {always_inline} {
    %exists = arith.cmpi slt, %j, %n : i32
    %is_less = arith.cmpi slt, %other, %label : i32
    %is_same = arith.cmpi eq, %other, %label : i32
    %in_front = arith.cmpi slt, %j, %i : i32
    %ties = arith.andi %is_same, %in_front : i1
    %either = arith.ori %is_less, %ties : i1
    %counts = arith.andi %either, %exists : i1
    %added = arith.extui %counts : i1 to i32
    %more = arith.addi %before, %added : i32
    llvm.return %more : i32
  }
}
