// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse --split-input-file | FileCheck %s --enable-var-scope

// A tile's terms are added below the maximum that is known, in f32, four sums for each of a thread's two rows.
// CHECK-LABEL: llvm.func @plain(
// CHECK-DAG: %[[MUCH:.*]] = arith.constant 1.2676506E+30 : f32
// CHECK-DAG: %[[LOG2E:.*]] = arith.constant 1.44269502 : f32
// CHECK-DAG: %[[NONE:.*]] = arith.constant 0xFF800000 : f32
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK: nvvm.setmaxregister increase
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %[[MAXIMUM:.*]] = %[[NONE]], %[[SUM:.*]] = %[[ZERO]], %[[MAXIMUM1:.*]] = %[[NONE]], %[[SUM1:.*]] = %[[ZERO]])
// CHECK: %[[LOGITS:[0-9]+]]:32 = scf.if
// CHECK: %[[BELOW:.*]] = arith.negf %[[MAXIMUM]]
// CHECK-NEXT: %[[SHIFTED:.*]] = llvm.intr.fma(%[[LOGITS]]#0, %[[LOG2E]], %[[BELOW]])
// CHECK-NEXT: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%[[SHIFTED]])
// CHECK-COUNT-15: ex2.approx
// CHECK-NOT: {{ex2.approx|maxnumf}}
// CHECK: %[[MORE:.*]] = arith.addf %[[SUM]], %{{.*}}
// CHECK-NEXT: %[[FITS:.*]] = arith.cmpf olt, %[[MORE]], %[[MUCH]]
// CHECK-NEXT: arith.negf %[[MAXIMUM1]]
// CHECK-COUNT-16: ex2.approx
// CHECK-NOT: {{ex2.approx|maxnumf}}
// CHECK: %[[MORE1:.*]] = arith.addf %[[SUM1]], %{{.*}}
// CHECK-NEXT: %[[FITS1:.*]] = arith.cmpf olt, %[[MORE1]], %[[MUCH]]
// CHECK-NEXT: %[[BOTH:.*]] = arith.andi %[[FITS]], %[[FITS1]]
// If no sum of the warp is too large, or NaN, as with the -inf that a row begins with, that is all.
// CHECK-NEXT: %[[ALL:.*]] = nvvm.vote.sync all %c-1_i32, %[[BOTH]]
// CHECK-NEXT: scf.if %[[ALL]]
// CHECK-NEXT: scf.yield %[[MAXIMUM]], %[[MORE]], %[[MAXIMUM1]], %[[MORE1]]
// CHECK-NEXT: } else {
// Else the tile's maximum is found, and what there was, from before the tile, is scaled.
// CHECK-COUNT-15: arith.maxnumf
// CHECK: %[[SCALED:.*]] = arith.mulf %{{.*}}, %[[LOG2E]]
// CHECK-NEXT: %[[LARGER:.*]] = arith.maxnumf %[[MAXIMUM]], %[[SCALED]]
// CHECK-NEXT: %[[EMPTY:.*]] = arith.cmpf oeq, %[[LARGER]], %[[NONE]]
// CHECK-NEXT: %[[SHIFT:.*]] = arith.select %[[EMPTY]], %[[ZERO]], %[[LARGER]]
// CHECK-NEXT: %[[DOWN:.*]] = arith.subf %[[MAXIMUM]], %[[SHIFT]]
// CHECK-NEXT: %[[CORRECTION:.*]] = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%[[DOWN]])
// CHECK-NEXT: %[[KEPT:.*]] = arith.mulf %[[SUM]], %[[CORRECTION]]
// CHECK-NEXT: %[[BELOW:.*]] = arith.negf %[[SHIFT]]
// CHECK-NEXT: llvm.intr.fma(%[[LOGITS]]#0, %[[LOG2E]], %[[BELOW]])
// CHECK-COUNT-16: ex2.approx
// CHECK-NOT: ex2.approx
// CHECK: %[[NEW:.*]] = arith.addf %[[KEPT]], %{{.*}}
// CHECK-COUNT-17: ex2.approx
// CHECK: %[[NEW1:.*]] = arith.addf
// CHECK: scf.yield %[[LARGER]], %[[NEW]], %{{.*}}, %{{.*}} : f32, f32, f32, f32
cce.kernel @plain(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %partial: !cce.buffer<tokens x !cce.lse>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %i over tokens {
    %empty = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %lse = cce.reduce %v over vocab from %state = %empty : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %next = cce.lse_update %state, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %next : !cce.tile<tokens x !cce.lse>
    }
    cce.store %lse, %partial[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// -----

// Of a list of classes the state has the maximum: what is made of a sample looks at its largest terms.
// CHECK-LABEL: llvm.func @classes(
// CHECK: nvvm.setmaxregister increase
// CHECK: nvvm.wgmma.mma_async
// CHECK-NOT: ex2.approx
// CHECK-COUNT-16: arith.maxnumf
// CHECK-NOT: nvvm.vote
// CHECK: llvm.return
cce.kernel @classes(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %rows: !cce.buffer<classes x i32>, %partial: !cce.buffer<tokens x !cce.lse>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  %some = cce.gather %b[%rows] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<classes x i32>
  cce.parallel %i over tokens {
    %empty = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %lse = cce.reduce %v over classes from %state = %empty : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %a[%i], %some[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<classes x hidden x bf16> -> !cce.tile<tokens x classes x f32>
      %next = cce.lse_update %state, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x classes x f32>
      cce.yield %next : !cce.tile<tokens x !cce.lse>
    }
    cce.store %lse, %partial[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}
