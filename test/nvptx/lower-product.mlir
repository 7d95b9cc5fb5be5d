// RUN: cce-opt %s --cce-to-nvvm --split-input-file | FileCheck %s

// A product of two matrices whose contracted axis is contiguous (K-major). The shape of the kernel: barriers are made by one
// thread and seen by all; then the warpgroups part, the producer gives registers away and copies boxes by TMA, the consumers take
// them and multiply. The manifest says what the caller binds: a box of the tile's rows by 64 elements for each operand.
// CHECK: gpu.module @kernels
// CHECK: llvm.mlir.global external @[[SHARED:.*]]() {addr_space = 3 : i32, alignment = 1024 : i64}
// CHECK-LABEL: llvm.func @k_major(
// CHECK-SAME: {llvm.align = 64 : i64, llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant}
// CHECK-SAME: cce.manifest = {arguments = [
// CHECK-SAME: {axis = "tokens", kind = "extent_pointer"}
// CHECK-SAME: {axis = "vocab", kind = "extent"}
// CHECK-SAME: {box = [128, 64], buffer = "a", kind = "tensor_map", swizzle = 128 : i64}
// CHECK-SAME: {box = [64, 64], buffer = "b", kind = "tensor_map", swizzle = 128 : i64}
// CHECK-SAME: {buffer = "z", dimension = 0 : i64, kind = "stride"}
// CHECK-SAME: {buffer = "z", kind = "pointer"}
// CHECK-SAME: entry = "k_major"
// CHECK-SAME: target = "sm_90a"
// CHECK-SAME: threads = [[THREADS:[0-9]+]]
// CHECK-SAME: tiles = {tokens = 128 : i64, vocab = 64 : i64}
// CHECK-SAME: nvvm.kernel
// CHECK-SAME: nvvm.reqntid = array<i32: [[THREADS]], 1, 1>
// Two for each of the two stages, and one for each consumer (turns.mlir).
// CHECK: scf.if
// CHECK-COUNT-6: nvvm.mbarrier.init
// CHECK-NOT: nvvm.mbarrier.init
// CHECK: nvvm.fence.mbarrier.init
// CHECK: nvvm.barrier
// The producer: waits for an empty stage, announces the bytes, copies both tiles.
// CHECK: scf.if
// CHECK: nvvm.setmaxregister decrease
// CHECK: nvvm.mbarrier.try_wait
// 128 x 64 and 64 x 64 elements of 2 bytes
// CHECK: arith.muli %{{.*}}, %c8192_i32
// CHECK: %[[A:.*]] = arith.constant 16384 : i32
// CHECK-NEXT: %[[B:.*]] = arith.constant 8192 : i32
// CHECK-NEXT: %[[BYTES:.*]] = arith.addi %[[A]], %[[B]] : i32
// CHECK: nvvm.mbarrier.arrive.expect_tx %[[FULL:.*]], %[[BYTES]]
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %{{.*}}, %[[FULL]], box[%[[K:.*]], %{{.*}}] l2_cache_hint
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %{{.*}}, %[[FULL]], box[%[[K]], %{{.*}}] :
// CHECK-NOT: nvvm.cp.async.bulk
// The consumers: 'row' for A and 'col' for B mean K-major; the first instruction is a group of its own, behind which the stage of the
// block before is given back (loop.mlir); the accumulators come out of the asm that waits for them behind the loop.
// CHECK: else
// CHECK: nvvm.setmaxregister increase
// CHECK: nvvm.mbarrier.try_wait
// What TMA has written needs no fence.
// CHECK-NOT: nvvm.fence.proxy
// CHECK: nvvm.wgmma.fence.aligned
// CHECK: nvvm.wgmma.mma_async {{.*}} <m = 64, n = 64, k = 16>, D[<f32>, <one>], A[<bf16>, <one>, <row>], B[<bf16>, <one>, <col>]
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// CHECK: nvvm.wgmma.wait.group.sync.aligned 1
// CHECK: nvvm.mbarrier.arrive
// CHECK-COUNT-3: nvvm.wgmma.mma_async {{.*}} <m = 64, n = 64, k = 16>, D[<f32>, <one>], A[<bf16>, <one>, <row>], B[<bf16>, <one>, <col>]
// CHECK-NOT: nvvm.wgmma.mma_async
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// CHECK: llvm.inline_asm has_side_effects {{.*}}"wgmma.wait_group.sync.aligned 0;"
// CHECK: nvvm.mbarrier.arrive
// CHECK: llvm.store
cce.kernel @k_major(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x vocab x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

// Two matrices whose contracted axis is not contiguous (MN-major): boxes are 64 rows of the contraction by 64 elements of the
// tile, two of them for the 128 rows of A; the instruction transposes both. In descriptors (leading offset at bit 16, stride at bit
// 32, in 16 bytes; the 128-byte swizzle is bit 62) panels of 64 x 128 bytes follow each other at the leading offset.
// CHECK-LABEL: llvm.func @mn_major(
// CHECK-SAME: {box = [64, 64], buffer = "a", kind = "tensor_map", swizzle = 128 : i64}
// CHECK-SAME: {box = [64, 64], buffer = "b", kind = "tensor_map", swizzle = 128 : i64}
// Both boxes of E, of one transposed as it is here, too, are to stay in the L2.
// CHECK-COUNT-2: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}} l2_cache_hint
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %{{.*}}, %{{.*}}, box[%{{.*}}, %{{.*}}] :
// CHECK-NOT: nvvm.cp.async.bulk
// (1 << 62) | (64 << 32) | (512 << 16)
// CHECK: arith.constant 4611686293338849280 : i64
// CHECK: arith.constant 4611686293338849280 : i64
// CHECK: nvvm.wgmma.mma_async {{.*}} A[<f16>, <one>, <col>], B[<f16>, <one>, <row>]
cce.kernel @mn_major(%a: !cce.buffer<hidden x vocab x f16>, %b: !cce.buffer<hidden x positions x f16>, %z: !cce.buffer<vocab x positions x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %v, %p over vocab, positions {
    %t = cce.matmul %a[%v], %b[%p] : !cce.buffer<hidden x vocab x f16>, !cce.buffer<hidden x positions x f16> -> !cce.tile<vocab x positions x f32>
    cce.store %t, %z[%v, %p] : !cce.tile<vocab x positions x f32>, !cce.buffer<vocab x positions x f32>
  }
}

// -----

// One of each, as in dE = G.C: only B is transposed, and its descriptors alone have panels.
// CHECK-LABEL: llvm.func @mixed(
// (1 << 62) | (64 << 32) | (1 << 16)
// CHECK: arith.constant 4611686293305360384 : i64
// CHECK: arith.constant 4611686293338849280 : i64
// CHECK: nvvm.wgmma.mma_async {{.*}} A[<bf16>, <one>, <row>], B[<bf16>, <one>, <row>]
cce.kernel @mixed(%g: !cce.buffer<tokens x vocab x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x hidden x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %i, %d over tokens, hidden {
    %t = cce.matmul %g[%i], %c[%d] : !cce.buffer<tokens x vocab x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x hidden x f32>
    cce.store %t, %z[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x f32>
  }
}

// -----

// A reduction of the product: the state is loop-carried, nothing of the tile is stored, and the parts of the vocabulary share
// the grid. The loop over n starts where this part of the vocabulary starts.
// CHECK-LABEL: llvm.func @lse(
// CHECK-SAME: {axis = "splits", kind = "extent"}
// CHECK-SAME: tiles = {tokens = 128 : i64, vocab = 64 : i64}
// CHECK: nvvm.setmaxregister increase
// CHECK: nvvm.wgmma.mma_async
// 2^x is the instruction, not a call of a library.
// CHECK: llvm.nvvm.ex2.approx
// CHECK-NOT: math.
cce.kernel @lse(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %out: !cce.buffer<splits x tokens x !cce.lse>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %s, %i over splits, tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab part %s from %some = %none : !cce.tile<tokens x !cce.lse> {
      %t = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %more = cce.lse_update %some, %t : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}

// -----

// A cluster of two: both blocks must be there before the first copies and until the last arrival; each copies half of B, 64 of 128
// rows, to both (the mask), and a stage is empty when the two warpgroups of both blocks have said so.
// CHECK-LABEL: llvm.func @cluster(
// CHECK-SAME: {box = [128, 64], buffer = "a", kind = "tensor_map", swizzle = 128 : i64}
// CHECK-SAME: {box = [64, 64], buffer = "b", kind = "tensor_map", swizzle = 128 : i64}
// CHECK-SAME: cluster = 2 : i64
// CHECK: %[[EMPTY_COUNT:.*]] = arith.constant 4 : i32
// CHECK: nvvm.mbarrier.init %{{.*}}, %[[EMPTY_COUNT]]
// CHECK: nvvm.fence.mbarrier.init
// CHECK: nvvm.cluster.arrive
// CHECK: nvvm.cluster.wait
// CHECK: nvvm.setmaxregister decrease
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global
// CHECK-NOT: multicast_mask
// CHECK: %[[BOTH:.*]] = arith.constant 3 : i16
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}} multicast_mask = %[[BOTH]]
// CHECK: nvvm.setmaxregister increase
// CHECK: nvvm.mapa
// CHECK: nvvm.cluster.arrive
// CHECK: nvvm.cluster.wait
// CHECK-NEXT: llvm.return
cce.kernel @cluster(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x vocab x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 128, tile_k = 64, stages = 2, cluster = 2>} {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

// What is the same for a row is computed once, before the product: of exp(x - l) with a value l per row there is one multiplication
// and addition left to do, and the exponential to base 2. A label is compared by its distance from the thread's first column.
// CHECK-LABEL: llvm.func @once_per_row(
// CHECK: nvvm.setmaxregister increase
// CHECK: %[[MINUS_LOG2E:.*]] = arith.constant -1.44269502 : f32
// CHECK: %[[OFFSET:.*]] = arith.mulf %{{.*}}, %[[MINUS_LOG2E]] : f32
// CHECK: nvvm.wgmma.mma_async
// CHECK: %[[LOG2E:.*]] = arith.constant 1.44269502 : f32
// CHECK: %[[EXPONENT:.*]] = llvm.intr.fma(%{{.*}}, %[[LOG2E]], %[[OFFSET]])
// CHECK: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%[[EXPONENT]])
// CHECK: %[[DISTANCE:.*]] = arith.subi
// CHECK: %[[FIRST:.*]] = arith.constant 0 : i32
// CHECK: arith.cmpi eq, %[[DISTANCE]], %[[FIRST]] : i32
// CHECK: %[[SECOND:.*]] = arith.constant 1 : i32
// CHECK: arith.cmpi eq, %[[DISTANCE]], %[[SECOND]] : i32
cce.kernel @once_per_row(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %lse: !cce.buffer<tokens x f32>,
                         %labels: !cce.buffer<tokens x i32>, %g: !cce.buffer<tokens x vocab x bf16>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    %l = cce.load %lse[%i] : !cce.buffer<tokens x f32>
    %label = cce.load %labels[%i] : !cce.buffer<tokens x i32>
    %hit = cce.onehot %label, %v : !cce.tile<tokens x i32> -> !cce.tile<tokens x vocab x i1>
    %p = cce.map %x, %l, %hit : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.tile<tokens x vocab x i1> -> !cce.tile<tokens x vocab x f32> {
    ^bb0(%logit: f32, %log_sum: f32, %is_label: i1):
      %d = arith.subf %logit, %log_sum : f32
      %r = math.exp %d : f32
      %s = arith.select %is_label, %d, %r : f32
      cce.yield %s : f32
    }
    cce.store %p, %g[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x bf16>
  }
}

// -----

// A module without kernels gets no gpu.module.
// CHECK-LABEL: llvm.func @does_nothing
// CHECK-NOT: gpu.module
llvm.func @does_nothing() {
  llvm.return
}
