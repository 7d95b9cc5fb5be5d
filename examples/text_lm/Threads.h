//===- Threads.h - a loop over all cores, and the buffers it works on ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <vector>

namespace text_lm {

/// Calls `body(begin, end)` for disjoint ranges that cover [0, count), one per core, and
/// waits. The ranges depend only on `count` and on the number of cores, so that results
/// repeat. Not to be nested.
void parallelFor(int64_t count, const std::function<void(int64_t, int64_t)> &body);

/// Threads that parallelFor uses, the caller's included.
int threadCount();

/// Cache-line alignment: vector loads then never straddle two lines.
template <typename T> struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <typename U> AlignedAllocator(const AlignedAllocator<U> &) {}
  T *allocate(size_t n) {
    return static_cast<T *>(::operator new(n * sizeof(T), std::align_val_t(64)));
  }
  void deallocate(T *p, size_t) { ::operator delete(p, std::align_val_t(64)); }
  bool operator==(const AlignedAllocator &) const = default;
};

using Floats = std::vector<float, AlignedAllocator<float>>;

} // namespace text_lm
