// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse --split-input-file | FileCheck %s

// The two consumers take turns with what follows the product of a tile, so that the tensor cores belong to the other one meanwhile. Behind
// the barriers of the ring each has one more, on which the other arrives when it is done, one thread
// of each warp: a warp that the others leave behind by two turns would take one for the other, their parities being the same.
// CHECK-LABEL: llvm.func @stores(
// CHECK-SAME: shared_bytes = 49208 : i64
// 2 stages of 24576 bytes, then 2 barriers for full stages, 2 for empty ones.
// CHECK: %[[FULL:.*]] = llvm.getelementptr %{{.*}}[49152]
// CHECK-NEXT: %[[EMPTY:.*]] = llvm.getelementptr %[[FULL]][16]
// CHECK-NEXT: %[[TURNS:.*]] = llvm.getelementptr %[[EMPTY]][16]
// CHECK: %[[LANE:.*]] = arith.andi %{{.*}}, %c31_i32
// CHECK: nvvm.mbarrier.init %[[TURNS]], %c4_i32
// CHECK-NEXT: %[[SECOND:.*]] = llvm.getelementptr %[[TURNS]][8]
// CHECK-NEXT: nvvm.mbarrier.init %[[SECOND]], %c4_i32
// CHECK-NEXT: nvvm.fence.mbarrier.init
// The producer has no part in it.
// CHECK: nvvm.setmaxregister decrease
// CHECK-NOT: %[[TURNS]]
// CHECK: nvvm.setmaxregister increase
// CHECK-NEXT: %[[CONSUMER:.*]] = arith.subi %{{.*}}, %c1_i32
// The parity of tiles goes on from item to item.
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %c0_i32, %{{.*}} = %c0_i32, %[[OF_ITEM:.*]] = %c0_i32)
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %[[TURN:.*]] = %[[OF_ITEM]])
// CHECK: nvvm.wgmma.mma_async
// CHECK: scf.yield
// What the producer waits for does not wait for a turn.
// CHECK: "wgmma.wait_group.sync.aligned 0;"
// CHECK: nvvm.mbarrier.arrive
// CHECK-NOT: nvvm.mbarrier
// Consumer 0 waits for what consumer 1 did with the tile before: for parity 1, which a new barrier has behind it. Consumer 1 waits for
// what consumer 0 does with this one: for parity 0.
// CHECK: %[[OTHER:.*]] = arith.xori %[[CONSUMER]], %c1_i32
// CHECK-NEXT: %[[PARITY:.*]] = arith.xori %[[TURN]], %[[OTHER]]
// CHECK-NEXT: %[[PLACE:.*]] = arith.muli %[[CONSUMER]], %c8_i32
// CHECK-NEXT: %[[OWN:.*]] = llvm.getelementptr %[[TURNS]][%[[PLACE]]]
// CHECK: nvvm.mbarrier.try_wait %[[OWN]], %[[PARITY]]
// CHECK: %[[NEXT:.*]] = arith.xori %[[TURN]], %c1_i32
// CHECK-NOT: nvvm.mbarrier
// CHECK: llvm.store
// CHECK-NOT: nvvm.mbarrier
// CHECK: %[[PLACE:.*]] = arith.muli %[[OTHER]], %c8_i32
// CHECK-NEXT: %[[OF_OTHER:.*]] = llvm.getelementptr %[[TURNS]][%[[PLACE]]]
// CHECK-NEXT: %[[FIRST:.*]] = arith.cmpi eq, %[[LANE]], %c0_i32
// CHECK-NEXT: scf.if %[[FIRST]] {
// CHECK-NEXT: nvvm.mbarrier.arrive %[[OF_OTHER]]
// CHECK-NEXT: }
// CHECK-NEXT: scf.yield %{{.*}}, %{{.*}}, %[[NEXT]] : i32, i32, i32
cce.kernel @stores(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x vocab x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

// A reduction takes a turn for each of its tiles; its result is stored when all are done, in no one's turn.
// CHECK-LABEL: llvm.func @reduces(
// CHECK: nvvm.setmaxregister increase
// CHECK: nvvm.wgmma.mma_async
// CHECK: nvvm.mbarrier.arrive
// CHECK: scf.yield
// CHECK: "wgmma.wait_group.sync.aligned 0;"
// CHECK: nvvm.mbarrier.arrive
// CHECK-NOT: nvvm.mbarrier
// CHECK: nvvm.mbarrier.try_wait
// CHECK-NOT: nvvm.mbarrier
// CHECK: llvm.nvvm.ex2.approx
// CHECK-NOT: llvm.store
// CHECK: nvvm.mbarrier.arrive
// CHECK-NEXT: }
// CHECK-NEXT: scf.yield
// CHECK-NOT: nvvm.mbarrier
// CHECK: llvm.store
cce.kernel @reduces(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %out: !cce.buffer<tokens x !cce.lse>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %t = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %more = cce.lse_update %some, %t : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// -----

// Where sums are loaded the consumers take no turns: both wait for memory at the same time. The last barrier is that of the ring's
// last stage.
// CHECK-LABEL: llvm.func @adds(
// CHECK: nvvm.setmaxregister increase
// CHECK: "wgmma.wait_group.sync.aligned 0;"
// CHECK: nvvm.mbarrier.arrive
// CHECK-NOT: nvvm.mbarrier
// CHECK: llvm.store
// CHECK-NOT: nvvm.mbarrier
// CHECK: llvm.return
cce.kernel @adds(%g: !cce.buffer<tokens x vocab x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %low: !cce.buffer<tokens x hidden x i8>,
                 %rows: !cce.buffer<tokens x i32>, %de: !cce.buffer<positions x hidden x bf16>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  %target = cce.gather %de[%rows] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<tokens x i32>
  cce.parallel %i, %d over tokens, hidden {
    %chunk = cce.matmul %g[%i], %c[%d] : !cce.buffer<tokens x vocab x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x hidden x f32>
    %before = cce.load_halves %target, %low[%i, %d] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
    %after = cce.map %before, %chunk : !cce.tile<tokens x hidden x f32>, !cce.tile<tokens x hidden x f32> -> !cce.tile<tokens x hidden x f32> {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      cce.yield %s : f32
    }
    cce.store_halves %after, %target, %low[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
  }
}
