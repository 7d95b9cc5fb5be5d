//===- Tallies.h - what each class has below the limits -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// cce.tally on a fragment. Few rows take part, so what most warps see is that none of theirs does.
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_NVPTX_TALLIES_H
#define CCE_COMPILER_NVPTX_TALLIES_H

#include "compiler/nvptx/Fragment.h"

namespace mlir::cce {

/// `logits`: the thread's values of half 0, then of half 1, -inf in columns that do not exist; the target has room for whole tiles of
/// columns. Eight rows are the same half of a warp's threads: if some of them take part all do, and those that do not add nothing.
LogicalResult tallyBelow(PtxBuilder &builder, FragmentEvaluator &fragment, KernelArguments &arguments,
                         const ProductKernel &product, TallyOp op, ArrayRef<Value> logits,
                         Value tileColumn);

} // namespace mlir::cce

#endif // CCE_COMPILER_NVPTX_TALLIES_H
