//===- KernelLowering.cpp - the nest of loops of a kernel ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/cpu/KernelLowering.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::cce;
using namespace mlir::cce::cpu;

KernelLowering::KernelLowering(KernelPlan &plan, int64_t vectorBits)
    : plan(plan), module(plan.kernel->getParentOfType<ModuleOp>()),
      e(plan.kernel->getLoc(), module.getContext()), staging(module, e.getLoc()), evaluator(e),
      vectorBits(vectorBits) {}

LogicalResult KernelLowering::run() {
  makeEntry();
  Block &block = entry.getBody().front();
  e.setInsertionPointToStart(&block);
  slots = block.getArgument(0);
  KernelOp kernel = plan.kernel;
  ManifestBuilder manifest(e.getContext(), kernel.getSymName(), "cpu");
  readArguments(manifest);
  allocate(manifest);
  if (!plan.rowAxis)
    walkLine();
  else if (plan.reduce && plan.stateAxis() == plan.columnAxis)
    walkColumnsOutside();
  else
    walkRowsOutside();
  LLVM::ReturnOp::create(e, ValueRange());
  entry->setAttr(manifestAttrName, manifest.build());
  return failure(evaluator.hasFailed());
}

std::pair<Value, Value> KernelLowering::rangeOf(StringAttr axis) {
  auto known = ranges.find(axis);
  if (known == ranges.end())
    return {e.i64(0), extents[axis]};
  return {known->second.first, e.min(known->second.second, extents[axis])};
}

void KernelLowering::walkLine() {
  auto [begin, end] = rangeOf(plan.columnAxis);
  Value last = end;
  e.loop(begin, end, plan.tiles.columns, [&](Value start) {
    Span line{start, e.min(e.sub(last, start), e.i64(plan.tiles.columns))};
    stageLines(plan.columnAxis, line);
    if (plan.product)
      dotLine(line);
    Position at{plan.columnAxis, Value(), start, StringAttr(), Value(), Value()};
    for (StoreOp store : plan.stores)
      storeRow(store, at, line, last);
  });
}

void KernelLowering::walkRowsOutside() {
  if (!plan.entryAxis)
    return rowsOf(Value());
  auto [begin, end] = rangeOf(plan.entryAxis);
  e.loop(begin, end, 1, [&](Value entryIndex) { rowsOf(entryIndex); });
}

void KernelLowering::rowsOf(Value entryIndex) {
  const TileSizes &tiles = plan.tiles;
  auto [rowBegin, rowLimit] = rangeOf(plan.rowAxis);
  auto [columnBegin, columnLimit] = rangeOf(plan.columnAxis);
  Value rowEnd = rowLimit, columnStart = columnBegin, columnEnd = columnLimit;
  if (entryIndex) {
    // The entry-th of equal parts, in whole tiles.
    Value all = e.divide(e.add(columnEnd, tiles.columns - 1), tiles.columns);
    Value parts = extents[plan.entryAxis];
    auto firstTile = [&](Value part) -> Value {
      return arith::DivUIOp::create(e, e.mul(part, all), parts);
    };
    columnStart = e.mul(firstTile(entryIndex), tiles.columns);
    columnEnd = e.min(columnEnd, e.mul(firstTile(e.add(entryIndex, 1)), tiles.columns));
  }
  e.loop(rowBegin, rowEnd, tiles.group, [&](Value rowStart) {
    Span rows{rowStart, e.min(e.sub(rowEnd, rowStart), e.i64(tiles.group))};
    stageLines(plan.rowAxis, rows);
    if (plan.reduce)
      resetState();
    e.loop(columnStart, columnEnd, tiles.columns, [&](Value start) {
      Span columns{start, e.min(e.sub(columnEnd, start), e.i64(tiles.columns))};
      stageLines(plan.columnAxis, columns);
      auto finishBlock = [&](Value firstRow, Value count) {
        stagePlanes(Span{e.add(rows.start, firstRow), count}, firstRow, columns);
        epilogue(rows, firstRow, count, columns, columnEnd);
      };
      if (plan.product)
        product(rows, columns, finishBlock);
      else
        e.loop(e.i64(0), rows.count, tiles.rows, [&](Value firstRow) {
          finishBlock(firstRow, e.min(e.sub(rows.count, firstRow), e.i64(tiles.rows)));
        });
      padRows(rows, rowEnd, columns);
    });
    finish(plan.rowAxis, rows, rowEnd, entryIndex);
  });
}

