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

/// What a thread's terms of a log-sum-exp, 2^(logit log2 e + minusShift), add up to in the words of 32 columns of
/// a tile, in both halves.
struct WordSums {
  static constexpr int columns = 8; ///< of a thread, in each half of a word
  Value minusShift[2];
  SmallVector<Value> sums[2];
  Value totals[2]; ///< with what there was before the tile
};

/// All rows of a tile are one group. `logits`: the thread's values of half 0, then of half 1, -inf in
/// columns that do not exist. Few bits are set: a warp takes one word at a time, and does not look at it if all
/// its sums of `terms` there, which are needed anyway, are less than the term of a logit at the threshold. A sum
/// is not less than one of its terms, so no bit is missed; a warp looks for nothing where only a sum is that
/// large. Where it looks, its lanes, who have different columns and rows, put their bits together, and one writes
/// them.
LogicalResult markGroup(PtxBuilder &builder, FragmentEvaluator &fragment, KernelArguments &arguments,
                        const ProductKernel &product, MarkOp op, ArrayRef<Value> logits,
                        Value tileColumn, const WordSums &terms);

/// Every row names its group. The four lanes of a row put their bits of a word together.
LogicalResult markRows(PtxBuilder &builder, FragmentEvaluator &fragment, KernelArguments &arguments,
                       const ProductKernel &product, MarkOp op, Value tileColumn);

} // namespace mlir::cce

#endif // CCE_COMPILER_NVPTX_MARKS_H
