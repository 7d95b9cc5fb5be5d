//===- LayoutTest.cpp - splits, chunks and workspaces ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/plan/Layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cce::rt {
namespace {

class LayoutTest : public ::testing::Test {
protected:
  LayoutTest() {
    problem.tokens = 8192;
    problem.hidden = 2304;
    problem.vocab = 256000;
    problem.workspaceLimit = size_t(256) << 20;
    inputs = {.tokenGranule = 128,
              .vocabGranule = 256,
              .forwardTokenTile = 128,
              .forwardVocabTile = 256,
              .multiprocessors = 132};
  }
  Layout choose() {
    auto layout = Layout::choose(problem, inputs);
    EXPECT_TRUE(layout.ok()) << layout.status().toString();
    return layout.ok() ? *layout : Layout();
  }
  Problem problem;
  LayoutInputs inputs;
};

TEST_F(LayoutTest, splitsFillTheMultiprocessors) {
  EXPECT_EQ(choose().splits, 8); // 64 tiles of tokens, 16 of them at a time
  problem.tokens = 8 * 128;
  EXPECT_EQ(choose().splits, 16);
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
  // (12 + 8 splits) bytes a token, and small things.
  EXPECT_LE(choose().forwardBytes, 8192 * (12 + 8 * 8) + 1024);
  problem.biasDtype = CCE_BF16;
  EXPECT_LE(choose().forwardBytes, 8192 * (12 + 8 * 8) + 1024 + 4 * 256000);
}

TEST_F(LayoutTest, chunksAreEqualAndFitTheLimit) {
  for (size_t megabytes : {100, 128, 256, 512, 1000, 5000}) {
    problem.workspaceLimit = megabytes << 20;
    const Layout layout = choose();
    EXPECT_LE(size_t(layout.backwardBytes), problem.workspaceLimit);
    EXPECT_EQ(layout.chunk % 256, 0);
    EXPECT_GE(layout.chunk * layout.chunks, problem.vocab);
    EXPECT_LT(layout.chunk * (layout.chunks - 1), problem.vocab);
    // No chunk is a small rest, and no fewer chunks would have fitted.
    EXPECT_GT(problem.vocab - layout.chunk * (layout.chunks - 1),
              layout.chunk - layout.chunks * 256);
    if (layout.chunks > 1) {
      EXPECT_GE(layout.backward.sum.bytes, 4 * problem.tokens * problem.hidden);
      const int64_t larger =
          ((problem.vocab + layout.chunks - 2) / (layout.chunks - 1) + 255) / 256 * 256;
      EXPECT_GT(layout.backwardBytes + 2 * layout.padded * (larger - layout.chunk),
                int64_t(problem.workspaceLimit));
    } else {
      EXPECT_EQ(layout.backward.sum.bytes, 0);
    }
  }
}

TEST_F(LayoutTest, slicesDoNotOverlap) {
  problem.biasDtype = CCE_F16;
  problem.hidden = 37;
  inputs.packE = inputs.packC = true;
  const Layout layout = choose();
  EXPECT_EQ(layout.packedStride, 40);
  auto check = [](std::vector<Slice> slices, int64_t total) {
    int64_t end = 0;
    for (const Slice &slice : slices) {
      EXPECT_GT(slice.bytes, 0);
      EXPECT_EQ(slice.offset % 256, 0);
      EXPECT_GE(slice.offset, end);
      end = slice.offset + slice.bytes;
    }
    EXPECT_LE(end, total);
  };
  const std::vector<Slice> shared = {layout.count,  layout.error, layout.rows,
                                     layout.labels, layout.bias,  layout.packedE};
  std::vector<Slice> forward = shared;
  for (const Slice &slice :
       {layout.forward.labelLogit, layout.forward.partial, layout.forward.packedC})
    forward.push_back(slice);
  check(forward, layout.forwardBytes);
  std::vector<Slice> backward = shared;
  const auto &b = layout.backward;
  for (const Slice &slice :
       {b.lse, b.probWeight, b.labelWeight, b.alpha, b.dbias, b.packedC, b.sum, b.g})
    backward.push_back(slice);
  check(backward, layout.backwardBytes);
  EXPECT_GE(layout.forward.packedC.bytes, 2 * problem.vocab * 40);
  EXPECT_GE(b.packedC.bytes, 2 * std::min(layout.chunk, problem.vocab) * 40);
  EXPECT_GE(b.g.bytes, 2 * layout.padded * layout.gStride);
  EXPECT_GE(layout.packedE.bytes, 2 * problem.tokens * 40);
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

} // namespace
} // namespace cce::rt
