//===- CpuKernelHarness.h - compiles, calls and doubts CPU kernels -*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// What tests of the CPU target need: matrices of any element type and strides that notice writes
// beside them, kernels compiled and called as the runtime does, a problem with its answers in
// double, and how far from them a kernel's may be.
//===----------------------------------------------------------------------===//
#ifndef CCE_TEST_UNIT_CPUKERNELHARNESS_H
#define CCE_TEST_UNIT_CPUKERNELHARNESS_H

#include "compiler/Compiler.h"
#include "compiler/KernelSources.h"
#include "compiler/cpu/CompileForCpu.h"
#include "compiler/cpu/CpuLoader.h"
#include "compiler/pipelines/Pipelines.h"
#include "compiler/pipelines/Registration.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/JSON.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <random>
#include <sys/mman.h>
#include <vector>

namespace cce_test {

using mlir::cce::CompileRequest;
using mlir::cce::CompileResult;
using mlir::cce::CpuModule;

inline constexpr double infinity = std::numeric_limits<double>::infinity();
inline constexpr double log2e = 1.4426950408889634;

//===----------------------------------------------------------------------===//
// Elements and matrices
//===----------------------------------------------------------------------===//

enum class Type { F32, BF16, F16, I32 };

inline std::string nameOf(Type type) {
  return type == Type::F32    ? "f32"
         : type == Type::BF16 ? "bf16"
         : type == Type::F16  ? "f16"
                              : "i32";
}
inline double gradientBound(Type type) {
  return type == Type::BF16 ? 3e-3 : type == Type::F16 ? 4e-4 : 2e-6;
}

inline uint16_t toBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
inline float fromBf16(uint16_t half) {
  uint32_t bits = uint32_t(half) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

/// Memory that ends where a page begins that can not be touched.
template <typename T> struct GuardedAllocator {
  using value_type = T;
  GuardedAllocator() = default;
  template <typename U> GuardedAllocator(const GuardedAllocator<U> &) {}
  static size_t pages(size_t bytes) { return (bytes + 4095) / 4096 * 4096; }
  T *allocate(size_t n) {
    size_t bytes = n * sizeof(T), whole = pages(bytes);
    void *memory =
        mmap(nullptr, whole + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(static_cast<char *>(memory) + whole, 4096, PROT_NONE))
      abort();
    return reinterpret_cast<T *>(static_cast<char *>(memory) + whole - bytes);
  }
  void deallocate(T *p, size_t n) {
    size_t bytes = n * sizeof(T), whole = pages(bytes);
    munmap(reinterpret_cast<char *>(p) + bytes - whole, whole + 4096);
  }
  bool operator==(const GuardedAllocator &) const { return true; }
};

/// One or two dimensions with any strides, and a margin around that must stay as it is.
class Matrix {
public:
  Matrix() = default;
  Matrix(Type type, int64_t rows, int64_t columns, int64_t rowStride = 0, int64_t columnStride = 1)
      : type(type), rows(rows), columns(columns), strides{rowStride, columnStride} {
    if (!rowStride)
      strides[0] = columnStride == 1 ? columns + 3 : 1;
    int64_t last = std::max<int64_t>(rows - 1, 0) * strides[0] +
                   std::max<int64_t>(columns - 1, 0) * strides[1];
    memory.assign(size_t(rows * columns ? last + 1 + 2 * margin : 2 * margin + 1) * bytes(),
                  char(0x5a));
  }

  /// Elements; without a margin the memory ends at a guarded page.
  static inline int64_t margin = 32;
  size_t bytes() const { return type == Type::F32 || type == Type::I32 ? 4 : 2; }
  char *data() { return foreign ? foreign : memory.data() + margin * int64_t(bytes()); }
  char *at(int64_t i, int64_t j) {
    return data() + (i * strides[0] + j * strides[1]) * int64_t(bytes());
  }
  double get(int64_t i, int64_t j = 0) const {
    const char *p = const_cast<Matrix *>(this)->at(i, j);
    if (type == Type::F32)
      return *reinterpret_cast<const float *>(p);
    if (type == Type::I32)
      return *reinterpret_cast<const int32_t *>(p);
    if (type == Type::BF16)
      return fromBf16(*reinterpret_cast<const uint16_t *>(p));
    return double(*reinterpret_cast<const _Float16 *>(p));
  }
  void set(int64_t i, int64_t j, double value) {
    char *p = at(i, j);
    if (type == Type::F32)
      *reinterpret_cast<float *>(p) = float(value);
    else if (type == Type::I32)
      *reinterpret_cast<int32_t *>(p) = int32_t(value);
    else if (type == Type::BF16)
      *reinterpret_cast<uint16_t *>(p) = toBf16(float(value));
    else
      *reinterpret_cast<_Float16 *>(p) = _Float16(value);
  }
  Matrix &fill(const std::function<double(int64_t, int64_t)> &value) {
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        set(i, j, value(i, j));
    return *this;
  }
  Matrix &random(std::mt19937 &generator, double scale) {
    std::normal_distribution<double> normal(0, scale);
    return fill([&](int64_t, int64_t) { return normal(generator); });
  }
  bool marginsIntact() const {
    size_t width = size_t(margin) * bytes();
    for (size_t i = 0; i < width; ++i)
      if (memory[i] != 0x5a || memory[memory.size() - 1 - i] != 0x5a)
        return false;
    return true;
  }

  Type type = Type::F32;
  int64_t rows = 0, columns = 0, strides[2] = {0, 0};
  std::vector<char, GuardedAllocator<char>> memory;
  char *foreign = nullptr; ///< instead of `memory`
};

inline Matrix line(Type type, int64_t size, int64_t stride = 1) {
  return Matrix(type, size, 1, stride, 1);
}

//===----------------------------------------------------------------------===//
// Running a kernel
//===----------------------------------------------------------------------===//

struct Kernel {
  llvm::json::Object manifest;
  std::unique_ptr<CpuModule> module;
};

inline Kernel compile(const CompileRequest &request) {
  CompileResult result = mlir::cce::compileKernel(request);
  EXPECT_TRUE(result.ok) << result.error;
  if (!result.ok)
    return {};
  Kernel kernel;
  auto manifest = llvm::json::parse(result.kernel.manifest);
  if (!manifest) {
    ADD_FAILURE() << llvm::toString(manifest.takeError());
    return {};
  }
  kernel.manifest = std::move(*manifest->getAsObject());
  std::string error;
  kernel.module = CpuModule::load(result.kernel.code, request.kernel, error);
  EXPECT_TRUE(kernel.module) << error;
  return kernel;
}

/// A kernel of the given text, for the given processor.
inline Kernel compileText(const std::string &text, const std::string &name,
                          const mlir::cce::HostCpu &cpu = mlir::cce::hostCpu(),
                          const std::string &operand = "f32", const std::string &transform = "") {
  mlir::DialectRegistry registry;
  mlir::cce::registerDialects(registry);
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  mlir::PassManager manager(&context);
  mlir::cce::buildPreparePipeline(manager, {name, operand, transform, ""});
  std::string object, manifest, error;
  bool compiled = module && mlir::succeeded(manager.run(*module)) &&
                  mlir::succeeded(mlir::cce::compileForCpu(*module, object, manifest, cpu));
  EXPECT_TRUE(compiled);
  Kernel kernel;
  if (!compiled)
    return kernel;
  kernel.manifest = std::move(*llvm::cantFail(llvm::json::parse(manifest)).getAsObject());
  kernel.module = CpuModule::load(object, name, error);
  EXPECT_TRUE(kernel.module) << error;
  return kernel;
}

/// The kernel for a processor with AVX2 and no more, which every machine with AVX-512 is, too.
inline Kernel compileForAvx2(const std::string &name, const std::string &operand,
                             const std::string &transform = "") {
  std::string text = transform;
  for (const mlir::cce::KernelSource &source : mlir::cce::kernelSources())
    if (source.name == name + ".mlir" || source.name == "transforms.mlir")
      text += std::string(source.text);
  return compileText(text, name, {"haswell", "+avx2,+fma,+f16c", 256, "AVX2"}, operand,
                     transform.empty() ? "identity" : "mine");
}

/// Kernels by request, so that every test does not compile them again.
inline Kernel &kernelFor(const std::string &name, Type type,
                         const std::string &transform = "identity") {
  static std::map<std::string, Kernel> known;
  std::string key = name + "/" + nameOf(type) + "/" + transform;
  auto found = known.find(key);
  if (found == known.end())
    found = known.emplace(key, compile({name, "cpu", nameOf(type), transform, {}})).first;
  return found->second;
}

struct Call {
  std::map<std::string, Matrix *> buffers;
  std::map<std::string, double> scalars;
  std::map<std::string, int64_t> extents, origins;
  int64_t tasks = 3; ///< about so many ranges per parallel axis
};

inline void run(Kernel &kernel, const Call &call) {
  ASSERT_TRUE(kernel.module);
  const llvm::json::Array &arguments = *kernel.manifest.getArray("arguments");
  const llvm::json::Object &tiles = *kernel.manifest.getObject("tiles");
  std::vector<uint64_t> slots(arguments.size());
  struct Axis {
    std::string name;
    int64_t extent, length;
    size_t begin = 0, end = 0;
  };
  std::vector<Axis> axes;
  std::vector<char> scratch(size_t(*kernel.manifest.getInteger("scratch_bytes")) + 64);
  auto axisNamed = [&](const std::string &name) -> Axis & {
    for (Axis &axis : axes)
      if (axis.name == name)
        return axis;
    int64_t extent = call.extents.at(name), tile = *tiles.getInteger(name);
    int64_t count = (extent + tile - 1) / tile;
    axes.push_back(
        {name, extent, std::max<int64_t>((count + call.tasks - 1) / call.tasks, 1) * tile});
    return axes.back();
  };
  for (size_t i = 0; i < arguments.size(); ++i) {
    const llvm::json::Object &argument = *arguments[i].getAsObject();
    std::string kind = argument.getString("kind")->str();
    std::string axis = argument.getString("axis").value_or("").str();
    std::string buffer = argument.getString("buffer").value_or("").str();
    if (kind == "pointer") {
      slots[i] = uint64_t(call.buffers.at(buffer)->data());
    } else if (kind == "stride") {
      Matrix &matrix = *call.buffers.at(buffer);
      slots[i] = uint64_t(matrix.strides[*argument.getInteger("dimension")]);
    } else if (kind == "extent") {
      slots[i] = uint64_t(call.extents.at(axis));
    } else if (kind == "origin") {
      slots[i] = uint64_t(call.origins.at(axis));
    } else if (kind == "scalar") {
      float value = float(call.scalars.at(buffer));
      int32_t integer = int32_t(call.scalars.at(buffer));
      std::memcpy(&slots[i], argument.getString("type") == "f32" ? (void *)&value : &integer, 4);
    } else if (kind == "begin") {
      axisNamed(axis).begin = i;
    } else if (kind == "end") {
      axisNamed(axis).end = i;
    } else if (kind == "scratch") {
      slots[i] = (uint64_t(scratch.data()) + 63) / 64 * 64;
    } else {
      FAIL() << "argument of kind " << kind;
    }
  }
  // Last range first: the order must not matter.
  std::function<void(size_t)> cut = [&](size_t index) {
    if (index == axes.size())
      return kernel.module->entry()(slots.data());
    const Axis &axis = axes[index];
    int64_t ranges = (axis.extent + axis.length - 1) / axis.length;
    for (int64_t r = ranges; r-- > 0;) {
      slots[axis.begin] = uint64_t(r * axis.length);
      slots[axis.end] = uint64_t(std::min((r + 1) * axis.length, axis.extent));
      cut(index + 1);
    }
  };
  cut(0);
}

//===----------------------------------------------------------------------===//
// A problem and its reference
//===----------------------------------------------------------------------===//

/// The functions of x, bias and param that the tests use, with derivatives.
struct Transform {
  std::string text;
  std::function<double(double, double, double)> value, slope;
};

inline const Transform identity{"identity", [](double x, double, double) { return x; },
                                [](double, double, double) { return 1.0; }};
inline const Transform biased{"bias", [](double x, double b, double) { return x + b; },
                              [](double, double, double) { return 1.0; }};
inline const Transform softcap{
    "bias_softcap", [](double x, double b, double s) { return s * std::tanh((x + b) / s); },
    [](double x, double b, double s) {
      double t = std::tanh((x + b) / s);
      return 1 - t * t;
    }};
/// A user's: log1p(exp(x)) * 2 + erf(bias) / param, with functions that no vector code is made for.
inline const Transform user{
    R"(
cce.transform @mine(%x: f32, %bias: f32, %param: f32) -> f32 {
  %one = arith.constant 1.0 : f32
  %two = arith.constant 2.0 : f32
  %e = math.exp %x : f32
  %s = arith.addf %e, %one : f32
  %l = math.log %s : f32
  %m = arith.mulf %l, %two : f32
  %f = math.erf %bias : f32
  %q = arith.divf %f, %param : f32
  %z = arith.addf %m, %q : f32
  cce.yield %z : f32
})",
    [](double x, double b, double s) { return 2 * std::log1p(std::exp(x)) + std::erf(b) / s; },
    [](double x, double, double) { return 2 / (1 + std::exp(-x)); }};

struct Sizes {
  int64_t n, v, d;
};

struct Problem {
  Problem(Type type, Sizes sizes, const Transform &transform, unsigned seed = 1,
          bool turned = false)
      : type(type), n(sizes.n), v(sizes.v), d(sizes.d), transform(transform) {
    std::mt19937 generator(seed);
    positions = n + n / 3 + 2;
    double scale = 2.0 / std::sqrt(std::sqrt(double(d)));
    auto matrix = [&](int64_t rows, int64_t columns) {
      return turned ? Matrix(type, rows, columns, 1, rows + 5) : Matrix(type, rows, columns);
    };
    e = matrix(positions, d).random(generator, scale);
    c = matrix(v, d).random(generator, scale);
    bias = line(Type::F32, v, 2).random(generator, 1.0);
    // Every padded entry of the lists is -1.
    rows =
        line(Type::I32, padded()).fill([&](int64_t i, int64_t) { return i < n ? i + i / 3 : -1; });
    labels = line(Type::I32, padded()).fill([&](int64_t i, int64_t) {
      return i < n ? double(generator() % uint64_t(v)) : -1;
    });
  }
  int64_t padded() const { return (n + 63) / 64 * 64; }
  int64_t row(int64_t i) const { return int64_t(rows.get(i)); }

