//===- Fragment.cpp - tiles in the registers of a warpgroup --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/Fragment.h"

using namespace mlir;
using namespace mlir::cce;

static int64_t bytesOf(Type element) {
  return isa<LseType>(element) ? 8 : element.getIntOrFloatBitWidth() / 8;
}

void FragmentEvaluator::setRows(Value row) {
  rows[0] = row;
  rows[1] = b.add(row, 8);
  rowValues.clear();
}

void FragmentEvaluator::setTile(Value newColumn, ArrayRef<Value> newAccumulator) {
  column = newColumn;
  accumulator.assign(newAccumulator.begin(), newAccumulator.end());
  tileValues.clear();
}

FragmentEvaluator::Key FragmentEvaluator::keyOf(Value tile, FragmentPosition position) {
  Key key{tile.getAsOpaquePointer(), -1, -1, -1};
  auto type = dyn_cast<TileType>(tile.getType());
  for (StringAttr axis : type ? type.getAxes() : ArrayRef<StringAttr>()) {
    if (axis == product.mAxis)
      std::get<2>(key) = position.half;
    if (axis == product.nAxis) {
      std::get<1>(key) = position.group;
      std::get<3>(key) = position.pair;
    }
  }
  return key;
}

Value FragmentEvaluator::get(Value tile, FragmentPosition position) {
  if (!isa<TileType>(tile.getType()))
    return scalarOf(tile);
  Key key = keyOf(tile, position);
  if (auto known = rowValues.find(key); known != rowValues.end())
    return known->second;
  Value &value = tileValues[key];
  if (!value)
    value = compute(tile, position);
  return value;
}

void FragmentEvaluator::prefetchRows() {
  for (LoadOp load : product.matmul->getBlock()->getOps<LoadOp>()) {
    ArrayRef<StringAttr> axes = load.getType().getAxes();
    if (axes.size() > 1 || (axes.size() == 1 && axes[0] != product.mAxis))
      continue;
    for (int half = 0; half < 2; ++half) {
      FragmentPosition position{0, half, 0};
      rowValues[keyOf(load, position)] = loadElement(load, position);
    }
  }
  for (StoreOp store : product.stores)
    for (int half = 0; half < 2; ++half)
      bufferRow(store.getTarget(), half);
}

Value FragmentEvaluator::compute(Value tile, FragmentPosition position) {
  Operation *op = tile.getDefiningOp();
  if (isa_and_nonnull<MatmulOp>(op))
    return accumulator[position.registerIndex()];
  if (auto load = dyn_cast_or_null<LoadOp>(op))
    return loadElement(load, position);
  if (auto map = dyn_cast_or_null<MapOp>(op))
    return applyMap(map, position);
  if (isa_and_nonnull<ZeroOp>(op))
    return b.cf(0.0);
  if (auto onehot = dyn_cast_or_null<OnehotOp>(op)) {
    StringAttr axis = getAxis(onehot.getCoord());
    Value label = get(onehot.getLabels(), position);
    Value index = axis == product.nAxis ? getColumn(position.group, position.pair)
                                        : rows[position.half];
    return b.eq(label, b.add(index, arguments.origin(axis)));
  }
  emitError(tile.getLoc()) << "expected the element-wise part of a product kernel to be made of "
                              "cce.load, cce.map, cce.zero and cce.onehot on sm_90a";
  return {};
}

Value FragmentEvaluator::applyMap(MapOp map, FragmentPosition position) {
  SmallVector<Value> inputs;
  for (Value input : map.getInputs()) {
    inputs.push_back(get(input, position));
    if (!inputs.back())
      return {};
  }
  // A divisor that is the same for all elements is inverted once.
  return emitMap(b, map, inputs, [&](BlockArgument argument, Value divisor) -> Value {
    if (isa<TileType>(map.getInputs()[argument.getArgNumber()].getType()))
      return {};
    Value &inverse = rowValues[Key{argument.getAsOpaquePointer(), -1, -1, -1}];
    if (!inverse) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointAfterValue(divisor);
      inverse = arith::DivFOp::create(b, b.cf(1.0), divisor);
    }
    return inverse;
  });
}

