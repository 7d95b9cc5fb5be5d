// Which classes are needed by so many groups of tokens that their gradient is best computed as a dense product over all tokens. One
// thread a class; the words that a warp reads are the same for its 32 lanes, one a group.
// And what each class, if it is not heavy, has of the tail: its tally is of small entries in any group, so of those only the part counts that the class
// is not listed for. Only ratios of `direction` matter. It has `vocab` elements, or none.
gpu.module @kernels {
  llvm.func @heavy_classes(%needed: !llvm.ptr<1>, %groups: i32, %words: i32, %least: i32, %heavy: !llvm.ptr<1>, %tally: !llvm.ptr<1>, %count: !llvm.ptr<1>, %vocab: i32, %direction: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "heavy_classes", target = "sm_90a", entry = "heavy_classes", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "needed"},
         {kind = "scalar", buffer = "groups", type = "i32"},
         {kind = "scalar", buffer = "words", type = "i32"},
         {kind = "scalar", buffer = "least", type = "i32"},
         {kind = "pointer", buffer = "heavy"},
         {kind = "pointer", buffer = "tally"},
         {kind = "pointer", buffer = "count"},
         {kind = "scalar", buffer = "vocab", type = "i32"},
         {kind = "pointer", buffer = "direction"}]}} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c5 = arith.constant 5 : i32
    %c7 = arith.constant 7 : i32
    %c8 = arith.constant 8 : i32
    %c31 = arith.constant 31 : i32
    %c127 = arith.constant 127 : i32
    %zero = arith.constant 0.0 : f32
    %l0 = arith.constant 0 : i64
    %l1 = arith.constant 1 : i64
    %all = arith.constant -1 : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %grid = nvvm.read.ptx.sreg.nctaid.x : i32
    %lane = arith.andi %tid, %c31 : i32
    %warp = arith.shrui %tid, %c5 : i32
    %leader = arith.cmpi eq, %lane, %c0 : i32
    %words64 = arith.extui %words : i32 to i64
    %groups64 = arith.extui %groups : i32 to i64
    // Groups without tokens list nothing.
    %n = llvm.load %count : !llvm.ptr<1> -> i32
    %behind = arith.addi %n, %c127 : i32
    %groups_in_use = arith.shrui %behind, %c7 : i32
    // Words come in eights: one for each warp.
    %items = arith.divui %words, %c8 : i32
    scf.for %item = %block to %items step %grid : i32 {
      %first = arith.muli %item, %c8 : i32
      %w = arith.addi %first, %warp : i32
      %column = llvm.getelementptr %needed[%w] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
      %users = scf.for %b = %l0 to %groups64 step %l1 iter_args(%users_before = %c0) -> (i32) : i64 {
        %at = arith.muli %b, %words64 : i64
        %p = llvm.getelementptr %column[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
        %word = llvm.load %p : !llvm.ptr<1> -> i32
        %shifted = arith.shrui %word, %lane : i32
        %bit = arith.andi %shifted, %c1 : i32
        %more = arith.addi %users_before, %bit : i32
        scf.yield %more : i32
      }
      %is_heavy = arith.cmpi sge, %users, %least : i32
      %ballot = nvvm.vote.sync ballot %all, %is_heavy -> i32
      %first_class = arith.shli %w, %c5 : i32
      %class = arith.addi %first_class, %lane : i32
      %exists = arith.cmpi slt, %class, %vocab : i32
      scf.if %exists {
        %pt = llvm.getelementptr %tally[%class] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
        %units = llvm.load %pt : !llvm.ptr<1> -> i32
        %share = arith.uitofp %units : i32 to f32
        %others = arith.subi %groups_in_use, %users : i32
        %times = arith.sitofp %others : i32 to f32
        %left = arith.mulf %share, %times : f32
        %its_part = arith.select %is_heavy, %zero, %left : f32
        %pd = llvm.getelementptr %direction[%class] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
        llvm.store %its_part, %pd : f32, !llvm.ptr<1>
      }
      scf.if %leader {
        %p = llvm.getelementptr %heavy[%w] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
        llvm.store %ballot, %p : i32, !llvm.ptr<1>
      }
    }
    llvm.return
  }
}
