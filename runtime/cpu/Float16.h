//===- Float16.h - 16-bit floats on the host --------------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_CPU_FLOAT16_H
#define CCE_RUNTIME_CPU_FLOAT16_H

#include <bit>
#include <cstdint>

namespace cce::rt {

inline float bf16ToFloat(uint16_t bits) { return std::bit_cast<float>(uint32_t(bits) << 16); }

/// Rounds to nearest, ties to even. NaN stays NaN.
inline uint16_t floatToBf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return uint16_t((bits >> 16) | 0x40); // quiet, and not rounded to infinity
  return uint16_t((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

float f16ToFloat(uint16_t bits);
/// Rounds to nearest, ties to even; too large becomes infinity. NaN stays NaN.
uint16_t floatToF16(float value);

} // namespace cce::rt

#endif // CCE_RUNTIME_CPU_FLOAT16_H
