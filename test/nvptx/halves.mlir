// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse --split-input-file | FileCheck %s

// Sums of f32 in two buffers of 16 bits. The first 64 columns are asked for before the product, 16 bytes a thread of each half of
// both of its rows; the next 64 where those are used.
// CHECK-LABEL: llvm.func @partial(
// CHECK-SAME: {buffer = "low", kind = "pointer"}
// No shared memory beside the ring and the barriers.
// CHECK-SAME: shared_bytes = 65592 : i64
// CHECK: nvvm.setmaxregister increase
// A tile has them in the order of the threads if all its columns exist and rows of dE start at multiples of 16 bytes.
// CHECK: %[[HERE:.*]] = llvm.inline_asm {{.*}} "mov.b32 $0, $1;"
// CHECK-NEXT: %[[QUARTER:.*]] = arith.subi %[[HERE]], %[[TILE:.*]] : i32
// CHECK: %[[EIGHTS:.*]] = arith.muli %[[QUARTER]], %c4_i32
// CHECK: %[[PLACE:.*]] = arith.addi %[[TILE]], %[[EIGHTS]]
// CHECK: %[[ROW:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK: %[[EXISTS:.*]] = arith.cmpi sge, %[[ROW]], %c0_i32
// CHECK: %[[WANTED:.*]] = arith.andi %[[HAS_SUM:.*]], %[[EXISTS]] : i1
// CHECK: llvm.inline_asm {{.*}}@$5 ld.global.v4.b32 {{.*}}, %[[WANTED]] :
// CHECK: arith.cmpi sle
// CHECK: %[[ALIGNED:.*]] = arith.cmpi eq, %{{.*}}, %c0_i64
// CHECK: %[[WHOLE:.*]] = arith.andi %{{.*}}, %[[ALIGNED]]
// CHECK: %[[IN_PIECES:.*]] = arith.andi %[[WANTED]], %[[WHOLE]]
// CHECK: llvm.inline_asm {{.*}}@$5 ld.global.v4.b32 {{.*}}, %[[IN_PIECES]] :
// CHECK-COUNT-6: @$5 ld.global.v4.b32
// CHECK-NOT: ld.global.v4
// CHECK: nvvm.wgmma.mma_async
// CHECK: "wgmma.wait_group.sync.aligned 0;"
// CHECK-COUNT-8: @$5 ld.global.v4.b32
// Where dE has no room for pieces, its elements come one by one.
// CHECK: %[[UPPER:.*]]:4 = scf.if %[[WHOLE]] -> (i32, i32, i32, i32) {
// CHECK-NEXT: scf.yield
// CHECK-NEXT: } else {
// CHECK-COUNT-8: @$2 ld.global.b16
// CHECK: scf.yield
// CHECK-NEXT: }
// Lower and upper 16 bits of a word of each give two elements: selectors 0x5410 and 0x7632.
// CHECK: %[[FIRST:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[LOWER:.*]], %[[UPPER]]#0, %c21520_i32)
// CHECK: llvm.bitcast %[[FIRST]] : i32 to f32
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[LOWER]], %[[UPPER]]#0, %c30258_i32)
// And two sums give a word of each.
// CHECK: %[[SUM0:.*]] = arith.addf
// CHECK: %[[BITS0:.*]] = llvm.bitcast %[[SUM0]] : f32 to i32
// CHECK: %[[SUM1:.*]] = arith.addf
// CHECK: %[[BITS1:.*]] = llvm.bitcast %[[SUM1]] : f32 to i32
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[BITS0]], %[[BITS1]], %c21520_i32)
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"(%[[BITS0]], %[[BITS1]], %c30258_i32)
// Lower halves always lie in pieces.
// CHECK-COUNT-4: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK: scf.if %[[WHOLE]] {
// Upper halves only where a list names the row.
// CHECK-NEXT: scf.if %{{.*}} {
// CHECK-COUNT-2: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK: } else {
// CHECK-COUNT-32: llvm.store %{{.*}} {alignment = 2 : i64} : i16, !llvm.ptr<1>
// The second panel is the last, so nothing is asked for.
// CHECK-NOT: ld.global.v4
// CHECK-COUNT-4: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
cce.kernel @partial(%g: !cce.buffer<tokens x vocab x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %has_sum: i1,
                    %low: !cce.buffer<tokens x hidden x i16>, %rows: !cce.buffer<tokens x i32>, %de: !cce.buffer<positions x hidden x bf16>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 128, tile_k = 64, stages = 2>} {
  %target = cce.gather %de[%rows] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<tokens x i32>
  cce.parallel %i, %d over tokens, hidden {
    %chunk = cce.matmul %g[%i], %c[%d] : !cce.buffer<tokens x vocab x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x hidden x f32>
    %before = cce.load_halves %target, %low[%i, %d] if %has_sum : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i16>
    %after = cce.map %before, %chunk : !cce.tile<tokens x hidden x f32>, !cce.tile<tokens x hidden x f32> -> !cce.tile<tokens x hidden x f32> {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      cce.yield %s : f32
    }
    cce.store_halves %after, %target, %low[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i16>
  }
}

// -----

// The last chunk: the rounded sum takes the place of the upper halves, which other lanes have read before: their matrices
// depend on it, and are seen by all before anything is stored.
// CHECK-LABEL: llvm.func @final(
// 49152 + 8 x 2048 + 2 x 2 x 8 + 2 x 8 + 2 x 4
// CHECK-SAME: shared_bytes = 65592 : i64
// CHECK-COUNT-8: @$5 ld.global.v4.b32
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
                  %low: !cce.buffer<tokens x hidden x i16>, %rows: !cce.buffer<tokens x i32>, %de: !cce.buffer<positions x hidden x bf16>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  %target = cce.gather %de[%rows] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<tokens x i32>
  cce.parallel %i, %d over tokens, hidden {
    %chunk = cce.matmul %g[%i], %c[%d] : !cce.buffer<tokens x vocab x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x hidden x f32>
    %before = cce.load_halves %target, %low[%i, %d] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i16>
    %after = cce.map %before, %chunk : !cce.tile<tokens x hidden x f32>, !cce.tile<tokens x hidden x f32> -> !cce.tile<tokens x hidden x f32> {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      cce.yield %s : f32
    }
    cce.store %after, %target[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x bf16>
  }
}
