//===- KernelPlan.h - the structure of a kernel, for the CPU ------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// What the lowering must know of a cce.kernel before it writes a loop: which axes span the plane of
// tiles and which way round, what is reduced, where the product's operands come from, how large
// tiles are. Finding out is also where kernels of another structure are refused.
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_CPU_KERNELPLAN_H
#define CCE_COMPILER_CPU_KERNELPLAN_H

#include "dialect/CceOps.h"
#include "llvm/ADT/SetVector.h"
#include <optional>

namespace mlir::cce::cpu {

/// A kernel argument, or the rows of it that a list names.
struct View {
  BlockArgument buffer, list; ///< list is null without cce.gather
  BufferType type;            ///< of the view
};

/// The view that an operand of a load, store or product is; none if it is made in an unknown way.
std::optional<View> viewOf(Value value);

/// An operand of a product: its view, and the axis of the plane that it spans.
struct Operand {
  View view;
  StringAttr axis;
};

/// Sizes of tiles, in elements.
struct TileSizes {
  int64_t group; ///< rows of the plane that share a packed block of B
  int64_t rows;  ///< rows of a packed block of A
  int64_t columns, steps;
  int64_t grain; ///< granularity of begin/end along rows, and of the padding of tokens
};

struct KernelPlan {
  KernelOp kernel;
  ParallelOp parallel;
  ReduceOp reduce;              ///< or null
  Operation *update = nullptr;  ///< cce.accumulate or cce.lse_update at the end of the reduce
  Operation *product = nullptr; ///< cce.matmul or cce.dot, or null

  /// An axis of which no tile has more than one entry at a time (splits), or null.
  StringAttr entryAxis;
  /// The plane of tiles; columns are the vector axis. Without rows the plane is a line.
  StringAttr rowAxis, columnAxis, contractedAxis;
  Operand lhs, rhs; ///< lhs spans the rows of the plane (matmul)

  SmallVector<LoadOp> loads;
  SmallVector<StoreOp> stores;   ///< of the plane; beside a cce.reduce those within it
  SmallVector<StoreOp> finishes; ///< after the reduce, of its result
  SmallVector<PickOp> picks;     ///< of what the update takes in
  SmallVector<LoadHalvesOp> halvesLoads;   ///< of the plane
  SmallVector<StoreHalvesOp> halvesStores; ///< likewise
  /// Kernel arguments that are used, in order.
  llvm::SetVector<BlockArgument> arguments;
  TileSizes tiles;

  bool isMatmul() const { return product && isa<MatmulOp>(product); }
  /// The axis of the reduce's state, or null.
  StringAttr stateAxis();
  bool isParallel(StringAttr axis);
};

/// Reads a kernel; on failure a diagnostic names the op that does not fit.
FailureOr<KernelPlan> planKernel(KernelOp kernel);

} // namespace mlir::cce::cpu

#endif // CCE_COMPILER_CPU_KERNELPLAN_H
