//===- Layout.h - splits, chunks and the workspace of a plan ----*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_PLAN_LAYOUT_H
#define CCE_RUNTIME_PLAN_LAYOUT_H

#include "runtime/plan/Problem.h"
#include "runtime/support/Status.h"

namespace cce::rt {

/// A piece of a workspace; 0 bytes if the plan does not need it.
struct Slice {
  int64_t offset = 0;
  int64_t bytes = 0;
};

/// What the layout depends on besides the problem.
struct LayoutInputs {
  /// Tokens are padded to a multiple of this, chunks of the vocabulary are a multiple of that.
  int64_t tokenGranule = 1;
  int64_t vocabGranule = 1;
  /// Rows of the sums of dE are padded to a multiple of this: whole tiles of the kernels that keep them.
  int64_t hiddenGranule = 1;
  /// Tiles of lse_forward.
  int64_t forwardTokenTile = 1;
  int64_t forwardVocabTile = 1;
  /// Multiprocessors, for the choice of splits; 0: a number that does not depend on the machine.
  int64_t multiprocessors = 0;
  /// Set by the tuner; 0: choose.
  int64_t splits = 0;
  /// A chunk of g that is larger than this gains nothing, because it leaves the cache; 0: no such size.
  int64_t cachedChunkBytes = 0;
  /// E or C do not meet the rules of the device and are copied to padded rows.
  bool packE = false;
  bool packC = false;
};

struct Layout {
  int64_t padded = 0;
  int64_t splits = 1;
  int64_t chunk = 0;
  int64_t chunks = 1;
  /// Elements between the rows of g, and of packed E and C.
  int64_t gStride = 0;
  int64_t packedStride = 0;
  /// Elements between the rows of the f32 sums of dE.
  int64_t sumStride = 0;

  /// Used by both directions.
  Slice count, error, rows, labels, bias, packedE;
  struct {
    Slice labelLogit, partial, packedC;
  } forward;
  struct {
    Slice lse, probWeight, labelWeight, alpha, dbias, packedC, g, sum;
  } backward;
  int64_t forwardBytes = 0;
  int64_t backwardBytes = 0;

  /// Fails with CCE_RESOURCE_EXHAUSTED if not even one tile of classes fits the limit.
  static Expected<Layout> choose(const Problem &problem, const LayoutInputs &inputs);
};

} // namespace cce::rt

#endif // CCE_RUNTIME_PLAN_LAYOUT_H
