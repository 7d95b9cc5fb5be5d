//===- PlanNumericsTest.cpp - plans against the definition ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The sequence of launches, the chunks, strides and token kernels, with the fake compiler's kernels
// on the CPU, compared with the loss and its gradients in double. The same file is compiled a
// second time with CCE_TEST_REAL_COMPILER, against the compiler's CPU target.
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Float16.h"
#include "test/unit/Reference.h"
#include "test/unit/TestContext.h"

#include <cmath>
#include <cstring>
#include <random>

namespace cce::rt::test {
namespace {

struct Case {
  std::string name;
  int64_t tokens = 13, hidden = 10, vocab = 37;
  cce_dtype dtype = CCE_F32;
  cce_dtype labelDtype = CCE_I64;
  cce_dtype biasDtype = CCE_DTYPE_NONE;
  cce_reduction reduction = CCE_REDUCTION_MEAN;
  float softcap = INFINITY;
  int64_t shift = 0, sequence = 0;
  int64_t ignoreEvery = 0; ///< each so-many-th label is ignored
  bool everyLabel = false; ///< labels go through all classes in turn
  bool transposed = false; ///< E, C, dE and dC by columns
  bool upstream = false;   ///< dloss and dlse given
  size_t workspaceLimit = 0;
  int64_t chunks = 1; ///< expected
  int64_t chunksBehindRows = 1; ///< the same where dC has room for g
};

void PrintTo(const Case &each, std::ostream *out) { *out << each.name; }

/// A matrix in the memory layout of a case.
struct Stored {
  Stored(int64_t rows, int64_t columns, bool transposed, cce_dtype dtype)
      : rows(rows), columns(columns), rowStride(transposed ? 1 : columns),
        columnStride(transposed ? rows : 1), dtype(dtype),
        bytes(std::max<size_t>(size_t(rows * columns * dtypeSize(dtype)), 1), char(0xff)) {}
  void set(int64_t row, int64_t column, float value) {
    char *to = &bytes[size_t(offset(row, column))];
    const uint16_t bits = dtype == CCE_BF16 ? floatToBf16(value) : floatToF16(value);
    if (dtype == CCE_F32)
      std::memcpy(to, &value, 4);
    else
      std::memcpy(to, &bits, 2);
  }
  double get(int64_t row, int64_t column) const {
    float value;
    uint16_t bits;
    const char *from = &bytes[size_t(offset(row, column))];
    if (dtype == CCE_F32) {
      std::memcpy(&value, from, 4);
      return value;
    }
    std::memcpy(&bits, from, 2);
    return dtype == CCE_BF16 ? bf16ToFloat(bits) : f16ToFloat(bits);
  }
  int64_t offset(int64_t row, int64_t column) const {
    return (row * rowStride + column * columnStride) * dtypeSize(dtype);
  }
  /// Fills with random numbers and returns their exact values.
  std::vector<double> randomise(std::mt19937 &random, float scale) {
    std::normal_distribution<float> normal(0, scale);
    std::vector<double> values;
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column) {
        set(row, column, normal(random));
        values.push_back(get(row, column));
      }
    return values;
  }
  std::vector<double> values() const {
    std::vector<double> result;
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column)
        result.push_back(get(row, column));
    return result;
  }
  int64_t rows, columns, rowStride, columnStride;
  cce_dtype dtype;
  std::vector<char> bytes;
};

