//===- Rounds.cpp - how tiles fill the multiprocessors --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/plan/Rounds.h"

#include "runtime/plan/ProductCost.h"

#include <algorithm>

namespace cce::rt {

namespace {

/// Of a multiprocessor of an H100 at its power limit: 700 TFLOP/s over 132 of them.
constexpr double operationsPerSecond = 700e12 / 132;
constexpr double bytesPerSecond = 2.5e12;

/// An element of dC between two chunks: 16 bits and 4.
constexpr double bytesOfPartialSum = 2.5;

/// Kernels of a chunk that keep one multiprocessor busy, and the starts of all.
constexpr double secondsOfAChunk = 40e-6;

/// Classes of a tile of the forward.
constexpr int64_t tileClasses = 256;
constexpr int64_t mostSplits = 64;

int64_t divideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Tiles of classes that the busiest multiprocessor goes through in the forward; beginning and ending a split costs about
/// as much as one.
int64_t forwardTiles(int64_t tokens, int64_t classTiles, int64_t splits, int64_t multiprocessors) {
  const int64_t rounds = divideUp(divideUp(tokens, tileTokens) * splits, multiprocessors);
  return rounds * (divideUp(classTiles, splits) + 1);
}

double secondsOf(const ChunkedTokens &problem, int64_t tokens) {
  const int64_t classTiles = divideUp(problem.vocab, tileClasses), p = problem.multiprocessors;
  const int64_t splits = chunkSplits(tokens, classTiles, p);
  const double classes = double(forwardTiles(tokens, classTiles, splits, p) * tileClasses);
  const double forward =
      2.0 * tileTokens * classes * double(problem.hidden) / operationsPerSecond;
  const ProductTile tile{tileTokens, embeddingTile(tokens, problem.hidden, p)};
  return forward + tile.seconds(tokens, problem.hidden, problem.vocab, p) + secondsOfAChunk;
}

} // namespace

int64_t embeddingTile(int64_t tokens, int64_t hidden, int64_t multiprocessors) {
  constexpr int64_t usualChunk = 4096; // others decide the same, but where it hardly matters
  auto seconds = [&](int64_t width) {
    return ProductTile{tileTokens, width}.seconds(tokens, hidden, usualChunk, multiprocessors);
  };
  return seconds(192) < seconds(256) ? 192 : 256;
}

int64_t chunkSplits(int64_t tokens, int64_t classTiles, int64_t multiprocessors) {
  int64_t best = 1;
  for (int64_t splits = 2; splits <= std::min(classTiles, mostSplits); ++splits)
    if (forwardTiles(tokens, classTiles, splits, multiprocessors) <
        forwardTiles(tokens, classTiles, best, multiprocessors))
      best = splits;
  return best;
}

double secondsInChunks(const ChunkedTokens &problem, int64_t size) {
  const int64_t others = divideUp(problem.tokens, size) - 1; // in front of the last
  const double elements = double(problem.vocab) * double(problem.hidden);
  // Written by one chunk and read by the next; half of that time the tensor cores are at something else anyway.
  const double sums = double(others) * 2 * bytesOfPartialSum * elements / bytesPerSecond / 2;
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
