// The pipeline from a kernel to what LLVM takes: no op of our dialect, of arith, scf or nvvm's higher ops that need lowering is
// left, and no cast that nobody resolved.
// RUN: cat %{src}/kernels-src/transforms.mlir %{src}/kernels-src/lse_forward.mlir > %t.mlir
// RUN: cce-opt %t.mlir --cce-prepare="operand=bf16 transform=bias_softcap" --cce-to-llvm-sm90a | FileCheck %s

// CHECK: gpu.module
// CHECK-LABEL: llvm.func @lse_forward(
// CHECK-SAME: cce.manifest
// CHECK-NOT: {{(= |^ *)(cce|arith|scf|cf|math)\.}}
// CHECK-NOT: unrealized_conversion_cast
// CHECK: llvm.return
