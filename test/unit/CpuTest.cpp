//===- CpuTest.cpp - thread pool, 16-bit floats, token kernels ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Float16.h"
#include "runtime/cpu/ThreadPool.h"
#include "runtime/cpu/TokenKernels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace cce::rt {
namespace {

using testing::ElementsAre;

constexpr float infinity = std::numeric_limits<float>::infinity();

TEST(ThreadPool, everyTaskRunsOnce) {
  for (int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.workers(), threads);
    // Many short jobs: a worker that wakes late must not take tasks of the next job.
    for (int64_t tasks : {0, 1, 2, 3, 1000}) {
      for (int repeat = 0; repeat < 50; ++repeat) {
        std::vector<std::atomic<int>> runs(size_t(tasks) + 1);
        std::atomic<bool> badWorker{false};
        pool.run(tasks, [&](int64_t task, int worker) {
          ++runs[size_t(task)];
          if (worker < 0 || worker >= threads)
            badWorker = true;
        });
        EXPECT_FALSE(badWorker);
        for (int64_t task = 0; task < tasks; ++task)
          ASSERT_EQ(runs[size_t(task)], 1);
        ASSERT_EQ(runs[size_t(tasks)], 0);
      }
    }
  }
}

TEST(ThreadPool, callersWaitForEachOther) {
  ThreadPool pool(3);
  std::atomic<int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      for (int repeat = 0; repeat < 100; ++repeat)
        pool.run(10, [&](int64_t task, int) { sum += task; });
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(sum, 4 * 100 * 45);
}

TEST(Float16, everyValueSurvivesARoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float half = f16ToFloat(uint16_t(bits)), brain = bf16ToFloat(uint16_t(bits));
    if (std::isnan(half))
      EXPECT_TRUE(std::isnan(f16ToFloat(floatToF16(half))));
    else
      ASSERT_EQ(floatToF16(half), bits);
    if (std::isnan(brain))
      EXPECT_TRUE(std::isnan(bf16ToFloat(floatToBf16(brain))));
    else
      ASSERT_EQ(floatToBf16(brain), bits);
  }
}

TEST(Float16, roundsToNearestEven) {
  EXPECT_EQ(floatToBf16(1.0f + 0x1p-8f), 0x3f80);   // tie: to even
  EXPECT_EQ(floatToBf16(1.0f + 0x1.8p-8f), 0x3f81); // above the tie
  EXPECT_EQ(floatToBf16(1.0f + 0x3p-8f), 0x3f82);   // tie: to even, up
  EXPECT_EQ(floatToBf16(3.4e38f), 0x7f80);          // rounds to infinity
  EXPECT_EQ(floatToF16(1.0f + 0x1p-11f), 0x3c00);   // tie
  EXPECT_EQ(floatToF16(1.0f + 0x3p-11f), 0x3c02);   // tie, up
  EXPECT_EQ(floatToF16(65519.0f), 0x7bff);          // largest
  EXPECT_EQ(floatToF16(65520.0f), 0x7c00);          // infinity
  EXPECT_EQ(floatToF16(-infinity), 0xfc00);
  EXPECT_EQ(floatToF16(0x1p-25f), 0x0000); // tie between 0 and the smallest
  EXPECT_EQ(floatToF16(0x1.8p-25f), 0x0001);
  EXPECT_EQ(floatToF16(-0x1p-24f), 0x8001);
  EXPECT_EQ(floatToF16(0x1.ff8p-15f), 0x03ff); // largest subnormal
  EXPECT_EQ(floatToF16(0x1.ffcp-15f), 0x0400); // tie, up to a normal number
}

Status run(const char *kernel, const Bindings &bindings) {
  TokenKernel function = findTokenKernel(kernel);
  return function ? function(bindings) : makeError(CCE_NOT_FOUND, kernel);
}

/// select_tokens with results of 6 padded tokens.
struct Selection {
  int32_t rows[6] = {}, labels[6] = {}, count = 9;
  int64_t error[2] = {9, 9};
  std::vector<float> loss, lse;

