//===- KernelEpilogue.cpp - reductions and stores of a block of elements -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/cpu/KernelLowering.h"
#include "compiler/cpu/VectorMath.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include <limits>
#include <numbers>

using namespace mlir;
using namespace mlir::cce;
using namespace mlir::cce::cpu;

static constexpr double infinity = std::numeric_limits<double>::infinity();

bool mlir::cce::cpu::isPadded(StringAttr axis) { return axis && axis.getValue() == "tokens"; }

Value KernelLowering::paddedCount(StringAttr axis, Span part, Value axisEnd, int64_t limit) {
  if (!isPadded(axis))
    return part.count;
  return e.min(e.sub(e.roundUp(axisEnd, plan.tiles.grain), part.start), e.i64(limit));
}

void KernelLowering::resetState() {
  bool isLse = stateSum != nullptr;
  int64_t size = plan.stateAxis() == plan.rowAxis ? plan.tiles.group : plan.tiles.columns;
  e.loop(e.i64(0), e.i64(size), lanes, [&](Value i) {
    e.store(e.splatF32(isLse ? -infinity : 0.0), e.at(e.getF32Type(), state, i), 64);
    if (isLse)
      e.store(e.splatF32(0.0), e.at(e.getF32Type(), stateSum, i), 64);
  });
}

void KernelLowering::epilogue(Span rows, Value firstRow, Value count, Span columns,
                              Value columnEnd) {
  e.loop(firstRow, e.add(firstRow, count), 1, [&](Value row) {
    Position at{plan.columnAxis, Value(), columns.start, plan.rowAxis, row, rows.start};
    for (StoreOp store : plan.stores)
      storeRow(store, at, columns, columnEnd);
    if (!plan.update) {
      for (StoreHalvesOp store : plan.halvesStores)
        storeHalves(store, at, columns);
    } else if (isa<LseUpdateOp>(plan.update)) {
      updateLse(at, columns);
    } else {
      accumulateRow(at, columns);
    }
  });
}

void KernelLowering::updateLse(Position &at, Span columns) {
  Type f32 = e.getF32Type();
  Value value = plan.update->getOperand(1);
  Value width = e.roundUp(columns.count, lanes), zero = e.i64(0);
  Cache rowCache;
  evaluator.hoist(value, at, rowCache);

  // The maximum first; the logits are kept, they may have cost much.
  Value lowest = e.splatF32(-infinity);
  Value best =
      e.loop(zero, width, lanes, lowest, [&](Value c, ValueRange before) -> SmallVector<Value> {
        Cache cache = rowCache;
        at.vectorIndex = c;
        Value z = evaluator.evaluate(value, at, cache);
        z = e.select(e.firstLanes(e.sub(columns.count, c)), z, lowest);
        e.store(z, e.at(f32, rowBuffer, c), 64);
        return {e.maxOrFirst(before[0], z)};
      })[0];
  for (PickOp pick : plan.picks)
    pickLabel(pick, at, columns, rowCache);
  Value top = e.reduce(best, [&](Value a, Value b) { return e.maxOrFirst(a, b); });
  Value log2e = e.f32(std::numbers::log2e);
  Value maxAt = e.at(f32, state, at.scalarIndex), sumAt = e.at(f32, stateSum, at.scalarIndex);
  Value oldMax = e.load(f32, maxAt), oldSum = e.load(f32, sumAt);
  Value newMax;
  if (Value reference = cast<LseUpdateOp>(plan.update).getReference()) {
    at.vectorIndex = zero;
    Cache cache;
    Value known =
        vector::ExtractOp::create(e, evaluator.evaluate(reference, at, cache), ArrayRef<int64_t>{0});
    newMax = arith::MulFOp::create(e, known, log2e);
  } else {
    newMax = e.maxOrFirst(oldMax, arith::MulFOp::create(e, top, log2e));
  }
  // An infinite maximum is not subtracted: -inf - -inf would be NaN where nothing but masked
  // classes has come yet, and so would +inf - +inf where the result is +inf.
  Value isFinite = arith::CmpFOp::create(e, arith::CmpFPredicate::OLT,
                                         math::AbsFOp::create(e, newMax), e.f32(infinity));
  Value shift = e.select(isFinite, newMax, e.f32(0.0));
  Value negated = e.splat(arith::NegFOp::create(e, shift)), factor = e.splat(log2e);
  Value terms = e.loop(zero, width, lanes, e.splatF32(0.0),
                       [&](Value c, ValueRange before) -> SmallVector<Value> {
                         Value z = e.load(e.vec(f32), e.at(f32, rowBuffer, c), 64);
                         Value term = buildExp2OfTerm(e, e.fma(z, factor, negated));
                         return {arith::AddFOp::create(e, before[0], term)};
                       })[0];
  Value rescale = buildExp2OfTerm(e, e.splat(arith::SubFOp::create(e, oldMax, shift)));
  Value kept =
      arith::MulFOp::create(e, oldSum, vector::ExtractOp::create(e, rescale, ArrayRef<int64_t>{0}));
  e.store(newMax, maxAt);
  e.store(arith::AddFOp::create(e, kept, e.sum(terms)), sumAt);
}

