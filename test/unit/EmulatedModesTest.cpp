//===- EmulatedModesTest.cpp - what only GPUs do, on an emulated one ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// The filter and saved logits, with the PTX of the real kernels and compared with the loss and its gradients in double. bench/check_gradients.py --emulator checks more, and more slowly.
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Float16.h"
#include "test/unit/Reference.h"
#include "test/unit/TestContext.h"

#include <cmath>
#include <map>
#include <random>

namespace cce::rt::test {
namespace {

double normOf(const double *values, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i)
    sum += values[i] * values[i];
  return std::sqrt(sum);
}

class EmulatedModes : public CpuFixture {
protected:
  void SetUp() override {
    CpuFixture::SetUp();
    cce_problem_init(&problem);
    problem.tokens = 500; // as many tiles with pairs of them as without
    problem.hidden = 72;
    problem.vocab = 2601;
    problem.reduction = CCE_REDUCTION_SUM;
  }
  void TearDown() override { reset(); }
  void reset() {
    for (auto &[name, memory] : owned)
      cce_memory_free(context.get(), memory);
    owned.clear();
    reference = {};
  }

  void *allocate(const std::string &name, size_t bytes) {
    void *memory = nullptr;
    EXPECT_EQ(cce_memory_alloc(context.get(), bytes, &memory), CCE_OK) << cce_last_error();
    owned.emplace(name, memory);
    return memory;
  }

  /// Probable labels, some of many tokens; a long tail, whose classes have a common direction; some tokens ignored.
  void fill() {
    const int64_t n = problem.tokens, d = problem.hidden, v = problem.vocab;
    std::mt19937 random(3);
    std::normal_distribution<double> normal;
    std::uniform_real_distribution<double> uniform;
    auto rounded = [](double x) { return double(bf16ToFloat(floatToBf16(float(x)))); };
    std::vector<double> common(size_t(d), 0.0);
    for (double &x : common)
      x = 0.4 * normal(random) / std::sqrt(double(d));
    reference.tokens = n, reference.hidden = d, reference.vocab = v;
    reference.reduction = problem.reduction;
    for (int64_t i = 0; i < v * d; ++i)
      reference.c.push_back(rounded(common[size_t(i % d)] + normal(random) / std::sqrt(double(d))));
    for (int64_t i = 0; i < n; ++i) {
      const auto label = int64_t(std::pow(uniform(random), 3) * double(v));
      const double *row = &reference.c[size_t(label * d)], gain = (8 + 4 * uniform(random)) / normOf(row, d);
      for (int64_t k = 0; k < d; ++k)
        reference.e.push_back(rounded(normal(random) + gain * row[k]));
      reference.labels.push_back(i % 7 == 3 ? -100 : label);
    }
    reference.compute();
  }

  /// Bits of bf16 on the device.
  void *upload(const std::string &name, const std::vector<double> &values) {
    std::vector<uint16_t> bits;
    for (double value : values)
      bits.push_back(floatToBf16(float(value)));
    void *memory = allocate(name, 2 * bits.size());
    EXPECT_EQ(cce_memory_copy(context.get(), memory, bits.data(), 2 * bits.size(), CCE_HOST_TO_DEVICE, nullptr), CCE_OK);
    return memory;
  }
  template <typename T> std::vector<T> download(const std::string &name, size_t count) {
    std::vector<T> values(count);
    EXPECT_EQ(cce_memory_copy(context.get(), values.data(), owned.at(name), count * sizeof(T), CCE_DEVICE_TO_HOST, nullptr), CCE_OK);
    return values;
  }

  struct Results {
    double loss = 0;
    float kept = 1;
    std::vector<float> dropped;
    std::vector<double> de, dc;
  };

  void makePlan(Choices choices = {}) {
    auto checked = Problem::check(problem);
    ASSERT_TRUE(checked.ok()) << checked.status().toString();
    auto created = Plan::create(context->backend, *checked, std::move(choices));
    ASSERT_TRUE(created.ok()) << created.status().toString();
    plan = *std::move(created);
  }

