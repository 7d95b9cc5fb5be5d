//===- TensorMap.h - what the emulated driver puts into a CUtensorMap -*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_TEST_EMULATOR_TENSORMAP_H
#define CCE_TEST_EMULATOR_TENSORMAP_H

#include <cstdint>

namespace cce::emulator {

/// Boxes of a row-major matrix.
struct TensorBox {
  static constexpr uint64_t expectedMagic = 0x6363655f626f7821;
  uint64_t magic = expectedMagic;
  const uint8_t *base = nullptr;
  uint64_t rows = 0, columns = 0;
  uint64_t rowStride = 0; ///< in bytes
  uint64_t boxRows = 0, boxColumns = 0;
  uint64_t elementBytes = 2;
  bool isSwizzled = false; ///< by 128 bytes
};
static_assert(sizeof(TensorBox) <= 128);

} // namespace cce::emulator

#endif // CCE_TEST_EMULATOR_TENSORMAP_H
