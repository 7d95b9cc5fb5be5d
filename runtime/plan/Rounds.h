//===- Rounds.h - how tiles fill the multiprocessors ------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// Tiles of a product run in rounds, one a multiprocessor, and in the last round some have none. These functions
// choose sizes so that little is lost by that.
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_PLAN_ROUNDS_H
#define CCE_RUNTIME_PLAN_ROUNDS_H

#include <cstdint>
#include <functional>

namespace cce::rt {

/// Tokens of a tile of every product on a GPU.
constexpr int64_t tileTokens = 128;

/// How wide grad_embedding's tiles of the hidden axis are best: those of 256 columns are the fastest for
/// each, but there are few of them, and in the last round most multiprocessors may have none. Measured on
/// an H100: Gemma 2 (9 tiles of 256 or 12 of 192) 0.93 of the time, GPT-2 (3 or 4) 0.75.
int64_t embeddingTile(int64_t tokens, int64_t hidden, int64_t multiprocessors);

/// Into how many splits the vocabulary is best cut for so few tokens, so that their tiles times splits
/// fill the multiprocessors.
int64_t chunkSplits(int64_t tokens, int64_t classTiles, int64_t multiprocessors);

/// A problem whose tokens come in chunks, each with its logits, its part of dE and its share of dC.
struct ChunkedTokens {
  int64_t tokens; ///< whole tiles
  int64_t hidden;
  int64_t vocab;
  int64_t multiprocessors;
};

/// About how many seconds chunks of this size take on an H100, without what is the same for all sizes.
double secondsInChunks(const ChunkedTokens &problem, int64_t size);

/// The size of a chunk, whole tiles and at least `least` tokens or all, that takes the least time of those that fit;
/// 0: none fits.
int64_t chooseTokenChunk(const ChunkedTokens &problem, int64_t least,
                         const std::function<bool(int64_t)> &fits);

} // namespace cce::rt

#endif // CCE_RUNTIME_PLAN_ROUNDS_H
