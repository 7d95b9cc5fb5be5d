//===- KernelPlan.cpp - the structure of a kernel, for the CPU ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/cpu/KernelPlan.h"

#include "compiler/cpu/Emitter.h"

using namespace mlir;
using namespace mlir::cce;
using namespace mlir::cce::cpu;

std::optional<View> mlir::cce::cpu::viewOf(Value value) {
  auto type = dyn_cast<BufferType>(value.getType());
  if (!type)
    return std::nullopt;
  if (auto argument = dyn_cast<BlockArgument>(value))
    return View{argument, BlockArgument(), type};
  auto gather = value.getDefiningOp<GatherOp>();
  if (!gather)
    return std::nullopt;
  auto source = dyn_cast<BlockArgument>(gather.getSource());
  auto rows = dyn_cast<BlockArgument>(gather.getRows());
  if (!source || !rows || gather.getRows().getType().getRank() != 1)
    return std::nullopt;
  return View{source, rows, type};
}

StringAttr KernelPlan::stateAxis() {
  if (!reduce)
    return {};
  return cast<TileType>(reduce.getResult().getType()).getAxes().front();
}

bool KernelPlan::isParallel(StringAttr axis) {
  return llvm::is_contained(parallel.getAxes(), axis);
}

namespace {
class Planner {
public:
  explicit Planner(KernelOp kernel) { plan.kernel = kernel; }

  FailureOr<KernelPlan> run() {
    plan.parallel = plan.kernel.getParallel();
    if (failed(scan(plan.parallel.getBodyBlock(), /*inReduce=*/false)) || failed(findPlane()) ||
        failed(checkProduct()) || failed(checkReduce()) || failed(checkLoads()) ||
        failed(checkStores()) || failed(checkPicks()) || failed(checkHalves()) || failed(chooseTiles()))
      return failure();
    findArguments();
    return plan;
  }

private:
  /// Sorts the ops of a block into the plan.
  LogicalResult scan(Block *block, bool inReduce) {
    for (Operation &op : *block) {
      if (auto reduce = dyn_cast<ReduceOp>(op)) {
        if (plan.reduce)
          return op.emitOpError("expected at most one cce.reduce in a kernel for the CPU");
        plan.reduce = reduce;
        if (failed(scan(reduce.getBodyBlock(), /*inReduce=*/true)))
          return failure();
      } else if (isa<MatmulOp, DotOp>(op)) {
        if (plan.product)
          return op.emitOpError("expected at most one product in a kernel for the CPU");
        plan.product = &op;
      } else if (auto load = dyn_cast<LoadOp>(op)) {
        plan.loads.push_back(load);
      } else if (auto store = dyn_cast<StoreOp>(op)) {
        (inReduce ? reducedStores : plan.stores).push_back(store);
      } else if (auto pick = dyn_cast<PickOp>(op)) {
        plan.picks.push_back(pick);
      } else if (isa<LoadHalvesOp, StoreHalvesOp>(op)) {
        if (inReduce)
          return op.emitOpError("expected no halves in a cce.reduce");
        if (auto load = dyn_cast<LoadHalvesOp>(op))
          plan.halvesLoads.push_back(load);
        else
          plan.halvesStores.push_back(cast<StoreHalvesOp>(op));
      } else if (auto map = dyn_cast<MapOp>(op)) {
        if (failed(checkMap(map)))
          return failure();
      } else if (!isa<OnehotOp, ZeroOp, LseInitOp, AccumulateOp, LseUpdateOp, YieldOp>(op)) {
        return op.emitOpError("expected an operation that the CPU target lowers");
      }
    }
    if (!inReduce && plan.reduce)
      plan.finishes = std::exchange(plan.stores, reducedStores);
    return success();
  }

  LogicalResult checkMap(MapOp map) {
    for (Operation &op : map.getBodyBlock()->without_terminator())
      if (!isa<arith::ConstantOp>(op) &&
          (!op.hasTrait<OpTrait::Vectorizable>() || op.getNumResults() != 1))
        return op.emitOpError("expected an element-wise operation in a cce.map for the CPU");
    return success();
  }

