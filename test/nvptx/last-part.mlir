// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse | FileCheck %s

// The last part of a reduction is half as long as the others. Those come first, for all pairs of tiles of rows; places in the grid that
// their last round leaves free take the last part's, one after the other.
// CHECK-LABEL: llvm.func @reduces(
// CHECK-SAME: %{{[a-z0-9]+}}: i32, %{{[a-z0-9]+}}: i32, %[[PARTS:[a-z0-9]+]]: i32,
// CHECK: %[[PAIRS:.*]] = arith.divui %{{.*}}, %c256_i32
// CHECK: %[[RANK:.*]] = nvvm.read.ptx.sreg.cluster.ctarank
// CHECK: %[[TILES:.*]] = arith.divui %{{.*}}, %c128_i32
// CHECK: nvvm.setmaxregister increase
// CHECK: %[[BLOCKS:.*]] = nvvm.read.ptx.sreg.nctaid.x
// CHECK-NEXT: %[[CLUSTERS:.*]] = arith.divui %[[BLOCKS]], %c2_i32
// CHECK-NEXT: %[[OTHERS:.*]] = arith.subi %[[PARTS]], %c1_i32
// CHECK-NEXT: %[[ALL_OTHERS:.*]] = arith.muli %[[PAIRS]], %[[OTHERS]]
// CHECK-NEXT: %[[TAKEN:.*]] = arith.remui %[[ALL_OTHERS]], %[[CLUSTERS]]
// CHECK-NEXT: %[[LEFT:.*]] = arith.subi %[[CLUSTERS]], %[[TAKEN]]
// Each free place takes so many, rounded up; with a round of their own each cluster would.
// CHECK-NEXT: %[[LEFT_LESS:.*]] = arith.subi %[[LEFT]], %c1_i32
// CHECK-NEXT: %[[LEFT_UP:.*]] = arith.addi %[[PAIRS]], %[[LEFT_LESS]]
// CHECK-NEXT: %[[IN_PLACE:.*]] = arith.divui %[[LEFT_UP]], %[[LEFT]]
// CHECK-NEXT: %[[ALL_LESS:.*]] = arith.subi %[[CLUSTERS]], %c1_i32
// CHECK-NEXT: %[[ALL_UP:.*]] = arith.addi %[[PAIRS]], %[[ALL_LESS]]
// CHECK-NEXT: %[[OWN:.*]] = arith.divui %[[ALL_UP]], %[[CLUSTERS]]
// CHECK-NEXT: %[[APART:.*]] = arith.addi %[[OWN]], %c2_i32
// CHECK-NEXT: %[[FITS:.*]] = arith.cmpi ule, %[[IN_PLACE]], %[[APART]]
// CHECK-NEXT: %[[IS_FULL:.*]] = arith.cmpi eq, %[[TAKEN]], %c0_i32
// CHECK-NEXT: %[[GAP:.*]] = arith.select %[[IS_FULL]], %c0_i32, %[[LEFT]]
// CHECK-NEXT: %[[NEXT_ROUND:.*]] = arith.addi %[[ALL_OTHERS]], %[[GAP]]
// CHECK-NEXT: %[[FIRST:.*]] = arith.select %[[FITS]], %[[ALL_OTHERS]], %[[NEXT_ROUND]]
// CHECK-NEXT: %[[FREE:.*]] = arith.select %[[FITS]], %[[LEFT]], %[[CLUSTERS]]
// CHECK-NEXT: %[[LESS:.*]] = arith.subi %[[FREE]], %c1_i32
// CHECK-NEXT: %[[UP:.*]] = arith.addi %[[PAIRS]], %[[LESS]]
// CHECK-NEXT: %[[MOST:.*]] = arith.divui %[[UP]], %[[FREE]]
// CHECK-NEXT: %[[BEFORE:.*]] = arith.subi %[[MOST]], %c1_i32
// CHECK-NEXT: %[[ROUNDS:.*]] = arith.muli %[[BEFORE]], %[[CLUSTERS]]
// CHECK-NEXT: %[[BUT_LAST:.*]] = arith.addi %[[FIRST]], %[[ROUNDS]]
// CHECK-NEXT: %[[ITEMS:.*]] = arith.addi %[[BUT_LAST]], %[[FREE]]
// CHECK: scf.for %[[INDEX:.*]] = %{{.*}} to %[[ITEMS]] step %[[CLUSTERS]]
// CHECK-NEXT: %[[IS_LAST:.*]] = arith.cmpi sge, %[[INDEX]], %[[FIRST]]
// CHECK-NEXT: %[[REST:.*]] = arith.subi %[[INDEX]], %[[FIRST]]
// CHECK-NEXT: %[[PLACE:.*]] = arith.remui %[[REST]], %[[CLUSTERS]]
// CHECK-NEXT: %[[ROUND:.*]] = arith.divui %[[REST]], %[[CLUSTERS]]
// CHECK-NEXT: %[[IN_ROUNDS:.*]] = arith.muli %[[ROUND]], %[[FREE]]
// CHECK-NEXT: %[[OF_LAST:.*]] = arith.addi %[[IN_ROUNDS]], %[[PLACE]]
// CHECK-NEXT: %[[IS_FREE:.*]] = arith.cmpi slt, %[[PLACE]], %[[FREE]]
// CHECK-NEXT: %[[IS_ROW:.*]] = arith.cmpi slt, %[[OF_LAST]], %[[PAIRS]]
// CHECK-NEXT: %[[BOTH:.*]] = arith.andi %[[IS_FREE]], %[[IS_ROW]]
// CHECK-NEXT: %[[IS_OTHER:.*]] = arith.cmpi slt, %[[INDEX]], %[[ALL_OTHERS]]
// CHECK-NEXT: %[[EXISTS:.*]] = arith.select %[[IS_LAST]], %[[BOTH]], %[[IS_OTHER]]
// CHECK-NEXT: %[[LAST_ROW:.*]] = arith.select %[[BOTH]], %[[OF_LAST]], %c0_i32
// CHECK-NEXT: %[[OTHER:.*]] = arith.select %[[IS_OTHER]], %[[INDEX]], %c0_i32
// The others as if there were no last one.
// CHECK-NEXT: %[[COLUMNS:.*]] = arith.maxsi %[[OTHERS]], %c1_i32
// CHECK: %[[GROUPED:.*]] = arith.select %{{.*}}, %c8_i32, %c16_i32
// CHECK-NEXT: %[[PER_GROUP:.*]] = arith.muli %[[COLUMNS]], %[[GROUPED]]
// CHECK-NEXT: arith.divui %[[OTHER]], %[[PER_GROUP]]
// CHECK: %[[COLUMN:.*]] = arith.divui
// CHECK: %[[ROW:.*]] = arith.addi
// CHECK-NEXT: %[[PAIR:.*]] = arith.select %[[IS_LAST]], %[[LAST_ROW]], %[[ROW]]
// CHECK-NEXT: %[[PART:.*]] = arith.select %[[IS_LAST]], %[[OTHERS]], %[[COLUMN]]
// CHECK-NEXT: %[[TWICE:.*]] = arith.muli %[[PAIR]], %c2_i32
// CHECK-NEXT: arith.addi %[[TWICE]], %[[RANK]]
// Tiles in units of the last part, of which the others have two each.
// CHECK-NEXT: %[[DOUBLED:.*]] = arith.muli %[[OTHERS]], %c2_i32
// CHECK-NEXT: %[[UNITS:.*]] = arith.addi %[[DOUBLED]], %c1_i32
// CHECK-NEXT: %[[BEGIN:.*]] = arith.muli %[[PART]], %c2_i32
// CHECK-NEXT: %[[NEXT:.*]] = arith.addi %[[BEGIN]], %c2_i32
// CHECK-NEXT: %[[END:.*]] = arith.minsi %[[NEXT]], %[[UNITS]]
// CHECK-NEXT: %[[BEGIN_TILES:.*]] = arith.muli %[[BEGIN]], %[[TILES]]
// CHECK-NEXT: %[[BEGIN_UP:.*]] = arith.addi %[[BEGIN_TILES]], %[[DOUBLED]]
// CHECK-NEXT: %[[END_TILES:.*]] = arith.muli %[[END]], %[[TILES]]
// CHECK-NEXT: %[[END_UP:.*]] = arith.addi %[[END_TILES]], %[[DOUBLED]]
// CHECK-NEXT: %[[FROM:.*]] = arith.divui %[[BEGIN_UP]], %[[UNITS]]
// CHECK-NEXT: %[[UNTIL:.*]] = arith.divui %[[END_UP]], %[[UNITS]]
// A place that is taken, or one too many, has no tiles, and stores no state.
// CHECK-NEXT: %[[TO:.*]] = arith.select %[[EXISTS]], %[[UNTIL]], %[[FROM]]
// CHECK: scf.for %{{.*}} = %[[FROM]] to %[[TO]] step %c1_i32
// CHECK: scf.if %[[EXISTS]] {
// CHECK: nvvm.shfl.sync
cce.kernel @reduces(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %partial: !cce.buffer<splits x tokens x !cce.lse>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 128, tile_k = 64, stages = 2, cluster = 2, last_part = 2>} {
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
