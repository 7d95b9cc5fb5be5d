//===- TokenChunks.cpp - how many tokens a chunk has ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/plan/TokenChunks.h"

#include "runtime/plan/ProductCost.h"
#include "runtime/plan/Rounding.h"

namespace cce::rt {

namespace {

/// An element of dC between two chunks: 16 bits and 4.
constexpr double bytesOfPartialSum = 2.5;

double secondsOf(const ChunkedTokens &problem, int64_t tokens) {
  const int64_t p = problem.multiprocessors;
  const ProductTile tile{tileTokens, embeddingTile(tokens, problem.hidden, p)};
  return forwardSeconds(tokens, problem.vocab, problem.hidden, p) +
         tile.seconds(tokens, problem.hidden, problem.vocab, p) +
         smallKernelsSeconds;
}

} // namespace

double secondsInChunks(const ChunkedTokens &problem, int64_t size) {
  const int64_t others = divideUp(problem.tokens, size) - 1; // in front of the last
  const double elements = double(problem.vocab) * double(problem.hidden);
  // Written by one chunk and read by the next.
  const double sums = double(others) * trafficSeconds(2 * bytesOfPartialSum * elements);
  return double(others) * secondsOf(problem, size) +
         secondsOf(problem, problem.tokens - others * size) + sums;
}

int64_t chooseTokenChunk(const ChunkedTokens &problem, int64_t least,
                         const std::function<bool(int64_t)> &fits) {
  int64_t best = 0;
  double bestSeconds = 0;
  for (int64_t size = tileTokens; size <= problem.tokens; size += tileTokens) {
    if ((size < least && size < problem.tokens) || !fits(size))
      continue;
    const double seconds = secondsInChunks(problem, size);
    if (best == 0 || seconds < bestSeconds) {
      best = size;
      bestSeconds = seconds;
    }
  }
  return best;
}

} // namespace cce::rt
