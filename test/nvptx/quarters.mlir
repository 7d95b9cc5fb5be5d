// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse --split-input-file | FileCheck %s --implicit-check-not=arith.cmpf --implicit-check-not=ld.global.v

// Sums of classes in 20 bits each. What a thread has of them is asked for before the last three blocks of the contraction, of a panel of 64
// columns 16 bytes of 4-bit parts, which are of both its rows, and four pieces of 16 bytes.
// CHECK-LABEL: llvm.func @partial(
// CHECK-SAME: {buffer = "low", dimension = 0 : i64, kind = "stride"}
// CHECK-SAME: shared_bytes = 81976 : i64
// CHECK: %[[BLOCKS:.*]] = arith.divui %{{.*}}, %c64_i32
// CHECK: nvvm.setmaxregister increase
// CHECK: %[[TILE:.*]] = arith.muli %{{.*}}, %c192_i32
// CHECK-NEXT: %[[BUT_THREE:.*]] = arith.subi %[[BLOCKS]], %c3_i32
// CHECK-NEXT: %[[LAST:.*]] = arith.maxsi %[[BUT_THREE]], %c0_i32
// CHECK-NEXT: %[[MOST:.*]]:3 = scf.for %{{.*}} = %c0_i32 to %[[LAST]] step %c1_i32
// CHECK-COUNT-4: nvvm.wgmma.mma_async
// CHECK-NOT: nvvm.wgmma.mma_async
// CHECK: scf.yield
// CHECK-NEXT: }
// CHECK-NEXT: %[[LANE:.*]] = llvm.inline_asm {{.*}} "mov.b32 $0, $1;"
// The thread's rows in the accumulators exist or not.
// CHECK-NEXT: %[[OF_FOUR:.*]] = arith.shrui %[[LANE]], %c2_i32
// CHECK-NEXT: %[[ROW:.*]] = arith.addi %[[STRIP:.*]], %[[OF_FOUR]]
// CHECK-NEXT: %[[ROW1:.*]] = arith.addi %[[ROW]], %c8_i32
// CHECK-NEXT: %[[EXISTS:.*]] = arith.cmpi slt, %[[ROW]], %arg0 : i32
// CHECK-NEXT: %[[EXISTS1:.*]] = arith.cmpi slt, %[[ROW1]], %arg0 : i32
// In a strip of 16 rows that all exist eight lanes share a row of a piece, else four.
// CHECK-NEXT: %[[STRIP_END:.*]] = arith.addi %[[STRIP]], %c16_i32
// CHECK-NEXT: %[[HAS_ROWS:.*]] = arith.cmpi sle, %[[STRIP_END]], %arg0 : i32
// CHECK-NEXT: %[[TILE_END:.*]] = arith.addi %[[TILE]], %c192_i32
// CHECK-NEXT: %[[HAS_COLUMNS:.*]] = arith.cmpi sle, %[[TILE_END]], %arg1 : i32
// CHECK-NEXT: %[[WHOLE:.*]] = arith.andi %[[HAS_ROWS]], %[[HAS_COLUMNS]] : i1
// CHECK-NEXT: %[[TILE64:.*]] = arith.extsi %[[TILE]]
// CHECK-NEXT: %[[IN_ROW:.*]] = arith.muli %[[TILE64]], %c2_i64
// CHECK-NEXT: %[[OF_EIGHT:.*]] = arith.shrui %[[LANE]], %c3_i32
// CHECK-NEXT: %[[WITHIN:.*]] = arith.select %[[HAS_ROWS]], %[[OF_EIGHT]], %[[OF_FOUR]]
// CHECK-NEXT: %[[PIECE_ROW:.*]] = arith.addi %[[STRIP]], %[[WITHIN]]
// CHECK-NEXT: %[[EIGHTH:.*]] = arith.andi %[[LANE]], %c7_i32
// CHECK-NEXT: %[[QUARTER:.*]] = arith.andi %[[LANE]], %c3_i32
// CHECK-NEXT: %[[PIECE:.*]] = arith.select %[[HAS_ROWS]], %[[EIGHTH]], %[[QUARTER]]
// CHECK-NEXT: %[[ROW64:.*]] = arith.extsi %[[PIECE_ROW]]
// CHECK-NEXT: %[[ELEMENTS:.*]] = arith.muli %[[ROW64]], %arg5 : i64
// CHECK-NEXT: %[[BYTES:.*]] = arith.muli %[[ELEMENTS]], %c2_i64
// CHECK-NEXT: %[[START:.*]] = llvm.getelementptr %arg6[%[[BYTES]]]
// CHECK-NEXT: %[[OF_TILE:.*]] = llvm.getelementptr %[[START]][%[[IN_ROW]]]
// CHECK-NEXT: %[[SIXTEENS:.*]] = arith.muli %[[PIECE]], %c16_i32
// CHECK-NEXT: %[[PIECE64:.*]] = arith.extui %[[SIXTEENS]]
// CHECK-NEXT: %[[FIRST:.*]] = llvm.getelementptr %[[OF_TILE]][%[[PIECE64]]]
// The second row of the accumulators is 8 rows away; the second piece of a row 4 rows, or 64 bytes. A stride is of 2-byte elements.
// CHECK-NEXT: %[[EIGHT_ROWS:.*]] = arith.muli %arg5, %c16_i64
// CHECK-NEXT: %[[FOUR_ROWS:.*]] = arith.muli %arg5, %c8_i64
// CHECK-NEXT: %[[BESIDE:.*]] = arith.select %[[HAS_ROWS]], %[[FOUR_ROWS]], %c64_i64
// Lower halves: 512 bytes for each panel of the strip, whose start the stride tells, which counts elements of 4 bits.
// CHECK-NEXT: %[[PANELS:.*]] = arith.shrui %[[TILE]], %c6_i32
// CHECK-NEXT: %[[PANELS64:.*]] = arith.extui %[[PANELS]]
// CHECK-NEXT: %[[PANEL_BYTES:.*]] = arith.muli %[[PANELS64]], %c512_i64
// CHECK-NEXT: %[[STRIP64:.*]] = arith.extsi %[[STRIP]]
// CHECK-NEXT: %[[ELEMENTS:.*]] = arith.muli %[[STRIP64]], %arg7 : i64
// CHECK-NEXT: %[[STRIP_BYTES:.*]] = arith.shrui %[[ELEMENTS]], %c1_i64
// CHECK-NEXT: %[[OF_STRIP:.*]] = llvm.getelementptr %arg8[%[[STRIP_BYTES]]]
// CHECK-NEXT: %[[OF_PANEL:.*]] = llvm.getelementptr %[[OF_STRIP]][%[[PANEL_BYTES]]]
// CHECK-NEXT: %[[SIXTEENS:.*]] = arith.muli %[[LANE]], %c16_i32
// CHECK-NEXT: %[[LANE64:.*]] = arith.extui %[[SIXTEENS]]
// CHECK-NEXT: %[[LOW:.*]] = llvm.getelementptr %[[OF_PANEL]][%[[LANE64]]]
// Everything exists, and is wanted: nothing else is looked at.
// CHECK-NEXT: %[[ALL:.*]] = arith.andi %[[HAS_SUM:.*]], %[[WHOLE]] : i1
// CHECK-NEXT: %[[WORDS:.*]]:60 = scf.if %[[ALL]]
// CHECK-NEXT: llvm.load %[[LOW]] {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
// CHECK: llvm.load %[[FIRST]] {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
// CHECK: %[[FIRST1:.*]] = llvm.getelementptr %[[FIRST]][%[[EIGHT_ROWS]]]
// CHECK-NEXT: llvm.load %[[FIRST1]] {alignment = 16 : i64}
// CHECK: %[[SECOND:.*]] = llvm.getelementptr %[[FIRST]][%[[BESIDE]]]
// CHECK-NEXT: llvm.load %[[SECOND]] {alignment = 16 : i64}
// CHECK: %[[SECOND1:.*]] = llvm.getelementptr %[[FIRST1]][%[[BESIDE]]]
// CHECK-NEXT: llvm.load %[[SECOND1]] {alignment = 16 : i64}
// CHECK: llvm.getelementptr %[[LOW]][512]
// CHECK: llvm.getelementptr %[[FIRST]][128]
// CHECK: llvm.getelementptr %[[LOW]][1024]
// CHECK: llvm.getelementptr %[[FIRST]][256]
// CHECK-NOT: ld.global
// CHECK: scf.yield
// CHECK-NEXT: } else {
// The panel has to be there, a row need not end with a tile, and a row of the strip for lower halves, which are of all its rows.
// CHECK-NEXT: %[[PANEL:.*]] = arith.cmpi slt, %[[TILE]], %arg1 : i32
// CHECK-NEXT: %[[ANY:.*]] = arith.cmpi slt, %[[STRIP]], %arg0 : i32
// CHECK-NEXT: %[[BOTH:.*]] = arith.andi %[[PANEL]], %[[ANY]] : i1
// CHECK-NEXT: %[[WANTED:.*]] = arith.andi %[[HAS_SUM]], %[[BOTH]] : i1
// CHECK-NEXT: %[[QUARTERS:.*]] = llvm.inline_asm {{.*}}@$5 ld.global.v4.b32 {{.*}} %[[LOW]], %[[WANTED]] :
// CHECK-NEXT: %[[LOW0:.*]] = llvm.extractvalue %[[QUARTERS]][0]
// CHECK-NEXT: %[[LOW1:.*]] = llvm.extractvalue %[[QUARTERS]][1]
// CHECK-NEXT: %[[LOW2:.*]] = llvm.extractvalue %[[QUARTERS]][2]
// CHECK-NEXT: %[[LOW3:.*]] = llvm.extractvalue %[[QUARTERS]][3]
// CHECK-NEXT: %[[BOTH:.*]] = arith.andi %[[PANEL]], %[[EXISTS]] : i1
// CHECK-NEXT: %[[WANTED:.*]] = arith.andi %[[HAS_SUM]], %[[BOTH]] : i1
// CHECK-NEXT: %[[UPPER:.*]] = llvm.inline_asm {{.*}}@$5 ld.global.v4.b32 {{.*}} %[[FIRST]], %[[WANTED]] :
// CHECK-NEXT: %[[UPPER0:.*]] = llvm.extractvalue %[[UPPER]][0]
// CHECK: %[[BOTH1:.*]] = arith.andi %[[PANEL]], %[[EXISTS1]] : i1
// CHECK-NEXT: %[[WANTED1:.*]] = arith.andi %[[HAS_SUM]], %[[BOTH1]] : i1
// CHECK-NEXT: llvm.inline_asm {{.*}}@$5 ld.global.v4.b32 {{.*}}, %[[WANTED1]] :
// CHECK: %[[SECOND:.*]] = llvm.getelementptr %[[FIRST]][%[[BESIDE]]]
// CHECK-NEXT: llvm.inline_asm {{.*}}@$5 ld.global.v4.b32 {{.*}} %[[SECOND]], %[[WANTED]] :
// CHECK: llvm.inline_asm {{.*}}@$5 ld.global.v4.b32 {{.*}}, %[[WANTED1]] :
// CHECK-COUNT-10: @$5 ld.global.v4.b32
// CHECK: scf.yield %[[UPPER0]], %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %[[LOW0]], %[[LOW1]], %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %[[LOW2]], %[[LOW3]],
// The rest of the contraction, all of it if it has not more than three blocks.
// CHECK: scf.for %{{.*}} = %[[LAST]] to %[[BLOCKS]] step %c1_i32 iter_args(%{{.*}} = %[[MOST]]#0, %{{.*}} = %[[MOST]]#1, %{{.*}} = %[[MOST]]#2)
// CHECK-COUNT-4: nvvm.wgmma.mma_async
// CHECK-NOT: nvvm.wgmma.mma_async
// CHECK: "wgmma.wait_group.sync.aligned 0;"
// A word has 4 bits of each of 8 elements, in the upper halves of its bytes those of two groups of columns, in the lower ones those of the
// next two. Of either half bytes are made that have them twice: masks 0xF0F0F0F0 and 0x0F0F0F0F.
// CHECK: %[[DOWN:.*]] = arith.shrui %[[WORDS]]#8, %c4_i32
// CHECK-NEXT: %[[HIGH:.*]] = arith.andi %[[WORDS]]#8, %c-252645136_i32
// CHECK-NEXT: %[[AGAIN:.*]] = arith.andi %[[DOWN]], %c252645135_i32
// CHECK-NEXT: %[[TWICE0:.*]] = arith.ori %[[HIGH]], %[[AGAIN]]
// CHECK-NEXT: %[[UP:.*]] = arith.shli %[[WORDS]]#8, %c4_i32
// CHECK-NEXT: %[[HIGH:.*]] = arith.andi %[[UP]], %c-252645136_i32
// CHECK-NEXT: %[[AGAIN:.*]] = arith.andi %[[WORDS]]#8, %c252645135_i32
// CHECK-NEXT: %[[TWICE1:.*]] = arith.ori %[[HIGH]], %[[AGAIN]]
// CHECK-NEXT: arith.shrui %[[WORDS]]#9, %c4_i32
// CHECK: %[[TWICE2:.*]] = arith.ori
// CHECK: %[[TWICE3:.*]] = arith.ori
// A byte goes below the upper 16 bits of its f32 twice: selectors 0x5400, 0x7611, 0x5422, 0x7633.
// CHECK-NEXT: %[[JOINED0:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[TWICE0]], %[[WORDS]]#0, %c21504_i32)
// CHECK-NEXT: %[[BEFORE0:.*]] = llvm.bitcast %[[JOINED0]] : i32 to f32
// CHECK-NEXT: %[[JOINED1:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[TWICE0]], %[[WORDS]]#0, %c30225_i32)
// CHECK-NEXT: %[[BEFORE1:.*]] = llvm.bitcast %[[JOINED1]] : i32 to f32
// CHECK-NEXT: %[[JOINED2:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[TWICE0]], %[[WORDS]]#1, %c21538_i32)
// CHECK-NEXT: %[[BEFORE2:.*]] = llvm.bitcast %[[JOINED2]] : i32 to f32
// CHECK-NEXT: %[[JOINED3:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[TWICE0]], %[[WORDS]]#1, %c30259_i32)
// CHECK-NEXT: %[[BEFORE3:.*]] = llvm.bitcast %[[JOINED3]] : i32 to f32
// CHECK-NEXT: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[TWICE1]], %[[WORDS]]#2, %c21504_i32)
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[TWICE1]], %[[WORDS]]#2, %c30225_i32)
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[TWICE1]], %[[WORDS]]#3, %c21538_i32)
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[TWICE1]], %[[WORDS]]#3, %c30259_i32)
// The other piece has the other word.
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[TWICE2]], %[[WORDS]]#4, %c21504_i32)
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[TWICE3]], %{{.*}}, %c30259_i32)
// Sums are cut: of two the upper halves give a word, 0x7632; of the bytes below, 0x0051 and 0x5410, the upper 4 bits stay, those of eight
// sums in a word.
// CHECK: %[[SUM0:.*]] = arith.addf %[[BEFORE0]], %{{.*}}
// CHECK-NEXT: %[[BITS0:.*]] = llvm.bitcast %[[SUM0]] : f32 to i32
// CHECK-NEXT: %[[SUM1:.*]] = arith.addf %[[BEFORE1]], %{{.*}}
// CHECK-NEXT: %[[BITS1:.*]] = llvm.bitcast %[[SUM1]] : f32 to i32
// CHECK-NEXT: %[[NEW0:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[BITS0]], %[[BITS1]], %c30258_i32)
// CHECK-NEXT: %[[SUM2:.*]] = arith.addf %[[BEFORE2]], %{{.*}}
// CHECK-NEXT: %[[BITS2:.*]] = llvm.bitcast %[[SUM2]] : f32 to i32
// CHECK-NEXT: %[[SUM3:.*]] = arith.addf %[[BEFORE3]], %{{.*}}
// CHECK-NEXT: %[[BITS3:.*]] = llvm.bitcast %[[SUM3]] : f32 to i32
// CHECK-NEXT: %[[NEW1:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[BITS2]], %[[BITS3]], %c30258_i32)
// CHECK-COUNT-4: arith.addf
// CHECK: %[[BYTES0:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[BITS0]], %[[BITS1]], %c81_i32)
// CHECK-NEXT: %[[BYTES1:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[BITS2]], %[[BITS3]], %c81_i32)
// CHECK-NEXT: %[[FOUR0:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[BYTES0]], %[[BYTES1]], %c21520_i32)
// CHECK-NEXT: %[[BYTES2:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%{{.*}}, %{{.*}}, %c81_i32)
// CHECK-NEXT: %[[BYTES3:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%{{.*}}, %{{.*}}, %c81_i32)
// CHECK-NEXT: %[[FOUR1:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[BYTES2]], %[[BYTES3]], %c21520_i32)
// CHECK-NEXT: %[[HIGH:.*]] = arith.andi %[[FOUR0]], %c-252645136_i32
// CHECK-NEXT: %[[DOWN:.*]] = arith.shrui %[[FOUR1]], %c4_i32
// CHECK-NEXT: %[[REST:.*]] = arith.andi %[[DOWN]], %c252645135_i32
// CHECK-NEXT: %[[NEW_LOWER:.*]] = arith.ori %[[HIGH]], %[[REST]]
// One row after the other, if it exists: the 16 sums of the first, and what they go to, where the sums before were.
// CHECK-COUNT-8: arith.addf
// CHECK-NOT: arith.addf
// CHECK: %[[PANEL:.*]] = arith.cmpi slt, %[[TILE]], %arg1 : i32
// CHECK-NEXT: %[[BOTH:.*]] = arith.andi %[[PANEL]], %[[EXISTS]] : i1
// CHECK-NEXT: scf.if %[[BOTH]] {
// CHECK: llvm.insertelement %[[NEW0]], %{{.*}}[%c0_i32 : i32] : vector<4xi32>
// CHECK: llvm.insertelement %[[NEW1]], %{{.*}}[%c1_i32 : i32] : vector<4xi32>
// CHECK: llvm.store %{{.*}}, %[[FIRST]] {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK: %[[SECOND:.*]] = llvm.getelementptr %[[FIRST]][%[[BESIDE]]]
// CHECK-NEXT: llvm.store %{{.*}}, %[[SECOND]] {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK-COUNT-16: arith.addf
// CHECK-NOT: arith.addf
// CHECK: %[[BOTH1:.*]] = arith.andi %[[PANEL]], %[[EXISTS1]] : i1
// CHECK-NEXT: scf.if %[[BOTH1]] {
// CHECK: %[[FIRST1:.*]] = llvm.getelementptr %[[FIRST]][%[[EIGHT_ROWS]]]
// CHECK-NEXT: llvm.store %{{.*}}, %[[FIRST1]] {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK: %[[SECOND1:.*]] = llvm.getelementptr %[[FIRST1]][%[[BESIDE]]]
// CHECK-NEXT: llvm.store %{{.*}}, %[[SECOND1]] {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// Then the lower halves of both.
// CHECK: %[[ANY:.*]] = arith.cmpi slt, %[[STRIP]], %arg0 : i32
// CHECK-NEXT: %[[SOME:.*]] = arith.andi %[[PANEL]], %[[ANY]] : i1
// CHECK-NEXT: scf.if %[[SOME]] {
// CHECK-NEXT: llvm.insertelement %[[NEW_LOWER]], %{{.*}}[%c0_i32 : i32] : vector<4xi32>
// CHECK: llvm.store %{{.*}}, %[[LOW]] {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// As many of each of the other two panels: nothing is stored element by element.
// CHECK-COUNT-10: llvm.store
// CHECK-NOT: llvm.store
cce.kernel @partial(%g: !cce.buffer<tokens x vocab x bf16>, %e: !cce.buffer<tokens x hidden x bf16>, %has_sum: i1,
                    %low: !cce.buffer<vocab x hidden x i4>, %dc: !cce.buffer<vocab x hidden x bf16>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 192, tile_k = 64, stages = 2>} {
  cce.parallel %v, %d over vocab, hidden {
    %chunk = cce.matmul %g[%v], %e[%d] : !cce.buffer<tokens x vocab x bf16>, !cce.buffer<tokens x hidden x bf16> -> !cce.tile<vocab x hidden x f32>
    %before = cce.load_halves %dc, %low[%v, %d] if %has_sum : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<vocab x hidden x i4>
    %after = cce.map %before, %chunk : !cce.tile<vocab x hidden x f32>, !cce.tile<vocab x hidden x f32> -> !cce.tile<vocab x hidden x f32> {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      cce.yield %s : f32
    }
    cce.store_halves %after, %dc, %low[%v, %d] : !cce.tile<vocab x hidden x f32>, !cce.buffer<vocab x hidden x bf16>, !cce.buffer<vocab x hidden x i4>
  }
}

