//===- ProductKernel.h - the parts of a kernel around one matrix product -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_NVPTX_PRODUCTKERNEL_H
#define CCE_COMPILER_NVPTX_PRODUCTKERNEL_H

#include "dialect/CceOps.h"

namespace mlir::cce {

/// One operand of a product, seen as (rows of the output tile) x (contraction).
struct ProductOperand {
  Value buffer;    ///< a kernel argument
  GatherOp gather; ///< null if the buffer is used as it is
  /// Whether the contracted axis is the contiguous one ("K-major"); else the other one is.
  bool kMajor;

  /// Whether a list names the rows of the output tile (K-major) or of the contraction.
  bool gathersTile() const { return gather && kMajor; }
  bool gathersContraction() const { return gather && !kMajor; }
  /// Whether every tile of the first operand's rows has a list of its own.
  bool hasListPerGroup() const {
    return gather && GatherOp(gather).getRows().getType().getRank() == 2;
  }
};

/// A kernel of the form
///   parallel m, n { matmul; element-wise; store or mark }        or
///   parallel [part,] m { reduce n [part] { matmul; element-wise; store, mark, tally, pick or save; lse_update }; store }
struct ProductKernel {
  KernelOp kernel;
  ParallelOp parallel;
  ReduceOp reduce; ///< null for the first form
  MatmulOp matmul;
  ProductOperand lhs, rhs;
  StringAttr mAxis, nAxis, kAxis;
  StringAttr partAxis; ///< null without `part`
  StringAttr listAxis; ///< whose lists differ from one tile of rows to the next; null without
  LseUpdateOp update;  ///< of the second form
  SmallVector<MarkOp> marks;
  SmallVector<PickOp> picks; ///< of the second form
  SmallVector<TallyOp> tallies; ///< likewise
  SmallVector<SaveOp> saves; ///< likewise
  SmallVector<StoreOp> tileStores; ///< likewise, within the reduction
  SmallVector<StoreOp> stores;
  LoadHalvesOp halvesLoad;     ///< of the first form; null without
  StoreHalvesOp halvesStore;   ///< likewise
  Value upperHalves, lowerHalves; ///< of both; null without
  SmallVector<StoreOp> rowSums; ///< those of the first form that store a cce.accumulate of the tile
  int64_t tileM, tileN, tileK, stages;
  int64_t cluster;  ///< blocks that share the tiles of the second operand
  int64_t lastPart; ///< how often the last part of a reduction fits into one of the others
  Type elementType; ///< of both operands

  /// Bits of an element of the lower halves.
  int64_t lowerBits() const;
  /// Whether halves lie in strips of 16 rows and panels of 64 columns: where the sums are those of classes.
  bool hasStrips() const;
  /// Whether results or codes of 16 bits go out through shared memory (StagedStore.h).
  bool stagesStores() const;

  /// Reads the structure, or says at which op it is not of this form.
  static FailureOr<ProductKernel> match(KernelOp kernel);
};

/// Whether the kernel also loads tiles of the product's plane from the buffer that it stores to.
bool isReadBack(StoreOp store);

} // namespace mlir::cce

#endif // CCE_COMPILER_NVPTX_PRODUCTKERNEL_H
