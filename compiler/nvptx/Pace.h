//===- Pace.h - blocks that share what they read stay together -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// Blocks that go through the same rows of C at the same time read them from memory once: the first brings
// them into the L2, the others find them there. Nothing keeps the blocks at the same time, though, and those
// of a long reduction drift apart. So the producers keep pace: at every step a cluster counts itself in,
// with one addition in global memory that it does not wait for, and goes on when all have begun the step
// before. Only how fast a block goes depends on it, never what it computes, and it waits for a limited
// time: a cluster for which the others came too late (they may not be resident) goes on alone. Launches of a
// kernel that overlap, on two streams, share its counters; what they then wait for in vain is some 20 us. If their
// grids differ they may also leave counters that are not zero: launches behind them then wait in vain once or not at all.
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_NVPTX_PACE_H
#define CCE_COMPILER_NVPTX_PACE_H

#include "compiler/nvptx/PtxBuilder.h"

namespace mlir::cce {

class Pace {
public:
  /// Blocks of contraction elements between two steps. Measured on an H100, the forward of Gemma 2 in 4 splits: 13.5 GB
  /// read from memory without a pace, 4.5 with 16 blocks, 3.7 with 8 and with 4 (docs/performance.md).
  static constexpr int64_t blocksPerStep = 8;

  /// Declares the counters of a module. They are zero between two launches.
  static void declare(OpBuilder &builder, Location location);

  /// Of all blocks of the grid, in clusters of so many, `rank` being the block's place in its own (null if it has
  /// one to itself). One thread of a block follows the pace, that for which `isLeader` holds.
  Pace(PtxBuilder &builder, int64_t cluster, Value rank, Value isLeader);

  /// Begins step `number`, the block's own count from 0. Returns the number of the next; a negative one if the
  /// block goes on alone.
  Value begin(Value number);

  /// Behind the last step: nobody waits for this block any more.
  void leave();

private:
  Value counter(int64_t bytes);

  PtxBuilder &b;
  Value clusters, isLeader, isFirst;
};

} // namespace mlir::cce

#endif // CCE_COMPILER_NVPTX_PACE_H
