//===- Reference.h - linear cross-entropy in double -------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_TEST_UNIT_REFERENCE_H
#define CCE_TEST_UNIT_REFERENCE_H

#include "runtime/include/cce/cce.h"

#include <cstdint>
#include <vector>

namespace cce::rt::test {

/// Inputs with their exact values, contiguous, and the results by definition.
struct Reference {
  int64_t tokens = 0, hidden = 0, vocab = 0;
  std::vector<double> e, c, bias; // bias empty: none
  std::vector<int64_t> labels;
  int64_t ignoreIndex = -100, shift = 0, sequence = 0;
  double softcap = 0; // 0: none
  cce_reduction reduction = CCE_REDUCTION_MEAN;
  std::vector<double> dloss, dlse; // empty: ones, zeros

  std::vector<double> loss, lse, de, dc, dbias;

  void compute();
};

} // namespace cce::rt::test

#endif // CCE_TEST_UNIT_REFERENCE_H
