// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse --split-input-file | FileCheck %s

// The loop over blocks of the contraction never leaves the tensor cores without work: the first instruction of a block is issued while
// those of the block before still run. When it alone is left, that block has been read, so its stage is released; then come the other
// three. Only behind the loop the sums are waited for, and with them the last stage. Three stages, so that which one comes before shows.
// CHECK-LABEL: llvm.func @ring(
// CHECK-SAME: %[[HIDDEN:[a-z0-9]+]]: i32, %{{[a-z0-9]+}}: !llvm.ptr {
// CHECK-SAME: {axis = "hidden", kind = "extent"}, {box
// 3 x (24576 + 2 x 8 + 4) + 2 x 8
// CHECK-SAME: shared_bytes = 73804 : i64
// CHECK: %[[ZEROS:.*]] = llvm.mlir.zero : !llvm.struct
// CHECK: %[[FULL:.*]] = llvm.getelementptr %{{.*}}[73728]
// CHECK-NEXT: %[[EMPTY:.*]] = llvm.getelementptr %[[FULL]][24]
// CHECK: %[[UP:.*]] = arith.addi %[[HIDDEN]], %c63_i32
// CHECK-NEXT: %[[BLOCKS:.*]] = arith.divui %[[UP]], %c64_i32
// CHECK: nvvm.setmaxregister increase 232
// CHECK-NEXT: arith.subi
// CHECK-NEXT: %[[THREAD:.*]] = arith.andi %{{.*}}, %c127_i32
// CHECK: %[[LOOP:[0-9]+]]:3 = scf.for %[[BLOCK:.*]] = %c0_i32 to %[[BLOCKS]] step %c1_i32 iter_args(%[[STAGE:.*]] = %{{.*}}, %[[PARITY:.*]] = %{{.*}}, %[[BEFORE:.*]] = %[[ZEROS]]) ->
// CHECK-NEXT: %[[PLACE:.*]] = arith.muli %[[STAGE]], %c8_i32
// CHECK-NEXT: %[[THERE:.*]] = llvm.getelementptr %[[FULL]][%[[PLACE]]]
// CHECK: nvvm.mbarrier.try_wait %[[THERE]], %[[PARITY]]
// What TMA has written needs no fence, and nobody looks whether it does.
// CHECK-NOT: {{nvvm|llvm.load}}
// CHECK: nvvm.wgmma.fence.aligned
// CHECK-NOT: {{nvvm|scf}}
// CHECK: %[[FIRST:.*]] = nvvm.wgmma.mma_async %{{.*}}, %{{.*}}, %[[BEFORE]],
// CHECK-NEXT: nvvm.wgmma.commit.group.sync.aligned
// CHECK-NEXT: nvvm.wgmma.wait.group.sync.aligned 1
// The first block has none before it.
// CHECK-NEXT: %[[HAS_BEFORE:.*]] = arith.cmpi ne, %[[BLOCK]], %c0_i32
// CHECK-NEXT: scf.if %[[HAS_BEFORE]] {
// CHECK-NEXT: %[[IS_FIRST:.*]] = arith.cmpi eq, %[[STAGE]], %c0_i32
// CHECK-NEXT: %[[ONE_LESS:.*]] = arith.subi %[[STAGE]], %c1_i32
// CHECK-NEXT: %[[STAGE_BEFORE:.*]] = arith.select %[[IS_FIRST]], %c2_i32, %[[ONE_LESS]]
// CHECK-NEXT: %[[LEADER:.*]] = arith.cmpi eq, %[[THREAD]], %c0_i32
// CHECK-NEXT: scf.if %[[LEADER]] {
// CHECK-NEXT: %[[PLACE:.*]] = arith.muli %[[STAGE_BEFORE]], %c8_i32
// CHECK-NEXT: %[[READ:.*]] = llvm.getelementptr %[[EMPTY]][%[[PLACE]]]
// CHECK-NEXT: nvvm.mbarrier.arrive %[[READ]] :
// CHECK-NEXT: }
// CHECK-NEXT: }
// CHECK-NEXT: arith.addi
// CHECK-NEXT: arith.addi
// CHECK-NEXT: %[[SECOND:.*]] = nvvm.wgmma.mma_async %{{.*}}, %{{.*}}, %[[FIRST]],
// CHECK-NEXT: arith.addi
// CHECK-NEXT: arith.addi
// CHECK-NEXT: %[[THIRD:.*]] = nvvm.wgmma.mma_async %{{.*}}, %{{.*}}, %[[SECOND]],
// CHECK-NEXT: arith.addi
// CHECK-NEXT: arith.addi
// CHECK-NEXT: %[[FOURTH:.*]] = nvvm.wgmma.mma_async %{{.*}}, %{{.*}}, %[[THIRD]],
// CHECK-NEXT: nvvm.wgmma.commit.group.sync.aligned
// This block's stage is not released yet.
// CHECK-NOT: {{nvvm|inline_asm|scf.if}}
// CHECK: scf.yield %{{.*}}, %{{.*}}, %[[FOURTH]] :
// CHECK-NEXT: }
// The sums go through the wait, so that nothing reads them before.
// CHECK-NEXT: %[[REGISTER:.*]] = llvm.extractvalue %[[LOOP]]#2[0]
// CHECK-NOT: {{nvvm|scf}}
// CHECK: %[[SUMS:.*]] = llvm.inline_asm has_side_effects {{.*}}"wgmma.wait_group.sync.aligned 0;", {{.*}} %[[REGISTER]],
// Without a block there is no stage.
// CHECK-NEXT: %[[ANY:.*]] = arith.cmpi ne, %[[BLOCKS]], %c0_i32
// CHECK-NEXT: scf.if %[[ANY]] {
// CHECK-NEXT: %[[IS_FIRST:.*]] = arith.cmpi eq, %[[LOOP]]#0, %c0_i32
// CHECK-NEXT: %[[ONE_LESS:.*]] = arith.subi %[[LOOP]]#0, %c1_i32
// CHECK-NEXT: %[[LAST:.*]] = arith.select %[[IS_FIRST]], %c2_i32, %[[ONE_LESS]]
// CHECK-NEXT: %[[LEADER:.*]] = arith.cmpi eq, %[[THREAD]], %c0_i32
// CHECK-NEXT: scf.if %[[LEADER]] {
// CHECK-NEXT: %[[PLACE:.*]] = arith.muli %[[LAST]], %c8_i32
// CHECK-NEXT: %[[READ:.*]] = llvm.getelementptr %[[EMPTY]][%[[PLACE]]]
// CHECK-NEXT: nvvm.mbarrier.arrive %[[READ]] :
// CHECK-NEXT: }
// CHECK-NEXT: }
// CHECK-NOT: nvvm.wgmma
// CHECK: llvm.extractvalue %[[SUMS]][0]
cce.kernel @ring(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x vocab x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 3>} {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}
