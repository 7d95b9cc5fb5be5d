//===- Fragment.cpp - tiles in the registers of a warpgroup --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/Fragment.h"
#include <numbers>

using namespace mlir;
using namespace mlir::cce;

static int64_t bytesOf(Type element) {
  return isa<LseType>(element) ? 8 : element.getIntOrFloatBitWidth() / 8;
}

void FragmentEvaluator::setRows(Value newGroup, Value newWarpRow, Value newLane) {
  group = newGroup;
  warpRow = newWarpRow;
  lane = newLane;
  findRows(lane);
  rowValues.clear();
}

void FragmentEvaluator::setColumn(Value newColumn) {
  tileColumn = newColumn;
  findColumn(lane);
  tileValues.clear();
  rowSums.clear();
  tilePlaces.reset();
}

void FragmentEvaluator::findRows(Value here) {
  rows[0] = b.add(warpRow, b.shr(here, 2));
  rows[1] = b.add(rows[0], 8);
}

void FragmentEvaluator::findColumn(Value here) {
  column = b.add(tileColumn, b.mul(b.andi(here, 3), 2));
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
    if (axis != product.nAxis)
      return b.eq(label, b.add(rows[position.half], arguments.origin(axis)));
    // How far from the thread's first column is the same for all of them.
    Value &distance = tileValues[Key{onehot, -1, position.half, -1}];
    if (!distance)
      distance = b.sub(label, b.add(column, arguments.origin(axis)));
    return b.eq(distance, b.c32(8 * position.group + position.pair));
  }
  emitError(tile.getLoc()) << "expected the element-wise part of a product kernel to be made of "
                              "cce.load, cce.load_halves, cce.map, cce.rows, cce.zero and cce.onehot "
                              "on sm_90a";
  return {};
}

Value FragmentEvaluator::applyMap(MapOp map, FragmentPosition position) {
  SmallVector<Value> inputs;
  for (Value input : map.getInputs()) {
    inputs.push_back(get(input, position));
    if (!inputs.back())
      return {};
  }
  // What depends on the row alone is computed once, where the row's values are loaded.
  auto oncePerRow = [&](int kind, BlockArgument argument, Value input, auto emit) -> Value {
    auto type = dyn_cast<TileType>(map.getInputs()[argument.getArgNumber()].getType());
    if (type && llvm::is_contained(type.getAxes(), product.nAxis))
      return {};
    bool isRow = type && type.getRank() == 1;
    int half = isRow ? position.half : -1;
    Value &known = rowValues[Key{argument.getAsOpaquePointer(), -1, half, kind}];
    if (!known) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointAfterValue(input);
      known = emit();
    }
    return known;
  };
  auto inverse = [&](BlockArgument argument, Value divisor) {
    return oncePerRow(-1, argument, divisor, [&]() -> Value {
      return arith::DivFOp::create(b, b.cf(1.0), divisor);
    });
  };
  // One rounding of x·log2 e more, which is as small as that of x itself.
  auto exponent = [&](BlockArgument argument, Value x) {
    return oncePerRow(-2, argument, x, [&] { return b.mulf(x, b.cf(-std::numbers::log2e)); });
  };
  return emitMap(b, map, inputs, {inverse, exponent});
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

