// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse --split-input-file | FileCheck %s

// Sums of classes in 20 bits each. What a thread has of the first 128 columns is asked for before the product, of each of its two rows
// and of 64 columns 8 bytes of 4-bit parts and two pieces of 16 bytes, which lie 64 bytes apart.
// CHECK-LABEL: llvm.func @partial(
// CHECK-SAME: {buffer = "low", dimension = 0 : i64, kind = "stride"}
// CHECK-SAME: shared_bytes = 81976 : i64
// CHECK: nvvm.setmaxregister increase
// CHECK: %[[TILE:.*]] = arith.muli %{{.*}}, %c192_i32
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
// CHECK: @$3 ld.global.v2.b32
// CHECK: %[[UPPER:.*]] = llvm.inline_asm {{.*}}@$5 ld.global.v4.b32 {{.*}} %[[FIRST:.*]], %[[WANTED]] :
// CHECK: %[[UPPER0:.*]] = llvm.extractvalue %[[UPPER]][0]
// CHECK: %[[UPPER1:.*]] = llvm.extractvalue %[[UPPER]][1]
// CHECK: @$5 ld.global.v4.b32
// CHECK: llvm.getelementptr %[[FIRST]][64]
// CHECK-COUNT-2: @$5 ld.global.v4.b32
// CHECK: llvm.getelementptr %[[OF_THREAD]][32]
// CHECK-COUNT-2: @$3 ld.global.v2.b32
// CHECK-COUNT-4: @$5 ld.global.v4.b32
// CHECK-NOT: ld.global.v
// CHECK: nvvm.wgmma.mma_async
// CHECK: "wgmma.wait_group.sync.aligned 0;"
// 4 bits of each of two neighbours go to the upper ends of two halves: 0xF000F000.
// CHECK: %[[SHIFTED:.*]] = arith.shli %[[WORD]], %c12_i32
// CHECK: %[[LOWER:.*]] = arith.andi %[[SHIFTED]], %c-268374016_i32
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[LOWER]], %[[UPPER0]], %c21520_i32)
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[LOWER]], %[[UPPER0]], %c30258_i32)
// The next group of columns has the next 4 bits.
// CHECK: %[[SHIFTED1:.*]] = arith.shli %[[WORD]], %c8_i32
// CHECK: %[[LOWER1:.*]] = arith.andi %[[SHIFTED1]], %c-268374016_i32
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[LOWER1]], %[[UPPER1]], %c21520_i32)
// The third 64 columns where the first are used.
// CHECK-COUNT-2: @$3 ld.global.v2.b32
// CHECK-COUNT-4: @$5 ld.global.v4.b32
// Half a step more, then cut: to the nearest. NaN stays NaN.
// CHECK: %[[SUM:.*]] = arith.addf
// CHECK: %[[BITS:.*]] = llvm.bitcast %[[SUM]] : f32 to i32
// CHECK: %[[IS_NAN:.*]] = arith.cmpf uno, %[[SUM]], %[[SUM]]
// CHECK: %[[MORE:.*]] = arith.addi %[[BITS]], %c2048_i32
// CHECK: %[[ROUND0:.*]] = arith.select %[[IS_NAN]], %c2143289344_i32, %[[MORE]]
// CHECK: %[[ROUND1:.*]] = arith.select
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[ROUND0]], %[[ROUND1]], %c30258_i32)
// CHECK: %[[LOWEST:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[ROUND0]], %[[ROUND1]], %c21520_i32)
// CHECK: %[[CUT:.*]] = arith.andi %[[LOWEST]], %c-268374016_i32
// CHECK: %[[PART0:.*]] = arith.shrui %[[CUT]], %c12_i32
// CHECK: arith.shrui %{{.*}}, %c8_i32
// CHECK: %[[TWO:.*]] = arith.ori %[[PART0]], %{{.*}}
// CHECK: arith.shrui %{{.*}}, %c4_i32
// CHECK: %[[THREE:.*]] = arith.ori %[[TWO]], %{{.*}}
// CHECK: arith.ori %[[THREE]], %{{.*}}
// Of both rows, if they exist.
// CHECK-COUNT-2: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK: llvm.store %{{.*}} {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<1>
// CHECK-COUNT-2: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK: llvm.store %{{.*}} {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<1>
// Behind the third panel there is none, so nothing is asked for. Nothing is stored element by element.
// CHECK-NOT: ld.global.v
// CHECK-NOT: alignment = 2
// CHECK-COUNT-2: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK: llvm.store %{{.*}} {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<1>
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
// CHECK-COUNT-2: @$3 ld.global.v2.b32
// CHECK-COUNT-4: @$5 ld.global.v4.b32
// CHECK: nvvm.wgmma.mma_async
// CHECK-NOT: ld.global.v
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
