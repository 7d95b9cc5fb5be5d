// How far the classes that are left out spread, and the direction of a token whose row is zero: `tilt` = 7/8 of the mean over columns of their
// variance, by 256 classes spread evenly over the vocabulary, weighted as the direction is; `tail` = direction - tilt * mean row, `mean_row` over
// `total`, if there is one. 7/8, because the largest of a tail are cut off (docs/filter.md). One cluster of 8 blocks, or most of it would be waiting for memory:
// a warp has one class, a lane every 32nd piece of eight columns, four of them at a time; sums are in a fixed order.
gpu.module @kernels {
  llvm.mlir.global internal @sums() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<32 x f32>
  // Of each block.
  llvm.mlir.global internal @squares() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<8 x f32>
  llvm.mlir.global internal @weights() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<8 x f32>

  llvm.func @tail_tilt_bf16(%direction: !llvm.ptr<1>, %vocab: i32, %matrix: !llvm.ptr<1>, %stride: i64, %columns: i32, %count_filtered: !llvm.ptr<1>, %mean_row: !llvm.ptr<1>, %total_or_null: !llvm.ptr<1>, %tail: !llvm.ptr<1>, %tilt: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 1024, 1, 1>, nvvm.cluster_dim = array<i32: 8, 1, 1>, cce.manifest = {
      kernel = "tail_tilt_bf16", target = "sm_90a", entry = "tail_tilt_bf16", threads = 1024 : i64, cluster = 8 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "direction"},
         {kind = "scalar", buffer = "vocab", type = "i32"},
         {kind = "pointer", buffer = "matrix"},
         {kind = "scalar", buffer = "stride", type = "i64"},
         {kind = "scalar", buffer = "columns", type = "i32"},
         {kind = "pointer", buffer = "count_filtered"},
         {kind = "pointer", buffer = "mean_row"},
         {kind = "pointer", buffer = "total_or_null"},
         {kind = "pointer", buffer = "tail"},
         {kind = "pointer", buffer = "tilt"}]}} {
    %is_half = arith.constant false
    llvm.call @tail_tilt(%is_half, %direction, %vocab, %matrix, %stride, %columns, %count_filtered, %mean_row, %total_or_null, %tail, %tilt) : (i1, !llvm.ptr<1>, i32, !llvm.ptr<1>, i64, i32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>) -> ()
    llvm.return
  }

  llvm.func @tail_tilt_f16(%direction: !llvm.ptr<1>, %vocab: i32, %matrix: !llvm.ptr<1>, %stride: i64, %columns: i32, %count_filtered: !llvm.ptr<1>, %mean_row: !llvm.ptr<1>, %total_or_null: !llvm.ptr<1>, %tail: !llvm.ptr<1>, %tilt: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 1024, 1, 1>, nvvm.cluster_dim = array<i32: 8, 1, 1>, cce.manifest = {
      kernel = "tail_tilt_f16", target = "sm_90a", entry = "tail_tilt_f16", threads = 1024 : i64, cluster = 8 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "direction"},
         {kind = "scalar", buffer = "vocab", type = "i32"},
         {kind = "pointer", buffer = "matrix"},
         {kind = "scalar", buffer = "stride", type = "i64"},
         {kind = "scalar", buffer = "columns", type = "i32"},
         {kind = "pointer", buffer = "count_filtered"},
         {kind = "pointer", buffer = "mean_row"},
         {kind = "pointer", buffer = "total_or_null"},
         {kind = "pointer", buffer = "tail"},
         {kind = "pointer", buffer = "tilt"}]}} {
    %is_half = arith.constant true
    llvm.call @tail_tilt(%is_half, %direction, %vocab, %matrix, %stride, %columns, %count_filtered, %mean_row, %total_or_null, %tail, %tilt) : (i1, !llvm.ptr<1>, i32, !llvm.ptr<1>, i64, i32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>) -> ()
    llvm.return
  }

  llvm.func internal @tail_tilt(%is_half: i1, %direction: !llvm.ptr<1>, %vocab: i32, %matrix: !llvm.ptr<1>, %stride: i64, %columns: i32, %count_filtered: !llvm.ptr<1>, %mean_row: !llvm.ptr<1>, %total_or_null: !llvm.ptr<1>, %tail: !llvm.ptr<1>, %tilt: !llvm.ptr<1>) attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c3 = arith.constant 3 : i32
    %c5 = arith.constant 5 : i32
    %c8 = arith.constant 8 : i32
    %c10 = arith.constant 10 : i32
    %c31 = arith.constant 31 : i32
    %c32 = arith.constant 32 : i32
    %c128 = arith.constant 128 : i32
    %c1024 = arith.constant 1024 : i32
    %c8192 = arith.constant 8192 : i32
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %zeros = arith.constant dense<0.0> : vector<8xf32>
    %share = arith.constant 0.875 : f32
    %null = llvm.mlir.zero : !llvm.ptr<1>
    // All blocks have begun before one writes to another's memory.
    nvvm.cluster.arrive.relaxed
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %warp = arith.shrui %tid, %c5 : i32
    %lane = arith.andi %tid, %c31 : i32
    %count = llvm.load %count_filtered : !llvm.ptr<1> -> i32
    %works = arith.cmpi sge, %count, %c0 : i32
    %all_pieces = arith.shrui %columns, %c3 : i32
    %pieces = arith.select %works, %all_pieces, %c0 : i32
    %first = arith.shli %rank, %c5 : i32
    %j = arith.addi %first, %warp : i32
    %class = llvm.call @class_of(%j, %vocab) : (i32, i32) -> i64
    %weight = scf.if %works -> (f32) {
      %p = llvm.getelementptr %direction[%class] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %q = llvm.load %p : !llvm.ptr<1> -> f32
      scf.yield %q : f32
    } else {
      scf.yield %zero : f32
    }
    %start = arith.muli %class, %stride : i64
    %row = llvm.getelementptr %matrix[%start] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
    %of_pieces = scf.for %k = %lane to %pieces step %c128 iter_args(%s0 = %zeros) -> (vector<8xf32>) : i32 {
      %k1 = arith.addi %k, %c32 : i32
      %k2 = arith.addi %k1, %c32 : i32
      %k3 = arith.addi %k2, %c32 : i32
      %x0 = llvm.call @load_piece(%row, %k, %pieces) : (!llvm.ptr<1>, i32, i32) -> vector<4xi32>
      %x1 = llvm.call @load_piece(%row, %k1, %pieces) : (!llvm.ptr<1>, i32, i32) -> vector<4xi32>
      %x2 = llvm.call @load_piece(%row, %k2, %pieces) : (!llvm.ptr<1>, i32, i32) -> vector<4xi32>
      %x3 = llvm.call @load_piece(%row, %k3, %pieces) : (!llvm.ptr<1>, i32, i32) -> vector<4xi32>
      %s1 = llvm.call @add_squares(%is_half, %s0, %x0) : (i1, vector<8xf32>, vector<4xi32>) -> vector<8xf32>
      %s2 = llvm.call @add_squares(%is_half, %s1, %x1) : (i1, vector<8xf32>, vector<4xi32>) -> vector<8xf32>
      %s3 = llvm.call @add_squares(%is_half, %s2, %x2) : (i1, vector<8xf32>, vector<4xi32>) -> vector<8xf32>
      %s4 = llvm.call @add_squares(%is_half, %s3, %x3) : (i1, vector<8xf32>, vector<4xi32>) -> vector<8xf32>
      scf.yield %s4 : vector<8xf32>
    }
    %of_lane = "llvm.intr.vector.reduce.fadd"(%zero, %of_pieces) : (f32, vector<8xf32>) -> f32
    %of_class = llvm.call @sum_over_warp(%of_lane) : (f32) -> f32
    %weighted = arith.mulf %weight, %of_class : f32
    // |direction|^2, in every block, each thread some columns.
    %own_columns = arith.select %works, %columns, %c0 : i32
    %own = scf.for %k = %tid to %own_columns step %c1024 iter_args(%sum = %zero) -> (f32) : i32 {
      %k64 = arith.extui %k : i32 to i64
      %pt = llvm.getelementptr %tail[%k64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %t = llvm.load %pt : !llvm.ptr<1> -> f32
      %more = llvm.intr.fma(%t, %t, %sum) : (f32, f32, f32) -> f32
      scf.yield %more : f32
    }
    %warp_length = llvm.call @sum_over_warp(%own) : (f32) -> f32
    %block_squares = llvm.call @sum_over_block(%weighted, %warp, %lane) : (f32, i32, i32) -> f32
    // Every lane has the weight of its warp's class.
    %block_weights = llvm.call @sum_over_block(%weight, %warp, %lane) : (f32, i32, i32) -> f32
    %length = llvm.call @sum_over_block(%warp_length, %warp, %lane) : (f32, i32, i32) -> f32
    nvvm.cluster.wait
    // Thread t tells block t.
    %squares_of_blocks = llvm.mlir.addressof @squares : !llvm.ptr<3>
    %weights_of_blocks = llvm.mlir.addressof @weights : !llvm.ptr<3>
    %tells = arith.cmpi slt, %tid, %c8 : i32
    scf.if %tells {
      %there_squares = nvvm.mapa %squares_of_blocks, %tid : !llvm.ptr<3> -> !llvm.ptr<7>
      %there_weights = nvvm.mapa %weights_of_blocks, %tid : !llvm.ptr<3> -> !llvm.ptr<7>
      %ps = llvm.getelementptr %there_squares[%rank] : (!llvm.ptr<7>, i32) -> !llvm.ptr<7>, f32
      %pw = llvm.getelementptr %there_weights[%rank] : (!llvm.ptr<7>, i32) -> !llvm.ptr<7>, f32
      llvm.store %block_squares, %ps : f32, !llvm.ptr<7>
      llvm.store %block_weights, %pw : f32, !llvm.ptr<7>
    }
    // And has read all of `tail`.
    nvvm.cluster.arrive
    nvvm.cluster.wait
    %all_squares = llvm.load %squares_of_blocks {alignment = 16 : i64} : !llvm.ptr<3> -> vector<8xf32>
    %all_weights = llvm.load %weights_of_blocks {alignment = 16 : i64} : !llvm.ptr<3> -> vector<8xf32>
    %squares = "llvm.intr.vector.reduce.fadd"(%zero, %all_squares) : (f32, vector<8xf32>) -> f32
    %weights = "llvm.intr.vector.reduce.fadd"(%zero, %all_weights) : (f32, vector<8xf32>) -> f32
    %has_total = llvm.icmp "ne" %total_or_null, %null : !llvm.ptr<1>
    %loads_total = arith.andi %has_total, %works : i1
    %total = scf.if %loads_total -> (f32) {
      %x = llvm.load %total_or_null : !llvm.ptr<1> -> f32
      scf.yield %x : f32
    } else {
      scf.yield %one : f32
    }
    // Without classes that are left out, or tokens that leave some out, there is nothing to tilt.
    %has_weights = arith.cmpf ogt, %weights, %zero : f32
    %has_tokens = arith.cmpf une, %total, %zero : f32
    %any = arith.andi %has_weights, %has_tokens : i1
    %mean = arith.divf %squares, %weights : f32
    %apart = arith.subf %mean, %length : f32
    %columns_f = arith.uitofp %columns : i32 to f32
    %of_column = arith.divf %apart, %columns_f : f32
    %part = arith.mulf %of_column, %share : f32
    %positive = arith.maxnumf %part, %zero : f32
    %value = arith.select %any, %positive, %zero : f32
    %block_start = arith.shli %rank, %c10 : i32
    %first_column = arith.addi %block_start, %tid : i32
    %is_first = arith.cmpi eq, %first_column, %c0 : i32
    %writes = arith.andi %is_first, %works : i1
    scf.if %writes {
      llvm.store %value, %tilt : f32, !llvm.ptr<1>
    }
    %divided = arith.divf %value, %total : f32
    %minus_any = arith.negf %divided : f32
    %minus = arith.select %any, %minus_any, %zero : f32
    scf.for %k = %first_column to %own_columns step %c8192 : i32 {
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

  llvm.func internal @load_piece(%row: !llvm.ptr<1>, %k: i32, %pieces: i32) -> vector<4xi32> attributes {always_inline} {
    %c8 = arith.constant 8 : i32
    %none = arith.constant dense<0> : vector<4xi32>
    %exists = arith.cmpi slt, %k, %pieces : i32
    %piece = scf.if %exists -> (vector<4xi32>) {
      %first = arith.muli %k, %c8 : i32
      %first64 = arith.extui %first : i32 to i64
      %p = llvm.getelementptr %row[%first64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
      %raw = llvm.load %p {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
      scf.yield %raw : vector<4xi32>
    } else {
      scf.yield %none : vector<4xi32>
    }
    llvm.return %piece : vector<4xi32>
  }

  llvm.func internal @add_squares(%is_half: i1, %sums: vector<8xf32>, %raw: vector<4xi32>) -> vector<8xf32> attributes {always_inline} {
    %x = scf.if %is_half -> (vector<8xf32>) {
      %h = llvm.bitcast %raw : vector<4xi32> to vector<8xf16>
      %wide = arith.extf %h : vector<8xf16> to vector<8xf32>
      scf.yield %wide : vector<8xf32>
    } else {
      %h = llvm.bitcast %raw : vector<4xi32> to vector<8xbf16>
      %wide = arith.extf %h : vector<8xbf16> to vector<8xf32>
      scf.yield %wide : vector<8xf32>
    }
    %more = llvm.intr.fma(%x, %x, %sums) : (vector<8xf32>, vector<8xf32>, vector<8xf32>) -> vector<8xf32>
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
