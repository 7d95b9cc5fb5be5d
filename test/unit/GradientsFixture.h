//===- GradientsFixture.h - loss and gradients at once, by launch -*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_TEST_UNIT_GRADIENTSFIXTURE_H
#define CCE_TEST_UNIT_GRADIENTSFIXTURE_H

#include "test/unit/LaunchFixture.h"

namespace cce::rt::test {

using Names = std::vector<std::string>;

inline Names together(std::initializer_list<Names> lists) {
  Names all;
  for (const Names &each : lists)
    all.insert(all.end(), each.begin(), each.end());
  return all;
}

/// 1200 tokens, padded to 1280, and 1000 classes; room for two chunks.
class GradientsTest : public LaunchFixture {
protected:
  void SetUp() override {
    LaunchFixture::SetUp();
    problem.tokens = 1200;
    problem.workspace_limit = 2000000;
    problem.one_call = 1;
    change = [](const KernelRequest &request, KernelCode &code) {
      auto add = [&](ArgumentKind kind, const char *name) {
        code.manifest.arguments.push_back({});
        code.manifest.arguments.back().kind = kind;
        code.manifest.arguments.back().name = name;
      };
      if (request.kernel == "finish_loss" || request.kernel == "token_weights") {
        for (const char *name : {"rows", "count", "total"})
          add(ArgumentKind::Pointer, name);
        add(ArgumentKind::Scalar, "padded");
      }
      if (request.kernel == "finish_loss") {
        for (const char *name : {"partial", "label_logit", "lse_or_null", "sum_or_null", "loss"})
          add(ArgumentKind::Pointer, name);
        add(ArgumentKind::Scalar, "splits");
        add(ArgumentKind::Scalar, "has_sum");
      }
      if (request.kernel == "token_weights")
        for (const char *name : {"lse", "lse_out", "alpha", "dloss_or_null", "dlse_or_null"})
          add(ArgumentKind::Pointer, name);
      if (request.kernel == "indexed_matmul")
        add(ArgumentKind::Pointer, "label_logit");
      if (request.kernel == "grad_embedding_halves") {
        add(ArgumentKind::Scalar, "has_sum");
        add(ArgumentKind::Pointer, "rows");
        add(ArgumentKind::ExtentPointer, "tokens");
      }
    };
  }

  void makePlan() {
    ASSERT_NO_FATAL_FAILURE(LaunchFixture::makePlan());
    cce_gradients_args_init(&args);
    args.e = forward.e;
    args.c = forward.c;
    args.labels = forward.labels;
    args.loss = forward.loss;
    args.lse = forward.lse;
    args.de = backward.de;
    args.dc = backward.dc;
    args.workspace_bytes = cce_plan_gradients_workspace(plan);
    args.workspace = allocate(args.workspace_bytes);
    fakeDriver().log.clear();
  }
  Names run() {
    launches.clear();
    EXPECT_EQ(cce_loss_and_gradients(plan, &args, nullptr), CCE_OK) << cce_last_error();
    return names();
  }
  std::string error() {
    return cce_loss_and_gradients(plan, &args, nullptr) == CCE_OK ? "" : cce_last_error();
  }
  std::string described() {
    cce_plan_destroy(plan);
    plan = nullptr;
    EXPECT_EQ(cce_plan_create(context.get(), &problem, &plan), CCE_OK) << cce_last_error();
    const std::string text = cce_plan_describe(plan);
    const size_t start = text.find("loss and gradients in one call");
    return start == std::string::npos ? "" : text.substr(start, text.find('\n', start) - start);
  }

  void expectBadLabelBehind(const std::string &lastKernel) {
    problem.check_labels = 1;
    ASSERT_NO_FATAL_FAILURE(makePlan());
    fakeDriver().onLaunch = [&](const FakeLaunch &launch) {
      note(launch);
      auto *found = reinterpret_cast<int64_t *>(at(plan->plan->layoutOf().error));
      found[0] = 7;
      found[1] = problem.vocab;
    };
    launches.clear();
    EXPECT_EQ(error(), "args.labels: expected a class in [0, " + std::to_string(problem.vocab) +
                           ") or ignore_index (-100) at position 7, got " + std::to_string(problem.vocab));
    EXPECT_EQ(launches.back().kernel, lastKernel);
  }

  const TokenChunks &chunks() const { return plan->plan->layoutOf().tokenChunks; }
  char *at(const Slice &slice) const { return static_cast<char *>(args.workspace) + slice.offset; }

  cce_gradients_args args;
};

} // namespace cce::rt::test

#endif // CCE_TEST_UNIT_GRADIENTSFIXTURE_H
