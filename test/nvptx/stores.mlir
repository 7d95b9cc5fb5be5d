// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse --split-input-file | FileCheck %s

// Results of 16 bits leave a warp as whole rows of 128 bytes: through 2048 bytes of shared memory each of 8 warps has behind the ring
// (2 x 24576 bytes), so that no sector of memory is written in parts. Where the tile is not whole, or rows do not start at multiples of
// 16 bytes, single elements are stored.
// CHECK-LABEL: llvm.func @staged(
// CHECK-SAME: %[[STRIDE:[a-z0-9]+]]: i64, %[[G:[a-z0-9]+]]: !llvm.ptr<1>) attributes
// 49152 + 8 x 2048 + 2 x 2 x 8 + 2 x 8 + 2 x 4
// CHECK-SAME: shared_bytes = 65592 : i64
// CHECK: nvvm.setmaxregister increase
// CHECK: %[[PLACE:.*]] = arith.muli %{{.*}}, %c2048_i32
// CHECK: %[[RING_END:.*]] = llvm.getelementptr %{{.*}}[49152]
// CHECK: %[[STAGING:.*]] = llvm.getelementptr %[[RING_END]][%[[PLACE]]]
// CHECK: nvvm.wgmma.mma_async
// CHECK: %[[KEPT:.*]] = arith.cmpi slt, %{{.*}}, %[[COUNT:.*]] : i32
// CHECK: %[[WHOLE:.*]] = arith.cmpi sle, %{{.*}}, %{{.*}} : i32
// CHECK: %[[ROW_BYTES:.*]] = arith.muli %[[STRIDE]], %c2_i64
// CHECK: %[[BASE:.*]] = llvm.ptrtoint %[[G]]
// CHECK: %[[BOTH:.*]] = arith.ori %[[BASE]], %[[ROW_BYTES]]
// CHECK: %[[MISFIT:.*]] = arith.andi %[[BOTH]], %c15_i64
// CHECK: %[[FITS:.*]] = arith.cmpi eq, %[[MISFIT]], %c0_i64
// CHECK: %[[FAST:.*]] = arith.andi %[[WHOLE]], %[[FITS]]
// Tokens beyond their count are stored as 0: what reads the workspace takes whole tiles.
// CHECK: %[[PAIR:.*]] = arith.truncf %{{.*}} : vector<2xf32> to vector<2xbf16>
// CHECK: arith.select %[[KEPT]], %[[PAIR]], %cst : vector<2xbf16>
// CHECK: scf.if %[[FAST]] {
// Lanes find their places again, they were not kept.
// CHECK: llvm.inline_asm has_side_effects asm_dialect = att "mov.b32 $0, $1;"
// The last panel was read, four times four matrices, and they are seen by all lanes.
// CHECK: nvvm.bar.warp.sync
// CHECK-COUNT-4: nvvm.stmatrix %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {eltType = #nvvm.ld_st_matrix_elt_type<b16>, layout = #nvvm.mma_layout<row>
// CHECK-NOT: nvvm.stmatrix
// CHECK: nvvm.bar.warp.sync
// CHECK-COUNT-4: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
// CHECK-COUNT-4: llvm.store %{{.*}}, %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK: } else {
// CHECK-NOT: alignment = 16
// 64 columns of 2 rows are 32 elements of a thread.
// CHECK-COUNT-32: llvm.store %{{.*}}, %{{.*}} {alignment = 2 : i64} : bf16, !llvm.ptr<1>
// CHECK-NOT: llvm.store
cce.kernel @staged(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %g: !cce.buffer<tokens x vocab x bf16>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %g[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x bf16>
  }
}

// -----

