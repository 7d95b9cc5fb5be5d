//===- Numbers.h - values in registers of 64 bits ---------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_TEST_EMULATOR_NUMBERS_H
#define CCE_TEST_EMULATOR_NUMBERS_H

#include "runtime/cpu/Float16.h"

#include <cmath>
#include <cstdint>
#include <cstring>

namespace cce::emulator {

template <typename T> T valueOf(uint64_t bits) {
  if constexpr (std::is_same_v<T, bool>) {
    return bits & 1;
  } else {
    T value;
    std::memcpy(&value, &bits, sizeof(T));
    return value;
  }
}

template <typename T> uint64_t bitsOf(T value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  return bits;
}

/// Subnormals are zero where an instruction says ftz.
inline float flushed(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x; }

inline float fromBf16(uint16_t x) { return rt::bf16ToFloat(x); }
inline float fromF16(uint16_t x) { return rt::f16ToFloat(x); }
inline uint16_t toBf16(float x) { return rt::floatToBf16(x); }
inline uint16_t toF16(float x) { return rt::floatToF16(x); }

} // namespace cce::emulator

#endif // CCE_TEST_EMULATOR_NUMBERS_H
