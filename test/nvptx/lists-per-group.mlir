// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse --split-input-file | FileCheck %s

// A list for each tile of tokens, whose length is on the device. The grid is that of the longest list (the extent of `slots`); an item
// behind the end of its list has no tile. Only whether it is behind is asked: where a tile has begun, all of it is computed, and what
// is not in the list is negative.
// CHECK-LABEL: llvm.func @columns(
// CHECK-SAME: {axis = "slots", kind = "extent"}, {axis = "hidden", kind = "extent"}, {axis = "slots", kind = "extent_pointer"}
// CHECK-SAME: {buffer = "lists", dimension = 0 : i64, kind = "stride"}, {buffer = "lists", kind = "pointer"}
// CHECK-NOT: buffer = "c", kind = "tensor_map"
// CHECK: nvvm.setmaxregister decrease
// CHECK: %[[GROUP:.*]] = arith.extsi %{{.*}} : i32 to i64
// CHECK-NEXT: %[[OFFSET:.*]] = arith.muli %[[GROUP]], %c4_i64
// CHECK-NEXT: %[[ADDRESS:.*]] = llvm.getelementptr %{{.*}}[%[[OFFSET]]]
// CHECK-NEXT: %[[LENGTH:.*]] = llvm.load %[[ADDRESS]] {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK-NEXT: %[[START:.*]] = arith.muli %[[COLUMN:.*]], %c64_i32
// CHECK-NEXT: %[[BEGUN:.*]] = arith.cmpi slt, %[[START]], %[[LENGTH]]
// CHECK-NEXT: %[[END:.*]] = arith.select %[[BEGUN]], %{{.*}}, %[[COLUMN]]
// CHECK: scf.for %{{.*}} = %[[COLUMN]] to %[[END]] step
// The list of this group.
// CHECK: arith.muli %[[GROUP]], %[[STRIDE:arg[0-9]+]]
// CHECK-COUNT-4: nvvm.cp.async.shared.global
// CHECK: nvvm.setmaxregister increase
// CHECK: %[[GROUP:.*]] = arith.extsi %{{.*}} : i32 to i64
// CHECK: llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK: nvvm.wgmma.mma_async
// What a slot stands for (cce.rows), of two neighbours at once, and their bias from the same entries.
// CHECK: %[[LIST:.*]] = arith.muli %[[GROUP]], %[[STRIDE]]
// CHECK: arith.addi %{{.*}}, %[[LIST]]
// CHECK: %[[TWO:.*]] = llvm.load %{{.*}} {alignment = 8 : i64} : !llvm.ptr<1> -> vector<2xi32>
// CHECK: %[[CLASS:.*]] = llvm.extractelement %[[TWO]][%c0_i32
// CHECK: llvm.extractelement %[[TWO]][%c1_i32
// CHECK: arith.maxsi %[[CLASS]], %c0_i32
// CHECK: arith.sitofp %[[CLASS]]
cce.kernel @columns(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %lists: !cce.buffer<groups x slots x i32>,
                    %bias: !cce.buffer<vocab x f32>, %z: !cce.buffer<tokens x slots x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  %class = cce.gather %c[%lists] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<groups x slots x i32>
  %class_bias = cce.gather %bias[%lists] : !cce.buffer<vocab x f32>, !cce.buffer<groups x slots x i32>
  cce.parallel %i, %s over tokens, slots {
    %t = cce.matmul %e[%i], %class[%s] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<slots x hidden x bf16> -> !cce.tile<tokens x slots x f32>
    %b = cce.load %class_bias[%s] : !cce.buffer<slots x f32>
    %id = cce.rows %class[%s] : !cce.buffer<slots x hidden x bf16> -> !cce.tile<slots x i32>
    %r = cce.map %t, %b, %id : !cce.tile<tokens x slots x f32>, !cce.tile<slots x f32>, !cce.tile<slots x i32> -> !cce.tile<tokens x slots x f32> {
    ^bb0(%x: f32, %y: f32, %n: i32):
      %f = arith.sitofp %n : i32 to f32
      %p = arith.mulf %y, %f : f32
      %q = arith.addf %x, %p : f32
      cce.yield %q : f32
    }
    cce.store %r, %z[%i, %s] : !cce.tile<tokens x slots x f32>, !cce.buffer<tokens x slots x f32>
  }
}

// -----

// The same list as the contraction: its length is how far the inner loop goes, for each group its own, in steps of 64. The product
// of no classes is a tile of zeros, which is stored like any other, so there is no condition on the item.
// CHECK-LABEL: llvm.func @contraction(
// CHECK-SAME: {axis = "slots", kind = "extent_pointer"}
// CHECK-NOT: buffer = "c", kind = "tensor_map"
// CHECK: nvvm.setmaxregister decrease
// CHECK: %[[LENGTH:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK-NEXT: %[[UP:.*]] = arith.addi %[[LENGTH]], %c63_i32
// CHECK-NEXT: %[[STEPS:.*]] = arith.divui %[[UP]], %c64_i32
// CHECK: scf.for
// CHECK: scf.for %{{.*}} = %c0_i32 to %[[STEPS]] step
// CHECK-COUNT-4: nvvm.cp.async.shared.global
// CHECK-NOT: nvvm.cp.async.shared.global
// The consumers expect as many stages.
// CHECK: nvvm.setmaxregister increase
// CHECK: %[[LENGTH:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK-NEXT: %[[UP:.*]] = arith.addi %[[LENGTH]], %c63_i32
// CHECK-NEXT: %[[STEPS:.*]] = arith.divui %[[UP]], %c64_i32
// CHECK: scf.for
// CHECK: scf.for %{{.*}} = %c0_i32 to %[[STEPS]] step
// CHECK: nvvm.wgmma.mma_async
cce.kernel @contraction(%g: !cce.buffer<tokens x slots x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %lists: !cce.buffer<groups x slots x i32>,
                        %de: !cce.buffer<tokens x hidden x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  %class = cce.gather %c[%lists] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<groups x slots x i32>
  cce.parallel %i, %d over tokens, hidden {
    %t = cce.matmul %g[%i], %class[%d] : !cce.buffer<tokens x slots x bf16>, !cce.buffer<slots x hidden x bf16> -> !cce.tile<tokens x hidden x f32>
    cce.store %t, %de[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x f32>
  }
}
