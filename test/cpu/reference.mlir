// A log-sum-exp below a reference that is known before, and a store beside it: the tile's row goes out before the row's sum is taken.
// REQUIRES: cpu-target
// RUN: cce-opt %s --cce-to-cpu --canonicalize --cse | FileCheck %s

// CHECK-LABEL: llvm.func @lse(%arg0: !llvm.ptr) attributes {cce.manifest =
// CHECK-SAME: {buffer = "reference", kind = "pointer"}
// CHECK-SAME: {buffer = "g", kind = "pointer"}
// CHECK: llvm.call @cce_product
// CHECK: scf.if
// The row's elements are rounded and written.
// CHECK: llvm.call @cce_write_bf16(
// Then the maximum, which is not what is subtracted: that is the reference times log2 e.
// CHECK: arith.cmpf ogt, %{{.*}} : vector<16xf32>
// CHECK: %[[SCALED:.*]] = arith.mulf %{{.*}}, %{{.*}} : f32
// CHECK-NEXT: math.absf %[[SCALED]]
cce.kernel @lse(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %reference: !cce.buffer<tokens x f32>,
                %g: !cce.buffer<tokens x vocab x bf16>, %partial: !cce.buffer<splits x tokens x !cce.lse>) {
  cce.parallel %s, %i over splits, tokens {
    %empty = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %lse = cce.reduce %v over vocab part %s from %state = %empty : !cce.tile<tokens x !cce.lse> {
      %x = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %r = cce.load %reference[%i] : !cce.buffer<tokens x f32>
      cce.store %x, %g[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x bf16>
      %next = cce.lse_update %state, %x at %r : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>
      cce.yield %next : !cce.tile<tokens x !cce.lse>
    }
    cce.store %lse, %partial[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}
