// How far the classes that are left out spread, and the direction of a token whose row is zero: `tilt` = 7/8 of the mean over columns of their
// variance, by 256 classes spread evenly over the vocabulary, weighted as the direction is; `tail` = direction - tilt * mean row. 7/8, because the largest
// of a tail are cut off (docs/filter.md). A warp has four classes at a time, a lane every 32nd piece of eight columns; sums are in a fixed order.
gpu.module @kernels {
  llvm.mlir.global internal @sums() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<32 x f32>

  llvm.func @tail_tilt_bf16(%direction: !llvm.ptr<1>, %vocab: i32, %matrix: !llvm.ptr<1>, %stride: i64, %columns: i32, %count_filtered: !llvm.ptr<1>, %mean_row: !llvm.ptr<1>, %tail: !llvm.ptr<1>, %tilt: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 1024, 1, 1>, cce.manifest = {
      kernel = "tail_tilt_bf16", target = "sm_90a", entry = "tail_tilt_bf16", threads = 1024 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "direction"},
         {kind = "scalar", buffer = "vocab", type = "i32"},
         {kind = "pointer", buffer = "matrix"},
         {kind = "scalar", buffer = "stride", type = "i64"},
         {kind = "scalar", buffer = "columns", type = "i32"},
         {kind = "pointer", buffer = "count_filtered"},
         {kind = "pointer", buffer = "mean_row"},
         {kind = "pointer", buffer = "tail"},
         {kind = "pointer", buffer = "tilt"}]}} {
    %is_half = arith.constant false
    llvm.call @tail_tilt(%is_half, %direction, %vocab, %matrix, %stride, %columns, %count_filtered, %mean_row, %tail, %tilt) : (i1, !llvm.ptr<1>, i32, !llvm.ptr<1>, i64, i32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>) -> ()
    llvm.return
  }

  llvm.func @tail_tilt_f16(%direction: !llvm.ptr<1>, %vocab: i32, %matrix: !llvm.ptr<1>, %stride: i64, %columns: i32, %count_filtered: !llvm.ptr<1>, %mean_row: !llvm.ptr<1>, %tail: !llvm.ptr<1>, %tilt: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 1024, 1, 1>, cce.manifest = {
      kernel = "tail_tilt_f16", target = "sm_90a", entry = "tail_tilt_f16", threads = 1024 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "direction"},
         {kind = "scalar", buffer = "vocab", type = "i32"},
         {kind = "pointer", buffer = "matrix"},
         {kind = "scalar", buffer = "stride", type = "i64"},
         {kind = "scalar", buffer = "columns", type = "i32"},
         {kind = "pointer", buffer = "count_filtered"},
         {kind = "pointer", buffer = "mean_row"},
         {kind = "pointer", buffer = "tail"},
         {kind = "pointer", buffer = "tilt"}]}} {
    %is_half = arith.constant true
    llvm.call @tail_tilt(%is_half, %direction, %vocab, %matrix, %stride, %columns, %count_filtered, %mean_row, %tail, %tilt) : (i1, !llvm.ptr<1>, i32, !llvm.ptr<1>, i64, i32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>) -> ()
    llvm.return
  }

  llvm.func internal @tail_tilt(%is_half: i1, %direction: !llvm.ptr<1>, %vocab: i32, %matrix: !llvm.ptr<1>, %stride: i64, %columns: i32, %count_filtered: !llvm.ptr<1>, %mean_row: !llvm.ptr<1>, %tail: !llvm.ptr<1>, %tilt: !llvm.ptr<1>) attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c5 = arith.constant 5 : i32
    %c31 = arith.constant 31 : i32
    %c32 = arith.constant 32 : i32
    %c256 = arith.constant 256 : i32
    %c1024 = arith.constant 1024 : i32
    %c3 = arith.constant 3 : i32
    %c128 = arith.constant 128 : i32
    %zero = arith.constant 0.0 : f32
    %zeros = arith.constant dense<0.0> : vector<8xf32>
    %share = arith.constant 0.875 : f32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %warp = arith.shrui %tid, %c5 : i32
    %lane = arith.andi %tid, %c31 : i32
    %count = llvm.load %count_filtered : !llvm.ptr<1> -> i32
    %works = arith.cmpi sge, %count, %c0 : i32
    %samples = arith.select %works, %c256, %c0 : i32
    %pieces = arith.shrui %columns, %c3 : i32
    // Weighted squares of the warp's classes, four of them at a time, and their weights.
    %of_warp:2 = scf.for %j = %warp to %samples step %c128 iter_args(%squares = %zeros, %weights = %zero) -> (vector<8xf32>, f32) : i32 {
      %j1 = arith.addi %j, %c32 : i32
      %j2 = arith.addi %j1, %c32 : i32
      %j3 = arith.addi %j2, %c32 : i32
      %v0 = llvm.call @class_of(%j, %vocab) : (i32, i32) -> i64
      %p0 = llvm.getelementptr %direction[%v0] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %q0 = llvm.load %p0 : !llvm.ptr<1> -> f32
      %start0 = arith.muli %v0, %stride : i64
      %row0 = llvm.getelementptr %matrix[%start0] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
      %v1 = llvm.call @class_of(%j1, %vocab) : (i32, i32) -> i64
      %p1 = llvm.getelementptr %direction[%v1] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %q1 = llvm.load %p1 : !llvm.ptr<1> -> f32
      %start1 = arith.muli %v1, %stride : i64
      %row1 = llvm.getelementptr %matrix[%start1] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
      %v2 = llvm.call @class_of(%j2, %vocab) : (i32, i32) -> i64
      %p2 = llvm.getelementptr %direction[%v2] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %q2 = llvm.load %p2 : !llvm.ptr<1> -> f32
      %start2 = arith.muli %v2, %stride : i64
      %row2 = llvm.getelementptr %matrix[%start2] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
      %v3 = llvm.call @class_of(%j3, %vocab) : (i32, i32) -> i64
      %p3 = llvm.getelementptr %direction[%v3] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %q3 = llvm.load %p3 : !llvm.ptr<1> -> f32
      %start3 = arith.muli %v3, %stride : i64
      %row3 = llvm.getelementptr %matrix[%start3] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
      %more = scf.for %k = %lane to %pieces step %c32 iter_args(%s0 = %squares) -> (vector<8xf32>) : i32 {
        %x0 = llvm.call @load_piece(%row0, %k) : (!llvm.ptr<1>, i32) -> vector<4xi32>
        %x1 = llvm.call @load_piece(%row1, %k) : (!llvm.ptr<1>, i32) -> vector<4xi32>
        %x2 = llvm.call @load_piece(%row2, %k) : (!llvm.ptr<1>, i32) -> vector<4xi32>
        %x3 = llvm.call @load_piece(%row3, %k) : (!llvm.ptr<1>, i32) -> vector<4xi32>
        %s1 = llvm.call @add_squares(%is_half, %s0, %x0, %q0) : (i1, vector<8xf32>, vector<4xi32>, f32) -> vector<8xf32>
        %s2 = llvm.call @add_squares(%is_half, %s1, %x1, %q1) : (i1, vector<8xf32>, vector<4xi32>, f32) -> vector<8xf32>
        %s3 = llvm.call @add_squares(%is_half, %s2, %x2, %q2) : (i1, vector<8xf32>, vector<4xi32>, f32) -> vector<8xf32>
        %s4 = llvm.call @add_squares(%is_half, %s3, %x3, %q3) : (i1, vector<8xf32>, vector<4xi32>, f32) -> vector<8xf32>
        scf.yield %s4 : vector<8xf32>
      }
      %w01 = arith.addf %q0, %q1 : f32
      %w23 = arith.addf %q2, %q3 : f32
      %w = arith.addf %w01, %w23 : f32
      %more_weight = arith.addf %weights, %w : f32
      scf.yield %more, %more_weight : vector<8xf32>, f32
    }
    %of_lane = "llvm.intr.vector.reduce.fadd"(%zero, %of_warp#0) : (f32, vector<8xf32>) -> f32
    %warp_squares = llvm.call @sum_over_warp(%of_lane) : (f32) -> f32
    // |direction|^2, each thread its columns.
    %own = scf.for %k = %tid to %columns step %c1024 iter_args(%sum = %zero) -> (f32) : i32 {
      %k64 = arith.extui %k : i32 to i64
      %pt = llvm.getelementptr %tail[%k64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %t = llvm.load %pt : !llvm.ptr<1> -> f32
      %more = llvm.intr.fma(%t, %t, %sum) : (f32, f32, f32) -> f32
      scf.yield %more : f32
    }
    %warp_length = llvm.call @sum_over_warp(%own) : (f32) -> f32
    %squares = llvm.call @sum_over_block(%warp_squares, %warp, %lane) : (f32, i32, i32) -> f32
    // Each lane has the weights of all of the warp's classes.
    %weights = llvm.call @sum_over_block(%of_warp#1, %warp, %lane) : (f32, i32, i32) -> f32
    %length = llvm.call @sum_over_block(%warp_length, %warp, %lane) : (f32, i32, i32) -> f32
    %any = arith.cmpf ogt, %weights, %zero : f32
    %mean = arith.divf %squares, %weights : f32
    %apart = arith.subf %mean, %length : f32
    %columns_f = arith.uitofp %columns : i32 to f32
    %of_column = arith.divf %apart, %columns_f : f32
    %part = arith.mulf %of_column, %share : f32
    %positive = arith.maxnumf %part, %zero : f32
    %value = arith.select %any, %positive, %zero : f32
    %is_first = arith.cmpi eq, %tid, %c0 : i32
    %writes = arith.andi %is_first, %works : i1
    scf.if %writes {
      llvm.store %value, %tilt : f32, !llvm.ptr<1>
    }
    %written = arith.select %works, %columns, %c0 : i32
    %minus = arith.negf %value : f32
    scf.for %k = %tid to %written step %c1024 : i32 {
      %k64 = arith.extui %k : i32 to i64
      %pt = llvm.getelementptr %tail[%k64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %pm = llvm.getelementptr %mean_row[%k64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %t = llvm.load %pt : !llvm.ptr<1> -> f32
      %m = llvm.load %pm : !llvm.ptr<1> -> f32
      %moved = llvm.intr.fma(%minus, %m, %t) : (f32, f32, f32) -> f32
      llvm.store %moved, %pt : f32, !llvm.ptr<1>
    }
    llvm.return
  }

  // The middle of the j-th of 256 parts.
  llvm.func internal @class_of(%j: i32, %vocab: i32) -> i64 attributes {always_inline} {
    %l1 = arith.constant 1 : i64
    %l2 = arith.constant 2 : i64
    %l512 = arith.constant 512 : i64
    %j64 = arith.extui %j : i32 to i64
    %vocab64 = arith.extui %vocab : i32 to i64
    %twice = arith.muli %j64, %l2 : i64
    %odd = arith.addi %twice, %l1 : i64
    %scaled = arith.muli %odd, %vocab64 : i64
    %class = arith.divui %scaled, %l512 : i64
    llvm.return %class : i64
  }

  llvm.func internal @load_piece(%row: !llvm.ptr<1>, %k: i32) -> vector<4xi32> attributes {always_inline} {
    %c8 = arith.constant 8 : i32
    %first = arith.muli %k, %c8 : i32
    %first64 = arith.extui %first : i32 to i64
    %p = llvm.getelementptr %row[%first64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
    %raw = llvm.load %p {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    llvm.return %raw : vector<4xi32>
  }

  llvm.func internal @add_squares(%is_half: i1, %sums: vector<8xf32>, %raw: vector<4xi32>, %weight: f32) -> vector<8xf32> attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %x = scf.if %is_half -> (vector<8xf32>) {
      %h = llvm.bitcast %raw : vector<4xi32> to vector<8xf16>
      %wide = arith.extf %h : vector<8xf16> to vector<8xf32>
      scf.yield %wide : vector<8xf32>
    } else {
      %h = llvm.bitcast %raw : vector<4xi32> to vector<8xbf16>
      %wide = arith.extf %h : vector<8xbf16> to vector<8xf32>
      scf.yield %wide : vector<8xf32>
    }
    %none = llvm.mlir.undef : vector<8xf32>
    %one = llvm.insertelement %weight, %none[%c0 : i32] : vector<8xf32>
    %weights = llvm.shufflevector %one, %none [0, 0, 0, 0, 0, 0, 0, 0] : vector<8xf32>
    %weighted = arith.mulf %weights, %x : vector<8xf32>
    %more = llvm.intr.fma(%weighted, %x, %sums) : (vector<8xf32>, vector<8xf32>, vector<8xf32>) -> vector<8xf32>
    llvm.return %more : vector<8xf32>
  }

  llvm.func internal @sum_over_warp(%x: f32) -> f32 attributes {always_inline} {
    %all = arith.constant -1 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c4 = arith.constant 4 : i32
    %c8 = arith.constant 8 : i32
    %c16 = arith.constant 16 : i32
    %c31 = arith.constant 31 : i32
    %y0 = nvvm.shfl.sync bfly %all, %x, %c16, %c31 : f32 -> f32
    %x0 = arith.addf %x, %y0 : f32
    %y1 = nvvm.shfl.sync bfly %all, %x0, %c8, %c31 : f32 -> f32
    %x1 = arith.addf %x0, %y1 : f32
    %y2 = nvvm.shfl.sync bfly %all, %x1, %c4, %c31 : f32 -> f32
    %x2 = arith.addf %x1, %y2 : f32
    %y3 = nvvm.shfl.sync bfly %all, %x2, %c2, %c31 : f32 -> f32
    %x3 = arith.addf %x2, %y3 : f32
    %y4 = nvvm.shfl.sync bfly %all, %x3, %c1, %c31 : f32 -> f32
    %x4 = arith.addf %x3, %y4 : f32
    llvm.return %x4 : f32
  }

  // Of what all lanes of a warp have.
  llvm.func internal @sum_over_block(%x: f32, %warp: i32, %lane: i32) -> f32 attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %sums = llvm.mlir.addressof @sums : !llvm.ptr<3>
    %is_first = arith.cmpi eq, %lane, %c0 : i32
    // Everyone is done with the sum before.
    nvvm.barrier
    scf.if %is_first {
      %place = llvm.getelementptr %sums[%warp] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
      llvm.store %x, %place : f32, !llvm.ptr<3>
    }
    nvvm.barrier
    %mine = llvm.getelementptr %sums[%lane] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    %y = llvm.load %mine : !llvm.ptr<3> -> f32
    %sum = llvm.call @sum_over_warp(%y) : (f32) -> f32
    llvm.return %sum : f32
  }
}