  /// A forward and a backward.
  Results run() {
    fill();
    const int64_t n = problem.tokens, d = problem.hidden, v = problem.vocab;
    makePlan();
    if (HasFatalFailure())
      return {0, 1, std::vector<float>(size_t(n)), reference.de, reference.dc};
    cce_forward_args forward;
    cce_forward_args_init(&forward);
    forward.e = upload("e", reference.e);
    forward.c = upload("c", reference.c);
    forward.labels = allocate("labels", size_t(8 * n));
    EXPECT_EQ(cce_memory_copy(context.get(), owned.at("labels"), reference.labels.data(), size_t(8 * n), CCE_HOST_TO_DEVICE, nullptr), CCE_OK);
    forward.loss = static_cast<float *>(allocate("loss", 4));
    forward.lse = static_cast<float *>(allocate("lse", size_t(4 * n)));
    forward.filter_state = plan->filterState() ? allocate("state", plan->filterState()) : nullptr;
    forward.saved_logits = plan->savedLogits() ? allocate("saved", plan->savedLogits()) : nullptr;
    forward.workspace_bytes = std::max(plan->forwardWorkspace(), plan->backwardWorkspace());
    forward.workspace = allocate("workspace", forward.workspace_bytes);
    Status status = plan->forward(forward, nullptr);
    EXPECT_TRUE(status.ok()) << status.toString();
    cce_backward_args backward;
    cce_backward_args_init(&backward);
    backward.e = forward.e;
    backward.c = forward.c;
    backward.labels = forward.labels;
    backward.lse = forward.lse;
    backward.de = allocate("de", size_t(2 * n * d));
    backward.dc = allocate("dc", size_t(2 * v * d));
    backward.filter_state = forward.filter_state;
    backward.saved_logits = forward.saved_logits;
    backward.dropped_mass = static_cast<float *>(allocate("dropped", size_t(4 * n)));
    backward.kept_fraction = static_cast<float *>(allocate("kept", 4));
    backward.workspace = forward.workspace;
    backward.workspace_bytes = forward.workspace_bytes;
    status = plan->backward(backward, nullptr);
    EXPECT_TRUE(status.ok()) << status.toString();
    Results results;
    results.loss = download<float>("loss", 1)[0];
    results.kept = download<float>("kept", 1)[0];
    results.dropped = download<float>("dropped", size_t(n));
    for (uint16_t bits : download<uint16_t>("de", size_t(n * d)))
      results.de.push_back(bf16ToFloat(bits));
    for (uint16_t bits : download<uint16_t>("dc", size_t(v * d)))
      results.dc.push_back(bf16ToFloat(bits));
    return results;
  }

  static double relativeError(const std::vector<double> &got, const std::vector<double> &expected) {
    std::vector<double> difference;
    for (size_t i = 0; i < got.size(); ++i)
      difference.push_back(got[i] - expected[i]);
    return normOf(difference.data(), int64_t(got.size())) / normOf(expected.data(), int64_t(expected.size()));
  }

  /// Nothing of epsilon or more is missing, and the mass is that of what is: rows of dE are no further from exact ones than entries
  /// below epsilon, of all classes or of those left out, can bring them, and what rounding costs.
  void checkDropped(const Results &results) {
    const int64_t n = problem.tokens, d = problem.hidden, v = problem.vocab;
    double largest = 0;
    for (int64_t j = 0; j < v; ++j)
      largest = std::max(largest, normOf(&reference.c[size_t(j * d)], d));
    for (int64_t i = 0; i < n; ++i) {
      const bool isIgnored = reference.labels[size_t(i)] < 0;
      double small = 0;
      for (int64_t j = 0; j < v && !isIgnored; ++j) {
        double logit = 0;
        for (int64_t k = 0; k < d; ++k)
          logit += reference.e[size_t(i * d + k)] * reference.c[size_t(j * d + k)];
        const double p = std::exp(logit - reference.lse[size_t(i)]);
        if (p < 1.001 * problem.filter_eps)
          small += p;
      }
      EXPECT_LE(results.dropped[size_t(i)], small + 1e-5) << i;
      std::vector<double> difference;
      for (int64_t k = 0; k < d; ++k)
        difference.push_back(results.de[size_t(i * d + k)] - reference.de[size_t(i * d + k)]);
      const double allowed = results.dropped[size_t(i)] * largest + 0x1p-7 * normOf(&reference.de[size_t(i * d)], d) + 0x1p-8 * largest;
      EXPECT_LE(normOf(difference.data(), d), allowed) << i;
    }
  }

