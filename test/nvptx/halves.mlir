// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse --split-input-file | FileCheck %s --implicit-check-not=arith.cmpf

// Sums in 24 bits in two buffers. The first 128 columns are asked for before the product, of each of a thread's two rows and of 64
// columns 16 bytes of lower halves and two pieces of 16 bytes of upper ones, which lie 64 bytes apart; the next 64 where the first are
// used.
// CHECK-LABEL: llvm.func @partial(
// CHECK-SAME: {buffer = "low", dimension = 0 : i64, kind = "stride"}
// CHECK-SAME: {buffer = "low", kind = "pointer"}
// No shared memory beside the ring and the barriers.
// CHECK-SAME: shared_bytes = 81976 : i64
// CHECK: nvvm.setmaxregister increase
// A tile has them in the order of the threads if all its columns exist and rows of dE start at multiples of 16 bytes.
// CHECK: %[[TILE:.*]] = arith.muli %{{.*}}, %c192_i32
// CHECK-NEXT: %[[LANE:.*]] = llvm.inline_asm {{.*}} "mov.b32 $0, $1;"
// CHECK: %[[ROW:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK: %[[EXISTS:.*]] = arith.cmpi sge, %[[ROW]], %c0_i32
// CHECK: %[[ROW_UP:.*]] = llvm.getelementptr %arg7[
// A byte an element.
// CHECK: %[[BYTES:.*]] = arith.muli %{{.*}}, %arg8 : i64
// CHECK: %[[ROW_LOW:.*]] = llvm.getelementptr %arg9[%[[BYTES]]]
// CHECK: %[[QUARTER:.*]] = arith.andi %[[LANE]], %c3_i32
// CHECK: %[[TILE64:.*]] = arith.extsi %[[TILE]]
// CHECK: %[[OF_TILE:.*]] = llvm.getelementptr %[[ROW_LOW]][%[[TILE64]]]
// CHECK: %[[SIXTEENS:.*]] = arith.muli %[[QUARTER]], %c16_i32
// CHECK: %[[THREAD:.*]] = arith.extsi %[[SIXTEENS]]
// CHECK: %[[OF_THREAD:.*]] = llvm.getelementptr %[[OF_TILE]][%[[THREAD]]]
// CHECK: %[[WANTED:.*]] = arith.andi %[[HAS_SUM:.*]], %[[EXISTS]] : i1
// CHECK: %[[LOWERS:.*]] = llvm.inline_asm {{.*}}@$5 ld.global.v4.b32 {{.*}} %[[OF_THREAD]], %[[WANTED]] :
// CHECK: %[[WORD:.*]] = llvm.extractvalue %[[LOWERS]][0]
// CHECK: %[[WORD1:.*]] = llvm.extractvalue %[[LOWERS]][1]
// CHECK: %[[WORD2:.*]] = llvm.extractvalue %[[LOWERS]][2]
// CHECK: @$5 ld.global.v4.b32
// CHECK: %[[EIGHTS:.*]] = arith.muli %[[QUARTER]], %c8_i32
// CHECK: %[[PLACE:.*]] = arith.addi %[[TILE]], %[[EIGHTS]]
// CHECK: %[[PLACE64:.*]] = arith.extsi %[[PLACE]]
// CHECK: %[[TWICE:.*]] = arith.muli %[[PLACE64]], %c2_i64
// CHECK: %[[UPPER_START:.*]] = llvm.getelementptr %[[ROW_UP]][%[[TWICE]]]
// CHECK: arith.cmpi sle
// CHECK: %[[ALIGNED:.*]] = arith.cmpi eq, %{{.*}}, %c0_i64
// CHECK: %[[WHOLE:.*]] = arith.andi %{{.*}}, %[[ALIGNED]]
// CHECK: %[[IN_PIECES:.*]] = arith.andi %[[WANTED]], %[[WHOLE]]
// CHECK: llvm.inline_asm {{.*}}@$5 ld.global.v4.b32 {{.*}} %[[UPPER_START]], %[[IN_PIECES]] :
// CHECK: @$5 ld.global.v4.b32
// CHECK: llvm.getelementptr %[[UPPER_START]][64]
// CHECK-COUNT-2: @$5 ld.global.v4.b32
// Of the next 64 columns.
// CHECK: llvm.getelementptr %[[OF_THREAD]][64]
// CHECK-COUNT-2: @$5 ld.global.v4.b32
// CHECK: llvm.getelementptr %[[UPPER_START]][128]
// CHECK-COUNT-4: @$5 ld.global.v4.b32
// CHECK-NOT: ld.global.v4
// CHECK: nvvm.wgmma.mma_async
// CHECK: "wgmma.wait_group.sync.aligned 0;"
// Where dE has no room for pieces, its elements come one by one.
// CHECK: %[[UPPER:.*]]:4 = scf.if %[[WHOLE]] -> (i32, i32, i32, i32) {
// CHECK-NEXT: scf.yield
// CHECK-NEXT: } else {
// CHECK-COUNT-8: @$2 ld.global.b16
// CHECK: scf.yield
// CHECK-NEXT: }
// A word has 8 bits of each of 4 elements, two neighbours of a group of columns and then two of the next. They go below the upper 16 bits of
// their f32 twice: the missing bits repeat them. Selectors 0x5400, 0x7611, 0x5422, 0x7633.
// CHECK: %[[JOINED0:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[WORD]], %[[UPPER]]#0, %c21504_i32)
// CHECK: %[[BEFORE0:.*]] = llvm.bitcast %[[JOINED0]] : i32 to f32
// CHECK: %[[JOINED1:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[WORD]], %[[UPPER]]#0, %c30225_i32)
// CHECK: %[[BEFORE1:.*]] = llvm.bitcast %[[JOINED1]] : i32 to f32
// CHECK: %[[JOINED2:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[WORD]], %[[UPPER]]#1, %c21538_i32)
// CHECK: %[[BEFORE2:.*]] = llvm.bitcast %[[JOINED2]] : i32 to f32
// CHECK: %[[JOINED3:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[WORD]], %[[UPPER]]#1, %c30259_i32)
// CHECK: %[[BEFORE3:.*]] = llvm.bitcast %[[JOINED3]] : i32 to f32
// Those of the third group are in the next word, those of the other piece in the third.
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[WORD1]], %[[UPPER]]#2, %c21504_i32)
// CHECK: %[[UPPER:.*]]:4 = scf.if %[[WHOLE]] -> (i32, i32, i32, i32) {
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[WORD2]], %[[UPPER]]#0, %c21504_i32)
// Then those of the second row.
// CHECK: scf.if %[[WHOLE]] -> (i32, i32, i32, i32) {
// CHECK: scf.if %[[WHOLE]] -> (i32, i32, i32, i32) {
// The panel behind the two.
// CHECK: %[[LANE:.*]] = llvm.inline_asm {{.*}} "mov.b32 $0, $1;"
// CHECK-COUNT-6: @$5 ld.global.v4.b32
// CHECK-NOT: ld.global.v4
// Sums are cut: of two the upper halves give a word, 0x7632, of four the bytes below, 0x0051 and 0x5410. Nothing looks for NaN.
// CHECK: %[[SUM0:.*]] = arith.addf %[[BEFORE0]], %{{.*}}
// CHECK-NEXT: %[[BITS0:.*]] = llvm.bitcast %[[SUM0]] : f32 to i32
// CHECK-NEXT: %[[SUM1:.*]] = arith.addf %[[BEFORE1]], %{{.*}}
// CHECK-NEXT: %[[BITS1:.*]] = llvm.bitcast %[[SUM1]] : f32 to i32
// CHECK-NEXT: %[[UPPER0:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[BITS0]], %[[BITS1]], %c30258_i32)
// CHECK-NEXT: %[[SUM2:.*]] = arith.addf %[[BEFORE2]], %{{.*}}
// CHECK-NEXT: %[[BITS2:.*]] = llvm.bitcast %[[SUM2]] : f32 to i32
// CHECK-NEXT: %[[SUM3:.*]] = arith.addf %[[BEFORE3]], %{{.*}}
// CHECK-NEXT: %[[BITS3:.*]] = llvm.bitcast %[[SUM3]] : f32 to i32
// CHECK-NEXT: %[[UPPER1:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[BITS2]], %[[BITS3]], %c30258_i32)
// CHECK-NEXT: %[[BYTES0:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[BITS0]], %[[BITS1]], %c81_i32)
// CHECK-NEXT: %[[BYTES1:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[BITS2]], %[[BITS3]], %c81_i32)
// CHECK-NEXT: %[[LOWER0:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[BYTES0]], %[[BYTES1]], %c21520_i32)
// One row after the other: the 16 sums of the first, and what they go to.
// CHECK-COUNT-12: arith.addf
// CHECK-NOT: arith.addf
// Only where a list names the row.
// CHECK: scf.if %{{.*}} {
// CHECK-NEXT: scf.if %[[WHOLE]] {
// CHECK: llvm.insertelement %[[UPPER0]], %{{.*}}[%c0_i32 : i32] : vector<4xi32>
// CHECK: llvm.insertelement %[[UPPER1]], %{{.*}}[%c1_i32 : i32] : vector<4xi32>
// CHECK-COUNT-2: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK-NEXT: } else {
// CHECK-COUNT-16: llvm.store %{{.*}} {alignment = 2 : i64} : i16, !llvm.ptr<1>
// Lower halves always lie in pieces.
// CHECK: llvm.insertelement %[[LOWER0]], %{{.*}}[%c0_i32 : i32] : vector<4xi32>
// CHECK: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK-COUNT-16: arith.addf
// CHECK-NOT: arith.addf
// CHECK: scf.if %{{.*}} {
// CHECK-NEXT: scf.if %[[WHOLE]] {
// CHECK-COUNT-2: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK-NEXT: } else {
// CHECK-COUNT-16: llvm.store %{{.*}} {alignment = 2 : i64} : i16, !llvm.ptr<1>
// CHECK: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// Of the other two panels nothing more is asked for.
// CHECK-NOT: ld.global.v4
// CHECK-COUNT-12: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK-NOT: alignment = 16
cce.kernel @partial(%g: !cce.buffer<tokens x vocab x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %has_sum: i1,
                    %low: !cce.buffer<tokens x hidden x i8>, %rows: !cce.buffer<tokens x i32>, %de: !cce.buffer<positions x hidden x bf16>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 192, tile_k = 64, stages = 2>} {
  %target = cce.gather %de[%rows] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<tokens x i32>
  cce.parallel %i, %d over tokens, hidden {
    %chunk = cce.matmul %g[%i], %c[%d] : !cce.buffer<tokens x vocab x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x hidden x f32>
    %before = cce.load_halves %target, %low[%i, %d] if %has_sum : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
    %after = cce.map %before, %chunk : !cce.tile<tokens x hidden x f32>, !cce.tile<tokens x hidden x f32> -> !cce.tile<tokens x hidden x f32> {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      cce.yield %s : f32
    }
    cce.store_halves %after, %target, %low[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
  }
}

// -----

// The last chunk: the rounded sum takes the place of the upper halves, which other lanes have read before: their matrices
// depend on it, and are seen by all before anything is stored.
// CHECK-LABEL: llvm.func @final(
// 49152 + 8 x 2048 + 2 x 2 x 8 + 2 x 8 + 2 x 4
// CHECK-SAME: shared_bytes = 65592 : i64
// CHECK-COUNT-6: @$5 ld.global.v4.b32
// CHECK: nvvm.wgmma.mma_async
// CHECK-NOT: ld.global.v4
// CHECK: %[[SUM:.*]] = arith.addf
// CHECK: arith.truncf %{{.*}} : vector<2xf32> to vector<2xbf16>
// CHECK-COUNT-4: nvvm.stmatrix
// CHECK: nvvm.bar.warp.sync
// CHECK-COUNT-4: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK-NOT: alignment = 16
// CHECK-COUNT-32: llvm.store %{{.*}} {alignment = 2 : i64} : bf16, !llvm.ptr<1>
// CHECK-NOT: llvm.store
cce.kernel @final(%g: !cce.buffer<tokens x vocab x bf16>, %c: !cce.buffer<vocab x hidden x bf16>,
                  %low: !cce.buffer<tokens x hidden x i8>, %rows: !cce.buffer<tokens x i32>, %de: !cce.buffer<positions x hidden x bf16>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  %target = cce.gather %de[%rows] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<tokens x i32>
  cce.parallel %i, %d over tokens, hidden {
    %chunk = cce.matmul %g[%i], %c[%d] : !cce.buffer<tokens x vocab x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x hidden x f32>
    %before = cce.load_halves %target, %low[%i, %d] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
    %after = cce.map %before, %chunk : !cce.tile<tokens x hidden x f32>, !cce.tile<tokens x hidden x f32> -> !cce.tile<tokens x hidden x f32> {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      cce.yield %s : f32
    }
    cce.store %after, %target[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x bf16>
  }
}