  /// Rows and columns: the axes that tiles span.
  LogicalResult findPlane() {
    SmallVector<StringAttr> spanned;
    TileType wide;
    auto visit = [&](Value value) {
      auto tile = dyn_cast<TileType>(value.getType());
      if (!tile)
        return;
      for (StringAttr axis : tile.getAxes())
        if (!llvm::is_contained(spanned, axis))
          spanned.push_back(axis);
      if (tile.getRank() == 2 && !wide)
        wide = tile;
    };
    plan.parallel.walk([&](Operation *op) {
      for (Value result : op->getResults())
        visit(result);
    });
    if (spanned.empty() || spanned.size() > 2)
      return plan.parallel.emitOpError("expected tiles that span one or two axes, got ")
             << spanned.size();
    plan.columnAxis = spanned.back();
    if (spanned.size() == 2) {
      if (!wide)
        return plan.parallel.emitOpError("expected a tile that spans both '")
               << spanned[0].getValue() << "' and '" << spanned[1].getValue() << "'";
      plan.rowAxis = wide.getAxes()[0];
      plan.columnAxis = wide.getAxes()[1];
    }
    for (Attribute attr : plan.parallel.getAxes()) {
      auto axis = cast<StringAttr>(attr);
      if (axis == plan.rowAxis || axis == plan.columnAxis)
        continue;
      if (plan.entryAxis)
        return plan.parallel.emitOpError("expected at most one axis that no tile spans, got '")
               << plan.entryAxis.getValue() << "' and '" << axis.getValue() << "'";
      plan.entryAxis = axis;
    }
    for (StringAttr axis : {plan.rowAxis, plan.columnAxis})
      if (axis && !plan.isParallel(axis) && !(plan.reduce && plan.reduce.getAxisAttr() == axis))
        return plan.parallel.emitOpError("expected a loop over '") << axis.getValue() << "'";
    return success();
  }

  LogicalResult checkProduct() {
    if (!plan.product)
      return success();
    auto read = [&](Value buffer, Value coord) -> FailureOr<Operand> {
      std::optional<View> view = viewOf(buffer);
      if (!view)
        return plan.product->emitOpError("expected operands that are kernel arguments or "
                                         "gathered from them");
      Type element = view->type.getElementType();
      if (!element.isF32() && !element.isBF16() && !element.isF16())
        return plan.product->emitOpError("expected operands of f32, bf16 or f16, got ") << element;
      return Operand{*view, getAxis(coord)};
    };
    auto take = [&](auto op) -> LogicalResult {
      FailureOr<Operand> lhs = read(op.getLhs(), op.getLhsCoord());
      FailureOr<Operand> rhs = read(op.getRhs(), op.getRhsCoord());
      if (failed(lhs) || failed(rhs))
        return failure();
      plan.lhs = *lhs;
      plan.rhs = *rhs;
      plan.contractedAxis = op.getContractedAxis();
      return success();
    };
    if (auto dot = dyn_cast<DotOp>(plan.product)) {
      if (plan.rowAxis || plan.reduce)
        return dot.emitOpError("expected tiles of one axis and no cce.reduce beside a cce.dot");
      return take(dot);
    }
    if (failed(take(cast<MatmulOp>(plan.product))))
      return failure();
    // The state of a reduction belongs to rows; a product may be computed either way round.
    plan.rowAxis = plan.lhs.axis;
    plan.columnAxis = plan.rhs.axis;
    if (plan.reduce && plan.reduce.getAxisAttr() == plan.rowAxis) {
      std::swap(plan.rowAxis, plan.columnAxis);
      std::swap(plan.lhs, plan.rhs);
    }
    return success();
  }