void KernelLowering::pickLabel(PickOp pick, Position &at, Span columns, Cache &rowCache) {
  Type f32 = e.getF32Type();
  Value labels = evaluator.evaluate(pick.getLabels(), at, rowCache);
  Value label = vector::ExtractOp::create(e, labels, ArrayRef<int64_t>{0});
  Value origin = evaluator.originOf(at.vectorAxis);
  Value index = e.sub(arith::ExtSIOp::create(e, e.getI64Type(), label), e.add(columns.start, origin));
  e.ifThen(e.compare(arith::CmpIPredicate::ult, index, columns.count), [&] {
    auto target = cast<BlockArgument>(pick.getTarget());
    Value row = e.add(at.scalarStart, at.scalarIndex);
    Value entry = e.at(f32, pointers[target], e.mul(row, strides[target][0]));
    e.store(e.load(f32, e.at(f32, rowBuffer, index)), entry);
  });
}

void KernelLowering::accumulateRow(Position &at, Span columns) {
  Type f32 = e.getF32Type();
  Value value = plan.update->getOperand(1);
  Cache rowCache;
  evaluator.hoist(value, at, rowCache);
  Value zeros = e.splatF32(0.0);
  Value sum = e.loop(e.i64(0), columns.count, lanes, zeros,
                     [&](Value c, ValueRange before) -> SmallVector<Value> {
                       Cache cache = rowCache;
                       at.vectorIndex = c;
                       Value v = evaluator.evaluate(value, at, cache);
                       v = e.select(e.firstLanes(e.sub(columns.count, c)), v, zeros);
                       return {arith::AddFOp::create(e, before[0], v)};
                     })[0];
  Value target = e.at(f32, state, at.scalarIndex);
  e.store(arith::AddFOp::create(e, e.load(f32, target), e.sum(sum)), target);
}

void KernelLowering::accumulateColumns(Span rows, Value firstRow, Value count, Span columns) {
  Type f32 = e.getF32Type();
  Value value = plan.update->getOperand(1);
  e.loop(e.i64(0), columns.count, lanes, [&](Value c) {
    // A sum per block of rows, then the sum of those: rounding errors grow less than in one long
    // sum.
    Value sum =
        e.loop(firstRow, e.add(firstRow, count), 1, e.splatF32(0.0),
               [&](Value row, ValueRange before) -> SmallVector<Value> {
                 Position at{plan.columnAxis, c, columns.start, plan.rowAxis, row, rows.start};
                 Cache cache;
                 return {arith::AddFOp::create(e, before[0], evaluator.evaluate(value, at, cache))};
               })[0];
    Value target = e.at(f32, state, c);
    e.store(arith::AddFOp::create(e, e.load(e.vec(f32), target, 64), sum), target, 64);
  });
}

void KernelLowering::storeRow(StoreOp store, Position &at, Span columns, Value columnEnd) {
  Cache rowCache;
  evaluator.hoist(store.getValue(), at, rowCache);
  Value written = paddedCount(at.vectorAxis, columns, columnEnd, plan.tiles.columns);
  e.loop(e.i64(0), written, lanes, [&](Value c) {
    Cache cache = rowCache;
    at.vectorIndex = c;
    Value value = evaluator.evaluate(store.getValue(), at, cache);
    if (isPadded(at.vectorAxis))
      value = e.select(e.firstLanes(e.sub(columns.count, c)), value, e.zero(value.getType()));
    e.store(value, e.at(e.getF32Type(), rowBuffer, c), 64);
  });
  Value index = at.scalarAxis ? e.add(at.scalarStart, at.scalarIndex) : Value();
  write(*viewOf(store.getTarget()), at.vectorAxis, columns.start, written, at.scalarAxis, index);
}

