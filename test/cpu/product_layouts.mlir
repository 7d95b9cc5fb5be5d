// Which way each operand is packed follows from where its contracted axis is; tile sizes from the config.
// REQUIRES: cpu-target
// RUN: cce-opt %s --cce-to-cpu --canonicalize --cse | FileCheck %s

// G and E both have the contracted axis first: nothing is transposed, A is in panels of 16 rows.
// CHECK-LABEL: llvm.func @transposed(
// CHECK-SAME: tiles = {hidden = 256 : i64, vocab = 64 : i64}
// CHECK-NOT: llvm.call @cce_transpose
// CHECK-COUNT-2: llvm.call @cce_copy_f32(
// CHECK: llvm.call @cce_product_8x32_1_16_4112_272(
// CHECK: llvm.call @cce_write_f16(
// CHECK: llvm.return
cce.kernel @transposed(%g: !cce.buffer<tokens x vocab x f32>, %e: !cce.buffer<tokens x hidden x f32>,
                       %dc: !cce.buffer<vocab x hidden x f16>) {
  cce.parallel %v, %d over vocab, hidden {
    %sum = cce.matmul %g[%v], %e[%d] : !cce.buffer<tokens x vocab x f32>, !cce.buffer<tokens x hidden x f32> -> !cce.tile<vocab x hidden x f32>
    cce.store %sum, %dc[%v, %d] : !cce.tile<vocab x hidden x f32>, !cce.buffer<vocab x hidden x f16>
  }
}

// CHECK-LABEL: llvm.func @sizes(
// CHECK-SAME: tiles = {hidden = 128 : i64, vocab = 64 : i64}
// CHECK: scf.for %{{.*}} step %c48_i64
// CHECK: scf.for %{{.*}} step %c64_i64
// CHECK: llvm.call @cce_product_8x32_64_1_784_144(
cce.kernel @sizes(%g: !cce.buffer<vocab x tokens x f32>, %e: !cce.buffer<tokens x hidden x f32>,
                  %dc: !cce.buffer<vocab x hidden x f32>)
    attributes {config = #cce.config<tile_m = 64, tile_n = 128, tile_k = 48, stages = 1>} {
  cce.parallel %v, %d over vocab, hidden {
    %sum = cce.matmul %g[%v], %e[%d] : !cce.buffer<vocab x tokens x f32>, !cce.buffer<tokens x hidden x f32> -> !cce.tile<vocab x hidden x f32>
    cce.store %sum, %dc[%v, %d] : !cce.tile<vocab x hidden x f32>, !cce.buffer<vocab x hidden x f32>
  }
}
