// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse --split-input-file | FileCheck %s
// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse --split-input-file | FileCheck %s --check-prefix=CONSUMER

// The blocks of a reduction keep pace, so that those which read the same rows of C find them in the L2. Counters are zero at first:
// one of steps, and 128 bytes on one of blocks that have left.
// CHECK: llvm.mlir.global internal @cce_pace(dense<0> : tensor<64xi32>) {addr_space = 1 : i32, alignment = 128 : i64}
// CHECK-LABEL: llvm.func @reduces(
// CHECK: %[[COUNTER:.*]] = llvm.mlir.addressof @cce_pace
// CHECK: %[[THREAD:.*]] = nvvm.read.ptx.sreg.tid.x
// CHECK: %[[RANK:.*]] = nvvm.read.ptx.sreg.cluster.ctarank
// CHECK: %[[LEADS:.*]] = arith.cmpi eq, %[[THREAD]], %c0_i32
// CHECK: nvvm.setmaxregister decrease
// CHECK: %[[BLOCKS:.*]] = nvvm.read.ptx.sreg.nctaid.x
// CHECK-NEXT: %[[CLUSTERS:.*]] = arith.divui %[[BLOCKS]], %c2_i32
// CHECK-NEXT: %[[FIRST:.*]] = arith.cmpi eq, %[[RANK]], %c0_i32
// Steps go on from tile to tile and from item to item.
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %c0_i32, %{{.*}} = %c0_i32, %[[OF_ITEM:.*]] = %c0_i32)
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %[[OF_TILE:.*]] = %[[OF_ITEM]])
// CHECK: scf.for %[[BLOCK:[a-z0-9]+]] = {{.*}} iter_args(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %[[NUMBER:.*]] = %[[OF_TILE]])
// A step is 8 blocks of the contraction.
// CHECK-NEXT: %[[WITHIN:.*]] = arith.remui %[[BLOCK]], %c8_i32
// CHECK-NEXT: %[[BEGINS:.*]] = arith.cmpi eq, %[[WITHIN]], %c0_i32
// CHECK-NEXT: %[[BOTH:.*]] = arith.andi %[[BEGINS]], %[[LEADS]]
// CHECK-NEXT: %[[NEXT:.*]] = scf.if %[[BOTH]] -> (i32) {
// CHECK-NEXT: %[[LATER:.*]] = arith.addi %[[NUMBER]], %c1_i32
// Counted once a cluster.
// CHECK-NEXT: scf.if %[[FIRST]] {
// CHECK-NEXT: llvm.atomicrmw add %[[COUNTER]], %c1_i32 syncscope("device") monotonic
// CHECK-NEXT: }
// All have begun the step before when there are as many times the number of this one as there are clusters. The wait has an end.
// CHECK-NEXT: %[[BEGUN:.*]] = arith.muli %[[CLUSTERS]], %[[NUMBER]]
// CHECK-NEXT: %[[SEEN:.*]] = llvm.inline_asm has_side_effects {{.*}}ld.relaxed.gpu.global.s32 {{.*}} %[[COUNTER]], %[[BEGUN]], %c32_i32
// CHECK-NEXT: %[[IN_TIME:.*]] = arith.cmpi eq, %[[SEEN]], %c1_i32
// CHECK-NEXT: %[[GOES_ON:.*]] = arith.select %[[IN_TIME]], %[[LATER]], %c-1048576_i32
// CHECK-NEXT: scf.yield %[[GOES_ON]]
// CHECK-NEXT: } else {
// CHECK-NEXT: scf.yield %[[NUMBER]]
// Before the stage is waited for and filled.
// CHECK: nvvm.mbarrier.try_wait
// CHECK: nvvm.cp.async.bulk.tensor
// CHECK: scf.yield %{{.*}}, %{{.*}}, %[[NEXT]] : i32, i32, i32
// Nobody waits for a block that has left, and the last one leaves zeros.
// CHECK: scf.if %[[LEADS]] {
// CHECK-NEXT: llvm.atomicrmw add %[[COUNTER]], %c1048576_i32
// CHECK-NEXT: %[[MOST:.*]] = arith.subi %[[BLOCKS]], %c1_i32
// CHECK-NEXT: %[[LEFT:.*]] = llvm.getelementptr %[[COUNTER]][128]
// CHECK-NEXT: %[[BEFORE:.*]] = llvm.atomicrmw uinc_wrap %[[LEFT]], %[[MOST]] syncscope("device") monotonic
// CHECK-NEXT: %[[LAST:.*]] = arith.cmpi eq, %[[BEFORE]], %[[MOST]]
// CHECK-NEXT: scf.if %[[LAST]] {
// CHECK-NEXT: llvm.store %c0_i32, %[[COUNTER]]
// CONSUMER-LABEL: llvm.func @reduces(
// CONSUMER: nvvm.setmaxregister increase
// CONSUMER-NOT: atomicrmw
// CONSUMER: llvm.return
cce.kernel @reduces(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %partial: !cce.buffer<splits x tokens x !cce.lse>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 128, tile_k = 64, stages = 2, cluster = 2>} {
  cce.parallel %s, %i over splits, tokens {
    %empty = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %lse = cce.reduce %v over vocab part %s from %state = %empty : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %next = cce.lse_update %state, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %next : !cce.tile<tokens x !cce.lse>
    }
    cce.store %lse, %partial[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}

// -----

// Without a cluster every block counts itself.
// CHECK-LABEL: llvm.func @single(
// CHECK: %[[BLOCKS:.*]] = nvvm.read.ptx.sreg.nctaid.x
// CHECK: llvm.atomicrmw add %{{.*}}, %c1_i32
// CHECK-NEXT: arith.muli %[[BLOCKS]], %{{.*}}
cce.kernel @single(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %partial: !cce.buffer<splits x tokens x !cce.lse>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %s, %i over splits, tokens {
    %empty = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %lse = cce.reduce %v over vocab part %s from %state = %empty : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %next = cce.lse_update %state, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %next : !cce.tile<tokens x !cce.lse>
    }
    cce.store %lse, %partial[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}

// -----

// Kernels of tiles do not: what a block shares with others is over soon.
// CHECK-LABEL: llvm.func @stores(
// CHECK-NOT: atomicrmw
// CHECK: llvm.return
cce.kernel @stores(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x vocab x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}
