//===- cpu_structures_test.cpp - the CPU target, kernels that are not ours ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// What the dialect can say and no kernel of kernels-src/ does: other structures around a product, and
// without one.
//===----------------------------------------------------------------------===//
#include "test/unit/CpuKernelHarness.h"

using namespace cce_test;

namespace {

/// sums[i] = sum over v of (e_i . c_v) w[i, v], where w is stored the other way round.
TEST(CpuStructures, SumOfAProductAlongTheColumns) {
  Kernel kernel = compileText(R"(
cce.kernel @k(%e: !cce.buffer<tokens x hidden x f32>, %c: !cce.buffer<vocab x hidden x f32>,
              %w: !cce.buffer<vocab x tokens x f32>, %sums: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %none = cce.zero : !cce.tile<tokens x f32>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x f32> {
      %x = cce.matmul %c[%v], %e[%i] : !cce.buffer<vocab x hidden x f32>, !cce.buffer<tokens x hidden x f32> -> !cce.tile<vocab x tokens x f32>
      %t = cce.load %w[%v, %i] : !cce.buffer<vocab x tokens x f32>
      %y = cce.map %x, %t : !cce.tile<vocab x tokens x f32>, !cce.tile<vocab x tokens x f32> -> !cce.tile<vocab x tokens x f32> {
      ^bb0(%a: f32, %b: f32):
        %p = arith.mulf %a, %b : f32
        cce.yield %p : f32
      }
      %more = cce.accumulate %some, %y : !cce.tile<tokens x f32>, !cce.tile<vocab x tokens x f32>
      cce.yield %more : !cce.tile<tokens x f32>
    }
    cce.store %all, %sums[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
})",
                              "k");
  Problem p(Type::F32, {150, 301, 290}, identity, 16);
  for (int64_t i = 0; i < p.n; ++i)
    p.rows.set(i, 0, i); // the kernel has no list
  std::mt19937 generator(17);
  Matrix w = Matrix(Type::F32, p.v, p.n).random(generator, 1.0);
  Matrix sums = line(Type::F32, p.padded());
  Call call{{{"e", &p.e}, {"c", &p.c}, {"w", &w}, {"sums", &sums}},
            {},
            {{"tokens", p.n}, {"vocab", p.v}, {"hidden", p.d}},
            {}};
  run(kernel, call);
  std::vector<double> want(size_t(p.padded()));
  for (int64_t i = 0; i < p.n; ++i)
    for (int64_t j = 0; j < p.v; ++j)
      want[size_t(i)] += p.products()[size_t(i * p.v + j)] * w.get(j, i);
  double error = 0, norm = 0;
  for (int64_t i = 0; i < p.padded(); ++i) {
    error += std::pow(sums.get(i) - want[size_t(i)], 2);
    norm += std::pow(want[size_t(i)], 2);
  }
  EXPECT_LE(std::sqrt(error), 2e-6 * std::sqrt(norm));
  EXPECT_TRUE(sums.marginsIntact());
}

TEST(CpuStructures, LogSumExpOfLoadedLogits) {
  Kernel kernel = compileText(R"(
cce.kernel @k(%z: !cce.buffer<vocab x tokens x f32>, %out: !cce.buffer<tokens x !cce.lse>) {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %t = cce.load %z[%v, %i] : !cce.buffer<vocab x tokens x f32>
      %more = cce.lse_update %some, %t : !cce.tile<tokens x !cce.lse>, !cce.tile<vocab x tokens x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
})",
                              "k");
  constexpr int64_t n = 77, v = 600, padded = 128;
  std::mt19937 generator(18);
  Matrix z = Matrix(Type::F32, v, n).random(generator, 20.0);
  Matrix states(Type::F32, 2 * padded, 1, 1, 1);
  states.strides[0] = 1; // in states
  Call call{{{"z", &z}, {"out", &states}}, {}, {{"tokens", n}, {"vocab", v}}, {}};
  run(kernel, call);
  for (int64_t i = 0; i < n; ++i) {
    double top = -infinity, sum = 0;
    for (int64_t j = 0; j < v; ++j)
      top = std::max(top, z.get(j, i));
    for (int64_t j = 0; j < v; ++j)
      sum += std::exp(z.get(j, i) - top);
    EXPECT_NEAR((states.get(2 * i) + std::log2(states.get(2 * i + 1))) / log2e, top + std::log(sum),
                1e-5);
  }
}

/// Lists on both sides of a line, and on the vector axis of a plane.
TEST(CpuStructures, GatheredLinesAndColumns) {
  Kernel lines = compileText(R"(
cce.kernel @k(%x: !cce.buffer<positions x f32>, %rows: !cce.buffer<tokens x i32>,
              %y: !cce.buffer<positions x f16>) {
  %from = cce.gather %x[%rows] : !cce.buffer<positions x f32>, !cce.buffer<tokens x i32>
  %to = cce.gather %y[%rows] : !cce.buffer<positions x f16>, !cce.buffer<tokens x i32>
  cce.parallel %i over tokens {
    %t = cce.load %from[%i] : !cce.buffer<tokens x f32>
    cce.store %t, %to[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f16>
  }
})",
                             "k");
  Kernel columns = compileText(R"(
cce.kernel @k(%x: !cce.buffer<hidden x tokens x f32>, %rows: !cce.buffer<tokens x i32>,
              %y: !cce.buffer<positions x hidden x bf16>) {
  %to = cce.gather %y[%rows] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<tokens x i32>
  cce.parallel %d, %i over hidden, tokens {
    %t = cce.load %x[%d, %i] : !cce.buffer<hidden x tokens x f32>
    %r = cce.map %t : !cce.tile<hidden x tokens x f32> -> !cce.tile<tokens x hidden x f32> {
    ^bb0(%a: f32):
      %p = arith.addf %a, %a : f32
      cce.yield %p : f32
    }
    cce.store %r, %to[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x bf16>
  }
})",
                               "k");
  constexpr int64_t n = 90, positions = 200, d = 130;
  Matrix x = line(Type::F32, positions, 2), y = line(Type::F16, positions, 3);
  Matrix rows = line(Type::I32, 128);
  x.fill([](int64_t i, int64_t) { return double(i); });
  y.fill([](int64_t, int64_t) { return -1; });
  rows.fill([](int64_t i, int64_t) { return i < n && i % 5 ? positions - 1 - 2 * i : -1; });
  Call call{{{"x", &x}, {"rows", &rows}, {"y", &y}}, {}, {{"tokens", n}}, {}};
  run(lines, call);
  Matrix x2(Type::F32, d, n), y2(Type::BF16, positions, d);
  x2.fill([](int64_t k, int64_t i) { return double((k * 7 + i) % 100); });
  y2.fill([](int64_t, int64_t) { return -1; });
  Call call2{{{"x", &x2}, {"rows", &rows}, {"y", &y2}}, {}, {{"tokens", n}, {"hidden", d}}, {}};
  run(columns, call2);
  std::vector<int64_t> token(positions, -1);
  for (int64_t i = 0; i < n; ++i)
    if (rows.get(i) >= 0)
      token[size_t(rows.get(i))] = i;
  for (int64_t i = 0; i < positions; ++i) {
    EXPECT_EQ(y.get(i), token[size_t(i)] < 0 ? -1 : double(i));
    for (int64_t k = 0; k < d; ++k)
      EXPECT_EQ(y2.get(i, k),
                token[size_t(i)] < 0 ? -1 : 2 * double((k * 7 + token[size_t(i)]) % 100));
  }
  EXPECT_TRUE(y.marginsIntact() && y2.marginsIntact());
}

} // namespace
