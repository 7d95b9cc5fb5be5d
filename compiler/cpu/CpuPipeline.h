//===- CpuPipeline.h - from kernels to the llvm dialect ------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_CPU_CPUPIPELINE_H
#define CCE_COMPILER_CPU_CPUPIPELINE_H

#include "mlir/Pass/PassManager.h"

namespace mlir::cce {

/// `cce-cpu-pipeline`: from prepared kernels to the llvm dialect, for registers of so many bits.
void buildCpuPipeline(OpPassManager &manager, int64_t vectorBits);

} // namespace mlir::cce

#endif // CCE_COMPILER_CPU_CPUPIPELINE_H
