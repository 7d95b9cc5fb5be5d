// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse --split-input-file --verify-diagnostics | FileCheck %s --enable-var-scope

// Where each tile of rows has a list of its own, the two blocks of a cluster take the same rows and neighbouring columns. Half of the
// rows of E goes to both, where they are consecutive; the rows that the list names, each block copies for itself.
// CHECK-LABEL: llvm.func @columns(
// CHECK-SAME: {box = [64, 64], buffer = "e", kind = "tensor_map", swizzle = 128 : i64}
// CHECK-NOT: buffer = "c", kind = "tensor_map"
// CHECK-SAME: cluster = 2 : i64
// CHECK-SAME: tiles = {slots = 64 : i64, tokens = 128 : i64}
// Tiles of rows one by one, columns in pairs.
// CHECK: arith.addi %{{.*}}, %c127_i32 : i32
// CHECK-NEXT: %[[ROWS:.*]] = arith.divui %{{.*}}, %c128_i32 : i32
// CHECK-NEXT: %[[RANK:.*]] = nvvm.read.ptx.sreg.cluster.ctarank
// CHECK-NEXT: arith.addi %[[SLOTS:arg[0-9]+]], %c127_i32 : i32
// CHECK-NEXT: %[[PAIRS:.*]] = arith.divui %{{.*}}, %c128_i32 : i32
// A stage is full with the arrivals of this block alone, and empty with those of the consumers of both.
// CHECK: nvvm.mbarrier.init %{{.*}}, %c129_i32
// CHECK-NEXT: nvvm.mbarrier.init %{{.*}}, %c4_i32
// CHECK: nvvm.cluster.arrive
// CHECK: nvvm.setmaxregister decrease 56
// CHECK: %[[ITEMS:.*]] = arith.muli %[[ROWS]], %[[PAIRS]] : i32
// CHECK: scf.for %{{.*}} = %{{.*}} to %[[ITEMS]] step
// CHECK: arith.remui
// CHECK-NEXT: %[[PAIR:.*]] = arith.divui
// CHECK-NEXT: arith.remui
// CHECK-NEXT: %[[TILE:.*]] = arith.addi
// CHECK-NEXT: %[[FIRST:.*]] = arith.muli %[[PAIR]], %c2_i32 : i32
// CHECK-NEXT: %[[OWN:.*]] = arith.addi %[[FIRST]], %[[RANK]] : i32
// CHECK-NEXT: %[[AFTER:.*]] = arith.addi %[[OWN]], %c1_i32 : i32
// CHECK-NEXT: %[[GROUP:.*]] = arith.extsi %[[TILE]] : i32 to i64
// Whether there is an item is asked of the pair's first column, so that both blocks have as many stages; whether this block has a tile of
// it, of its own.
// CHECK: %[[LENGTH:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK-NEXT: %[[START:.*]] = arith.muli %[[PAIR]], %c128_i32 : i32
// CHECK-NEXT: %[[EXISTS:.*]] = arith.cmpi slt, %[[START]], %[[LENGTH]] : i32
// CHECK-NEXT: %[[END:.*]] = arith.select %[[EXISTS]], %[[AFTER]], %[[OWN]] : i32
// CHECK-NEXT: %[[COLUMN:.*]] = arith.muli %[[OWN]], %c64_i32 : i32
// CHECK-NEXT: %[[HAS_TILE:.*]] = arith.cmpi slt, %[[COLUMN]], %[[LENGTH]] : i32
// CHECK-NEXT: %[[ROW:.*]] = arith.muli %[[TILE]], %c128_i32 : i32
// CHECK: %[[CONSECUTIVE:.*]] = nvvm.vote.sync all
// CHECK: scf.for %[[N:.*]] = %[[OWN]] to %[[END]] step
// Without a tile no entry behind the list is read, nor any class of the list taken.
// CHECK-NEXT: %[[HERE:.*]] = arith.muli %[[N]], %c64_i32 : i32
// CHECK-NEXT: %[[AT:.*]] = arith.select %[[HAS_TILE]], %[[HERE]], %c0_i32 : i32
// CHECK-NEXT: arith.extsi %[[AT]]
// CHECK: %[[ENTRY:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK-NEXT: %[[LISTED:.*]] = arith.cmpi sge, %[[ENTRY]], %c0_i32 : i32
// CHECK-NEXT: %[[IS_ROW:.*]] = arith.andi %[[HAS_TILE]], %[[LISTED]] : i1
// CHECK: arith.select %[[IS_ROW]], %{{.*}}, %c-1_i32 : i32
// CHECK-COUNT-3: arith.andi %[[HAS_TILE]], %{{.*}} : i1
// CHECK: nvvm.mbarrier.try_wait
// The bytes of the whole tile, of which the other block sends half.
// CHECK: %[[BYTES:.*]] = arith.select %[[CONSECUTIVE]], %c16384_i32, %c0_i32 : i32
// CHECK: nvvm.mbarrier.arrive.expect_tx %{{.*}}, %[[BYTES]]
// CHECK: scf.if %[[CONSECUTIVE]] {
// CHECK-NEXT: %[[HALF:.*]] = arith.muli %[[RANK]], %c64_i32 : i32
// CHECK-NEXT: %[[PLACE:.*]] = arith.muli %[[RANK]], %c8192_i32 : i32
// CHECK-NEXT: %[[THERE:.*]] = llvm.getelementptr %{{.*}}[%[[PLACE]]]
// CHECK-NEXT: %[[FROM:.*]] = arith.addi %{{.*}}, %[[HALF]] : i32
// CHECK: %[[DESTINATION:.*]] = llvm.addrspacecast %[[THERE]]
// CHECK-NEXT: nvvm.cp.async.bulk.tensor.shared.cluster.global %[[DESTINATION]], {{.*}} box[%{{.*}}, %[[FROM]]] multicast_mask = %c3_i16 :
// Rows that are not consecutive, each block copies all of: 8 of 16 bytes a thread, and then 4 of the second operand.
// CHECK: } else {
// CHECK-COUNT-8: nvvm.cp.async.shared.global
// CHECK: }
// CHECK-COUNT-4: nvvm.cp.async.shared.global
// CHECK-NOT: nvvm.cp.async.{{bulk|shared}}
// CHECK: nvvm.setmaxregister increase 224
// The consumers have as many items and stages, and release each in both blocks.
// CHECK: %[[FIRST:.*]] = arith.muli %[[PAIR:.*]], %c2_i32 : i32
// CHECK-NEXT: %[[OWN:.*]] = arith.addi %[[FIRST]], %[[RANK]] : i32
// CHECK: %[[LENGTH:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK-NEXT: %[[START:.*]] = arith.muli %[[PAIR]], %c128_i32 : i32
// CHECK-NEXT: %[[EXISTS:.*]] = arith.cmpi slt, %[[START]], %[[LENGTH]] : i32
// CHECK-NEXT: %[[END:.*]] = arith.select %[[EXISTS]], %{{.*}}, %[[OWN]] : i32
// CHECK-NEXT: %[[COLUMN:.*]] = arith.muli %[[OWN]], %c64_i32 : i32
// CHECK-NEXT: %[[HAS_TILE:.*]] = arith.cmpi slt, %[[COLUMN]], %[[LENGTH]] : i32
// CHECK: scf.for %{{.*}} = %[[OWN]] to %[[END]] step
// CHECK: nvvm.mapa
// CHECK-NEXT: nvvm.mbarrier.arrive
// CHECK: nvvm.mapa
// CHECK-NEXT: nvvm.mbarrier.arrive
// A block without a tile takes its turn and passes it on, and neither looks at the list nor stores anything.
// CHECK: nvvm.mbarrier.try_wait
// CHECK-NOT: llvm.load
// CHECK-NOT: llvm.store
// CHECK: scf.if %[[HAS_TILE]] {
// CHECK: llvm.load %{{.*}} {alignment = 8 : i64} : !llvm.ptr<1> -> vector<2xi32>
// CHECK: llvm.store
// CHECK: nvvm.mbarrier.arrive
// CHECK: nvvm.cluster.arrive
cce.kernel @columns(%e: !cce.buffer<positions x hidden x bf16>, %rows: !cce.buffer<tokens x i32>, %c: !cce.buffer<vocab x hidden x bf16>,
                    %lists: !cce.buffer<groups x slots x i32>, %bias: !cce.buffer<vocab x f32>, %z: !cce.buffer<tokens x slots x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2, cluster = 2>} {
  %embedding = cce.gather %e[%rows] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<tokens x i32>
  %class = cce.gather %c[%lists] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<groups x slots x i32>
  %class_bias = cce.gather %bias[%lists] : !cce.buffer<vocab x f32>, !cce.buffer<groups x slots x i32>
  cce.parallel %i, %s over tokens, slots {
    %t = cce.matmul %embedding[%i], %class[%s] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<slots x hidden x bf16> -> !cce.tile<tokens x slots x f32>
    %b = cce.load %class_bias[%s] : !cce.buffer<slots x f32>
    %r = cce.map %t, %b : !cce.tile<tokens x slots x f32>, !cce.tile<slots x f32> -> !cce.tile<tokens x slots x f32> {
    ^bb0(%x: f32, %y: f32):
      %q = arith.addf %x, %y : f32
      cce.yield %q : f32
    }
    cce.store %r, %z[%i, %s] : !cce.tile<tokens x slots x f32>, !cce.buffer<tokens x slots x f32>
  }
}

