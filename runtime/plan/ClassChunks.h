//===- ClassChunks.h - how many classes a chunk has -------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// For the exact backward, which computes the gradients of one chunk of classes after the other. Layout.h has where everything
// of a chunk lies.
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_PLAN_CLASSCHUNKS_H
#define CCE_RUNTIME_PLAN_CLASSCHUNKS_H

#include "runtime/plan/Layout.h"

namespace cce::rt {

/// Chunks of the classes from `first` on, with what they need of the workspace from `start` on: of those that fit the limit the
/// ones that take the least time; if not even the smallest ones fit, those.
Chunks chooseChunks(const Layout &layout, const Problem &problem, const LayoutInputs &inputs,
                    int64_t start, int64_t first);

/// Estimated seconds of the backward of so many classes at once, whose logits are saved or computed again.
double secondsOfChunk(const Layout &layout, const Problem &problem, const LayoutInputs &inputs,
                      int64_t classes, bool isSaved);

/// The same of all chunks, where dC is wanted.
double secondsOfChunks(const Layout &layout, const Problem &problem, const LayoutInputs &inputs,
                       const Chunks &chunks);

} // namespace cce::rt

#endif // CCE_RUNTIME_PLAN_CLASSCHUNKS_H
