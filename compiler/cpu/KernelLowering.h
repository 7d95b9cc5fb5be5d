//===- KernelLowering.h - one kernel to loops over vectors --------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_CPU_KERNELLOWERING_H
#define CCE_COMPILER_CPU_KERNELLOWERING_H

#include "compiler/Manifest.h"
#include "compiler/cpu/Evaluator.h"
#include "compiler/cpu/KernelPlan.h"
#include "compiler/cpu/MicroKernel.h"
#include "compiler/cpu/Staging.h"

namespace mlir::cce::cpu {

/// Part of an axis: its first entry and how many there are.
struct Span {
  Value start, count;
};

class KernelLowering {
public:
  KernelLowering(KernelPlan &plan, int64_t vectorBits);

  /// Makes the entry point beside the kernel. It takes the kernel's name, so the kernel must go.
  LogicalResult run();

private:
  // Arguments and scratch memory (KernelArguments.cpp).
  void makeEntry();
  void readArguments(ManifestBuilder &manifest);
  void allocate(ManifestBuilder &manifest);
  Value takeScratch(int64_t elements);
  Memory memoryOf(const View &view);
  Value strideOf(const View &view, StringAttr axis);

  // The nest of loops (KernelLowering.cpp).
  void walkLine();
  void walkRowsOutside();
  void walkColumnsOutside();
  void rowsOf(Value entry);
  /// The parallel part of an axis that is this call's, cut to its extent.
  std::pair<Value, Value> rangeOf(StringAttr axis);
  void stageLines(StringAttr axis, Span part);
  void stagePlanes(Span rows, Value firstRow, Span columns);
  void product(Span rows, Span columns, llvm::function_ref<void(Value, Value)> finishBlock);
  void dotLine(Span line);

  // f32 in two buffers, element by element (Halves.cpp).
  void stageHalves(LoadHalvesOp load, Span rows, Value firstRow, Span columns);
  void storeHalves(StoreHalvesOp store, Position &at, Span columns);
  /// A row of halves: where column 0 is, in elements; a list may name none.
  struct HalvesRow {
    Value upper, lower, exists;
  };
  HalvesRow halvesRow(Value upper, Value lower, Value row);

  // What is done with the elements of a block (KernelEpilogue.cpp).
  void resetState();
  /// Rows [firstRow, firstRow + count) of the group.
  void epilogue(Span rows, Value firstRow, Value count, Span columns, Value columnEnd);
  void updateLse(Position &at, Span columns);
  /// Of a row whose logits are in the row buffer, that of its label, if the columns have it.
  void pickLabel(PickOp pick, Position &at, Span columns, Cache &rowCache);
  void accumulateRow(Position &at, Span columns);
  void accumulateColumns(Span rows, Value firstRow, Value count, Span columns);
  void storeRow(StoreOp store, Position &at, Span columns, Value columnEnd);
  void padRows(Span rows, Value rowEnd, Span columns);
  void finish(StringAttr axis, Span part, Value axisEnd, Value entry);
  void writeStates(StoreOp store, Span part, Value padded, Value entry);
  /// `count` elements of the row buffer to the target, along an axis from entry `start` on.
  void write(const View &target, StringAttr along, Value start, Value count, StringAttr across,
             Value index);
  /// Elements along an axis that a store writes: of `tokens` also those that pad the last tile.
  Value paddedCount(StringAttr axis, Span part, Value axisEnd, int64_t limit);

  KernelPlan &plan; // not const: accessors of ops are not
  ModuleOp module;
  Emitter e;
  Staging staging;
  Evaluator evaluator;
  int64_t vectorBits;

  LLVM::LLVMFuncOp entry;
  Value slots, scratch;
  int64_t scratchBytes = 0;
  DenseMap<Value, Value> pointers; ///< of buffers, by kernel argument
  DenseMap<Value, SmallVector<Value>> strides;
  DenseMap<StringAttr, Value> extents;
  DenseMap<StringAttr, std::pair<Value, Value>> ranges; ///< begin, end

  // Scratch memory.
  Value lhsBlock, rhsBlock, result, rowBuffer, state, stateSum;
  DenseMap<Value, Value> staged; ///< of loads
  MicroKernelShape shape{};
  bool lhsInRows = false; ///< the packed A: rows, or panels of `lanes` rows
  int64_t lhsChunkStride = 0, pitch = 0;
};

/// Whether a store to this axis writes zero beyond its extent (see cce.store).
bool isPadded(StringAttr axis);

} // namespace mlir::cce::cpu

#endif // CCE_COMPILER_CPU_KERNELLOWERING_H
