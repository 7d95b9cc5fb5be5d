//===- KernelArguments.cpp - slots, manifest and scratch memory of a kernel --===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/cpu/KernelLowering.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::cce;
using namespace mlir::cce::cpu;

void KernelLowering::makeEntry() {
  OpBuilder::InsertionGuard guard(e);
  e.setInsertionPoint(plan.kernel);
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(e.getContext()), {e.ptr()});
  entry = LLVM::LLVMFuncOp::create(e, plan.kernel.getSymName(), type);
  entry.addEntryBlock(e);
}

void KernelLowering::readArguments(ManifestBuilder &manifest) {
  KernelOp kernel = plan.kernel;
  Type i64 = e.getI64Type();
  auto slot = [&](unsigned position, Type type) {
    return e.load(type, e.at(i64, slots, int64_t(position)));
  };
  for (BlockArgument argument : plan.arguments) {
    StringRef name = kernel.getArgName(argument);
    if (auto buffer = dyn_cast<BufferType>(argument.getType())) {
      pointers[argument] = slot(manifest.pointer(name), e.ptr());
      for (int64_t i = 0; i < buffer.getRank(); ++i)
        strides[argument].push_back(slot(manifest.stride(name, i), i64));
      continue;
    }
    if (argument.getType().isF32()) {
      evaluator.bindScalar(argument, slot(manifest.scalar(name, "f32"), e.getF32Type()));
      continue;
    }
    bool isBool = argument.getType().isInteger(1);
    Value number = slot(manifest.scalar(name, isBool ? "i1" : "i32"), e.getI32Type());
    if (isBool)
      number = e.compare(arith::CmpIPredicate::ne, number, e.i32(0));
    evaluator.bindScalar(argument, number);
    pointers[argument] = number; // conditions of loads
  }
  for (StringAttr axis : {plan.rowAxis, plan.columnAxis, plan.contractedAxis, plan.entryAxis})
    if (axis && !extents.contains(axis))
      extents[axis] = slot(manifest.extent(axis), i64);
  DenseSet<StringAttr> hot;
  auto bindOrigin = [&](StringAttr axis) {
    if (hot.insert(axis).second)
      evaluator.bindOrigin(axis, slot(manifest.origin(axis), i64));
  };
  kernel.walk([&](OnehotOp op) { bindOrigin(getAxis(op.getCoord())); });
  if (!plan.picks.empty())
    bindOrigin(plan.columnAxis);
  // Rows first: the runtime cuts the last axis finest, and a call that has all rows packs the other
  // operand once.
  for (StringAttr axis : {plan.rowAxis, plan.columnAxis, plan.entryAxis})
    if (axis && plan.isParallel(axis)) {
      Value begin = slot(manifest.begin(axis), i64);
      ranges[axis] = {begin, slot(manifest.end(axis), i64)};
    }
  scratch = slot(manifest.scratch(), e.ptr());

  if (plan.rowAxis)
    manifest.tile(plan.rowAxis, plan.tiles.grain);
  // Of a line, or of columns whose operand is small, short pieces are worth a task.
  manifest.tile(plan.columnAxis, plan.rowAxis ? plan.tiles.columns : plan.tiles.grain);
  if (plan.entryAxis)
    manifest.tile(plan.entryAxis, 1);
}

Value KernelLowering::takeScratch(int64_t elements) {
  Value memory = e.at(e.getI8Type(), scratch, scratchBytes);
  scratchBytes += llvm::alignTo(elements * 4, 64);
  return memory;
}

void KernelLowering::allocate(ManifestBuilder &manifest) {
  const TileSizes &tiles = plan.tiles;
  pitch = tiles.columns + lanes; // not a power of two: rows of a block in different cache sets
  if (plan.isMatmul()) {
    bool wide = vectorBits >= 512;
    lhsInRows = plan.lhs.view.type.getAxes()[0] == plan.lhs.axis;
    int64_t lhsPitch = tiles.steps + lanes;
    lhsChunkStride = lhsInRows ? lanes : tiles.steps * lanes + lanes;
    shape = MicroKernelShape{/*rows=*/wide ? 8 : 4,
                             /*vectors=*/2,
                             /*vectorLanes=*/wide ? 16 : 8,
                             /*lhsRowStride=*/lhsInRows ? lhsPitch : 1,
                             /*lhsStepStride=*/lhsInRows ? 1 : lanes,
                             /*rhsChunkStride=*/tiles.steps * lanes + lanes,
                             /*resultRowStride=*/pitch};
    lhsBlock = takeScratch(lhsInRows ? tiles.rows * lhsPitch : tiles.rows / lanes * lhsChunkStride);
    rhsBlock = takeScratch(tiles.columns / lanes * shape.rhsChunkStride);
    result = takeScratch(tiles.group * pitch);
    evaluator.bindPlane(plan.product->getResult(0), result, pitch, Value());
  } else if (plan.product) {
    lhsBlock = takeScratch(tiles.columns * (tiles.steps + lanes));
    rhsBlock = takeScratch(tiles.columns * (tiles.steps + lanes));
    result = takeScratch(tiles.columns);
    evaluator.bindLine(plan.product->getResult(0), result);
  }
  rowBuffer = takeScratch(std::max(tiles.columns, tiles.group));
  if (plan.reduce) {
    state = takeScratch(std::max(tiles.columns, tiles.group));
    if (isa<LseUpdateOp>(plan.update))
      stateSum = takeScratch(tiles.group);
    else
      evaluator.bindLine(plan.reduce.getResult(), state);
  }
  for (LoadHalvesOp load : plan.halvesLoads)
    staged[load] = takeScratch(tiles.rows * pitch);
  for (LoadOp load : plan.loads) {
    TileType type = load.getResult().getType();
    if (type.getRank() == 2) {
      staged[load] = takeScratch(tiles.rows * pitch);
    } else if (type.getRank() == 1) {
      staged[load] = takeScratch(type.getAxes()[0] == plan.rowAxis ? tiles.group : tiles.columns);
      evaluator.bindLine(load.getResult(), staged[load]);
    } else {
      Memory memory = memoryOf(*viewOf(load.getSource()));
      Type element = type.getElementType();
      auto read = [&]() -> SmallVector<Value> {
        return {e.widen(e.load(e.memoryType(memory.element), memory.base))};
      };
      Value value = load.getCondition()
                        ? e.choose(pointers[load.getCondition()], element, read,
                                   [&]() -> SmallVector<Value> { return {e.zero(element)}; })[0]
                        : read()[0];
      evaluator.bindScalar(load.getResult(), value);
    }
  }
  manifest.set("scratch_bytes", scratchBytes);
}

Memory KernelLowering::memoryOf(const View &view) {
  Memory memory;
  memory.base = pointers[view.buffer];
  ArrayRef<Value> all = strides[view.buffer];
  memory.stride0 = all.empty() ? e.i64(0) : all[0];
  memory.stride1 = all.size() < 2 ? e.i64(0) : all[1];
  memory.list = view.list ? pointers[view.list] : Value(LLVM::ZeroOp::create(e, e.ptr()));
  memory.listStride = view.list ? strides[view.list][0] : e.i64(0);
  memory.element = view.type.getElementType();
  return memory;
}

Value KernelLowering::strideOf(const View &view, StringAttr axis) {
  ArrayRef<StringAttr> axes = view.type.getAxes();
  return strides[view.buffer][llvm::find(axes, axis) - axes.begin()];
}
