//===- LayoutFixture.h - layouts of Gemma 2 on an H100 ----------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_TEST_UNIT_LAYOUTFIXTURE_H
#define CCE_TEST_UNIT_LAYOUTFIXTURE_H

#include "runtime/plan/Layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace cce::rt::test {

/// Slices that are in use at the same time: apart, aligned, none empty, and within so many bytes.
inline void expectApart(std::vector<Slice> slices, int64_t total) {
  std::sort(slices.begin(), slices.end(),
            [](const Slice &a, const Slice &b) { return a.offset < b.offset; });
  int64_t end = 0;
  for (const Slice &slice : slices) {
    EXPECT_GT(slice.bytes, 0);
    EXPECT_EQ(slice.offset % 256, 0);
    EXPECT_GE(slice.offset, end);
    end = slice.offset + slice.bytes;
  }
  EXPECT_LE(end, total);
}

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
              .logitTile = {128, 256, 2},
              .embeddingTile = {128, 192},
              .classifierTile = {128, 256, 2},
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

} // namespace cce::rt::test

#endif // CCE_TEST_UNIT_LAYOUTFIXTURE_H
