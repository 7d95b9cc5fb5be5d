// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse | FileCheck %s --enable-var-scope

// What lies below the limits is added up on the way to a log-sum-exp.
// CHECK-LABEL: llvm.func @tally(
// CHECK-SAME: {buffer = "limit", kind = "pointer"}, {buffer = "sums", kind = "pointer"}
// CHECK: nvvm.setmaxregister increase
// The limits of a thread's two rows, once for all tiles.
// CHECK: scf.for
// CHECK: %[[LIMIT0:.*]] = llvm.load
// CHECK: %[[LIMIT1:.*]] = llvm.load
// CHECK: scf.for %{{.*}} = %{{.*}} to
// CHECK: nvvm.wgmma.mma_async
// CHECK: %[[LOGITS:[0-9]+]]:32 = scf.if
// Of 16 tiles of 128 rows one takes part in this tile of columns.
// CHECK: %[[SEVERAL:.*]] = arith.divui %{{.*}}, %c2048_i32
// CHECK-NEXT: %[[APART:.*]] = arith.maxsi %[[SEVERAL]], %c1_i32
// CHECK-NEXT: %[[BEFORE:.*]] = arith.divui %[[ROW:.*]], %[[APART]]
// CHECK-NEXT: %[[STRIP:.*]] = arith.divui %[[COLUMN:.*]], %c64_i32
// CHECK-NEXT: %[[TWIST:.*]] = arith.addi %[[BEFORE]], %[[STRIP]]
// CHECK-NEXT: %[[PLACE:.*]] = arith.addi %[[ROW]], %[[TWIST]]
// CHECK-NEXT: %[[REST:.*]] = arith.remui %[[PLACE]], %[[APART]]
// CHECK: %[[IS_ITS:.*]] = arith.cmpi eq, %[[REST]], %c0_i32
// CHECK: scf.if %[[IS_ITS]] {
// A warp goes on if none of its rows of this half has a limit.
// CHECK-NEXT: %[[OUT:.*]] = arith.cmpf oeq, %[[LIMIT0]], %{{.*}} : f32
// CHECK-NEXT: %[[NONE:.*]] = nvvm.vote.sync all %c-1_i32, %[[OUT]]
// CHECK-NEXT: %[[SOME:.*]] = arith.xori %[[NONE]], %true
// CHECK-NEXT: scf.if %[[SOME]] {
// 2^22 exp(logit - limit) is 2^(log2(e) logit + shift).
// CHECK: %[[SHIFT:.*]] = llvm.intr.fma(%[[LIMIT0]],
// CHECK: %[[SUMS:.*]] = llvm.getelementptr
// CHECK: %[[EXPONENT:.*]] = llvm.intr.fma(%[[LOGITS]]#0, %{{[a-z0-9_]+}}, %[[SHIFT]])
// CHECK-NEXT: %[[SHARE:.*]] = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%[[EXPONENT]])
// The integer is in the low bits of the sum with 2^23; what is not below 2^22 is 0.
// CHECK-NEXT: %[[SUM:.*]] = arith.addf %[[SHARE]], %{{.*}}
// CHECK-NEXT: %[[BITS:.*]] = llvm.bitcast %[[SUM]] : f32 to i32
// CHECK-NEXT: %[[UNITS:.*]] = arith.subi %[[BITS]], %c1258291200_i32
// CHECK-NEXT: %[[BELOW:.*]] = arith.cmpi ult, %[[UNITS]], %c4194304_i32
// CHECK-NEXT: %[[COUNTED:.*]] = arith.select %[[BELOW]], %[[UNITS]], %c0_i32
// CHECK-NEXT: %[[LOW:.*]] = arith.extui %[[COUNTED]] : i32 to i64
// CHECK-NEXT: llvm.intr.fma(%[[LOGITS]]#1
// CHECK: %[[HIGH:.*]] = arith.shli %{{.*}}, %c32_i64
// CHECK-NEXT: %[[BOTH:.*]] = arith.ori %[[LOW]], %[[HIGH]]
// CHECK-NEXT: llvm.atomicrmw add %[[SUMS]], %[[BOTH]] syncscope("device") monotonic {{.*}} !llvm.ptr<1>, i64
// CHECK: llvm.intr.fma(%[[LOGITS]]#2
// CHECK: %[[NEXT:.*]] = llvm.getelementptr %[[SUMS]][{{%c32_i64|32}}]
// CHECK-NEXT: llvm.atomicrmw add %[[NEXT]]
// The other half, whose rows are eight further down.
// CHECK: arith.cmpf oeq, %[[LIMIT1]]
// CHECK: llvm.intr.fma(%[[LOGITS]]#16
// CHECK: llvm.atomicrmw add
// The log-sum-exp goes on with the same logits.
// CHECK: llvm.call_intrinsic "llvm.nvvm.ex2.approx
cce.kernel @tally(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %limit: !cce.buffer<tokens x f32>,
                  %sums: !cce.buffer<vocab x i32>, %out: !cce.buffer<splits x tokens x !cce.lse>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %s, %i over splits, tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab part %s from %some = %none : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %t = cce.load %limit[%i] : !cce.buffer<tokens x f32>
      cce.tally %z, %t, %sums tiles 16 : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<vocab x i32>
      %more = cce.lse_update %some, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}
