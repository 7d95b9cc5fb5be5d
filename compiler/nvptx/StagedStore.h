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
  /// Shared memory of a warp: a panel of 64 columns of 16 bits.
  static constexpr int64_t bytes = rows * 128;

  StagedStore(PtxBuilder &builder, Value staging, Value lane);
  /// The same at any place of the consumers' code: nothing that it uses is kept from one tile to the next,
  /// because beside the accumulators of a product there are no registers for it. `area`: of the warps that
  /// store, `firstWarp` of the block and its successors.
  static StagedStore inLoop(PtxBuilder &b, Value area, int64_t firstWarp);

  /// The i-th row that this lane stores.
  Value rowOfLane(int i) { return b.add(b.shr(lane, 3), 4 * i); }

  /// Two 16-bit elements of the thread's half and group, in 32 bits of any type.
  using PairAt = llvm::function_ref<Value(int half, int group)>;

  /// Asks for the pairs of a panel right before it is written. addresses[i]: of the tile's first column in
  /// this lane's i-th row, on 16 bytes; exists[i]: null, or whether there is such a row.
  void store(PairAt pairAt, int groups, ArrayRef<Value> addresses, ArrayRef<Value> exists);

private:
  PtxBuilder &b;
  Value staging, lane;
};

} // namespace mlir::cce

#endif // CCE_COMPILER_NVPTX_STAGEDSTORE_H
