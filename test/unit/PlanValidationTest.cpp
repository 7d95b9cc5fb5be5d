//===- PlanValidationTest.cpp - wrong arguments and edge cases ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The rows of the contract's table "Edge cases and errors" that the runtime is responsible for.
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Float16.h"
#include "test/unit/TestContext.h"

#include <cmath>
#include <cstring>

namespace cce::rt::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

class PlanValidation : public CpuFixture {
protected:
  void SetUp() override {
    CpuFixture::SetUp();
    cce_problem_init(&problem);
    problem.tokens = 6;
    problem.hidden = 4;
    problem.vocab = 5;
    problem.dtype = CCE_F32;
  }
  void TearDown() override {
    cce_plan_destroy(plan);
    for (void *memory : owned)
      cce_memory_free(context.get(), memory);
  }
  /// The error of a problem with one change.
  template <typename Change> std::string error(Change change) {
    cce_problem changed = problem;
    change(changed);
    return planError(changed);
  }

  void makePlan() {
    ASSERT_EQ(cce_plan_create(context.get(), &problem, &plan), CCE_OK) << cce_last_error();
    const size_t bytes =
        std::max(cce_plan_forward_workspace(plan), cce_plan_backward_workspace(plan));
    void *workspace = nullptr;
    ASSERT_EQ(cce_memory_alloc(context.get(), bytes, &workspace), CCE_OK);
    owned.push_back(workspace);
    e.assign(size_t(problem.tokens * problem.hidden), 0.5f);
    c.assign(size_t(problem.vocab * problem.hidden), 0.25f);
    for (size_t i = 0; i < c.size(); ++i)
      c[i] += 0.125f * float(i % 7);
    labels.resize(size_t(problem.tokens), 1);
    lse.assign(size_t(problem.tokens), -7);
    loss.assign(problem.reduction == CCE_REDUCTION_NONE ? size_t(problem.tokens) : 1, -7);
    de.assign(e.size(), -7);
    dc.assign(c.size(), -7);
    dbias.assign(size_t(problem.vocab), -7);
    cce_forward_args_init(&forward);
    forward.e = e.data();
    forward.c = c.data();
    forward.bias = problem.bias_dtype ? bias.data() : nullptr;
    forward.labels = labels.data();
    forward.loss = loss.data();
    forward.lse = lse.data();
    forward.workspace = workspace;
    forward.workspace_bytes = bytes;
    cce_backward_args_init(&backward);
    backward.e = e.data();
    backward.c = c.data();
    backward.bias = forward.bias;
    backward.labels = labels.data();
    backward.lse = lse.data();
    backward.de = de.data();
    backward.dc = dc.data();
    backward.dbias = problem.bias_dtype ? dbias.data() : nullptr;
    backward.workspace = workspace;
    backward.workspace_bytes = bytes;
  }
  std::string runForward() {
    return cce_forward(plan, &forward, nullptr) == CCE_OK ? "" : cce_last_error();
  }
  std::string runBackward() {
    return cce_backward(plan, &backward, nullptr) == CCE_OK ? "" : cce_last_error();
  }

  cce_problem problem;
  cce_plan *plan = nullptr;
  std::vector<float> e, c, bias, loss, lse, de, dc, dbias;
  std::vector<int64_t> labels;
  cce_forward_args forward;
  cce_backward_args backward;
  std::vector<void *> owned;
};

