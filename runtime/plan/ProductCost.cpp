//===- ProductCost.cpp - what a product on a GPU may cost -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/plan/ProductCost.h"

#include <algorithm>

namespace cce::rt {

// Measured on an H100 SXM, bf16 (docs/performance.md). Other GPUs have other numbers, but of a similar
// ratio, which is what decisions depend on.

/// 700 TFLOP/s of 132 multiprocessors, under the load that has brought the clock down.
static constexpr double flopsPerSecond = 5.3e12;
/// What a tile takes beside its product: the first stages and the element-wise part, as far as the other
/// consumer's product does not hide it. Of logit_grad at widths of 768, 2304 and 4096.
static constexpr double tileSeconds = 2e-6;
/// Narrower tiles read more for each operation: 192 columns were 1.01 to 1.05 of their part of 256.
static constexpr int64_t fullColumns = 256;
static constexpr double narrowFactor = 1.05;
/// Memory, reads and writes together, and the part of the traffic that products do not hide.
static constexpr double bytesPerSecond = 2.5e12;
static constexpr double exposedTraffic = 0.5;

static int64_t divideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t ProductTile::rounds(int64_t resultRows, int64_t resultColumns,
                            int64_t multiprocessors) const {
  const int64_t groups = divideUp(divideUp(resultRows, rows), cluster);
  return divideUp(groups * divideUp(resultColumns, columns),
                  std::max<int64_t>(multiprocessors / cluster, 1));
}

double ProductTile::seconds(int64_t resultRows, int64_t resultColumns, int64_t depth,
                            int64_t multiprocessors) const {
  const double product = 2.0 * double(rows * columns) * double(depth) / flopsPerSecond;
  return double(rounds(resultRows, resultColumns, multiprocessors)) *
         (product * (columns < fullColumns ? narrowFactor : 1) + tileSeconds);
}

double sumSeconds(int64_t rows, int64_t columns) {
  return 2.0 * sizeof(float) * double(rows) * double(columns) / bytesPerSecond * exposedTraffic;
}

} // namespace cce::rt
