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
  /// Starts a row of tiles, the `group`-th; `warpRow` is the first row of the warp.
  void setRows(Value group, Value warpRow, Value lane);
  /// Starts a tile. Values known per row stay.
  void setColumn(Value tileColumn);
  void setAccumulator(ArrayRef<Value> registers) { accumulator.assign(registers.begin(), registers.end()); }

  /// Loads what the element-wise part reads once per row, before the product, to hide the latency.
  void prefetchRows();
  /// The same for the first halves of the tile that setColumn has named (cce.load_halves).
  void prefetchFirstHalves();
  /// For all of them; the addresses are kept as well.
  void prefetchAllHalves();

  /// An element of a tile in the kernel's body; null, with a diagnostic, if it can not be had here.
  Value get(Value tile, FragmentPosition position);

  /// Writes a tile that spans both axes of the product. On the way, while its elements are at hand,
  /// adds up the rows of `sums`: done later it would have to keep them all. For the same reason `beside`
  /// is called with the first group of every panel, behind its elements and before they go out.
  LogicalResult store(StoreOp store, ArrayRef<StoreOp> sums, llvm::function_ref<void(int)> beside = nullptr);
  /// Whether there may be tiles for storeWholeTile: of 16-bit elements, which go out through shared memory, to rows that no list names.
  bool storesWholeTiles(StoreOp store);
  /// Whether all of the tile exists and can go out as whole rows.
  Value isWholeTile(StoreOp store);
  /// Writes such a tile without a branch, so that the assembler can take exponentials of a panel while it stores the one before. `beside` as
  /// above.
  LogicalResult storeWholeTile(StoreOp store, llvm::function_ref<void(int)> beside);
  /// Forgets what `body` computes of the tile, because it does so in a branch.
  void inBranch(llvm::function_ref<void()> body);
  /// Calls `body` for the first group of every 8 that the tile has.
  void forEachPanel(llvm::function_ref<void(int)> body);
  LogicalResult store(StoreHalvesOp store);
  /// Writes the sums of a tile's rows, at entry `tile` of the first axis.
  LogicalResult storeRowSums(StoreOp store, Value tile, Value lane);

  /// Writes the panel that starts at the tile's group `first`, of 16-bit elements, as rows of 16-byte pieces,
  /// where all of it exists and `target` is aligned to them. pairs[half][group]: two elements each.
  void storeRows(Value target, int first, ArrayRef<Value> (&pairs)[2]);

  Value getGroup() { return group; }
  Value getRow(int half) { return rows[half]; }
  Value getColumn(int group, int pair) { return b.add(column, 8 * group + pair); }
  int groups() const { return product.tileN / 8; }