  cce_problem problem;
  Reference reference;
  std::unique_ptr<const Plan> plan;
  std::map<std::string, void *> owned;
};

// The path that lists classes, and what it drops or stands in for.
TEST_F(EmulatedModes, filterLeavesOutWhatMayBeLeftOut) {
  problem.hidden = 264; // two tiles of columns, of which the second has few
  problem.filter_eps = 0x1p-7f;
  problem.filter_tail = CCE_FILTER_TAIL_DROP;
  const Results dropped = run();
  EXPECT_NEAR(dropped.loss, reference.loss[0], 1e-5 * reference.loss[0] + 1e-3);
  EXPECT_LT(dropped.kept, 0.4f);
  EXPECT_GT(dropped.kept, 0.0f);
  checkDropped(dropped);
  const double errorE = relativeError(dropped.de, reference.de), errorC = relativeError(dropped.dc, reference.dc);
  EXPECT_GT(errorE, 5e-3); // something is left out
  EXPECT_LT(errorC, 0.12);
  reset();
  problem.filter_tail = CCE_FILTER_TAIL_CORRECT;
  const Results corrected = run();
  EXPECT_EQ(corrected.kept, dropped.kept);
  EXPECT_EQ(corrected.dropped, dropped.dropped);
  EXPECT_LT(relativeError(corrected.de, reference.de), 0.45 * errorE);
  EXPECT_LT(relativeError(corrected.dc, reference.dc), errorC);
}

// Pairs of blocks share rows of C, of which each tile of tokens lists its own.
TEST_F(EmulatedModes, listedKernelsHaveNoClusters) {
  problem.filter_eps = 0x1p-7f;
  ASSERT_NO_FATAL_FAILURE(makePlan({{{"logit_grad", {{"cluster", 2}}}, {"grad_embedding", {{"cluster", 2}, {"tile_n", 256}}}}}));
  EXPECT_THAT(plan->describe(), testing::ContainsRegex("logit_grad: .*, in clusters of 2"));
  EXPECT_THAT(plan->describe(), testing::ContainsRegex("grad_embedding: .*, in clusters of 2"));
  EXPECT_THAT(plan->describe(), testing::HasSubstr("logit_grad_listed: "));
  EXPECT_THAT(plan->describe(), testing::HasSubstr("grad_embedding_tilted: "));
  EXPECT_THAT(plan->describe(), testing::Not(testing::ContainsRegex("_(listed|tilted): .*, in clusters")));
}

TEST_F(EmulatedModes, flatProbabilitiesTakeTheExactPath) {
  problem.filter_eps = 0x1p-30f;
  problem.hidden = 520;
  problem.workspace_limit = size_t(800) << 10; // chunks of classes, with g in dC
  const Results results = run();
  EXPECT_EQ(results.kept, 1);
  EXPECT_GT(plan->layoutOf().filter.slots, 0); // it might have been filtered
  EXPECT_FALSE(plan->layoutOf().all.behindRows.empty()) << plan->describe();
  EXPECT_LT(relativeError(results.de, reference.de), 3e-3);
  EXPECT_LT(relativeError(results.dc, reference.dc), 3e-3);
}

// The kernels of the exact path, whose g would lie in dC, are launched behind those that have written it.
TEST_F(EmulatedModes, theExactPathThatIsNotTakenLeavesDcAlone) {
  problem.tokens = 250;
  problem.hidden = 1032;
  problem.filter_eps = 0x1p-7f;
  problem.workspace_limit = size_t(940) << 10;
  const Results little = run();
  EXPECT_FALSE(plan->layoutOf().all.behindRows.empty()) << plan->describe();
  EXPECT_LT(little.kept, 0.4f) << plan->describe();
  EXPECT_LT(relativeError(little.dc, reference.dc), 0.12);
  reset();
  problem.workspace_limit = 0;
  const Results much = run();
  EXPECT_TRUE(plan->layoutOf().all.behindRows.empty());
  EXPECT_EQ(little.dc, much.dc);
}

TEST_F(EmulatedModes, logitsOfAllOrOfSomeClassesAreSaved) {
  for (size_t limit : {size_t(64) << 20, size_t(800) << 10}) {
    SCOPED_TRACE(limit);
    problem.saved_logits_limit = limit;
    problem.workspace_limit = size_t(2) << 20;
    const Results results = run();
    const int64_t saved = plan->layoutOf().saved.classes;
    EXPECT_EQ(saved == problem.vocab, limit > size_t(1) << 20) << plan->describe();
    EXPECT_GT(saved, 0);
    EXPECT_NEAR(results.loss, reference.loss[0], 1e-5 * reference.loss[0] + 1e-3);
    EXPECT_LT(relativeError(results.de, reference.de), 3e-3);
    EXPECT_LT(relativeError(results.dc, reference.dc), 3e-3);
    reset();
  }
}

} // namespace
} // namespace cce::rt::test
