//===- ProductCost.h - what a product on a GPU may cost ---------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_PLAN_PRODUCTCOST_H
#define CCE_RUNTIME_PLAN_PRODUCTCOST_H

#include <cstdint>

namespace cce::rt {

/// Tokens of a tile of every product on a GPU.
constexpr int64_t tileTokens = 128;

/// Of the forward, at most. Partial states are 8 bytes a token and split, so this many are still small beside E.
constexpr int64_t mostSplits = 64;

/// The same beside what a filter needs, from this many tiles of tokens on.
constexpr int64_t mostSplitsBesideFilter = 12, manyTokenTiles = 16;

/// Between two kernels that follow each other on a stream.
constexpr double launchSeconds = 3e-6;

/// Kernels of a forward and a backward that keep one multiprocessor busy, and the starts of all that there are once.
constexpr double smallKernelsSeconds = 40e-6;

/// A way that takes so much of the time of a simpler one, by these estimates, is worth more splits or launches.
constexpr double clearlyLess = 0.99;

/// A part of a product's result that one multiprocessor computes at a time.
struct ProductTile {
  int64_t rows = 1;
  int64_t columns = 1;
  /// So many multiprocessors take tiles of neighbouring rows together.
  int64_t cluster = 1;

  /// How often every multiprocessor gets a tile of a result of this size; in the last round most of
  /// them may have none.
  int64_t rounds(int64_t resultRows, int64_t resultColumns, int64_t multiprocessors) const;

  /// Estimated seconds of a product with sums over `depth`. Good for comparisons: clocks go down
  /// under load, and come back after a pause.
  double seconds(int64_t resultRows, int64_t resultColumns, int64_t depth,
                 int64_t multiprocessors) const;
};

/// Estimated seconds that one multiprocessor multiplies for a part of a result with sums over `depth`.
double multiplySeconds(int64_t rows, int64_t columns, int64_t depth);

/// Estimated seconds of a forward over tokens that are whole tiles. The busiest multiprocessor has so many splits, of each of
/// which beginning and ending cost about as much as a tile of classes.
double forwardSeconds(int64_t tokens, int64_t classes, int64_t hidden, int64_t multiprocessors);

/// Estimated seconds of grad_from_saved, which reads and writes 16 bits for each logit and does nothing else.
double fromSavedSeconds(int64_t tokens, int64_t classes);

/// Estimated seconds that so many bytes are read or written by kernels that are busy with a product anyway.
double trafficSeconds(double bytes);

/// Estimated seconds that it takes to read the sums of a matrix, 24 bits each, and to write them again, as
/// far as the kernel that does so is not busy with its product anyway.
double sumSeconds(int64_t rows, int64_t columns);

/// How wide grad_embedding's tiles of the hidden axis are best: those of 256 columns are the fastest for
/// each, but there are few of them, and in the last round most multiprocessors may have none. Measured on
/// an H100: Gemma 2 (9 tiles of 256 or 12 of 192) 0.93 of the time, GPT-2 (3 or 4) 0.75.
int64_t embeddingTile(int64_t tokens, int64_t hidden, int64_t multiprocessors);

/// Into how many splits the forward best cuts the vocabulary, at most `most`: as few as keep the multiprocessors busy while
/// so many tiles of tokens are at work as are at a time, or more, if the rounds of (tile of tokens, split) then are
/// fuller. 34 tiles and 4 splits would be a round of 132 and one of 4; 64 tiles and 4 splits are two of 128, but 33 splits
/// are 16 of 132: on an H100 0.99 of the time.
/// `lastPart`: how often the last split fits into one of the others, 1 if all are of the same length.
int64_t forwardSplits(int64_t tokenTiles, int64_t classTiles, int64_t hidden, int64_t multiprocessors,
                      int64_t most = mostSplits, int64_t lastPart = 1);

/// How often the last split should fit into one of the others: 2 where so few splits make fuller rounds that way, 4 or 8 where these are too many, or
/// too short, else 1. 16 splits and a half of 64 tiles of tokens are eight rounds of 132 multiprocessors, eight and a quarter are four, four and an eighth
/// two; but where tokens are ignored, which is not known then, more and shorter ones fill rounds better.
int64_t lastPartOfForward(int64_t tokenTiles, int64_t classTiles, int64_t hidden, int64_t multiprocessors, int64_t most);

/// What a forward has to do, for the size of its grid: pairs of a tile of tokens and a split, in units of a shorter last one.
int64_t forwardItems(int64_t tokenTiles, int64_t splits, int64_t lastPart);

} // namespace cce::rt

#endif // CCE_RUNTIME_PLAN_PRODUCTCOST_H