void KernelLowering::padRows(Span rows, Value rowEnd, Span columns) {
  if (!isPadded(plan.rowAxis))
    return;
  for (StoreOp store : plan.stores) {
    View target = *viewOf(store.getTarget());
    if (target.list)
      continue; // beyond its extent a list names no rows
    Value padded = paddedCount(plan.rowAxis, rows, rowEnd, plan.tiles.group);
    e.loop(rows.count, padded, 1, [&](Value row) {
      e.loop(e.i64(0), columns.count, lanes,
             [&](Value c) { e.store(e.splatF32(0.0), e.at(e.getF32Type(), rowBuffer, c), 64); });
      write(target, plan.columnAxis, columns.start, columns.count, plan.rowAxis,
            e.add(rows.start, row));
    });
  }
}

void KernelLowering::finish(StringAttr axis, Span part, Value axisEnd, Value entryIndex) {
  int64_t limit = axis == plan.rowAxis ? plan.tiles.group : plan.tiles.columns;
  for (StoreOp store : plan.finishes) {
    Value written = paddedCount(axis, part, axisEnd, limit);
    if (isa<LseType>(cast<TileType>(store.getValue().getType()).getElementType())) {
      writeStates(store, part, written, entryIndex);
      continue;
    }
    e.loop(e.i64(0), written, lanes, [&](Value i) {
      Position at{axis, i, part.start, StringAttr(), Value(), Value()};
      Cache cache;
      Value value = evaluator.evaluate(store.getValue(), at, cache);
      if (isPadded(axis))
        value = e.select(e.firstLanes(e.sub(part.count, i)), value, e.zero(value.getType()));
      e.store(value, e.at(e.getF32Type(), rowBuffer, i), 64);
    });
    write(*viewOf(store.getTarget()), axis, part.start, written, plan.entryAxis, entryIndex);
  }
}

void KernelLowering::writeStates(StoreOp store, Span part, Value padded, Value entryIndex) {
  View target = *viewOf(store.getTarget());
  Type f32 = e.getF32Type(), pair = e.getI64Type(); // a state is as large as an i64
  StringAttr axis = plan.stateAxis();
  Value offset = e.mul(part.start, strideOf(target, axis));
  if (target.type.getRank() == 2)
    offset = e.add(offset, e.mul(entryIndex, strideOf(target, plan.entryAxis)));
  Value base = e.at(pair, pointers[target.buffer], offset), zero = e.f32(0.0);
  e.loop(e.i64(0), padded, 1, [&](Value i) {
    Value isToken = e.less(i, part.count);
    Value address = e.at(pair, base, e.mul(i, strideOf(target, axis)));
    e.store(e.select(isToken, e.load(f32, e.at(f32, state, i)), zero), address);
    e.store(e.select(isToken, e.load(f32, e.at(f32, stateSum, i)), zero), e.at(f32, address, 1));
  });
}

void KernelLowering::write(const View &target, StringAttr along, Value start, Value count,
                           StringAttr across, Value index) {
  Memory memory = memoryOf(target);
  Type element = memory.element, moved = e.memoryType(element), i32 = e.getI32Type();
  ArrayRef<StringAttr> axes = target.type.getAxes();
  Value stride = strideOf(target, along);
  auto listed = [&](Value position) -> Value {
    Value row = e.load(i32, e.at(i32, memory.list, e.mul(position, memory.listStride)));
    return arith::ExtSIOp::create(e, e.getI64Type(), row);
  };
  auto isRow = [&](Value row) { return e.compare(arith::CmpIPredicate::sge, row, e.i64(0)); };
  if (memory.list && target.list && axes[0] == along) {
    // The rows that the list names lie apart.
    Value offset = axes.size() == 2 ? e.mul(index, strideOf(target, across)) : e.i64(0);
    e.loop(e.i64(0), count, 1, [&](Value i) {
      Value row = listed(e.add(start, i));
      e.ifThen(isRow(row), [&] {
        staging.write(e, e.at(e.getF32Type(), rowBuffer, i),
                      e.at(moved, memory.base, e.add(offset, e.mul(row, stride))), e.i64(1),
                      e.i64(1), element);
      });
    });
    return;
  }
  auto writeAt = [&](Value row) {
    Value offset = e.mul(start, stride);
    if (axes.size() == 2)
      offset = e.add(offset, e.mul(row, strideOf(target, across)));
    staging.write(e, rowBuffer, e.at(moved, memory.base, offset), stride, count, element);
  };
  if (!target.list)
    return writeAt(index);
  Value row = listed(index);
  e.ifThen(isRow(row), [&] { writeAt(row); });
}
