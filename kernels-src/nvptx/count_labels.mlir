// Which classes are labels, and which are more often than that: of three bitmaps over the vocabulary the first has a bit for every class that
// is a label, the second for those of two tokens or more, the third of three or more. Bits are set with an integer `or`, so the order of the
// tokens does not matter. It also marks each token's own label as needed by the token's group of 128: its entry of G is never left out, however
// improbable the label is.
gpu.module @kernels {
  llvm.func @count_labels(%labels: !llvm.ptr<1>, %count: !llvm.ptr<1>, %vocab: i32, %words: i32, %seen: !llvm.ptr<1>, %needed: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "count_labels", target = "sm_90a", entry = "count_labels", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "labels"},
         {kind = "pointer", buffer = "count"},
         {kind = "scalar", buffer = "vocab", type = "i32"},
         {kind = "scalar", buffer = "words", type = "i32"},
         {kind = "pointer", buffer = "seen"},
         {kind = "pointer", buffer = "needed"}]}} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c5 = arith.constant 5 : i32
    %c7 = arith.constant 7 : i32
    %c31 = arith.constant 31 : i32
    %c256 = arith.constant 256 : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %blocks = nvvm.read.ptx.sreg.nctaid.x : i32
    %first = arith.muli %block, %c256 : i32
    %start = arith.addi %first, %tid : i32
    %step = arith.muli %blocks, %c256 : i32
    %n = llvm.load %count : !llvm.ptr<1> -> i32
    %words64 = arith.extui %words : i32 to i64
    %twice = llvm.getelementptr %seen[%words64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
    %often = llvm.getelementptr %twice[%words64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
    scf.for %i = %start to %n step %step : i32 {
      %pl = llvm.getelementptr %labels[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
      %label = llvm.load %pl : !llvm.ptr<1> -> i32
      %is_class = arith.cmpi ult, %label, %vocab : i32
      scf.if %is_class {
        %w = arith.shrui %label, %c5 : i32
        %at = arith.andi %label, %c31 : i32
        %bit = arith.shli %c1, %at : i32
        %group = arith.shrui %i, %c7 : i32
        %group64 = arith.extui %group : i32 to i64
        %w64 = arith.extui %w : i32 to i64
        %row = arith.muli %group64, %words64 : i64
        %place = arith.addi %row, %w64 : i64
        %q = llvm.getelementptr %needed[%place] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
        %before = llvm.atomicrmw _or %q, %bit syncscope("device") monotonic : !llvm.ptr<1>, i32
        %p1 = llvm.getelementptr %seen[%w64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
        %once = llvm.atomicrmw _or %p1, %bit syncscope("device") monotonic : !llvm.ptr<1>, i32
        %had_one = arith.andi %once, %bit : i32
        %is_second = arith.cmpi ne, %had_one, %c0 : i32
        scf.if %is_second {
          %p2 = llvm.getelementptr %twice[%w64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
          %again = llvm.atomicrmw _or %p2, %bit syncscope("device") monotonic : !llvm.ptr<1>, i32
          %had_two = arith.andi %again, %bit : i32
          %is_third = arith.cmpi ne, %had_two, %c0 : i32
          scf.if %is_third {
            %p3 = llvm.getelementptr %often[%w64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
            %others = llvm.atomicrmw _or %p3, %bit syncscope("device") monotonic : !llvm.ptr<1>, i32
          }
        }
      }
    }
    llvm.return
  }
}
