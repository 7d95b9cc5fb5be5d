// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse | FileCheck %s --enable-var-scope

// Logits are saved on the way to a log-sum-exp: of every row of the tile the maximum, and codes below it, rounded by an addition to 2^23
// and cut off at 65535. Rows go out in pieces of 16 bytes through shared memory behind the ring (2 x 24576 bytes), 2048 bytes a warp.
// CHECK-LABEL: llvm.func @save(
// CHECK-SAME: %[[MAXIMA_STRIDE:[a-z0-9]+]]: i64, %[[MAXIMA:[a-z0-9]+]]: !llvm.ptr<1>, %[[STRIDE:[a-z0-9]+]]: i64, %[[CODES:[a-z0-9]+]]: !llvm.ptr<1>, %{{[a-z0-9]+}}: i64, %{{[a-z0-9]+}}: !llvm.ptr<1>) attributes
// 49152 + 8 x 2048 + 2 x 2 x 8 + 2 x 8 + 2 x 4
// CHECK-SAME: shared_bytes = 65592 : i64
// CHECK-DAG: %[[LIMIT:.*]] = arith.constant 0x4B00FFFF : f32
// CHECK-DAG: %[[MAGIC:.*]] = arith.constant 0x4B000000 : f32
// CHECK-DAG: %[[STEPS:.*]] = arith.constant 2.048000e+03 : f32
// CHECK: nvvm.setmaxregister increase
// CHECK: %[[AREA:.*]] = llvm.getelementptr %{{.*}}[49152]
// CHECK-NEXT: %[[STAGING:.*]] = llvm.getelementptr %[[AREA]]
// CHECK: nvvm.wgmma.mma_async
// What follows is a consumer's while it is its turn.
// CHECK: nvvm.mbarrier.try_wait
// Columns beyond the vocabulary are -inf before they are looked at: they become nothing.
// CHECK: %[[LOGITS:[0-9]+]]:32 = scf.if
// CHECK: arith.select %{{.*}}, %{{.*}}, %[[NONE:.*]] : f32
// The log-sum-exp comes first, and its maxima of a thread's columns are those of the row that four threads have between them.
// CHECK: llvm.nvvm.ex2.approx
// CHECK: %[[TILE32:.*]] = arith.divui %[[COLUMN:.*]], %c64_i32
// CHECK-NEXT: %[[TILE:.*]] = arith.extsi %[[TILE32]]
// CHECK-NEXT: %[[START:.*]] = arith.muli %[[TILE]], %[[MAXIMA_STRIDE]]
// CHECK: %[[ROW:.*]] = arith.extsi
// CHECK-NEXT: %[[ENTRY:.*]] = arith.addi %[[START]], %[[ROW]]
// CHECK-NEXT: %[[OFFSET:.*]] = arith.muli %[[ENTRY]], %c4_i64
// CHECK-NEXT: %[[PLACE:.*]] = llvm.getelementptr %[[MAXIMA]][%[[OFFSET]]]
// CHECK-NEXT: %[[OTHER:.*]] = nvvm.shfl.sync bfly %c-1_i32, %[[OWN:.*]], %c1_i32
// CHECK-NEXT: %[[BOTH:.*]] = arith.maxnumf %[[OWN]], %[[OTHER]]
// CHECK-NEXT: %[[OTHERS:.*]] = nvvm.shfl.sync bfly %c-1_i32, %[[BOTH]], %c2_i32
// CHECK-NEXT: %[[MOST0:.*]] = arith.maxnumf %[[BOTH]], %[[OTHERS]]
// CHECK: llvm.store %[[MOST0]], %[[PLACE]] {alignment = 4 : i64} : f32
// CHECK: nvvm.shfl.sync bfly %c-1_i32, %{{.*}}, %c2_i32
// CHECK-NEXT: %[[MOST1:.*]] = arith.maxnumf
// The other half of the rows is 8 rows on.
// CHECK: %[[NEXT:.*]] = llvm.getelementptr %[[PLACE]][32]
// CHECK: llvm.store %[[MOST1]], %[[NEXT]] {alignment = 4 : i64} : f32
// Codes of 64 columns are made before they go out.
// CHECK: %[[BELOW:.*]] = arith.subf %[[MOST0]], %[[LOGITS]]#0
// CHECK-NEXT: %[[SUM:.*]] = llvm.intr.fma(%[[BELOW]], %[[STEPS]], %[[MAGIC]])
// CHECK-NEXT: %[[CUT:.*]] = arith.minnumf %[[SUM]], %[[LIMIT]]
// CHECK-NEXT: %[[CODE0:.*]] = llvm.bitcast %[[CUT]] : f32 to i32
// CHECK: arith.subf %[[MOST0]], %[[LOGITS]]#1
// CHECK: %[[CODE1:.*]] = llvm.bitcast
// Neighbours share a word: 0x5410.
// CHECK-NEXT: %[[WORD0:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[CODE0]], %[[CODE1]], %c21520_i32)
// CHECK: arith.subf %[[MOST1]], %[[LOGITS]]#16
// CHECK: %[[WORD1:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"
// CHECK: arith.subf %[[MOST0]], %[[LOGITS]]#2
// CHECK: %[[WORD2:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"
// CHECK: arith.subf %[[MOST1]], %[[LOGITS]]#18
// CHECK: %[[WORD3:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"
// CHECK-COUNT-12: llvm.nvvm.prmt
// Lanes find their places again, they were not kept.
// CHECK: %[[LANE:.*]] = llvm.inline_asm has_side_effects asm_dialect = att "mov.b32 $0, $1;"
// CHECK: %[[PIECE:.*]] = arith.andi %[[LANE]], %c7_i32
// CHECK: %[[EIGHTS:.*]] = arith.muli %[[PIECE]], %c8_i32
// CHECK: %[[FIRST:.*]] = arith.addi %[[COLUMN]], %[[EIGHTS]]
// CHECK: %[[ROW_START:.*]] = arith.muli %{{.*}}, %[[STRIDE]]
// CHECK: %[[FIRST64:.*]] = arith.extsi %[[FIRST]]
// CHECK: arith.addi %[[ROW_START]], %[[FIRST64]]
// CHECK: %[[PLACE0:.*]] = llvm.getelementptr %[[CODES]]
// CHECK: llvm.ptrtoint %[[STAGING]]
// CHECK: nvvm.bar.warp.sync
// CHECK: nvvm.stmatrix %{{.*}}, %[[WORD0]], %[[WORD1]], %[[WORD2]], %[[WORD3]] {
// CHECK-COUNT-3: nvvm.stmatrix
// CHECK-NOT: nvvm.stmatrix
// CHECK: nvvm.bar.warp.sync
// CHECK-COUNT-4: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
// Whole tiles always: the buffer holds nothing else.
// CHECK: llvm.store %{{.*}}, %[[PLACE0]] {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK-COUNT-3: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK-NOT: : i16, !llvm.ptr<1>
// Then the other consumer's turn comes.
// CHECK: nvvm.mbarrier.arrive
cce.kernel @save(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %codes: !cce.buffer<tokens x vocab x i16>,
                 %maxima: !cce.buffer<tiles x tokens x f32>, %out: !cce.buffer<splits x tokens x !cce.lse>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %s, %i over splits, tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab part %s from %some = %none : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      cce.save %z, %codes, %maxima : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x i16>, !cce.buffer<tiles x tokens x f32>
      %more = cce.lse_update %some, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}
