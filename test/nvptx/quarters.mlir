// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse --split-input-file | FileCheck %s --implicit-check-not=arith.cmpf --implicit-check-not=nvvm.nanosleep --implicit-check-not=ld.global.v

// Sums of classes in 20 bits each. What a thread has of them is asked for before the last three blocks of the contraction, of each of its two
// rows and of 64 columns 8 bytes of 4-bit parts and two pieces of 16 bytes, which lie 64 bytes apart.
// CHECK-LABEL: llvm.func @partial(
// CHECK-SAME: {buffer = "low", dimension = 0 : i64, kind = "stride"}
// CHECK-SAME: shared_bytes = 81976 : i64
// CHECK: %[[ROWS:.*]] = arith.divui %{{.*}}, %c128_i32
// CHECK: %[[COLUMNS:.*]] = arith.divui %{{.*}}, %c192_i32
// CHECK: %[[BLOCKS:.*]] = arith.divui %{{.*}}, %c64_i32
// Blocks of the grid begin in four phases, 190 ns times the blocks of the contraction apart, if there are 8 tiles for each.
// CHECK: nvvm.setmaxregister decrease
// CHECK: %[[GRID:.*]] = nvvm.read.ptx.sreg.nctaid.x
// CHECK-NEXT: %[[ID:.*]] = nvvm.read.ptx.sreg.ctaid.x
// CHECK-NEXT: %[[PHASE:.*]] = arith.remui %[[ID]], %c4_i32
// CHECK-NEXT: %[[STEPS:.*]] = arith.muli %[[PHASE]], %[[BLOCKS]]
// CHECK-NEXT: %[[TIME:.*]] = arith.muli %[[STEPS]], %c190_i32
// CHECK-NEXT: %[[TILES:.*]] = arith.muli %[[ROWS]], %[[COLUMNS]]
// CHECK-NEXT: %[[EIGHT_EACH:.*]] = arith.muli %[[GRID]], %c8_i32
// CHECK-NEXT: %[[ENOUGH:.*]] = arith.cmpi sge, %[[TILES]], %[[EIGHT_EACH]]
// CHECK-NEXT: scf.if %[[ENOUGH]] {
// CHECK-NEXT: nvvm.nanosleep %[[TIME]]
// CHECK-NEXT: }
// CHECK: scf.for %{{.*}} = %[[ID]] to %{{.*}} step %[[GRID]]
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
// CHECK: %[[QUARTER:.*]] = arith.andi %[[LANE]], %c3_i32
// CHECK: %[[EIGHTS:.*]] = arith.muli %[[QUARTER]], %c8_i32
// CHECK: %[[PLACE:.*]] = arith.addi %[[TILE]], %[[EIGHTS]]
// A row that is a class.
// CHECK: %[[EXISTS:.*]] = arith.cmpi slt, %[[ROW:.*]], %arg0 : i32
// CHECK: %[[ROW64:.*]] = arith.extsi %[[ROW]]
// The stride counts elements of 4 bits.
// CHECK: %[[ELEMENTS:.*]] = arith.muli %[[ROW64]], %arg7 : i64
// CHECK: %[[BYTES:.*]] = arith.shrui %[[ELEMENTS]], %c1_i64
// CHECK: %[[LOW:.*]] = llvm.getelementptr %arg8[%[[BYTES]]]
// CHECK: %[[EXISTS1:.*]] = arith.cmpi slt, %{{.*}}, %arg0 : i32
// The panel has to be there, too: a row need not end with a tile.
// CHECK: %[[PANEL:.*]] = arith.cmpi slt, %[[TILE]], %arg1 : i32
// CHECK: %[[BOTH:.*]] = arith.andi %[[PANEL]], %[[EXISTS]] : i1
// CHECK: %[[WANTED:.*]] = arith.andi %[[HAS_SUM:.*]], %[[BOTH]] : i1
// CHECK: %[[TILE64:.*]] = arith.extsi %[[TILE]]
// CHECK: %[[HALF:.*]] = arith.shrui %[[TILE64]], %c1_i64
// CHECK: %[[THREAD:.*]] = arith.extsi %[[EIGHTS]]
// CHECK: %[[OF_TILE:.*]] = llvm.getelementptr %[[LOW]][%[[HALF]]]
// CHECK: %[[OF_THREAD:.*]] = llvm.getelementptr %[[OF_TILE]][%[[THREAD]]]
// CHECK: %[[QUARTERS:.*]] = llvm.inline_asm {{.*}}@$3 ld.global.v2.b32 {{.*}} %[[OF_THREAD]], %[[WANTED]] :
// CHECK: %[[WORD:.*]] = llvm.extractvalue %[[QUARTERS]][0]
// CHECK: %[[WORD1:.*]] = llvm.extractvalue %[[QUARTERS]][1]
// CHECK: %[[BOTH1:.*]] = arith.andi %[[PANEL]], %[[EXISTS1]] : i1
// CHECK: %[[WANTED1:.*]] = arith.andi %[[HAS_SUM]], %[[BOTH1]] : i1
// CHECK: llvm.inline_asm {{.*}}@$3 ld.global.v2.b32 {{.*}} %[[OF_THREAD1:.*]], %[[WANTED1]] :
// CHECK: %[[UPPER:.*]] = llvm.inline_asm {{.*}}@$5 ld.global.v4.b32 {{.*}} %[[FIRST:.*]], %[[WANTED]] :
// CHECK: %[[UPPER0:.*]] = llvm.extractvalue %[[UPPER]][0]
// CHECK: %[[UPPER1:.*]] = llvm.extractvalue %[[UPPER]][1]
// CHECK: %[[UPPER2:.*]] = llvm.extractvalue %[[UPPER]][2]
// CHECK: %[[UPPER3:.*]] = llvm.extractvalue %[[UPPER]][3]
// CHECK: llvm.inline_asm {{.*}}@$5 ld.global.v4.b32 {{.*}} %[[FIRST1:.*]], %[[WANTED1]] :
// CHECK: %[[SECOND:.*]] = llvm.getelementptr %[[FIRST]][64]
// CHECK: %[[OTHER:.*]] = llvm.inline_asm {{.*}}@$5 ld.global.v4.b32 {{.*}} %[[SECOND]], %[[WANTED]] :
// CHECK: %[[UPPER4:.*]] = llvm.extractvalue %[[OTHER]][0]
// CHECK: %[[SECOND1:.*]] = llvm.getelementptr %[[FIRST1]][64]
// CHECK: llvm.inline_asm {{.*}}@$5 ld.global.v4.b32 {{.*}} %[[SECOND1]], %[[WANTED1]] :
// CHECK: llvm.getelementptr %[[OF_THREAD]][32]
// CHECK-COUNT-2: @$3 ld.global.v2.b32
// CHECK: llvm.getelementptr %[[FIRST]][128]
// CHECK-COUNT-4: @$5 ld.global.v4.b32
// CHECK: llvm.getelementptr %[[OF_THREAD]][64]
// CHECK-COUNT-2: @$3 ld.global.v2.b32
// CHECK: llvm.getelementptr %[[FIRST]][256]
// CHECK-COUNT-4: @$5 ld.global.v4.b32
// The rest of the contraction, all of it if it has not more than three blocks.
// CHECK: scf.for %{{.*}} = %[[LAST]] to %[[BLOCKS]] step %c1_i32 iter_args(%{{.*}} = %[[MOST]]#0, %{{.*}} = %[[MOST]]#1, %{{.*}} = %[[MOST]]#2)
// CHECK-COUNT-4: nvvm.wgmma.mma_async
// CHECK-NOT: nvvm.wgmma.mma_async
// CHECK: "wgmma.wait_group.sync.aligned 0;"
// A word has 4 bits of each of 8 elements, in the upper halves of its bytes those of two groups of columns, in the lower ones those of the
// next two. Of either half bytes are made that have them twice: masks 0xF0F0F0F0 and 0x0F0F0F0F.
// CHECK: %[[DOWN:.*]] = arith.shrui %[[WORD]], %c4_i32
// CHECK-NEXT: %[[HIGH:.*]] = arith.andi %[[WORD]], %c-252645136_i32
// CHECK-NEXT: %[[AGAIN:.*]] = arith.andi %[[DOWN]], %c252645135_i32
// CHECK-NEXT: %[[TWICE0:.*]] = arith.ori %[[HIGH]], %[[AGAIN]]
// CHECK-NEXT: %[[UP:.*]] = arith.shli %[[WORD]], %c4_i32
// CHECK-NEXT: %[[HIGH:.*]] = arith.andi %[[UP]], %c-252645136_i32
// CHECK-NEXT: %[[AGAIN:.*]] = arith.andi %[[WORD]], %c252645135_i32
// CHECK-NEXT: %[[TWICE1:.*]] = arith.ori %[[HIGH]], %[[AGAIN]]
// CHECK-NEXT: arith.shrui %[[WORD1]], %c4_i32
// CHECK: %[[TWICE2:.*]] = arith.ori
// CHECK: %[[TWICE3:.*]] = arith.ori
// A byte goes below the upper 16 bits of its f32 twice: selectors 0x5400, 0x7611, 0x5422, 0x7633.
// CHECK-NEXT: %[[JOINED0:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[TWICE0]], %[[UPPER0]], %c21504_i32)
// CHECK-NEXT: %[[BEFORE0:.*]] = llvm.bitcast %[[JOINED0]] : i32 to f32
// CHECK-NEXT: %[[JOINED1:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[TWICE0]], %[[UPPER0]], %c30225_i32)
// CHECK-NEXT: %[[BEFORE1:.*]] = llvm.bitcast %[[JOINED1]] : i32 to f32
// CHECK-NEXT: %[[JOINED2:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[TWICE0]], %[[UPPER1]], %c21538_i32)
// CHECK-NEXT: %[[BEFORE2:.*]] = llvm.bitcast %[[JOINED2]] : i32 to f32
// CHECK-NEXT: %[[JOINED3:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[TWICE0]], %[[UPPER1]], %c30259_i32)
// CHECK-NEXT: %[[BEFORE3:.*]] = llvm.bitcast %[[JOINED3]] : i32 to f32
// CHECK-NEXT: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[TWICE1]], %[[UPPER2]], %c21504_i32)
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[TWICE1]], %[[UPPER2]], %c30225_i32)
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[TWICE1]], %[[UPPER3]], %c21538_i32)
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[TWICE1]], %[[UPPER3]], %c30259_i32)
// The other piece has the other word.
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[TWICE2]], %[[UPPER4]], %c21504_i32)
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
// CHECK: scf.if %[[BOTH]] {
// CHECK: llvm.insertelement %[[NEW0]], %{{.*}}[%c0_i32 : i32] : vector<4xi32>
// CHECK: llvm.insertelement %[[NEW1]], %{{.*}}[%c1_i32 : i32] : vector<4xi32>
// CHECK: llvm.store %{{.*}}, %[[FIRST]] {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK: llvm.store %{{.*}}, %[[SECOND]] {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK: llvm.insertelement %[[NEW_LOWER]], %{{.*}}[%c0_i32 : i32] : vector<2xi32>
// CHECK: llvm.store %{{.*}}, %[[OF_THREAD]] {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<1>
// CHECK-COUNT-16: arith.addf
// CHECK-NOT: arith.addf
// CHECK: scf.if %[[BOTH1]] {
// CHECK: llvm.store %{{.*}}, %[[FIRST1]] {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK: llvm.store %{{.*}}, %[[SECOND1]] {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK: llvm.store %{{.*}}, %[[OF_THREAD1]] {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<1>
// As many of each of the other two panels: nothing is stored element by element.
// CHECK-COUNT-12: llvm.store
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
// CHECK: scf.if
// CHECK: nvvm.nanosleep
// CHECK: nvvm.setmaxregister increase
// CHECK-COUNT-4: nvvm.wgmma.mma_async
// CHECK-COUNT-2: @$3 ld.global.v2.b32
// CHECK-COUNT-4: @$5 ld.global.v4.b32
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

