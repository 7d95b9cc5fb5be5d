//===- Picks.h - the label's entry of each row ---------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// cce.pick on a fragment. A row's label is in one tile of all, so nearly every tile has none to look for
// and a warp only has to find that out.
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_NVPTX_PICKS_H
#define CCE_COMPILER_NVPTX_PICKS_H

#include "compiler/nvptx/Fragment.h"

namespace mlir::cce {

/// `logits`: the thread's values of half 0, then of half 1. Where a row of the warp has its label in this
/// tile, the thread that holds the entry stores it: there is one, so it needs no atomic.
LogicalResult pickLabels(PtxBuilder &builder, FragmentEvaluator &fragment, KernelArguments &arguments,
                         const ProductKernel &product, PickOp op, ArrayRef<Value> logits,
                         Value tileColumn);

} // namespace mlir::cce

#endif // CCE_COMPILER_NVPTX_PICKS_H
