// Adds up the parts that weighted_rows leaves, and the sums of their weights, in a fixed order: a block has 64 columns, and each quarter of its
// threads a quarter of the parts; of these part p goes into accumulator p % 16, so that sixteen loads are under way. Accumulators are added in
// order, then quarters.
gpu.module @kernels {
  llvm.mlir.global internal @sums() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<256 x f32>

  llvm.func @sum_parts(%partial: !llvm.ptr<1>, %weight_sums: !llvm.ptr<1>, %all_sums: !llvm.ptr<1>, %parts: i32, %columns: i32, %normalise: i32, %gate_or_null: !llvm.ptr<1>, %result: !llvm.ptr<1>, %total: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, nvvm.minctasm = 2 : i32, cce.manifest = {
      kernel = "sum_parts", target = "sm_90a", entry = "sum_parts", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "partial"},
         {kind = "pointer", buffer = "weight_sums"},
         {kind = "pointer", buffer = "all_sums"},
         {kind = "scalar", buffer = "parts", type = "i32"},
         {kind = "scalar", buffer = "columns", type = "i32"},
         {kind = "scalar", buffer = "normalise", type = "i32"},
         {kind = "pointer", buffer = "gate_or_null"},
         {kind = "pointer", buffer = "result"},
         {kind = "pointer", buffer = "total"}]}} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c4 = arith.constant 4 : i32
    %c16 = arith.constant 16 : i32
    %c63 = arith.constant 63 : i32
    %c64 = arith.constant 64 : i32
    %zero = arith.constant 0.0 : f32
    %zeros = arith.constant dense<0.0> : vector<16xf32>
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %grid = nvvm.read.ptx.sreg.nctaid.x : i32
    // Behind a gate that is shut there are no parts, and nothing is written.
    %null = llvm.mlir.zero : !llvm.ptr<1>
    %true = arith.constant true
    %has_gate = llvm.icmp "ne" %gate_or_null, %null : !llvm.ptr<1>
    %works = scf.if %has_gate -> (i1) {
      %gate = llvm.load %gate_or_null : !llvm.ptr<1> -> i32
      %open = arith.cmpi sge, %gate, %c0 : i32
      scf.yield %open : i1
    } else {
      scf.yield %true : i1
    }
    %there = arith.select %works, %parts, %c0 : i32
    // Every block adds up the weights for itself.
    %used = llvm.call @sum_over_threads(%weight_sums, %there) : (!llvm.ptr<1>, i32) -> f32
    %all = llvm.call @sum_over_threads(%all_sums, %there) : (!llvm.ptr<1>, i32) -> f32
    %in_first = arith.cmpi eq, %block, %c0 : i32
    %is_leader = arith.cmpi eq, %tid, %c0 : i32
    %is_writer = arith.andi %in_first, %is_leader : i1
    %writes = arith.andi %is_writer, %works : i1
    scf.if %writes {
      llvm.store %all, %total : f32, !llvm.ptr<1>
    }
    %positive = arith.cmpf ogt, %used, %zero : f32
    %divides = arith.cmpi ne, %normalise, %c0 : i32
    %columns64 = arith.extui %columns : i32 to i64
    %quarter = arith.divui %tid, %c64 : i32
    %behind = arith.addi %quarter, %c1 : i32
    %parts_to_begin = arith.muli %quarter, %parts : i32
    %parts_to_end = arith.muli %behind, %parts : i32
    %begin = arith.divui %parts_to_begin, %c4 : i32
    %end = arith.divui %parts_to_end, %c4 : i32
    %my_last = arith.subi %end, %c1 : i32
    %sums = llvm.mlir.addressof @sums : !llvm.ptr<3>
    %my_place = llvm.getelementptr %sums[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    %rounded = arith.addi %columns, %c63 : i32
    %all_items = arith.divui %rounded, %c64 : i32
    %items = arith.select %works, %all_items, %c0 : i32
    scf.for %item = %block to %items step %grid : i32 {
      %first = arith.muli %item, %c64 : i32
      %within = arith.andi %tid, %c63 : i32
      %column = arith.addi %first, %within : i32
      %inside = arith.cmpi slt, %column, %columns : i32
      %column64 = arith.extui %column : i32 to i64
      %my_sum = scf.if %inside -> (f32) {
        %from = llvm.getelementptr %partial[%column64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %sixteen = scf.for %p = %begin to %end step %c16 iter_args(%acc = %zeros) -> (vector<16xf32>) : i32 {
          %v0 = llvm.mlir.undef : vector<16xf32>
          %k0 = arith.constant 0 : i32
          %p0 = arith.addi %p, %k0 : i32
          %k1 = arith.constant 1 : i32
          %p1 = arith.addi %p, %k1 : i32
          %k2 = arith.constant 2 : i32
          %p2 = arith.addi %p, %k2 : i32
          %k3 = arith.constant 3 : i32
          %p3 = arith.addi %p, %k3 : i32
          %k4 = arith.constant 4 : i32
          %p4 = arith.addi %p, %k4 : i32
          %k5 = arith.constant 5 : i32
          %p5 = arith.addi %p, %k5 : i32
          %k6 = arith.constant 6 : i32
          %p6 = arith.addi %p, %k6 : i32
          %k7 = arith.constant 7 : i32
          %p7 = arith.addi %p, %k7 : i32
          %k8 = arith.constant 8 : i32
          %p8 = arith.addi %p, %k8 : i32
          %k9 = arith.constant 9 : i32
          %p9 = arith.addi %p, %k9 : i32
          %k10 = arith.constant 10 : i32
          %p10 = arith.addi %p, %k10 : i32
          %k11 = arith.constant 11 : i32
          %p11 = arith.addi %p, %k11 : i32
          %k12 = arith.constant 12 : i32
          %p12 = arith.addi %p, %k12 : i32
          %k13 = arith.constant 13 : i32
          %p13 = arith.addi %p, %k13 : i32
          %k14 = arith.constant 14 : i32
          %p14 = arith.addi %p, %k14 : i32
          %k15 = arith.constant 15 : i32
          %p15 = arith.addi %p, %k15 : i32
          %x0 = llvm.call @load_part(%from, %p0, %my_last, %columns64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
          %x1 = llvm.call @load_part(%from, %p1, %my_last, %columns64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
          %x2 = llvm.call @load_part(%from, %p2, %my_last, %columns64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
          %x3 = llvm.call @load_part(%from, %p3, %my_last, %columns64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
          %x4 = llvm.call @load_part(%from, %p4, %my_last, %columns64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
          %x5 = llvm.call @load_part(%from, %p5, %my_last, %columns64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
          %x6 = llvm.call @load_part(%from, %p6, %my_last, %columns64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
          %x7 = llvm.call @load_part(%from, %p7, %my_last, %columns64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
          %x8 = llvm.call @load_part(%from, %p8, %my_last, %columns64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
          %x9 = llvm.call @load_part(%from, %p9, %my_last, %columns64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
          %x10 = llvm.call @load_part(%from, %p10, %my_last, %columns64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
          %x11 = llvm.call @load_part(%from, %p11, %my_last, %columns64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
          %x12 = llvm.call @load_part(%from, %p12, %my_last, %columns64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
          %x13 = llvm.call @load_part(%from, %p13, %my_last, %columns64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
          %x14 = llvm.call @load_part(%from, %p14, %my_last, %columns64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
          %x15 = llvm.call @load_part(%from, %p15, %my_last, %columns64) : (!llvm.ptr<1>, i32, i32, i64) -> f32
          %v1 = llvm.insertelement %x0, %v0[%k0 : i32] : vector<16xf32>
          %v2 = llvm.insertelement %x1, %v1[%k1 : i32] : vector<16xf32>
          %v3 = llvm.insertelement %x2, %v2[%k2 : i32] : vector<16xf32>
          %v4 = llvm.insertelement %x3, %v3[%k3 : i32] : vector<16xf32>
          %v5 = llvm.insertelement %x4, %v4[%k4 : i32] : vector<16xf32>
          %v6 = llvm.insertelement %x5, %v5[%k5 : i32] : vector<16xf32>
          %v7 = llvm.insertelement %x6, %v6[%k6 : i32] : vector<16xf32>
          %v8 = llvm.insertelement %x7, %v7[%k7 : i32] : vector<16xf32>
          %v9 = llvm.insertelement %x8, %v8[%k8 : i32] : vector<16xf32>
          %v10 = llvm.insertelement %x9, %v9[%k9 : i32] : vector<16xf32>
          %v11 = llvm.insertelement %x10, %v10[%k10 : i32] : vector<16xf32>
          %v12 = llvm.insertelement %x11, %v11[%k11 : i32] : vector<16xf32>
          %v13 = llvm.insertelement %x12, %v12[%k12 : i32] : vector<16xf32>
          %v14 = llvm.insertelement %x13, %v13[%k13 : i32] : vector<16xf32>
          %v15 = llvm.insertelement %x14, %v14[%k14 : i32] : vector<16xf32>
          %v16 = llvm.insertelement %x15, %v15[%k15 : i32] : vector<16xf32>
          %more = arith.addf %acc, %v16 : vector<16xf32>
          scf.yield %more : vector<16xf32>
        }
        %sum = "llvm.intr.vector.reduce.fadd"(%zero, %sixteen) : (f32, vector<16xf32>) -> f32
        scf.yield %sum : f32
      } else {
        scf.yield %zero : f32
      }
      // Everyone is done with the last item.
      nvvm.barrier
      llvm.store %my_sum, %my_place : f32, !llvm.ptr<3>
      nvvm.barrier
      %in_first_quarter = arith.cmpi slt, %tid, %c64 : i32
      %finishes = arith.andi %inside, %in_first_quarter : i1
      scf.if %finishes {
        %sum = scf.for %q = %c1 to %c4 step %c1 iter_args(%acc = %my_sum) -> (f32) : i32 {
          %distance = arith.muli %q, %c64 : i32
          %other = arith.addi %tid, %distance : i32
          %po = llvm.getelementptr %sums[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
          %x = llvm.load %po : !llvm.ptr<3> -> f32
          %more = arith.addf %acc, %x : f32
          scf.yield %more : f32
        }
        %value = scf.if %divides -> (f32) {
          %quotient = arith.divf %sum, %used : f32
          %mean = arith.select %positive, %quotient, %zero : f32
          scf.yield %mean : f32
        } else {
          scf.yield %sum : f32
        }
        %pr = llvm.getelementptr %result[%column64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        llvm.store %value, %pr : f32, !llvm.ptr<1>
      }
    }
    llvm.return
  }

  // Thread t adds up parts t, t + 256, ..., then the threads as a tree.
  llvm.func internal @sum_over_threads(%values: !llvm.ptr<1>, %parts: i32) -> f32 attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c8 = arith.constant 8 : i32
    %c128 = arith.constant 128 : i32
    %c256 = arith.constant 256 : i32
    %zero = arith.constant 0.0 : f32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %value = scf.for %p = %tid to %parts step %c256 iter_args(%acc = %zero) -> (f32) : i32 {
      %p64 = arith.extui %p : i32 to i64
      %pw = llvm.getelementptr %values[%p64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %w = llvm.load %pw : !llvm.ptr<1> -> f32
      %more = arith.addf %acc, %w : f32
      scf.yield %more : f32
    }
    %sums = llvm.mlir.addressof @sums : !llvm.ptr<3>
    %mine = llvm.getelementptr %sums[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    nvvm.barrier
    llvm.store %value, %mine : f32, !llvm.ptr<3>
    nvvm.barrier
    %last = scf.for %k = %c0 to %c8 step %c1 iter_args(%half = %c128) -> (i32) : i32 {
      %adds = arith.cmpi slt, %tid, %half : i32
      scf.if %adds {
        %other = arith.addi %tid, %half : i32
        %po = llvm.getelementptr %sums[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
        %a = llvm.load %mine : !llvm.ptr<3> -> f32
        %b = llvm.load %po : !llvm.ptr<3> -> f32
        %s = arith.addf %a, %b : f32
        llvm.store %s, %mine : f32, !llvm.ptr<3>
      }
      nvvm.barrier
      %smaller = arith.shrui %half, %c1 : i32
      scf.yield %smaller : i32
    }
    %all = llvm.load %sums : !llvm.ptr<3> -> f32
    llvm.return %all : f32
  }

  // Beyond the last part: 0.
  llvm.func internal @load_part(%column: !llvm.ptr<1>, %p: i32, %last: i32, %columns: i64) -> f32 attributes {always_inline} {
    %zero = arith.constant 0.0 : f32
    %inside = arith.cmpi sle, %p, %last : i32
    %at = arith.minsi %p, %last : i32
    %at64 = arith.extui %at : i32 to i64
    %row = arith.muli %at64, %columns : i64
    %px = llvm.getelementptr %column[%row] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
    %x = llvm.load %px : !llvm.ptr<1> -> f32
    %part = arith.select %inside, %x, %zero : f32
    llvm.return %part : f32
  }
}
