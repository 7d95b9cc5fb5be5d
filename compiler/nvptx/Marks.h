//===- Marks.h - which classes some token needs --------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// cce.mark on a fragment. Bits of many threads go to one word, so they are put together before they go
// out, and combined in memory with an atomic `or`, whose order does not matter.
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_NVPTX_MARKS_H
#define CCE_COMPILER_NVPTX_MARKS_H

#include "compiler/nvptx/Fragment.h"

namespace mlir::cce {

/// All rows of a tile are one group. `logits`: the thread's values of half 0, then of half 1, -inf in
/// columns that do not exist. Few bits are set: a warp looks at 64 columns at a time, two words, and at
/// none of them if none of its logits there reaches its threshold, which their maxima tell. Else its
/// lanes, who have different columns and rows, put their bits together, and one writes them.
LogicalResult markGroup(PtxBuilder &builder, FragmentEvaluator &fragment, KernelArguments &arguments,
                        const ProductKernel &product, MarkOp op, ArrayRef<Value> logits,
                        Value tileColumn);

/// Every row names its group. The four lanes of a row put their bits of a word together.
LogicalResult markRows(PtxBuilder &builder, FragmentEvaluator &fragment, KernelArguments &arguments,
                       const ProductKernel &product, MarkOp op, Value tileColumn);

} // namespace mlir::cce

#endif // CCE_COMPILER_NVPTX_MARKS_H
