//===- ProductCostTest.cpp - what a product on a GPU may cost -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/plan/ProductCost.h"

#include <gtest/gtest.h>

namespace cce::rt {
namespace {

constexpr int64_t h100 = 132;

TEST(ProductCost, roundsOfTiles) {
  const ProductTile tile{128, 256};
  EXPECT_EQ(tile.rounds(5632, 768, h100), 1); // 44 x 3
  EXPECT_EQ(tile.rounds(5633, 768, h100), 2);
  EXPECT_EQ(tile.rounds(1, 1, h100), 1);
  EXPECT_EQ(tile.rounds(8192, 2304, h100), 5); // 64 x 9
  // Pairs of rows of tiles: 45 are 46, and 131 multiprocessors 65 pairs.
  const ProductTile pairs{128, 256, 2};
  EXPECT_EQ(pairs.rounds(43 * 128, 768, h100), 1);
  EXPECT_EQ(pairs.rounds(44 * 128, 768, 131), 2);
  EXPECT_EQ(pairs.rounds(45 * 128, 1, 46), 1);
  EXPECT_EQ(pairs.rounds(45 * 128, 1, 45), 2);
  EXPECT_EQ(pairs.rounds(256, 256, 1), 1);
}

TEST(ProductCost, secondsAreThoseOfRounds) {
  const ProductTile tile{128, 256};
  // 8192 x 8192 x 8192 in 15.5 rounds of 132, at 700 TFLOP/s and with results.
  EXPECT_NEAR(tile.seconds(8192, 8192, 8192, h100), 16 * 103e-6, 16e-6);
  EXPECT_EQ(tile.seconds(128, 256, 4096, h100), tile.seconds(128 * 132, 256, 4096, h100));
  EXPECT_EQ(2 * tile.seconds(128, 256, 4096, h100), tile.seconds(128 * 133, 256, 4096, h100));
  // A narrower tile takes more than its part of the time.
  EXPECT_GT(4 * ProductTile({128, 192}).seconds(128, 192, 4096, h100),
            3 * tile.seconds(128, 256, 4096, h100));
}

TEST(ProductCost, embeddingTilesAreNarrowWhereTheLastRoundWouldBeEmpty) {
  EXPECT_EQ(embeddingTile(8192, 2304, h100), 192); // 64 x 12 tiles in 6 rounds instead of 64 x 9 in 5
  EXPECT_EQ(embeddingTile(8192, 4096, h100), 256);
  EXPECT_EQ(embeddingTile(1408, 2304, h100), 192); // one round, 11 x 12 tiles
}

TEST(ProductCost, splitsFillWhatTilesOfTokensLeave) {
  EXPECT_EQ(forwardSplits(64, 1000, 2304, h100), 33);    // Gemma 2, 8192 tokens: 16 rounds of all 132
  EXPECT_EQ(forwardSplits(64, 1000, 2304, h100, 12), 4);  // two of 128, 32 tiles of tokens at a time
  EXPECT_EQ(forwardSplits(11, 1000, 2304, h100), 12);     // 1408 tokens: 11 x 12 in one round
  EXPECT_EQ(forwardSplits(24, 501, 4096, h100), 11);      // Llama 3, 3072 tokens: 24 x 11 in two
  EXPECT_EQ(forwardSplits(64, 501, 4096, h100), 33);      // 8192 tokens
  EXPECT_EQ(forwardSplits(64, 501, 4096, h100, 12), 8);   // 16 tiles of tokens at a time, which are wide
  EXPECT_EQ(forwardSplits(64, 126, 3072, h100), 4);       // Phi 3.5: 33 would be 3 or 4 tiles of classes each
  EXPECT_EQ(forwardSplits(34, 1000, 2304, h100), 23);     // 34 x 23 in 6, where 34 x 4 would be two
  EXPECT_EQ(forwardSplits(1, 6400, 768, h100), 64);  // no more
  EXPECT_EQ(forwardSplits(1, 3, 768, h100), 3);
  EXPECT_EQ(forwardSplits(64, 1000, 2304, 1), 1);
}

TEST(ProductCost, aShorterLastSplitMakesRoundsFull) {
  // Gemma 2, 8192 tokens: 64 x 16 items are 7 rounds of 132 and 100, the other 32 take two of half the length each.
  EXPECT_EQ(lastPartOfForward(64, 1000, 2304, h100, mostSplits), 2);
  EXPECT_EQ(forwardSplits(64, 1000, 2304, h100, mostSplits, 2), 17);
  EXPECT_EQ(forwardItems(64, 17, 2), 2 * 8 * h100);
  // 64 x 8 are 3 rounds and 116, the other 16 take four of a quarter of the length.
  EXPECT_EQ(lastPartOfForward(64, 1000, 2304, h100, mostSplitsBesideFilter), 4);
  EXPECT_EQ(forwardSplits(64, 1000, 2304, h100, mostSplitsBesideFilter, 4), 9);
  EXPECT_EQ(forwardItems(64, 9, 4), 4 * 4 * h100);
  EXPECT_EQ(forwardItems(64, 9, 1), 64 * 9);
  EXPECT_EQ(lastPartOfForward(64, 501, 4096, h100, mostSplits), 2); // Llama 3
  // Phi 3.5, whose halves and quarters would be too short: 64 x 4 are 1 round and 124, the other 8 take eight of an eighth.
  EXPECT_EQ(lastPartOfForward(64, 126, 3072, h100, mostSplits), 8);
  EXPECT_EQ(forwardSplits(64, 126, 3072, h100, mostSplits, 8), 5);
  EXPECT_EQ(forwardItems(64, 5, 8), 8 * 2 * h100);
  EXPECT_EQ(lastPartOfForward(64, 128, 512, h100, mostSplits), 1); // a tile less, of 64 short ones, is too little
  EXPECT_EQ(lastPartOfForward(64, 90, 3072, h100, mostSplits), 1); // an eighth would be too short
  EXPECT_EQ(lastPartOfForward(64, 1000, 2304, h100, 8), 8);         // no room for a quarter of 8 splits
  EXPECT_EQ(lastPartOfForward(64, 1000, 2304, h100, 4), 1);         // too few
  EXPECT_EQ(lastPartOfForward(66, 1000, 2304, h100, mostSplits), 1); // full as they are
  EXPECT_EQ(forwardItems(3, 1, 2), 3); // the only split is whole
}

// Never by much slower than splits of the same length, whatever the number of tokens: where few places are free the last has rounds of its own.
TEST(ProductCost, aShorterLastSplitIsNoWorseAnywhere) {
  for (int64_t tiles = 16; tiles <= 512; ++tiles)
    for (auto [classTiles, hidden] : {std::pair(1000, 2304), {501, 4096}, {197, 768}, {126, 3072}})
      for (int64_t most : {mostSplits, mostSplitsBesideFilter}) {
        const int64_t lastPart = lastPartOfForward(tiles, classTiles, hidden, h100, most);
        if (lastPart == 1)
          continue;
        const int64_t splits = forwardSplits(tiles, classTiles, hidden, h100, most, lastPart);
        const int64_t units = (splits - 1) * lastPart + 1;
        // What all multiprocessors have to do, and what one can be left with at the end.
        const double work = double(tiles) * double(units) / h100;
        const int64_t others = tiles * (splits - 1), open = h100 - others % h100, rows = (tiles + open - 1) / open;
        const double rounds = double(others / h100 * lastPart);
        const double inPlace = rounds + double(open < h100 ? std::max(rows, lastPart) : rows), apart = rounds + double(lastPart + (tiles + h100 - 1) / h100);
        EXPECT_LE(std::min(inPlace, apart), 1.1 * work) << tiles << " tiles, " << splits << " splits, the last 1/" << lastPart;
      }
}

TEST(ProductCost, oneMultiprocessorAndTheMemory) {
  // Shares of 700 TFLOP/s, and half of what moves 2.5 TB/s.
  EXPECT_NEAR(multiplySeconds(128, 256, 4096), 2 * 128.0 * 256 * 4096 * h100 / 700e12, 1e-6);
  EXPECT_NEAR(trafficSeconds(5e12), 1, 0.01);
  EXPECT_EQ(sumSeconds(8192, 2304), trafficSeconds(6.0 * 8192 * 2304));
}

} // namespace
} // namespace cce::rt
