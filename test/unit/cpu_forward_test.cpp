//===- cpu_forward_test.cpp - the CPU target, states of the forward -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// What the states of a forward and the logits of its labels keep whatever the partition, the processor
// and the tiles: NaN and infinities, bits, labels of chunks.
//===----------------------------------------------------------------------===//
#include "test/unit/CpuKernelHarness.h"

using namespace cce_test;

namespace {

/// (m, s) of every token for one split.
std::vector<float> forwardStates(Problem &p, int64_t tasks) {
  Matrix states(Type::F32, p.padded(), 2, p.padded(), 1);
  states.memory.assign(states.memory.size() + size_t(p.padded()) * 8, 0);
  Matrix labelLogit = nothingPicked(p);
  Call call = forwardCall(p, labelLogit, states, 1, tasks);
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

} // namespace
