//===- cpu_compiler_test.cpp - the CPU target, what it compiles ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// How exact the functions are that transforms may call, and what the compiler and the loader refuse.
//===----------------------------------------------------------------------===//
#include "test/unit/CpuKernelHarness.h"

using namespace cce_test;

namespace {

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
