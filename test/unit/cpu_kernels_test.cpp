//===- cpu_kernels_test.cpp - kernels of the CPU target against float64 -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// Compiles every kernel of kernels-src/ for this machine, runs it on awkward sizes and compares
// with a reference in double, at the bounds of exact linear cross-entropy: |delta| <= 2e-6 (1 + |e|
// max|c|) for logits and log-sum-exps, relative Frobenius errors of 3e-3 (bf16), 4e-4 (f16) and
// 2e-6 (f32) for gradients.
//===----------------------------------------------------------------------===//
#include "test/unit/CpuKernelHarness.h"

using namespace cce_test;

namespace {

void checkForward(Problem &p, int64_t splits, int64_t tasks = 3) {
  Matrix partial(Type::F32, splits * p.padded(), 2, 2, 1);
  // As the kernel sees it: states of two f32 as elements, stride 1.
  Matrix view = partial;
  view.strides[0] = p.padded();
  view.strides[1] = 1;
  Matrix labelLogit = nothingPicked(p, 2);
  Call call = forwardCall(p, labelLogit, view, splits, tasks);
  run(kernelFor("lse_forward", p.type, p.transform.text), call);
  expectPicked(p, labelLogit, 0, p.v);
  std::memcpy(partial.memory.data(), view.memory.data(), view.memory.size());
  for (int64_t i = 0; i < p.n; ++i) {
    double top = -infinity, sum = 0;
    for (int64_t s = 0; s < splits; ++s)
      top = std::max(top, partial.get(s * p.padded() + i, 0));
    for (int64_t s = 0; s < splits; ++s) {
      double m = partial.get(s * p.padded() + i, 0);
      if (m > -infinity)
        sum += partial.get(s * p.padded() + i, 1) * std::exp2(m - top);
      else
        EXPECT_EQ(partial.get(s * p.padded() + i, 1), 0.0);
    }
    double want = p.lse(i), got = top == -infinity ? top : (top + std::log2(sum)) / log2e;
    if (want == -infinity)
      EXPECT_EQ(got, want) << "token " << i;
    else
      EXPECT_NEAR(got, want, p.bound(i)) << "token " << i;
  }
  for (int64_t s = 0; s < splits; ++s)
    for (int64_t i = p.n; i < p.padded(); ++i)
      EXPECT_EQ(partial.get(s * p.padded() + i, 0), 0.0);
  EXPECT_TRUE(partial.marginsIntact());
}

/// exp(logit - reference) and its sums, of tokens whose label's logit is `below` the largest.
void checkForwardExp(Problem &p, int64_t splits, double below, bool turned = false) {
  Matrix labelLogit = line(Type::F32, p.padded());
  std::vector<double> logits(size_t(p.n * p.v)), slopes(logits.size());
  for (int64_t i = 0; i < p.n; ++i) {
    double top = -infinity;
    for (int64_t j = 0; j < p.v; ++j) {
      const double x = p.products()[size_t(i * p.v + j)], b = p.bias.get(j);
      logits[size_t(i * p.v + j)] = p.transform.value(x, b, p.param);
      slopes[size_t(i * p.v + j)] = p.transform.slope(x, b, p.param);
      top = std::max(top, logits[size_t(i * p.v + j)]);
    }
    labelLogit.set(i, 0, top - below);
  }
  Matrix g = turned ? Matrix(p.type, p.padded(), p.v, 1, p.padded() + 1) : Matrix(p.type, p.padded(), p.v);
  Matrix view(Type::F32, splits * p.padded(), 2, 2, 1);
  view.strides[0] = p.padded();
  view.strides[1] = 1;
  Call call{{{"e", &p.e}, {"rows", &p.rows}, {"c", &p.c}, {"bias", &p.bias},
             {"label_logit", &labelLogit}, {"g", &g}, {"partial", &view}},
            {{"param", p.param}},
            {{"tokens", p.n}, {"vocab", p.v}, {"hidden", p.d}, {"splits", splits}},
            {},
            3};
  run(kernelFor("lse_forward_exp", p.type, p.transform.text), call);
  Matrix partial = view;
  partial.strides[0] = 2;
  std::vector<double> want(size_t(p.padded() * p.v));
  double largest = 0;
  for (int64_t i = 0; i < p.n; ++i) {
    const double reference = float(labelLogit.get(i)) + 40.0f;
    double sum = 0;
    for (int64_t s = 0; s < splits; ++s) {
      EXPECT_NEAR(partial.get(s * p.padded() + i, 0), reference * log2e, 1e-6 * std::abs(reference));
      sum += partial.get(s * p.padded() + i, 1);
    }
    const double got = (partial.get(i, 0) + std::log2(sum)) / log2e;
    EXPECT_NEAR(got, p.lse(i), p.bound(i) + 2e-6 * (40 + below)) << "token " << i;
    for (int64_t j = 0; j < p.v; ++j) {
      const size_t at = size_t(i * p.v + j);
      want[at] = std::exp(logits[at] - reference) * slopes[at];
      largest = std::max(largest, std::abs(logits[at]));
    }
  }
  // Rows are far apart in magnitude: each by its own.
  for (int64_t i = 0; i < p.n; ++i) {
    double error = 0, norm = 0;
    for (int64_t j = 0; j < p.v; ++j) {
      error += std::pow(g.get(i, j) - want[size_t(i * p.v + j)], 2);
      norm += std::pow(want[size_t(i * p.v + j)], 2);
    }
    EXPECT_LE(std::sqrt(error), (gradientBound(p.type) + 1e-6 * (largest + 40 + below)) * std::sqrt(norm)) << "token " << i;
  }
  for (int64_t i = p.n; i < p.padded(); ++i) {
    EXPECT_EQ(partial.get(i, 1), 0.0);
    for (int64_t j = 0; j < p.v; ++j)
      EXPECT_EQ(g.get(i, j), 0.0) << "padding " << i << ", " << j;
  }
  EXPECT_TRUE(g.marginsIntact() && view.marginsIntact());
}

void checkLabelLogits(Problem &p) {
  Matrix out = line(Type::F32, p.padded());
  Call call{{{"e", &p.e},
             {"rows", &p.rows},
             {"c", &p.c},
             {"labels", &p.labels},
             {"bias", &p.bias},
             {"label_logit", &out}},
            {{"param", p.param}},
            {{"tokens", p.n}, {"vocab", p.v}, {"hidden", p.d}},
            {}};
  run(kernelFor("indexed_matmul", p.type, p.transform.text), call);
  for (int64_t i = 0; i < p.n; ++i) {
    int64_t label = int64_t(p.labels.get(i));
    double x = label < 0 ? 0 : p.dot(i, label), b = label < 0 ? 0 : p.bias.get(label);
    EXPECT_NEAR(out.get(i), p.transform.value(x, b, p.param), p.bound(i)) << "token " << i;
  }
  for (int64_t i = p.n; i < p.padded(); ++i)
    EXPECT_EQ(out.get(i), 0.0);
  EXPECT_TRUE(out.marginsIntact());
}

/// logit_grad on a chunk of the classes that starts at `origin`; returns g (padded tokens x
/// classes).
Matrix checkLogitGrad(Problem &p, int64_t origin = 0, bool turned = false) {
  Matrix lse = line(Type::F32, p.padded()), pw = lse, lw = lse;
  for (int64_t i = 0; i < p.padded(); ++i) {
    lse.set(i, 0, i < p.n ? std::min(p.lse(i), 1e30) : 0);
    if (std::isinf(lse.get(i)))
      lse.set(i, 0, 0);
    pw.set(i, 0, i < p.n ? 0.75 + double(i % 3) : 0);
    lw.set(i, 0, i < p.n ? 0.5 + double(i % 2) : 0);
  }
  int64_t v = p.v - origin;
  Matrix c(p.type, v, p.d), bias = line(Type::F32, v);
  c.fill([&](int64_t j, int64_t k) { return p.c.get(origin + j, k); });
  bias.fill([&](int64_t j, int64_t) { return p.bias.get(origin + j); });
  Matrix g =
      turned ? Matrix(p.type, p.padded(), v, 1, p.padded() + 1) : Matrix(p.type, p.padded(), v);
  Call call{{{"e", &p.e},
             {"rows", &p.rows},
             {"c", &c},
             {"bias", &bias},
             {"labels", &p.labels},
             {"lse", &lse},
             {"prob_weight", &pw},
             {"label_weight", &lw},
             {"g", &g}},
            {{"param", p.param}},
            {{"tokens", p.n}, {"vocab", v}, {"hidden", p.d}},
            {{"vocab", origin}}};
  run(kernelFor("logit_grad", p.type, p.transform.text), call);
  std::vector<double> want(size_t(p.padded() * v));
  for (int64_t i = 0; i < p.n; ++i)
    for (int64_t j = 0; j < v; ++j) {
      double x = p.products()[size_t(i * p.v + origin + j)], b = p.bias.get(origin + j);
      double prob = std::exp(p.transform.value(x, b, p.param) - lse.get(i));
      double hit = int64_t(p.labels.get(i)) == origin + j ? 1 : 0;
      want[size_t(i * v + j)] =
          (prob * pw.get(i) - hit * lw.get(i)) * p.transform.slope(x, b, p.param);
    }
  // Rounding the logit to f32 (and lse) is part of the definition: e^z cannot be better than z.
  double largest = 0;
  for (double x : p.products())
    largest = std::max(largest, std::abs(x));
  expectClose(g, want, gradientBound(p.type) + 1e-7 * largest);
  for (int64_t i = p.n; i < p.padded(); ++i)
    for (int64_t j = 0; j < v; ++j)
      EXPECT_EQ(g.get(i, j), 0.0) << "padding " << i << ", " << j;
  return g;
}

/// The kernels that keep sums of dE and dC in two parts. wantSum and wantDc: the results of one chunk.
void checkHalves(Problem &p, Matrix &g, Matrix &alpha, const std::vector<double> &wantSum,
                 const std::vector<double> &wantDc, bool turned) {
  const double bound = gradientBound(p.type);
  auto matrix = [&](int64_t rows, int64_t columns) {
    return turned ? Matrix(p.type, rows, columns, 1, rows + 2) : Matrix(p.type, rows, columns);
  };
  // More memory than the lower halves of 8 and 4 bits need.
  Matrix de = matrix(p.positions, p.d), low = matrix(p.padded(), p.d);
  Matrix dc = matrix(p.v, p.d), quarters = matrix(p.v, p.d), scaled = matrix(p.padded(), p.d);
  scaled.fill([&](int64_t i, int64_t k) {
    return i < p.n && p.row(i) >= 0 ? p.e.get(p.row(i), k) : 0;
  });
  for (bool isEmbedding : {true, false}) {
    const std::string name = isEmbedding ? "grad_embedding_halves" : "grad_classifier_halves";
    Call call{{{"g", &g}, {"c", &p.c}, {"scaled", &scaled}, {"sum_lower", isEmbedding ? &low : &quarters},
               {"alpha", &alpha}, {"rows", &p.rows}, {"de", &de}, {"dc", &dc}},
              {{"has_sum", 0}},
              {{"tokens", p.n}, {"vocab", p.v}, {"hidden", p.d}, {"positions", p.positions}},
              {}};
    run(kernelFor(name + "_partial", p.type), call);
    double error = 0, norm = 0;
    for (int64_t i = 0; i < (isEmbedding ? p.n : p.v); ++i)
      for (int64_t k = 0; k < p.d; ++k) {
        if (isEmbedding && p.row(i) < 0)
          continue;
        const double want = isEmbedding ? wantSum[size_t(i * p.d + k)] : wantDc[size_t(i * p.d + k)];
        const double got = isEmbedding ? joined(de, low, p.row(i), i, k, 8)
                                       : joined(dc, quarters, i, i, k, 4);
        error += (got - want) * (got - want);
        norm += want * want;
      }
    // Cut behind 15 or 11 bits after the first: 2^-15 or 2^-11 at most.
    EXPECT_LE(std::sqrt(error), ((isEmbedding ? 0x1p-15 : 0x1p-11) + 2e-6) * std::sqrt(norm) + 1e-30) << name;
    call.scalars["has_sum"] = 1;
    run(kernelFor(name, p.type), call);
  }
  std::vector<double> twice = wantDc;
  for (double &each : twice)
    each *= 2;
  expectClose(dc, twice, bound);
  for (int64_t i = 0; i < p.n; ++i)
    for (int64_t k = 0; p.row(i) >= 0 && k < p.d; ++k) {
      const double want = 2 * 0.375 * wantSum[size_t(i * p.d + k)];
      EXPECT_NEAR(de.get(p.row(i), k), want, 0.01 * std::fabs(want) + 1e-4);
    }
  EXPECT_TRUE(dc.marginsIntact() && de.marginsIntact() && low.marginsIntact() &&
              quarters.marginsIntact());
}

/// The three kernels that read g.
void checkGradients(Problem &p, bool turned = false) {
  std::mt19937 generator(7);
  auto matrix = [&](Type type, int64_t rows, int64_t columns) {
    return turned ? Matrix(type, rows, columns, 1, rows + 2) : Matrix(type, rows, columns);
  };
  Matrix g = matrix(p.type, p.padded(), p.v).random(generator, 1.0);
  Matrix alpha = line(Type::F32, 1);
  alpha.set(0, 0, 0.375);
  double bound = gradientBound(p.type);

  // dE, in two chunks of the vocabulary of which the first is left to grad_embedding_partial.
  Matrix sum = matrix(Type::F32, p.padded(), p.d), de = matrix(p.type, p.positions, p.d);
  de.fill([](int64_t, int64_t) { return 7.0; });
  Call call{
      {{"g", &g}, {"c", &p.c}, {"sum", &sum}, {"alpha", &alpha}, {"rows", &p.rows}, {"de", &de}},
      {{"has_sum", 0}},
      {{"tokens", p.n}, {"vocab", p.v}, {"hidden", p.d}, {"positions", p.positions}},
      {}};
  run(kernelFor("grad_embedding_partial", p.type), call);
  call.scalars["has_sum"] = 1;
  run(kernelFor("grad_embedding", p.type), call);
  std::vector<double> wantSum(size_t(p.padded() * p.d)), wantDe(size_t(p.positions * p.d), 7.0);
  for (int64_t i = 0; i < p.n; ++i)
    for (int64_t k = 0; k < p.d; ++k) {
      double total = 0;
      for (int64_t j = 0; j < p.v; ++j)
        total += g.get(i, j) * p.c.get(j, k);
      wantSum[size_t(i * p.d + k)] = total;
      if (p.row(i) >= 0)
        wantDe[size_t(p.row(i) * p.d + k)] = 2 * total * 0.375;
    }
  expectClose(sum, wantSum, 2e-6);
  expectClose(de, wantDe, bound);
  // Without a sum its memory must not matter.
  sum.fill([](int64_t, int64_t) { return std::nan(""); });
  call.scalars["has_sum"] = 0;
  run(kernelFor("grad_embedding", p.type), call);
  for (int64_t i = 0; i < p.n; ++i)
    for (int64_t k = 0; k < p.d; ++k)
      if (p.row(i) >= 0)
        wantDe[size_t(p.row(i) * p.d + k)] /= 2;
  expectClose(de, wantDe, bound);

  // Every row with a scale of its own, and no sum.
  Matrix scale = line(Type::F32, p.padded());
  scale.fill([](int64_t i, int64_t) { return 0.25 + double(i % 5); });
  Call scaled{{{"g", &g}, {"c", &p.c}, {"scale", &scale}, {"rows", &p.rows}, {"de", &de}},
              {},
              {{"tokens", p.n}, {"vocab", p.v}, {"hidden", p.d}, {"positions", p.positions}},
              {}};
  run(kernelFor("grad_embedding_scaled", p.type), scaled);
  for (int64_t i = 0; i < p.n; ++i)
    for (int64_t k = 0; p.row(i) >= 0 && k < p.d; ++k)
      wantDe[size_t(p.row(i) * p.d + k)] *= scale.get(i) / 0.375;
  expectClose(de, wantDe, bound);

  Matrix dc = matrix(p.type, p.v, p.d);
  Call classifier{{{"g", &g}, {"e", &p.e}, {"rows", &p.rows}, {"alpha", &alpha}, {"dc", &dc}},
                  {},
                  {{"tokens", p.n}, {"vocab", p.v}, {"hidden", p.d}},
                  {}};
  run(kernelFor("grad_classifier", p.type), classifier);
  std::vector<double> wantDc(size_t(p.v * p.d)), wantDbias(size_t(p.v));
  for (int64_t j = 0; j < p.v; ++j)
    for (int64_t i = 0; i < p.n; ++i) {
      wantDbias[size_t(j)] += 0.375 * g.get(i, j);
      for (int64_t k = 0; k < p.d; ++k)
        wantDc[size_t(j * p.d + k)] +=
            p.row(i) < 0 ? 0 : 0.375 * g.get(i, j) * p.e.get(p.row(i), k);
    }
  expectClose(dc, wantDc, bound);

  if (p.type != Type::F32)
    checkHalves(p, g, alpha, wantSum, wantDc, turned);

  Matrix dbias = line(Type::F32, p.v, turned ? 3 : 1);
  Call bias{
      {{"g", &g}, {"alpha", &alpha}, {"dbias", &dbias}}, {}, {{"tokens", p.n}, {"vocab", p.v}}, {}};
  run(kernelFor("grad_bias", p.type), bias);
  double error = 0, norm = 0;
  for (int64_t j = 0; j < p.v; ++j) {
    error += std::pow(dbias.get(j) - wantDbias[size_t(j)], 2);
    norm += std::pow(wantDbias[size_t(j)], 2);
  }
  EXPECT_LE(std::sqrt(error), 2e-6 * std::sqrt(norm) + 1e-30);
  EXPECT_TRUE(dbias.marginsIntact());
}

//===----------------------------------------------------------------------===//
// Tests
//===----------------------------------------------------------------------===//

class CpuKernels : public testing::TestWithParam<Type> {};
INSTANTIATE_TEST_SUITE_P(Operand, CpuKernels, testing::Values(Type::F32, Type::BF16, Type::F16),
                         [](const auto &info) { return nameOf(info.param); });

TEST_P(CpuKernels, OddSizes) {
  const Sizes all[] = {{1, 1, 1},        {1, 2, 7},    {7, 127, 64},  {127, 129, 123},
                       {129, 1000, 257}, {129, 2, 64}, {1, 50257, 7}, {7, 1000, 123},
                       {64, 256, 256},   {65, 257, 1}};
  for (const Sizes &sizes : all) {
    SCOPED_TRACE(testing::Message() << "N " << sizes.n << " V " << sizes.v << " D " << sizes.d);
    Problem p(GetParam(), sizes, biased);
    checkForward(p, sizes.v > 600 ? 3 : 1);
    checkLabelLogits(p);
    checkLogitGrad(p);
    checkGradients(p);
  }
}

TEST_P(CpuKernels, SumsBelowAReference) {
  if (GetParam() == Type::F16)
    return; // has no room for such exponents
  for (double below : {0.0, 7.0, 80.0}) {
    for (const Sizes &sizes : {Sizes{1, 1, 1}, Sizes{7, 127, 64}, Sizes{129, 1000, 257}}) {
      SCOPED_TRACE(testing::Message() << "N " << sizes.n << " V " << sizes.v << " below " << below);
      Problem p(GetParam(), sizes, biased);
      checkForwardExp(p, sizes.v > 600 ? 3 : 1, below);
    }
    Problem capped(GetParam(), {37, 301, 67}, softcap);
    checkForwardExp(capped, 2, below);
    Problem turned(GetParam(), {37, 301, 67}, identity, 3, /*turned=*/true);
    checkForwardExp(turned, 2, below, /*turned=*/true);
  }
}

TEST_P(CpuKernels, LargeVocabulary) {
  Problem p(GetParam(), {3, 50257, 64}, identity);
  checkForward(p, 16);
  checkLogitGrad(p);
}

TEST_P(CpuKernels, AnyStrides) {
  Problem p(GetParam(), {37, 301, 67}, biased, 3, /*turned=*/true);
  checkForward(p, 1);
  checkLabelLogits(p);
  checkLogitGrad(p, 0, /*turned=*/true);
  checkGradients(p, /*turned=*/true);
  // No stride is 1.
  Matrix e(GetParam(), p.positions, p.d, 2 * p.d + 3, 2), c(GetParam(), p.v, p.d, 3 * p.d, 3);
  e.fill([&](int64_t i, int64_t k) { return p.e.get(i, k); });
  c.fill([&](int64_t j, int64_t k) { return p.c.get(j, k); });
  p.e = e;
  p.c = c;
  checkForward(p, 1);
  checkLabelLogits(p);
  checkGradients(p);
}

TEST_P(CpuKernels, RowsThatAreNone) {
  Problem p(GetParam(), {70, 300, 33}, biased, 4);
  for (int64_t i = 0; i < p.n; i += 3)
    p.rows.set(i, 0, -1);
  p.labels.set(5, 0, -1);
  checkForward(p, 2);
  checkLabelLogits(p);
  checkLogitGrad(p);
  checkGradients(p);
}

TEST_P(CpuKernels, Chunk) {
  Problem p(GetParam(), {19, 700, 40}, biased, 5);
  checkLogitGrad(p, 256);
}

TEST_P(CpuKernels, Softcap) {
  Problem p(GetParam(), {33, 500, 50}, softcap, 6);
  p.param = 3;
  checkForward(p, 1);
  checkLabelLogits(p);
  checkLogitGrad(p);
}

TEST_P(CpuKernels, UserTransform) {
  Problem p(GetParam(), {9, 300, 20}, user, 7);
  checkForward(p, 1);
  checkLabelLogits(p);
  checkLogitGrad(p);
}

TEST_P(CpuKernels, MaskedClasses) {
  Problem p(GetParam(), {17, 1024, 32}, biased, 8);
  // The whole first tile, and single ones after it.
  for (int64_t j = 0; j < 1024; ++j)
    if (j < 300 || j % 7 == 0)
      p.bias.set(j, 0, -infinity);
  checkForward(p, 1);
  checkForward(p, 4);
  Matrix g = checkLogitGrad(p);
  for (int64_t i = 0; i < p.n; ++i)
    for (int64_t j = 0; j < 300; ++j)
      if (int64_t(p.labels.get(i)) != j)
        EXPECT_EQ(g.get(i, j), 0.0);
  for (int64_t j = 0; j < 1024; ++j)
    p.bias.set(j, 0, -infinity);
  checkForward(p, 2);
}

TEST_P(CpuKernels, TouchNothingBeyondTheirMemory) {
  Matrix::margin = 0;
  for (const Sizes &sizes : {Sizes{13, 300, 70}, Sizes{64, 257, 33}}) {
    Problem p(GetParam(), sizes, biased, 12), q(GetParam(), sizes, biased, 13, /*turned=*/true);
    checkForward(p, 2);
    checkLabelLogits(p);
    checkLogitGrad(p);
    checkGradients(p);
    checkForward(q, 2);
    checkGradients(q, /*turned=*/true);
  }
  Matrix::margin = 32;
}

} // namespace