  template <typename Label>
  Selection(std::vector<Label> labelsIn, int64_t sequence, int64_t shift, bool wantLoss = true) {
    loss.assign(labelsIn.size(), 9);
    lse.assign(labelsIn.size(), 9);
    Bindings bindings;
    bindings.vector("labels_in", labelsIn.data(), CCE_I64, 0)
        .scalar("positions", int64_t(labelsIn.size()))
        .scalar("sequence", sequence)
        .scalar("shift", shift)
        .scalar("ignore_index", int64_t(-100))
        .scalar("vocab", int64_t(10))
        .vector("rows", rows, CCE_I32, 6)
        .vector("labels", labels, CCE_I32, 6)
        .vector("count", &count, CCE_I32, 1)
        .scalar("padded", int64_t(6))
        .vector("error", error, CCE_I64, 2)
        .vector("loss_or_null", wantLoss ? loss.data() : nullptr, CCE_F32, 0)
        .vector("lse_or_null", wantLoss ? lse.data() : nullptr, CCE_F32, 0);
    Status status = run(sizeof(Label) == 8 ? "select_tokens_i64" : "select_tokens_i32", bindings);
    EXPECT_TRUE(status.ok()) << status.toString();
  }
};

TEST(TokenKernels, selectionLeavesIgnoredTokensOut) {
  Selection s(std::vector<int64_t>{3, -100, 9, 0}, 4, 0);
  EXPECT_EQ(s.count, 3);
  EXPECT_THAT(s.rows, ElementsAre(0, 2, 3, -1, -1, -1));
  EXPECT_THAT(s.labels, ElementsAre(3, 9, 0, -1, -1, -1));
  EXPECT_THAT(s.error, ElementsAre(-1, 0));
  EXPECT_THAT(s.loss, ElementsAre(9, 0, 9, 9)); // others are written by finish_loss
  EXPECT_THAT(s.lse, ElementsAre(9, 0, 9, 9));
}

TEST(TokenKernels, selectionShiftsWithinASequence) {
  Selection s(std::vector<int32_t>{1, 2, 3, 4, 5, 6}, 3, 1);
  EXPECT_EQ(s.count, 4);
  EXPECT_THAT(s.rows, ElementsAre(0, 1, 3, 4, -1, -1));
  EXPECT_THAT(s.labels, ElementsAre(2, 3, 5, 6, -1, -1));
  EXPECT_THAT(s.loss, ElementsAre(9, 9, 0, 9, 9, 0));
}

TEST(TokenKernels, selectionReportsTheFirstBadLabel) {
  Selection s(std::vector<int64_t>{3, 2, 10, -7, 1}, 5, 1);
  EXPECT_EQ(s.count, 2); // rows 0 and 3; 1 and 2 are bad, 4 has no label
  EXPECT_THAT(s.rows, ElementsAre(0, 3, -1, -1, -1, -1));
  EXPECT_THAT(s.error, ElementsAre(2, 10)); // where the label stands, not the row that wants it
  EXPECT_TRUE(std::isnan(s.loss[1]) && std::isnan(s.loss[2]));
  EXPECT_TRUE(std::isnan(s.lse[1]) && std::isnan(s.lse[2]));
  EXPECT_EQ(s.loss[4], 0);
  // Values that only 64 bits can hold must not pass as small ones.
  Selection wide(std::vector<int64_t>{(int64_t(1) << 32) + 3}, 1, 0);
  EXPECT_EQ(wide.count, 0);
  EXPECT_THAT(wide.error, ElementsAre(0, (int64_t(1) << 32) + 3));
}

TEST(TokenKernels, selectionWithoutLossWritesNone) {
  Selection s(std::vector<int64_t>{-100, 1}, 2, 0, /*wantLoss=*/false);
  EXPECT_THAT(s.loss, ElementsAre(9, 9));
}