  LogicalResult checkReduce() {
    if (!plan.reduce)
      return success();
    auto state = cast<TileType>(plan.reduce.getResult().getType());
    if (!plan.rowAxis || state.getRank() != 1)
      return plan.reduce.emitOpError("expected a state that spans one axis of a plane of two, got ")
             << state;
    if (plan.reduce.getPart() && getAxis(plan.reduce.getPart()) != plan.entryAxis)
      return plan.reduce.emitOpError("expected the part to be of an axis that no tile spans");
    if (!plan.reduce.getPart() && plan.entryAxis)
      return plan.reduce.emitOpError("expected a part of '") << plan.entryAxis.getValue() << "'";
    if (plan.entryAxis && plan.reduce.getAxisAttr() != plan.columnAxis)
      return plan.reduce.emitOpError("expected a reduction along '")
             << plan.columnAxis.getValue() << "' where it is done in parts";
    plan.update = plan.reduce.getYield().getOperand(0).getDefiningOp();
    if (!plan.update || !isa<AccumulateOp, LseUpdateOp>(plan.update) ||
        plan.update->getOperand(0) != plan.reduce.getState() || !plan.reduce.getState().hasOneUse())
      return plan.reduce.emitOpError(
          "expected the body to yield one cce.accumulate or cce.lse_update of its state");
    // A sum over rows is taken column by column, and nothing else of the tile is looked at.
    if (!plan.stores.empty() && !isa<LseUpdateOp>(plan.update))
      return plan.stores[0].emitOpError("expected no store in a cce.reduce but beside a cce.lse_update");
    auto value = cast<TileType>(plan.update->getOperand(1).getType());
    if (value.getRank() != 2)
      return plan.update->emitOpError("expected a value that spans two axes, got ") << value;
    if (isa<LseUpdateOp>(plan.update) && plan.stateAxis() != plan.rowAxis)
      // Turn the plane: the lanes of a vector belong to one row then.
      std::swap(plan.rowAxis, plan.columnAxis);
    Operation *init = plan.reduce.getInit().getDefiningOp();
    if (!isa_and_nonnull<ZeroOp, LseInitOp>(init))
      return plan.reduce.emitOpError("expected a first state from cce.zero or cce.lse_init");
    return success();
  }

  LogicalResult checkLoads() {
    for (LoadOp load : plan.loads) {
      std::optional<View> view = viewOf(load.getSource());
      Type element = cast<BufferType>(load.getSource().getType()).getElementType();
      if (!view)
        return load.emitOpError("expected a kernel argument or rows gathered from one");
      if (!element.isF32() && !element.isBF16() && !element.isF16() && !element.isInteger(32))
        return load.emitOpError("expected elements of f32, bf16, f16 or i32, got ") << element;
      if (load.getCondition() && !isa<BlockArgument>(load.getCondition()))
        return load.emitOpError("expected the condition to be an argument of the kernel");
      for (StringAttr axis : view->type.getAxes())
        if (axis == plan.entryAxis)
          return load.emitOpError("expected no load along '") << axis.getValue() << "'";
      if (load.getResult().getType().getRank() == 0 && view->list)
        return load.emitOpError("expected a gathered buffer to span an axis");
    }
    return success();
  }

  LogicalResult checkStores() {
    for (StoreOp store : plan.stores) {
      auto tile = cast<TileType>(store.getValue().getType());
      if (tile.getRank() != (plan.rowAxis ? 2 : 1) || (plan.entryAxis && !plan.reduce))
        return store.emitOpError("expected a store that spans all axes of cce.parallel, got ")
               << tile;
      if (failed(checkTarget(store, tile)))
        return failure();
    }
    for (StoreOp store : plan.finishes) {
      auto tile = cast<TileType>(store.getValue().getType());
      if (tile.getRank() != 1 || tile.getAxes()[0] != plan.stateAxis())
        return store.emitOpError("expected a store of a tile along the axis of the state, got ")
               << tile;
      if (failed(checkTarget(store, tile)))
        return failure();
      if (isa<LseType>(tile.getElementType()) && store.getValue() != plan.reduce.getResult())
        return store.emitOpError("expected the state to be the result of the cce.reduce");
    }
    return success();
  }

