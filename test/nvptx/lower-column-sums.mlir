// RUN: cce-opt %s --cce-to-nvvm | FileCheck %s

// A block for 32 columns: every warp adds up its rows, the first warp the warps, in the order of their numbers and so the same
// way every time. Memory for 1024 partial sums.
// CHECK-LABEL: llvm.func @column_sums(
// CHECK-SAME: {axis = "vocab", kind = "extent"}
// CHECK-SAME: {axis = "tokens", kind = "extent_pointer"}
// CHECK-SAME: {buffer = "g", dimension = 0 : i64, kind = "stride"}
// CHECK-SAME: shared_bytes = 4096 : i64
// CHECK-SAME: threads = 1024 : i64
// CHECK-SAME: tiles = {vocab = 32 : i64}
// CHECK: scf.for
// CHECK: %[[PARTIAL:.*]] = scf.for
// CHECK: %[[ELEMENT:.*]] = llvm.load {{.*}} -> bf16
// CHECK: arith.extf %[[ELEMENT]] : bf16 to f32
// CHECK: llvm.store %[[PARTIAL]], {{.*}} : f32, !llvm.ptr<3>
// CHECK: nvvm.barrier
// CHECK: scf.if
// CHECK: %[[TOTAL:.*]] = scf.for
// CHECK: llvm.load {{.*}} : !llvm.ptr<3> -> f32
// CHECK: %[[ALPHA:.*]] = llvm.load {{.*}} : !llvm.ptr<1> -> f32
// CHECK: %[[SCALED:.*]] = arith.mulf %[[TOTAL]], %[[ALPHA]]
// CHECK: llvm.store %[[SCALED]], {{.*}} : f32, !llvm.ptr<1>
// The partial sums are read before the next columns overwrite them.
// CHECK: nvvm.barrier
// CHECK-NOT: atomic
cce.kernel @column_sums(%g: !cce.buffer<tokens x vocab x bf16>, %alpha: !cce.buffer<f32>, %sums: !cce.buffer<vocab x f32>) {
  cce.parallel %v over vocab {
    %none = cce.zero : !cce.tile<vocab x f32>
    %all = cce.reduce %i over tokens from %some = %none : !cce.tile<vocab x f32> {
      %t = cce.load %g[%i, %v] : !cce.buffer<tokens x vocab x bf16>
      %more = cce.accumulate %some, %t : !cce.tile<vocab x f32>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<vocab x f32>
    }
    %scale = cce.load %alpha[] : !cce.buffer<f32>
    %r = cce.map %all, %scale : !cce.tile<vocab x f32>, !cce.tile<f32> -> !cce.tile<vocab x f32> {
    ^bb0(%a: f32, %k: f32):
      %p = arith.mulf %a, %k : f32
      cce.yield %p : f32
    }
    cce.store %r, %sums[%v] : !cce.tile<vocab x f32>, !cce.buffer<vocab x f32>
  }
}
