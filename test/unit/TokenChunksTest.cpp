//===- TokenChunksTest.cpp - how many tokens a chunk has ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/plan/TokenChunks.h"

#include <gtest/gtest.h>

namespace cce::rt {
namespace {

constexpr int64_t h100 = 132;

/// Chunks of a problem for which a size fits if codes of 16 bits and quarters of dC do.
int64_t chosen(ChunkedTokens problem, double gibibytes, int64_t least = 512) {
  return chooseTokenChunk(problem, least, [&](int64_t size) {
    const int64_t sums = size < problem.tokens ? problem.vocab * problem.hidden / 2 : 0;
    return double(2 * size * problem.vocab + sums) < gibibytes * (1 << 30) * 0.99;
  });
}

TEST(TokenChunks, chunksOfKnownHeads) {
  EXPECT_EQ(chosen({8192, 2304, 256000, h100}, 1), 1408); // Gemma 2: 6 chunks, dE in one round each
  EXPECT_EQ(chosen({8192, 4096, 128256, h100}, 1), 3072); // Llama 3: 3 chunks
  EXPECT_EQ(chosen({8192, 3072, 32064, h100}, 1), 8192);  // Phi 3.5: all at once
}

TEST(TokenChunks, whatDoesNotFitIsNotChosen) {
  EXPECT_EQ(chosen({8192, 2304, 256000, h100}, 0.25), 0);
  // 512 tokens would fit, but are too few.
  EXPECT_NE(chosen({8192, 2304, 256000, h100}, 0.55), 0);
  EXPECT_EQ(chosen({8192, 2304, 256000, h100}, 0.55, 640), 0);
  // Few tokens are a chunk if they are all.
  EXPECT_EQ(chosen({256, 64, 1000, h100}, 1), 256);
}

TEST(TokenChunks, sumsOfTheGradientCost) {
  const ChunkedTokens problem{8192, 2304, 256000, h100};
  // dE in as many rounds, and the forward as well: the difference are the sums between the chunks.
  EXPECT_GT(secondsInChunks(problem, 1408), secondsInChunks(problem, 4224));
  EXPECT_NEAR(secondsInChunks(problem, 1408) - secondsInChunks(problem, 2816), 3 * 0.00059, 0.0008);
}

} // namespace
} // namespace cce::rt