TEST_F(PlanValidation, problemsThatMakeNoSense) {
  EXPECT_EQ(error([](cce_problem &) {}), "");
  EXPECT_THAT(error([](cce_problem &p) { p.struct_size = 0; }),
              HasSubstr("INVALID_ARGUMENT: problem.struct_size: expected "));
  EXPECT_EQ(error([](cce_problem &p) { p.tokens = -1; }),
            "INVALID_ARGUMENT: problem.tokens: expected a number in [0, 2147479552], got -1");
  EXPECT_EQ(error([](cce_problem &p) { p.hidden = 0; }),
            "INVALID_ARGUMENT: problem.hidden: expected a number in [1, 2147479552], got 0");
  EXPECT_EQ(
      error([](cce_problem &p) { p.vocab = int64_t(1) << 31; }),
      "INVALID_ARGUMENT: problem.vocab: expected a number in [1, 2147479552], got 2147483648");
  EXPECT_EQ(error([](cce_problem &p) { p.dtype = CCE_I32; }),
            "INVALID_ARGUMENT: problem.dtype: expected one of f32, bf16, f16, got i32 (4)");
  EXPECT_EQ(error([](cce_problem &p) { p.dtype = static_cast<cce_dtype>(7); }),
            "INVALID_ARGUMENT: problem.dtype: expected one of f32, bf16, f16, got unknown (7)");
  EXPECT_EQ(error([](cce_problem &p) { p.label_dtype = CCE_F32; }),
            "INVALID_ARGUMENT: problem.label_dtype: expected one of i32, i64, got f32 (1)");
  EXPECT_EQ(error([](cce_problem &p) { p.bias_dtype = CCE_I64; }),
            "INVALID_ARGUMENT: problem.bias_dtype: expected one of none, f32, bf16, f16, got i64 "
            "(5)");
  EXPECT_EQ(error([](cce_problem &p) { p.reduction = static_cast<cce_reduction>(3); }),
            "INVALID_ARGUMENT: problem.reduction: expected none (0), mean (1) or sum (2), got 3");
  EXPECT_EQ(error([](cce_problem &p) { p.softcap = -1; }),
            "INVALID_ARGUMENT: problem.softcap: expected a number > 0, got -1");
  EXPECT_EQ(error([](cce_problem &p) { p.softcap = 0; }),
            "INVALID_ARGUMENT: problem.softcap: expected a number > 0, got 0");
  EXPECT_EQ(error([](cce_problem &p) { p.softcap = NAN; }),
            "INVALID_ARGUMENT: problem.softcap: expected a number > 0, got nan");
  EXPECT_EQ(error([](cce_problem &p) { p.transform = ""; }),
            "INVALID_ARGUMENT: problem.transform: expected NULL or the text of a cce.transform, "
            "got an empty string");
  for (float eps : {-0x1p-12f, 1.0f, INFINITY})
    EXPECT_THAT(error([=](cce_problem &p) { p.filter_eps = eps; }),
                HasSubstr("INVALID_ARGUMENT: problem.filter_eps: expected a number in [0, 1), "));
  EXPECT_EQ(error([](cce_problem &p) { p.filter_eps = NAN; }),
            "INVALID_ARGUMENT: problem.filter_eps: expected a number in [0, 1), got nan");
  EXPECT_EQ(error([](cce_problem &p) { p.filter_eps = 0.5f; }), "");
  EXPECT_EQ(error([](cce_problem &p) {
              const int two = 2; // as a caller in C may write it
              std::memcpy(&p.filter_tail, &two, sizeof(two));
            }),
            "INVALID_ARGUMENT: problem.filter_tail: expected correct (0) or drop (1), got 2");
  EXPECT_EQ(planError({}).substr(0, 40), "INVALID_ARGUMENT: problem.struct_size: e");
}

TEST_F(PlanValidation, sequencesAndShifts) {
  EXPECT_EQ(error([](cce_problem &p) { p.sequence = 4; }),
            "INVALID_ARGUMENT: problem.sequence: expected a divisor of problem.tokens (6), got 4");
  EXPECT_EQ(error([](cce_problem &p) { p.sequence = -6; }),
            "INVALID_ARGUMENT: problem.sequence: expected a number >= 0, got -6");
  EXPECT_EQ(error([](cce_problem &p) { p.shift = 6; }),
            "INVALID_ARGUMENT: problem.shift: expected a number in [0, 6), the length of a "
            "sequence, got 6");
  EXPECT_EQ(error([](cce_problem &p) { p.shift = 3, p.sequence = 3; }),
            "INVALID_ARGUMENT: problem.shift: expected a number in [0, 3), the length of a "
            "sequence, got 3");
  EXPECT_EQ(error([](cce_problem &p) { p.shift = -1; }),
            "INVALID_ARGUMENT: problem.shift: expected a number in [0, 6), the length of a "
            "sequence, got -1");
  EXPECT_EQ(error([](cce_problem &p) { p.shift = 2, p.sequence = 3; }), "");
  EXPECT_EQ(error([](cce_problem &p) { p.shift = 2, p.tokens = 0; }), "");
}

