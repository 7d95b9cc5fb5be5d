// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse --split-input-file | FileCheck %s

// Classes are marked on the way to a log-sum-exp. A warp has 16 rows: of a word of 32 columns it first compares each thread's sums of the
// terms of two rows with limits (mark-terms.mlir), and most words end there, without a branch of single lanes. The manifest has the words
// of the bits.
// CHECK-LABEL: llvm.func @mark(
// CHECK-SAME: %[[STRIDE:[a-z0-9]+]]: i64, %[[BITS:[a-z0-9]+]]: !llvm.ptr<1>, %{{[a-z0-9]+}}: i64, %{{[a-z0-9]+}}: !llvm.ptr<1>) attributes
// CHECK-SAME: {buffer = "bits", dimension = 0 : i64, kind = "stride"}, {buffer = "bits", kind = "pointer"}
// CHECK: nvvm.setmaxregister increase
// The thresholds of a thread's two rows, once for all tiles.
// CHECK: %[[LEAST0:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> f32
// CHECK: %[[LEAST1:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> f32
// CHECK: scf.for
// CHECK: nvvm.wgmma.mma_async
// Columns beyond the vocabulary are -inf before they are looked at, so that they are not marked.
// CHECK: %[[LOGITS:[0-9]+]]:32 = scf.if
// CHECK: arith.select %{{.*}}, %{{.*}}, %[[NONE:.*]] : f32
// The word: 32 columns, and a row of words for the tile of tokens.
// CHECK: %[[GROUP:.*]] = arith.extsi
// CHECK-NEXT: %[[ROW:.*]] = arith.muli %[[GROUP]], %[[STRIDE]]
// CHECK-NEXT: %[[WORD32:.*]] = arith.shrui %[[COLUMN:.*]], %c5_i32
// CHECK-NEXT: %[[WORD:.*]] = arith.extui %[[WORD32]]
// CHECK-NEXT: %[[INDEX:.*]] = arith.addi %[[ROW]], %[[WORD]]
// CHECK-NEXT: %[[OFFSET:.*]] = arith.muli %[[INDEX]], %c4_i64
// CHECK-NEXT: %[[WORDS:.*]] = llvm.getelementptr %[[BITS]][%[[OFFSET]]]
// CHECK-NOT: arith.maxnumf
// CHECK: %[[BELOW0:.*]] = arith.cmpf olt,
// CHECK: %[[BELOW1:.*]] = arith.cmpf olt,
// CHECK: %[[BELOW:.*]] = arith.andi %[[BELOW0]], %[[BELOW1]]
// CHECK: %[[NOTHING:.*]] = nvvm.vote.sync all %c-1_i32, %[[BELOW]]
// CHECK: %[[SOMETHING:.*]] = arith.xori %[[NOTHING]], %true
// CHECK: scf.if %[[SOMETHING]] {
// A threshold itself is reached.
// CHECK: arith.cmpf oge, %[[LOGITS]]#0, %[[LEAST0]]
// CHECK: arith.cmpf oge, %[[LOGITS]]#16, %[[LEAST1]]
// Bits of neighbours, then those 8 columns on, where the thread's next two are.
// CHECK: arith.select %{{.*}}, %c2_i32, %c0_i32
// CHECK: arith.select %{{.*}}, %c256_i32, %c0_i32
// CHECK: arith.select %{{.*}}, %c512_i32, %c0_i32
// CHECK: arith.cmpf oge, %[[LOGITS]]#7, %[[LEAST0]]
// CHECK: arith.select %{{.*}}, %c33554432_i32, %c0_i32
// All lanes' bits together, which one lane writes if there are any; the blocks of other parts and the other warps write to the same
// words.
// CHECK: %[[SHIFTED:.*]] = arith.shli
// CHECK: %[[ALL:.*]] = nvvm.redux.sync or %[[SHIFTED]], %c-1_i32
// CHECK: %[[FIRST_LANE:.*]] = arith.cmpi eq, %{{.*}}, %c0_i32
// CHECK: %[[ANY:.*]] = arith.cmpi ne, %[[ALL]], %c0_i32
// CHECK: %[[WRITES:.*]] = arith.andi %[[FIRST_LANE]], %[[ANY]]
// CHECK: scf.if %[[WRITES]] {
// CHECK: llvm.atomicrmw _or %[[WORDS]], %[[ALL]] syncscope("device") monotonic
// The next 32 columns are the next word.
// CHECK: arith.cmpf oge, %[[LOGITS]]#8, %[[LEAST0]]
// CHECK: %[[ALL:.*]] = nvvm.redux.sync or
// CHECK: %[[NEXT:.*]] = llvm.getelementptr %[[WORDS]][4]
// CHECK: llvm.atomicrmw _or %[[NEXT]], %[[ALL]]
// CHECK-NOT: llvm.atomicrmw
cce.kernel @mark(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %threshold: !cce.buffer<tokens x f32>,
                 %bits: !cce.buffer<groups x vocab x i1>, %out: !cce.buffer<splits x tokens x !cce.lse>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %s, %i over splits, tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab part %s from %some = %none : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %t = cce.load %threshold[%i] : !cce.buffer<tokens x f32>
      cce.mark %z, %t, %bits : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x vocab x i1>
      %more = cce.lse_update %some, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}

