//===- OnlineLse.h - the log-sum-exp of rows, a tile at a time -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// cce.lse_update on a fragment, and what is done with its logits beside it. Every thread keeps the state
// of its own columns of its two rows; the four threads that share a row merge theirs once, at the end.
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_NVPTX_ONLINELSE_H
#define CCE_COMPILER_NVPTX_ONLINELSE_H

#include "compiler/nvptx/Fragment.h"
#include "compiler/nvptx/Marks.h"

namespace mlir::cce {

class OnlineLse {
public:
  OnlineLse(PtxBuilder &builder, FragmentEvaluator &fragment, KernelArguments &arguments,
            const ProductKernel &product)
      : b(builder), fragment(fragment), arguments(arguments), product(product) {}

  /// (maximum, sum) of half 0, then of half 1; a maximum may be that of the first tiles only.
  SmallVector<Value> initial();
  void setState(ValueRange values) { state.assign(values.begin(), values.end()); }
  ArrayRef<Value> getState() const { return state; }

  /// Takes in the current tile of `logits`, which starts at `tileColumn`, and stores what is made of it.
  LogicalResult update(Value logits, Value tileColumn);
  /// Merges over the threads of a row and writes the state, at entry `part` of the first axis.
  LogicalResult store(StoreOp store, Value part, Value lane);

private:
  bool keepsMaximum() const;
  /// The terms below the maximum that is known, without a branch in between: then none waits for another.
  WordSums sumWords(ArrayRef<Value> (&logits)[2]);
  /// Takes in the logits of both halves, whose terms may have been added up by words.
  void updateBelow(ArrayRef<Value> (&logits)[2], const WordSums *terms);
  void updateWithMaximum(ArrayRef<Value> (&logits)[2]);
  /// Adds 2^(logit log2 e + minusShift) of each.
  Value addTerms(Value sum, ArrayRef<Value> logits, Value minusShift);
  LogicalResult updateAt(Value reference, Value logits, Value tileColumn);
  LogicalResult save(SaveOp save, ArrayRef<Value> logits, Value tileColumn);

  PtxBuilder &b;
  FragmentEvaluator &fragment;
  KernelArguments &arguments;
  const ProductKernel &product;
  SmallVector<Value> state;
};

} // namespace mlir::cce

#endif // CCE_COMPILER_NVPTX_ONLINELSE_H