TEST_F(PlanValidation, strides) {
  auto set = [](int64_t (cce_problem::*member)[2], int64_t row, int64_t column) {
    return [=](cce_problem &p) { (p.*member)[0] = row, (p.*member)[1] = column; };
  };
  EXPECT_EQ(error(set(&cce_problem::e_strides, -4, 1)),
            "INVALID_ARGUMENT: problem.e_strides: expected strides >= 0, got {-4, 1}");
  EXPECT_EQ(error(set(&cce_problem::e_strides, 0, 1)), ""); // the same row for all tokens
  EXPECT_EQ(error(set(&cce_problem::c_strides, int64_t(1) << 62, 1)),
            "INVALID_ARGUMENT: problem.c_strides: expected a matrix of less than 2^60 bytes, got "
            "{4611686018427387904, 1}");
  EXPECT_EQ(error(set(&cce_problem::de_strides, 0, 1)),
            "INVALID_ARGUMENT: problem.de_strides: expected strides that give each of 6 x 4 "
            "elements a place of its own, got {0, 1}");
  EXPECT_EQ(error(set(&cce_problem::de_strides, 3, 1)).substr(0, 44),
            "INVALID_ARGUMENT: problem.de_strides: expect");
  EXPECT_EQ(error(set(&cce_problem::de_strides, 4, 1)), "");
  EXPECT_EQ(error(set(&cce_problem::dc_strides, 1, 5)), ""); // by columns
  EXPECT_EQ(error(set(&cce_problem::dc_strides, 1, 4)).substr(0, 44),
            "INVALID_ARGUMENT: problem.dc_strides: expect");
}

TEST_F(PlanValidation, hugeProblemsDoNotOverflow) {
  // A plan needs no memory for the matrices; chunks keep the workspace below the limit.
  EXPECT_EQ(error([](cce_problem &p) {
              p.tokens = 1 << 16, p.hidden = 1 << 12, p.vocab = 1 << 20;
              p.workspace_limit = size_t(2) << 30;
            }),
            "");
  EXPECT_THAT(
      error([](cce_problem &p) { p.tokens = 2147479552, p.hidden = 65536, p.vocab = 2147479552; }),
      HasSubstr("RESOURCE_EXHAUSTED: problem.workspace_limit: the backward needs at least "));
  EXPECT_THAT(error([](cce_problem &p) { p.tokens = p.hidden = p.vocab = 2147479552; }),
              HasSubstr("expected a matrix of less than 2^60 bytes"));
}

TEST_F(PlanValidation, workspaceLimit) {
  EXPECT_THAT(
      error([](cce_problem &p) { p.workspace_limit = 100; }),
      HasSubstr("RESOURCE_EXHAUSTED: problem.workspace_limit: the backward needs at least "));
  EXPECT_THAT(error([](cce_problem &p) { p.workspace_limit = 100; }),
              HasSubstr(" bytes for 6 tokens, the limit is 100"));
}

