//===- LayoutFixture.h - layouts of Gemma 2 on an H100 ----------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_TEST_UNIT_LAYOUTFIXTURE_H
#define CCE_TEST_UNIT_LAYOUTFIXTURE_H

#include "runtime/plan/Layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cce::rt::test {

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