Value FragmentEvaluator::toF32(Value value, Type element) {
  if (element.isF32() || !isa<FloatType>(element))
    return value;
  return arith::ExtFOp::create(b, b.f32(), value);
}

std::pair<Value, Value> FragmentEvaluator::bufferRow(Value view, int half) {
  auto gather = view.getDefiningOp<GatherOp>();
  if (!gather)
    return {rows[half], Value()};
  Key key{gather.getResult().getAsOpaquePointer(), -1, half, -1};
  Value &row = rowValues[key];
  if (!row) {
    Value list = arguments.pointer(gather.getRows());
    row = b.load(b.i32(), b.offset(list, b.mul(b.sext64(rows[half]), b.c64(4))), 4);
  }
  return {row, b.ge(row, b.c32(0))};
}

Value FragmentEvaluator::scalarOf(Value scalar) {
  if (auto argument = dyn_cast<BlockArgument>(scalar))
    return arguments.scalar(argument);
  return b.clone(*scalar.getDefiningOp())->getResult(0);
}

Value FragmentEvaluator::loadConditionally(LoadOp load, llvm::function_ref<Value()> emit) {
  if (!load.getCondition())
    return emit();
  return b.ifValues(
      scalarOf(load.getCondition()), [&] { return SmallVector<Value>{emit()}; },
      [&] {
        Type type = load.getType().getElementType();
        return SmallVector<Value>{arith::ConstantOp::create(b, b.getZeroAttr(type))};
      })[0];
}

Value FragmentEvaluator::loadElement(LoadOp load, FragmentPosition position) {
  BufferType type = load.getSource().getType();
  Type element = type.getElementType();
  int64_t size = bytesOf(element);
  Value base = arguments.pointer(load.getSource());
  if (type.getRank() == 0)
    return loadConditionally(load, [&] { return toF32(b.load(element, base, size), element); });

  if (type.getRank() == 1) {
    StringAttr axis = type.getAxes()[0];
    Value index, exists;
    if (axis == product.mAxis)
      std::tie(index, exists) = bufferRow(load.getSource(), position.half);
    else
      index = getColumn(position.group, position.pair);
    // Beyond the extent any address within will do: nothing looks at the value.
    if (exists)
      index = b.maxs(index, b.c32(0));
    else if (!isTokens(axis))
      index = b.mins(index, b.sub(arguments.extent(axis), b.c32(1)));
    Value address = b.offset(base, b.mul(b.sext64(index), b.c64(size)));
    return loadConditionally(load, [&] {
      Value value = toF32(b.load(element, address, size), element);
      if (!exists)
        return value;
      Value zero = arith::ConstantOp::create(b, b.getZeroAttr(value.getType()));
      return b.select(exists, value, zero);
    });
  }

  // Rank 2: two neighbours at once. Such buffers are the library's own workspace, which holds whole
  // tiles of rows and of columns.
  Value row = b.mul(b.sext64(rows[position.half]), arguments.stride(load.getSource()));
  Value start = b.offset(base, b.mul(b.add(row, b.sext64(column)), b.c64(size)));
  Value address = b.offset(start, 8 * position.group * size);
  Value both[2];
  if (load.getCondition()) {
    // As branches, LLVM would gather all these loads into one block, and hold twice the accumulators.
    if (!element.isF32()) {
      load.emitOpError("expected a conditional load of rank 2 to be of f32 on sm_90a");
      return {};
    }
    std::tie(both[0], both[1]) = b.loadPairIf(address, scalarOf(load.getCondition()));
  } else {
    Value vector = b.load(VectorType::get(2, element), address, 2 * size);
    for (int pair = 0; pair < 2; ++pair)
      both[pair] = toF32(b.extract(vector, pair), element);
  }
  for (int pair = 0; pair < 2; ++pair) {
    FragmentPosition neighbour{position.group, position.half, pair};
    tileValues[keyOf(load, neighbour)] = both[pair];
  }
  return tileValues[keyOf(load, position)];
}