TEST_F(PlanValidation, wrongCallsLaunchNothing) {
  bias = std::vector<float>(5, 0.5f);
  problem.bias_dtype = CCE_F32;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  const cce_forward_args goodForward = forward;
  auto forwardError = [&](auto change) {
    forward = goodForward;
    change(forward);
    return runForward();
  };
  EXPECT_EQ(forwardError([](auto &a) { a.struct_size = 8; }),
            "args.struct_size: expected 96 (call cce_forward_args_init first), got 8");
  EXPECT_EQ(forwardError([](auto &a) { a.e = nullptr; }), "args.e: expected memory, got NULL");
  EXPECT_EQ(forwardError([](auto &a) { a.c = nullptr; }), "args.c: expected memory, got NULL");
  EXPECT_EQ(forwardError([](auto &a) { a.bias = nullptr; }),
            "args.bias: expected memory, got NULL");
  EXPECT_EQ(forwardError([](auto &a) { a.labels = nullptr; }),
            "args.labels: expected memory, got NULL");
  EXPECT_EQ(forwardError([](auto &a) { a.loss = nullptr; }),
            "args.loss: expected memory, got NULL");
  EXPECT_EQ(forwardError([](auto &a) { a.workspace = nullptr; }),
            "args.workspace: expected memory, got NULL");
  EXPECT_EQ(forwardError([](auto &a) { a.workspace_bytes = 1; }),
            "args.workspace_bytes: expected at least " +
                std::to_string(cce_plan_forward_workspace(plan)) + ", got 1");
  EXPECT_THAT(forwardError([](auto &a) { a.e = static_cast<const char *>(a.e) + 1; }),
              HasSubstr("args.e: expected an address that is a multiple of 4 bytes, got 0x"));
  EXPECT_EQ(loss[0], -7);
  EXPECT_EQ(forwardError([](auto &a) { a.lse = nullptr; }), ""); // optional
  EXPECT_EQ(lse[0], -7);
  EXPECT_EQ(forwardError([](auto &) {}), "");

  const cce_backward_args goodBackward = backward;
  auto backwardError = [&](auto change) {
    backward = goodBackward;
    change(backward);
    return runBackward();
  };
  EXPECT_EQ(backwardError([](auto &a) { a.struct_size = 8; }),
            "args.struct_size: expected 136 (call cce_backward_args_init first), got 8");
  EXPECT_EQ(backwardError([](auto &a) { a.lse = nullptr; }), "args.lse: expected memory, got NULL");
  EXPECT_EQ(backwardError([](auto &a) { a.bias = nullptr; }),
            "args.bias: expected memory, got NULL");
  EXPECT_THAT(backwardError([](auto &a) { a.workspace_bytes = 1; }),
              HasSubstr("args.workspace_bytes: expected at least "));
  EXPECT_THAT(backwardError([](auto &a) { a.dlse = reinterpret_cast<const float *>(2); }),
              HasSubstr("args.dlse: expected an address that is a multiple of 4 bytes"));
  EXPECT_EQ(de[0], -7);
  EXPECT_EQ(backwardError([](auto &a) { a.de = a.dc = a.dbias = nullptr; }), "");
  EXPECT_EQ(backwardError([](auto &) {}), "");
}

TEST_F(PlanValidation, theCpuSavesNoLogits) {
  problem.saved_logits_limit = 1000000;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(cce_plan_saved_logits(plan), 0u);
  EXPECT_THAT(cce_plan_describe(plan),
              HasSubstr("saved logits: none, because the CPU target computes them again\n"));
  forward.saved_logits = backward.saved_logits = loss.data(); // not used
  EXPECT_EQ(runForward(), "");
  EXPECT_EQ(runBackward(), "");
}

TEST_F(PlanValidation, oneCallOnTheCpuIsAForwardAndABackward) {
  const std::string inTurn = ", a forward and an exact backward, because ";
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_THAT(cce_plan_describe(plan), HasSubstr(inTurn + "chunks of tokens were not asked for "
                                                          "(problem.one_call)\n"));
  cce_plan_destroy(plan);
  problem.one_call = 1;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_THAT(cce_plan_describe(plan), HasSubstr(inTurn + "the CPU target keeps no logits\n"));
}

