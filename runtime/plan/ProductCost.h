//===- ProductCost.h - what a product on a GPU may cost ---------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_PLAN_PRODUCTCOST_H
#define CCE_RUNTIME_PLAN_PRODUCTCOST_H

#include <cstdint>

namespace cce::rt {

/// Between two kernels that follow each other on a stream.
constexpr double launchSeconds = 3e-6;

/// A part of a product's result that one multiprocessor computes at a time.
struct ProductTile {
  int64_t rows = 1;
  int64_t columns = 1;
  /// So many multiprocessors take tiles of neighbouring rows together.
  int64_t cluster = 1;

  /// How often every multiprocessor gets a tile of a result of this size; in the last round most of
  /// them may have none.
  int64_t rounds(int64_t resultRows, int64_t resultColumns, int64_t multiprocessors) const;

  /// Estimated seconds of a product with sums over `depth`. Good for comparisons: clocks go down
  /// under load, and come back after a pause.
  double seconds(int64_t resultRows, int64_t resultColumns, int64_t depth,
                 int64_t multiprocessors) const;
};

/// Estimated seconds that it takes to read the f32 sums of a matrix and to write them again, as far
/// as the kernel that does so is not busy with its product anyway.
double sumSeconds(int64_t rows, int64_t columns);

} // namespace cce::rt

#endif // CCE_RUNTIME_PLAN_PRODUCTCOST_H
