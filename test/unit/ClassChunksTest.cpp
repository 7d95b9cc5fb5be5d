//===- ClassChunksTest.cpp - chunks of classes whose g lies in dC ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "test/unit/LayoutFixture.h"

#include <tuple>

namespace cce::rt::test {
namespace {

class ClassChunksTest : public LayoutTest {
protected:
  ClassChunksTest() {
    problem.workspaceLimit = size_t(128) << 20;
    inputs.tokenGranule = 256;
    inputs.hiddenGranule = 256;
    inputs.sumInHalves = inputs.gInDc = true;
  }
  void setHead(int64_t hidden, int64_t vocab, int64_t embeddingColumns = 256) {
    problem.hidden = hidden;
    problem.vocab = vocab;
    inputs.embeddingTile = {128, embeddingColumns, embeddingColumns == 256 ? 2 : 1};
  }
  /// All classes once and in their order; g behind the rows of its own classes, wherever an address of dC may be, or where the
  /// workspace has room for it.
  void checkChunks(const Layout &layout, const Chunks &chunks) {
    const int64_t element = dtypeSize(problem.dtype), rowBytes = element * problem.hidden;
    int64_t next = chunks.first, inWorkspace = 0;
    for (const ClassChunk &each : chunks.list(/*hasDc=*/true)) {
      EXPECT_EQ(each.first, next);
      EXPECT_GT(each.classes, 0);
      EXPECT_EQ(each.first % inputs.vocabGranule, 0);
      EXPECT_EQ(each.gStride * element % 128, 0);
      EXPECT_GE(each.gStride, each.classes);
      next += each.classes;
      const int64_t bytes = element * layout.padded * each.gStride;
      if (each.inDc) {
        EXPECT_LE(next * rowBytes + 255 + bytes, problem.vocab * rowBytes);
        EXPECT_GT(each.classes, chunks.size);
        EXPECT_EQ(inWorkspace, 0);
      } else {
        EXPECT_LE(bytes, chunks.g.bytes);
        ++inWorkspace;
      }
    }
    EXPECT_EQ(next, problem.vocab);
    EXPECT_GT(inWorkspace, 0); // the last classes have no rows behind them
  }
};

TEST_F(ClassChunksTest, fewOfKnownHeads) {
  for (auto [hidden, vocab, columns, without, with] :
       {std::tuple(2304, 256000, 192, 46, 16), {4096, 128256, 256, 26, 9}, {3072, 32064, 256, 6, 6}}) { // whole rounds, which fewer would not be
    SCOPED_TRACE(vocab);
    setHead(hidden, vocab, columns);
    const Layout layout = choose();
    checkChunks(layout, layout.all);
    EXPECT_EQ(layout.all.list(/*hasDc=*/false).size(), size_t(without));
    EXPECT_EQ(layout.all.list(/*hasDc=*/true).size(), size_t(with));
  }
}

TEST_F(ClassChunksTest, aPartOfTheClassesThatAreLeft) {
  const Layout layout = choose();
  int64_t left = problem.vocab;
  for (const ClassChunk &each : layout.all.list(/*hasDc=*/true)) {
    // hidden / (hidden + tokens); whole rounds of tiles may be worth more than the last classes.
    if (each.inDc)
      EXPECT_GE(double(each.classes), 0.7 * 0.2195 * double(left));
    left -= each.classes;
  }
}

TEST_F(ClassChunksTest, chunksOfAnyShape) {
  int sequences = 0;
  for (int64_t tokens : {1, 129, 1000, 8192})
    for (int64_t hidden : {8, 64, 768, 4096})
      for (int64_t vocab : {300, 1000, 50257, 128256})
        for (size_t kilobytes : {300, 5000, 68000, 128000, 1000000}) {
          SCOPED_TRACE(testing::Message() << tokens << " x " << hidden << " x " << vocab << " in " << kilobytes);
          problem.tokens = tokens;
          problem.workspaceLimit = kilobytes << 10;
          setHead(hidden, vocab);
          auto layout = Layout::choose(problem, inputs);
          if (!layout.ok())
            continue;
          checkChunks(*layout, layout->all);
          sequences += !layout->all.behindRows.empty();
        }
  EXPECT_GT(sequences, 10);
}

TEST_F(ClassChunksTest, takesNothingOfTheWorkspace) {
  const Layout with = choose();
  inputs.gInDc = false;
  const Layout without = choose();
  EXPECT_TRUE(without.all.behindRows.empty());
  EXPECT_EQ(with.all.size, without.all.size);
  EXPECT_EQ(with.backwardBytes, without.backwardBytes);
  EXPECT_EQ(with.all.list(/*hasDc=*/false).size(), without.all.list(/*hasDc=*/true).size());
}

TEST_F(ClassChunksTest, oneChunkStaysOne) {
  problem.tokens = 1024;
  setHead(4096, 128256);
  problem.workspaceLimit = size_t(256) << 20;
  EXPECT_EQ(choose().all.list(/*hasDc=*/true).size(), 1u);
}

TEST_F(ClassChunksTest, otherClassesThanTheSavedOnesLikewise) {
  inputs.saves = inputs.savesInDc = true;
  problem.savedLogitsLimit = size_t(512) << 20;
  const Layout layout = choose();
  for (const SavedLayout *saved : {&layout.saved, &layout.savedInDc}) {
    ASSERT_GT(saved->classes, 0);
    ASSERT_FALSE(saved->others.behindRows.empty());
    EXPECT_EQ(saved->others.first, saved->classes);
    checkChunks(layout, saved->others);
  }
  EXPECT_EQ(1 + layout.savedInDc.others.list(/*hasDc=*/true).size(), 15u);
}

// As large as fits, and equal ones of the rest; for the cache chunks stay as small as they are.
TEST_F(ClassChunksTest, withoutRoundsOfTiles) {
  inputs.multiprocessors = 0;
  inputs.sumInHalves = false;
  const Layout layout = choose();
  checkChunks(layout, layout.all);
  EXPECT_LT(layout.all.list(/*hasDc=*/true).size(), layout.all.list(/*hasDc=*/false).size() / 2);
  inputs.cachedChunkBytes = int64_t(4) << 20;
  EXPECT_TRUE(choose().all.behindRows.empty());
}

} // namespace
} // namespace cce::rt::test
