//===- ApiTest.cpp - the C functions and the C++ layer --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "cce/cce.hpp"
#include "test/unit/TestContext.h"

#include <cmath>
#include <cstring>
#include <thread>

namespace cce::rt::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

cce_context_desc cpuDesc() {
  cce_context_desc desc;
  cce_context_desc_init(&desc);
  desc.device = CCE_DEVICE_CPU;
  desc.cpu_threads = 1;
  desc.cache_dir = "";
  return desc;
}

TEST(Api, nullsAreErrorsAndNoCrashes) {
  cce_context *context = nullptr;
  cce_plan *plan = nullptr;
  void *memory = nullptr;
  EXPECT_EQ(cce_context_create(nullptr, nullptr), CCE_INVALID_ARGUMENT);
  EXPECT_STREQ(cce_last_error(), "context: expected a pointer, got NULL");
  EXPECT_EQ(cce_memory_alloc(nullptr, 1, &memory), CCE_INVALID_ARGUMENT);
  EXPECT_EQ(cce_memory_copy(nullptr, nullptr, nullptr, 1, CCE_HOST_TO_DEVICE, nullptr),
            CCE_INVALID_ARGUMENT);
  EXPECT_EQ(cce_stream_synchronize(nullptr, nullptr), CCE_INVALID_ARGUMENT);
  EXPECT_EQ(cce_plan_create(nullptr, nullptr, &plan), CCE_INVALID_ARGUMENT);
  EXPECT_EQ(cce_forward(nullptr, nullptr, nullptr), CCE_INVALID_ARGUMENT);
  EXPECT_EQ(cce_backward(nullptr, nullptr, nullptr), CCE_INVALID_ARGUMENT);
  EXPECT_STREQ(cce_last_error(), "plan: expected a pointer, got NULL");
  EXPECT_EQ(cce_plan_tune(nullptr, nullptr, nullptr), CCE_INVALID_ARGUMENT);
  cce_context_destroy(nullptr);
  cce_plan_destroy(nullptr);
  cce_memory_free(nullptr, nullptr);
  cce_context_desc_init(nullptr);
  cce_problem_init(nullptr);
  cce_forward_args_init(nullptr);
  cce_backward_args_init(nullptr);
  EXPECT_EQ(cce_plan_forward_workspace(nullptr), 0u);
  EXPECT_EQ(cce_plan_backward_workspace(nullptr), 0u);
  EXPECT_EQ(cce_plan_filter_state(nullptr), 0u);
  EXPECT_EQ(cce_plan_saved_logits(nullptr), 0u);
  EXPECT_EQ(cce_plan_saved_backward_workspace(nullptr), 0u);
  EXPECT_STREQ(cce_plan_describe(nullptr), "");
  EXPECT_STREQ(cce_context_description(nullptr), "");

  cce_context_desc desc = cpuDesc();
  ASSERT_EQ(cce_context_create(&desc, &context), CCE_OK);
  EXPECT_EQ(cce_plan_create(context, nullptr, &plan), CCE_INVALID_ARGUMENT);
  EXPECT_STREQ(cce_last_error(), "problem: expected a pointer, got NULL");
  EXPECT_EQ(cce_memory_copy(context, nullptr, nullptr, 0, CCE_HOST_TO_DEVICE, nullptr), CCE_OK);
  EXPECT_EQ(cce_memory_copy(context, &plan, &plan, 1, static_cast<cce_copy_kind>(1 | 0), nullptr),
            CCE_OK);
  EXPECT_EQ(cce_memory_copy(context, nullptr, &plan, 1, CCE_HOST_TO_DEVICE, nullptr),
            CCE_INVALID_ARGUMENT);
  EXPECT_EQ(cce_memory_alloc(context, SIZE_MAX, &memory), CCE_RESOURCE_EXHAUSTED);
  EXPECT_EQ(cce_memory_alloc(context, SIZE_MAX / 4, &memory), CCE_RESOURCE_EXHAUSTED);
  cce_context_destroy(context);
}

TEST(Api, wrongContexts) {
  auto error = [](auto change) {
    cce_context_desc desc = cpuDesc();
    change(desc);
    cce_context *context = nullptr;
    EXPECT_NE(cce_context_create(&desc, &context), CCE_OK);
    EXPECT_EQ(context, nullptr);
    return std::string(cce_last_error());
  };
  EXPECT_THAT(error([](auto &d) { d.struct_size = 1; }), StartsWith("desc.struct_size: expected "));
  EXPECT_EQ(error([](auto &d) { d.device = static_cast<cce_device>(3); }),
            "desc.device: expected auto (0), cpu (1) or cuda (2), got 3");
  EXPECT_EQ(error([](auto &d) { d.cpu_threads = -1; }),
            "desc.cpu_threads: expected a number in [0, 4096], got -1");
  EXPECT_EQ(error([](auto &d) { d.device_ordinal = -1; }),
            "desc.device_ordinal: expected a number >= 0, got -1");
}