private:
  /// Computes rows[0] and rows[1], or the thread's column, of the lane.
  void findRows(Value here);
  void findColumn(Value here);

  using Key = std::tuple<void *, int, int, int>;
  Key keyOf(Value tile, FragmentPosition position);
  Value compute(Value tile, FragmentPosition position);
  Value gatheredPair(LoadOp load, FragmentPosition position);
  Value loadElement(LoadOp load, FragmentPosition position);
  /// The entry of a list along the columns.
  Value listEntry(GatherOp gather, FragmentPosition position);
  /// A scalar of the kernel: an argument, or a constant that folding has put in its place.
  Value scalarOf(Value scalar);
  Value loadConditionally(LoadOp load, llvm::function_ref<Value()> emit);
  Value applyMap(MapOp map, FragmentPosition position);
  /// Where rows[index] of a store's target is, from this column on, and, if it may not exist, whether it
  /// does.
  std::pair<Value, Value> storedRow(Value target, int index, Value firstColumn);
  /// Of the rows that this lane stores when staged, and their first column.
  struct StagedRows {
    SmallVector<Value, 4> addresses, exists;
  };
  StagedRows stagedRows(Value target);
  /// Two neighbours as they are stored, which also go to the rows of `sums`; null, with a diagnostic, if they can not be had.
  Value storedPair(StoreOp store, int group, int half, ArrayRef<StoreOp> sums = {});
  LogicalResult addToRowSums(StoreOp store, FragmentPosition position);
  using Body = llvm::function_ref<void()>;
  void ifExists(Value exists, Body body);
  /// Whether the tile exists in all its columns and the matrix is aligned to so many bytes.
  Value isWhole(Value matrix, int64_t unit);

  static constexpr int groupsPerPiece = 4;
  /// Where the thread's pieces of the tile's first panel are (FragmentHalves.cpp).
  struct HalfPlaces {
    Value upper[2];         ///< the first of each row; of the second null where `rowDistance` leads to it
    Value rowDistance;      ///< bytes; null without strips
    Value beside;           ///< bytes from the first to the second of a row
    Value lower[2];         ///< of strips both in the first
    Value piece;            ///< where those are only their rows' starts: which of four the thread's are; null with strips
    Value exists[2];        ///< whether there is the row; null if always
    Value isWhole;          ///< whether the tile's columns and the warp's rows all exist; null without strips
  };
  HalfPlaces halfPlaces();
  /// Calls `body` with rows computed again, which it leaves as they were; returns the lane that they are of.
  Value withRowsAfresh(llvm::function_ref<void()> body);
  Value rowOfHalves(Value matrix, Value row);
  /// The address of the piece that starts at this group.
  Value upperPiece(const HalfPlaces &places, int half, int group);
  Value lowerPiece(const HalfPlaces &places, int half, int panel);
  /// Whether upper halves lie in pieces.
  Value inPieces();
  /// Whether the columns of the panel exist; they and the row, null if both always do; they and any row of the strip.
  Value panelExists(int panel);
  Value pieceExists(const HalfPlaces &places, int half, int panel);
  Value stripExists(int panel);
  /// Whether what exists of the halves is to be read.
  Value wantsHalves(Value exists);
  /// Loads the panel that starts at this group, all of which exists and is wanted if it is whole.
  void loadHalves(const HalfPlaces &places, int panel, bool isWhole = false);
  /// Makes tile values of what was loaded.
  void joinHalves(int panel);
  /// joinHalves of the panel that is next in the epilogue; where not all have been prefetched, loads another one behind it.
  void takeHalves(int panel);
  /// Where upper halves lie element by element: their row, from the thread's first column on, and whether it exists, null if always.
  std::pair<Value, Value> singleHalves(int half);
  /// Those of a piece.
  SmallVector<Value> loadSingly(int first, int half);
  /// Those of a panel.
  void storeSingly(ArrayRef<Value> words, int first, int half);
  /// The row of the underlying buffer, and, if it may be none, whether it is one.
  std::pair<Value, Value> bufferRow(Value view, int index);
  Value toF32(Value value, Type element);

  PtxBuilder &b;
  KernelArguments &arguments;
  const ProductKernel &product;
  Value group, warpRow, lane;
  /// Of half 0 and half 1, and, within a panel, those that the lane stores when staged.
  Value rows[2 + StagedStore::rowsPerLane];
  std::optional<StagedStore> staged;
  /// The first of the tile, and the thread's of group 0 and pair 0.
  Value tileColumn, column;
  /// Words of halves, by the first group of the panel and half.
  struct Panel {
    SmallVector<Value> upper, lower;
  };
  std::map<std::pair<int, int>, Panel> panels;
  /// Of the tile at hand, where all halves have been prefetched.
  std::optional<HalfPlaces> tilePlaces;
  SmallVector<Value> accumulator;
  std::map<Key, Value> rowValues, tileValues;
  /// Four of each store and half, so that additions need not wait for each other.
  std::map<std::pair<Operation *, int>, std::array<Value, 4>> rowSums;
};

/// What an evaluator knows of an input x of a map that is the same for many elements; each may give null.
struct MapShortcuts {
  using Shortcut = llvm::function_ref<Value(BlockArgument, Value)>;
  Shortcut inverse;  ///< 1 / x, for a division by x
  Shortcut exponent; ///< -x·log2 e, for exp(y - x)
};

/// One element of a map: its body on one element of each input. Null, with a diagnostic, for an op that
/// the GPU has not got.
Value emitMap(PtxBuilder &builder, MapOp map, ArrayRef<Value> inputs,
              MapShortcuts shortcuts = {nullptr, nullptr});

} // namespace mlir::cce

#endif // CCE_COMPILER_NVPTX_FRAGMENT_H
