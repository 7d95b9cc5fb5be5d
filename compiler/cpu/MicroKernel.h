//===- MicroKernel.h - the inner product of the CPU target --------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_CPU_MICROKERNEL_H
#define CCE_COMPILER_CPU_MICROKERNEL_H

#include "compiler/cpu/Emitter.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::cce::cpu {

/// Shape of a micro-kernel and of the tiles it works on; strides in elements of f32, fixed so that
/// the compiler can fold them into addresses.
struct MicroKernelShape {
  int64_t rows, vectors, vectorLanes;  ///< accumulators: rows x vectors, each of so many lanes
  int64_t lhsRowStride, lhsStepStride; ///< between rows of A, between steps of the contraction
  int64_t rhsChunkStride;              ///< between panels of `lanes` columns of B
  int64_t resultRowStride;

  int64_t columns() const { return vectors * vectorLanes; }
};

/// Steps of the contraction come in multiples of this.
inline constexpr int64_t microKernelSteps = 4;

/// `void (a, b, c, steps, first)`: c (= if first, else +=) A B over `steps` steps.
LLVM::LLVMFuncOp buildMicroKernel(ModuleOp module, Location loc, StringRef name,
                                  const MicroKernelShape &shape);

} // namespace mlir::cce::cpu

#endif // CCE_COMPILER_CPU_MICROKERNEL_H
