//===- Fragment.h - tiles in the registers of a warpgroup ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// The accumulator of wgmma.m64nNk16 (PTX ISA §9.7.15.5.1, "Register fragment layout for D"): a thread
// of warp w and lane l holds, for every group j of 8 columns, half h and e in {0, 1},
//
//     element (16 w + l / 4 + 8 h,  8 j + 2 (l % 4) + e)   in register 4 j + 2 h + e.
//
// Tiles of a product kernel take that layout; those that lack an axis are held once per row or
// column. Elements are computed when they are asked for: a kernel's element-wise part becomes, per
// accumulator register, the expression that its stores need.
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_NVPTX_FRAGMENT_H
#define CCE_COMPILER_NVPTX_FRAGMENT_H

#include "compiler/nvptx/KernelArguments.h"
#include "compiler/nvptx/ProductKernel.h"
#include "compiler/nvptx/StagedStore.h"
#include <array>
#include <map>

namespace mlir::cce {

/// A register of the accumulator.
struct FragmentPosition {
  int group, half, pair;
  int registerIndex() const { return 4 * group + 2 * half + pair; }
};

class FragmentEvaluator {
public:
  FragmentEvaluator(PtxBuilder &builder, KernelArguments &arguments, const ProductKernel &product)
      : b(builder), arguments(arguments), product(product) {}

  /// Shared memory of this warp for stores; without it they go out in small pieces.
  void setStaging(Value staging, Value lane) { staged.emplace(b, staging, lane); }
  /// For what is stored tile by tile of a reduction: where that of all warps is, and which warp is the first.
  void setStagingArea(Value area, int64_t firstWarp) { stagingArea = {area, firstWarp}; }
  /// Starts a row of tiles, the `group`-th; `warpRow` is the first row of the warp.
  void setRows(Value group, Value warpRow, Value lane);
  /// Starts a tile; `column` is the thread's column of group 0 and pair 0. Values known per row stay.
  void setTile(Value column, ArrayRef<Value> accumulator);

  /// Loads what the element-wise part reads once per row, before the product, to hide the latency.
  void prefetchRows();

  /// An element of a tile in the kernel's body; null, with a diagnostic, if it can not be had here.
  Value get(Value tile, FragmentPosition position);

  /// Writes a tile that spans both axes of the product. On the way, while its elements are at hand,
  /// adds up the rows of `sums`: done later it would have to keep them all.
  LogicalResult store(StoreOp store, Value tileColumn, ArrayRef<StoreOp> sums);
  /// Writes the sums of a tile's rows, at entry `tile` of the first axis.
  LogicalResult storeRowSums(StoreOp store, Value tile, Value lane);

  /// Writes a whole tile of 16-bit elements as rows of 16-byte pieces, where all of it exists and `target`
  /// is aligned to them.
  void storeStaged(Value target, Value tileColumn, StagedStore::PairAt pairAt);

  Value getGroup() { return group; }
  Value getRow(int half) { return rows[half]; }
  Value getColumn(int group, int pair) { return b.add(column, 8 * group + pair); }
  int groups() const { return product.tileN / 8; }

private:
  using Key = std::tuple<void *, int, int, int>;
  Key keyOf(Value tile, FragmentPosition position);
  Value compute(Value tile, FragmentPosition position);
  Value loadElement(LoadOp load, FragmentPosition position);
  /// The entry of a list along the columns.
  Value listEntry(GatherOp gather, FragmentPosition position);
  /// A scalar of the kernel: an argument, or a constant that folding has put in its place.
  Value scalarOf(Value scalar);
  Value loadConditionally(LoadOp load, llvm::function_ref<Value()> emit);
  Value applyMap(MapOp map, FragmentPosition position);
  /// Addresses of the first column of rows[first] to rows[first + count - 1], and, if one may not exist,
  /// whether it does.
  void rowAddresses(Value target, int first, int count, Value firstColumn,
                    SmallVectorImpl<Value> &addresses, SmallVectorImpl<Value> &exists);
  LogicalResult addToRowSums(StoreOp store, FragmentPosition position);
  /// The row of the underlying buffer, and, if it may be none, whether it is one.
  std::pair<Value, Value> bufferRow(Value view, int index);
  Value toF32(Value value, Type element);

  PtxBuilder &b;
  KernelArguments &arguments;
  const ProductKernel &product;
  Value group, warpRow;
  /// Of half 0 and half 1, and those that the lane stores when staged.
  Value rows[2 + StagedStore::rowsPerLane];
  std::optional<StagedStore> staged;
  std::pair<Value, int64_t> stagingArea;
  Value column;
  SmallVector<Value> accumulator;
  std::map<Key, Value> rowValues, tileValues;
  /// Four of each store and half, so that additions need not wait for each other.
  std::map<std::pair<Operation *, int>, std::array<Value, 4>> rowSums;
};

/// One element of a map: its body on one element of each input. `inverse`, if given, may provide 1 / x
/// for a divisor x that is an input. Null, with a diagnostic, for an op that the GPU has not got.
Value emitMap(PtxBuilder &builder, MapOp map, ArrayRef<Value> inputs,
              llvm::function_ref<Value(BlockArgument, Value)> inverse = nullptr);

} // namespace mlir::cce

#endif // CCE_COMPILER_NVPTX_FRAGMENT_H
