//===- Lowerings.h - one lowering per form of kernel ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_NVPTX_LOWERINGS_H
#define CCE_COMPILER_NVPTX_LOWERINGS_H

#include "compiler/nvptx/KernelArguments.h"
#include "dialect/CceOps.h"

namespace mlir::cce {

/// A kernel around one cce.matmul: TMA, wgmma, warp-specialised. `sharedMemory` is the symbol of the
/// block's dynamic shared memory, aligned to 1024 bytes.
LogicalResult lowerProduct(PtxBuilder &builder, KernelOp kernel, StringRef sharedMemory);

/// A kernel around one cce.dot: a warp per row.
LogicalResult lowerDot(PtxBuilder &builder, KernelOp kernel);

/// Column sums, cce.accumulate in a cce.reduce: a block for 32 columns.
LogicalResult lowerColumnSums(PtxBuilder &builder, KernelOp kernel, StringRef sharedMemory);

} // namespace mlir::cce

#endif // CCE_COMPILER_NVPTX_LOWERINGS_H
