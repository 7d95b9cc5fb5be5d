//===- TokenKernels.cpp - CPU kernels without a matrix product ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/cpu/TokenKernels.h"

#include "runtime/cpu/Float16.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cce::rt {

namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

/// The largest weight of a token. fp16 is subnormal below 6e-5 and has room up to 65504: small
/// probabilities keep their precision in G, and a transform may have slopes up to 255.
constexpr float weightRoom = 256;

/// Arguments by name; remembers the first one that is missing.
class Arguments {
public:
  explicit Arguments(const Bindings &bindings) : bindings(bindings) {}

  template <typename T> T *buffer(std::string_view name) {
    const BufferBinding *found = bindings.findBuffer(name);
    if (!found)
      missing(name);
    return found ? static_cast<T *>(found->base) : nullptr;
  }
  int64_t integer(std::string_view name) {
    const int64_t *found = bindings.findInteger(name);
    if (!found)
      missing(name);
    return found ? *found : 0;
  }

  Status status;

private:
  void missing(std::string_view name) {
    if (status.ok())
      status = makeError(CCE_INTERNAL, "no argument '", name, "'");
  }
  const Bindings &bindings;
};

template <typename Label> Status selectTokens(const Bindings &bindings) {
  Arguments arguments(bindings);
  const auto *labelsIn = arguments.buffer<const Label>("labels_in");
  const int64_t positions = arguments.integer("positions");
  const int64_t sequence = arguments.integer("sequence");
  const int64_t shift = arguments.integer("shift");
  const int64_t ignoreIndex = arguments.integer("ignore_index");
  const int64_t vocab = arguments.integer("vocab");
  auto *rows = arguments.buffer<int32_t>("rows");
  auto *labels = arguments.buffer<int32_t>("labels");
  auto *count = arguments.buffer<int32_t>("count");
  const int64_t padded = arguments.integer("padded");
  auto *error = arguments.buffer<int64_t>("error");
  auto *loss = arguments.buffer<float>("loss_or_null");
  auto *lse = arguments.buffer<float>("lse_or_null");
  CCE_RETURN_IF_ERROR(arguments.status);

  error[0] = -1;
  error[1] = 0;
  int32_t n = 0;
  for (int64_t position = 0; position < positions; ++position) {
    float absent = 0;
    if (position % sequence + shift < sequence) {
      const int64_t label = labelsIn[position + shift];
      if (label != ignoreIndex && label >= 0 && label < vocab) {
        rows[n] = int32_t(position);
        labels[n] = int32_t(label);
        ++n;
        continue;
      }
      if (label != ignoreIndex) {
        absent = nan;
        if (error[0] < 0) {
          error[0] = position + shift;
          error[1] = label;
        }
      }
    }
    if (loss)
      loss[position] = absent;
    if (lse)
      lse[position] = absent;
  }
  *count = n;
  for (int64_t i = n; i < padded; ++i)
    rows[i] = labels[i] = -1;
  return {};
}

Status finishLoss(const Bindings &bindings) {
  Arguments arguments(bindings);
  const auto *partial = arguments.buffer<const float>("partial");
  const int64_t splits = arguments.integer("splits");
  const int64_t padded = arguments.integer("padded");
  const auto *labelLogit = arguments.buffer<const float>("label_logit");
  const auto *rows = arguments.buffer<const int32_t>("rows");
  const auto *count = arguments.buffer<const int32_t>("count");
  const int64_t reduction = arguments.integer("reduction");
  const auto *error = arguments.buffer<const int64_t>("error");
  auto *lse = arguments.buffer<float>("lse_or_null");
  auto *loss = arguments.buffer<float>("loss");
  const auto *total = arguments.buffer<const int32_t>("total");
  auto *keptSum = arguments.buffer<double>("sum_or_null");
  const bool hasSum = arguments.integer("has_sum") != 0;
  CCE_RETURN_IF_ERROR(arguments.status);

  double sum = keptSum && hasSum ? *keptSum : 0;
  for (int32_t i = 0; i < *count; ++i) {
    float maximum = -infinity;
    for (int64_t s = 0; s < splits; ++s)
      maximum = std::fmax(maximum, partial[2 * (s * padded + i)]);
    double scaledSum = 0;
    for (int64_t s = 0; s < splits; ++s) {
      const float *state = partial + 2 * (s * padded + i);
      // An empty state would give -inf - -inf.
      if (state[0] != -infinity)
        scaledSum += state[1] * std::exp2(double(state[0]) - maximum);
    }
    // States hold base-2 logarithms. Without any class above -inf this is -inf + log2(0) = -inf.
    const double tokenLse = (maximum + std::log2(scaledSum)) * 0.69314718055994530942;
    const double nll = tokenLse - labelLogit[i];
    if (lse)
      lse[rows[i]] = float(tokenLse);
    if (reduction == CCE_REDUCTION_NONE)
      loss[rows[i]] = float(nll);
    sum += nll;
  }
  if (keptSum)
    *keptSum = sum;
  if (reduction == CCE_REDUCTION_NONE)
    return {};
  if (error[0] >= 0)
    *loss = nan;
  else
    *loss = float(reduction == CCE_REDUCTION_MEAN ? sum / *total : sum);
  return {};
}

