//===- Evaluator.cpp - tiles as vectors of elements ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/cpu/Evaluator.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::cce;
using namespace mlir::cce::cpu;

static bool spans(Value tile, StringAttr axis) {
  auto type = dyn_cast<TileType>(tile.getType());
  return type && llvm::is_contained(type.getAxes(), axis);
}

void Evaluator::hoist(Value tile, const Position &at, Cache &cache) {
  if (!spans(tile, at.vectorAxis)) {
    evaluate(tile, at, cache);
    return;
  }
  if (lines.contains(tile) || planes.contains(tile))
    return;
  if (Operation *op = tile.getDefiningOp())
    for (Value operand : op->getOperands())
      if (isa<TileType>(operand.getType()) || !isa<CoordType>(operand.getType()))
        hoist(operand, at, cache);
}

Value Evaluator::evaluate(Value tile, const Position &at, Cache &cache) {
  if (Value known = cache.lookup(tile))
    return known;
  Value vector = compute(tile, at, cache);
  cache[tile] = vector;
  return vector;
}

Value Evaluator::compute(Value tile, const Position &at, Cache &cache) {
  if (Value scalar = scalars.lookup(tile))
    return e.splat(scalar);
  if (Value base = lines.lookup(tile))
    return load(tile, base, at);
  if (auto plane = planes.find(tile); plane != planes.end()) {
    Value row =
        plane->second.firstRow ? e.sub(at.scalarIndex, plane->second.firstRow) : at.scalarIndex;
    return load(tile, e.at(e.getF32Type(), plane->second.base, e.mul(row, plane->second.pitch)),
                at);
  }
  Operation *op = tile.getDefiningOp();
  if (auto mapOp = dyn_cast_or_null<MapOp>(op))
    return map(mapOp, at, cache);
  if (auto onehotOp = dyn_cast_or_null<OnehotOp>(op))
    return onehot(onehotOp, at, cache);
  if (isa_and_nonnull<ZeroOp>(op))
    return e.splatF32(0.0);
  if (op)
    op->emitOpError("expected a tile whose elements the CPU target can compute one by one");
  else
    emitError(tile.getLoc(), "expected a tile whose elements the CPU target can compute");
  failed = true;
  return e.splatF32(0.0);
}

Value Evaluator::load(Value tile, Value base, const Position &at) {
  auto type = cast<TileType>(tile.getType());
  Type element = type.getElementType();
  if (spans(tile, at.vectorAxis))
    return e.load(e.vec(element), e.at(element, base, at.vectorIndex));
  return e.splat(e.load(element, e.at(element, base, at.scalarIndex)));
}

static Value splatConstant(Emitter &e, arith::ConstantOp constant) {
  return arith::ConstantOp::create(
      e,
      DenseElementsAttr::get(e.vec(constant.getType()), ArrayRef<Attribute>(constant.getValue())));
}

Value Evaluator::map(MapOp op, const Position &at, Cache &cache) {
  IRMapping mapping;
  Block *body = op.getBodyBlock();
  for (auto [input, argument] : llvm::zip(op.getInputs(), body->getArguments()))
    mapping.map(argument, evaluate(input, at, cache));
  // Constants, which canonicalisation moves out of the map, and other scalars of the kernel.
  auto captured = [&](Value value) {
    if (mapping.contains(value))
      return;
    auto constant = value.getDefiningOp<arith::ConstantOp>();
    mapping.map(value, constant ? splatConstant(e, constant) : evaluate(value, at, cache));
  };
  for (Operation &inner : *body) {
    for (Value operand : inner.getOperands())
      captured(operand);
    if (isa<YieldOp, arith::ConstantOp>(inner))
      continue;
    Operation *wide = e.clone(inner, mapping);
    wide->getResult(0).setType(e.vec(inner.getResult(0).getType()));
  }
  return mapping.lookup(body->getTerminator()->getOperand(0));
}

Value Evaluator::onehot(OnehotOp op, const Position &at, Cache &cache) {
  Type i32 = e.getI32Type();
  auto narrow = [&](Value index) -> Value { return arith::TruncIOp::create(e, i32, index); };
  StringAttr axis = getAxis(op.getCoord());
  Value labels = evaluate(op.getLabels(), at, cache);
  // Labels are i32, so an index within an axis is one, too. Label -1 names no entry: no index from
  // the start of the whole axis is negative.
  Value origin = origins.lookup(axis);
  Value index;
  if (axis == at.vectorAxis) {
    Value first = e.add(e.add(at.vectorStart, at.vectorIndex), origin);
    index = arith::AddIOp::create(e, e.splat(narrow(first)), e.iota());
  } else {
    index = e.splat(narrow(e.add(e.add(at.scalarStart, at.scalarIndex), origin)));
  }
  return arith::CmpIOp::create(e, arith::CmpIPredicate::eq, labels, index);
}