// -----

// Both blocks of a cluster begin in the same phase, and tiles are counted for each cluster.
// CHECK-LABEL: llvm.func @pairs(
// CHECK: %[[BLOCKS:.*]] = arith.divui %{{.*}}, %c64_i32
// CHECK: nvvm.setmaxregister decrease
// CHECK: %[[GRID:.*]] = nvvm.read.ptx.sreg.nctaid.x
// CHECK-NEXT: %[[CLUSTERS:.*]] = arith.divui %[[GRID]], %c2_i32
// CHECK-NEXT: %[[ID:.*]] = nvvm.read.ptx.sreg.ctaid.x
// CHECK-NEXT: %[[CLUSTER:.*]] = arith.divui %[[ID]], %c2_i32
// CHECK-NEXT: %[[PHASE:.*]] = arith.remui %[[CLUSTER]], %c4_i32
// CHECK-NEXT: %[[STEPS:.*]] = arith.muli %[[PHASE]], %[[BLOCKS]]
// CHECK-NEXT: %[[TIME:.*]] = arith.muli %[[STEPS]], %c190_i32
// CHECK-NEXT: %[[TILES:.*]] = arith.muli
// CHECK-NEXT: %[[EIGHT_EACH:.*]] = arith.muli %[[CLUSTERS]], %c8_i32
// CHECK-NEXT: %[[ENOUGH:.*]] = arith.cmpi sge, %[[TILES]], %[[EIGHT_EACH]]
// CHECK-NEXT: scf.if %[[ENOUGH]] {
// CHECK-NEXT: nvvm.nanosleep %[[TIME]]
// CHECK: nvvm.setmaxregister increase
// CHECK-COUNT-12: ld.global.v
cce.kernel @pairs(%g: !cce.buffer<tokens x vocab x bf16>, %e: !cce.buffer<tokens x hidden x bf16>,
                  %low: !cce.buffer<vocab x hidden x i4>, %dc: !cce.buffer<vocab x hidden x bf16>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 128, tile_k = 64, stages = 2, cluster = 2>} {
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