void KernelLowering::walkColumnsOutside() {
  const TileSizes &tiles = plan.tiles;
  auto [columnBegin, columnLimit] = rangeOf(plan.columnAxis);
  auto [rowBegin, rowLimit] = rangeOf(plan.rowAxis);
  Value columnEnd = columnLimit, rowStart = rowBegin, rowEnd = rowLimit;
  e.loop(columnBegin, columnEnd, tiles.columns, [&](Value start) {
    Span columns{start, e.min(e.sub(columnEnd, start), e.i64(tiles.columns))};
    stageLines(plan.columnAxis, columns);
    resetState();
    e.loop(rowStart, rowEnd, tiles.rows, [&](Value blockStart) {
      Span rows{blockStart, e.min(e.sub(rowEnd, blockStart), e.i64(tiles.rows))};
      stageLines(plan.rowAxis, rows);
      stagePlanes(rows, e.i64(0), columns);
      accumulateColumns(rows, e.i64(0), rows.count, columns);
    });
    finish(plan.columnAxis, columns, columnEnd, Value());
  });
}

void KernelLowering::stageLines(StringAttr axis, Span part) {
  for (LoadOp load : plan.loads) {
    TileType type = load.getResult().getType();
    if (type.getRank() != 1 || type.getAxes()[0] != axis)
      continue;
    Memory memory = memoryOf(*viewOf(load.getSource()));
    memory.stride1 = e.i64(0);
    Value count = part.count, zero = e.i64(0), one = e.i64(1);
    if (load.getCondition())
      count = e.select(pointers[load.getCondition()], count, zero);
    staging.transpose(e, memory,
                      Rectangle{part.start, count, e.roundUp(part.count, lanes), zero, one, one},
                      TileLayout{staged[load], zero, e.i64(lanes)});
  }
}

void KernelLowering::stagePlanes(Span rows, Value firstRow, Span columns) {
  for (LoadHalvesOp load : plan.halvesLoads)
    stageHalves(load, rows, firstRow, columns);
  for (LoadOp load : plan.loads) {
    TileType type = load.getResult().getType();
    if (type.getRank() != 2)
      continue;
    evaluator.bindPlane(load.getResult(), staged[load], pitch, firstRow);
    Memory memory = memoryOf(*viewOf(load.getSource()));
    auto wanted = [&](Value count) {
      return load.getCondition() ? e.select(pointers[load.getCondition()], count, e.i64(0)) : count;
    };
    Rectangle part{rows.start,    wanted(rows.count),    e.roundUp(rows.count, lanes),
                   columns.start, wanted(columns.count), e.roundUp(columns.count, lanes)};
    TileLayout tile{staged[load], e.i64(pitch), e.i64(lanes)};
    if (type.getAxes()[0] == plan.rowAxis) {
      staging.copy(e, memory, part, tile);
    } else {
      Rectangle turned{part.start1, part.count1, part.padded1,
                       part.start0, part.count0, part.padded0};
      staging.transpose(e, memory, turned, tile);
    }
  }
}

