// The probability that the listed classes of a token leave over, and with its weight the mass that the correction of the tail
// gives back; where it is asked for also without the weight, by place in the list of tokens. The sums over the slot tiles are added in order.
gpu.module @kernels {
  llvm.func @dropped_mass(%kept: !llvm.ptr<1>, %padded: i32, %counts: !llvm.ptr<1>, %prob_weight: !llvm.ptr<1>, %rows: !llvm.ptr<1>, %count_filtered: !llvm.ptr<1>, %enabled: i32, %mass: !llvm.ptr<1>, %dropped_or_null: !llvm.ptr<1>, %left_or_null: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "dropped_mass", target = "sm_90a", entry = "dropped_mass", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "kept"},
         {kind = "scalar", buffer = "padded", type = "i32"},
         {kind = "pointer", buffer = "counts"},
         {kind = "pointer", buffer = "prob_weight"},
         {kind = "pointer", buffer = "rows"},
         {kind = "pointer", buffer = "count_filtered"},
         {kind = "scalar", buffer = "enabled", type = "i32"},
         {kind = "pointer", buffer = "mass"},
         {kind = "pointer", buffer = "dropped_or_null"},
         {kind = "pointer", buffer = "left_or_null"}]}} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c4 = arith.constant 4 : i32
    %c7 = arith.constant 7 : i32
    %c8 = arith.constant 8 : i32
    %c255 = arith.constant 255 : i32
    %c256 = arith.constant 256 : i32
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %null = llvm.mlir.zero : !llvm.ptr<1>
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %grid = nvvm.read.ptx.sreg.nctaid.x : i32
    %n = llvm.load %count_filtered : !llvm.ptr<1> -> i32
    %works = arith.cmpi sge, %n, %c0 : i32
    scf.if %works {
      %corrects = arith.cmpi ne, %enabled, %c0 : i32
      %reports = llvm.icmp "ne" %dropped_or_null, %null : !llvm.ptr<1>
      %keeps = llvm.icmp "ne" %left_or_null, %null : !llvm.ptr<1>
      %padded64 = arith.extui %padded : i32 to i64
      %rounded = arith.addi %padded, %c255 : i32
      %items = arith.divui %rounded, %c256 : i32
      scf.for %item = %block to %items step %grid : i32 {
        %first = arith.muli %item, %c256 : i32
        %i = arith.addi %first, %tid : i32
        %i64 = arith.extui %i : i32 to i64
        %inside = arith.cmpi slt, %i, %n : i32
        %value:2 = scf.if %inside -> (f32, f32) {
          %b = arith.shrui %i, %c7 : i32
          %pb = llvm.getelementptr %counts[%b] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
          %listed = llvm.load %pb : !llvm.ptr<1> -> i32
          %up = arith.addi %listed, %c255 : i32
          %tiles = arith.shrui %up, %c8 : i32
          %last = arith.subi %tiles, %c1 : i32
          %from = llvm.getelementptr %kept[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
          %sum = scf.for %t = %c0 to %tiles step %c4 iter_args(%s0 = %zero) -> (f32) : i32 {
            %k0 = arith.constant 0 : i32
            %t0 = arith.addi %t, %k0 : i32
            %k1 = arith.constant 1 : i32
            %t1 = arith.addi %t, %k1 : i32
            %k2 = arith.constant 2 : i32
            %t2 = arith.addi %t, %k2 : i32
            %k3 = arith.constant 3 : i32
            %t3 = arith.addi %t, %k3 : i32
            %x0 = llvm.call @load_tile(%from, %t0, %last, %padded64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
            %x1 = llvm.call @load_tile(%from, %t1, %last, %padded64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
            %x2 = llvm.call @load_tile(%from, %t2, %last, %padded64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
            %x3 = llvm.call @load_tile(%from, %t3, %last, %padded64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
            %s1 = arith.addf %s0, %x0 : f32
            %s2 = arith.addf %s1, %x1 : f32
            %s3 = arith.addf %s2, %x2 : f32
            %s4 = arith.addf %s3, %x3 : f32
            scf.yield %s4 : f32
          }
          %left = arith.subf %one, %sum : f32
          // NaN stays NaN.
          %dropped = arith.maximumf %left, %zero : f32
          scf.if %reports {
            %pr = llvm.getelementptr %rows[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
            %row = llvm.load %pr : !llvm.ptr<1> -> i32
            %row64 = arith.extui %row : i32 to i64
            %pd = llvm.getelementptr %dropped_or_null[%row64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
            llvm.store %dropped, %pd : f32, !llvm.ptr<1>
          }
          %pw = llvm.getelementptr %prob_weight[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
          %w = llvm.load %pw : !llvm.ptr<1> -> f32
          %product = arith.mulf %dropped, %w : f32
          %m = arith.select %corrects, %product, %zero : f32
          scf.yield %m, %dropped : f32, f32
        } else {
          scf.yield %zero, %zero : f32, f32
        }
        %in_padded = arith.cmpi slt, %i, %padded : i32
        scf.if %in_padded {
          %pm = llvm.getelementptr %mass[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
          llvm.store %value#0, %pm : f32, !llvm.ptr<1>
          scf.if %keeps {
            %pl = llvm.getelementptr %left_or_null[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
            llvm.store %value#1, %pl : f32, !llvm.ptr<1>
          }
        }
      }
    }
    llvm.return
  }

  // Beyond the last tile: 0.
  llvm.func internal @load_tile(%token: !llvm.ptr<1>, %t: i32, %last: i32, %padded: i64) -> f32 attributes {always_inline} {
    %zero = arith.constant 0.0 : f32
    %inside = arith.cmpi sle, %t, %last : i32
    %at = arith.minsi %t, %last : i32
    %at64 = arith.extui %at : i32 to i64
    %row = arith.muli %at64, %padded : i64
    %px = llvm.getelementptr %token[%row] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
    %x = llvm.load %px : !llvm.ptr<1> -> f32
    %tile = arith.select %inside, %x, %zero : f32
    llvm.return %tile : f32
  }
}
