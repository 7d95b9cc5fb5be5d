//===- LowerDot.cpp - row by row dot products on a GPU -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// A warp per row: every lane multiplies 8 neighbouring elements (16 bytes of each operand) in turn, 5
// shuffles add up the lanes. Rows of both operands start at multiples of 16 bytes (the planner packs
// matrices whose rows do not).
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/Fragment.h"
#include "compiler/nvptx/Lowerings.h"

using namespace mlir;
using namespace mlir::cce;

namespace {
constexpr int64_t threads = 256;
constexpr int64_t perLane = 8;

class DotLowering {
public:
  DotLowering(PtxBuilder &b, KernelOp kernel, DotOp dot)
      : b(b), kernel(kernel), dot(dot), arguments(b, kernel, threads) {}

  LogicalResult lower();

private:
  Value rowOf(Value view, Value index);
  Value rowAddress(Value view, Value row);
  Value product(Value index);
  /// The value of a tile over the row axis at the warp's row.
  Value get(Value tile, Value index);

  PtxBuilder &b;
  KernelOp kernel;
  DotOp dot;
  KernelArguments arguments;
  DenseMap<Value, Value> known;
};
} // namespace

/// The row of the underlying buffer; a list's negative entry becomes row 0, whose result is not
/// looked at.
Value DotLowering::rowOf(Value view, Value index) {
  auto gather = view.getDefiningOp<GatherOp>();
  if (!gather)
    return index;
  Value address =
      b.offset(arguments.pointer(gather.getRows()), b.mul(b.sext64(index), b.c64(4)));
  return b.maxs(b.load(b.i32(), address, 4), b.c32(0));
}

Value DotLowering::rowAddress(Value view, Value row) {
  Value offset = b.mul(b.sext64(row), arguments.stride(view));
  return b.offset(arguments.pointer(view), b.mul(offset, b.c64(2)));
}

Value DotLowering::product(Value index) {
  Type element = dot.getLhs().getType().getElementType();
  auto eight = VectorType::get(perLane, element);
  Value lane = b.andi(b.threadId(), 31);
  Value extent = arguments.extent(dot.getContractedAxis());
  Value lhs = rowAddress(dot.getLhs(), rowOf(dot.getLhs(), index));
  Value rhs = rowAddress(dot.getRhs(), rowOf(dot.getRhs(), index));
  auto loop = b.loop(
      b.mul(lane, perLane), extent, b.c32(32 * perLane), {b.cf(0.0)},
      [&](Value column, ValueRange state) -> SmallVector<Value> {
        Value bytes = b.mul(b.sext64(column), b.c64(2));
        Value left = b.load(eight, b.offset(lhs, bytes), 16);
        Value right = b.load(eight, b.offset(rhs, bytes), 16);
        Value sum = state[0];
        for (int64_t i = 0; i < perLane; ++i) {
          Value x = arith::ExtFOp::create(b, b.f32(), b.extract(left, i));
          Value y = arith::ExtFOp::create(b, b.f32(), b.extract(right, i));
          // What lies between the last column and the next row is not part of either.
          sum = b.select(b.lt(b.add(column, i), extent), b.fma(x, y, sum), sum);
        }
        return {sum};
      });
  Value sum = loop[0];
  for (int64_t distance : {16, 8, 4, 2, 1})
    sum = b.addf(sum, b.shuffleXor(sum, distance));
  return sum;
}

Value DotLowering::get(Value tile, Value index) {
  if (auto argument = dyn_cast<BlockArgument>(tile))
    return arguments.scalar(argument);
  if (Value value = known.lookup(tile))
    return value;
  Value value;
  Operation *op = tile.getDefiningOp();
  if (op == dot.getOperation()) {
    value = product(index);
  } else if (auto load = dyn_cast<LoadOp>(op); load && !load.getCondition()) {
    BufferType type = load.getSource().getType();
    Value base = arguments.pointer(load.getSource());
    Value offset = type.getRank() == 0 ? b.c64(0) : b.sext64(rowOf(load.getSource(), index));
    Type element = type.getElementType();
    int64_t size = element.getIntOrFloatBitWidth() / 8;
    Value loaded = b.load(element, b.offset(base, b.mul(offset, b.c64(size))), size);
    bool widen = isa<FloatType>(element) && !element.isF32();
    value = widen ? arith::ExtFOp::create(b, b.f32(), loaded).getResult() : loaded;
  } else if (auto map = dyn_cast<MapOp>(op)) {
    SmallVector<Value> inputs;
    for (Value input : map.getInputs()) {
      inputs.push_back(get(input, index));
      if (!inputs.back())
        return {};
    }
    value = emitMap(b, map, inputs);
    if (!value)
      return {};
  } else {
    op->emitOpError("expected a cce.load, cce.map or cce.dot in a kernel of dot products on sm_90a");
    return {};
  }
  known[tile] = value;
  return value;
}

LogicalResult DotLowering::lower() {
  StringAttr axis = getAxis(dot.getLhsCoord());
  Value warpsPerBlock = b.c32(threads / 32);
  Value first = b.add(b.mul(b.blockId(), threads / 32), b.shr(b.threadId(), 5));
  Value step = b.mul(b.gridSize(), warpsPerBlock);
  Value leader = b.eq(b.andi(b.threadId(), 31), b.c32(0));
  bool ok = true;
  b.loop(first, arguments.extent(axis), step, {}, [&](Value index, ValueRange) -> SmallVector<Value> {
    for (StoreOp store : kernel.getParallel().getBodyBlock()->getOps<StoreOp>()) {
      Value value = get(store.getValue(), index);
      if (!value || store.getTarget().getType().getRank() != 1 ||
          !store.getTarget().getType().getElementType().isF32()) {
        if (value)
          store.emitOpError("expected a store to a rank-1 buffer of f32 on sm_90a");
        ok = false;
        return {};
      }
      Value address =
          b.offset(arguments.pointer(store.getTarget()), b.mul(b.sext64(index), b.c64(4)));
      b.ifThen(leader, [&] { b.store(value, address, 4); });
    }
    return {};
  });
  LLVM::ReturnOp::create(b, ValueRange());
  arguments.getManifest().set("cluster", 1);
  arguments.getManifest().set("shared_bytes", 0);
  arguments.getManifest().tile(axis.getValue(), threads / 32);
  arguments.finish();
  return success(ok);
}

LogicalResult mlir::cce::lowerDot(PtxBuilder &builder, KernelOp kernel) {
  auto dots = kernel.getParallel().getBodyBlock()->getOps<DotOp>();
  if (!llvm::hasSingleElement(dots))
    return kernel.emitOpError("expected one cce.dot per kernel on sm_90a");
  DotOp dot = *dots.begin();
  Type element = dot.getLhs().getType().getElementType();
  if (!element.isBF16() && !element.isF16())
    return dot.emitOpError("expected operands of bf16 or f16 on sm_90a, got ") << element;
  for (Value view : {Value(dot.getLhs()), Value(dot.getRhs())})
    if (cast<BufferType>(view.getType()).getAxes()[1] != dot.getContractedAxis())
      return dot.emitOpError("expected the contracted axis to be the last of both operands on sm_90a");
  return DotLowering(builder, kernel, dot).lower();
}