  double dot(int64_t i, int64_t j) const {
    double sum = 0;
    if (row(i) >= 0)
      for (int64_t k = 0; k < d; ++k)
        sum += e.get(row(i), k) * c.get(j, k);
    return sum;
  }
  /// x for all tokens and classes.
  const std::vector<double> &products() {
    if (x.empty()) {
      std::vector<double> left(size_t(n * d)), right(size_t(v * d));
      for (int64_t i = 0; i < n; ++i)
        for (int64_t k = 0; k < d; ++k)
          left[size_t(i * d + k)] = row(i) < 0 ? 0 : e.get(row(i), k);
      for (int64_t j = 0; j < v; ++j)
        for (int64_t k = 0; k < d; ++k)
          right[size_t(j * d + k)] = c.get(j, k);
      x.resize(size_t(n * v));
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < v; ++j) {
          double sum = 0;
          for (int64_t k = 0; k < d; ++k)
            sum += left[size_t(i * d + k)] * right[size_t(j * d + k)];
          x[size_t(i * v + j)] = sum;
        }
    }
    return x;
  }
  double logit(int64_t i, int64_t j) {
    return transform.value(products()[size_t(i * v + j)], bias.get(j), param);
  }
  double lse(int64_t i) {
    double top = -infinity, sum = 0;
    for (int64_t j = 0; j < v; ++j)
      top = std::max(top, logit(i, j));
    if (top == -infinity)
      return top;
    for (int64_t j = 0; j < v; ++j)
      sum += std::exp(logit(i, j) - top);
    return top + std::log(sum);
  }
  /// 2e-6 (1 + |e_i| max |c_j|).
  double bound(int64_t i) {
    double left = 0, right = 0;
    for (int64_t k = 0; k < d; ++k)
      left += row(i) < 0 ? 0 : std::pow(e.get(row(i), k), 2);
    for (int64_t j = 0; j < v; ++j) {
      double norm = 0;
      for (int64_t k = 0; k < d; ++k)
        norm += std::pow(c.get(j, k), 2);
      right = std::max(right, norm);
    }
    return 2e-6 * (1 + std::sqrt(left * right));
  }

