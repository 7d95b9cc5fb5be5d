//===- TuneBench.cpp - timing plans with generated data -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/tuning/TuneBench.h"

#include "runtime/cpu/Float16.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

namespace cce::rt {

namespace {

constexpr int repetitions = 7;

/// Different tiles sum in a different order; what is larger than this is a wrong kernel.
constexpr double tolerance = 2e-2;

/// Random elements are made once and repeated: making all of C on the host would take longer than
/// tuning. Odd, so that rows differ.
constexpr int64_t randomElements = (int64_t(1) << 20) + 7;

constexpr int64_t sampledRows = 64;

void storeElement(cce_dtype dtype, float value, char *to) {
  if (dtype == CCE_F32) {
    std::memcpy(to, &value, 4);
    return;
  }
  const uint16_t bits = dtype == CCE_BF16 ? floatToBf16(value) : floatToF16(value);
  std::memcpy(to, &bits, 2);
}

float loadElement(cce_dtype dtype, const char *from) {
  float value;
  uint16_t bits;
  if (dtype == CCE_F32) {
    std::memcpy(&value, from, 4);
    return value;
  }
  std::memcpy(&bits, from, 2);
  return dtype == CCE_BF16 ? bf16ToFloat(bits) : f16ToFloat(bits);
}

/// Elements from the first to behind the last one in memory.
int64_t span(const BufferBinding &matrix) {
  int64_t last = 0;
  for (int i = 0; i < matrix.rank; ++i)
    last += (matrix.sizes[i] - 1) * matrix.strides[i];
  return last + 1;
}

} // namespace

Expected<std::unique_ptr<TuneBench>> TuneBench::create(std::shared_ptr<Backend> backend,
                                                       Problem problem) {
  // One number shows whether a forward is right, and no trial may wait or fail for labels.
  problem.reduction = CCE_REDUCTION_SUM;
  problem.checkLabels = false;
  // Kernels of the filter, for saved logits and for chunks of tokens take the configurations of the
  // exact ones, so trials need not load them.
  problem.filterEps = 0;
  problem.savedLogitsLimit = 0;
  problem.oneCall = false;
  std::unique_ptr<TuneBench> bench(new TuneBench(std::move(backend), std::move(problem)));
  CCE_RETURN_IF_ERROR(bench->fill().annotate("memory for tuning"));
  return bench;
}

TuneBench::~TuneBench() {
  for (void *memory : owned)
    backend->free(memory);
}

Expected<void *> TuneBench::allocate(size_t bytes) {
  CCE_ASSIGN_OR_RETURN(void *memory, backend->allocate(bytes));
  owned.push_back(memory);
  return memory;
}

Expected<void *> TuneBench::randomMatrix(const BufferBinding &matrix, float scale, unsigned seed) {
  const int64_t element = dtypeSize(matrix.dtype);
  const int64_t elements = span(matrix);
  std::vector<char> block(size_t(std::min(elements, randomElements) * element));
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, scale);
  for (size_t i = 0; i < block.size(); i += size_t(element))
    storeElement(matrix.dtype, normal(random), &block[i]);
  CCE_ASSIGN_OR_RETURN(void *memory, allocate(size_t(elements * element)));
  for (int64_t done = 0; done < elements; done += randomElements) {
    const int64_t now = std::min(randomElements, elements - done);
    CCE_RETURN_IF_ERROR(backend->copyToDevice(static_cast<char *>(memory) + done * element,
                                              block.data(), size_t(now * element), nullptr));
  }
  return memory;
}

Status TuneBench::fill() {
  // Logits then have a standard deviation of about 2: neither flat nor dominated by one class.
  const float scale = std::sqrt(2.0f / std::sqrt(float(problem.hidden)));
  CCE_ASSIGN_OR_RETURN(e, randomMatrix(problem.e(nullptr), scale, 1));
  CCE_ASSIGN_OR_RETURN(c, randomMatrix(problem.c(nullptr), scale, 2));
  CCE_ASSIGN_OR_RETURN(de, randomMatrix(problem.de(nullptr), 0, 3));
  CCE_ASSIGN_OR_RETURN(dc, randomMatrix(problem.dc(nullptr), 0, 4));
  if (problem.hasBias()) {
    const BufferBinding vector{nullptr, problem.biasDtype, 1, {problem.vocab, 0}, {1, 0}};
    CCE_ASSIGN_OR_RETURN(bias, randomMatrix(vector, 1, 5));
    CCE_ASSIGN_OR_RETURN(dbias, randomMatrix(vector, 0, 6));
  }
  CCE_ASSIGN_OR_RETURN(void *lossMemory, allocate(sizeof(float)));
  CCE_ASSIGN_OR_RETURN(void *lseMemory, allocate(sizeof(float) * size_t(problem.tokens)));
  loss = static_cast<float *>(lossMemory);
  lse = static_cast<float *>(lseMemory);

  const size_t labelSize = size_t(dtypeSize(problem.labelDtype));
  std::vector<char> values(labelSize * size_t(problem.tokens));
  std::mt19937 random(7);
  std::uniform_int_distribution<int64_t> classes(0, problem.vocab - 1);
  for (int64_t i = 0; i < problem.tokens; ++i) {
    const int64_t label = classes(random); // little endian: the low bytes come first
    std::memcpy(&values[size_t(i) * labelSize], &label, labelSize);
  }
  CCE_ASSIGN_OR_RETURN(labels, allocate(values.size()));
  return backend->copyToDevice(labels, values.data(), values.size(), nullptr);
}

