// Every kernel reaches the llvm dialect, for every element type and transform.
// REQUIRES: cpu-target
// RUN: cat %{src}/kernels-src/transforms.mlir %{src}/kernels-src/lse_forward.mlir > %t.lse.mlir
// RUN: cce-opt %t.lse.mlir --cce-prepare="operand=bf16 transform=bias_softcap" --cce-cpu-pipeline | FileCheck %s --check-prefixes=CHECK,LSE
// RUN: cat %{src}/kernels-src/transforms.mlir %{src}/kernels-src/logit_grad.mlir > %t.grad.mlir
// RUN: cce-opt %t.grad.mlir --cce-prepare="operand=f16 transform=bias" --cce-cpu-pipeline | FileCheck %s --check-prefixes=CHECK,GRAD
// RUN: cat %{src}/kernels-src/transforms.mlir %{src}/kernels-src/indexed_matmul.mlir > %t.dot.mlir
// RUN: cce-opt %t.dot.mlir --cce-prepare="operand=f32 transform=identity" --cce-cpu-pipeline | FileCheck %s --check-prefixes=CHECK,DOT
// RUN: cce-opt %{src}/kernels-src/grad_embedding.mlir --cce-prepare=operand=bf16 --cce-cpu-pipeline=vector-bits=256 | FileCheck %s --check-prefixes=CHECK,EMBED
// RUN: cce-opt %{src}/kernels-src/grad_classifier.mlir --cce-prepare=operand=bf16 --cce-cpu-pipeline | FileCheck %s
// RUN: cce-opt %{src}/kernels-src/grad_bias.mlir --cce-prepare=operand=f16 --cce-cpu-pipeline | FileCheck %s

// CHECK-NOT: {{scf|arith|vector|math|func|cf|cce}}.{{[a-z]+}} %
// LSE: llvm.func @lse_forward
// GRAD: llvm.func @logit_grad
// DOT: llvm.func @indexed_matmul
// EMBED: llvm.func @grad_embedding_partial
// CHECK: llvm.return
// CHECK-NOT: unrealized_conversion_cast
