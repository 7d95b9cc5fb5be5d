//===- Bindings.h - values for the arguments of a kernel --------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A launch names everything that a kernel of this name could want; the manifest picks what this
// kernel does want, in its order. Fixed capacity: launching never allocates.
//
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_KERNELS_BINDINGS_H
#define CCE_RUNTIME_KERNELS_BINDINGS_H

#include "runtime/kernels/KernelRequest.h"
#include "runtime/kernels/Manifest.h"
#include "runtime/support/Status.h"

#include <array>
#include <span>
#include <string_view>

namespace cce::rt {

/// A buffer in memory; strides and sizes in elements. Rank 1 uses index 0 only.
struct BufferBinding {
  void *base = nullptr;
  cce_dtype dtype = CCE_DTYPE_NONE;
  int rank = 0;
  std::array<int64_t, 2> sizes = {0, 0};
  std::array<int64_t, 2> strides = {0, 0};
};

class Bindings {
public:
  /// Names must outlive the Bindings; they are string literals everywhere.
  Bindings &scalarBuffer(std::string_view name, const void *base, cce_dtype dtype);
  Bindings &vector(std::string_view name, const void *base, cce_dtype dtype, int64_t size);
  Bindings &matrix(std::string_view name, const void *base, cce_dtype dtype, int64_t rows,
                   int64_t columns, int64_t rowStride, int64_t columnStride = 1);
  Bindings &extent(std::string_view axis, int64_t size);
  /// Address of an i32 in device memory that holds the size.
  Bindings &extentPointer(std::string_view axis, const void *address);
  Bindings &origin(std::string_view axis, int64_t index);
  Bindings &scalar(std::string_view name, int64_t value);
  Bindings &scalar(std::string_view name, float value);

  const BufferBinding *findBuffer(std::string_view name) const;
  const int64_t *findExtent(std::string_view axis) const;
  /// An integer scalar.
  const int64_t *findInteger(std::string_view name) const;

  /// The value of a Pointer, Stride, Extent, ExtentPointer, Origin or Scalar argument as 64 bits:
  /// integers sign-extended, f32 in the low half. Other kinds and names without a value are
  /// CCE_INTERNAL: the compiler and the planner disagree.
  Expected<uint64_t> value(const ManifestArgument &argument) const;

private:
  struct NamedValue {
    std::string_view name;
    ArgumentKind kind = ArgumentKind::Extent;
    bool isFloat = false;
    int64_t integer = 0;
    float real = 0;
  };
  struct NamedBuffer {
    std::string_view name;
    BufferBinding buffer;
  };

  const NamedValue *find(ArgumentKind kind, std::string_view name) const;
  Bindings &add(const NamedValue &value);

  std::array<NamedBuffer, 20> buffers;
  std::array<NamedValue, 24> values;
  size_t bufferCount = 0;
  size_t valueCount = 0;
  /// Set when a fixed capacity was exceeded: a fault of the planner, reported by value().
  bool overflow = false;
};

/// More arguments than any kernel has; checked when a kernel is loaded.
constexpr size_t maxArguments = 48;

/// Fills one slot per argument; Begin, End and Scratch, which differ by task, are set to 0.
Status fillCpuSlots(const Manifest &manifest, const Bindings &bindings, std::span<uint64_t> slots);

} // namespace cce::rt

#endif // CCE_RUNTIME_KERNELS_BINDINGS_H
