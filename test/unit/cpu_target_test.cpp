//===- cpu_target_test.cpp - kernels of the CPU target against float64 --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// Compiles every kernel of kernels-src/ for this machine, runs it on awkward sizes and compares
// with a reference in double, at the bounds of exact linear cross-entropy: |delta| <= 2e-6 (1 + |e|
// max|c|) for logits and log-sum-exps, relative Frobenius errors of 3e-3 (bf16), 4e-4 (f16) and
// 2e-6 (f32) for gradients.
//===----------------------------------------------------------------------===//
#include "test/unit/CpuKernelHarness.h"

using namespace cce_test;
using mlir::cce::CompileResult;
using mlir::cce::CpuModule;

namespace {

/// Relative Frobenius error of a matrix, and that of each row against 4 times the bound.
void expectClose(const Matrix &got, const std::vector<double> &want, double bound) {
  double error = 0, norm = 0;
  std::vector<double> rowErrors(size_t(got.rows)), rowNorms(size_t(got.rows));
  for (int64_t i = 0; i < got.rows; ++i) {
    for (int64_t j = 0; j < got.columns; ++j) {
      double w = want[size_t(i * got.columns + j)], delta = got.get(i, j) - w;
      rowErrors[size_t(i)] += delta * delta;
      rowNorms[size_t(i)] += w * w;
    }
    error += rowErrors[size_t(i)];
    norm += rowNorms[size_t(i)];
  }
  EXPECT_LE(std::sqrt(error), bound * std::sqrt(norm) + 1e-30);
  double typical = norm / double(std::max<int64_t>(got.rows, 1));
  for (int64_t i = 0; i < got.rows; ++i)
    if (rowNorms[size_t(i)] > 1e-3 * typical)
      EXPECT_LE(std::sqrt(rowErrors[size_t(i)]), 4 * bound * std::sqrt(rowNorms[size_t(i)]))
          << "row " << i;
  EXPECT_TRUE(got.marginsIntact());
}

/// What stands where nothing is stored.
constexpr double untouched = 12345;

/// The logits of labels among the classes [origin, origin + classes), and nothing else.
void expectPicked(Problem &p, Matrix &out, int64_t origin, int64_t classes) {
  for (int64_t i = 0; i < p.padded(); ++i) {
    const int64_t label = int64_t(p.labels.get(i));
    if (i >= p.n || label < origin || label >= origin + classes)
      EXPECT_EQ(out.get(i), untouched) << "token " << i;
    else if (p.logit(i, label) == -infinity)
      EXPECT_EQ(out.get(i), -infinity) << "token " << i;
    else
      EXPECT_NEAR(out.get(i), p.logit(i, label), p.bound(i)) << "token " << i;
  }
  EXPECT_TRUE(out.marginsIntact());
}

Matrix nothingPicked(Problem &p, int64_t stride = 1) {
  return line(Type::F32, p.padded(), stride).fill([](int64_t, int64_t) { return untouched; });
}

void checkForward(Problem &p, int64_t splits, int64_t tasks = 3) {
  Matrix partial(Type::F32, splits * p.padded(), 2, 2, 1);
  // As the kernel sees it: states of two f32 as elements, stride 1.
  Matrix view = partial;
  view.strides[0] = p.padded();
  view.strides[1] = 1;
  Matrix labelLogit = nothingPicked(p, 2);
  Call call{{{"e", &p.e},
             {"rows", &p.rows},
             {"c", &p.c},
             {"labels", &p.labels},
             {"bias", &p.bias},
             {"label_logit", &labelLogit},
             {"partial", &view}},
            {{"param", p.param}},
            {{"tokens", p.n}, {"vocab", p.v}, {"hidden", p.d}, {"splits", splits}},
            {{"vocab", 0}},
            tasks};
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

/// An f32 of which the upper 16 bits lie in one matrix, and 8 or 4 more in another.
double joined(Matrix &upper, Matrix &lower, int64_t upperRow, int64_t row, int64_t column, int bits) {
  uint16_t high;
  std::memcpy(&high, upper.at(upperRow, column), 2);
  const int64_t index = row * lower.strides[0] + column * lower.strides[1];
  const auto byteAt = [&](int64_t place) { return uint32_t(uint8_t(lower.data()[place])); };
  const uint32_t low = bits == 8 ? byteAt(index) << 8 : (byteAt(index / 2) >> (index % 2 * 4) & 15) << 12;
  const uint32_t all = uint32_t(high) << 16 | low;
  float value;
  std::memcpy(&value, &all, 4);
  return value;
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
    // Rounded to nearest with 15 or 11 bits behind the first: 2^-16 or 2^-12 at most.
    EXPECT_LE(std::sqrt(error), ((isEmbedding ? 0x1p-16 : 0x1p-12) + 2e-6) * std::sqrt(norm) + 1e-30) << name;
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

/// (m, s) of every token for one split.
std::vector<float> forwardStates(Problem &p, int64_t tasks) {
  Matrix states(Type::F32, p.padded(), 2, p.padded(), 1);
  states.memory.assign(states.memory.size() + size_t(p.padded()) * 8, 0);
  Matrix labelLogit = nothingPicked(p);
  Call call{{{"e", &p.e},
             {"rows", &p.rows},
             {"c", &p.c},
             {"labels", &p.labels},
             {"bias", &p.bias},
             {"label_logit", &labelLogit},
             {"partial", &states}},
            {{"param", p.param}},
            {{"tokens", p.n}, {"vocab", p.v}, {"hidden", p.d}, {"splits", 1}},
            {{"vocab", 0}},
            tasks};
  run(kernelFor("lse_forward", p.type, p.transform.text), call);
  const float *first = reinterpret_cast<const float *>(states.data());
  return std::vector<float>(first, first + 2 * p.n);
}

TEST(CpuForward, NanAndInfinityComeThrough) {
  Problem p(Type::F32, {20, 400, 16}, biased, 9);
  p.e.set(p.row(3), 5, std::nan(""));
  p.e.set(p.row(4), 0, 1e30);
  p.e.set(p.row(5), 0, std::numeric_limits<double>::infinity());
  std::vector<float> states = forwardStates(p, 1);
  for (int64_t i = 0; i < p.n; ++i) {
    float lse = states[size_t(2 * i)] + std::log2(states[size_t(2 * i + 1)]);
    if (i == 3)
      EXPECT_TRUE(std::isnan(lse));
    else if (i == 5)
      EXPECT_FALSE(std::isfinite(lse));
    else
      EXPECT_TRUE(std::isfinite(lse)) << i;
  }
  p.bias.set(390, 0, infinity);
  states = forwardStates(p, 1);
  EXPECT_EQ(states[0] + std::log2(states[1]), float(infinity));
}

TEST(CpuForward, SameBitsForAnyPartitionAndAnyNeighbours) {
  Problem p(Type::BF16, {200, 777, 90}, biased, 10);
  std::vector<float> one = forwardStates(p, 1), many = forwardStates(p, 4);
  EXPECT_EQ(one, many);
  // The same tokens in another order and company.
  Problem q = p;
  for (int64_t i = 0; i < q.n; ++i)
    q.rows.set(i, 0, p.row((i * 7 + 3) % p.n));
  std::vector<float> mixed = forwardStates(q, 2);
  for (int64_t i = 0; i < q.n; ++i) {
    EXPECT_EQ(mixed[size_t(2 * i)], one[size_t(2 * ((i * 7 + 3) % p.n))]);
    EXPECT_EQ(mixed[size_t(2 * i + 1)], one[size_t(2 * ((i * 7 + 3) % p.n) + 1)]);
  }
}

/// One split, by the given kernel, of a problem with the identity.
void checkForwardWith(Kernel &&kernel, Problem &p) {
  Matrix states(Type::F32, 2 * p.padded(), 1, p.padded(), 1);
  Matrix labelLogit = nothingPicked(p);
  Call call{{{"e", &p.e},
             {"rows", &p.rows},
             {"c", &p.c},
             {"labels", &p.labels},
             {"label_logit", &labelLogit},
             {"partial", &states}},
            {{"param", 0}},
            {{"tokens", p.n}, {"vocab", p.v}, {"hidden", p.d}, {"splits", 1}},
            {{"vocab", 0}}};
  run(kernel, call);
  expectPicked(p, labelLogit, 0, p.v);
  const float *state = reinterpret_cast<const float *>(states.data());
  for (int64_t i = 0; i < p.n; ++i)
    EXPECT_NEAR((state[2 * i] + std::log2(state[2 * i + 1])) / log2e, p.lse(i), p.bound(i));
}

/// Of classes that several launches go through every label belongs to one; of a tile that a chunk ends in the
/// other columns are the next one's.
TEST(CpuForward, LabelsOfAChunk) {
  Problem p(Type::F32, {90, 1000, 40}, softcap, 16);
  p.labels.set(0, 0, 299);
  p.labels.set(1, 0, 300);
  p.labels.set(2, 0, 511);
  p.labels.set(3, 0, 999);
  p.labels.set(4, 0, 1000);
  p.labels.set(5, 0, -1);
  Matrix all = nothingPicked(p);
  for (auto [origin, classes] : {std::pair<int64_t, int64_t>{300, 700}, {0, 300}}) {
    SCOPED_TRACE(origin);
    Matrix c(p.type, classes, p.d), bias = line(Type::F32, classes), out = nothingPicked(p);
    c.fill([&, first = origin](int64_t j, int64_t k) { return p.c.get(first + j, k); });
    bias.fill([&, first = origin](int64_t j, int64_t) { return p.bias.get(first + j); });
    Matrix states(Type::F32, 4 * p.padded(), 1, p.padded(), 1);
    for (Matrix *target : {&out, &all}) {
      Call call{{{"e", &p.e},
                 {"rows", &p.rows},
                 {"c", &c},
                 {"labels", &p.labels},
                 {"bias", &bias},
                 {"label_logit", target},
                 {"partial", &states}},
                {{"param", p.param}},
                {{"tokens", p.n}, {"vocab", classes}, {"hidden", p.d}, {"splits", 2}},
                {{"vocab", origin}}};
      run(kernelFor("lse_forward", p.type, p.transform.text), call);
    }
    expectPicked(p, out, origin, classes);
  }
  expectPicked(p, all, 0, p.v);
}

TEST(CpuForward, OtherTileSizes) {
  Problem p(Type::F32, {70, 500, 200}, identity, 11);
  checkForwardWith(compile({"lse_forward",
                            "cpu",
                            "f32",
                            "identity",
                            {{"tile_m", 64}, {"tile_n", 128}, {"tile_k", 48}}}),
                   p);
}

TEST(CpuForward, Avx2) {
  for (Type type : {Type::F32, Type::BF16, Type::F16}) {
    Problem p(type, {70, 500, 270}, identity, 14);
    checkForwardWith(compileForAvx2("lse_forward", nameOf(type)), p);
    // A in panels, B copied.
    Matrix g(type, p.padded(), p.v), alpha = line(Type::F32, 1), dc(type, p.v, p.d);
    std::mt19937 generator(15);
    g.random(generator, 1.0);
    alpha.set(0, 0, 1);
    Call call{{{"g", &g}, {"e", &p.e}, {"rows", &p.rows}, {"alpha", &alpha}, {"dc", &dc}},
              {},
              {{"tokens", p.n}, {"vocab", p.v}, {"hidden", p.d}},
              {}};
    Kernel kernel = compileForAvx2("grad_classifier", nameOf(type));
    run(kernel, call);
    std::vector<double> want(size_t(p.v * p.d));
    for (int64_t i = 0; i < p.n; ++i)
      for (int64_t j = 0; j < p.v; ++j)
        for (int64_t k = 0; k < p.d; ++k)
          want[size_t(j * p.d + k)] += g.get(i, j) * p.e.get(p.row(i), k);
    expectClose(dc, want, gradientBound(type));
  }
}

/// The value of the transform for every x.
std::vector<float> valuesOf(Kernel &kernel, const std::vector<float> &x) {
  int64_t n = int64_t(x.size()), padded = (n + 63) / 64 * 64;
  Matrix e(Type::F32, n, 1), c(Type::F32, 1, 1), rows = line(Type::I32, padded), labels = rows;
  Matrix out = line(Type::F32, padded);
  for (int64_t i = 0; i < n; ++i)
    e.set(i, 0, double(x[size_t(i)]));
  c.set(0, 0, 1);
  rows.fill([&](int64_t i, int64_t) { return i < n ? i : -1; });
  labels.fill([&](int64_t i, int64_t) { return i < n ? 0 : -1; });
  Call call{{{"e", &e}, {"rows", &rows}, {"c", &c}, {"labels", &labels}, {"label_logit", &out}},
            {},
            {{"tokens", n}, {"vocab", 1}, {"hidden", 1}},
            {}};
  run(kernel, call);
  std::vector<float> y;
  for (int64_t i = 0; i < n; ++i)
    y.push_back(float(out.get(i)));
  return y;
}

TEST(CpuMath, FunctionsAreWithinAFewUlp) {
  struct Function {
    const char *name;
    double (*value)(double);
    double ulps;
  };
  constexpr Function functions[] = {{"math.exp", [](double x) { return std::exp(x); }, 2},
                                    {"math.exp2", [](double x) { return std::exp2(x); }, 2},
                                    {"math.tanh", [](double x) { return std::tanh(x); }, 2},
                                    {"math.log1p", [](double x) { return std::log1p(x); }, 3}};
  std::vector<float> x = {
      0.0f,    -0.0f,   1e-30f, -1e-8f, 0.625f,          88.72f,           88.73f,
      89.5f,   127.9f,  128.0f, -87.4f, -103.0f,         -104.0f,          -126.5f,
      -149.0f, -151.0f, 1e30f,  -1e30f, float(infinity), -float(infinity), std::nanf("")};
  for (int i = -20000; i < 20000; ++i)
    x.push_back(float(i) * 0.00717f);
  for (const Function &function : functions) {
    std::string text = "cce.transform @mine(%x: f32, %b: f32, %p: f32) -> f32 {\n  %y = " +
                       std::string(function.name) + " %x : f32\n  cce.yield %y : f32\n}\n";
    Kernel kernels[] = {compile({"indexed_matmul", "cpu", "f32", text, {}}),
                        compileForAvx2("indexed_matmul", "f32", text)};
    for (Kernel &kernel : kernels) {
      std::vector<float> y = valuesOf(kernel, x);
      for (size_t i = 0; i < x.size(); ++i) {
        double want = function.value(double(x[i]));
        float rounded = float(want);
        if (std::isnan(rounded) || std::isinf(rounded)) {
          EXPECT_EQ(std::isnan(rounded), std::isnan(y[i])) << function.name << ' ' << x[i];
          if (std::isinf(rounded))
            EXPECT_EQ(y[i], rounded) << function.name << ' ' << x[i];
          continue;
        }
        double ulp = std::max(std::ldexp(1.0, std::ilogb(rounded == 0 ? 1e-45f : rounded) - 23),
                              std::ldexp(1.0, -149));
        EXPECT_LE(std::abs(double(y[i]) - want), function.ulps * ulp)
            << function.name << ' ' << x[i];
      }
    }
  }
}

TEST(CpuGradients, OffsetsBeyond32Bits) {
  // Three tokens whose rows of g are 2^31 + 7 elements apart; only the touched pages exist.
  constexpr int64_t n = 3, v = 40, stride = (int64_t(1) << 31) + 7, bytes = (n * stride + v) * 2;
  void *memory = mmap(nullptr, size_t(bytes), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    GTEST_SKIP() << "no address space";
  auto *g = static_cast<uint16_t *>(memory);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < v; ++j)
      g[i * stride + j] = toBf16(float(i * 100 + j));
  Matrix alpha = line(Type::F32, 1), dbias = line(Type::F32, v), view(Type::BF16, 1, 1);
  alpha.set(0, 0, 1);
  Kernel &kernel = kernelFor("grad_bias", Type::BF16);
  Call call{
      {{"g", &view}, {"alpha", &alpha}, {"dbias", &dbias}}, {}, {{"tokens", n}, {"vocab", v}}, {}};
  view.foreign = static_cast<char *>(memory);
  view.strides[0] = stride;
  view.strides[1] = 1;
  run(kernel, call);
  for (int64_t j = 0; j < v; ++j) {
    double want = 0;
    for (int64_t i = 0; i < n; ++i)
      want += fromBf16(g[i * stride + j]);
    EXPECT_EQ(dbias.get(j), want) << j;
  }
  munmap(memory, size_t(bytes));
}

TEST(CpuGradients, EmptyContractionGivesZero) {
  // No tokens: dC is zero, not what was there.
  Matrix g(Type::F32, 1, 70), e(Type::F32, 1, 30), rows = line(Type::I32, 64),
                                                   alpha = line(Type::F32, 1);
  Matrix dc(Type::F32, 70, 30);
  alpha.set(0, 0, 1);
  Call call{{{"g", &g}, {"e", &e}, {"rows", &rows}, {"alpha", &alpha}, {"dc", &dc}},
            {},
            {{"tokens", 0}, {"vocab", 70}, {"hidden", 30}},
            {}};
  run(kernelFor("grad_classifier", Type::F32), call);
  expectClose(dc, std::vector<double>(70 * 30, 0.0), 0);
}

TEST(CpuGradients, TinyBf16ValuesAreNotFlushed) {
  Matrix g(Type::F32, 64, 3), e(Type::BF16, 1, 1);
  g.fill([](int64_t, int64_t) { return 0; });
  Matrix small(Type::BF16, 64, 3), rows = line(Type::I32, 64), alpha = line(Type::F32, 1);
  small.fill([](int64_t i, int64_t) { return i == 0 ? 1 : 0; });
  rows.fill([](int64_t i, int64_t) { return i == 0 ? 0 : -1; });
  e.set(0, 0, 1);
  alpha.set(0, 0, std::ldexp(1.0, -130)); // below the normal range of bf16 and f32
  Matrix dc(Type::BF16, 3, 1);
  Call call{{{"g", &small}, {"e", &e}, {"rows", &rows}, {"alpha", &alpha}, {"dc", &dc}},
            {},
            {{"tokens", 1}, {"vocab", 3}, {"hidden", 1}},
            {}};
  run(kernelFor("grad_classifier", Type::BF16), call);
  EXPECT_EQ(dc.get(0, 0), std::ldexp(1.0, -130));
}

// Lower halves of 4 and of 8 bits: to the nearest, carries, infinities and NaN.

void checkRounding(int bits, const std::vector<std::pair<uint32_t, uint32_t>> &cases) {
  std::string text = R"(
cce.kernel @k(%x: !cce.buffer<vocab x hidden x f32>, %upper: !cce.buffer<vocab x hidden x bf16>,
              %lower: !cce.buffer<vocab x hidden x LOWER>, %y: !cce.buffer<vocab x hidden x f32>) {
  cce.parallel %v, %d over vocab, hidden {
    %t = cce.load %x[%v, %d] : !cce.buffer<vocab x hidden x f32>
    cce.store_halves %t, %upper, %lower[%v, %d] : !cce.tile<vocab x hidden x f32>, !cce.buffer<vocab x hidden x bf16>, !cce.buffer<vocab x hidden x LOWER>
  }
})";
  for (size_t at; (at = text.find("LOWER")) != std::string::npos;)
    text.replace(at, 5, "i" + std::to_string(bits));
  Kernel kernel = compileText(text, "k");
  const int64_t n = int64_t(cases.size());
  Matrix x(Type::F32, 1, n + 3), upper(Type::BF16, 1, n + 3), lower(Type::BF16, 1, n + 3);
  auto fill = [&](int64_t i, uint32_t word) { std::memcpy(x.at(0, i), &word, 4); };
  for (int64_t i = 0; i < n; ++i)
    fill(i, cases[size_t(i)].first);
  // The canonical NaN of GPUs, one of the smallest payload, a negative one.
  fill(n, 0x7FFFFFFF), fill(n + 1, 0x7F800001), fill(n + 2, 0xFFFFFFFF);
  Call call{{{"x", &x}, {"upper", &upper}, {"lower", &lower}, {"y", &x}},
            {},
            {{"vocab", 1}, {"hidden", n + 3}},
            {}};
  run(kernel, call);
  for (int64_t i = 0; i < n; ++i) {
    const float got = float(joined(upper, lower, 0, 0, i, bits));
    uint32_t word;
    std::memcpy(&word, &got, 4);
    EXPECT_EQ(word, cases[size_t(i)].second) << std::hex << cases[size_t(i)].first;
  }
  for (int64_t i = n; i < n + 3; ++i)
    EXPECT_TRUE(std::isnan(joined(upper, lower, 0, 0, i, bits))) << i;
}

TEST(CpuHalves, RoundToTwentyBits) {
  checkRounding(4, {{0x3F800000, 0x3F800000}, {0x3F8007FF, 0x3F800000}, {0x3F800800, 0x3F801000},
                    {0x3F80F7FF, 0x3F80F000}, {0x3F80F800, 0x3F810000}, // a carry into the upper half
                    {0xBF80F800, 0xBF810000}, {0x3FFFF800, 0x40000000}, // and into the exponent
                    {0x7F7FFFFF, 0x7F800000}, {0x7F800000, 0x7F800000}, {0xFF800000, 0xFF800000},
                    {0x00000000, 0x00000000}, {0x80000000, 0x80000000}, {0x00000801, 0x00001000}});
}

TEST(CpuHalves, RoundToTwentyFourBits) {
  checkRounding(8, {{0x3F800000, 0x3F800000}, {0x3F80007F, 0x3F800000}, {0x3F800080, 0x3F800100},
                    {0x3F80A5C3, 0x3F80A600}, {0x3F80FF7F, 0x3F80FF00}, {0x3F80FF80, 0x3F810000},
                    {0xBF80FF80, 0xBF810000}, {0x3FFFFF80, 0x40000000}, {0x7F7FFFFF, 0x7F800000},
                    {0x7F800000, 0x7F800000}, {0xFF800000, 0xFF800000}, {0x00000000, 0x00000000},
                    {0x80000000, 0x80000000}, {0x00000081, 0x00000100}});
}

// As many chunks of the vocabulary as large heads have, of sums that grow: every chunk rounds by 2^-16 of the sum so far at most, in either
// direction, 2.7e-5 in all. Cut instead of rounded they would be off by 2.8e-4, without the carry by 1.1e-3, without lower halves by 7e-2.

TEST(CpuHalves, SumsOfManyChunks) {
  constexpr int64_t tokens = 64, hidden = 48, classes = 16;
  constexpr int chunks = 50;
  std::mt19937 generator(11);
  std::uniform_real_distribution<double> uniform(0.5, 1.5);
  Matrix rows = line(Type::I32, tokens), alpha = line(Type::F32, 1);
  rows.fill([](int64_t i, int64_t) { return double(tokens - 1 - i); });
  alpha.set(0, 0, 1);
  Matrix de(Type::BF16, tokens, hidden), lower(Type::BF16, tokens, hidden);
  Kernel &kernel = kernelFor("grad_embedding_halves_partial", Type::BF16);
  std::vector<double> want(size_t(tokens * hidden));
  for (int chunk = 0; chunk < chunks; ++chunk) {
    Matrix g(Type::BF16, tokens, classes), c(Type::BF16, classes, hidden);
    g.fill([&](int64_t, int64_t) { return uniform(generator); });
    // Columns of both signs.
    c.fill([&](int64_t, int64_t k) { return k % 2 == 0 ? uniform(generator) : -uniform(generator); });
    for (int64_t i = 0; i < tokens; ++i)
      for (int64_t k = 0; k < hidden; ++k)
        for (int64_t j = 0; j < classes; ++j)
          want[size_t(i * hidden + k)] += g.get(i, j) * c.get(j, k);
    Call call{{{"g", &g}, {"c", &c}, {"sum_lower", &lower}, {"alpha", &alpha}, {"rows", &rows}, {"de", &de}},
              {{"has_sum", chunk > 0}},
              {{"tokens", tokens}, {"vocab", classes}, {"hidden", hidden}, {"positions", tokens}},
              {}};
    run(kernel, call);
  }
  double error = 0, norm = 0;
  for (int64_t i = 0; i < tokens; ++i)
    for (int64_t k = 0; k < hidden; ++k) {
      const double each = want[size_t(i * hidden + k)];
      error += std::pow(joined(de, lower, tokens - 1 - i, i, k, 8) - each, 2);
      norm += each * each;
    }
  EXPECT_LE(std::sqrt(error / norm), 1e-4);
}

TEST(CpuLoader, RefusesWhatIsNoObject) {
  std::string error;
  EXPECT_EQ(CpuModule::load("not an object", "k", error), nullptr);
  EXPECT_NE(error, "");
  CompileResult result = mlir::cce::compileKernel({"grad_bias", "cpu", "f32", "identity", {}});
  ASSERT_TRUE(result.ok) << result.error;
  error.clear();
  EXPECT_EQ(CpuModule::load(result.kernel.code, "another_name", error), nullptr);
  EXPECT_NE(error.find("another_name"), std::string::npos) << error;
}

TEST(CpuCompile, UnsupportedTileIsAnError) {
  CompileResult result =
      mlir::cce::compileKernel({"lse_forward", "cpu", "f32", "identity", {{"tile_n", 100}}});
  EXPECT_FALSE(result.ok);
  EXPECT_NE(result.error.find("tile_n"), std::string::npos) << result.error;
}

} // namespace
