// Kernels without a product; conditional loads, one-hot labels, gathered rows, and columns sums.
// REQUIRES: cpu-target
// RUN: cce-opt %s --cce-to-cpu --canonicalize --cse | FileCheck %s

// CHECK-LABEL: llvm.func @line(
// CHECK-SAME: {buffer = "wanted", kind = "scalar", type = "i1"}, {buffer = "factor", kind = "scalar", type = "f32"}
// The condition travels as an i32. Where it is false nothing is read: no entries are valid.
// CHECK: %[[BITS:.*]] = llvm.load %{{.*}} -> i32
// CHECK: %[[WANTED:.*]] = arith.cmpi ne, %[[BITS]], %c0_i32
// CHECK: scf.for %{{.*}} step %c256_i64
// CHECK: %[[COUNT:.*]] = arith.select %[[WANTED]], %{{.*}}, %c0_i64
// CHECK: llvm.call @cce_transpose_bf16({{.*}}%[[COUNT]]
// CHECK: arith.mulf {{.*}} : vector<16xf32>
// Tokens are written up to a whole tile, with zeros.
// CHECK: arith.select {{.*}} : vector<16xi1>, vector<16xf32>
// CHECK: llvm.call @cce_write_f32(
cce.kernel @line(%x: !cce.buffer<tokens x bf16>, %wanted: i1, %factor: f32, %y: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %t = cce.load %x[%i] if %wanted : !cce.buffer<tokens x bf16>
    %r = cce.map %t, %factor : !cce.tile<tokens x f32>, f32 -> !cce.tile<tokens x f32> {
    ^bb0(%a: f32, %b: f32):
      %p = arith.mulf %a, %b : f32
      cce.yield %p : f32
    }
    cce.store %r, %y[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}

// Labels are compared with the index in the whole axis.
// CHECK-LABEL: llvm.func @hits(
// CHECK-SAME: {axis = "vocab", kind = "origin"}
// CHECK: arith.cmpi eq, {{.*}} : vector<16xi32>
// CHECK: arith.uitofp {{.*}} : vector<16xi1> to vector<16xf32>
cce.kernel @hits(%labels: !cce.buffer<tokens x i32>, %g: !cce.buffer<tokens x vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
    %hit = cce.onehot %y, %v : !cce.tile<tokens x i32> -> !cce.tile<tokens x vocab x i1>
    %one = cce.map %hit : !cce.tile<tokens x vocab x i1> -> !cce.tile<tokens x vocab x f32> {
    ^bb0(%h: i1):
      %f = arith.uitofp %h : i1 to f32
      cce.yield %f : f32
    }
    cce.store %one, %g[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// A row that the list names negative is not written.
// CHECK-LABEL: llvm.func @scatter(
// CHECK: %[[ENTRY:.*]] = llvm.load %{{.*}} -> i32
// CHECK: %[[ROW:.*]] = arith.extsi %[[ENTRY]]
// CHECK: %[[IS:.*]] = arith.cmpi sge, %[[ROW]], %c0_i64
// CHECK: scf.if %[[IS]]
// CHECK: llvm.call @cce_write_bf16(
cce.kernel @scatter(%x: !cce.buffer<tokens x hidden x f32>, %rows: !cce.buffer<tokens x i32>,
                    %y: !cce.buffer<positions x hidden x bf16>) {
  %to = cce.gather %y[%rows] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<tokens x i32>
  cce.parallel %i, %d over tokens, hidden {
    %t = cce.load %x[%i, %d] : !cce.buffer<tokens x hidden x f32>
    cce.store %t, %to[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x bf16>
  }
}

// The state is along the columns: they are outside.
// CHECK-LABEL: llvm.func @column_sums(
// CHECK: scf.for %{{.*}} step %c256_i64
// CHECK: scf.for %{{.*}} step %c128_i64
// CHECK: llvm.call @cce_copy_f16(
// CHECK: scf.for {{.*}} iter_args
// CHECK: arith.addf {{.*}} : vector<16xf32>
// CHECK: llvm.call @cce_write_f32(
cce.kernel @column_sums(%g: !cce.buffer<tokens x vocab x f16>, %sums: !cce.buffer<vocab x f32>) {
  cce.parallel %v over vocab {
    %none = cce.zero : !cce.tile<vocab x f32>
    %all = cce.reduce %i over tokens from %some = %none : !cce.tile<vocab x f32> {
      %t = cce.load %g[%i, %v] : !cce.buffer<tokens x vocab x f16>
      %more = cce.accumulate %some, %t : !cce.tile<vocab x f32>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<vocab x f32>
    }
    cce.store %all, %sums[%v] : !cce.tile<vocab x f32>, !cce.buffer<vocab x f32>
  }
}

// CHECK-LABEL: llvm.func @dots(
// CHECK: llvm.call @cce_copy_f16(
// CHECK: llvm.call @cce_copy_f16(
// CHECK: vector.fma
// CHECK: llvm.call @cce_write_f32(
cce.kernel @dots(%a: !cce.buffer<tokens x hidden x f16>, %b: !cce.buffer<tokens x hidden x f16>,
                 %z: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %t = cce.dot %a[%i], %b[%i] : !cce.buffer<tokens x hidden x f16>, !cce.buffer<tokens x hidden x f16> -> !cce.tile<tokens x f32>
    cce.store %t, %z[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}
