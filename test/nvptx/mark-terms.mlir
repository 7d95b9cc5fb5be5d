// RUN: cce-opt %s --cce-to-nvvm --canonicalize --cse | FileCheck %s --enable-var-scope

// Classes are marked from the terms of the log-sum-exp. Added up by words of 32 columns, a thread's 8 terms of a row are
// what the sum needs and what tells whether any of them can be at the threshold.
// CHECK-LABEL: llvm.func @by_terms(
// CHECK-DAG: %[[MUCH:.*]] = arith.constant 1.2676506E+30 : f32
// CHECK-DAG: %[[LOG2E:.*]] = arith.constant 1.44269502 : f32
// 1 - 2^-10: more than a result of ex2 is off by.
// CHECK-DAG: %[[LESS:.*]] = arith.constant 0.999023437 : f32
// CHECK: nvvm.setmaxregister increase
// CHECK: %[[LEAST0:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> f32
// CHECK: %[[LEAST1:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> f32
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %[[MAXIMUM0:.*]] = %{{.*}}, %[[BEFORE0:.*]] = %{{.*}}, %[[MAXIMUM1:.*]] = %{{.*}}, %[[BEFORE1:.*]] = %{{.*}})
// CHECK: nvvm.wgmma.mma_async
// CHECK: %[[LOGITS:[0-9]+]]:32 = scf.if
// All terms come first, those of a word of both rows after each other, without a branch or a maximum in between.
// CHECK: %[[SHIFT0:.*]] = arith.negf %[[MAXIMUM0]]
// CHECK-NEXT: %[[SHIFT1:.*]] = arith.negf %[[MAXIMUM1]]
// CHECK-NEXT: %[[X:.*]] = llvm.intr.fma(%[[LOGITS]]#0, %[[LOG2E]], %[[SHIFT0]])
// CHECK-NEXT: %[[SUM0:.*]] = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%[[X]])
// CHECK-NEXT: %[[X:.*]] = llvm.intr.fma(%[[LOGITS]]#1, %[[LOG2E]], %[[SHIFT0]])
// CHECK-NEXT: %[[TERM:.*]] = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%[[X]])
// CHECK-NEXT: %[[SUM1:.*]] = arith.addf %[[SUM0]], %[[TERM]]
// CHECK-NEXT: %[[X:.*]] = llvm.intr.fma(%[[LOGITS]]#2, %[[LOG2E]], %[[SHIFT0]])
// CHECK-NEXT: %[[TERM:.*]] = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%[[X]])
// CHECK-NEXT: %[[SUM2:.*]] = arith.addf %[[SUM1]], %[[TERM]]
// CHECK-NEXT: %[[X:.*]] = llvm.intr.fma(%[[LOGITS]]#3, %[[LOG2E]], %[[SHIFT0]])
// CHECK-NEXT: %[[TERM:.*]] = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%[[X]])
// CHECK-NEXT: %[[SUM3:.*]] = arith.addf %[[SUM2]], %[[TERM]]
// CHECK-NEXT: %[[X:.*]] = llvm.intr.fma(%[[LOGITS]]#4, %[[LOG2E]], %[[SHIFT0]])
// CHECK-NEXT: %[[TERM:.*]] = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%[[X]])
// CHECK-NEXT: %[[SUM4:.*]] = arith.addf %[[SUM3]], %[[TERM]]
// CHECK-NEXT: %[[X:.*]] = llvm.intr.fma(%[[LOGITS]]#5, %[[LOG2E]], %[[SHIFT0]])
// CHECK-NEXT: %[[TERM:.*]] = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%[[X]])
// CHECK-NEXT: %[[SUM5:.*]] = arith.addf %[[SUM4]], %[[TERM]]
// CHECK-NEXT: %[[X:.*]] = llvm.intr.fma(%[[LOGITS]]#6, %[[LOG2E]], %[[SHIFT0]])
// CHECK-NEXT: %[[TERM:.*]] = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%[[X]])
// CHECK-NEXT: %[[SUM6:.*]] = arith.addf %[[SUM5]], %[[TERM]]
// CHECK-NEXT: %[[X:.*]] = llvm.intr.fma(%[[LOGITS]]#7, %[[LOG2E]], %[[SHIFT0]])
// CHECK-NEXT: %[[TERM:.*]] = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%[[X]])
// CHECK-NEXT: %[[WORD00:.*]] = arith.addf %[[SUM6]], %[[TERM]]
// CHECK-NEXT: llvm.intr.fma(%[[LOGITS]]#16, %[[LOG2E]], %[[SHIFT1]])
// CHECK-COUNT-8: ex2.approx
// CHECK-NEXT: %[[WORD01:.*]] = arith.addf
// CHECK-NEXT: llvm.intr.fma(%[[LOGITS]]#8, %[[LOG2E]], %[[SHIFT0]])
// CHECK-COUNT-8: ex2.approx
// CHECK-NEXT: %[[WORD10:.*]] = arith.addf
// CHECK-NEXT: llvm.intr.fma(%[[LOGITS]]#24, %[[LOG2E]], %[[SHIFT1]])
// CHECK-COUNT-8: ex2.approx
// CHECK-NEXT: %[[WORD11:.*]] = arith.addf
// The sums of the tile are made of those of its words.
// CHECK-NEXT: %[[TILE0:.*]] = arith.addf %[[WORD00]], %[[WORD10]]
// CHECK-NEXT: %[[ALL0:.*]] = arith.addf %[[BEFORE0]], %[[TILE0]]
// CHECK-NEXT: %[[TILE1:.*]] = arith.addf %[[WORD01]], %[[WORD11]]
// CHECK-NEXT: %[[ALL1:.*]] = arith.addf %[[BEFORE1]], %[[TILE1]]
// CHECK-NOT: {{scf.if|vote|maxnumf}}
// What a logit at the threshold would add, and a little less: flushed, so that a limit is 0 where terms may be.
// CHECK: %[[X:.*]] = llvm.intr.fma(%[[LEAST0]], %[[LOG2E]], %[[SHIFT0]])
// CHECK-NEXT: %[[TERM:.*]] = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%[[X]])
// CHECK-NEXT: %[[LIMIT0:.*]] = llvm.call_intrinsic "llvm.nvvm.mul.rn.ftz.f"(%[[TERM]], %[[LESS]])
// CHECK-NEXT: %[[X:.*]] = llvm.intr.fma(%[[LEAST1]], %[[LOG2E]], %[[SHIFT1]])
// CHECK-NEXT: %[[TERM:.*]] = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%[[X]])
// CHECK-NEXT: %[[LIMIT1:.*]] = llvm.call_intrinsic "llvm.nvvm.mul.rn.ftz.f"(%[[TERM]], %[[LESS]])
// Ordered: a sum that is NaN, as below the -inf that a row begins with, is not below, nor is any where the limit is 0 or NaN.
// CHECK-NEXT: %[[BELOW0:.*]] = arith.cmpf olt, %[[WORD00]], %[[LIMIT0]]
// CHECK-NEXT: %[[BELOW1:.*]] = arith.cmpf olt, %[[WORD01]], %[[LIMIT1]]
// CHECK-NEXT: %[[BELOW:.*]] = arith.andi %[[BELOW0]], %[[BELOW1]]
// CHECK-NEXT: %[[NOTHING:.*]] = nvvm.vote.sync all %c-1_i32, %[[BELOW]]
// CHECK-NEXT: %[[SOMETHING:.*]] = arith.xori %[[NOTHING]], %true
// CHECK-NEXT: scf.if %[[SOMETHING]] {
// The look itself is at the logits, the 8 columns of a word: bits do not depend on how it was come to.
// CHECK-NEXT: arith.cmpf oge, %[[LOGITS]]#0, %[[LEAST0]]
// CHECK-NEXT: arith.cmpf oge, %[[LOGITS]]#16, %[[LEAST1]]
// CHECK: arith.cmpf oge, %[[LOGITS]]#7, %[[LEAST0]]
// CHECK-NEXT: arith.cmpf oge, %[[LOGITS]]#23, %[[LEAST1]]
// CHECK-NOT: arith.cmpf
// CHECK: %[[ALL:.*]] = nvvm.redux.sync or
// CHECK: llvm.atomicrmw _or %[[WORDS:.*]], %[[ALL]]
// CHECK-NOT: {{llvm.atomicrmw|nvvm.redux|maxnumf|ex2}}
// The next word has a vote of its own.
// CHECK: %[[BELOW0:.*]] = arith.cmpf olt, %[[WORD10]], %[[LIMIT0]]
// CHECK-NEXT: %[[BELOW1:.*]] = arith.cmpf olt, %[[WORD11]], %[[LIMIT1]]
// CHECK-NEXT: %[[BELOW:.*]] = arith.andi %[[BELOW0]], %[[BELOW1]]
// CHECK-NEXT: %[[NOTHING:.*]] = nvvm.vote.sync all %c-1_i32, %[[BELOW]]
// CHECK-NEXT: %[[SOMETHING:.*]] = arith.xori %[[NOTHING]], %true
// CHECK-NEXT: scf.if %[[SOMETHING]] {
// CHECK-NEXT: arith.cmpf oge, %[[LOGITS]]#8, %[[LEAST0]]
// CHECK-NEXT: arith.cmpf oge, %[[LOGITS]]#24, %[[LEAST1]]
// CHECK: nvvm.redux.sync or
// CHECK: %[[NEXT:.*]] = llvm.getelementptr %[[WORDS]][4]
// CHECK: llvm.atomicrmw _or %[[NEXT]]
// CHECK-NOT: {{llvm.atomicrmw|nvvm.redux|maxnumf|ex2}}
// Whether the sums fit is asked of the same ones; only where they do not maxima are looked for.
// CHECK: %[[FITS0:.*]] = arith.cmpf olt, %[[ALL0]], %[[MUCH]]
// CHECK-NEXT: %[[FITS1:.*]] = arith.cmpf olt, %[[ALL1]], %[[MUCH]]
// CHECK-NEXT: %[[FITS:.*]] = arith.andi %[[FITS0]], %[[FITS1]]
// CHECK-NEXT: %[[FIT:.*]] = nvvm.vote.sync all %c-1_i32, %[[FITS]]
// CHECK-NEXT: scf.if %[[FIT]]
// CHECK-NEXT: scf.yield %[[MAXIMUM0]], %[[ALL0]], %[[MAXIMUM1]], %[[ALL1]]
// CHECK-NEXT: } else {
// CHECK-COUNT-15: arith.maxnumf
cce.kernel @by_terms(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %threshold: !cce.buffer<tokens x f32>,
                     %bits: !cce.buffer<groups x vocab x i1>, %out: !cce.buffer<splits x tokens x !cce.lse>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %s, %i over splits, tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab part %s from %some = %none : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %t = cce.load %threshold[%i] : !cce.buffer<tokens x f32>
      cce.mark %z, %t, %bits : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x vocab x i1>
      %more = cce.lse_update %some, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}
