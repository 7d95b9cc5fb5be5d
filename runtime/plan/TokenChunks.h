//===- TokenChunks.h - how many tokens a chunk has --------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// For cce_loss_and_gradients: of a chunk of tokens the tiles of all products should fill the multiprocessors, and there
// should be few chunks, because dC is summed over them. Layout.h has where everything of a chunk lies.
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_PLAN_TOKENCHUNKS_H
#define CCE_RUNTIME_PLAN_TOKENCHUNKS_H

#include <cstdint>
#include <functional>

namespace cce::rt {

/// A problem whose tokens come in chunks, each with its logits, its part of dE and its share of dC.
struct ChunkedTokens {
  int64_t tokens; ///< whole tiles
  int64_t hidden;
  int64_t vocab;
  int64_t multiprocessors;
};

/// About how many seconds chunks of this size take, without what is the same for all sizes.
double secondsInChunks(const ChunkedTokens &problem, int64_t size);

/// The size of a chunk, whole tiles and at least `least` tokens or all, that takes the least time of those that fit;
/// 0: none fits.
int64_t chooseTokenChunk(const ChunkedTokens &problem, int64_t least,
                         const std::function<bool(int64_t)> &fits);

} // namespace cce::rt

#endif // CCE_RUNTIME_PLAN_TOKENCHUNKS_H
