//===- RoundsTest.cpp - how tiles fill the multiprocessors ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/plan/Rounds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cce::rt {
namespace {

constexpr int64_t h100 = 132;

TEST(Rounds, embeddingTilesAreNarrowWhereTheLastRoundWouldBeEmpty) {
  EXPECT_EQ(embeddingTile(8192, 2304, h100), 192); // 64 x 12 tiles in 6 rounds instead of 64 x 9 in 5
  EXPECT_EQ(embeddingTile(8192, 4096, h100), 256);
  EXPECT_EQ(embeddingTile(1408, 2304, h100), 192); // one round, 11 x 12 tiles
}

TEST(Rounds, splitsFillWhatTilesOfTokensLeave) {
  EXPECT_EQ(chunkSplits(1408, 1000, h100), 12); // 11 x 12 in one round
  EXPECT_EQ(chunkSplits(3072, 501, h100), 11);  // 24 x 11 in two
  EXPECT_EQ(chunkSplits(128, 6400, h100), 64);  // no more
  EXPECT_EQ(chunkSplits(128, 3, h100), 3);
}

/// Chunks of a problem for which a size fits if codes of 16 bits and quarters of dC do.
int64_t chosen(ChunkedTokens problem, double gibibytes, int64_t least = 512) {
  return chooseTokenChunk(problem, least, [&](int64_t size) {
    const int64_t sums = size < problem.tokens ? problem.vocab * problem.hidden / 2 : 0;
    return double(2 * size * problem.vocab + sums) < gibibytes * (1 << 30) * 0.99;
  });
}

TEST(Rounds, chunksOfKnownHeads) {
  EXPECT_EQ(chosen({8192, 2304, 256000, h100}, 1), 1408); // Gemma 2: 6 chunks, dE in one round each
  EXPECT_EQ(chosen({8192, 4096, 128256, h100}, 1), 3072); // Llama 3: 3 chunks
  EXPECT_EQ(chosen({8192, 3072, 32064, h100}, 1), 8192);  // Phi 3.5: all at once
}

TEST(Rounds, whatDoesNotFitIsNotChosen) {
  EXPECT_EQ(chosen({8192, 2304, 256000, h100}, 0.25), 0);
  // 512 tokens would fit, but are too few.
  EXPECT_NE(chosen({8192, 2304, 256000, h100}, 0.55), 0);
  EXPECT_EQ(chosen({8192, 2304, 256000, h100}, 0.55, 640), 0);
  // Few tokens are a chunk if they are all.
  EXPECT_EQ(chosen({256, 64, 1000, h100}, 1), 256);
}

TEST(Rounds, sumsOfTheGradientCost) {
  const ChunkedTokens problem{8192, 2304, 256000, h100};
  // dE in as many rounds, and the forward as well: the difference are the sums between the chunks.
  EXPECT_GT(secondsInChunks(problem, 1408), secondsInChunks(problem, 4224));
  EXPECT_NEAR(secondsInChunks(problem, 1408) - secondsInChunks(problem, 2816), 3 * 0.00059, 0.0008);
}

} // namespace
} // namespace cce::rt
