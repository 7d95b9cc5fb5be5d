//===- Passes.h - lowering to NVIDIA GPUs -------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_NVPTX_PASSES_H
#define CCE_COMPILER_NVPTX_PASSES_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Pass/Pass.h"

namespace mlir::cce {
#define GEN_PASS_DECL
#include "compiler/nvptx/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "compiler/nvptx/Passes.h.inc"
} // namespace mlir::cce

#endif // CCE_COMPILER_NVPTX_PASSES_H