Status tokenWeights(const Bindings &bindings) {
  Arguments arguments(bindings);
  const auto *dloss = arguments.buffer<const float>("dloss_or_null");
  const auto *dlse = arguments.buffer<const float>("dlse_or_null");
  const auto *lse = arguments.buffer<const float>("lse");
  const auto *rows = arguments.buffer<const int32_t>("rows");
  const auto *count = arguments.buffer<const int32_t>("count");
  const int64_t padded = arguments.integer("padded");
  const int64_t reduction = arguments.integer("reduction");
  auto *lseOut = arguments.buffer<float>("lse_out");
  auto *probWeight = arguments.buffer<float>("prob_weight");
  auto *labelWeight = arguments.buffer<float>("label_weight");
  auto *alpha = arguments.buffer<float>("alpha");
  const auto *total = arguments.buffer<const int32_t>("total");
  CCE_RETURN_IF_ERROR(arguments.status);

  const int32_t n = *count;
  float largest = 0;
  for (int32_t i = 0; i < n; ++i) {
    const int32_t row = rows[i];
    float g = !dloss ? 1.0f : reduction == CCE_REDUCTION_NONE ? dloss[row] : dloss[0];
    if (reduction == CCE_REDUCTION_MEAN)
      g /= float(*total);
    const float h = dlse ? dlse[row] : 0.0f;
    lseOut[i] = lse[row];
    probWeight[i] = g + h;
    labelWeight[i] = g;
    // fmax leaves NaN out: a token with a NaN gradient does not spoil the scale of the others.
    largest = std::fmax(largest, std::fmax(std::fabs(g + h), std::fabs(g)));
  }
  *alpha = largest / weightRoom;
  for (int32_t i = 0; i < n && largest > 0; ++i) {
    probWeight[i] = probWeight[i] / largest * weightRoom;
    labelWeight[i] = labelWeight[i] / largest * weightRoom;
  }
  for (int64_t i = n; i < padded; ++i)
    lseOut[i] = probWeight[i] = labelWeight[i] = 0;
  return {};
}

template <typename From, typename To, To (*Convert)(From)>
Status convert(const Bindings &bindings) {
  Arguments arguments(bindings);
  const auto *source = arguments.buffer<const From>("source");
  auto *destination = arguments.buffer<To>("destination");
  const int64_t n = arguments.integer("n");
  CCE_RETURN_IF_ERROR(arguments.status);
  for (int64_t i = 0; i < n; ++i)
    destination[i] = Convert(source[i]);
  return {};
}

struct NamedKernel {
  std::string_view name;
  TokenKernel kernel;
};

constexpr NamedKernel tokenKernels[] = {
    {"select_tokens_i32", selectTokens<int32_t>},
    {"select_tokens_i64", selectTokens<int64_t>},
    {"finish_loss", finishLoss},
    {"token_weights", tokenWeights},
    {"convert_bf16_to_f32", convert<uint16_t, float, bf16ToFloat>},
    {"convert_f16_to_f32", convert<uint16_t, float, f16ToFloat>},
    {"convert_f32_to_bf16", convert<float, uint16_t, floatToBf16>},
    {"convert_f32_to_f16", convert<float, uint16_t, floatToF16>},
};

} // namespace

TokenKernel findTokenKernel(std::string_view name) {
  for (const NamedKernel &kernel : tokenKernels)
    if (kernel.name == name)
      return kernel.kernel;
  return nullptr;
}

} // namespace cce::rt