// -----

// Rows that name their groups, without a reduction: where a row's words are, its group says, and the four lanes that have the row put
// their bits together. Nothing is asked of the warp, since its rows are of different groups.
// CHECK-LABEL: llvm.func @mark_rows(
// CHECK-SAME: %[[VOCAB:[a-z0-9]+]]: i32, %{{[a-z0-9]+}}: i32, %{{[a-z0-9]+}}: !llvm.ptr {
// CHECK-SAME: %[[THRESHOLD:[a-z0-9]+]]: !llvm.ptr<1>, %[[GROUPS:[a-z0-9]+]]: !llvm.ptr<1>, %[[STRIDE:[a-z0-9]+]]: i64, %[[BITS:[a-z0-9]+]]: !llvm.ptr<1>) attributes
// CHECK-SAME: {axis = "vocab", kind = "extent"}
// CHECK-SAME: {buffer = "threshold", kind = "pointer"}, {buffer = "group", kind = "pointer"}
// CHECK-SAME: {buffer = "bits", dimension = 0 : i64, kind = "stride"}, {buffer = "bits", kind = "pointer"}
// CHECK: nvvm.setmaxregister increase
// Thresholds and groups of a thread's two rows, before the product.
// CHECK: %[[PLACE0:.*]] = llvm.getelementptr %[[THRESHOLD]][%[[ROW0:.*]]] :
// CHECK-NEXT: %[[LEAST0:.*]] = llvm.load %[[PLACE0]]
// CHECK: %[[PLACE1:.*]] = llvm.getelementptr %[[THRESHOLD]][%[[ROW1:.*]]] :
// CHECK-NEXT: %[[LEAST1:.*]] = llvm.load %[[PLACE1]]
// CHECK: %[[PLACE0:.*]] = llvm.getelementptr %[[GROUPS]][%[[ROW0]]]
// CHECK-NEXT: %[[GROUP0:.*]] = llvm.load %[[PLACE0]]
// CHECK: %[[PLACE1:.*]] = llvm.getelementptr %[[GROUPS]][%[[ROW1]]]
// CHECK-NEXT: %[[GROUP1:.*]] = llvm.load %[[PLACE1]]
// CHECK: scf.for %[[TILE:.*]] = %{{.*}} to
// CHECK-NEXT: %[[TILE_COLUMN:.*]] = arith.muli %[[TILE]], %c64_i32
// CHECK-NEXT: %[[LANE4:.*]] = arith.andi %{{.*}}, %c3_i32
// CHECK-NEXT: %[[FIRST:.*]] = arith.muli %[[LANE4]], %c2_i32
// CHECK-NEXT: %[[COLUMN:.*]] = arith.addi %[[TILE_COLUMN]], %[[FIRST]]
// CHECK: nvvm.wgmma.mma_async
// CHECK: %[[SUMS:.*]] = llvm.inline_asm {{.*}}"wgmma.wait_group.sync.aligned 0;"
// CHECK: nvvm.mbarrier.try_wait
// CHECK-NOT: nvvm.vote.sync
// CHECK-NOT: nvvm.redux.sync
// CHECK: %[[Z0:.*]] = llvm.extractvalue %[[SUMS]][0]
// CHECK: %[[Z1:.*]] = llvm.extractvalue %[[SUMS]][1]
// CHECK: %[[Z2:.*]] = llvm.extractvalue %[[SUMS]][2]
// The word: 32 columns, in the row of words of the token's group.
// CHECK: %[[GROUP:.*]] = arith.extsi %[[GROUP0]]
// CHECK-NEXT: %[[ROW:.*]] = arith.muli %[[GROUP]], %[[STRIDE]]
// CHECK-NEXT: %[[WORD32:.*]] = arith.shrui %[[TILE_COLUMN]], %c5_i32
// CHECK-NEXT: %[[WORD:.*]] = arith.extui %[[WORD32]]
// CHECK-NEXT: %[[INDEX:.*]] = arith.addi %[[ROW]], %[[WORD]]
// CHECK-NEXT: %[[OFFSET:.*]] = arith.muli %[[INDEX]], %c4_i64
// CHECK-NEXT: %[[WORDS:.*]] = llvm.getelementptr %[[BITS]][%[[OFFSET]]]
// A threshold itself is reached; a column beyond the vocabulary has a logit of 0 and is none.
// CHECK-NEXT: %[[REACHED:.*]] = arith.cmpf oge, %[[Z0]], %[[LEAST0]]
// CHECK-NEXT: %[[EXISTS:.*]] = arith.cmpi slt, %[[COLUMN]], %[[VOCAB]]
// CHECK-NEXT: %[[BOTH:.*]] = arith.andi %[[REACHED]], %[[EXISTS]]
// CHECK-NEXT: arith.extui %[[BOTH]] : i1 to i32
// CHECK-NEXT: arith.cmpf oge, %[[Z1]], %[[LEAST0]]
// CHECK: arith.select %{{.*}}, %c2_i32, %c0_i32
// CHECK: arith.select %{{.*}}, %c256_i32, %c0_i32
// CHECK: arith.select %{{.*}}, %c512_i32, %c0_i32
// CHECK: arith.select %{{.*}}, %c65536_i32, %c0_i32
// CHECK: arith.select %{{.*}}, %c131072_i32, %c0_i32
// CHECK: arith.select %{{.*}}, %c16777216_i32, %c0_i32
// CHECK: arith.select %{{.*}}, %c33554432_i32, %c0_i32
// CHECK-NEXT: %[[MINE:.*]] = arith.ori
// CHECK-NEXT: %[[SHIFTED:.*]] = arith.shli %[[MINE]], %[[FIRST]]
// CHECK-NEXT: %[[NEIGHBOUR:.*]] = nvvm.shfl.sync bfly %c-1_i32, %[[SHIFTED]], %c1_i32
// CHECK-NEXT: %[[TWO:.*]] = arith.ori %[[SHIFTED]], %[[NEIGHBOUR]]
// CHECK-NEXT: %[[OTHER_TWO:.*]] = nvvm.shfl.sync bfly %c-1_i32, %[[TWO]], %c2_i32
// CHECK-NEXT: %[[ALL:.*]] = arith.ori %[[TWO]], %[[OTHER_TWO]]
// CHECK-NEXT: %[[FIRST_LANE:.*]] = arith.cmpi eq, %[[LANE4]], %c0_i32
// CHECK-NEXT: %[[ANY:.*]] = arith.cmpi ne, %[[ALL]], %c0_i32
// CHECK-NEXT: %[[WRITES:.*]] = arith.andi %[[FIRST_LANE]], %[[ANY]]
// CHECK-NEXT: scf.if %[[WRITES]] {
// CHECK-NEXT: llvm.atomicrmw _or %[[WORDS]], %[[ALL]] syncscope("device") monotonic
// The next 32 columns are the next word.
// CHECK: %[[NEXT:.*]] = llvm.getelementptr %[[WORDS]][4]
// CHECK-NEXT: llvm.atomicrmw _or %[[NEXT]]
// The other row has a group and a threshold of its own.
// CHECK: %[[GROUP:.*]] = arith.extsi %[[GROUP1]]
// CHECK-NEXT: %[[ROW:.*]] = arith.muli %[[GROUP]], %[[STRIDE]]
// CHECK-NEXT: %[[INDEX:.*]] = arith.addi %[[ROW]], %[[WORD]]
// CHECK-NEXT: %[[OFFSET:.*]] = arith.muli %[[INDEX]], %c4_i64
// CHECK-NEXT: %[[WORDS:.*]] = llvm.getelementptr %[[BITS]][%[[OFFSET]]]
// CHECK-NEXT: arith.cmpf oge, %[[Z2]], %[[LEAST1]]
// CHECK: llvm.atomicrmw _or %[[WORDS]]
// CHECK: llvm.atomicrmw _or
// CHECK-NOT: llvm.atomicrmw
cce.kernel @mark_rows(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %threshold: !cce.buffer<tokens x f32>,
                      %group: !cce.buffer<tokens x i32>, %bits: !cce.buffer<groups x vocab x i1>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    %t = cce.load %threshold[%i] : !cce.buffer<tokens x f32>
    %g = cce.load %group[%i] : !cce.buffer<tokens x i32>
    cce.mark %z, %t, %bits by %g : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x vocab x i1>, !cce.tile<tokens x i32>
  }
}
