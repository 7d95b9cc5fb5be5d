//===- EmitPtx.h - from the nvvm dialect to PTX text ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_NVPTX_EMITPTX_H
#define CCE_COMPILER_NVPTX_EMITPTX_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Pass/PassManager.h"
#include <string>

namespace mlir::cce {

/// The oldest PTX with everything that the kernels use, so that the oldest driver can take it
/// (PTX 8.0: CUDA 12.0).
inline constexpr llvm::StringLiteral ptxFeature = "+ptx80";

/// The passes after cce-to-nvvm: everything in gpu.modules becomes the llvm dialect.
void buildNvvmToLlvmPipeline(OpPassManager &manager);

/// PTX for sm_90a of a gpu.module that holds nothing but the llvm dialect, with LLVM's NVPTX back end
/// in this process.
FailureOr<std::string> emitPtx(gpu::GPUModuleOp module);

} // namespace mlir::cce

#endif // CCE_COMPILER_NVPTX_EMITPTX_H
