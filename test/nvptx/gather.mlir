// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse --split-input-file | FileCheck %s

// Rows of the tile that a list of tokens names. Mostly they are consecutive, which all lanes agree upon before the product begins:
// then one thread asks for a box, as without a list. Else all 128 threads copy 16 bytes each, 8 of them a row, so that 128 rows take 8
// copies; what a list names negative, or lies beyond the contraction, is 0 bytes of the buffer's first row and zeros otherwise.
// CHECK-LABEL: llvm.func @rows_of_the_tile(
// CHECK-SAME: %[[EXTENT:[a-z0-9]+]]: i32, %[[ROWS:[a-z0-9]+]]: !llvm.ptr<1>, %[[MAP:[a-z0-9]+]]: !llvm.ptr {llvm.align = 64
// CHECK-SAME: %[[E:[a-z0-9]+]]: !llvm.ptr<1>, %[[STRIDE:[a-z0-9]+]]: i64
// CHECK-SAME: {axis = "vocab", kind = "extent"}, {axis = "hidden", kind = "extent"}, {buffer = "rows", kind = "pointer"}
// CHECK-SAME: {box = [128, 64], buffer = "e", kind = "tensor_map", swizzle = 128 : i64}
// CHECK-SAME: {buffer = "e", kind = "pointer"}, {buffer = "e", dimension = 0 : i64, kind = "stride"}
// 49152 + 2 x 2 x 8 + 2 x 8 + 2 x 4: behind the barriers a word for each stage, which says whether threads have copied to it.
// CHECK-SAME: shared_bytes = 49208 : i64
// CHECK: %[[BARRIERS:.*]] = llvm.getelementptr %{{.*}}[49152]
// CHECK-NEXT: %[[EMPTY:.*]] = llvm.getelementptr %[[BARRIERS]][16]
// CHECK-NEXT: %[[TURNS:.*]] = llvm.getelementptr %[[EMPTY]][16]
// CHECK-NEXT: %[[WORDS:.*]] = llvm.getelementptr %[[TURNS]][16]
// CHECK: %[[LANE:.*]] = arith.andi %{{.*}}, %c31_i32
// A stage is full when its bytes have come, which a thread announces, and when 128 threads have said so.
// CHECK: %[[LEADER:.*]] = arith.cmpi eq, %[[THREAD:.*]], %c0_i32
// CHECK-NEXT: scf.if %[[LEADER]] {
// CHECK-NEXT: nvvm.mbarrier.init %{{.*}}, %c129_i32
// CHECK: nvvm.mbarrier.init %{{.*}}, %c2_i32
// CHECK: nvvm.setmaxregister decrease 40
// CHECK-NEXT: %[[POLICY:.*]] = llvm.inline_asm has_side_effects {{.*}}"createpolicy.fractional.L2::evict_last.b64 $0, 1.0;"
// 4 entries a lane, once for all steps of the contraction.
// CHECK: scf.for
// CHECK-COUNT-4: llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK: %[[FIRST:.*]] = nvvm.shfl.sync idx
// A list that begins with nothing is not consecutive, whatever follows.
// CHECK: arith.cmpi sge, %[[FIRST]], %c0_i32
// CHECK: %[[CONSECUTIVE:.*]] = nvvm.vote.sync all %c-1_i32
// CHECK: scf.for
// CHECK: scf.for {{.*}} iter_args(%[[STAGE:.*]] = %{{.*}}, %{{.*}} = %{{.*}}) ->
// CHECK: nvvm.mbarrier.try_wait
// Of A only boxes count as bytes: 128 x 64 and 64 x 64 elements.
// CHECK: %[[BYTES_A:.*]] = arith.select %[[CONSECUTIVE]], %c16384_i32, %c0_i32
// CHECK-NEXT: %[[BYTES:.*]] = arith.addi %[[BYTES_A]], %c8192_i32
// CHECK-NEXT: %[[ALL_BOXES:.*]] = arith.cmpi eq, %[[BYTES]], %c24576_i32
// CHECK-NEXT: scf.if %[[LEADER]] {
// The stage's word is written before the bytes are announced, so that whoever finds the stage full finds the word.
// CHECK-NEXT: %[[NOT_ALL:.*]] = arith.cmpi ne, %[[BYTES]], %c24576_i32
// CHECK-NEXT: %[[COPIED:.*]] = arith.extui %[[NOT_ALL]] : i1 to i32
// CHECK-NEXT: %[[PLACE:.*]] = arith.muli %[[STAGE]], %c4_i32
// CHECK-NEXT: %[[WORD:.*]] = llvm.getelementptr %[[WORDS]][%[[PLACE]]]
// CHECK-NEXT: llvm.store %[[COPIED]], %[[WORD]] {alignment = 4 : i64} : i32, !llvm.ptr<3>
// CHECK-NEXT: nvvm.mbarrier.arrive.expect_tx %[[FULL:.*]], %[[BYTES]]
// CHECK: scf.if %[[CONSECUTIVE]] {
// CHECK-NEXT: scf.if %[[LEADER]] {
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[MAP]], %[[FULL]], box[%{{.*}}, %[[FIRST]]] l2_cache_hint = %[[POLICY]] :
// CHECK: } else {
// 16 bytes of a row: thread % 8, and where they go is permuted by the row, as the tensor copy engine does.
// CHECK: %[[PIECE:.*]] = arith.andi %[[THREAD]], %c7_i32
// CHECK: %[[ROW:.*]] = arith.shrui %[[THREAD]], %c3_i32
// CHECK: %[[LOW:.*]] = arith.andi %[[ROW]], %c7_i32
// CHECK: %[[SWIZZLED:.*]] = arith.xori %[[PIECE]], %[[LOW]]
// CHECK: arith.muli %[[SWIZZLED]], %c16_i32
// CHECK: arith.muli %[[ROW]], %c128_i32
// CHECK: %[[COLUMN_IN_ROW:.*]] = arith.muli %[[PIECE]], %c8_i32
// CHECK: %[[COLUMN:.*]] = arith.addi %{{.*}}, %[[COLUMN_IN_ROW]]
// Where a row begins, in units of 16 bytes, 8 elements; -1 if there is none.
// CHECK-NEXT: %[[STRIDE32:.*]] = arith.trunci %[[STRIDE]] : i64 to i32
// CHECK-NEXT: %[[UNITS:.*]] = arith.shrui %[[STRIDE32]], %c3_i32
// CHECK: %[[ENTRY:.*]] = llvm.load
// CHECK-NEXT: %[[LISTED:.*]] = arith.cmpi sge, %[[ENTRY]], %c0_i32
// CHECK-NEXT: %[[BEGIN:.*]] = arith.muli %[[ENTRY]], %[[UNITS]]
// CHECK-NEXT: %[[START:.*]] = arith.select %[[LISTED]], %[[BEGIN]], %c-1_i32
// All rows are looked up before the first is copied.
// CHECK-COUNT-7: llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK-NOT: llvm.load
// CHECK: %[[HAS_ROW:.*]] = arith.cmpi ne, %[[START]], %c-1_i32
// CHECK-NEXT: %[[IN_ROW:.*]] = arith.cmpi slt, %[[COLUMN]], %[[EXTENT]]
// CHECK-NEXT: %[[EXISTS:.*]] = arith.andi %[[HAS_ROW]], %[[IN_ROW]]
// CHECK-NEXT: %[[COLUMN_UNITS:.*]] = arith.shrui %[[COLUMN]], %c3_i32
// CHECK-NEXT: %[[UNIT:.*]] = arith.addi %[[START]], %[[COLUMN_UNITS]]
// CHECK-NEXT: %[[SAFE:.*]] = arith.select %[[EXISTS]], %[[UNIT]], %c0_i32
// Up to 64 GiB: the units have 32 bits, without a sign.
// CHECK-NEXT: %[[WIDE:.*]] = arith.extui %[[SAFE]] : i32 to i64
// CHECK-NEXT: %[[BYTE:.*]] = arith.muli %[[WIDE]], %c16_i64
// CHECK-NEXT: %[[SOURCE:.*]] = llvm.getelementptr %[[E]][%[[BYTE]]]
// CHECK-NEXT: %[[SIZE:.*]] = arith.select %[[EXISTS]], %c16_i32, %c0_i32
// CHECK-NEXT: nvvm.cp.async.shared.global %{{.*}}, %[[SOURCE]], 16, cache = cg, %[[SIZE]]
// CHECK-COUNT-7: nvvm.cp.async.shared.global
// CHECK-NOT: nvvm.cp.async.shared.global
// B has no list.
// CHECK: scf.if %[[LEADER]] {
// CHECK: nvvm.cp.async.bulk.tensor{{.*}} box[%{{.*}}, %{{.*}}] :
// Without copies of their own one thread of each warp arrives, so that no warp is left behind by a round of the ring; else each arrives when its
// copies have come, and is one of those the barrier counts ("noinc").
// CHECK: scf.if %[[ALL_BOXES]] {
// CHECK-NEXT: %[[FIRST_LANE:.*]] = arith.cmpi eq, %[[LANE]], %c0_i32
// CHECK-NEXT: scf.if %[[FIRST_LANE]] {
// CHECK-NEXT: nvvm.mbarrier.arrive %[[FULL]], %c32_i32
// CHECK: } else {
// CHECK-NEXT: nvvm.cp.async.mbarrier.arrive %[[FULL]] {noinc = true}
// What threads have copied, the tensor cores, another proxy, see behind a fence, which is spared where the stage's word is 0.
// CHECK: nvvm.setmaxregister increase 232
// CHECK: scf.for %{{.*}} = %c0_i32 to %{{.*}} iter_args(%[[STAGE:.*]] = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}) ->
// CHECK-NOT: {{fence|llvm.load}}
// CHECK: nvvm.mbarrier.try_wait
// CHECK: } do {
// CHECK-NEXT: scf.yield
// CHECK-NEXT: }
// CHECK-NEXT: %[[PLACE:.*]] = arith.muli %[[STAGE]], %c4_i32
// CHECK-NEXT: %[[WORD:.*]] = llvm.getelementptr %[[WORDS]][%[[PLACE]]]
// CHECK-NEXT: %[[COPIED:.*]] = llvm.load %[[WORD]] {alignment = 4 : i64} : !llvm.ptr<3> -> i32
// CHECK-NEXT: %[[ANY:.*]] = arith.cmpi ne, %[[COPIED]], %c0_i32
// CHECK-NEXT: scf.if %[[ANY]] {
// CHECK-NEXT: nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
// CHECK-NEXT: }
// CHECK-NOT: nvvm.fence.proxy
// CHECK: nvvm.wgmma.fence.aligned
// CHECK-NOT: nvvm.fence.proxy
// CHECK: nvvm.wgmma.mma_async
cce.kernel @rows_of_the_tile(%e: !cce.buffer<positions x hidden x bf16>, %rows: !cce.buffer<tokens x i32>,
                             %c: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x vocab x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  %view = cce.gather %e[%rows] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<tokens x i32>
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %view[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

// Rows of the contraction, as in dC = G^T.E: their 64 entries are another piece of the list every step, 2 a lane; a row goes into both
// panels of 64 columns. Tokens are added up, so a negative count, by which the device says that another path was taken, is no item at
// all: nothing is written.
// CHECK-LABEL: llvm.func @rows_of_the_contraction(
// CHECK: %[[COUNT:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK: nvvm.setmaxregister decrease
// CHECK: %[[TILES:.*]] = arith.muli
// CHECK: %[[TAKEN:.*]] = arith.cmpi sge, %[[COUNT]], %c0_i32
// CHECK: %[[ITEMS:.*]] = arith.select %[[TAKEN]], %[[TILES]], %c0_i32
// CHECK: scf.for %{{.*}} to %[[ITEMS]] step
// CHECK: scf.for
// CHECK: scf.for
// CHECK-COUNT-2: llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK: %[[FIRST:.*]] = nvvm.shfl.sync idx
// CHECK: %[[CONSECUTIVE:.*]] = nvvm.vote.sync all
// CHECK: nvvm.mbarrier.try_wait
// CHECK: %[[BYTES_B:.*]] = arith.select %[[CONSECUTIVE]], %c16384_i32, %c0_i32
// CHECK-NEXT: %[[BYTES:.*]] = arith.addi %[[BYTES_B]], %c16384_i32
// CHECK: %[[NOT_ALL:.*]] = arith.cmpi ne, %[[BYTES]], %c32768_i32
// CHECK-NEXT: %[[COPIED:.*]] = arith.extui %[[NOT_ALL]] : i1 to i32
// CHECK: llvm.store %[[COPIED]], %{{.*}} {alignment = 4 : i64} : i32, !llvm.ptr<3>
// CHECK-NEXT: nvvm.mbarrier.arrive.expect_tx %{{.*}}, %[[BYTES]]
// A is 2 boxes.
// CHECK-COUNT-2: nvvm.cp.async.bulk.tensor
// CHECK: scf.if %[[CONSECUTIVE]] {
// CHECK: nvvm.cp.async.bulk.tensor{{.*}} box[%{{.*}}, %[[FIRST]]]
// CHECK: nvvm.cp.async.bulk.tensor{{.*}} box[%{{.*}}, %[[FIRST]]]
// CHECK: } else {
// CHECK-NOT: nvvm.cp.async.bulk
// CHECK-COUNT-8: nvvm.cp.async.shared.global
// CHECK-NOT: nvvm.cp.async.shared.global
// The consumers run as many items.
// CHECK: nvvm.setmaxregister increase
// CHECK: %[[SAME:.*]] = arith.select %{{.*}}, %{{.*}}, %c0_i32
// CHECK: scf.for %{{.*}} to %[[SAME]] step
// CHECK: %[[COPIED:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<3> -> i32
// CHECK-NEXT: %[[ANY:.*]] = arith.cmpi ne, %[[COPIED]], %c0_i32
// CHECK-NEXT: scf.if %[[ANY]] {
// CHECK-NEXT: nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
// CHECK-NEXT: }
cce.kernel @rows_of_the_contraction(%g: !cce.buffer<tokens x vocab x bf16>, %e: !cce.buffer<positions x hidden x bf16>,
                                    %rows: !cce.buffer<tokens x i32>, %dc: !cce.buffer<vocab x hidden x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 128, tile_k = 64, stages = 2>} {
  %view = cce.gather %e[%rows] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<tokens x i32>
  cce.parallel %v, %d over vocab, hidden {
    %t = cce.matmul %g[%v], %view[%d] : !cce.buffer<tokens x vocab x bf16>, !cce.buffer<tokens x hidden x bf16> -> !cce.tile<vocab x hidden x f32>
    cce.store %t, %dc[%v, %d] : !cce.tile<vocab x hidden x f32>, !cce.buffer<vocab x hidden x f32>
  }
}

// -----

// A list of classes never is consecutive: nobody looks, there is no box of the matrix and no tensor map. How long it is the device
// knows. The rows of a tile are the same for all steps of the contraction, so each thread looks up its 4 before the first, and the
// producer keeps more registers for them, which the consumers spare.
// CHECK-LABEL: llvm.func @classes(
// CHECK-SAME: {axis = "classes", kind = "extent_pointer"}
// CHECK-SAME: {buffer = "list", kind = "pointer"}
// CHECK-NOT: buffer = "c", kind = "tensor_map"
// CHECK-SAME: tiles = {classes = 64 : i64, tokens = 128 : i64}
// CHECK: nvvm.setmaxregister decrease 56
// CHECK-NOT: nvvm.vote.sync
// CHECK: scf.for
// CHECK: scf.for
// CHECK: %[[ENTRY:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK-NEXT: %[[LISTED:.*]] = arith.cmpi sge, %[[ENTRY]], %c0_i32
// CHECK-NEXT: %[[BEGIN:.*]] = arith.muli %[[ENTRY]], %{{.*}}
// CHECK-NEXT: %[[START:.*]] = arith.select %[[LISTED]], %[[BEGIN]], %c-1_i32
// CHECK-COUNT-3: llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK-NOT: llvm.load
// CHECK: scf.for
// CHECK-NOT: llvm.load
// The consumers always have a fence, since threads copy to every stage.
// CHECK: llvm.store %c1_i32, %{{.*}} {alignment = 4 : i64} : i32, !llvm.ptr<3>
// CHECK-NEXT: nvvm.mbarrier.arrive.expect_tx %{{.*}}, %c16384_i32
// CHECK: nvvm.cp.async.bulk.tensor
// CHECK-NOT: nvvm.cp.async.bulk.tensor
// CHECK-NOT: llvm.load
// CHECK: arith.cmpi ne, %[[START]], %c-1_i32
// CHECK-COUNT-4: nvvm.cp.async.shared.global
// CHECK-NOT: nvvm.cp.async.shared.global
// All threads have copies, always.
// CHECK-NOT: nvvm.mbarrier.arrive
// CHECK: nvvm.cp.async.mbarrier.arrive %{{.*}} {noinc = true}
// CHECK: nvvm.setmaxregister increase 224
// The bias of a class: the list again, two neighbours at once; a class that is none has the bias 0, and row 0 is looked at.
// CHECK: %[[TWO:.*]] = llvm.load %{{.*}} {alignment = 8 : i64} : !llvm.ptr<1> -> vector<2xi32>
// CHECK: %[[CLASS:.*]] = llvm.extractelement %[[TWO]][%c0_i32
// CHECK: %[[EXISTS:.*]] = arith.cmpi sge, %[[CLASS]], %c0_i32
// CHECK: %[[ROW:.*]] = arith.maxsi %[[CLASS]], %c0_i32
// CHECK: %[[ROW64:.*]] = arith.extsi %[[ROW]]
// CHECK: %[[OFFSET:.*]] = arith.muli %[[ROW64]], %c4_i64
// CHECK: %[[ADDRESS:.*]] = llvm.getelementptr %{{.*}}[%[[OFFSET]]]
// CHECK: %[[BIAS:.*]] = llvm.load %[[ADDRESS]] {alignment = 4 : i64} : !llvm.ptr<1> -> f32
// CHECK: arith.select %[[EXISTS]], %[[BIAS]], %cst
cce.kernel @classes(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %list: !cce.buffer<classes x i32>,
                    %bias: !cce.buffer<vocab x f32>, %z: !cce.buffer<tokens x classes x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  %class = cce.gather %c[%list] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<classes x i32>
  %class_bias = cce.gather %bias[%list] : !cce.buffer<vocab x f32>, !cce.buffer<classes x i32>
  cce.parallel %i, %v over tokens, classes {
    %t = cce.matmul %e[%i], %class[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<classes x hidden x bf16> -> !cce.tile<tokens x classes x f32>
    %b = cce.load %class_bias[%v] : !cce.buffer<classes x f32>
    %r = cce.map %t, %b : !cce.tile<tokens x classes x f32>, !cce.tile<classes x f32> -> !cce.tile<tokens x classes x f32> {
    ^bb0(%x: f32, %y: f32):
      %s = arith.addf %x, %y : f32
      cce.yield %s : f32
    }
    cce.store %r, %z[%i, %v] : !cce.tile<tokens x classes x f32>, !cce.buffer<tokens x classes x f32>
  }
}

// -----

// In a cluster each block copies all its rows of the second operand: only boxes can go to both. A stage still is empty when the
// consumers of both have read it, since A and B of a block are one stage.
// CHECK-LABEL: llvm.func @cluster(
// CHECK: nvvm.mbarrier.init %{{.*}}, %c129_i32
// CHECK: nvvm.mbarrier.init %{{.*}}, %c4_i32
// CHECK: nvvm.setmaxregister decrease
// CHECK-NOT: multicast_mask
// CHECK-COUNT-8: nvvm.cp.async.shared.global
// CHECK-NOT: nvvm.cp.async.shared.global
// CHECK: nvvm.setmaxregister increase
cce.kernel @cluster(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %list: !cce.buffer<classes x i32>,
                    %z: !cce.buffer<tokens x classes x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 128, tile_k = 64, stages = 2, cluster = 2>} {
  %class = cce.gather %c[%list] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<classes x i32>
  cce.parallel %i, %v over tokens, classes {
    %t = cce.matmul %e[%i], %class[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<classes x hidden x bf16> -> !cce.tile<tokens x classes x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x classes x f32>, !cce.buffer<tokens x classes x f32>
  }
}
