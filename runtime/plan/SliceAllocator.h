//===- SliceAllocator.h - where the slices of a workspace lie ---*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_PLAN_SLICEALLOCATOR_H
#define CCE_RUNTIME_PLAN_SLICEALLOCATOR_H

#include "runtime/plan/Layout.h"
#include "runtime/plan/Rounding.h"

#include <algorithm>
#include <initializer_list>

namespace cce::rt {

/// Hands out slices one after the other.
class SliceAllocator {
public:
  explicit SliceAllocator(int64_t start = 0) : end(start) {}

  /// The size is the product of the factors.
  Slice take(std::initializer_list<int64_t> factors) { return takeBytes(product(factors)); }
  /// The larger of two sizes.
  Slice takeEither(std::initializer_list<int64_t> one, std::initializer_list<int64_t> other) {
    return takeBytes(std::max(product(one), product(other)));
  }
  int64_t end;

private:
  static constexpr int64_t alignment = 256;
  /// More than any memory; sizes that would be larger stay here instead of overflowing.
  static constexpr int64_t enormous = int64_t(1) << 60;

  static int64_t product(std::initializer_list<int64_t> factors) {
    int64_t bytes = 1;
    for (int64_t factor : factors)
      if (__builtin_mul_overflow(bytes, factor, &bytes) || bytes > enormous)
        bytes = enormous;
    return bytes;
  }
  Slice takeBytes(int64_t bytes) {
    Slice slice{end, bytes};
    end = std::min(end + roundUp(bytes, alignment), enormous);
    return slice;
  }
};

} // namespace cce::rt

#endif // CCE_RUNTIME_PLAN_SLICEALLOCATOR_H
