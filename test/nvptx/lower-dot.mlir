// RUN: cce-opt %s --cce-to-nvvm | FileCheck %s

// A warp per row: lanes read 16 bytes of both operands, five shuffles add them up, one lane stores. The row that a list names is
// read; a negative entry reads row 0, whose result nobody looks at.
// CHECK-LABEL: llvm.func @dot(
// CHECK-SAME: {axis = "tokens", kind = "extent_pointer"}
// CHECK-SAME: {axis = "hidden", kind = "extent"}
// CHECK-SAME: {buffer = "rows", kind = "pointer"}
// CHECK-SAME: {buffer = "a", dimension = 0 : i64, kind = "stride"}
// CHECK-SAME: {buffer = "k", kind = "scalar", type = "f32"}
// CHECK-SAME: shared_bytes = 0 : i64
// CHECK-SAME: threads = 256 : i64
// CHECK-SAME: tiles = {tokens = 8 : i64}
// CHECK: scf.for
// CHECK: %[[ROW:.*]] = llvm.load {{.*}} -> i32
// CHECK: arith.maxsi %[[ROW]],
// CHECK: %[[PARTIAL:.*]] = scf.for
// CHECK: %[[LEFT:.*]] = llvm.load {{.*}} {alignment = 16 : i64} {{.*}} -> vector<8xbf16>
// CHECK: %[[RIGHT:.*]] = llvm.load {{.*}} {alignment = 16 : i64} {{.*}} -> vector<8xbf16>
// CHECK-COUNT-8: llvm.intr.fma
// CHECK-NOT: llvm.intr.fma
// CHECK: nvvm.shfl.sync bfly %{{.*}}, %[[PARTIAL]],
// CHECK-COUNT-4: nvvm.shfl.sync bfly
// CHECK-NOT: nvvm.shfl.sync
// CHECK: %[[SCALED:.*]] = arith.mulf
// CHECK: scf.if
// CHECK-NEXT: llvm.store %[[SCALED]], {{.*}} : f32
cce.kernel @dot(%a: !cce.buffer<positions x hidden x bf16>, %rows: !cce.buffer<tokens x i32>, %b: !cce.buffer<tokens x hidden x bf16>,
                %k: f32, %z: !cce.buffer<tokens x f32>) {
  %view = cce.gather %a[%rows] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<tokens x i32>
  cce.parallel %i over tokens {
    %t = cce.dot %view[%i], %b[%i] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x bf16> -> !cce.tile<tokens x f32>
    %r = cce.map %t, %k : !cce.tile<tokens x f32>, f32 -> !cce.tile<tokens x f32> {
    ^bb0(%x: f32, %y: f32):
      %p = arith.mulf %x, %y : f32
      cce.yield %p : f32
    }
    cce.store %r, %z[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}