  Type type;
  int64_t n, v, d, positions;
  Transform transform;
  double param = 5.0;
  Matrix e, c, bias, rows, labels;
  std::vector<double> x;
};

//===----------------------------------------------------------------------===//
// Comparisons
//===----------------------------------------------------------------------===//

/// Relative Frobenius error of a matrix, and that of each row against 4 times the bound.
inline void expectClose(const Matrix &got, const std::vector<double> &want, double bound) {
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
inline constexpr double untouched = 12345;

/// The logits of labels among the classes [origin, origin + classes), and nothing else.
inline void expectPicked(Problem &p, Matrix &out, int64_t origin, int64_t classes) {
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

inline Matrix nothingPicked(Problem &p, int64_t stride = 1) {
  return line(Type::F32, p.padded(), stride).fill([](int64_t, int64_t) { return untouched; });
}

/// lse_forward over so many splits, which writes states of two f32 each to `partial`.
inline Call forwardCall(Problem &p, Matrix &labelLogit, Matrix &partial, int64_t splits, int64_t tasks) {
  return {{{"e", &p.e},
           {"rows", &p.rows},
           {"c", &p.c},
           {"labels", &p.labels},
           {"bias", &p.bias},
           {"label_logit", &labelLogit},
           {"partial", &partial}},
          {{"param", p.param}},
          {{"tokens", p.n}, {"vocab", p.v}, {"hidden", p.d}, {"splits", splits}},
          {{"vocab", 0}},
          tasks};
}

/// An f32 of which the upper 16 bits lie in one matrix, and 8 or 4 more in another; the missing ones repeat them.
inline double joined(Matrix &upper, Matrix &lower, int64_t upperRow, int64_t row, int64_t column, int bits) {
  uint16_t high;
  std::memcpy(&high, upper.at(upperRow, column), 2);
  const int64_t index = row * lower.strides[0] + column * lower.strides[1];
  const auto byteAt = [&](int64_t place) { return uint32_t(uint8_t(lower.data()[place])); };
  const uint32_t low = bits == 8 ? byteAt(index) * 0x0101 : (byteAt(index / 2) >> (index % 2 * 4) & 15) * 0x1111;
  const uint32_t all = uint32_t(high) << 16 | low;
  float value;
  std::memcpy(&value, &all, 4);
  return value;
}

} // namespace cce_test

#endif // CCE_TEST_UNIT_CPUKERNELHARNESS_H