// -----

// The last chunk. Where a tile of dC is not whole, its elements take the places of pieces that other lanes of the warp hold: not before
// all have read theirs.
// CHECK-LABEL: llvm.func @final(
// CHECK: nvvm.setmaxregister increase
// CHECK-COUNT-4: nvvm.wgmma.mma_async
// CHECK-COUNT-5: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
// CHECK: } else {
// CHECK-COUNT-5: @$5 ld.global.v4.b32
// CHECK-COUNT-4: nvvm.wgmma.mma_async
// CHECK: arith.truncf %{{.*}} : vector<2xf32> to vector<2xbf16>
// CHECK: nvvm.bar.warp.sync
// CHECK-COUNT-4: nvvm.stmatrix
// CHECK: nvvm.bar.warp.sync
// CHECK-COUNT-4: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK: } else {
// CHECK-NEXT: nvvm.bar.warp.sync
// CHECK-COUNT-32: llvm.store %{{.*}} {alignment = 2 : i64} : bf16, !llvm.ptr<1>
// CHECK-NOT: llvm.store
cce.kernel @final(%g: !cce.buffer<tokens x vocab x bf16>, %e: !cce.buffer<tokens x hidden x bf16>,
                  %low: !cce.buffer<vocab x hidden x i4>, %dc: !cce.buffer<vocab x hidden x bf16>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %v, %d over vocab, hidden {
    %chunk = cce.matmul %g[%v], %e[%d] : !cce.buffer<tokens x vocab x bf16>, !cce.buffer<tokens x hidden x bf16> -> !cce.tile<vocab x hidden x f32>
    %before = cce.load_halves %dc, %low[%v, %d] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<vocab x hidden x i4>
    %after = cce.map %before, %chunk : !cce.tile<vocab x hidden x f32>, !cce.tile<vocab x hidden x f32> -> !cce.tile<vocab x hidden x f32> {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      cce.yield %s : f32
    }
    cce.store %after, %dc[%v, %d] : !cce.tile<vocab x hidden x f32>, !cce.buffer<vocab x hidden x bf16>
  }
}
