//===- StagedStore.h - whole rows of a fragment through shared memory ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// In the accumulator's layout a warp holds 16 rows, but of each row a thread has only two neighbours:
// stored as they are, 16-bit results would go out in pieces of half a sector. A warp turns its rows in
// 2 KB of shared memory of its own, 64 columns at a time: stmatrix (PTX ISA §9.7.14.5.16) writes 8 x 8
// elements as they lie in the fragment, and 16 bytes a lane come back, 8 lanes a row.
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_NVPTX_STAGEDSTORE_H
#define CCE_COMPILER_NVPTX_STAGEDSTORE_H

#include "compiler/nvptx/PtxBuilder.h"

namespace mlir::cce {

class StagedStore {
public:
  /// Rows of a warp's part of a tile, and how many of them a lane stores.
  static constexpr int64_t rows = 16, rowsPerLane = 4;
  /// Shared memory of a warp: a panel of 64 columns of 16 bits, which are 8 groups of a fragment.
  static constexpr int64_t bytes = rows * 128;
  static constexpr int panelGroups = 8;

  StagedStore(PtxBuilder &builder, Value staging, Value lane);

  /// Starts a panel: where it is in shared memory is computed again, not kept from the last.
  void beginPanel() { here = b.afresh(lane); }
  /// The first row that this lane stores, the others follow at distances of 4; and its first column.
  Value firstRow() { return b.shr(here, 3); }
  Value firstColumn() { return b.mul(b.andi(here, 7), 8); }
  static constexpr int64_t rowDistance = 4;

  /// Stores the panel that starts at the tile's group `first`. pairs[half][group]: two 16-bit elements
  /// each. addresses[i]: of this lane's first column of the tile in its i-th row, on 16 bytes;
  /// exists[i]: null, or whether there is such a row.
  void storePanel(int first, ArrayRef<Value> (&pairs)[2], ArrayRef<Value> addresses,
                  ArrayRef<Value> exists);

private:
  PtxBuilder &b;
  Value staging, lane, here;
};

} // namespace mlir::cce

#endif // CCE_COMPILER_NVPTX_STAGEDSTORE_H