TEST_F(PlanValidation, theFilterOfTheCpuIsExact) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(runForward(), "");
  EXPECT_EQ(runBackward(), "");
  const std::vector<float> exactDe = de, exactDc = dc;
  cce_plan_destroy(plan);
  problem.filter_eps = 0.25f;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(cce_plan_filter_state(plan), 0u);
  EXPECT_THAT(cce_plan_describe(plan),
              HasSubstr("filter: entries of p - onehot below 0.25 may be left out, but there is no "
                        "filtered path: the CPU target has none; exact\n"));
  std::vector<float> dropped(6, -7);
  float kept = -7;
  backward.dropped_mass = dropped.data();
  backward.kept_fraction = &kept;
  EXPECT_EQ(runForward(), "");
  EXPECT_EQ(runBackward(), "");
  EXPECT_EQ(de, exactDe);
  EXPECT_EQ(dc, exactDc);
  EXPECT_THAT(dropped, Each(0.0f));
  EXPECT_EQ(kept, 1);
  // Not only beside gradients.
  kept = -7;
  dropped.assign(6, -7);
  backward.de = backward.dc = nullptr;
  EXPECT_EQ(runBackward(), "");
  EXPECT_THAT(dropped, Each(0.0f));
  EXPECT_EQ(kept, 1);
  backward.kept_fraction = reinterpret_cast<float *>(2);
  EXPECT_THAT(runBackward(),
              HasSubstr("args.kept_fraction: expected an address that is a multiple of 4 bytes"));
}

TEST_F(PlanValidation, biasOnlyWhereThereIsOne) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  forward.bias = e.data();
  EXPECT_EQ(runForward(),
            "args.bias: expected NULL because problem.bias_dtype is none, got memory");
  backward.dbias = dc.data();
  EXPECT_EQ(runBackward(),
            "args.dbias: expected NULL because problem.bias_dtype is none, got memory");
}

TEST_F(PlanValidation, allLabelsIgnored) {
  labels.assign(6, -100);
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(runForward(), "");
  EXPECT_TRUE(std::isnan(loss[0]));
  EXPECT_THAT(lse, Each(0.0f));
  EXPECT_EQ(runBackward(), "");
  EXPECT_THAT(de, Each(0.0f));
  EXPECT_THAT(dc, Each(0.0f));
}

TEST_F(PlanValidation, allLabelsIgnoredSumAndNone) {
  labels.assign(6, -100);
  problem.reduction = CCE_REDUCTION_SUM;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(runForward(), "");
  EXPECT_EQ(loss[0], 0);
  cce_plan_destroy(plan);
  problem.reduction = CCE_REDUCTION_NONE;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(runForward(), "");
  EXPECT_THAT(loss, Each(0.0f));
}

TEST_F(PlanValidation, emptyBatch) {
  problem.tokens = 0;
  problem.bias_dtype = CCE_BF16;
  std::vector<uint16_t> halfBias(5, 7), dHalfBias(5, 7);
  ASSERT_NO_FATAL_FAILURE(makePlan());
  forward.e = forward.labels = nullptr;
  forward.bias = halfBias.data();
  backward.e = backward.labels = backward.lse = nullptr;
  backward.de = nullptr;
  backward.bias = halfBias.data();
  backward.dbias = dHalfBias.data();
  EXPECT_EQ(runForward(), "");
  EXPECT_TRUE(std::isnan(loss[0]));
  EXPECT_EQ(runBackward(), "");
  EXPECT_THAT(dc, Each(0.0f));
  EXPECT_THAT(dHalfBias, Each(0));
  cce_plan_destroy(plan);
  problem.reduction = CCE_REDUCTION_NONE;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  forward.bias = halfBias.data();
  forward.e = forward.labels = nullptr;
  forward.loss = forward.lse = nullptr;
  EXPECT_EQ(runForward(), "");
}

TEST_F(PlanValidation, badLabels) {
  labels = {1, 5, -1, -100, 0, 2};
  problem.reduction = CCE_REDUCTION_NONE;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  int64_t labelError[2] = {-5, -5};
  forward.label_error = labelError;
  EXPECT_EQ(runForward(), "");
  EXPECT_THAT(labelError, ElementsAre(1, 5));
  EXPECT_TRUE(std::isnan(loss[1]) && std::isnan(loss[2]));
  EXPECT_TRUE(std::isnan(lse[1]) && std::isnan(lse[2]));
  EXPECT_EQ(loss[3], 0);
  EXPECT_GT(loss[0], 0);
  EXPECT_GT(loss[5], 0);
  // Their gradient is zero, although their lse is NaN.
  EXPECT_EQ(runBackward(), "");
  for (int token : {1, 2, 3})
    for (int d = 0; d < 4; ++d)
      EXPECT_EQ(de[size_t(token * 4 + d)], 0);
  for (float value : dc)
    EXPECT_FALSE(std::isnan(value));
  cce_plan_destroy(plan);
  problem.reduction = CCE_REDUCTION_MEAN;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(runForward(), ""); // without a place for the position
  EXPECT_TRUE(std::isnan(loss[0]));
}

