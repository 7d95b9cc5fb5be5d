//===- Fragment.cpp - tiles in the registers of a warpgroup --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/Fragment.h"

using namespace mlir;
using namespace mlir::cce;

static int64_t bytesOf(Type element) {
  return isa<LseType>(element) ? 8 : element.getIntOrFloatBitWidth() / 8;
}

void FragmentEvaluator::setRows(Value newGroup, Value newWarpRow, Value lane) {
  group = newGroup;
  warpRow = newWarpRow;
  rows[0] = b.add(warpRow, b.shr(lane, 2));
  rows[1] = b.add(rows[0], 8);
  if (staged)
    for (int i = 0; i < StagedStore::rowsPerLane; ++i)
      rows[2 + i] = b.add(warpRow, staged->rowOfLane(i));
  rowValues.clear();
}

void FragmentEvaluator::setTile(Value newColumn, ArrayRef<Value> newAccumulator) {
  column = newColumn;
  accumulator.assign(newAccumulator.begin(), newAccumulator.end());
  tileValues.clear();
  rowSums.clear();
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
  if (auto view = dyn_cast_or_null<RowsOp>(op); view && getAxis(view.getCoord()) == product.nAxis)
    return listEntry(view.getView().getDefiningOp<GatherOp>(), position);
  if (auto onehot = dyn_cast_or_null<OnehotOp>(op)) {
    StringAttr axis = getAxis(onehot.getCoord());
    Value label = get(onehot.getLabels(), position);
    Value index = axis == product.nAxis ? getColumn(position.group, position.pair)
                                        : rows[position.half];
    return b.eq(label, b.add(index, arguments.origin(axis)));
  }
  emitError(tile.getLoc()) << "expected the element-wise part of a product kernel to be made of "
                              "cce.load, cce.map, cce.rows, cce.zero and cce.onehot on sm_90a";
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

std::pair<Value, Value> FragmentEvaluator::bufferRow(Value view, int index) {
  auto gather = view.getDefiningOp<GatherOp>();
  if (!gather)
    return {rows[index], Value()};
  Key key{gather.getResult().getAsOpaquePointer(), -1, index, -1};
  Value &row = rowValues[key];
  if (!row) {
    Value list = arguments.pointer(gather.getRows());
    row = b.load(b.i32(), b.offset(list, b.mul(b.sext64(rows[index]), b.c64(4))), 4);
  }
  return {row, b.ge(row, b.c32(0))};
}

Value FragmentEvaluator::listEntry(GatherOp gather, FragmentPosition position) {
  Value list = gather.getRows();
  auto keyAt = [&](int pair) {
    return Key{list.getAsOpaquePointer(), position.group, -1, pair};
  };
  Value &known = tileValues[keyAt(position.pair)];
  if (known)
    return known;
  // Two neighbours at once: lists hold whole tiles.
  Value index = b.sext64(column);
  if (cast<BufferType>(list.getType()).getRank() == 2)
    index = b.add(index, b.mul(b.sext64(group), arguments.stride(list)));
  Value start = b.offset(arguments.pointer(list), b.mul(index, b.c64(4)));
  Value both = b.load(VectorType::get(2, b.i32()), b.offset(start, 32 * position.group), 8);
  for (int pair = 0; pair < 2; ++pair)
    tileValues[keyAt(pair)] = b.extract(both, pair);
  return tileValues[keyAt(position.pair)];
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
    auto gather = load.getSource().getDefiningOp<GatherOp>();
    if (axis == product.mAxis) {
      std::tie(index, exists) = bufferRow(load.getSource(), position.half);
    } else if (gather) {
      index = listEntry(gather, position);
      exists = b.ge(index, b.c32(0));
    } else {
      index = getColumn(position.group, position.pair);
    }
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

/// Of `tokens` all rows exist, and hold zero beyond the extent.
void FragmentEvaluator::rowAddresses(Value target, int first, int count, Value firstColumn,
                                     SmallVectorImpl<Value> &addresses,
                                     SmallVectorImpl<Value> &exists) {
  Value base = arguments.pointer(target), stride = arguments.stride(target);
  int64_t size = bytesOf(cast<BufferType>(target.getType()).getElementType());
  for (int i = first; i < first + count; ++i) {
    auto [row, listed] = bufferRow(target, i);
    if (!listed && !isTokens(product.mAxis))
      listed = b.lt(row, arguments.extent(product.mAxis));
    exists.push_back(listed);
    Value index = b.add(b.mul(b.sext64(row), stride), b.sext64(firstColumn));
    addresses.push_back(b.offset(base, b.mul(index, b.c64(size))));
  }
}

void FragmentEvaluator::storeStaged(Value target, Value tileColumn, StagedStore::PairAt pairAt) {
  StagedStore store = product.reduce
                          ? StagedStore::inLoop(b, stagingArea.first, stagingArea.second)
                          : *staged;
  for (int i = 0; product.reduce && i < StagedStore::rowsPerLane; ++i)
    rows[2 + i] = b.add(warpRow, store.rowOfLane(i));
  SmallVector<Value, 4> addresses, exists;
  rowAddresses(target, 2, StagedStore::rowsPerLane, tileColumn, addresses, exists);
  store.store(pairAt, groups(), addresses, exists);
}

LogicalResult FragmentEvaluator::addToRowSums(StoreOp store, FragmentPosition position) {
  auto accumulate = store.getValue().getDefiningOp<AccumulateOp>();
  Value value = get(accumulate.getValue(), position);
  if (!value)
    return failure();
  // Behind the end of a list the kernel itself knows what is there; of other axes nothing is.
  if (product.nAxis != product.listAxis) {
    Value inside = b.lt(getColumn(position.group, position.pair), arguments.extent(product.nAxis));
    value = b.select(inside, value, b.cf(0.0));
  }
  Value &sum = rowSums[{store, position.half}][2 * (position.group % 2) + position.pair];
  sum = sum ? b.addf(sum, value) : value;
  return success();
}

LogicalResult FragmentEvaluator::storeRowSums(StoreOp store, Value tile, Value lane) {
  auto accumulate = store.getValue().getDefiningOp<AccumulateOp>();
  BufferType type = store.getTarget().getType();
  if (!accumulate.getState().getDefiningOp<ZeroOp>() || type.getRank() != 2 ||
      type.getAxes()[1] != product.mAxis || !isTokens(product.mAxis) || !type.getElementType().isF32())
    return store.emitOpError("expected sums of the tile at hand, stored as f32 over tiles and 'tokens' "
                             "on sm_90a, got ")
           << type;
  Value writes = b.eq(b.andi(lane, 3), b.c32(0));
  for (int half = 0; half < 2; ++half) {
    std::array<Value, 4> &sums = rowSums[{store, half}];
    if (!sums[0])
      return store.emitOpError("expected a store of a whole tile beside the sums of its rows on sm_90a");
    Value sum = b.addf(b.addf(sums[0], sums[1]), b.addf(sums[2], sums[3]));
    for (int64_t distance : {1, 2})
      sum = b.addf(sum, b.shuffleXor(sum, distance));
    Value entry = b.mul(b.sext64(tile), arguments.stride(store.getTarget()));
    Value index = b.add(entry, b.sext64(rows[half]));
    Value address = b.offset(arguments.pointer(store.getTarget()), b.mul(index, b.c64(4)));
    b.ifThen(writes, [&] { b.store(sum, address, 4); });
  }
  return success();
}

LogicalResult FragmentEvaluator::store(StoreOp store, Value tileColumn, ArrayRef<StoreOp> sums) {
  BufferType type = store.getTarget().getType();
  Type element = type.getElementType();
  if (type.getRank() != 2 || type.getAxes()[0] != product.mAxis || type.getAxes()[1] != product.nAxis)
    return store.emitOpError("expected a store over the axes of the product on sm_90a, '")
           << product.mAxis.getValue() << "' and '" << product.nAxis.getValue() << "'";
  int64_t size = bytesOf(element);
  Value extent = arguments.extent(product.nAxis), stride = arguments.stride(store.getTarget());
  Value base = arguments.pointer(store.getTarget());

  Value keep[2];
  if (isTokens(product.mAxis) && !store.getTarget().getDefiningOp<GatherOp>())
    for (int half = 0; half < 2; ++half)
      keep[half] = b.lt(rows[half], arguments.extent(product.mAxis));

  auto pairType = VectorType::get(2, element);
  SmallVector<Value> pairs[2];
  for (int group = 0; group < groups(); ++group)
    for (int half = 0; half < 2; ++half) {
      Value values[2];
      for (int pair = 0; pair < 2; ++pair) {
        values[pair] = get(store.getValue(), {group, half, pair});
        if (!values[pair])
          return failure();
        for (StoreOp sum : sums)
          if (failed(addToRowSums(sum, {group, half, pair})))
            return failure();
        if (keep[half])
          values[pair] = b.select(keep[half], values[pair], b.cf(0.0));
      }
      Value both = b.pair(values[0], values[1]);
      if (element != b.f32())
        both = arith::TruncFOp::create(b, pairType, both);
      pairs[half].push_back(both);
    }

  // Lists of rows are read here, at the end: before the product they would only take registers. What is
  // loaded is known in this branch alone.
  auto forEachRow = [&](llvm::function_ref<void(int, Value)> body) {
    auto known = rowValues;
    SmallVector<Value, 2> addresses, exists;
    rowAddresses(store.getTarget(), 0, 2, column, addresses, exists);
    for (int half = 0; half < 2; ++half) {
      auto storeRow = [&] { body(half, addresses[half]); };
      if (exists[half])
        b.ifThen(exists[half], storeRow);
      else
        storeRow();
    }
    rowValues = known;
  };
  auto storePairs = [&] {
    forEachRow([&](int half, Value address) {
      for (int group = 0; group < groups(); ++group)
        b.store(pairs[half][group], b.offset(address, 8 * group * size), 2 * size);
    });
  };
  // The library's own workspace holds whole tiles, and they are read as such.
  if (isReadBack(store)) {
    storePairs();
    return success();
  }
  auto storeRows = [&] {
    auto known = rowValues;
    storeStaged(store.getTarget(), tileColumn, [&](int half, int group) { return pairs[half][group]; });
    rowValues = known;
  };
  // Only where the whole tile exists and is aligned, which in matrices of the caller's it need not be.
  bool wholeRows = staged && size == 2;
  int64_t unit = wholeRows ? 16 : 2 * size;
  Value full = b.cmp(arith::CmpIPredicate::sle, b.add(tileColumn, product.tileN), extent);
  Value start = LLVM::PtrToIntOp::create(b, b.i64(), base);
  Value misfit = b.andi(b.ori(start, b.mul(stride, b.c64(size))), b.c64(unit - 1));
  Value fast = b.andi(full, b.eq(misfit, b.c64(0)));
  b.ifThenElse(fast, wholeRows ? PtxBuilder::Body(storeRows) : PtxBuilder::Body(storePairs), [&] {
    forEachRow([&](int half, Value address) {
      for (int group = 0; group < groups(); ++group)
        for (int pair = 0; pair < 2; ++pair)
          b.ifThen(b.lt(getColumn(group, pair), extent), [&] {
            b.store(b.extract(pairs[half][group], pair),
                    b.offset(address, (8 * group + pair) * size), size);
          });
    });
  });
  return success();
}
