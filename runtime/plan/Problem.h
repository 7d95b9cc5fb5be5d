//===- Problem.h - a checked cce_problem ------------------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_PLAN_PROBLEM_H
#define CCE_RUNTIME_PLAN_PROBLEM_H

#include "runtime/kernels/Bindings.h"
#include "runtime/support/Status.h"

#include <array>
#include <cstdint>
#include <string>

namespace cce::rt {

/// What cce_problem says, with its defaults resolved and every value known to be good.
struct Problem {
  int64_t tokens = 0;
  int64_t hidden = 0;
  int64_t vocab = 0;
  cce_dtype dtype = CCE_BF16;
  cce_dtype labelDtype = CCE_I64;
  cce_dtype biasDtype = CCE_DTYPE_NONE;
  std::array<int64_t, 2> eStrides, cStrides, deStrides, dcStrides;
  cce_reduction reduction = CCE_REDUCTION_MEAN;
  int64_t ignoreIndex = -100;
  int64_t shift = 0;
  /// At least 1, also without tokens: it is a divisor.
  int64_t sequence = 1;
  float softcap = 0;
  /// A built-in name or MLIR text, as in KernelRequest.
  std::string transform;
  size_t workspaceLimit = 0;
  bool checkLabels = false;
  /// 0: exact.
  float filterEps = 0;
  cce_filter_tail filterTail = CCE_FILTER_TAIL_CORRECT;
  bool correctsTail() const { return filterTail != CCE_FILTER_TAIL_DROP; }
  /// Bytes; 0: no logits are saved.
  uint64_t savedLogitsLimit = 0;
  /// The plan is for cce_loss_and_gradients.
  bool oneCall = false;

  bool hasBias() const { return biasDtype != CCE_DTYPE_NONE; }

  BufferBinding e(const void *base) const { return matrix(base, tokens, eStrides); }
  BufferBinding c(const void *base) const { return matrix(base, vocab, cStrides); }
  BufferBinding de(const void *base) const { return matrix(base, tokens, deStrides); }
  BufferBinding dc(const void *base) const { return matrix(base, vocab, dcStrides); }

  /// Everything that timings depend on, as text: part of the key of the tuning table.
  std::string tuningKey() const;

  /// Checks in the order of the struct and reports the first thing that is wrong, for example
  /// "problem.softcap: expected a number > 0, got -1".
  static Expected<Problem> check(const cce_problem &problem);

private:
  BufferBinding matrix(const void *base, int64_t rows, std::array<int64_t, 2> strides) const {
    return {const_cast<void *>(base), dtype, 2, {rows, hidden}, strides};
  }
};

} // namespace cce::rt

#endif // CCE_RUNTIME_PLAN_PROBLEM_H
