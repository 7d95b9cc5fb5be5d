//===- LowerColumnSums.cpp - sums over the rows of a matrix on a GPU -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// A block of 32 warps takes 32 columns: warp w adds up rows w, w + 32, ..., then warp 0 adds up the
// warps through shared memory, in a fixed order.
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/Fragment.h"
#include "compiler/nvptx/Lowerings.h"

using namespace mlir;
using namespace mlir::cce;

namespace {
constexpr int64_t threads = 1024, columns = 32, warps = 32;

/// parallel v { reduce i { load; accumulate }; [map;] store }
struct ColumnSums {
  KernelOp kernel;
  ReduceOp reduce;
  LoadOp load;
  StoreOp store;

  static FailureOr<ColumnSums> match(KernelOp kernel) {
    ColumnSums sums;
    sums.kernel = kernel;
    Block *body = kernel.getParallel().getBodyBlock();
    auto reduces = body->getOps<ReduceOp>();
    auto stores = body->getOps<StoreOp>();
    if (!llvm::hasSingleElement(reduces) || !llvm::hasSingleElement(stores))
      return kernel.emitOpError("expected a kernel without product to be one reduction and one store "
                                "on sm_90a");
    sums.reduce = *reduces.begin();
    sums.store = *stores.begin();
    auto accumulate = sums.reduce.getYield().getOperand(0).getDefiningOp<AccumulateOp>();
    if (accumulate)
      sums.load = accumulate.getValue().getDefiningOp<LoadOp>();
    if (!sums.load || sums.load.getCondition() ||
        sums.load.getType().getAxes()[0] != sums.reduce.getAxisAttr())
      return sums.reduce.emitOpError("expected the reduction to accumulate a loaded tile along its "
                                     "first axis on sm_90a");
    if (!sums.reduce.getInit().getDefiningOp<ZeroOp>() || sums.reduce.getPart())
      return sums.reduce.emitOpError("expected the reduction to start from cce.zero on sm_90a");
    return sums;
  }
};
} // namespace

/// The value to store, from the sum: the sum itself or maps of it and of rank-0 loads.
static Value finalValue(PtxBuilder &b, KernelArguments &arguments, Value tile, ReduceOp reduce,
                        Value sum) {
  if (tile == reduce.getResult())
    return sum;
  if (auto argument = dyn_cast<BlockArgument>(tile))
    return arguments.scalar(argument);
  if (auto load = tile.getDefiningOp<LoadOp>(); load && load.getSource().getType().getRank() == 0)
    return b.load(b.f32(), arguments.pointer(load.getSource()), 4);
  auto map = tile.getDefiningOp<MapOp>();
  if (!map) {
    emitError(tile.getLoc()) << "expected a map of the sum on sm_90a";
    return {};
  }
  SmallVector<Value> inputs;
  for (Value input : map.getInputs()) {
    inputs.push_back(finalValue(b, arguments, input, reduce, sum));
    if (!inputs.back())
      return {};
  }
  return emitMap(b, map, inputs);
}

LogicalResult mlir::cce::lowerColumnSums(PtxBuilder &b, KernelOp kernel, StringRef sharedMemory) {
  FailureOr<ColumnSums> sums = ColumnSums::match(kernel);
  if (failed(sums))
    return failure();
  KernelArguments arguments(b, kernel, threads);
  BufferType type = sums->load.getSource().getType();
  Type element = type.getElementType();
  int64_t size = element.getIntOrFloatBitWidth() / 8;
  StringAttr rowAxis = type.getAxes()[0], columnAxis = type.getAxes()[1];

  Value shared = LLVM::AddressOfOp::create(b, b.ptr(Space::Shared), sharedMemory);
  Value thread = b.threadId(), lane = b.andi(thread, 31), warp = b.shr(thread, 5);
  Value extent = arguments.extent(columnAxis), rows = arguments.extent(rowAxis);
  Value tiles = b.ceilDiv(extent, columns);
  bool ok = true;
  b.loop(b.blockId(), tiles, b.gridSize(), {}, [&](Value tile, ValueRange) -> SmallVector<Value> {
    Value column = b.add(b.mul(tile, columns), lane);
    Value inside = b.mins(column, b.sub(extent, b.c32(1)));
    Value base = b.offset(arguments.pointer(sums->load.getSource()),
                          b.mul(b.sext64(inside), b.c64(size)));
    Value stride = b.mul(arguments.stride(sums->load.getSource()), b.c64(size));
    auto partial = b.loop(warp, rows, b.c32(warps), {b.cf(0.0)},
                          [&](Value row, ValueRange state) -> SmallVector<Value> {
                            Value address = b.offset(base, b.mul(b.sext64(row), stride));
                            Value value = b.load(element, address, size);
                            if (!element.isF32())
                              value = arith::ExtFOp::create(b, b.f32(), value);
                            return {b.addf(state[0], value)};
                          });
    b.store(partial[0], b.offset(shared, b.mul(thread, 4)), 4);
    b.barrier();
    b.ifThen(b.andi(b.eq(warp, b.c32(0)), b.lt(column, extent)), [&] {
      auto total = b.loop(b.c32(0), b.c32(warps), b.c32(1), {b.cf(0.0)},
                          [&](Value each, ValueRange state) -> SmallVector<Value> {
                            Value index = b.add(b.mul(each, columns), lane);
                            Value part = b.load(b.f32(), b.offset(shared, b.mul(index, 4)), 4);
                            return {b.addf(state[0], part)};
                          });
      Value value = finalValue(b, arguments, sums->store.getValue(), sums->reduce, total[0]);
      if (!value) {
        ok = false;
        return;
      }
      Value address = b.offset(arguments.pointer(sums->store.getTarget()),
                               b.mul(b.sext64(column), b.c64(4)));
      b.store(value, address, 4);
    });
    b.barrier();
    return {};
  });
  LLVM::ReturnOp::create(b, ValueRange());
  arguments.getManifest().set("cluster", 1);
  arguments.getManifest().set("shared_bytes", 4 * threads);
  arguments.getManifest().tile(columnAxis.getValue(), columns);
  arguments.finish();
  return success(ok);
}
