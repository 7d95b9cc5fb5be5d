// RUN: cce-opt %s --cce-to-nvvm --split-input-file --verify-diagnostics | FileCheck %s --enable-var-scope

// A cluster of two: both blocks wait for each other's barriers, half of the second operand's tile goes to both, and a stage is
// released in both: that of the block before in the loop, the last one behind it.

// CHECK-LABEL: llvm.func @pair
// CHECK: nvvm.cluster.arrive
// CHECK: nvvm.cluster.wait
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}} box[{{.*}}] l2_cache_hint = %{{[^ ]*}} : !llvm.ptr<7>
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}}multicast_mask = %{{[^ ]*}} : !llvm.ptr<7>
// CHECK: nvvm.wgmma.wait.group.sync.aligned 1
// The arrival has not the cluster scope (an attribute), whose release waits for all earlier stores of the block, every stage: products
// have read the stage, and those were waited for.
// CHECK: %[[THERE:.*]] = nvvm.mapa
// CHECK-NEXT: nvvm.mbarrier.arrive %[[THERE]] : !llvm.ptr<7>{{$}}
// CHECK: "wgmma.wait_group.sync.aligned 0;"
// CHECK: %[[LAST:.*]] = nvvm.mapa
// CHECK-NEXT: nvvm.mbarrier.arrive %[[LAST]] : !llvm.ptr<7>{{$}}
// CHECK-NOT: nvvm.mapa
// CHECK: nvvm.cluster.arrive
// CHECK: nvvm.cluster.wait
// CHECK-NEXT: llvm.return
cce.kernel @pair(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>,
                 %z: !cce.buffer<tokens x vocab x bf16>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 128, tile_k = 64, stages = 2, cluster = 2>} {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x bf16>
  }
}

// -----

// Halves of a tile are boxes of whole panels.

// expected-error@+1 {{expected cluster to be 1, or 2 with a tile_n of 128 or 256, on sm_90a, got 2 with a tile_n of 192}}
cce.kernel @odd(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>,
                %z: !cce.buffer<tokens x vocab x bf16>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 192, tile_k = 64, stages = 2, cluster = 2>} {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x bf16>
  }
}