TEST(Api, errorsBelongToTheirThread) {
  EXPECT_EQ(cce_context_create(nullptr, nullptr), CCE_INVALID_ARGUMENT);
  std::thread([] { EXPECT_STREQ(cce_last_error(), ""); }).join();
  EXPECT_STRNE(cce_last_error(), "");
}

TEST(Api, defaults) {
  cce_problem problem;
  std::memset(&problem, 0xff, sizeof(problem));
  cce_problem_init(&problem);
  EXPECT_EQ(problem.struct_size, sizeof(problem));
  EXPECT_EQ(problem.dtype, CCE_BF16);
  EXPECT_EQ(problem.label_dtype, CCE_I64);
  EXPECT_EQ(problem.bias_dtype, CCE_DTYPE_NONE);
  EXPECT_EQ(problem.reduction, CCE_REDUCTION_MEAN);
  EXPECT_EQ(problem.ignore_index, -100);
  EXPECT_TRUE(std::isinf(problem.softcap));
  EXPECT_EQ(problem.transform, nullptr);
  EXPECT_EQ(problem.check_labels, 0);
  EXPECT_EQ(problem.filter_eps, 0);
  EXPECT_EQ(problem.filter_tail, CCE_FILTER_TAIL_CORRECT);
  EXPECT_EQ(problem.saved_logits_limit, 0u);
  EXPECT_EQ(problem.one_call, 0);
  EXPECT_STREQ(cce_version(), "0.1.0");
}

TEST(CxxApi, aLossFromBeginningToEnd) {
  cce::Context context(cpuDesc());
  EXPECT_EQ(context.device(), CCE_DEVICE_CPU);
  EXPECT_EQ(context.description(), "CPU (fake, 1 thread)");
  cce::Problem problem(2, 1, 2);
  problem.dtype = CCE_F32;
  problem.reduction = CCE_REDUCTION_SUM;
  cce::Plan plan(context, problem);
  plan.tune([](int, int, const char *) { return true; });
  EXPECT_THAT(plan.describe(), HasSubstr("2 tokens x 1 hidden x 2 classes"));
  EXPECT_EQ(plan.filterState(), 0u);
  EXPECT_EQ(plan.savedLogits(), 0u);
  EXPECT_EQ(plan.savedBackwardWorkspace(), plan.backwardWorkspace());
  cce::Memory workspace(context, plan.workspace()), loss(context, sizeof(float)),
      lse(context, 2 * sizeof(float));
  const float e[2] = {1, 2}, c[2] = {0, 3};
  const int64_t labels[2] = {0, 1};
  cce::ForwardArgs forward;
  forward.e = e;
  forward.c = c;
  forward.labels = labels;
  forward.loss = loss.as<float>();
  forward.lse = lse.as<float>();
  forward.workspace = workspace.data();
  forward.workspace_bytes = workspace.size();
  plan.forward(forward);
  context.synchronize();
  float result = 0;
  loss.copyTo(&result, sizeof(result));
  EXPECT_NEAR(result, std::log(1 + std::exp(3.0)) + std::log(1 + std::exp(-6.0)), 1e-6);
  float dc[2];
  cce::BackwardArgs backward;
  backward.e = e;
  backward.c = c;
  backward.labels = labels;
  backward.lse = lse.as<float>();
  backward.dc = dc;
  backward.workspace = workspace.data();
  backward.workspace_bytes = workspace.size();
  plan.backward(backward);
  EXPECT_NEAR(dc[1], 1 / (1 + std::exp(-3.0)) - 2 / (1 + std::exp(6.0)), 1e-6);
}

TEST(CxxApi, errorsAreExceptionsWithTheStatus) {
  cce::Context context(cpuDesc());
  try {
    cce::Plan plan(context, cce::Problem(1, 0, 1));
    FAIL() << "no exception";
  } catch (const cce::Error &error) {
    EXPECT_EQ(error.status(), CCE_INVALID_ARGUMENT);
    EXPECT_THAT(error.what(), HasSubstr("problem.hidden"));
  }
  cce::Memory empty;
  EXPECT_THROW(empty.copyFrom(&context, 1), cce::Error);
  cce::Memory one(context, 4), other = std::move(one);
  EXPECT_EQ(one.data(), nullptr); // NOLINT(bugprone-use-after-move)
  EXPECT_NE(other.data(), nullptr);
}

} // namespace
} // namespace cce::rt::test
