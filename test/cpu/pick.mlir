// The label's logit of each row on the way to a log-sum-exp: the row's logits are kept for its sum, and one of them may be the label's.
// REQUIRES: cpu-target
// RUN: cce-opt %s --cce-to-cpu --canonicalize --cse | FileCheck %s --enable-var-scope

// The manifest: labels, and where the classes at hand begin among all.
// CHECK-LABEL: llvm.func @pick(%arg0: !llvm.ptr) attributes {cce.manifest =
// CHECK-SAME: {buffer = "labels", kind = "pointer"}, {buffer = "labels", dimension = 0 : i64, kind = "stride"}
// CHECK-SAME: {buffer = "label_logit", kind = "pointer"}, {buffer = "label_logit", dimension = 0 : i64, kind = "stride"}
// CHECK-SAME: {axis = "vocab", kind = "origin"}
// CHECK: %[[PLACE8:.*]] = llvm.getelementptr %arg0[8]
// CHECK-NEXT: %[[TARGET:.*]] = llvm.load %[[PLACE8]] {{.*}} -> !llvm.ptr
// CHECK: %[[PLACE9:.*]] = llvm.getelementptr %arg0[9]
// CHECK-NEXT: %[[STRIDE:.*]] = llvm.load %[[PLACE9]] {{.*}} -> i64
// CHECK: %[[PLACE17:.*]] = llvm.getelementptr %arg0[17]
// CHECK-NEXT: %[[ORIGIN:.*]] = llvm.load %[[PLACE17]] {{.*}} -> i64
// Rows, tiles of columns, and how many columns there are in this one.
// CHECK: scf.for %[[ROWS:[a-z0-9]+]] = %{{.*}} step %c1024_i64
// CHECK: scf.for %[[COLUMNS:[a-z0-9]+]] = %{{.*}} step %c256_i64
// CHECK: %[[COUNT:.*]] = arith.minsi %{{.*}}, %c256_i64
// CHECK: call @cce_product
// CHECK: scf.for %[[ROW:[a-z0-9]+]] = %{{.*}} step %c1_i64
// The logits of the row, and then the label's among them: of a label that is not here the difference is large without a sign.
// CHECK: llvm.store %{{.*}}, %{{.*}} {alignment = 64 : i64} : vector<16xf32>, !llvm.ptr
// CHECK: scf.yield
// CHECK: %[[LABEL:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr -> i32
// CHECK-NEXT: %[[LABEL64:.*]] = arith.extsi %[[LABEL]]
// CHECK-NEXT: %[[START:.*]] = arith.addi %[[COLUMNS]], %[[ORIGIN]]
// CHECK-NEXT: %[[INDEX:.*]] = arith.subi %[[LABEL64]], %[[START]]
// CHECK-NEXT: %[[HERE:.*]] = arith.cmpi ult, %[[INDEX]], %[[COUNT]]
// CHECK-NEXT: scf.if %[[HERE]] {
// CHECK-NEXT: %[[TOKEN:.*]] = arith.addi %[[ROWS]], %[[ROW]]
// CHECK-NEXT: %[[OFFSET:.*]] = arith.muli %[[TOKEN]], %[[STRIDE]]
// CHECK-NEXT: %[[ENTRY:.*]] = llvm.getelementptr %[[TARGET]][%[[OFFSET]]]
// CHECK-NEXT: %[[PLACE:.*]] = llvm.getelementptr %{{.*}}[%[[INDEX]]]
// CHECK-NEXT: %[[LOGIT:.*]] = llvm.load %[[PLACE]]
// CHECK-NEXT: llvm.store %[[LOGIT]], %[[ENTRY]] {alignment = 4 : i64} : f32, !llvm.ptr
// CHECK-NEXT: }
cce.kernel @pick(%e: !cce.buffer<tokens x hidden x f32>, %c: !cce.buffer<vocab x hidden x f32>, %labels: !cce.buffer<tokens x i32>,
                 %label_logit: !cce.buffer<tokens x f32>, %out: !cce.buffer<splits x tokens x !cce.lse>) {
  cce.parallel %s, %i over splits, tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab part %s from %some = %none : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x f32>, !cce.buffer<vocab x hidden x f32> -> !cce.tile<tokens x vocab x f32>
      %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
      cce.pick %z, %y, %label_logit : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x i32>, !cce.buffer<tokens x f32>
      %more = cce.lse_update %some, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}
