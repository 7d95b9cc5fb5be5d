//===- cpu_gradients_test.cpp - the CPU target, extremes of gradients ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// Gradients at the ends of what offsets, extents and exponents may be, and sums of which 20 or 24 bits
// are kept in two parts.
//===----------------------------------------------------------------------===//
#include "test/unit/CpuKernelHarness.h"

using namespace cce_test;

namespace {

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

// Lower halves of 4 and of 8 bits: numbers are cut, and the missing bits repeat those that are kept.

void checkKept(int bits, const std::vector<std::pair<uint32_t, uint32_t>> &cases) {
  std::string text = R"(
cce.kernel @keep(%x: !cce.buffer<vocab x hidden x f32>, %upper: !cce.buffer<vocab x hidden x bf16>,
                 %lower: !cce.buffer<vocab x hidden x LOWER>) {
  cce.parallel %v, %d over vocab, hidden {
    %t = cce.load %x[%v, %d] : !cce.buffer<vocab x hidden x f32>
    cce.store_halves %t, %upper, %lower[%v, %d] : !cce.tile<vocab x hidden x f32>, !cce.buffer<vocab x hidden x bf16>, !cce.buffer<vocab x hidden x LOWER>
  }
}
cce.kernel @widen(%x: !cce.buffer<vocab x hidden x f32>, %upper: !cce.buffer<vocab x hidden x bf16>,
                  %lower: !cce.buffer<vocab x hidden x LOWER>) {
  cce.parallel %v, %d over vocab, hidden {
    %t = cce.load_halves %upper, %lower[%v, %d] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<vocab x hidden x LOWER>
    cce.store %t, %x[%v, %d] : !cce.tile<vocab x hidden x f32>, !cce.buffer<vocab x hidden x f32>
  }
})";
  for (size_t at; (at = text.find("LOWER")) != std::string::npos;)
    text.replace(at, 5, "i" + std::to_string(bits));
  const int64_t n = int64_t(cases.size());
  Matrix x(Type::F32, 1, n + 2), upper(Type::BF16, 1, n + 2), lower(Type::BF16, 1, n + 2);
  auto fill = [&](int64_t i, uint32_t word) { std::memcpy(x.at(0, i), &word, 4); };
  for (int64_t i = 0; i < n; ++i)
    fill(i, cases[size_t(i)].first);
  // The NaN that GPUs make, and a negative one.
  fill(n, 0x7FFFFFFF), fill(n + 1, 0xFFC00000);
  Call call{{{"x", &x}, {"upper", &upper}, {"lower", &lower}},
            {},
            {{"vocab", 1}, {"hidden", n + 2}},
            {}};
  Kernel keep = compileText(text, "keep"), widen = compileText(text, "widen");
  run(keep, call);
  for (int64_t i = 0; i < n + 2; ++i)
    fill(i, 0x12345678);
  run(widen, call);
  for (int64_t i = 0; i < n; ++i) {
    uint32_t word;
    std::memcpy(&word, x.at(0, i), 4);
    EXPECT_EQ(word, cases[size_t(i)].second) << std::hex << cases[size_t(i)].first;
    const float got = float(joined(upper, lower, 0, 0, i, bits));
    EXPECT_EQ(std::memcmp(&got, &word, 4), 0) << i;
  }
  for (int64_t i = n; i < n + 2; ++i)
    EXPECT_TRUE(std::isnan(x.get(0, i))) << i;
}

TEST(CpuHalves, KeepTwentyBits) {
  checkKept(4, {{0x3F800000, 0x3F800000}, {0x3F800FFF, 0x3F800000}, {0x3F801000, 0x3F801111},
                {0x3F80F7FF, 0x3F80FFFF}, {0xBF80A800, 0xBF80AAAA}, {0x3FFFFFFF, 0x3FFFFFFF},
                {0x7F7FFFFF, 0x7F7FFFFF}, {0x7F800000, 0x7F800000}, {0xFF800000, 0xFF800000},
                {0x00000000, 0x00000000}, {0x80000000, 0x80000000}, {0x00000801, 0x00000000}});
}

TEST(CpuHalves, KeepTwentyFourBits) {
  checkKept(8, {{0x3F800000, 0x3F800000}, {0x3F8000FF, 0x3F800000}, {0x3F800100, 0x3F800101},
                {0x3F80A5C3, 0x3F80A5A5}, {0xBF80FF80, 0xBF80FFFF}, {0x7F7FFFFF, 0x7F7FFFFF},
                {0x7F800000, 0x7F800000}, {0xFF800000, 0xFF800000}, {0x00000000, 0x00000000},
                {0x80000000, 0x80000000}, {0x00000081, 0x00000000}});
}

// As many chunks of the vocabulary as large heads have, of sums that grow: every chunk cuts off 2^-15 of the sum so far at most, and puts as
// much back on the average: 3.8e-5 in all. Without that they would be off by 2.7e-4, without lower halves by 7e-2.

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

} // namespace
