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

  /// Starts a row of tiles; `row` is the thread's row of half 0.
  void setRows(Value row);
  /// Starts a tile; `column` is the thread's column of group 0 and pair 0. Values known per row stay.
  void setTile(Value column, ArrayRef<Value> accumulator);

  /// Loads what the element-wise part reads once per row, before the product, to hide the latency.
  void prefetchRows();

  /// An element of a tile in the kernel's body; null, with a diagnostic, if it can not be had here.
  Value get(Value tile, FragmentPosition position);

  /// Writes a tile that spans both axes of the product.
  LogicalResult store(StoreOp store, Value tileColumn);

  Value getRow(int half) { return rows[half]; }
  Value getColumn(int group, int pair) { return b.add(column, 8 * group + pair); }
  int groups() const { return product.tileN / 8; }

private:
  using Key = std::tuple<void *, int, int, int>;
  Key keyOf(Value tile, FragmentPosition position);
  Value compute(Value tile, FragmentPosition position);
  Value loadElement(LoadOp load, FragmentPosition position);
  /// A scalar of the kernel: an argument, or a constant that folding has put in its place.
  Value scalarOf(Value scalar);
  Value loadConditionally(LoadOp load, llvm::function_ref<Value()> emit);
  Value applyMap(MapOp map, FragmentPosition position);
  static bool isReadBack(Value buffer);
  /// The row of the underlying buffer, and, if it may be none, whether it is one.
  std::pair<Value, Value> bufferRow(Value view, int half);
  Value toF32(Value value, Type element);

  PtxBuilder &b;
  KernelArguments &arguments;
  const ProductKernel &product;
  Value rows[2];
  Value column;
  SmallVector<Value> accumulator;
  std::map<Key, Value> rowValues, tileValues;
};

/// One element of a map: its body on one element of each input. `inverse`, if given, may provide 1 / x
/// for a divisor x that is an input. Null, with a diagnostic, for an op that the GPU has not got.
Value emitMap(PtxBuilder &builder, MapOp map, ArrayRef<Value> inputs,
              llvm::function_ref<Value(BlockArgument, Value)> inverse = nullptr);

} // namespace mlir::cce

#endif // CCE_COMPILER_NVPTX_FRAGMENT_H
