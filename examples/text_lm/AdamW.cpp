//===- AdamW.cpp - the optimiser -------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/text_lm/AdamW.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace text_lm {
namespace {

/// In blocks of fixed size, so that the sum does not depend on the number of cores.
double squaredNorm(const Floats &values) {
  constexpr int64_t block = 1 << 14;
  auto size = static_cast<int64_t>(values.size());
  std::vector<double> sums((size + block - 1) / block);
  parallelFor(static_cast<int64_t>(sums.size()), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      float lanes[16] = {};
      int64_t last = std::min(size, (b + 1) * block), i = b * block;
      for (; i + 16 <= last; i += 16)
        for (int lane = 0; lane < 16; ++lane)
          lanes[lane] += values[i + lane] * values[i + lane];
      for (; i < last; ++i)
        lanes[0] += values[i] * values[i];
      for (float lane : lanes)
        sums[b] += lane;
    }
  });
  double total = 0;
  for (double sum : sums)
    total += sum;
  return total;
}

} // namespace

AdamW::AdamW(std::vector<Parameter *> parameters, const AdamWOptions &options) : opts(options) {
  for (Parameter *p : parameters)
    states.push_back({p, Floats(p->value.size()), Floats(p->value.size())});
}

float AdamW::step(float learningRate) {
  double squares = 0;
  for (const State &state : states)
    squares += squaredNorm(state.parameter->grad);
  auto norm = static_cast<float>(std::sqrt(squares));
  if (!std::isfinite(norm))
    return norm;

  ++steps;
  float shrink = norm > opts.clip ? opts.clip / norm : 1;
  // Both bias corrections folded into the step size and epsilon: one pass, no extra divide.
  double correction1 = 1 - std::pow(opts.beta1, steps);
  double correction2 = std::sqrt(1 - std::pow(opts.beta2, steps));
  auto rate = static_cast<float>(learningRate * correction2 / correction1);
  auto epsilon = static_cast<float>(opts.epsilon * correction2);
  for (State &state : states) {
    float keep = state.parameter->decay ? 1 - learningRate * opts.weightDecay : 1;
    float *__restrict value = state.parameter->value.data();
    const float *__restrict grad = state.parameter->grad.data();
    float *__restrict m = state.m.data();
    float *__restrict v = state.v.data();
    float beta1 = opts.beta1, beta2 = opts.beta2;
    parallelFor(static_cast<int64_t>(state.m.size()), [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        float g = grad[i] * shrink;
        m[i] = beta1 * m[i] + (1 - beta1) * g;
        v[i] = beta2 * v[i] + (1 - beta2) * g * g;
        value[i] = keep * value[i] - rate * m[i] / (std::sqrt(v[i]) + epsilon);
      }
    });
  }
  return norm;
}

float learningRateAt(double progress, float peak) {
  constexpr double warmUp = 0.04, floor = 0.02;
  if (progress < warmUp)
    return static_cast<float>(peak * std::max(progress, 1e-3) / warmUp);
  double decay = std::min(1.0, (progress - warmUp) / (1 - warmUp));
  return static_cast<float>(peak *
                            (floor + (1 - floor) * 0.5 * (1 + std::cos(std::numbers::pi * decay))));
}

} // namespace text_lm