// -----

// The list as the contraction: both blocks have the same list and so as many steps. The columns are those of hidden, which may be odd in
// number: the second block then has none, copies zeros, as for all columns beyond the extent, and stores nothing. The other operand is no
// list's, and half of it always goes to both. Tiles may have any width, being shared by nobody.
// CHECK-LABEL: llvm.func @contraction(
// CHECK-SAME: {box = [64, 64], buffer = "g", kind = "tensor_map", swizzle = 128 : i64}
// CHECK: %[[RANK:.*]] = nvvm.read.ptx.sreg.cluster.ctarank
// CHECK-NEXT: arith.addi %[[HIDDEN:arg[0-9]+]], %c383_i32 : i32
// CHECK-NEXT: arith.divui %{{.*}}, %c384_i32 : i32
// CHECK: nvvm.setmaxregister decrease 40
// CHECK: %[[TILE:.*]] = arith.addi
// CHECK-NEXT: %[[FIRST:.*]] = arith.muli %{{.*}}, %c2_i32 : i32
// CHECK-NEXT: %[[OWN:.*]] = arith.addi %[[FIRST]], %[[RANK]] : i32
// CHECK-NEXT: %[[END:.*]] = arith.addi %[[OWN]], %c1_i32 : i32
// CHECK: %[[LENGTH:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK-NEXT: arith.addi %[[LENGTH]], %c63_i32 : i32
// CHECK-NEXT: %[[STEPS:.*]] = arith.divui %{{.*}}, %c64_i32 : i32
// CHECK: %[[ROW:.*]] = arith.muli %[[TILE]], %c128_i32 : i32
// CHECK: scf.for %{{.*}} = %[[OWN]] to %[[END]] step
// CHECK: scf.for %{{.*}} = %c0_i32 to %[[STEPS]] step
// CHECK: nvvm.mbarrier.arrive.expect_tx %{{.*}}, %c16384_i32
// CHECK: %[[HALF:.*]] = arith.muli %[[RANK]], %c64_i32 : i32
// CHECK-NEXT: %[[FROM:.*]] = arith.addi %[[ROW]], %[[HALF]] : i32
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}} box[%{{.*}}, %[[FROM]]] multicast_mask = %c3_i16 :
// CHECK: arith.cmpi slt, %{{.*}}, %[[HIDDEN]]
// CHECK-COUNT-12: nvvm.cp.async.shared.global
// CHECK-NOT: nvvm.cp.async.{{bulk|shared}}
// CHECK: nvvm.setmaxregister increase 232
// CHECK: %[[OWN:.*]] = arith.addi %{{.*}}, %[[RANK]] : i32
// CHECK: %[[COLUMN:.*]] = arith.muli %[[OWN]], %c192_i32 : i32
// CHECK-NEXT: %[[HAS_TILE:.*]] = arith.cmpi slt, %[[COLUMN]], %[[HIDDEN]] : i32
// CHECK: nvvm.mapa
// CHECK: nvvm.mapa
// CHECK: nvvm.mbarrier.try_wait
// CHECK-NOT: llvm.store
// CHECK: scf.if %[[HAS_TILE]] {
// CHECK: llvm.store
// CHECK: nvvm.cluster.arrive
cce.kernel @contraction(%g: !cce.buffer<tokens x slots x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %lists: !cce.buffer<groups x slots x i32>,
                        %de: !cce.buffer<tokens x hidden x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 192, tile_k = 64, stages = 2, cluster = 2>} {
  %class = cce.gather %c[%lists] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<groups x slots x i32>
  cce.parallel %i, %d over tokens, hidden {
    %t = cce.matmul %g[%i], %class[%d] : !cce.buffer<tokens x slots x bf16>, !cce.buffer<slots x hidden x bf16> -> !cce.tile<tokens x hidden x f32>
    cce.store %t, %de[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x f32>
  }
}

// -----

// Two blocks share, not more.
// expected-error@below {{'cce.kernel' op expected cluster to be 1, or 2 without a reduction, where each group of tokens has a list, on sm_90a, got 4}}
cce.kernel @four(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>,
                 %lists: !cce.buffer<groups x slots x i32>, %z: !cce.buffer<tokens x slots x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 128, tile_k = 64, stages = 2, cluster = 4>} {
  %class = cce.gather %c[%lists] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<groups x slots x i32>
  cce.parallel %i, %s over tokens, slots {
    %t = cce.matmul %e[%i], %class[%s] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<slots x hidden x bf16> -> !cce.tile<tokens x slots x f32>
    cce.store %t, %z[%i, %s] : !cce.tile<tokens x slots x f32>, !cce.buffer<tokens x slots x f32>
  }
}

// -----

// A reduction goes through columns one after the other, not two at a time.
// expected-error@below {{'cce.kernel' op expected cluster to be 1, or 2 without a reduction, where each group of tokens has a list, on sm_90a, got 2 with a reduction}}
cce.kernel @reduction(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>,
                      %lists: !cce.buffer<groups x slots x i32>, %lse: !cce.buffer<tokens x !cce.lse>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 128, tile_k = 64, stages = 2, cluster = 2>} {
  %class = cce.gather %c[%lists] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<groups x slots x i32>
  cce.parallel %i over tokens {
    %empty = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %sum = cce.reduce %s over slots from %state = %empty : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %e[%i], %class[%s] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<slots x hidden x bf16> -> !cce.tile<tokens x slots x f32>
      %next = cce.lse_update %state, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x slots x f32>
      cce.yield %next : !cce.tile<tokens x !cce.lse>
    }
    cce.store %sum, %lse[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}