TEST_F(PlanValidation, checkedLabels) {
  labels = {1, 4, -100, 2, 5, -3};
  problem.check_labels = 1;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(runForward(), "args.labels: expected a class in [0, 5) or ignore_index (-100) at "
                          "position 4, got 5");
  labels[4] = labels[5] = 0;
  EXPECT_EQ(runForward(), "");
}

TEST_F(PlanValidation, ignoreIndexMayBeAClass) {
  labels = {1, 1, 1, 0, 2, 3};
  problem.ignore_index = 1;
  problem.reduction = CCE_REDUCTION_NONE;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(runForward(), "");
  EXPECT_EQ(loss[0], 0);
  EXPECT_GT(loss[3], 0);
}

TEST_F(PlanValidation, maskedClasses) {
  problem.bias_dtype = CCE_F32;
  problem.vocab = 40;
  bias.assign(40, -INFINITY); // whole tiles of them
  bias[1] = bias[37] = 0.5f;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(runForward(), "");
  EXPECT_TRUE(std::isfinite(loss[0])) << loss[0];
  EXPECT_EQ(runBackward(), "");
  for (int v = 0; v < 40; ++v)
    EXPECT_EQ(dbias[size_t(v)] == 0, v != 1 && v != 37) << v;
}

TEST_F(PlanValidation, fp16GradientsOfManyTokensDoNotVanish) {
  // 1/N is below the smallest f16 that g could hold.
  problem.tokens = 1 << 15;
  problem.dtype = CCE_F16;
  problem.hidden = 1;
  problem.vocab = 2;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  std::vector<uint16_t> e16(size_t(problem.tokens), floatToF16(8)), c16 = {0, floatToF16(-1)},
                                                                    dc16(2);
  forward.e = backward.e = e16.data();
  forward.c = backward.c = c16.data();
  backward.de = nullptr;
  backward.dc = dc16.data();
  labels.assign(size_t(problem.tokens), 0);
  EXPECT_EQ(runForward(), "");
  EXPECT_EQ(runBackward(), "");
  const double p = 1 / (1 + std::exp(8.0));
  EXPECT_NEAR(f16ToFloat(dc16[1]), 8 * p, 8 * p * 1e-3);
}

TEST_F(PlanValidation, resultsDoNotDependOnTheNumberOfThreads) {
  problem.tokens = 37;
  problem.vocab = 300;
  std::vector<float> firstLoss, firstDc;
  for (int threads : {1, 2, 7}) {
    TearDown();
    owned.clear();
    plan = nullptr;
    open(threads, "");
    ASSERT_NO_FATAL_FAILURE(makePlan());
    for (size_t i = 0; i < e.size(); ++i)
      e[i] = std::sin(float(i));
    EXPECT_EQ(runForward(), "");
    EXPECT_EQ(runBackward(), "");
    if (firstLoss.empty()) {
      firstLoss = loss;
      firstDc = dc;
    }
    EXPECT_EQ(loss, firstLoss);
    EXPECT_EQ(dc, firstDc);
  }
}

TEST_F(PlanValidation, plansMayBeUsedFromSeveralThreads) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(runForward(), "");
  const float expected = loss[0];
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      cce_forward_args mine = forward;
      float result = 0;
      mine.loss = &result;
      mine.lse = nullptr;
      ASSERT_EQ(cce_memory_alloc(context.get(), mine.workspace_bytes, &mine.workspace), CCE_OK);
      for (int repeat = 0; repeat < 20; ++repeat) {
        result = 0;
        ASSERT_EQ(cce_forward(plan, &mine, nullptr), CCE_OK);
        ASSERT_EQ(result, expected);
      }
      cce_memory_free(context.get(), mine.workspace);
    });
  for (std::thread &thread : threads)
    thread.join();
}

} // namespace
} // namespace cce::rt::test
