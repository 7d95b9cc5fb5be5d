// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse | FileCheck %s --enable-var-scope

// The label's logit of each row on the way to a log-sum-exp. A warp sees whether one of its rows has its label in the tile, which is
// rare, and goes on if none has. Else the thread that holds the entry finds it by the bits of its place and stores it, without an atomic.
// CHECK-LABEL: llvm.func @pick(
// CHECK-SAME: %{{[a-z0-9]+}}: !llvm.ptr<1>, %[[VOCAB:[a-z0-9]+]]: i32,
// CHECK-SAME: %[[LABELS:[a-z0-9]+]]: !llvm.ptr<1>, %[[ORIGIN:[a-z0-9]+]]: i32, %[[TARGET:[a-z0-9]+]]: !llvm.ptr<1>, %{{[a-z0-9]+}}: i64, %{{[a-z0-9]+}}: !llvm.ptr<1>) attributes
// CHECK-SAME: {buffer = "labels", kind = "pointer"}, {axis = "vocab", kind = "origin"}, {buffer = "label_logit", kind = "pointer"}
// CHECK: nvvm.setmaxregister increase
// The labels of a thread's two rows, once for all tiles.
// CHECK: %[[PLACE0:.*]] = llvm.getelementptr %[[LABELS]][%{{.*}}] :
// CHECK-NEXT: %[[LABEL0:.*]] = llvm.load %[[PLACE0]] {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK: %[[PLACE1:.*]] = llvm.getelementptr %[[LABELS]][%{{.*}}] :
// CHECK-NEXT: %[[LABEL1:.*]] = llvm.load %[[PLACE1]] {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK: scf.for %[[TILE:.*]] = %{{.*}} to
// CHECK-NEXT: %[[COLUMN:.*]] = arith.muli %[[TILE]], %c64_i32
// CHECK-NEXT: %[[LANE4:.*]] = arith.andi %{{.*}}, %c3_i32
// CHECK-NEXT: %[[OWN:.*]] = arith.muli %[[LANE4]], %c2_i32
// CHECK: nvvm.wgmma.mma_async
// CHECK: %[[LOGITS:[0-9]+]]:32 = scf.if
// CHECK: arith.select %{{.*}}, %{{.*}}, %[[NONE:.*]] : f32
// The columns that there are: those behind them are the next chunk's.
// CHECK: %[[REST:.*]] = arith.subi %[[VOCAB]], %[[COLUMN]]
// CHECK-NEXT: %[[WIDTH:.*]] = arith.minsi %[[REST]], %c64_i32
// CHECK-NEXT: %[[START:.*]] = arith.addi %[[COLUMN]], %[[ORIGIN]]
// Of a label before the tile, or of -1, the difference is large without a sign.
// CHECK-NEXT: %[[AT0:.*]] = arith.subi %[[LABEL0]], %[[START]]
// CHECK-NEXT: %[[HERE0:.*]] = arith.cmpi ult, %[[AT0]], %[[WIDTH]]
// CHECK-NEXT: %[[AT1:.*]] = arith.subi %[[LABEL1]], %[[START]]
// CHECK-NEXT: %[[HERE1:.*]] = arith.cmpi ult, %[[AT1]], %[[WIDTH]]
// CHECK-NEXT: %[[EITHER:.*]] = arith.ori %[[HERE0]], %[[HERE1]]
// CHECK-NEXT: %[[NEITHER:.*]] = arith.xori %[[EITHER]], %true
// CHECK-NEXT: %[[NOTHING:.*]] = nvvm.vote.sync all %c-1_i32, %[[NEITHER]]
// CHECK-NEXT: %[[SOMETHING:.*]] = arith.xori %[[NOTHING]], %true
// CHECK-NEXT: scf.if %[[SOMETHING]] {
// The address is not kept from one tile to the next.
// CHECK-NEXT: %[[ROW:.*]] = llvm.inline_asm has_side_effects asm_dialect = att "mov.b32 $0, $1;"
// CHECK-NEXT: %[[ROW64:.*]] = arith.extui %[[ROW]]
// CHECK-NEXT: %[[OFFSET:.*]] = arith.muli %[[ROW64]], %c4_i64
// CHECK-NEXT: %[[ENTRY:.*]] = llvm.getelementptr %[[TARGET]][%[[OFFSET]]]
// Bit 0 is the pair, bits 3 to 5 are the group of 8 columns.
// CHECK-NEXT: %[[BIT0:.*]] = arith.andi %[[AT0]], %c1_i32
// CHECK-NEXT: %[[PAIR:.*]] = arith.cmpi ne, %[[BIT0]], %c0_i32
// CHECK-NEXT: %[[BIT3:.*]] = arith.andi %[[AT0]], %c8_i32
// CHECK-NEXT: %[[GROUP1:.*]] = arith.cmpi ne, %[[BIT3]], %c0_i32
// CHECK-NEXT: %[[BIT4:.*]] = arith.andi %[[AT0]], %c16_i32
// CHECK-NEXT: %[[GROUP2:.*]] = arith.cmpi ne, %[[BIT4]], %c0_i32
// CHECK-NEXT: %[[BIT5:.*]] = arith.andi %[[AT0]], %c32_i32
// CHECK-NEXT: %[[GROUP4:.*]] = arith.cmpi ne, %[[BIT5]], %c0_i32
// CHECK-NEXT: %[[A:.*]] = arith.select %[[PAIR]], %[[LOGITS]]#1, %[[LOGITS]]#0
// CHECK-NEXT: %[[B:.*]] = arith.select %[[PAIR]], %[[LOGITS]]#3, %[[LOGITS]]#2
// CHECK-NEXT: %[[AB:.*]] = arith.select %[[GROUP1]], %[[B]], %[[A]]
// CHECK-NEXT: %[[C:.*]] = arith.select %[[PAIR]], %[[LOGITS]]#5, %[[LOGITS]]#4
// CHECK-NEXT: %[[D:.*]] = arith.select %[[PAIR]], %[[LOGITS]]#7, %[[LOGITS]]#6
// CHECK-NEXT: %[[CD:.*]] = arith.select %[[GROUP1]], %[[D]], %[[C]]
// CHECK-NEXT: %[[LOW:.*]] = arith.select %[[GROUP2]], %[[CD]], %[[AB]]
// CHECK-NEXT: arith.select %[[PAIR]], %[[LOGITS]]#9, %[[LOGITS]]#8
// CHECK-NEXT: arith.select %[[PAIR]], %[[LOGITS]]#11, %[[LOGITS]]#10
// CHECK-NEXT: arith.select %[[GROUP1]]
// CHECK-NEXT: arith.select %[[PAIR]], %[[LOGITS]]#13, %[[LOGITS]]#12
// CHECK-NEXT: arith.select %[[PAIR]], %[[LOGITS]]#15, %[[LOGITS]]#14
// CHECK-NEXT: arith.select %[[GROUP1]]
// CHECK-NEXT: %[[HIGH:.*]] = arith.select %[[GROUP2]]
// CHECK-NEXT: %[[FOUND:.*]] = arith.select %[[GROUP4]], %[[HIGH]], %[[LOW]]
// Bits 1 and 2 say which of the row's four threads has it.
// CHECK-NEXT: %[[BITS12:.*]] = arith.andi %[[AT0]], %c6_i32
// CHECK-NEXT: %[[MINE:.*]] = arith.cmpi eq, %[[BITS12]], %[[OWN]]
// CHECK-NEXT: %[[STORES:.*]] = arith.andi %[[HERE0]], %[[MINE]]
// CHECK-NEXT: scf.if %[[STORES]] {
// CHECK-NEXT: llvm.store %[[FOUND]], %[[ENTRY]] {alignment = 4 : i64} : f32, !llvm.ptr<1>
// CHECK-NEXT: }
// The other half of the rows is 8 rows on.
// CHECK: arith.andi %[[AT1]], %c1_i32
// CHECK: arith.select %{{.*}}, %[[LOGITS]]#17, %[[LOGITS]]#16
// CHECK: arith.select %{{.*}}, %[[LOGITS]]#31, %[[LOGITS]]#30
// CHECK-NEXT: arith.select
// CHECK-NEXT: arith.select
// CHECK-NEXT: %[[FOUND1:.*]] = arith.select
// CHECK-NEXT: %[[OTHER_BITS:.*]] = arith.andi %[[AT1]], %c6_i32
// CHECK-NEXT: %[[OTHER:.*]] = arith.cmpi eq, %[[OTHER_BITS]], %[[OWN]]
// CHECK-NEXT: %[[STORES1:.*]] = arith.andi %[[HERE1]], %[[OTHER]]
// CHECK-NEXT: scf.if %[[STORES1]] {
// CHECK-NEXT: %[[ENTRY1:.*]] = llvm.getelementptr %[[ENTRY]][32]
// CHECK-NEXT: llvm.store %[[FOUND1]], %[[ENTRY1]] {alignment = 4 : i64} : f32, !llvm.ptr<1>
// The log-sum-exp follows.
// CHECK: llvm.nvvm.ex2.approx
// CHECK-NOT: llvm.atomicrmw
cce.kernel @pick(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %labels: !cce.buffer<tokens x i32>,
                 %label_logit: !cce.buffer<tokens x f32>, %out: !cce.buffer<splits x tokens x !cce.lse>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %s, %i over splits, tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab part %s from %some = %none : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
      cce.pick %z, %y, %label_logit : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x i32>, !cce.buffer<tokens x f32>
      %more = cce.lse_update %some, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}