/// finish_loss of 2 splits and 2 padded tokens, of which `count` take part; rows 2 and 0.
struct Finish {
  std::vector<float> loss = {9, 9, 9}, lse = {9, 9, 9};
  /// With `sum`, a chunk of `total` tokens behind others.
  Finish(std::vector<float> partial, int32_t count, cce_reduction reduction,
         int64_t firstError = -1, double *sum = nullptr, bool hasSum = false, int32_t total = 0) {
    if (!sum)
      total = count;
    const float labelLogit[2] = {0.5f, 0.25f};
    const int32_t rows[2] = {2, 0};
    const int64_t error[2] = {firstError, 0};
    Bindings bindings;
    bindings.vector("partial", partial.data(), CCE_F32, 0)
        .scalar("splits", int64_t(2))
        .scalar("padded", int64_t(2))
        .vector("label_logit", labelLogit, CCE_F32, 2)
        .vector("rows", rows, CCE_I32, 2)
        .vector("count", &count, CCE_I32, 1)
        .scalar("reduction", int64_t(reduction))
        .vector("error", error, CCE_I64, 2)
        .vector("lse_or_null", lse.data(), CCE_F32, 3)
        .vector("loss", loss.data(), CCE_F32, 3)
        .vector("total", &total, CCE_I32, 1)
        .vector("sum_or_null", sum, CCE_DTYPE_NONE, 1)
        .scalar("has_sum", int64_t(hasSum));
    Status status = run("finish_loss", bindings);
    EXPECT_TRUE(status.ok()) << status.toString();
  }
};

TEST(TokenKernels, finishMergesSplits) {
  // Token 0: 2^1*3 + 2^3*1 = 14. Token 1: the second split is empty, 2^0*2 = 2.
  const std::vector<float> partial = {1, 3, 0, 2, 3, 1, -infinity, 0};
  const float lse0 = std::log(14.0f), lse1 = std::log(2.0f);
  Finish none(partial, 2, CCE_REDUCTION_NONE);
  EXPECT_THAT(none.lse, ElementsAre(testing::FloatEq(lse1), 9, testing::FloatEq(lse0)));
  EXPECT_THAT(none.loss,
              ElementsAre(testing::FloatEq(lse1 - 0.25f), 9, testing::FloatEq(lse0 - 0.5f)));
  const float sum = lse0 + lse1 - 0.75f;
  EXPECT_THAT(Finish(partial, 2, CCE_REDUCTION_SUM).loss, ElementsAre(testing::FloatEq(sum), 9, 9));
  EXPECT_THAT(Finish(partial, 2, CCE_REDUCTION_MEAN).loss,
              ElementsAre(testing::FloatEq(sum / 2), 9, 9));
  EXPECT_TRUE(std::isnan(Finish(partial, 2, CCE_REDUCTION_SUM, 4).loss[0]));
  EXPECT_TRUE(std::isnan(Finish(partial, 0, CCE_REDUCTION_MEAN).loss[0]));
  EXPECT_EQ(Finish(partial, 0, CCE_REDUCTION_SUM).loss[0], 0);
}

TEST(TokenKernels, finishAddsChunks) {
  const std::vector<float> partial = {1, 3, 0, 2, 3, 1, -infinity, 0};
  const float chunk = std::log(14.0f) + std::log(2.0f) - 0.75f;
  double sum = NAN; // what is there before the first chunk is not looked at
  EXPECT_THAT(Finish(partial, 2, CCE_REDUCTION_MEAN, -1, &sum, false, 4).loss,
              ElementsAre(testing::FloatEq(chunk / 4), 9, 9));
  EXPECT_THAT(Finish(partial, 2, CCE_REDUCTION_MEAN, -1, &sum, true, 4).loss,
              ElementsAre(testing::FloatEq(chunk / 2), 9, 9));
  EXPECT_THAT(Finish(partial, 0, CCE_REDUCTION_SUM, -1, &sum, true, 4).loss,
              ElementsAre(testing::FloatEq(2 * chunk), 9, 9));
  EXPECT_FLOAT_EQ(float(sum), 2 * chunk);
}