Status TuneBench::sampleRows(const BufferBinding &matrix, std::vector<float> &sample) {
  const int64_t element = dtypeSize(matrix.dtype);
  const int64_t rows = matrix.sizes[0];
  const int64_t count = std::min(rows, sampledRows);
  std::vector<char> row(size_t(((matrix.sizes[1] - 1) * matrix.strides[1] + 1) * element));
  for (int64_t i = 0; i < count; ++i) {
    // From the first to the last row, whose tiles are the ones with rests.
    const int64_t index = count == 1 ? 0 : i * (rows - 1) / (count - 1);
    const char *start = static_cast<char *>(matrix.base) + index * matrix.strides[0] * element;
    CCE_RETURN_IF_ERROR(backend->copyToHost(row.data(), start, row.size(), nullptr));
    for (int64_t column = 0; column < matrix.sizes[1]; ++column)
      sample.push_back(
          loadElement(matrix.dtype, &row[size_t(column * matrix.strides[1] * element)]));
  }
  return {};
}

Status TuneBench::compare(const std::string &pass, const std::vector<float> &results) {
  auto [it, first] = reference.emplace(pass, results);
  if (first)
    return {};
  double difference = 0, norm = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    difference += std::pow(double(results[i]) - it->second[i], 2);
    norm += std::pow(double(it->second[i]), 2);
  }
  const double error = std::sqrt(difference / std::max(norm, 1e-30));
  if (error <= tolerance) // false for NaN
    return {};
  return makeError(CCE_INTERNAL, "wrong results: ", pass, " differs by ", error,
                   " from the first configuration (tolerance ", tolerance, ")");
}

Expected<std::vector<double>> TuneBench::measure(const std::string &kernel,
                                                 const Choices &choices) {
  CCE_ASSIGN_OR_RETURN(std::unique_ptr<const Plan> plan, Plan::create(backend, problem, choices));
  const bool isForward = kernel == "lse_forward";
  const size_t bytes = std::max(plan->forwardWorkspace(), plan->backwardWorkspace());
  CCE_ASSIGN_OR_RETURN(void *workspace, backend->allocate(bytes));

  cce_forward_args forward;
  cce_forward_args_init(&forward);
  forward.e = e;
  forward.c = c;
  forward.bias = bias;
  forward.labels = labels;
  forward.loss = loss;
  forward.lse = lse;
  forward.workspace = workspace;
  forward.workspace_bytes = bytes;
  cce_backward_args backward;
  cce_backward_args_init(&backward);
  backward.e = e;
  backward.c = c;
  backward.bias = bias;
  backward.labels = labels;
  backward.lse = lse;
  backward.de = de;
  backward.dc = dc;
  backward.dbias = dbias;
  backward.workspace = workspace;
  backward.workspace_bytes = bytes;

  std::vector<double> times;
  auto run = [&]() -> Status {
    auto pass = [&]() -> Status {
      return isForward ? plan->forward(forward, nullptr) : plan->backward(backward, nullptr);
    };
    if (!isForward)
      CCE_RETURN_IF_ERROR(plan->forward(forward, nullptr)); // for lse
    // Also the warm-up.
    CCE_RETURN_IF_ERROR(pass());
    std::vector<float> results;
    if (isForward) {
      results.resize(1);
      CCE_RETURN_IF_ERROR(backend->copyToHost(results.data(), loss, sizeof(float), nullptr));
      CCE_RETURN_IF_ERROR(compare("loss", results));
    } else {
      CCE_RETURN_IF_ERROR(sampleRows(problem.de(de), results));
      CCE_RETURN_IF_ERROR(compare("dE", results));
      results.clear();
      CCE_RETURN_IF_ERROR(sampleRows(problem.dc(dc), results));
      CCE_RETURN_IF_ERROR(compare("dC", results));
    }
    for (int i = 0; i < repetitions; ++i) {
      CCE_ASSIGN_OR_RETURN(double time, backend->milliseconds(pass, nullptr));
      times.push_back(time);
    }
    return {};
  };
  Status status = run();
  // The device may still be at work on the workspace.
  if (Status finished = backend->synchronize(nullptr); status.ok())
    status = std::move(finished);
  backend->free(workspace);
  if (!status.ok())
    return status;
  return times;
}

} // namespace cce::rt