/// Whether the kernel also loads tiles of the product's plane from the buffer.
bool FragmentEvaluator::isReadBack(Value buffer) {
  return llvm::any_of(buffer.getUsers(), [](Operation *user) {
    auto load = dyn_cast<LoadOp>(user);
    return load && load.getSource().getType().getRank() == 2;
  });
}

LogicalResult FragmentEvaluator::store(StoreOp store, Value tileColumn) {
  BufferType type = store.getTarget().getType();
  Type element = type.getElementType();
  if (type.getRank() != 2 || type.getAxes()[0] != product.mAxis || type.getAxes()[1] != product.nAxis)
    return store.emitOpError("expected a store over the axes of the product on sm_90a, '")
           << product.mAxis.getValue() << "' and '" << product.nAxis.getValue() << "'";
  int64_t size = bytesOf(element);
  Value extent = arguments.extent(product.nAxis), stride = arguments.stride(store.getTarget());
  Value base = arguments.pointer(store.getTarget());

  // Which rows exist. Those of `tokens` all do, and hold zero beyond the extent.
  Value exists[2], addresses[2], keep[2];
  for (int half = 0; half < 2; ++half) {
    auto [row, listed] = bufferRow(store.getTarget(), half);
    exists[half] = listed;
    if (!listed && isTokens(product.mAxis))
      keep[half] = b.lt(row, arguments.extent(product.mAxis));
    else if (!listed)
      exists[half] = b.lt(row, arguments.extent(product.mAxis));
    Value index = b.add(b.mul(b.sext64(row), stride), b.sext64(column));
    addresses[half] = b.offset(base, b.mul(index, b.c64(size)));
  }

  auto pairType = VectorType::get(2, element);
  SmallVector<Value> pairs[2];
  for (int group = 0; group < groups(); ++group)
    for (int half = 0; half < 2; ++half) {
      Value values[2];
      for (int pair = 0; pair < 2; ++pair) {
        values[pair] = get(store.getValue(), {group, half, pair});
        if (!values[pair])
          return failure();
        if (keep[half])
          values[pair] = b.select(keep[half], values[pair], b.cf(0.0));
      }
      Value both = b.pair(values[0], values[1]);
      if (element != b.f32())
        both = arith::TruncFOp::create(b, pairType, both);
      pairs[half].push_back(both);
    }

  auto whereRowExists = [&](int half, PtxBuilder::Body body) {
    if (exists[half])
      b.ifThen(exists[half], body);
    else
      body();
  };
  auto storePairs = [&] {
    for (int half = 0; half < 2; ++half)
      whereRowExists(half, [&] {
        for (int group = 0; group < groups(); ++group)
          b.store(pairs[half][group], b.offset(addresses[half], 8 * group * size), 2 * size);
      });
  };
  // The library's own workspace holds whole tiles, and they are read as such.
  if (isReadBack(store.getTarget())) {
    storePairs();
    return success();
  }
  // Neighbours go out together where the whole tile exists and pairs are aligned, which on matrices
  // of the caller's they need not be.
  Value full = b.cmp(arith::CmpIPredicate::sle, b.add(tileColumn, product.tileN), extent);
  Value start = LLVM::PtrToIntOp::create(b, b.i64(), base);
  Value misfit = b.ori(b.andi(stride, b.c64(1)), b.andi(start, b.c64(2 * size - 1)));
  Value fast = b.andi(full, b.eq(misfit, b.c64(0)));
  b.ifThenElse(fast, storePairs, [&] {
    for (int half = 0; half < 2; ++half)
      whereRowExists(half, [&] {
        for (int group = 0; group < groups(); ++group)
          for (int pair = 0; pair < 2; ++pair)
            b.ifThen(b.lt(getColumn(group, pair), extent), [&] {
              b.store(b.extract(pairs[half][group], pair),
                      b.offset(addresses[half], (8 * group + pair) * size), size);
            });
      });
  });
  return success();
}
