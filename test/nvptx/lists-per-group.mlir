// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse --split-input-file | FileCheck %s

// A list for each tile of tokens, whose length is on the device. The grid is that of the longest list (the extent of `slots`); an item
// behind the end of its list has no tile. Only whether it is behind is asked: where a tile has begun, all of it is computed, and what
// is not in the list is negative. All groups come first: lists have the same order, so that at the same place in all of them many name
// the same rows, which memory then gives once.
// CHECK-LABEL: llvm.func @columns(
// CHECK-SAME: {axis = "slots", kind = "extent"}, {axis = "hidden", kind = "extent"}, {axis = "slots", kind = "extent_pointer"}
// CHECK-SAME: {buffer = "lists", dimension = 0 : i64, kind = "stride"}, {buffer = "lists", kind = "pointer"}
// CHECK-NOT: buffer = "c", kind = "tensor_map"
// CHECK: nvvm.setmaxregister decrease 56
// All groups are at work, so there is no part of E that the L2 should keep.
// CHECK-NOT: {{createpolicy|l2_cache_hint}}
// CHECK: %[[ITEMS:.*]] = arith.muli %[[TILES:.*]], %{{.*}} : i32
// CHECK: scf.for %[[INDEX:.*]] = %{{.*}} to %[[ITEMS]] step
// As many tiles of rows at a time as there are.
// CHECK-NEXT: %[[ROUND:.*]] = arith.divui %[[INDEX]], %[[ITEMS]]
// CHECK-NEXT: %[[FIRST:.*]] = arith.muli %[[ROUND]], %[[TILES]]
// CHECK-NEXT: %[[LEFT:.*]] = arith.subi %[[TILES]], %[[FIRST]]
// CHECK-NEXT: %[[HEIGHT:.*]] = arith.minsi %[[LEFT]], %[[TILES]]
// CHECK-NEXT: %[[IN_ROUND:.*]] = arith.remui %[[INDEX]], %[[ITEMS]]
// CHECK-NEXT: %[[COLUMN:.*]] = arith.divui %[[IN_ROUND]], %[[HEIGHT]]
// CHECK-NEXT: %[[ROW:.*]] = arith.remui %[[IN_ROUND]], %[[HEIGHT]]
// CHECK-NEXT: %[[TILE:.*]] = arith.addi %[[FIRST]], %[[ROW]]
// CHECK: %[[GROUP:.*]] = arith.extsi %[[TILE]] : i32 to i64
// CHECK-NEXT: %[[OFFSET:.*]] = arith.muli %[[GROUP]], %c4_i64
// CHECK-NEXT: %[[ADDRESS:.*]] = llvm.getelementptr %{{.*}}[%[[OFFSET]]]
// CHECK-NEXT: %[[LENGTH:.*]] = llvm.load %[[ADDRESS]] {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK-NEXT: %[[START:.*]] = arith.muli %[[COLUMN]], %c64_i32
// CHECK-NEXT: %[[BEGUN:.*]] = arith.cmpi slt, %[[START]], %[[LENGTH]]
// CHECK-NEXT: %[[END:.*]] = arith.select %[[BEGUN]], %{{.*}}, %[[COLUMN]]
// CHECK: scf.for %{{.*}} = %[[COLUMN]] to %[[END]] step
// The list of this group.
// CHECK: arith.muli %[[GROUP]], %[[STRIDE:arg[0-9]+]]
// CHECK: nvvm.cp.async.bulk.tensor
// CHECK-NOT: l2_cache_hint
// CHECK-COUNT-4: nvvm.cp.async.shared.global
// CHECK: nvvm.setmaxregister increase 224
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
// of no classes is a tile of zeros, which is stored like any other, so there is no condition on the item. Each step has rows of its own:
// a thread looks its 4 up one step ahead, so that the copies need not wait for the list.
// CHECK-LABEL: llvm.func @contraction(
// CHECK-SAME: {axis = "slots", kind = "extent_pointer"}
// CHECK-NOT: buffer = "c", kind = "tensor_map"
// CHECK: nvvm.setmaxregister decrease 40
// CHECK: %[[LENGTH:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK-NEXT: %[[UP:.*]] = arith.addi %[[LENGTH]], %c63_i32
// CHECK-NEXT: %[[STEPS:.*]] = arith.divui %[[UP]], %c64_i32
// CHECK: scf.for
// Those of the first step.
// CHECK: %[[ENTRY:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK-NEXT: %[[LISTED:.*]] = arith.cmpi sge, %[[ENTRY]], %c0_i32
// CHECK-NEXT: %[[BEGIN:.*]] = arith.muli %[[ENTRY]], %[[UNITS:[0-9]+]]
// CHECK-NEXT: %[[START:.*]] = arith.select %[[LISTED]], %[[BEGIN]], %c-1_i32
// CHECK-COUNT-3: llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK-NOT: llvm.load
// CHECK: scf.for %[[STEP:.*]] = %c0_i32 to %[[STEPS]] step {{.*}} iter_args(%{{.*}}, %{{.*}}, %[[MINE:.*]] = %[[START]], %{{.*}}, %{{.*}}, %{{.*}}) ->
// Those of the next step, before this one waits; behind the last one the same once more.
// CHECK: %[[NEXT:.*]] = arith.addi %[[STEP]], %c1_i32
// CHECK-NEXT: %[[GOES_ON:.*]] = arith.cmpi slt, %[[NEXT]], %[[STEPS]]
// CHECK-NEXT: %[[AHEAD:.*]] = arith.select %[[GOES_ON]], %[[NEXT]], %[[STEP]]
// CHECK-NEXT: arith.muli %[[AHEAD]], %c64_i32
// CHECK: %[[ENTRY:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK: %[[LATER:.*]] = arith.select %{{.*}}, %{{.*}}, %c-1_i32
// CHECK-COUNT-3: llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK: nvvm.mbarrier.try_wait
// CHECK-NOT: llvm.load
// CHECK: arith.cmpi ne, %[[MINE]], %c-1_i32
// CHECK-NOT: llvm.load
// CHECK-COUNT-4: nvvm.cp.async.shared.global
// CHECK-NOT: nvvm.cp.async.shared.global
// CHECK: scf.yield %{{.*}}, %{{.*}}, %[[LATER]], %{{.*}}, %{{.*}}, %{{.*}} :
// The consumers expect as many stages.
// CHECK: nvvm.setmaxregister increase 232
// CHECK: %[[LENGTH:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK-NEXT: %[[UP:.*]] = arith.addi %[[LENGTH]], %c63_i32
// CHECK-NEXT: %[[STEPS:.*]] = arith.divui %[[UP]], %c64_i32
// CHECK: scf.for
// CHECK: scf.for %{{.*}} = %c0_i32 to %[[STEPS]] step
// CHECK: nvvm.wgmma.mma_async
// A group of no classes has no last stage that could be released.
// CHECK: "wgmma.wait_group.sync.aligned 0;"
// CHECK-NEXT: %[[ANY:.*]] = arith.cmpi ne, %[[STEPS]], %c0_i32
// CHECK-NEXT: scf.if %[[ANY]] {
// CHECK-NOT: }
// CHECK: nvvm.mbarrier.arrive
cce.kernel @contraction(%g: !cce.buffer<tokens x slots x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %lists: !cce.buffer<groups x slots x i32>,
                        %de: !cce.buffer<tokens x hidden x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  %class = cce.gather %c[%lists] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<groups x slots x i32>
  cce.parallel %i, %d over tokens, hidden {
    %t = cce.matmul %g[%i], %class[%d] : !cce.buffer<tokens x slots x bf16>, !cce.buffer<slots x hidden x bf16> -> !cce.tile<tokens x hidden x f32>
    cce.store %t, %de[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x f32>
  }
}