void KernelLowering::product(Span rows, Span columns,
                             llvm::function_ref<void(Value, Value)> finishBlock) {
  const TileSizes &tiles = plan.tiles;
  Type f32 = e.getF32Type();
  LLVM::LLVMFuncOp microKernel =
      buildMicroKernel(module, e.getLoc(),
                       llvm::formatv("cce_product_{0}x{1}_{2}_{3}_{4}_{5}", shape.rows,
                                     shape.columns(), shape.lhsRowStride, shape.lhsStepStride,
                                     shape.rhsChunkStride, shape.resultRowStride)
                           .str(),
                       shape);
  Memory lhs = memoryOf(plan.lhs.view), rhs = memoryOf(plan.rhs.view);
  Value depth = extents[plan.contractedAxis];
  Value zero = e.i64(0);

  // An empty contraction still gives zeros: one block of no steps.
  e.loop(zero, e.max(depth, e.i64(1)), tiles.steps, [&](Value step) {
    Value steps = e.min(e.sub(depth, step), e.i64(tiles.steps));
    Value padded = e.roundUp(steps, lanes);
    // The micro-kernel reads whole tiles; what is beyond the columns is zero.
    Value width = e.roundUp(columns.count, std::max(shape.columns(), lanes));
    TileLayout rhsTile{rhsBlock, e.i64(lanes), e.i64(shape.rhsChunkStride)};
    if (plan.rhs.view.type.getAxes()[0] == plan.rhs.axis)
      staging.transpose(e, rhs, Rectangle{columns.start, columns.count, width, step, steps, padded},
                        rhsTile);
    else
      staging.copy(e, rhs, Rectangle{step, steps, padded, columns.start, columns.count, width},
                   rhsTile);
    Value isFirst = e.equal(step, zero);
    Value isLast = e.compare(arith::CmpIPredicate::sge, e.add(step, tiles.steps), depth);
    Value microSteps = e.roundUp(steps, microKernelSteps);

    e.loop(zero, rows.count, tiles.rows, [&](Value firstRow) {
      Value count = e.min(e.sub(rows.count, firstRow), e.i64(tiles.rows));
      Value height = e.roundUp(count, lanes);
      Value start = e.add(rows.start, firstRow);
      if (lhsInRows)
        staging.copy(e, lhs, Rectangle{start, count, height, step, steps, padded},
                     TileLayout{lhsBlock, e.i64(shape.lhsRowStride), e.i64(lanes)});
      else
        staging.copy(e, lhs, Rectangle{step, steps, padded, start, count, height},
                     TileLayout{lhsBlock, e.i64(lanes), e.i64(lhsChunkStride)});
      // The panel of B stays in the first-level cache while A streams past it.
      e.loop(zero, columns.count, shape.columns(), [&](Value column) {
        Value b = e.at(f32, rhsBlock, e.mul(e.divide(column, lanes), shape.rhsChunkStride));
        e.loop(zero, count, shape.rows, [&](Value row) {
          Value offset = lhsInRows ? e.mul(row, shape.lhsRowStride)
                                   : e.add(e.mul(e.divide(row, lanes), lhsChunkStride),
                                           e.createOrFold<arith::AndIOp>(row, e.i64(lanes - 1)));
          Value c = e.at(f32, result, e.add(e.mul(e.add(firstRow, row), pitch), column));
          LLVM::CallOp::create(e, microKernel,
                               ValueRange{e.at(f32, lhsBlock, offset), b, c, microSteps, isFirst});
        });
      });
      e.ifThen(isLast, [&] { finishBlock(firstRow, count); });
    });
  });
}

void KernelLowering::dotLine(Span line) {
  const TileSizes &tiles = plan.tiles;
  Type f32 = e.getF32Type();
  int64_t rowPitch = tiles.steps + lanes;
  Value zero = e.i64(0), depth = extents[plan.contractedAxis];
  e.loop(zero, e.i64(tiles.columns), lanes,
         [&](Value c) { e.store(e.splatF32(0.0), e.at(f32, result, c), 64); });
  e.loop(zero, depth, tiles.steps, [&](Value step) {
    Value steps = e.min(e.sub(depth, step), e.i64(tiles.steps));
    Value padded = e.roundUp(steps, lanes), height = e.roundUp(line.count, lanes);
    auto stage = [&](const Operand &operand, Value block) {
      Memory memory = memoryOf(operand.view);
      TileLayout tile{block, e.i64(rowPitch), e.i64(lanes)};
      if (operand.view.type.getAxes()[0] == operand.axis)
        staging.copy(e, memory, Rectangle{line.start, line.count, height, step, steps, padded},
                     tile);
      else
        staging.transpose(e, memory, Rectangle{step, steps, padded, line.start, line.count, height},
                          tile);
    };
    stage(plan.lhs, lhsBlock);
    stage(plan.rhs, rhsBlock);
    e.loop(zero, line.count, 1, [&](Value row) {
      Value offset = e.mul(row, rowPitch);
      Value sum = e.loop(zero, padded, lanes, e.splatF32(0.0),
                         [&](Value k, ValueRange before) -> SmallVector<Value> {
                           Value at = e.add(offset, k);
                           Value a = e.load(e.vec(f32), e.at(f32, lhsBlock, at), 64);
                           Value b = e.load(e.vec(f32), e.at(f32, rhsBlock, at), 64);
                           return {e.fma(a, b, before[0])};
                         })[0];
      Value target = e.at(f32, result, row);
      e.store(arith::AddFOp::create(e, e.load(f32, target), e.sum(sum)), target);
    });
  });
}
