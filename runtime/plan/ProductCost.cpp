//===- ProductCost.cpp - what a product on a GPU may cost -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/plan/ProductCost.h"

#include "runtime/plan/Rounding.h"

#include <algorithm>

namespace cce::rt {

// Measured on an H100 SXM, bf16 (docs/performance.md). Other GPUs have other numbers, but of a similar
// ratio, which is what decisions depend on.

/// 700 TFLOP/s of 132 multiprocessors, under the load that has brought the clock down.
static constexpr double flopsPerSecond = 5.3e12;
/// What a tile takes beside its product: the first stages and the element-wise part, as far as the other
/// consumer's product does not hide it. Of logit_grad at widths of 768, 2304 and 4096.
static constexpr double tileSeconds = 2e-6;
/// Narrower tiles read more for each operation: 192 columns were 1.01 to 1.05 of their part of 256.
static constexpr int64_t fullColumns = 256;
static constexpr double narrowFactor = 1.05;
/// Memory, reads and writes together, and the part of the traffic that products do not hide.
static constexpr double bytesPerSecond = 2.5e12;
static constexpr double exposedTraffic = 0.5;
/// 16 bits of an element lie in dE and 8 in the workspace.
static constexpr double bytesOfSum = 3;

/// Classes of a tile of the forward.
static constexpr int64_t tileClasses = 256;
/// lse_forward takes this many tiles of tokens at a time, fewer where rows are wide, so that their rows of E
/// stay in the cache (LowerProduct.cpp); splits keep the other multiprocessors busy.
static constexpr int64_t concurrentTokenTiles = 32, wideHidden = 3072, concurrentWideTiles = 16;
/// What it takes to begin and to end a split, in tiles of classes.
static constexpr double tilesOfASplit = 0.3;

/// A last split that is shorter than the others: how often it fits into one of them, how many tiles of classes it has at least, and the seconds that
/// it has to save. Of Phi 3.5 a half or a quarter would have 3 or 4 tiles, and took 1.016 and 1.007 of the time of 4 equal splits; an eighth of 3
/// behind 4 splits of 31 took 0.972. Of 32768 classes of 512 columns an eighth took 5 us more for one tile of 6 us in 64 less.
struct LastPart {
  int64_t fits, shortest;
  double leastSaved;
};
static constexpr LastPart lastParts[] = {{2, 5, 0}, {4, 5, 0}, {8, 3, 10e-6}};

int64_t ProductTile::rounds(int64_t resultRows, int64_t resultColumns,
                            int64_t multiprocessors) const {
  const int64_t groups = divideUp(divideUp(resultRows, rows), cluster);
  return divideUp(groups * divideUp(resultColumns, columns),
                  std::max<int64_t>(multiprocessors / cluster, 1));
}

double ProductTile::seconds(int64_t resultRows, int64_t resultColumns, int64_t depth,
                            int64_t multiprocessors) const {
  const double product = multiplySeconds(rows, columns, depth);
  return double(rounds(resultRows, resultColumns, multiprocessors)) *
         (product * (columns < fullColumns ? narrowFactor : 1) + tileSeconds);
}

double multiplySeconds(int64_t rows, int64_t columns, int64_t depth) {
  return 2.0 * double(rows * columns) * double(depth) / flopsPerSecond;
}

double forwardSeconds(int64_t tokens, int64_t classes, int64_t hidden, int64_t multiprocessors) {
  const int64_t tokenTiles = divideUp(tokens, tileTokens);
  const int64_t classTiles = divideUp(classes, tileClasses);
  const int64_t splits = forwardSplits(tokenTiles, classTiles, hidden, multiprocessors);
  const int64_t rounds = divideUp(tokenTiles * splits, multiprocessors);
  const int64_t tiles = rounds * (divideUp(classTiles, splits) + 1);
  return multiplySeconds(tileTokens, tiles * tileClasses, hidden);
}

double fromSavedSeconds(int64_t tokens, int64_t classes) {
  return 2.0 * sizeof(uint16_t) * double(tokens) * double(classes) / bytesPerSecond;
}

double trafficSeconds(double bytes) { return bytes / bytesPerSecond * exposedTraffic; }

double sumSeconds(int64_t rows, int64_t columns) {
  return trafficSeconds(2 * bytesOfSum * double(rows) * double(columns));
}

int64_t embeddingTile(int64_t tokens, int64_t hidden, int64_t multiprocessors) {
  constexpr int64_t usualChunk = 4096; // others decide the same, but where it hardly matters
  auto seconds = [&](int64_t width) {
    return ProductTile{tileTokens, width}.seconds(tokens, hidden, usualChunk, multiprocessors);
  };
  return seconds(192) < seconds(256) ? 192 : 256;
}

/// Tiles of classes that the busiest multiprocessor goes through, and what its splits take beside. Items of a shorter last split take the
/// places that the others' last round leaves free, one after the other, or rounds of their own (LowerProduct.cpp).
static double tilesOfBusiest(int64_t tokenTiles, int64_t classTiles, int64_t splits, int64_t lastPart,
                             int64_t multiprocessors) {
  if (lastPart == 1 || splits == 1) {
    const int64_t rounds = divideUp(tokenTiles * splits, multiprocessors);
    return double(divideUp(rounds * classTiles, splits)) + double(rounds) * tilesOfASplit;
  }
  // As the kernel has it, the last is the one to be a tile shorter.
  const int64_t units = (splits - 1) * lastPart + 1, ofLast = classTiles - (classTiles + 1) * (units - 1) / units;
  const int64_t ofOthers = classTiles - ofLast, items = tokenTiles * (splits - 1), taken = items % multiprocessors;
  auto otherRounds = [&](int64_t rounds) { return double(divideUp(rounds * ofOthers, splits - 1)) + double(rounds) * tilesOfASplit; };
  auto lastRounds = [&](int64_t rounds) { return double(rounds) * (double(ofLast) + tilesOfASplit); };
  const int64_t inPlace = divideUp(tokenTiles, multiprocessors - taken), apart = divideUp(tokenTiles, multiprocessors);
  if (inPlace > apart + lastPart)
    return otherRounds(divideUp(items, multiprocessors)) + lastRounds(apart);
  const int64_t full = items / multiprocessors;
  return std::max(otherRounds(taken > 0 ? full + 1 : full), otherRounds(full) + lastRounds(inPlace));
}

int64_t forwardSplits(int64_t tokenTiles, int64_t classTiles, int64_t hidden, int64_t multiprocessors,
                      int64_t most, int64_t lastPart) {
  most = std::min(classTiles, most);
  auto cost = [&](int64_t count) {
    return tilesOfBusiest(tokenTiles, classTiles, count, lastPart, multiprocessors);
  };
  const int64_t concurrent = hidden > wideHidden ? concurrentWideTiles : concurrentTokenTiles;
  const int64_t fewest = multiprocessors / std::min(tokenTiles, concurrent);
  int64_t splits = std::clamp<int64_t>(fewest, 1, most);
  for (int64_t more = splits + 1; more <= most; ++more)
    if (cost(more) < clearlyLess * cost(splits))
      splits = more;
  return splits;
}

int64_t lastPartOfForward(int64_t tokenTiles, int64_t classTiles, int64_t hidden, int64_t multiprocessors, int64_t most) {
  auto splitsWith = [&](int64_t lastPart) {
    return forwardSplits(tokenTiles, classTiles, hidden, multiprocessors, most, lastPart);
  };
  const double equal = tilesOfBusiest(tokenTiles, classTiles, splitsWith(1), 1, multiprocessors);
  const double secondsATile = multiplySeconds(tileTokens, tileClasses, hidden);
  for (const auto &[fits, shortest, leastSaved] : lastParts) {
    const int64_t splits = splitsWith(fits);
    const bool isLong = classTiles >= shortest * ((splits - 1) * fits + 1);
    const double saved = equal - tilesOfBusiest(tokenTiles, classTiles, splits, fits, multiprocessors);
    if (isLong && saved > 0 && saved * secondsATile >= leastSaved)
      return fits;
  }
  return 1;
}

int64_t forwardItems(int64_t tokenTiles, int64_t splits, int64_t lastPart) {
  return tokenTiles * ((splits - 1) * lastPart + 1);
}

} // namespace cce::rt
