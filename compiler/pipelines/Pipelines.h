//===- Pipelines.h - named sequences of passes ----------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_PIPELINES_PIPELINES_H
#define CCE_COMPILER_PIPELINES_PIPELINES_H

#include "compiler/transforms/Passes.h"
#include "mlir/Pass/PassManager.h"

namespace mlir::cce {

/// `cce-prepare`: one kernel for one element type and transform, element-wise parts inlined. No
/// target yet.
void buildPreparePipeline(OpPassManager &manager, const SpecializePassOptions &options);

/// `cce-to-llvm-sm90a`: from a prepared kernel to the llvm dialect in a gpu.module.
void buildSm90aPipeline(OpPassManager &manager);

void registerPipelines();

} // namespace mlir::cce

#endif // CCE_COMPILER_PIPELINES_PIPELINES_H
