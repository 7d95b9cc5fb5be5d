// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse --split-input-file | FileCheck %s

// What is read from memory once. Items run in groups of tiles of rows with all their columns: 16 tiles, or 8 if there are at most 12
// tiles of columns, so that the next group does not begin before all columns are at work; the length of the contraction does not
// matter. Rows of E are read for every column, so the L2 is to keep them longer than those of the other operand.
// CHECK-LABEL: llvm.func @product(
// CHECK-SAME: %[[COUNT:[a-z0-9]+]]: !llvm.ptr<1>, %[[VOCAB:[a-z0-9]+]]: i32,
// CHECK-SAME: {axis = "tokens", kind = "extent_pointer"}, {axis = "vocab", kind = "extent"}
// CHECK: %[[TOKENS:.*]] = llvm.load %[[COUNT]]
// CHECK: %[[UP:.*]] = arith.addi %[[TOKENS]], %c127_i32
// CHECK-NEXT: %[[ROWS:.*]] = arith.divui %[[UP]], %c128_i32
// CHECK-NEXT: %[[UP:.*]] = arith.addi %[[VOCAB]], %c63_i32
// CHECK-NEXT: %[[COLUMNS:.*]] = arith.divui %[[UP]], %c64_i32
// CHECK: nvvm.setmaxregister decrease
// CHECK-NEXT: %[[POLICY:.*]] = llvm.inline_asm has_side_effects {{.*}}"createpolicy.fractional.L2::evict_last.b64 $0, 1.0;"
// CHECK: scf.for %[[INDEX:.*]] = %{{.*}} to
// CHECK-NEXT: %[[MANY:.*]] = arith.cmpi sgt, %[[COLUMNS]], %c12_i32
// CHECK-NEXT: %[[HIGH:.*]] = arith.select %[[MANY]], %c16_i32, %c8_i32
// CHECK-NEXT: %[[ITEMS:.*]] = arith.muli %[[COLUMNS]], %[[HIGH]]
// CHECK-NEXT: %[[GROUP:.*]] = arith.divui %[[INDEX]], %[[ITEMS]]
// CHECK-NEXT: %[[FIRST:.*]] = arith.muli %[[GROUP]], %[[HIGH]]
// The last group may be lower.
// CHECK-NEXT: %[[LEFT:.*]] = arith.subi %[[ROWS]], %[[FIRST]]
// CHECK-NEXT: %[[HEIGHT:.*]] = arith.minsi %[[LEFT]], %[[HIGH]]
// CHECK-NEXT: %[[WITHIN:.*]] = arith.remui %[[INDEX]], %[[ITEMS]]
// Rows of the group first, then the next column.
// CHECK-NEXT: %[[COLUMN:.*]] = arith.divui %[[WITHIN]], %[[HEIGHT]]
// CHECK-NEXT: %[[ROW:.*]] = arith.remui %[[WITHIN]], %[[HEIGHT]]
// CHECK-NEXT: %[[TILE:.*]] = arith.addi %[[FIRST]], %[[ROW]]
// CHECK: %[[START:.*]] = arith.muli %[[TILE]], %c128_i32
// CHECK: scf.for %{{.*}} = %[[COLUMN]] to
// CHECK: nvvm.cp.async.bulk.tensor{{.*}} box[%{{.*}}, %[[START]]] l2_cache_hint = %[[POLICY]] :
// CHECK: nvvm.cp.async.bulk.tensor{{.*}} box[%{{.*}}, %{{.*}}] :
// CHECK-NOT: nvvm.cp.async.bulk.tensor
// The consumers take the same items.
// CHECK: nvvm.setmaxregister increase
// CHECK-NOT: createpolicy
// CHECK: scf.for
// CHECK-NEXT: %[[MANY:.*]] = arith.cmpi sgt, %[[COLUMNS]], %c12_i32
// CHECK-NEXT: arith.select %[[MANY]], %c16_i32, %c8_i32
cce.kernel @product(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x vocab x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

// The contraction is not hidden: neither operand is E, and the L2 keeps what it likes. Items are grouped as before.
// CHECK-LABEL: llvm.func @gradient(
// CHECK-NOT: {{createpolicy|l2_cache_hint}}
// CHECK: arith.cmpi sgt, %{{.*}}, %c12_i32
// CHECK-NEXT: arith.select %{{.*}}, %c16_i32, %c8_i32
// CHECK-NOT: {{createpolicy|l2_cache_hint}}
// CHECK: llvm.return
cce.kernel @gradient(%g: !cce.buffer<tokens x vocab x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x hidden x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %i, %d over tokens, hidden {
    %t = cce.matmul %g[%i], %c[%d] : !cce.buffer<tokens x vocab x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x hidden x f32>
    cce.store %t, %z[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x f32>
  }
}

// -----

// Items of a reduction go through many columns, each a part of the vocabulary: always 32 tiles of rows, or 16 where they are wider than
// 3072 elements, 48 blocks of 64.
// CHECK-LABEL: llvm.func @reduction(
// CHECK-SAME: %[[PARTS:[a-z0-9]+]]: i32, %{{[a-z0-9]+}}: !llvm.ptr {
// CHECK-SAME: {axis = "splits", kind = "extent"}, {box
// CHECK: nvvm.setmaxregister decrease
// CHECK-NEXT: %[[POLICY:.*]] = llvm.inline_asm has_side_effects {{.*}}"createpolicy
// CHECK: %[[ALL:.*]] = arith.muli %[[ROWS:.*]], %[[PARTS]]
// CHECK: scf.for %[[INDEX:.*]] = %{{.*}} to %[[ALL]]
// CHECK-NEXT: %[[WIDE:.*]] = arith.cmpi sgt, %{{.*}}, %c48_i32
// CHECK-NEXT: %[[HIGH:.*]] = arith.select %[[WIDE]], %c16_i32, %c32_i32
// CHECK-NEXT: %[[ITEMS:.*]] = arith.muli %[[PARTS]], %[[HIGH]]
// CHECK-NEXT: %[[GROUP:.*]] = arith.divui %[[INDEX]], %[[ITEMS]]
// CHECK-NEXT: %[[FIRST:.*]] = arith.muli %[[GROUP]], %[[HIGH]]
// CHECK-NEXT: %[[LEFT:.*]] = arith.subi %[[ROWS]], %[[FIRST]]
// CHECK-NEXT: %[[HEIGHT:.*]] = arith.minsi %[[LEFT]], %[[HIGH]]
// CHECK-NEXT: %[[WITHIN:.*]] = arith.remui %[[INDEX]], %[[ITEMS]]
// CHECK-NEXT: arith.divui %[[WITHIN]], %[[HEIGHT]]
// CHECK: l2_cache_hint = %[[POLICY]]
// CHECK-NOT: l2_cache_hint
// CHECK: nvvm.setmaxregister increase
// CHECK: scf.for
// CHECK-NEXT: %[[WIDE:.*]] = arith.cmpi sgt, %{{.*}}, %c48_i32
// CHECK-NEXT: %[[HIGH:.*]] = arith.select %[[WIDE]], %c16_i32, %c32_i32
// CHECK-NEXT: arith.muli %[[PARTS]], %[[HIGH]]
cce.kernel @reduction(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %out: !cce.buffer<splits x tokens x !cce.lse>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %s, %i over splits, tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab part %s from %some = %none : !cce.tile<tokens x !cce.lse> {
      %t = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %more = cce.lse_update %some, %t : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}

// -----

// The items of a cluster of two are tiles of twice the height: half as many. A block's own rows of E are kept, not what both get.
// CHECK-LABEL: llvm.func @cluster(
// CHECK: nvvm.setmaxregister decrease
// CHECK-NEXT: %[[POLICY:.*]] = llvm.inline_asm has_side_effects {{.*}}"createpolicy
// CHECK: arith.cmpi sgt, %{{.*}}, %c12_i32
// CHECK-NEXT: arith.select %{{.*}}, %c8_i32, %c4_i32
// CHECK: nvvm.cp.async.bulk.tensor{{.*}} box[%{{.*}}, %{{.*}}] l2_cache_hint = %[[POLICY]] :
// CHECK: nvvm.cp.async.bulk.tensor{{.*}} box[%{{.*}}, %{{.*}}] multicast_mask = %{{[^ ]*}} :
cce.kernel @cluster(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x vocab x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 128, tile_k = 64, stages = 2, cluster = 2>} {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

// CHECK-LABEL: llvm.func @cluster_reduction(
// CHECK-SAME: %[[PARTS:[a-z0-9]+]]: i32, %{{[a-z0-9]+}}: !llvm.ptr {
// CHECK: nvvm.setmaxregister decrease
// CHECK: scf.for
// CHECK-NEXT: %[[WIDE:.*]] = arith.cmpi sgt, %{{.*}}, %c48_i32
// CHECK-NEXT: %[[HIGH:.*]] = arith.select %[[WIDE]], %c8_i32, %c16_i32
// CHECK-NEXT: arith.muli %[[PARTS]], %[[HIGH]]
cce.kernel @cluster_reduction(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %out: !cce.buffer<splits x tokens x !cce.lse>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 128, tile_k = 64, stages = 2, cluster = 2>} {
  cce.parallel %s, %i over splits, tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab part %s from %some = %none : !cce.tile<tokens x !cce.lse> {
      %t = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %more = cce.lse_update %some, %t : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}