TEST(TokenKernels, finishWithoutAnyClassIsMinusInfinity) {
  const std::vector<float> partial = {-infinity, 0, 0, 1, -infinity, 0, 0, 1};
  EXPECT_EQ(Finish(partial, 2, CCE_REDUCTION_NONE).lse[2], -infinity);
}

/// token_weights of 2 tokens in rows 3 and 1, padded to 3.
struct Weights {
  float lseOut[3], prob[3], label[3], alpha = 9;
  Weights(const float *dloss, const float *dlse, cce_reduction reduction, int32_t total = 2) {
    const float lse[4] = {10, 11, 12, 13};
    const int32_t rows[3] = {3, 1, -1}, count = 2;
    Bindings bindings;
    bindings.vector("dloss_or_null", dloss, CCE_F32, 0)
        .vector("dlse_or_null", dlse, CCE_F32, 0)
        .vector("lse", lse, CCE_F32, 4)
        .vector("rows", rows, CCE_I32, 3)
        .vector("count", &count, CCE_I32, 1)
        .scalar("padded", int64_t(3))
        .scalar("reduction", int64_t(reduction))
        .vector("lse_out", lseOut, CCE_F32, 3)
        .vector("prob_weight", prob, CCE_F32, 3)
        .vector("label_weight", label, CCE_F32, 3)
        .vector("alpha", &alpha, CCE_F32, 1)
        .vector("total", &total, CCE_I32, 1);
    Status status = run("token_weights", bindings);
    EXPECT_TRUE(status.ok()) << status.toString();
  }
};

TEST(TokenKernels, weightsAreScaled) {
  // To 256, so that the small entries of g are no subnormal numbers of f16.
  Weights ones(nullptr, nullptr, CCE_REDUCTION_SUM);
  EXPECT_EQ(ones.alpha, 1.0f / 256);
  EXPECT_THAT(ones.prob, ElementsAre(256, 256, 0));
  EXPECT_THAT(ones.label, ElementsAre(256, 256, 0));
  EXPECT_THAT(ones.lseOut, ElementsAre(13, 11, 0));
  EXPECT_EQ(Weights(nullptr, nullptr, CCE_REDUCTION_MEAN).alpha, 0.5f / 256);
  EXPECT_EQ(Weights(nullptr, nullptr, CCE_REDUCTION_MEAN, 8).alpha, 0.125f / 256);
  const float dloss[4] = {7, 2, 7, -4}, dlse[4] = {7, 6, 7, 1};
  Weights each(dloss, dlse, CCE_REDUCTION_NONE);
  EXPECT_EQ(each.alpha, 8.0f / 256); // |2 + 6|
  EXPECT_THAT(each.prob, ElementsAre(-96, 256, 0));
  EXPECT_THAT(each.label, ElementsAre(-128, 64, 0));
}

TEST(TokenKernels, weightsOfZeroAndNaNStayApart) {
  const float zero[1] = {0};
  Weights none(zero, nullptr, CCE_REDUCTION_SUM);
  EXPECT_EQ(none.alpha, 0);
  EXPECT_THAT(none.prob, ElementsAre(0, 0, 0));
  const float bad[4] = {0, NAN, 0, 2};
  Weights one(bad, nullptr, CCE_REDUCTION_NONE);
  EXPECT_EQ(one.alpha, 2.0f / 256);
  EXPECT_EQ(one.prob[0], 256);
  EXPECT_TRUE(std::isnan(one.prob[1]));
}

TEST(TokenKernels, aMissingArgumentIsNamed) {
  EXPECT_EQ(run("finish_loss", Bindings()).toString(), "INTERNAL: no argument 'partial'");
  EXPECT_EQ(findTokenKernel("lse_forward"), nullptr);
}

} // namespace
} // namespace cce::rt