/// Of a row or of columns that are not there, those of another one: nothing looks at the value. Columns are even in number.
Value FragmentEvaluator::gatheredPair(LoadOp load, FragmentPosition position) {
  Value source = load.getSource();
  Value row = b.maxs(bufferRow(source, position.half).first, b.c32(0));
  Value last = b.sub(arguments.extent(product.nAxis), b.c32(2));
  Value first = b.mins(b.add(column, 8 * position.group), last);
  Value index = b.add(b.mul(b.sext64(row), arguments.stride(source)), b.sext64(first));
  int64_t size = bytesOf(cast<BufferType>(source.getType()).getElementType());
  return b.offset(arguments.pointer(source), b.mul(index, b.c64(size)));
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
  // tiles of rows and of columns, or a matrix of the caller's that a list gathers.
  Value address;
  if (load.getSource().getDefiningOp<GatherOp>()) {
    address = gatheredPair(load, position);
  } else {
    Value row = b.mul(b.sext64(rows[position.half]), arguments.stride(load.getSource()));
    Value start = b.offset(base, b.mul(b.add(row, b.sext64(column)), b.c64(size)));
    address = b.offset(start, 8 * position.group * size);
  }
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
std::pair<Value, Value> FragmentEvaluator::storedRow(Value target, int index, Value firstColumn) {
  auto [row, exists] = bufferRow(target, index);
  if (!exists && !isTokens(product.mAxis))
    exists = b.lt(row, arguments.extent(product.mAxis));
  Value first = b.add(b.mul(b.sext64(row), arguments.stride(target)), b.sext64(firstColumn));
  int64_t size = bytesOf(cast<BufferType>(target.getType()).getElementType());
  return {b.offset(arguments.pointer(target), b.mul(first, b.c64(size))), exists};
}

FragmentEvaluator::StagedRows FragmentEvaluator::stagedRows(Value target) {
  int64_t size = bytesOf(cast<BufferType>(target.getType()).getElementType());
  auto known = rowValues;
  StagedRows result;
  staged->beginPanel();
  Value firstColumn = b.add(tileColumn, staged->firstColumn());
  rows[2] = b.add(warpRow, staged->firstRow());
  for (int i = 0; i < StagedStore::rowsPerLane; ++i) {
    rows[2 + i] = b.add(rows[2], StagedStore::rowDistance * i);
    auto [address, isRow] = storedRow(target, 2 + i, firstColumn);
    if (i > 0 && !target.getDefiningOp<GatherOp>()) {
      Value distance = b.mul(arguments.stride(target), b.c64(StagedStore::rowDistance * size));
      address = b.offset(result.addresses.back(), distance);
    }
    result.addresses.push_back(address);
    result.exists.push_back(isRow);
  }
  rowValues = known;
  return result;
}

void FragmentEvaluator::storeRows(Value target, int first, ArrayRef<Value> (&pairs)[2]) {
  StagedRows rows = stagedRows(target);
  staged->storePanel(first, pairs, rows.addresses, rows.exists);
}

void FragmentEvaluator::inBranch(llvm::function_ref<void()> body) {
  auto ofRows = rowValues, ofTile = tileValues;
  body();
  rowValues = ofRows;
  tileValues = ofTile;
}

bool FragmentEvaluator::storesWholeTiles(StoreOp store) {
  Value target = store.getTarget();
  return staged && bytesOf(cast<BufferType>(target.getType()).getElementType()) == 2 && !isReadBack(store) &&
         !target.getDefiningOp<GatherOp>();
}

Value FragmentEvaluator::isWholeTile(StoreOp store) {
  Value end = b.mul(b.add(group, 1), product.tileM);
  Value rowsExist = b.cmp(arith::CmpIPredicate::sle, end, arguments.extent(product.mAxis));
  return b.andi(isWhole(store.getTarget(), 16), rowsExist);
}

LogicalResult FragmentEvaluator::storeWholeTile(StoreOp store, llvm::function_ref<void(int)> beside) {
  const StagedRows rows = stagedRows(store.getTarget());
  for (int first = 0; first < groups(); first += StagedStore::panelGroups) {
    SmallVector<Value> both[2];
    for (int group = first; group < first + StagedStore::panelGroups; ++group)
      for (int half = 0; half < 2; ++half) {
        both[half].push_back(storedPair(store, group, half));
        if (!both[half].back())
          return failure();
      }
    beside(first);
    ArrayRef<Value> pairs[2] = {both[0], both[1]};
    staged->storePanel(first, pairs, rows.addresses, rows.exists);
  }
  return success();
}

Value FragmentEvaluator::storedPair(StoreOp store, int group, int half, ArrayRef<StoreOp> sums) {
  Type element = store.getTarget().getType().getElementType();
  Value values[2];
  for (int pair = 0; pair < 2; ++pair) {
    values[pair] = get(store.getValue(), {group, half, pair});
    if (!values[pair])
      return {};
    for (StoreOp sum : sums)
      if (failed(addToRowSums(sum, {group, half, pair})))
        return {};
  }
  Value both = b.vector({values[0], values[1]});
  return element == b.f32() ? both : arith::TruncFOp::create(b, VectorType::get(2, element), both);
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

void FragmentEvaluator::ifExists(Value exists, Body body) {
  if (exists)
    b.ifThen(exists, body);
  else
    body();
}

Value FragmentEvaluator::isWhole(Value matrix, int64_t unit) {
  int64_t size = bytesOf(cast<BufferType>(matrix.getType()).getElementType());
  Value full = b.cmp(arith::CmpIPredicate::sle, b.add(tileColumn, product.tileN),
                     arguments.extent(product.nAxis));
  Value rowBytes = b.mul(arguments.stride(matrix), b.c64(size));
  Value start = LLVM::PtrToIntOp::create(b, b.i64(), arguments.pointer(matrix));
  Value misfit = b.andi(b.ori(start, rowBytes), b.c64(unit - 1));
  return b.andi(full, b.eq(misfit, b.c64(0)));
}

LogicalResult FragmentEvaluator::store(StoreOp store, ArrayRef<StoreOp> sums,
                                       llvm::function_ref<void(int)> beside) {
  BufferType type = store.getTarget().getType();
  Type element = type.getElementType();
  if (type.getRank() != 2 || type.getAxes()[0] != product.mAxis || type.getAxes()[1] != product.nAxis)
    return store.emitOpError("expected a store over the axes of the product on sm_90a, '")
           << product.mAxis.getValue() << "' and '" << product.nAxis.getValue() << "'";
  int64_t size = bytesOf(element);
  Value extent = arguments.extent(product.nAxis);

  Value keep[2];
  if (isTokens(product.mAxis) && !store.getTarget().getDefiningOp<GatherOp>())
    for (int half = 0; half < 2; ++half)
      keep[half] = b.lt(rows[half], arguments.extent(product.mAxis));

  auto pairType = VectorType::get(2, element);
  LogicalResult result = success();
  auto pairOf = [&](int group, int half) -> Value {
    if (failed(result)) // and has been diagnosed
      return LLVM::PoisonOp::create(b, pairType);
    Value both = storedPair(store, group, half, sums);
    if (!both) {
      result = failure();
      return LLVM::PoisonOp::create(b, pairType);
    }
    if (keep[half])
      both = b.select(keep[half], both, arith::ConstantOp::create(b, b.getZeroAttr(pairType)));
    return both;
  };
  bool wholeRows = staged && size == 2, readBack = isReadBack(store);
  // Lists of rows are read where rows are stored: before the product they would only take registers. And
  // what is loaded in a branch is known there alone.
  auto storePairs = [&](int first, ArrayRef<Value>(&pairs)[2]) {
    auto known = rowValues;
    for (int half = 0; half < 2; ++half) {
      auto [address, exists] = storedRow(store.getTarget(), half, column);
      ifExists(exists, [&, address = address] {
        for (auto [i, both] : llvm::enumerate(pairs[half]))
          b.store(both, b.offset(address, 8 * int64_t(first + i) * size), 2 * size);
      });
    }
    rowValues = known;
  };
  auto storeSingly = [&](int first, ArrayRef<Value>(&pairs)[2]) {
    auto known = rowValues;
    // These are the places of halves that other lanes hold; all have to have read theirs.
    if (product.hasStrips())
      b.syncWarp();
    for (int half = 0; half < 2; ++half) {
      auto [address, exists] = storedRow(store.getTarget(), half, column);
      ifExists(exists, [&, address = address] {
        for (auto [i, both] : llvm::enumerate(pairs[half]))
          for (int pair = 0; pair < 2; ++pair)
            b.ifThen(b.lt(getColumn(first + i, pair), extent), [&] {
              int64_t offset = (8 * int64_t(first + i) + pair) * size;
              b.store(b.extract(both, pair), b.offset(address, offset), size);
            });
      });
    }
    rowValues = known;
  };
  // The library's own workspace holds whole tiles, and they are read as such.
  Value whole = readBack ? Value() : isWhole(store.getTarget(), wholeRows ? 16 : 2 * size);
  forEachPanel([&](int first) {
    SmallVector<Value> both[2];
    for (int group = first; group < first + StagedStore::panelGroups; ++group)
      for (int half = 0; half < 2; ++half)
        both[half].push_back(pairOf(group, half));
    ArrayRef<Value> pairs[2] = {both[0], both[1]};
    if (beside)
      beside(first);
    if (readBack)
      return storePairs(first, pairs);
    b.ifThenElse(
        whole, [&] { wholeRows ? storeRows(store.getTarget(), first, pairs) : storePairs(first, pairs); },
        [&] { storeSingly(first, pairs); });
  });
  return result;
}

/// The branch that stores a panel keeps the assembler from computing the next before: it would run out
/// of registers.
void FragmentEvaluator::forEachPanel(llvm::function_ref<void(int)> body) {
  for (int first = 0; first < groups(); first += StagedStore::panelGroups) {
    takeHalves(first);
    body(first);
  }
}
