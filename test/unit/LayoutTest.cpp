//===- LayoutTest.cpp - splits, chunks and workspaces ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "test/unit/LayoutFixture.h"

#include <algorithm>

namespace cce::rt::test {
namespace {

TEST_F(LayoutTest, splitsFillTheMultiprocessors) {
  EXPECT_EQ(choose().splits, 33); // 64 tiles of tokens: 16 rounds of 132
  problem.tokens = 34 * 128;
  EXPECT_EQ(choose().splits, 23); // 782 in six rounds of 132, where 4 would be 136 in two
  problem.tokens = 8 * 128;
  EXPECT_EQ(choose().splits, 33);
  problem.tokens = 1;
  EXPECT_EQ(choose().splits, 64); // the most
  problem.vocab = 1000;
  EXPECT_EQ(choose().splits, 4); // one tile each
  inputs.splits = 3;
  EXPECT_EQ(choose().splits, 3);
  inputs.splits = 100;
  EXPECT_EQ(choose().splits, 4);
}

TEST_F(LayoutTest, splitsOfTheCpuDependOnTheProblemAlone) {
  inputs.multiprocessors = 0;
  inputs.forwardVocabTile = 64;
  for (int64_t tokens : {1, 100, 8192}) {
    problem.tokens = tokens;
    EXPECT_EQ(choose().splits, 16);
  }
  problem.vocab = 200;
  EXPECT_EQ(choose().splits, 4);
}

TEST_F(LayoutTest, forwardNeedsLittle) {
  // (12 + 8 splits) bytes a token, and small things: 2.2 MB.
  EXPECT_LE(choose().forwardBytes, 8192 * (12 + 8 * 33) + 1024);
  problem.biasDtype = CCE_BF16;
  EXPECT_LE(choose().forwardBytes, 8192 * (12 + 8 * 33) + 1024 + 4 * 256000);
}

TEST_F(LayoutTest, withoutRoundsChunksAreEqualAndAsLargeAsFits) {
  inputs.multiprocessors = 0;
  for (size_t megabytes : {100, 128, 256, 512, 1000, 5000}) {
    problem.workspaceLimit = megabytes << 20;
    const Layout layout = choose();
    EXPECT_LE(size_t(layout.backwardBytes), problem.workspaceLimit);
    EXPECT_EQ(layout.all.size % 256, 0);
    EXPECT_GE(layout.all.size * layout.all.count, problem.vocab);
    EXPECT_LT(layout.all.size * (layout.all.count - 1), problem.vocab);
    // No chunk is a small rest, and no fewer chunks would have fitted.
    EXPECT_GT(problem.vocab - layout.all.size * (layout.all.count - 1),
              layout.all.size - layout.all.count * 256);
    if (layout.all.count > 1) {
      EXPECT_GE(layout.all.sum.bytes, 4 * problem.tokens * problem.hidden);
      const int64_t larger =
          ((problem.vocab + layout.all.count - 2) / (layout.all.count - 1) + 255) / 256 * 256;
      EXPECT_GT(layout.backwardBytes + 2 * layout.padded * (larger - layout.all.size),
                int64_t(problem.workspaceLimit));
    } else {
      EXPECT_EQ(layout.all.sum.bytes, 0);
    }
  }
}

/// A head, the limit of its workspace, and the chunks that it gets.
struct ChunkCase {
  int64_t tokens, hidden, vocab;
  size_t megabytes;
  int64_t embeddingColumns, size, count;
};

TEST_F(LayoutTest, chunksAreWholeRoundsOfTiles) {
  inputs.hiddenGranule = 256;
  inputs.sumInHalves = true;
  for (auto [tokens, hidden, vocab, megabytes, columns, size, count] : {
           // GPT-2: 44 x 3 and 88 x 3 tiles of dC are one round and two; 50 x 3 would fit, and take two.
           ChunkCase{8192, 768, 50257, 128, 192, 5632, 9},
           {8192, 768, 50257, 256, 192, 11264, 5},
           // Llama 3: 40 x 16 are 4.8 rounds; 46 x 16 would fit, 5.6 of 6.
           {8192, 4096, 128256, 128, 256, 5120, 26},
           // Phi 3.5: 44 x 12 are 4 rounds, 50 x 12 would be 4.5.
           {8192, 3072, 32064, 128, 256, 5632, 6},
           // Gemma 2: 44 x 9 are 3 rounds, 54 x 9 would be 3.7.
           {8192, 2304, 256000, 128, 192, 5632, 46},
           // With few tokens one chunk is nearly all there is, and what fits does.
           {1024, 4096, 128256, 256, 256, 128256, 1}}) {
    problem.tokens = tokens;
    problem.hidden = hidden;
    problem.vocab = vocab;
    problem.workspaceLimit = megabytes << 20;
    inputs.embeddingTile = {128, columns, columns == 256 ? 2 : 1};
    const Layout layout = choose();
    EXPECT_EQ(layout.all.size, size) << vocab << " in " << megabytes;
    EXPECT_EQ(layout.all.count, count) << vocab << " in " << megabytes;
  }
}

TEST_F(LayoutTest, chunksFitTheLimit) {
  inputs.sumInHalves = true;
  inputs.hiddenGranule = 256;
  for (int64_t vocab : {1, 100, 256, 257, 1000, 32768, 50257, 128256, 256000})
    for (size_t megabytes : {43, 64, 100, 128, 256, 512, 1000, 5000}) {
      problem.vocab = vocab;
      problem.workspaceLimit = megabytes << 20;
      const Layout layout = choose();
      EXPECT_LE(size_t(layout.backwardBytes), problem.workspaceLimit) << vocab;
      EXPECT_EQ(layout.all.size % 256, 0) << vocab;
      EXPECT_GE(layout.all.size * layout.all.count, vocab);
      EXPECT_LT(layout.all.size * (layout.all.count - 1), vocab);
      // More than half of what fits: two chunks take no less than one.
      inputs.multiprocessors = 0;
      const Layout fewest = choose();
      inputs.multiprocessors = 132;
      EXPECT_LE(layout.all.count, 2 * fewest.all.count) << vocab;
      EXPECT_EQ(layout.all.count == 1, fewest.all.count == 1) << vocab << " in " << megabytes;
      if (fewest.all.count == 1)
        EXPECT_EQ(layout.backwardBytes, fewest.backwardBytes);
    }
}

TEST_F(LayoutTest, theSmallestChunkIsOneGranule) {
  // 72 MiB of sums, 4 MiB of g, and what there is for tokens.
  problem.workspaceLimit = size_t(77) << 20;
  EXPECT_EQ(choose().all.size, 256);
  EXPECT_EQ(choose().all.count, 1000);
  problem.workspaceLimit = size_t(75) << 20;
  EXPECT_EQ(Layout::choose(problem, inputs).status().code(), CCE_RESOURCE_EXHAUSTED);
}

TEST_F(LayoutTest, ofEqualTimesTheLessMemory) {
  problem.hidden = 512;
  problem.vocab = 32768;
  problem.workspaceLimit = size_t(128) << 20;
  inputs.sumInHalves = true;
  inputs.embeddingTile = {128, 256, 2};
  // 5 chunks of 7168 fit, too.
  EXPECT_EQ(choose().all.size, 6656);
  EXPECT_EQ(choose().all.count, 5);
}

// 16 x 8 tiles of dC are one round, 28 x 8 are 1.7 of two; but then there are 72 chunks instead of 125.
TEST_F(LayoutTest, sumsOfMoreChunksMayTakeLongerThanPartsOfRounds) {
  problem.hidden = 2048;
  problem.workspaceLimit = size_t(74) << 20;
  inputs.sumInHalves = true;
  inputs.embeddingTile = {128, 256, 2};
  EXPECT_EQ(choose().all.size, 3584);
  EXPECT_EQ(choose().all.count, 72);
}

TEST_F(LayoutTest, sumsInHalvesLeaveRoomForG) {
  problem.workspaceLimit = size_t(128) << 20;
  inputs.hiddenGranule = 256;
  inputs.multiprocessors = 0; // chunks as large as fits
  const Layout whole = choose();
  EXPECT_EQ(whole.all.sum.bytes, 4 * problem.tokens * problem.hidden);
  EXPECT_EQ(whole.all.count, 77);
  inputs.sumInHalves = true;
  const Layout halves = choose();
  EXPECT_EQ(halves.all.sum.bytes, problem.tokens * problem.hidden);
  EXPECT_EQ(halves.all.count, 38);
  // The sums of Llama 3 alone are as large as the limit.
  problem.hidden = 4096;
  problem.vocab = 128256;
  EXPECT_EQ(choose().all.count, 22);
  inputs.sumInHalves = false;
  EXPECT_FALSE(Layout::choose(problem, inputs).ok());
  // One chunk needs no sums.
  inputs.sumInHalves = true;
  problem.tokens = 128;
  EXPECT_EQ(choose().all.count, 1);
  EXPECT_EQ(choose().all.sum.bytes, 0);
}

TEST_F(LayoutTest, slicesDoNotOverlap) {
  problem.biasDtype = CCE_F16;
  problem.hidden = 37;
  inputs.packE = inputs.packC = true;
  const Layout layout = choose();
  EXPECT_EQ(layout.packedStride, 40);
  const std::vector<Slice> shared = {layout.count,  layout.error, layout.rows,
                                     layout.labels, layout.bias,  layout.packedE};
  std::vector<Slice> forward = shared;
  for (const Slice &slice :
       {layout.forward.labelLogit, layout.forward.partial, layout.forward.packedC})
    forward.push_back(slice);
  expectApart(forward, layout.forwardBytes);
  std::vector<Slice> backward = shared;
  const auto &b = layout.backward;
  for (const Slice &slice :
       {b.lse, b.probWeight, b.labelWeight, b.alpha, b.dbias, layout.all.packedC, layout.all.sum,
        layout.all.g})
    backward.push_back(slice);
  expectApart(backward, layout.backwardBytes);
  EXPECT_GE(layout.forward.packedC.bytes, 2 * problem.vocab * 40);
  EXPECT_GE(layout.all.packedC.bytes, 2 * std::min(layout.all.size, problem.vocab) * 40);
  EXPECT_GE(layout.all.g.bytes, 2 * layout.padded * layout.all.gStride);
  EXPECT_GE(layout.packedE.bytes, 2 * problem.tokens * 40);
}

/// The same problem with saved logits.
class SavedLayoutTest : public LayoutTest {
protected:
  SavedLayoutTest() {
    inputs.hiddenGranule = 256;
    inputs.saves = true;
  }
};

TEST_F(SavedLayoutTest, saveAsMuchAsFits) {
  int64_t last = 0;
  for (uint64_t megabytes : {5, 100, 1000, 3000, 4000, 4100, 5000, 100000}) {
    problem.savedLogitsLimit = megabytes << 20;
    const SavedLayout saved = choose().saved;
    EXPECT_LE(uint64_t(saved.bytes), problem.savedLogitsLimit);
    ASSERT_GT(saved.classes, 0) << megabytes;
    EXPECT_EQ(saved.classes % 256, 0);
    EXPECT_GE(saved.classes, last);
    last = saved.classes;
    if (saved.classes < problem.vocab) // a tile more does not fit
      EXPECT_GT(uint64_t(saved.bytes) + 8192 * (512 + 4), problem.savedLogitsLimit);
  }
  EXPECT_EQ(last, 256000);
}

TEST_F(SavedLayoutTest, isOnlyThereWhenAskedFor) {
  const Layout exact = [&] {
    inputs.saves = false;
    return choose();
  }();
  EXPECT_EQ(exact.saved.classes, 0);
  EXPECT_EQ(exact.saved.bytes, 0);
  inputs.saves = true;
  problem.savedLogitsLimit = uint64_t(1) << 40;
  const Layout layout = choose();
  EXPECT_EQ(layout.saved.classes, problem.vocab);
  EXPECT_EQ(layout.saved.others.count, 0);
  EXPECT_EQ(layout.saved.splits, layout.splits);
  // What is computed without them is the same.
  EXPECT_EQ(layout.forwardBytes, exact.forwardBytes);
  EXPECT_EQ(layout.backwardBytes, exact.backwardBytes);
  EXPECT_EQ(layout.all.size, exact.all.size);
  // With them there is neither g nor a sum in the workspace, but what there is for tokens.
  EXPECT_EQ(layout.saved.backwardBytes, std::min(layout.all.sum.offset, layout.all.g.offset));
}

TEST_F(SavedLayoutTest, rowsAreWholeTiles) {
  problem.vocab = 50257;
  problem.savedLogitsLimit = uint64_t(1) << 40;
  const SavedLayout saved = choose().saved;
  EXPECT_EQ(saved.classes, 50257);
  EXPECT_EQ(saved.stride, 50432);
  EXPECT_EQ(saved.maxima.bytes, 4 * 197 * 8192);
}

TEST_F(SavedLayoutTest, classesBeginWhereTilesOfAllKernelsDo) {
  inputs.vocabGranule = 192;
  problem.savedLogitsLimit = uint64_t(1) << 30;
  EXPECT_EQ(choose().saved.classes % 768, 0);
}

TEST_F(SavedLayoutTest, slicesDoNotOverlap) {
  problem.biasDtype = CCE_F16;
  problem.savedLogitsLimit = uint64_t(1) << 30;
  const Layout layout = choose();
  const SavedLayout &saved = layout.saved;
  expectApart({saved.codes, saved.maxima, saved.labelLogit}, saved.bytes);
  const auto &b = layout.backward;
  expectApart({layout.count, layout.error, layout.rows, layout.labels, layout.bias, b.lse, b.probWeight,
         b.labelWeight, b.alpha, b.dbias, saved.others.sum, saved.others.g},
        layout.backwardBytes);
  EXPECT_EQ(saved.others.first, saved.classes);
  EXPECT_GE(saved.others.size * saved.others.count, problem.vocab - saved.classes);
  EXPECT_LT(saved.others.size * (saved.others.count - 1), problem.vocab - saved.classes);
  EXPECT_GE(saved.others.g.bytes, 2 * layout.padded * saved.others.gStride);
  EXPECT_LE(size_t(layout.backwardBytes), problem.workspaceLimit);
  // The states of both parts of the forward.
  EXPECT_GE(layout.forward.partial.bytes, 8 * (saved.splits + saved.otherSplits) * layout.padded);
}

TEST_F(SavedLayoutTest, noRoomIsNoError) {
  problem.savedLogitsLimit = 1000;
  EXPECT_EQ(choose().saved.classes, 0);
  EXPECT_EQ(choose().saved.bytes, 0);
  EXPECT_EQ(choose().saved.whyNot, "they need at least 4259840 bytes");
  // One chunk of everything needs no sums of dE, saved classes and others do.
  problem.vocab = 1000;
  problem.savedLogitsLimit = uint64_t(5) << 20;
  problem.workspaceLimit = size_t(20) << 20;
  const Layout layout = choose();
  EXPECT_EQ(layout.all.count, 1);
  EXPECT_EQ(layout.saved.classes, 0);
  EXPECT_THAT(layout.saved.whyNot,
              testing::StartsWith("the other classes need a workspace of at least "));
  EXPECT_LE(size_t(layout.backwardBytes), problem.workspaceLimit);
  problem.workspaceLimit = size_t(256) << 20;
  EXPECT_EQ(choose().saved.classes, 256);
  EXPECT_EQ(choose().all.count, 1);
  EXPECT_EQ(choose().backwardBytes, choose().saved.others.end);
  EXPECT_EQ(choose().saved.backwardBytes, choose().saved.others.end);
  // Of sums in halves there is a quarter.
  const int64_t whole = choose().saved.others.sum.bytes;
  inputs.sumInHalves = true;
  EXPECT_EQ(choose().saved.others.sum.bytes, whole / 4);
}

TEST_F(SavedLayoutTest, enormousProblemsDoNotOverflow) {
  problem.tokens = 2000000000;
  problem.vocab = 2000000000;
  problem.hidden = 1;
  problem.workspaceLimit = size_t(1) << 62;
  problem.savedLogitsLimit = ~uint64_t(0);
  const Layout layout = choose();
  EXPECT_EQ(layout.saved.bytes, int64_t(1) << 60);
}

/// The same problem with a filtered path.
class FilterLayoutTest : public LayoutTest {
protected:
  FilterLayoutTest() {
    inputs.hiddenGranule = 256;
    inputs.filter = inputs.correctsTail = true;
    inputs.headClassTile = 128;
  }
  std::vector<Slice> slicesOf(const FilterLayout &filter) {
    const auto &f = filter.backward;
    std::vector<Slice> slices = {f.heavy,            f.heavyList,         f.heavyCount,     f.counts,
            f.lists,            f.ranks,             f.entries,        f.kept,
            f.mass,             f.direction,        f.meanClass,         f.directionTotal, f.massRow,
            f.massTotal,        f.partial,           f.weightSums,     f.allSums,
            f.g,                f.left,              f.meanRow,      f.tilt};
    return slices;
  }
};

TEST_F(FilterLayoutTest, isOnlyThereWhenAskedFor) {
  const int64_t forwardBytes = choose().forwardBytes, backwardBytes = choose().backwardBytes;
  inputs.filter = false;
  const Layout exact = choose();
  EXPECT_EQ(exact.filter.slots, 0);
  EXPECT_EQ(exact.filter.stateBytes, 0);
  EXPECT_EQ(exact.filter.countDense.bytes, 0);
  // A filter leaves few splits to the forward.
  EXPECT_EQ(exact.forwardBytes - exact.forward.partial.bytes, 8192 * 12 + 512);
  EXPECT_LT(exact.forwardBytes - exact.forward.partial.bytes, forwardBytes - 8 * 4 * 8192);
  EXPECT_LE(exact.backwardBytes, backwardBytes);
}

TEST_F(FilterLayoutTest, theForwardStaysSmall) {
  inputs.lastPart = 4;
  const Layout layout = choose();
  const FilterLayout &filter = layout.filter;
  EXPECT_EQ(filter.groups, 64);
  EXPECT_EQ(filter.words, 8000);
  EXPECT_EQ(filter.headCapacity, 16128);
  EXPECT_EQ(filter.needed.bytes, 64 * 8000 * 4);
  EXPECT_EQ(filter.bound.bytes, 4 * 8192);
  EXPECT_EQ(filter.forward.seen.bytes, 3 * 8000 * 4);
  EXPECT_EQ(filter.forward.threshold.bytes, 4 * 8192);
  // The sample's 16 states a token, in a tally of 256000 classes.
  EXPECT_TRUE(filter.sampleStatesInTally);
  EXPECT_EQ(filter.tally.bytes, 8 * 16 * 8192);
  EXPECT_LE(filter.stateBytes + layout.forwardBytes, 4000000);
}

// It outlives the plan's own memory, so callers allocate it before they know what the limit will be.
TEST_F(FilterLayoutTest, theStateIsThatOfTheProblem) {
  constexpr int64_t bits = 4 * 64 * 8000, tally = 8 * 16 * 8192, bounds = 4 * 8192, missed = 256;
  EXPECT_EQ(choose().filter.stateBytes, bits + tally + bounds + missed);
  problem.workspaceLimit = size_t(1) << 30;
  inputs.multiprocessors = 16;
  EXPECT_EQ(choose().filter.stateBytes, bits + tally + bounds + missed);
  inputs.correctsTail = false;
  EXPECT_EQ(choose().filter.stateBytes, bits + bounds + missed);
}

TEST_F(FilterLayoutTest, headOfAnyVocabulary) {
  for (auto [vocab, capacity] :
       {std::pair(1, 256), std::pair(5000, 512), std::pair(1 << 20, 16384)}) {
    problem.vocab = vocab;
    EXPECT_EQ(choose().filter.headCapacity, capacity) << vocab;
    EXPECT_EQ(choose().filter.headSplits, 2);
  }
  // A tile is not divided.
  problem.vocab = 1;
  inputs.headClassTile = 256;
  EXPECT_EQ(choose().filter.headSplits, 1);
}

/// Vocabulary, every how many classes one is sampled, and parts of the sample.
struct SampleCase {
  int64_t vocab, every, parts;
};

TEST_F(FilterLayoutTest, sampleOfAnyVocabulary) {
  for (auto [vocab, every, parts] : {SampleCase{1, 1, 2}, {1000, 1, 8}, {1100, 2, 6}, {32768, 32, 8},
                                     {32769, 33, 8}, {159999, 157, 8}, {160000, 79, 16}, {256000, 125, 16}}) {
    problem.vocab = vocab;
    const FilterLayout filter = choose().filter;
    EXPECT_EQ(filter.sampleEvery, every) << vocab;
    EXPECT_EQ(filter.sampleSplits, parts) << vocab;
    // One class of each `every`, the middle one, and room for whole tiles.
    const int64_t classes = (vocab - every / 2 + every - 1) / every;
    EXPECT_GE(filter.sampleCapacity, classes) << vocab;
    EXPECT_LT(filter.sampleCapacity, classes + 256) << vocab;
    EXPECT_EQ(filter.sampleCapacity % 256, 0) << vocab;
    EXPECT_EQ(filter.forward.sampleClasses.bytes, 4 * filter.sampleCapacity);
  }
  // No part is less than a tile.
  inputs.headClassTile = 256;
  EXPECT_EQ(choose().filter.sampleSplits, 8);
}

TEST_F(FilterLayoutTest, theForwardsStatesTakeTheMemoryOfTheEstimates) {
  Layout layout = choose();
  EXPECT_EQ(layout.splits, 4);
  EXPECT_EQ(layout.forward.partial.bytes, 8 * 4 * 8192);
  EXPECT_EQ(layout.forward.partial.offset, layout.filter.forward.seen.offset);
  EXPECT_EQ(layout.filter.forward.headStates.bytes, 8 * 2 * 8192);
  EXPECT_EQ(layout.filter.forward.sampleStates.bytes, 0); // in the tally
  // A tally of few classes has no room for the states of many tokens.
  problem.vocab = 159999;
  problem.tokens = 32768;
  problem.workspaceLimit = size_t(1) << 30;
  layout = choose();
  EXPECT_FALSE(layout.filter.sampleStatesInTally);
  EXPECT_EQ(layout.filter.forward.sampleStates.bytes, 8 * 8 * 32768);
  EXPECT_EQ(layout.filter.tally.bytes, 4 * 160000);
  problem.vocab = 256000;
  problem.tokens = 1;
  layout = choose();
  EXPECT_EQ(layout.splits, 64);
  EXPECT_EQ(layout.forward.partial.bytes, 8 * 64 * 128);
}

TEST_F(FilterLayoutTest, oneTokenInEightMayBeMissed) {
  EXPECT_EQ(choose().filter.missedCapacity, 1024);
  problem.tokens = 1025; // 1152 with their padding; lists are whole tiles of tokens
  const FilterLayout filter = choose().filter;
  EXPECT_EQ(filter.missedCapacity, 256);
  EXPECT_EQ(filter.missedCount.bytes, 8); // how many, and how many have found room
  for (const Slice &slice :
       {filter.forward.missedRows, filter.forward.missedThreshold, filter.forward.missedGroup})
    EXPECT_EQ(slice.bytes, 4 * 256);
}

TEST_F(FilterLayoutTest, slotsFillTheLimit) {
  int64_t last = 0;
  for (size_t megabytes : {140, 256, 512, 1000, 5000}) {
    problem.workspaceLimit = megabytes << 20;
    const Layout layout = choose();
    const FilterLayout &filter = layout.filter;
    EXPECT_LE(size_t(layout.backwardBytes), problem.workspaceLimit);
    EXPECT_LE(filter.bytes, layout.backwardBytes);
    ASSERT_GT(filter.slots, 0);
    EXPECT_EQ(filter.slots % 256, 0);
    EXPECT_GE(filter.slots, last);
    last = filter.slots;
    EXPECT_GE(filter.backward.g.bytes, 2 * layout.padded * filter.slots);
    EXPECT_EQ(filter.backward.lists.bytes, 4 * 64 * filter.slots);
    EXPECT_EQ(filter.backward.kept.bytes, 4 * filter.slots / 256 * layout.padded);
    EXPECT_EQ(filter.backward.ranks.bytes, filter.needed.bytes);
    if (filter.slots < 128000) // half of the vocabulary
      EXPECT_GT(filter.bytes + 256 * (2 * layout.padded + 4 * 64) + 4 * layout.padded,
                int64_t(problem.workspaceLimit) - 512);
  }
  EXPECT_EQ(last, 128000);
  problem.workspaceLimit = size_t(256) << 20;
  EXPECT_GT(choose().filter.slots, 14000);
}

TEST_F(FilterLayoutTest, noRoomIsNoError) {
  // Enough for the exact path alone.
  problem.workspaceLimit = size_t(13) << 20;
  problem.hidden = 64;
  problem.vocab = 1000000; // 8 MB of ranks
  const Layout layout = choose();
  EXPECT_EQ(layout.filter.slots, 0);
  EXPECT_EQ(layout.filter.stateBytes, 0);
  EXPECT_EQ(layout.filter.forward.seen.bytes, 0);
  EXPECT_THAT(layout.filter.whyNot, "it needs a workspace of at least 17056512 bytes");
  EXPECT_LE(size_t(layout.backwardBytes), problem.workspaceLimit);
  inputs.correctsTail = false;
  EXPECT_GT(choose().filter.slots, 0);
}

TEST_F(FilterLayoutTest, smallVocabularies) {
  for (int64_t vocab : {1, 2, 255, 257, 1000}) {
    problem.vocab = vocab;
    const Layout layout = choose();
    EXPECT_EQ(layout.filter.slots, vocab < 1000 ? 256 : 512) << vocab;
    EXPECT_EQ(layout.filter.words, (vocab + 255) / 256 * 8);
  }
}

TEST_F(FilterLayoutTest, slicesDoNotOverlap) {
  problem.biasDtype = CCE_F16;
  problem.hidden = 37;
  for (int64_t granule : {128, 256}) {
    inputs.tokenGranule = granule;
    const Layout layout = choose();
    const FilterLayout &filter = layout.filter;
    const auto &f = filter.forward;
    const std::vector<Slice> always = {layout.count, layout.error, layout.rows, layout.labels, layout.bias, layout.forward.labelLogit,
                                       f.threshold, f.limit, f.missedRows, f.missedThreshold, f.missedGroup};
    // The states of the forward come after what the thresholds are estimated from.
    std::vector<Slice> estimating = always, later = always;
    estimating.insert(estimating.end(), {f.seen, f.headClasses, f.headCount, f.headStates, f.sampleClasses, f.sampleCount,
                                         f.sampleWeight});
    EXPECT_EQ(f.sampleStates.bytes > 0, !filter.sampleStatesInTally);
    if (f.sampleStates.bytes > 0)
      estimating.push_back(f.sampleStates);
    later.push_back(layout.forward.partial);
    expectApart(estimating, layout.forwardBytes);
    expectApart(later, layout.forwardBytes);
    expectApart({filter.needed, filter.tally, filter.bound, filter.missedCount}, filter.stateBytes);
    // What both paths of the backward read, and what each of them has for itself.
    const auto &b = layout.backward;
    const std::vector<Slice> shared = {layout.count,  layout.error, layout.rows,
                                       layout.labels, layout.bias,  b.lse,
                                       b.probWeight,  b.labelWeight, b.alpha,
                                       b.dbias,       filter.countDense, filter.countFiltered};
    std::vector<Slice> exact = shared, filtered = shared;
    exact.insert(exact.end(), {layout.all.sum, layout.all.g});
    const std::vector<Slice> own = slicesOf(filter);
    filtered.insert(filtered.end(), own.begin(), own.end());
    expectApart(exact, layout.backwardBytes);
    expectApart(filtered, layout.backwardBytes);
    // Tiles of 256 columns read it to their end.
    EXPECT_GE(filter.backward.meanClass.bytes, 4 * 256);
  }
}

TEST_F(FilterLayoutTest, enormousProblemsDoNotOverflow) {
  problem.tokens = 2000000000;
  problem.vocab = 2000000000;
  problem.hidden = 1;
  problem.workspaceLimit = size_t(1) << 62;
  const Layout layout = choose();
  EXPECT_GE(layout.filter.needed.bytes, int64_t(1) << 50);
  EXPECT_GE(layout.backwardBytes, layout.filter.bytes);
}

TEST_F(LayoutTest, moreThanAnyMemoryStaysMoreThanAnyMemory) {
  problem.tokens = problem.hidden = problem.vocab = 2000000000;
  inputs.packC = true;
  auto layout = Layout::choose(problem, inputs);
  ASSERT_FALSE(layout.ok());
  EXPECT_EQ(layout.status().code(), CCE_RESOURCE_EXHAUSTED);
  problem.tokens = 128;
  problem.workspaceLimit = size_t(1) << 62;
  EXPECT_GE(choose().forwardBytes, int64_t(1) << 60);
}

TEST_F(LayoutTest, chunksOfTokensFillTheWorkspace) {
  inputs.tokenGranule = 256;
  inputs.chunksTokens = inputs.sumsClasses = true;
  problem.workspaceLimit = size_t(1) << 30;
  Layout layout = choose();
  EXPECT_EQ(layout.tokenChunks.size, 1408); // Gemma 2
  EXPECT_EQ(layout.tokenChunks.count, 6);
  EXPECT_EQ(layout.tokenChunks.sumLower.bytes, int64_t(256000) * 1152);
  EXPECT_LE(layout.gradientsBytes, int64_t(1) << 30);
  EXPECT_GT(layout.gradientsBytes, (int64_t(1) << 30) * 9 / 10);
  // What a forward needs is not more.
  EXPECT_EQ(layout.gradientsBytes, layout.tokenChunks.bytes);

  problem.hidden = 4096;
  problem.vocab = 128256; // Llama 3
  layout = choose();
  EXPECT_EQ(layout.tokenChunks.size, 3072);
  EXPECT_EQ(layout.tokenChunks.count, 3);
  EXPECT_EQ(layout.tokenChunks.scaledColumns, 2048);
  EXPECT_LE(layout.gradientsBytes, int64_t(1) << 30);
  // All columns of so many rows would take 3 MB too many.
  problem.workspaceLimit += 3 << 20;
  EXPECT_EQ(choose().tokenChunks.size, 3072);
  EXPECT_EQ(choose().tokenChunks.scaledColumns, 4096);
  problem.workspaceLimit -= 3 << 20;

  // Without sums all at once or not at all.
  inputs.sumsClasses = false;
  layout = choose();
  EXPECT_EQ(layout.tokenChunks.size, 0);
  EXPECT_THAT(layout.tokenChunks.whyNot, testing::HasSubstr("chunks of 8192 tokens need a workspace"));
  problem.vocab = 32064;
  EXPECT_EQ(choose().tokenChunks.size, 8192);
  EXPECT_EQ(choose().tokenChunks.sumLower.bytes, 0);
}

TEST_F(LayoutTest, sumsInFp16AreCutEightTimesAtMost) {
  inputs.tokenGranule = 128;
  inputs.chunksTokens = inputs.sumsClasses = true;
  problem.tokens = 9000;
  problem.workspaceLimit = size_t(800) << 20; // fewer than 1100 tokens of Gemma 2
  EXPECT_GT(choose().tokenChunks.count, 8);
  EXPECT_GT(choose().tokenChunks.size, 0);
  problem.dtype = CCE_F16;
  EXPECT_EQ(choose().tokenChunks.size, 0);
  problem.workspaceLimit = size_t(1200) << 20;
  EXPECT_GT(choose().tokenChunks.size, 0);
  EXPECT_LE(choose().tokenChunks.count, 8);
}

TEST_F(LayoutTest, aForwardAndABackwardInOneCallStayWithinTheLimit) {
  problem.biasDtype = CCE_BF16; // whose f32 gradient lies in the workspace
  for (int64_t tokens : {1, 1000, 8192}) {
    problem.tokens = tokens;
    const Layout layout = choose();
    EXPECT_GE(layout.lseBetween.offset, layout.backward.dbias.offset + layout.backward.dbias.bytes);
    EXPECT_EQ(layout.tokenChunks.size, 0);
    EXPECT_LE(layout.gradientsBytes, int64_t(problem.workspaceLimit));
    EXPECT_GE(layout.gradientsBytes, std::max(layout.forwardBytes, layout.backwardBytes));
    EXPECT_GE(layout.lseBetween.offset, layout.forwardBytes);
    EXPECT_GE(layout.lseBetween.offset, layout.backward.alpha.offset + 4);
    EXPECT_LE(layout.lseBetween.offset + layout.lseBetween.bytes, layout.gradientsBytes);
  }
}

} // namespace
} // namespace cce::rt::test