// Rows that a list names: each lane asks for the 4 rows that it writes pieces of, behind the product; a row that is none is not
// written, and nothing is stored as 0 in its place.
// CHECK-LABEL: llvm.func @scattered(
// CHECK: nvvm.wgmma.mma_async
// CHECK-NOT: arith.select %{{.*}}, %{{.*}}, %cst : f32
// CHECK: %[[ROW0:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK: %[[EXISTS0:.*]] = arith.cmpi sge, %[[ROW0]], %c0_i32
// CHECK: %[[ROW3:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK: arith.cmpi sge, %[[ROW3]], %c0_i32
// CHECK: nvvm.stmatrix
// CHECK: scf.if %[[EXISTS0]] {
// CHECK-NOT: }
// CHECK: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
cce.kernel @scattered(%a: !cce.buffer<tokens x vocab x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %rows: !cce.buffer<tokens x i32>,
                      %de: !cce.buffer<positions x hidden x bf16>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  %target = cce.gather %de[%rows] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<tokens x i32>
  cce.parallel %i, %d over tokens, hidden {
    %t = cce.matmul %a[%i], %b[%d] : !cce.buffer<tokens x vocab x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x hidden x f32>
    cce.store %t, %target[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x bf16>
  }
}

// -----

// Sums of f32 have no staging: two neighbours at once, and no shared memory beside ring and barriers.
// CHECK-LABEL: llvm.func @pairs(
// CHECK-SAME: shared_bytes = 49208 : i64
// CHECK-NOT: nvvm.stmatrix
// CHECK: arith.andi %{{.*}}, %c7_i64
// CHECK-NOT: nvvm.stmatrix
// CHECK-COUNT-16: llvm.store %{{.*}}, %{{.*}} {alignment = 8 : i64} : vector<2xf32>, !llvm.ptr<1>
cce.kernel @pairs(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x vocab x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

// The sums of a tile's rows, of f32 and before anything is rounded, one entry for each tile of columns: four threads have a row
// between them, and the first writes. Four sums a thread, so that additions need not wait for each other.
// CHECK-LABEL: llvm.func @row_sums(
// CHECK-SAME: %[[STRIDE:[a-z0-9]+]]: i64, %[[KEPT:[a-z0-9]+]]: !llvm.ptr<1>) attributes
// CHECK-SAME: {buffer = "kept", dimension = 0 : i64, kind = "stride"}, {buffer = "kept", kind = "pointer"}
// CHECK: nvvm.setmaxregister increase
// CHECK: scf.for
// CHECK: scf.for %[[TILE:arg[0-9]+]] = %{{.*}} to
// CHECK: nvvm.wgmma.mma_async
// 16 columns of 2 rows, 12 additions each.
// CHECK-COUNT-24: arith.addf
// CHECK-NOT: arith.addf
// CHECK: nvvm.stmatrix
// CHECK: %[[WRITES:.*]] = arith.cmpi eq, %{{.*}}, %c0_i32
// CHECK-COUNT-3: arith.addf
// CHECK: nvvm.shfl.sync bfly %c-1_i32, %{{.*}}, %c1_i32
// CHECK: nvvm.shfl.sync bfly %c-1_i32, %{{.*}}, %c2_i32
// CHECK: %[[TOTAL:.*]] = arith.addf
// CHECK: %[[ENTRY:.*]] = arith.extsi %[[TILE]]
// CHECK: arith.muli %[[ENTRY]], %[[STRIDE]]
// CHECK: %[[ADDRESS:.*]] = llvm.getelementptr %[[KEPT]]
// CHECK: scf.if %[[WRITES]] {
// CHECK-NEXT: llvm.store %[[TOTAL]], %[[ADDRESS]] {alignment = 4 : i64} : f32
// The other half of the rows, of the same entry.
// CHECK: nvvm.shfl.sync bfly
// CHECK: scf.if %[[WRITES]] {
// CHECK-NEXT: llvm.store %{{.*}} {alignment = 4 : i64} : f32
cce.kernel @row_sums(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %g: !cce.buffer<tokens x vocab x bf16>,
                     %kept: !cce.buffer<vocab x tokens x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %g[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x bf16>
    %none = cce.zero : !cce.tile<tokens x f32>
    %sum = cce.accumulate %none, %t : !cce.tile<tokens x f32>, !cce.tile<tokens x vocab x f32>
    cce.store %sum, %kept[%v, %i] : !cce.tile<tokens x f32>, !cce.buffer<vocab x tokens x f32>
  }
}
