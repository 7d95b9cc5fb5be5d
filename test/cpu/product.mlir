// A product with an online log-sum-exp: packed blocks, the micro-kernel, the epilogue, and who walks what.
// REQUIRES: cpu-target
// RUN: cce-opt %s --cce-to-cpu --canonicalize --cse | FileCheck %s
// RUN: cce-opt %s --cce-to-cpu=vector-bits=256 --canonicalize --cse | FileCheck %s --check-prefix=AVX2

// The manifest: only what is used, rows before the axis that the runtime cuts finest, scratch last.
// CHECK-LABEL: llvm.func @lse(%arg0: !llvm.ptr) attributes {cce.manifest =
// CHECK-SAME: {buffer = "e", kind = "pointer"}, {buffer = "e", dimension = 0 : i64, kind = "stride"}, {buffer = "e", dimension = 1 : i64, kind = "stride"}
// CHECK-SAME: {buffer = "rows", kind = "pointer"}, {buffer = "rows", dimension = 0 : i64, kind = "stride"}
// CHECK-NOT: unused
// CHECK-SAME: {axis = "tokens", kind = "extent"}, {axis = "vocab", kind = "extent"}, {axis = "hidden", kind = "extent"}, {axis = "splits", kind = "extent"}
// CHECK-SAME: {axis = "tokens", kind = "begin"}, {axis = "tokens", kind = "end"}, {axis = "splits", kind = "begin"}, {axis = "splits", kind = "end"}, {kind = "scratch"}]
// CHECK-SAME: entry = "lse", kernel = "lse", scratch_bytes = {{[0-9]+}} : i64, target = "cpu", tiles = {splits = 1 : i64, tokens = 64 : i64, vocab = 256 : i64}
// CHECK: %[[E:.*]] = llvm.load %arg0 {{.*}} -> !llvm.ptr
// splits, groups of tokens, tiles of the split's part of the vocabulary, blocks of the contraction
// CHECK: scf.for %{{.*}} step %c1_i64
// CHECK: arith.divui
// CHECK: scf.for %{{.*}} step %c1024_i64
// CHECK: scf.for %{{.*}} step %c256_i64
// CHECK: scf.for %{{.*}} step %c256_i64
// C has its contracted axis last: transposed to panels; E is copied row by row, through the list.
// CHECK: llvm.call @cce_transpose_bf16(
// CHECK: scf.for %{{.*}} step %c128_i64
// CHECK: llvm.call @cce_copy_bf16(%[[E]],
// CHECK: scf.for %{{.*}} step %c32_i64
// CHECK: scf.for %{{.*}} step %c8_i64
// CHECK: llvm.call @cce_product_8x32_272_1_4112_272(
// After the last block: columns beyond the extent are -inf for the maximum.
// CHECK: scf.if
// CHECK: arith.select %{{.*}}, %{{.*}}, %[[LOWEST:cst.*]] : vector<16xi1>, vector<16xf32>
// CHECK: vector.fma
// The states, m and s, of valid tokens; zeros in the padding.
// CHECK: llvm.store %{{.*}} : f32, !llvm.ptr
// CHECK: llvm.store %{{.*}} : f32, !llvm.ptr
// CHECK: llvm.return

// CHECK-LABEL: llvm.func internal @cce_product_8x32_272_1_4112_272(
// CHECK-SAME: llvm.noalias
// CHECK: scf.for {{.*}} step %c4_i64 iter_args
// CHECK-COUNT-64: vector.fma {{.*}} : vector<16xf32>
// CHECK-NOT: vector.fma

// CHECK-LABEL: llvm.func internal @cce_transpose_bf16(
// CHECK: llvm.intr.masked.load {{.*}} vector<16xi16>
// CHECK-COUNT-64: vector.shuffle
// CHECK-NOT: vector.shuffle
// CHECK-LABEL: llvm.func internal @cce_copy_bf16(

// AVX2: llvm.func internal @cce_product_4x16_272_1_4112_272(
// AVX2-COUNT-32: vector.fma {{.*}} : vector<8xf32>
// AVX2-NOT: vector.fma
cce.kernel @lse(%e: !cce.buffer<positions x hidden x bf16>, %rows: !cce.buffer<tokens x i32>,
                %c: !cce.buffer<vocab x hidden x bf16>, %unused: !cce.buffer<vocab x f32>,
                %partial: !cce.buffer<splits x tokens x !cce.lse>) {
  %view = cce.gather %e[%rows] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<tokens x i32>
  cce.parallel %s, %i over splits, tokens {
    %empty = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %lse = cce.reduce %v over vocab part %s from %state = %empty : !cce.tile<tokens x !cce.lse> {
      %x = cce.matmul %view[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %next = cce.lse_update %state, %x : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %next : !cce.tile<tokens x !cce.lse>
    }
    cce.store %lse, %partial[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}
