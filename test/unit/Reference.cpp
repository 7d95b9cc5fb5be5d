//===- Reference.cpp - linear cross-entropy in double ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "test/unit/Reference.h"

#include <cmath>
#include <limits>

namespace cce::rt::test {

void Reference::compute() {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const int64_t length = sequence > 0 ? sequence : tokens;
  std::vector<double> nll(tokens, 0);
  lse.assign(tokens, 0);
  de.assign(tokens * hidden, 0);
  dc.assign(vocab * hidden, 0);
  dbias.assign(vocab, 0);

  std::vector<int64_t> label(tokens, -1); // -1: takes no part
  int64_t count = 0;
  for (int64_t t = 0; t < tokens; ++t) {
    if (t % length + shift >= length || labels[t + shift] == ignoreIndex)
      continue;
    const int64_t value = labels[t + shift];
    if (value < 0 || value >= vocab) {
      nll[t] = lse[t] = nan;
      continue;
    }
    label[t] = value;
    ++count;
  }
  for (int64_t t = 0; t < tokens; ++t) {
    if (label[t] < 0)
      continue;
    std::vector<double> z(vocab), derivative(vocab, 1);
    double maximum = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t v = 0; v < vocab; ++v) {
      z[v] = bias.empty() ? 0 : bias[v];
      for (int64_t d = 0; d < hidden; ++d)
        z[v] += e[t * hidden + d] * c[v * hidden + d];
      if (softcap > 0) {
        const double tanh = std::tanh(z[v] / softcap);
        z[v] = softcap * tanh;
        derivative[v] = 1 - tanh * tanh;
      }
      maximum = std::fmax(maximum, z[v]);
    }
    for (int64_t v = 0; v < vocab; ++v)
      sum += std::exp(z[v] - maximum);
    lse[t] = maximum + std::log(sum);
    nll[t] = lse[t] - z[label[t]];
    double g = dloss.empty() ? 1 : dloss[reduction == CCE_REDUCTION_NONE ? t : 0];
    if (reduction == CCE_REDUCTION_MEAN)
      g /= double(count);
    const double h = dlse.empty() ? 0 : dlse[t];
    for (int64_t v = 0; v < vocab; ++v) {
      const double p = std::exp(z[v] - lse[t]);
      const double gradient = (p * (g + h) - (v == label[t] ? g : 0)) * derivative[v];
      dbias[v] += gradient;
      for (int64_t d = 0; d < hidden; ++d) {
        de[t * hidden + d] += gradient * c[v * hidden + d];
        dc[v * hidden + d] += gradient * e[t * hidden + d];
      }
    }
  }
  if (reduction == CCE_REDUCTION_NONE) {
    loss = nll;
    return;
  }
  double sum = 0;
  for (double each : nll)
    sum += each;
  loss = {reduction == CCE_REDUCTION_SUM ? sum : sum / double(count)};
}

} // namespace cce::rt::test