  LogicalResult checkPicks() {
    for (PickOp pick : plan.picks) {
      if (!isa_and_nonnull<LseUpdateOp>(plan.update) || pick.getValue() != plan.update->getOperand(1))
        return pick.emitOpError("expected to pick from what a log-sum-exp is taken of");
      if (pick.getValue().getType().getAxes()[0] != plan.rowAxis)
        return pick.emitOpError("expected rows along the axis of the state, '")
               << plan.rowAxis.getValue() << "'";
      if (!isa<BlockArgument>(pick.getTarget()))
        return pick.emitOpError("expected the target to be a kernel argument");
    }
    return success();
  }

  LogicalResult checkHalves() {
    auto check = [&](auto op) -> LogicalResult {
      if (plan.reduce || !viewOf(op.getUpper()) || !isa<BlockArgument>(op.getLower()))
        return op.emitOpError("expected halves outside of a cce.reduce, the lower ones in a kernel argument");
      if (op.getUpper().getType().getAxes()[0] != plan.rowAxis)
        return op.emitOpError("expected halves whose rows are those of other tiles, along '")
               << plan.rowAxis.getValue() << "'";
      return success();
    };
    for (LoadHalvesOp load : plan.halvesLoads) {
      if (failed(check(load)))
        return failure();
      if (load.getCondition() && !isa<BlockArgument>(load.getCondition()))
        return load.emitOpError("expected the condition to be an argument of the kernel");
    }
    for (StoreHalvesOp store : plan.halvesStores)
      if (failed(check(store)))
        return failure();
    return success();
  }

  LogicalResult checkTarget(StoreOp store, TileType tile) {
    std::optional<View> view = viewOf(store.getTarget());
    if (!view)
      return store.emitOpError("expected a kernel argument or rows gathered from one");
    Type element = view->type.getElementType();
    if (!element.isF32() && !element.isBF16() && !element.isF16() && !element.isInteger(32) &&
        !isa<LseType>(element))
      return store.emitOpError("expected elements of f32, bf16, f16, i32 or !cce.lse, got ")
             << element;
    if (view->list && view->type.getRank() != tile.getRank())
      return store.emitOpError("expected a gathered target that the tile spans");
    return success();
  }

  LogicalResult chooseTiles() {
    TileSizes tiles{1024, 128, 256, 256, 64};
    if (ConfigAttr config = plan.kernel.getConfigAttr()) {
      tiles.rows = config.getTileM();
      tiles.columns = config.getTileN();
      tiles.steps = config.getTileK();
      auto check = [&](StringRef name, int64_t size, int64_t multiple) -> LogicalResult {
        if (size % multiple == 0 && size >= multiple && size <= 4096)
          return success();
        return plan.kernel.emitOpError("expected '")
               << name << "' to be a multiple of " << multiple << " up to 4096, got " << size;
      };
      if (failed(check("tile_m", tiles.rows, 64)) || failed(check("tile_n", tiles.columns, 64)) ||
          failed(check("tile_k", tiles.steps, lanes)))
        return failure();
    }
    tiles.group = std::max<int64_t>(tiles.group / tiles.rows, 1) * tiles.rows;
    plan.tiles = tiles;
    return success();
  }

  void findArguments() {
    llvm::SetVector<BlockArgument> used;
    plan.kernel.walk([&](Operation *op) {
      for (Value operand : op->getOperands())
        if (auto argument = dyn_cast<BlockArgument>(operand))
          if (argument.getOwner() == plan.kernel.getBodyBlock())
            used.insert(argument);
    });
    for (BlockArgument argument : plan.kernel.getBodyBlock()->getArguments())
      if (used.contains(argument))
        plan.arguments.insert(argument);
  }

  KernelPlan plan;
  SmallVector<StoreOp> reducedStores;
};
} // namespace

FailureOr<KernelPlan> mlir::cce::cpu::planKernel(KernelOp kernel) { return Planner(kernel).run(); }