/// Memory of the test as the device sees it: the same on the CPU, a copy on a GPU.
class OnDevice {
public:
  OnDevice(cce_context *context, void *host, size_t bytes)
      : context(context), host(host), bytes(bytes), pointer(host) {
    if (cce_context_device(context) == CCE_DEVICE_CPU)
      return;
    EXPECT_EQ(cce_memory_alloc(context, bytes, &pointer), CCE_OK) << cce_last_error();
    EXPECT_EQ(cce_memory_copy(context, pointer, host, bytes, CCE_HOST_TO_DEVICE, nullptr), CCE_OK);
  }
  ~OnDevice() {
    if (pointer != host)
      cce_memory_free(context, pointer);
  }
  OnDevice(const OnDevice &) = delete;
  OnDevice &operator=(const OnDevice &) = delete;
  /// Brings results back to the test.
  void fetch() {
    if (pointer != host)
      EXPECT_EQ(cce_memory_copy(context, host, pointer, bytes, CCE_DEVICE_TO_HOST, nullptr), CCE_OK)
          << cce_last_error();
  }
  template <typename T = void> T *get() const { return static_cast<T *>(pointer); }

private:
  cce_context *context;
  void *host;
  size_t bytes;
  void *pointer;
};
template <typename T> OnDevice onDevice(cce_context *context, std::vector<T> &host) {
  return OnDevice(context, host.data(), host.size() * sizeof(T));
}

double largestRowNorm(const std::vector<double> &matrix, int64_t columns) {
  double largest = 0, sum = 0;
  for (size_t i = 0; i < matrix.size(); ++i) {
    sum = i % size_t(columns) == 0 ? matrix[i] * matrix[i] : sum + matrix[i] * matrix[i];
    largest = std::fmax(largest, sum);
  }
  return std::sqrt(largest);
}

double largestDifference(const std::vector<float> &got, const std::vector<double> &expected) {
  EXPECT_EQ(got.size(), expected.size());
  double largest = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double difference = std::fabs(got[i] - expected[i]);
    if (!(difference <= largest)) // also NaN
      largest = difference;
  }
  return largest;
}

