// The pipeline that every target starts with: one kernel, concrete types, no transform left, and of the inputs only those that the
// transform uses.
// RUN: cat %{src}/kernels-src/transforms.mlir %{src}/kernels-src/logit_grad.mlir > %t.mlir
// RUN: cce-opt %t.mlir --cce-prepare="kernel=logit_grad operand=bf16 transform=softcap config='<tile_m = 128, tile_n = 256, tile_k = 64, stages = 4>'" | FileCheck %s --implicit-check-not=cce.transform --implicit-check-not=cce.apply --implicit-check-not=!cce.operand

// CHECK-LABEL: cce.kernel @logit_grad(
// CHECK-SAME: %e: !cce.buffer<positions x hidden x bf16>
// CHECK-SAME: attributes {config = #cce.config<tile_m = 128, tile_n = 256, tile_k = 64, stages = 4>}
// CHECK: %[[X:.*]] = cce.matmul
// CHECK-NOT: cce.load %bias
// The logit and its derivative are maps of the product and of the softcap.
// CHECK: cce.map %[[X]], %param
// CHECK: math.tanh
// CHECK: cce.map %[[X]], %param
// CHECK: cce.store
