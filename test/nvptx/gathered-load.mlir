// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse | FileCheck %s

// Elements of a matrix of the caller's beside a product, whose rows a list names: two neighbours at once. A row that is none is looked
// for in row 0, and columns behind the last in the last two: nothing looks at what is found there.
// CHECK-LABEL: llvm.func @own_rows(
// CHECK-SAME: {axis = "hidden", kind = "extent"}
// CHECK: nvvm.setmaxregister increase
// CHECK: nvvm.wgmma.mma_async
// CHECK: %[[LISTED:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
// CHECK-NEXT: arith.maxsi %[[LISTED]], %c0_i32
// CHECK-NEXT: %[[LAST:.*]] = arith.subi %{{.*}}, %c2_i32
// CHECK-NEXT: arith.minsi %{{.*}}, %[[LAST]]
// CHECK: llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> vector<2xbf16>
cce.kernel @own_rows(%g: !cce.buffer<tokens x vocab x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %e: !cce.buffer<positions x hidden x bf16>,
                     %rows: !cce.buffer<tokens x i32>, %z: !cce.buffer<tokens x hidden x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  %own = cce.gather %e[%rows] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<tokens x i32>
  cce.parallel %i, %d over tokens, hidden {
    %t = cce.matmul %g[%i], %c[%d] : !cce.buffer<tokens x vocab x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x hidden x f32>
    %x = cce.load %own[%i, %d] : !cce.buffer<tokens x hidden x bf16>
    %r = cce.map %t, %x : !cce.tile<tokens x hidden x f32>, !cce.tile<tokens x hidden x f32> -> !cce.tile<tokens x hidden x f32> {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      cce.yield %s : f32
    }
    cce.store %r, %z[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x f32>
  }
}