/// Frobenius norm of the difference relative to the expected values.
double relativeError(const std::vector<double> &got, const std::vector<double> &expected) {
  EXPECT_EQ(got.size(), expected.size());
  double difference = 0, norm = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    difference += (got[i] - expected[i]) * (got[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  return norm == 0 ? std::sqrt(difference) : std::sqrt(difference / norm);
}

class PlanNumerics : public CpuFixture, public ::testing::WithParamInterface<Case> {};

TEST_P(PlanNumerics, agreesWithTheDefinition) {
  const Case &each = GetParam();
  std::mt19937 random(1);
  Reference reference;
  reference.tokens = each.tokens;
  reference.hidden = each.hidden;
  reference.vocab = each.vocab;
  reference.shift = each.shift;
  reference.sequence = each.sequence;
  reference.reduction = each.reduction;
  reference.softcap = std::isinf(each.softcap) ? 0 : each.softcap;

  Stored e(each.tokens, each.hidden, each.transposed, each.dtype), de = e;
  Stored c(each.vocab, each.hidden, each.transposed, each.dtype), dc = c;
  const bool hasBias = each.biasDtype != CCE_DTYPE_NONE;
  Stored bias(hasBias ? each.vocab : 0, 1, false, hasBias ? each.biasDtype : CCE_F32), dbias = bias;
  // Logits of about the same size for any number of columns.
  const float scale = 0.7f * std::pow(10.0f / float(std::max<int64_t>(each.hidden, 10)), 0.25f);
  reference.e = e.randomise(random, scale);
  reference.c = c.randomise(random, scale);
  if (hasBias)
    reference.bias = bias.randomise(random, 1);
  std::vector<int64_t> labels64(size_t(each.tokens));
  std::vector<int32_t> labels32;
  for (int64_t i = 0; i < each.tokens; ++i) {
    const int64_t label = each.everyLabel ? i % each.vocab : int64_t(random()) % each.vocab;
    labels64[i] = each.ignoreEvery && i % each.ignoreEvery == 0 ? -100 : label;
    labels32.push_back(int32_t(labels64[i]));
  }
  reference.labels = labels64;
  std::vector<float> dloss, dlse;
  if (each.upstream) {
    for (int64_t i = 0; i < (each.reduction == CCE_REDUCTION_NONE ? each.tokens : 1); ++i)
      dloss.push_back(0.5f + float(i % 3));
    for (int64_t i = 0; i < each.tokens; ++i)
      dlse.push_back(0.25f * float(i % 5) - 0.5f);
    reference.dloss.assign(dloss.begin(), dloss.end());
    reference.dlse.assign(dlse.begin(), dlse.end());
  }
  reference.compute();

  cce_problem problem;
  cce_problem_init(&problem);
  problem.tokens = each.tokens;
  problem.hidden = each.hidden;
  problem.vocab = each.vocab;
  problem.dtype = each.dtype;
  problem.label_dtype = each.labelDtype;
  problem.bias_dtype = each.biasDtype;
  problem.reduction = each.reduction;
  problem.softcap = each.softcap;
  problem.shift = each.shift;
  problem.sequence = each.sequence;
  problem.workspace_limit = each.workspaceLimit;
  problem.one_call = 1;
  for (auto [strides, matrix] :
       {std::pair(problem.e_strides, &e), std::pair(problem.c_strides, &c),
        std::pair(problem.de_strides, &de), std::pair(problem.dc_strides, &dc)}) {
    strides[0] = matrix->rowStride;
    strides[1] = matrix->columnStride;
  }
  cce_plan *plan = nullptr;
  const cce_status created = cce_plan_create(context.get(), &problem, &plan);
  if (created == CCE_UNIMPLEMENTED)
    GTEST_SKIP() << cce_last_error();
  ASSERT_EQ(created, CCE_OK) << cce_last_error();
#ifndef CCE_TEST_REAL_COMPILER // its tiles are larger
  const Chunks &chunks = plan->plan->layoutOf().all;
  EXPECT_EQ(chunks.count, each.chunks) << cce_plan_describe(plan);
  EXPECT_EQ(int64_t(chunks.list(/*hasDc=*/true).size()), each.chunksBehindRows) << cce_plan_describe(plan);
#endif

  // Exactly as much workspace as asked for, so that the address sanitizer sees more; and nothing
  // may depend on what is in it.
  const size_t forwardBytes = cce_plan_forward_workspace(plan);
  const size_t backwardBytes = cce_plan_backward_workspace(plan);
  if (each.workspaceLimit)
    EXPECT_LE(backwardBytes, problem.workspace_limit);
  void *forwardSpace = nullptr, *backwardSpace = nullptr;
  std::vector<char> poison(std::max(forwardBytes, backwardBytes), char(0xff));
  for (auto [memory, bytes] :
       {std::pair(&forwardSpace, forwardBytes), std::pair(&backwardSpace, backwardBytes)}) {
    ASSERT_EQ(cce_memory_alloc(context.get(), bytes, memory), CCE_OK);
    ASSERT_EQ(
        cce_memory_copy(context.get(), *memory, poison.data(), bytes, CCE_HOST_TO_DEVICE, nullptr),
        CCE_OK);
  }
  {
    std::vector<float> loss(each.reduction == CCE_REDUCTION_NONE ? size_t(each.tokens) : 1, -7);
    std::vector<float> lse(size_t(each.tokens), -7);
    std::vector<int64_t> labelError = {5, 5};
    OnDevice dE = onDevice(context.get(), e.bytes), dC = onDevice(context.get(), c.bytes);
    OnDevice dBias = onDevice(context.get(), bias.bytes);
    OnDevice dLabels64 = onDevice(context.get(), labels64);
    OnDevice dLabels32 = onDevice(context.get(), labels32);
    OnDevice dLoss = onDevice(context.get(), loss), dLse = onDevice(context.get(), lse);
    OnDevice dLabelError = onDevice(context.get(), labelError);
    OnDevice dDloss = onDevice(context.get(), dloss), dDlse = onDevice(context.get(), dlse);
    OnDevice gradE = onDevice(context.get(), de.bytes), gradC = onDevice(context.get(), dc.bytes);
    OnDevice gradBias = onDevice(context.get(), dbias.bytes);

    cce_forward_args forward;
    cce_forward_args_init(&forward);
    forward.e = dE.get();
    forward.c = dC.get();
    forward.bias = hasBias ? dBias.get() : nullptr;
    forward.labels = each.labelDtype == CCE_I64 ? dLabels64.get() : dLabels32.get();
    forward.loss = dLoss.get<float>();
    forward.lse = dLse.get<float>();
    forward.label_error = dLabelError.get<int64_t>();
    forward.workspace = forwardSpace;
    forward.workspace_bytes = forwardBytes;
    ASSERT_EQ(cce_forward(plan, &forward, nullptr), CCE_OK) << cce_last_error();
    dLoss.fetch(), dLse.fetch(), dLabelError.fetch();
    EXPECT_EQ(labelError[0], -1);
    double bound =
        2e-6 *
        (1 + largestRowNorm(reference.e, each.hidden) * largestRowNorm(reference.c, each.hidden) +
         largestRowNorm(reference.bias, 1));
    EXPECT_LE(largestDifference(lse, reference.lse), bound);
    if (each.reduction == CCE_REDUCTION_SUM)
      bound *= double(each.tokens);
    EXPECT_LE(largestDifference(loss, reference.loss), bound);

    cce_backward_args backward;
    cce_backward_args_init(&backward);
    backward.e = forward.e;
    backward.c = forward.c;
    backward.bias = forward.bias;
    backward.labels = forward.labels;
    backward.lse = forward.lse;
    backward.dloss = each.upstream ? dDloss.get<float>() : nullptr;
    backward.dlse = each.upstream ? dDlse.get<float>() : nullptr;
    backward.de = gradE.get();
    backward.dc = gradC.get();
    backward.dbias = hasBias ? gradBias.get() : nullptr;
    backward.workspace = backwardSpace;
    backward.workspace_bytes = backwardBytes;
    ASSERT_EQ(cce_backward(plan, &backward, nullptr), CCE_OK) << cce_last_error();
    gradE.fetch(), gradC.fetch(), gradBias.fetch();
    const double tolerance = each.dtype == CCE_F32 ? 2e-6 : each.dtype == CCE_BF16 ? 3e-3 : 4e-4;
    EXPECT_LT(relativeError(de.values(), reference.de), tolerance);
    EXPECT_LT(relativeError(dc.values(), reference.dc), tolerance);
    if (hasBias)
      EXPECT_LT(relativeError(dbias.values(), reference.dbias),
                each.biasDtype == CCE_F32 ? tolerance : 3e-3);

    // Without dC chunks of classes are others.
    std::fill(de.bytes.begin(), de.bytes.end(), char(0xff));
    OnDevice gradEAlone = onDevice(context.get(), de.bytes);
    backward.de = gradEAlone.get();
    backward.dc = nullptr;
    ASSERT_EQ(cce_backward(plan, &backward, nullptr), CCE_OK) << cce_last_error();
    gradEAlone.fetch();
    EXPECT_LT(relativeError(de.values(), reference.de), tolerance);

    // In one call, with and without a log-sum-exp for the caller.
    for (const bool wantsLse : {true, false}) {
      SCOPED_TRACE(wantsLse ? "one call" : "one call, without lse");
      std::vector<float> lossAtOnce(loss.size(), -7), lseAtOnce(lse.size(), -7);
      Stored deAtOnce(each.tokens, each.hidden, each.transposed, each.dtype);
      Stored dcAtOnce(each.vocab, each.hidden, each.transposed, each.dtype);
      Stored dbiasAtOnce(1, each.vocab, false, hasBias ? each.biasDtype : CCE_F32);
      OnDevice dLossAtOnce = onDevice(context.get(), lossAtOnce);
      OnDevice dLseAtOnce = onDevice(context.get(), lseAtOnce);
      OnDevice gradEAtOnce = onDevice(context.get(), deAtOnce.bytes);
      OnDevice gradCAtOnce = onDevice(context.get(), dcAtOnce.bytes);
      OnDevice gradBiasAtOnce = onDevice(context.get(), dbiasAtOnce.bytes);
      const std::vector<uint8_t> nans(cce_plan_gradients_workspace(plan), 0xff); // in every format
      void *space = nullptr;
      ASSERT_EQ(cce_memory_alloc(context.get(), nans.size(), &space), CCE_OK);
      ASSERT_EQ(cce_memory_copy(context.get(), space, nans.data(), nans.size(), CCE_HOST_TO_DEVICE,
                                nullptr),
                CCE_OK);
      cce_gradients_args args;
      cce_gradients_args_init(&args);
      args.e = forward.e;
      args.c = forward.c;
      args.bias = forward.bias;
      args.labels = forward.labels;
      args.dloss = backward.dloss;
      args.dlse = backward.dlse;
      args.loss = dLossAtOnce.get<float>();
      args.lse = wantsLse ? dLseAtOnce.get<float>() : nullptr;
      args.de = gradEAtOnce.get();
      args.dc = gradCAtOnce.get();
      args.dbias = hasBias ? gradBiasAtOnce.get() : nullptr;
      args.workspace = space;
      args.workspace_bytes = nans.size();
      EXPECT_EQ(cce_loss_and_gradients(plan, &args, nullptr), CCE_OK) << cce_last_error();
      dLossAtOnce.fetch(), dLseAtOnce.fetch();
      gradEAtOnce.fetch(), gradCAtOnce.fetch(), gradBiasAtOnce.fetch();
      cce_memory_free(context.get(), space);
      EXPECT_LE(largestDifference(lossAtOnce, reference.loss), bound);
      if (wantsLse)
        EXPECT_LE(largestDifference(lseAtOnce, reference.lse), bound);
      EXPECT_LT(relativeError(deAtOnce.values(), reference.de), tolerance);
      EXPECT_LT(relativeError(dcAtOnce.values(), reference.dc), tolerance);
      if (hasBias)
        EXPECT_LT(relativeError(dbiasAtOnce.values(), reference.dbias),
                  each.biasDtype == CCE_F32 ? tolerance : 3e-3);
    }

    // One gradient alone is the same as all at once, to the bit.
    Stored alone(each.vocab, each.hidden, each.transposed, each.dtype);
    OnDevice gradAlone = onDevice(context.get(), alone.bytes);
    backward.de = nullptr;
    backward.dbias = nullptr;
    backward.dc = gradAlone.get();
    ASSERT_EQ(cce_backward(plan, &backward, nullptr), CCE_OK) << cce_last_error();
    gradAlone.fetch();
    EXPECT_EQ(alone.bytes, dc.bytes);
  }
  cce_memory_free(context.get(), forwardSpace);
  cce_memory_free(context.get(), backwardSpace);
  cce_plan_destroy(plan);
}

std::vector<Case> baseCases() {
  return {
      Case{.name = "plain"},
      Case{.name = "int32Labels", .labelDtype = CCE_I32},
      Case{.name = "sum", .reduction = CCE_REDUCTION_SUM},
      Case{.name = "none", .reduction = CCE_REDUCTION_NONE},
      Case{.name = "ignored", .ignoreEvery = 3},
      Case{.name = "shift", .shift = 1},
      Case{.name = "shiftInSequences", .tokens = 15, .shift = 2, .sequence = 5, .ignoreEvery = 4},
      Case{.name = "bias", .biasDtype = CCE_F32},
      Case{.name = "bf16BiasSoftcap", .biasDtype = CCE_BF16, .softcap = 2},
      Case{.name = "f16Bias", .biasDtype = CCE_F16},
      Case{.name = "transposed", .transposed = true},
      Case{.name = "upstream", .ignoreEvery = 4, .upstream = true},
      Case{.name = "upstreamPerToken", .reduction = CCE_REDUCTION_NONE, .upstream = true},
      Case{.name = "upstreamSum", .reduction = CCE_REDUCTION_SUM, .upstream = true},
      Case{.name = "chunks", .vocab = 800, .workspaceLimit = 10000, .chunks = 9, .chunksBehindRows = 6},
      Case{.name = "chunksOfTransposed", .vocab = 400, .transposed = true, .workspaceLimit = 10000, .chunks = 5, .chunksBehindRows = 5},
      Case{.name = "manyChunks",
           .tokens = 30,
           .vocab = 600,
           .biasDtype = CCE_F32,
           .ignoreEvery = 5,
           .upstream = true,
           .workspaceLimit = 10000,
           .chunks = 19,
           .chunksBehindRows = 12},
      Case{.name = "oneOfEach", .tokens = 1, .hidden = 1, .vocab = 1},
      Case{.name = "manySplits", .tokens = 3, .vocab = 400}};
}

std::vector<Case> allCases() {
  std::vector<Case> cases;
#ifdef CCE_TEST_REAL_COMPILER
  // Every type, in sizes below and above the tiles, odd and fit for the tensor copy engine.
  for (cce_dtype dtype : {CCE_F32, CCE_BF16, CCE_F16})
    for (bool large : {false, true})
      for (Case each : baseCases()) {
#ifdef CCE_TEST_EMULATED_GPU // which says so: PlanValidationTest.cpp
        if (dtype == CCE_F32 || each.transposed)
          continue;
#endif
        each.name = std::string(dtypeName(dtype)) + (large ? "_large_" : "_small_") + each.name;
        each.dtype = dtype;
        if (each.workspaceLimit)
          each.workspaceLimit = large ? size_t(20000 * dtypeSize(dtype) * each.tokens) : 0;
        if (large) {
          each.tokens *= 17;
          each.sequence *= 17;
          each.shift *= 9;
          each.hidden = each.hidden == 1 ? 136 : 128;
          each.vocab *= 11;
        }
        cases.push_back(each);
      }
  // Every place of a tile has a label's logit once, and in another half of the rows once more: 600 is 75 times 8.
  for (cce_reduction reduction : {CCE_REDUCTION_NONE, CCE_REDUCTION_MEAN})
    cases.push_back(Case{.name = reduction == CCE_REDUCTION_NONE ? "every_label" : "every_label_mean",
                         .tokens = 1210,
                         .hidden = 16,
                         .vocab = 600,
                         .dtype = CCE_BF16,
                         .reduction = reduction,
                         .ignoreEvery = reduction == CCE_REDUCTION_NONE ? 0 : 7,
                         .everyLabel = true});
#else
  cases = baseCases();
  cases.push_back(Case{.name = "bf16", .dtype = CCE_BF16});
  cases.push_back(Case{.name = "f16", .dtype = CCE_F16});
#endif
  return cases;
}

#ifdef CCE_TEST_REAL_COMPILER
class OwnTransform : public CpuFixture {
protected:
  std::string error(const char *body) {
    const std::string text =
        "cce.transform @f(%x: f32, %bias: f32, %param: f32) -> f32 {\n" + std::string(body) + "}";
    cce_problem problem;
    cce_problem_init(&problem);
    problem.tokens = 4, problem.hidden = 8, problem.vocab = 16;
    problem.transform = text.c_str();
    return planError(problem);
  }
};

TEST_F(OwnTransform, isRefusedABiasThatIsNotThere) {
  EXPECT_EQ(error("cce.yield %x : f32"), "");
  EXPECT_THAT(error("%z = arith.addf %x, %bias : f32\n cce.yield %z : f32"),
              ::testing::HasSubstr("problem.transform: expected no use of its bias argument"));
}

TEST_F(OwnTransform, faultsArePlacedInItsText) {
  EXPECT_THAT(error("%z = arith.addf %x, %nothing : f32\n cce.yield %z : f32"),
              ::testing::HasSubstr("transform\":2:"));
}
#endif

INSTANTIATE_TEST_SUITE_P(, PlanNumerics, ::testing::ValuesIn(allCases()),
                         [](const auto &info) { return info.param.name; });

} // namespace
} // namespace cce::rt::test
