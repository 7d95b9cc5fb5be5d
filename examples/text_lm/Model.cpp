//===- Model.cpp - the language model below the loss layer ----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/text_lm/Model.h"

#include "examples/text_lm/Gemm.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

namespace text_lm {
namespace {

/// Normal numbers by Box and Muller's method, as std::normal_distribution differs from
/// library to library.
void fillNormal(Floats &values, float deviation, std::mt19937_64 &random) {
  auto uniform = [&] { return (static_cast<double>(random() >> 11) + 0.5) * 0x1p-53; };
  for (float &v : values)
    v = static_cast<float>(deviation * std::sqrt(-2 * std::log(uniform())) *
                           std::cos(2 * std::numbers::pi * uniform()));
}

Parameter makeParameter(const char *name, int64_t size, bool decay) {
  return {name, Floats(size), Floats(size), decay};
}

/// b's gradient: the sum over the rows of `grad`.
void sumRows(const float *grad, int64_t rows, int64_t columns, float *sum) {
  parallelFor(columns, [&](int64_t begin, int64_t end) {
    std::fill(sum + begin, sum + end, 0.0f);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = begin; j < end; ++j)
        sum[j] += grad[i * columns + j];
  });
}

} // namespace

Model::Model(const ModelOptions &options, std::span<const int64_t> counts) : opts(options) {
  int64_t v = opts.vocab, d = opts.hidden, in = opts.context * d, w = opts.width;
  c = makeParameter("head", v * d, false);
  embedding = makeParameter("embedding", v * d, false);
  scale = makeParameter("scale", in, false);
  w1 = makeParameter("w1", w * in, true);
  b1 = makeParameter("b1", w, false);
  w2 = makeParameter("w2", d * w, true);
  b2 = makeParameter("b2", d, false);

  std::mt19937_64 random(opts.seed);
  fillNormal(c.value, 0.05f, random);
  fillNormal(embedding.value, 1.0f, random);
  fillNormal(w1.value, 1.0f / std::sqrt(static_cast<float>(in)), random);
  fillNormal(w2.value, 0.5f / std::sqrt(static_cast<float>(w)), random);
  std::fill(scale.value.begin(), scale.value.end(), 0.0f);

  // The last hidden component starts as a constant, and its column of the head as the log
  // frequencies: the untrained model is the unigram model, and no step is spent on that.
  constexpr float constant = 4;
  double total = v;
  for (int64_t count : counts)
    total += count;
  b2.value[d - 1] = constant;
  std::fill(w2.value.end() - w, w2.value.end(), 0.0f);
  for (int64_t i = 0; i < v; ++i)
    c.value[i * d + d - 1] = static_cast<float>(std::log((counts[i] + 1) / total)) / constant;
}

void Model::forward(std::span<const int32_t> contexts, float *e) {
  int64_t k = opts.context, d = opts.hidden, in = k * d, w = opts.width;
  auto n = static_cast<int64_t>(contexts.size()) / k;
  words.assign(contexts.begin(), contexts.end());
  x.resize(n * in);
  h.resize(n * w);
  a.resize(n * w);

  const Floats &table = embedding.value;
  parallelFor(n * k, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      std::copy_n(&table[words[i] * d], d, &x[i * d]);
  });
  gemm(n, w, in, 1, {x.data(), false}, {w1.value.data(), true}, 0, h.data());
  parallelFor(n, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t j = 0; j < w; ++j) {
        float z = h[i * w + j] += b1.value[j];
        a[i * w + j] = z / (1 + std::exp(-z));
      }
    for (int64_t i = begin; i < end; ++i) {
      float *row = e + i * d;
      std::copy_n(b2.value.data(), d, row);
      for (int64_t j = 0; j < k; ++j)
        for (int64_t t = 0; t < d; ++t)
          row[t] += scale.value[j * d + t] * x[i * in + j * d + t];
    }
  });
  gemm(n, d, w, 1, {a.data(), false}, {w2.value.data(), true}, 1, e);
}

void Model::backward(const float *de) {
  int64_t k = opts.context, d = opts.hidden, in = k * d, w = opts.width;
  auto n = static_cast<int64_t>(words.size()) / k;
  dx.resize(n * in);
  dh.resize(n * w);

  sumRows(de, n, d, b2.grad.data());
  gemm(d, w, n, 1, {de, true}, {a.data(), false}, 0, w2.grad.data());
  gemm(n, w, d, 1, {de, false}, {w2.value.data(), false}, 0, dh.data());
  parallelFor(n * w, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float s = 1 / (1 + std::exp(-h[i]));
      dh[i] *= s + a[i] * (1 - s);
    }
  });
  sumRows(dh.data(), n, w, b1.grad.data());
  gemm(w, in, n, 1, {dh.data(), true}, {x.data(), false}, 0, w1.grad.data());
  gemm(n, in, w, 1, {dh.data(), false}, {w1.value.data(), false}, 0, dx.data());

  parallelFor(in, [&](int64_t begin, int64_t end) {
    std::fill(&scale.grad[begin], &scale.grad[0] + end, 0.0f);
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = begin; j < end; ++j) {
        scale.grad[j] += de[i * d + j % d] * x[i * in + j];
        dx[i * in + j] += de[i * d + j % d] * scale.value[j];
      }
  });

  // The same word can occur many times: each core owns some columns, so that no two add
  // to the same number and the order of the sum is fixed.
  Floats &target = embedding.grad;
  std::fill(target.begin(), target.end(), 0.0f);
  parallelFor(d, [&](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < n * k; ++i) {
      float *to = &target[words[i] * d];
      const float *from = &dx[i * d];
      for (int64_t t = begin; t < end; ++t)
        to[t] += from[t];
    }
  });
}

std::vector<Parameter *> Model::parameters() {
  return {&c, &embedding, &scale, &w1, &b1, &w2, &b2};
}

} // namespace text_lm
