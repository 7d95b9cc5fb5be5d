// Whether the exponentials that lse_forward_exp has stored will do: of every token the reference has to be a number, and their sum over all
// splits in [e^-41, e^60]. (The label's own is e^-40.) Above, exponentials or what follows from them might overflow; NaN is in no
// range. If a token fails, the logits have to be computed again and saved: the counts of the two ways change places. A warp has a token.
gpu.module @kernels {
  llvm.func @check_sums(%partial: !llvm.ptr<1>, %splits: i32, %padded: i32, %count: !llvm.ptr<1>, %count_exp: !llvm.ptr<1>, %count_saved: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "check_sums", target = "sm_90a", entry = "check_sums", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "partial"},
         {kind = "scalar", buffer = "splits", type = "i32"},
         {kind = "scalar", buffer = "padded", type = "i32"},
         {kind = "pointer", buffer = "count"},
         {kind = "pointer", buffer = "count_exp"},
         {kind = "pointer", buffer = "count_saved"}]}} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c4 = arith.constant 4 : i32
    %c5 = arith.constant 5 : i32
    %c8 = arith.constant 8 : i32
    %c16 = arith.constant 16 : i32
    %c31 = arith.constant 31 : i32
    %c32 = arith.constant 32 : i32
    %all = arith.constant -1 : i32
    %none = arith.constant -1 : i32
    %zero = arith.constant 0.0 : f32
    %true = arith.constant true
    %infinity = arith.constant 0x7F800000 : f32
    %least = arith.constant 1.56288223e-18 : f32
    %most = arith.constant 1.14200739e+26 : f32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %grid = nvvm.read.ptx.sreg.nctaid.x : i32
    %lane = arith.andi %tid, %c31 : i32
    %warp = arith.shrui %tid, %c5 : i32
    %block_token = arith.muli %block, %c8 : i32
    %first = arith.addi %block_token, %warp : i32
    %step = arith.muli %grid, %c8 : i32
    %n = llvm.load %count : !llvm.ptr<1> -> i32
    %padded64 = arith.extui %padded : i32 to i64
    scf.for %i = %first to %n step %step : i32 {
      %i64 = arith.extui %i : i32 to i64
      %mine = scf.for %s = %lane to %splits step %c32 iter_args(%acc = %zero) -> (f32) : i32 {
        %s64 = arith.extui %s : i32 to i64
        %start = arith.muli %s64, %padded64 : i64
        %at = arith.addi %start, %i64 : i64
        %p = llvm.getelementptr %partial[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, !llvm.struct<(f32, f32)>
        %state = llvm.load %p {alignment = 8 : i64} : !llvm.ptr<1> -> vector<2xf32>
        %m = llvm.extractelement %state[%c0 : i32] : vector<2xf32>
        %t = llvm.extractelement %state[%c1 : i32] : vector<2xf32>
        // A reference that is no number makes the sum infinite, unless that is NaN already.
        %magnitude = llvm.intr.fabs(%m) : (f32) -> f32
        %is_number = arith.cmpf olt, %magnitude, %infinity : f32
        %term = arith.select %is_number, %t, %infinity : f32
        %more = arith.addf %acc, %term : f32
        scf.yield %more : f32
      }
      %o0 = nvvm.shfl.sync bfly %all, %mine, %c16, %c31 : f32 -> f32
      %s0 = arith.addf %mine, %o0 : f32
      %o1 = nvvm.shfl.sync bfly %all, %s0, %c8, %c31 : f32 -> f32
      %s1 = arith.addf %s0, %o1 : f32
      %o2 = nvvm.shfl.sync bfly %all, %s1, %c4, %c31 : f32 -> f32
      %s2 = arith.addf %s1, %o2 : f32
      %o3 = nvvm.shfl.sync bfly %all, %s2, %c2, %c31 : f32 -> f32
      %s3 = arith.addf %s2, %o3 : f32
      %o4 = nvvm.shfl.sync bfly %all, %s3, %c1, %c31 : f32 -> f32
      %sum = arith.addf %s3, %o4 : f32
      %is_enough = arith.cmpf oge, %sum, %least : f32
      %is_little = arith.cmpf ole, %sum, %most : f32
      %good = arith.andi %is_enough, %is_little : i1
      %fails = arith.xori %good, %true : i1
      %leads = arith.cmpi eq, %lane, %c0 : i32
      %tells = arith.andi %fails, %leads : i1
      // Whoever comes last writes what all others have written.
      scf.if %tells {
        llvm.store %none, %count_exp : i32, !llvm.ptr<1>
        llvm.store %n, %count_saved : i32, !llvm.ptr<1>
      }
    }
    llvm.return
  }
}
