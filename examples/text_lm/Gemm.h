//===- Gemm.h - matrix product on all cores -------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#pragma once

#include <cstdint>

namespace text_lm {

/// A row-major factor of a product, contiguous as stored, used transposed or as it is.
struct Factor {
  const float *data;
  bool transposed;
};

/// c = alpha * a b + beta * c, with a: m x k, b: k x n and c: m x n (row-major).
void gemm(int64_t m, int64_t n, int64_t k, float alpha, Factor a, Factor b, float beta, float *c);

} // namespace text_lm
