// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse | FileCheck %s --enable-var-scope

// Exponentials below a reference that is known before: those of the sum are of the same numbers as those that are stored, so that LLVM leaves
// one of two. Rows go out in pieces of 16 bytes through shared memory behind the ring (2 x 24576 bytes), 2048 bytes a warp.
// CHECK-LABEL: llvm.func @exponentials(
// 49152 + 8 x 2048 + 2 x 2 x 8 + 2 x 8 + 2 x 4
// CHECK-SAME: shared_bytes = 65592 : i64
// CHECK-DAG: %[[LOG2E:.*]] = arith.constant 1.44269502 : f32
// CHECK-DAG: %[[MINUS:.*]] = arith.constant -1.44269502 : f32
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK: nvvm.setmaxregister increase
// What a row has is loaded before its products.
// CHECK: %[[R0:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> f32
// CHECK-NEXT: %[[SHIFT0:.*]] = arith.mulf %[[R0]], %[[MINUS]]
// CHECK: %[[R1:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> f32
// CHECK-NEXT: %[[SHIFT1:.*]] = arith.mulf %[[R1]], %[[MINUS]]
// CHECK: nvvm.wgmma.mma_async
// What follows is a consumer's while it is its turn.
// CHECK: nvvm.mbarrier.try_wait
// CHECK: %[[FULL:.*]] = arith.cmpi sle
// CHECK: %[[MAX0:.*]] = arith.negf %[[SHIFT0]]
// CHECK: %[[MAX1:.*]] = arith.negf %[[SHIFT1]]
// A tile of which all rows and columns exist goes through without a branch.
// CHECK: %[[ALL_ROWS:.*]] = arith.cmpi sle
// CHECK: %[[WHOLE:.*]] = arith.andi %{{.*}}, %[[ALL_ROWS]]
// CHECK: %[[STATE:.*]]:2 = scf.if %[[WHOLE]] -> (f32, f32) {
// CHECK: %[[X:.*]] = llvm.intr.fma(%[[Z:.*]], %[[LOG2E]], %[[SHIFT0]])
// CHECK-NEXT: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%[[X]])
// CHECK-NOT: scf.if
// CHECK-NOT: arith.select
// CHECK: %[[WITH0:.*]] = arith.addf %arg{{[0-9]+}}, %{{.*}} : f32
// CHECK: %[[WITH1:.*]] = arith.addf %arg{{[0-9]+}}, %{{.*}} : f32
// CHECK-COUNT-4: nvvm.stmatrix
// CHECK-COUNT-4: llvm.store %{{.*}} {alignment = 16 : i64}
// CHECK-NOT: scf.if
// CHECK: scf.yield %[[WITH0]], %[[WITH1]] : f32, f32
// CHECK: } else {
// CHECK: %[[X:.*]] = llvm.intr.fma(%[[Z:.*]], %[[LOG2E]], %[[SHIFT0]])
// CHECK-NEXT: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%[[X]])
// Rounded, and zero beyond the count.
// CHECK: arith.truncf %{{.*}} : vector<2xf32> to vector<2xbf16>
// CHECK: arith.select
// The sum of the panel: only an incomplete tile looks at its columns.
// CHECK: %[[TERM:.*]] = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%[[X]])
// CHECK: %[[SUMS:.*]]:2 = scf.if %[[FULL]]
// CHECK-NOT: arith.select
// CHECK: scf.yield
// CHECK: } else {
// CHECK: arith.select %{{.*}}, %[[TERM]], %[[ZERO]] : f32
// CHECK: scf.yield
// CHECK: nvvm.stmatrix
// The state is the reference times log2 e, and the sum.
// CHECK: scf.yield %[[SUMS]]#0, %[[SUMS]]#1
// CHECK: scf.yield %{{.*}}, %[[MAX0]], %[[STATE]]#0, %[[MAX1]], %[[STATE]]#1
cce.kernel @exponentials(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %reference: !cce.buffer<tokens x f32>,
                         %g: !cce.buffer<tokens x vocab x bf16>, %out: !cce.buffer<splits x tokens x !cce.lse>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %s, %i over splits, tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab part %s from %some = %none : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %r = cce.load %reference[%i] : !cce.buffer<tokens x f32>
      %p = cce.map %z, %r : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32> -> !cce.tile<tokens x vocab x f32> {
      ^bb0(%a: f32, %b: f32):
        %d = arith.subf %a, %b : f32
        %x = math.exp %d : f32
        cce.yield %x : f32
      }
      cce.store %p, %g[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x bf16>
      %more = cce.lse_update %some, %z at %r : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}

// A sum alone needs no room behind the ring, and a store beside a maximum that is found on the way comes behind it.
// CHECK-LABEL: llvm.func @sum_alone(
// CHECK-SAME: shared_bytes = 49208 : i64
// CHECK-NOT: nvvm.stmatrix
// CHECK-LABEL: llvm.func @beside_maxima(
// CHECK-SAME: shared_bytes = 65592 : i64
// CHECK: arith.maxnumf
// CHECK: nvvm.stmatrix
cce.kernel @sum_alone(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %reference: !cce.buffer<tokens x f32>,
                      %out: !cce.buffer<tokens x !cce.lse>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %r = cce.load %reference[%i] : !cce.buffer<tokens x f32>
      %more = cce.lse_update %some, %z at %r : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

cce.kernel @beside_maxima(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %g: !cce.buffer<tokens x vocab x bf16>,
                          %out: !cce.buffer<tokens x !cce.lse>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      cce.store %z, %g[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x bf16>
      %more = cce.lse_update %some, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}
