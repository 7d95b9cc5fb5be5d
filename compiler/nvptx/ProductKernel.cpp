//===- ProductKernel.cpp - the parts of a kernel around one matrix product -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/ProductKernel.h"
#include "compiler/nvptx/KernelArguments.h"
#include "compiler/nvptx/StagedStore.h"

using namespace mlir;
using namespace mlir::cce;

static ProductOperand operandOf(Value view, StringAttr contracted) {
  ProductOperand operand;
  operand.gather = view.getDefiningOp<GatherOp>();
  operand.buffer = operand.gather ? operand.gather.getSource() : view;
  operand.kMajor = cast<BufferType>(view.getType()).getAxes()[1] == contracted;
  return operand;
}

bool mlir::cce::isReadBack(StoreOp store) {
  return llvm::any_of(store.getTarget().getUsers(), [](Operation *user) {
    auto load = dyn_cast<LoadOp>(user);
    return load && load.getSource().getType().getRank() == 2;
  });
}

int64_t ProductKernel::lowerBits() const {
  return cast<BufferType>(lowerHalves.getType()).getElementType().getIntOrFloatBitWidth();
}

bool ProductKernel::hasStrips() const { return lowerHalves && !isTokens(mAxis); }

bool ProductKernel::stagesStores() const {
  if (!saves.empty())
    return true;
  return llvm::any_of(reduce ? tileStores : stores, [](StoreOp store) {
    Type element = store.getTarget().getType().getElementType();
    return (element.isBF16() || element.isF16()) && !isReadBack(store);
  });
}

/// Finds the op and what it reads or writes. Halves belong to the thread that holds the element, so
/// there is one pair of buffers, and nothing else is written there but what is stored behind them.
template <typename OpT>
static LogicalResult findHalves(Block *block, ProductKernel &product, OpT &found) {
  for (OpT op : block->getOps<OpT>()) {
    Value upper = op.getUpper(), lower = op.getLower();
    bool isOther = product.upperHalves && (product.upperHalves != upper || product.lowerHalves != lower);
    if (found || product.reduce || isOther)
      return op.emitOpError("expected one pair of halves per kernel, not beside a reduction, on sm_90a");
    ArrayRef<StringAttr> axes = op.getUpper().getType().getAxes();
    if (axes[0] != product.mAxis || axes[1] != product.nAxis)
      return op.emitOpError("expected halves over the axes of the product on sm_90a, '")
             << product.mAxis.getValue() << "' and '" << product.nAxis.getValue() << "'";
    bool isQuarter = op.getLower().getType().getElementType().isInteger(4);
    if (isTokens(product.mAxis) == isQuarter)
      return op.emitOpError("expected lower halves of i8 where rows are 'tokens', and of i4 where they are "
                            "not, on sm_90a");
    if (lower.getDefiningOp<GatherOp>() || (isQuarter && upper.getDefiningOp<GatherOp>()))
      return op.emitOpError(isQuarter ? "expected halves that no list gathers where the lower ones are of "
                                        "i4 on sm_90a"
                                      : "expected lower halves that no list gathers on sm_90a");
    for (StoreOp store : product.stores)
      if (store.getTarget() != upper)
        return store.emitOpError("expected no store beside halves but to the upper ones on sm_90a");
    found = op;
    product.upperHalves = upper;
    product.lowerHalves = lower;
  }
  return success();
}

/// What the accumulators of a warpgroup, the ring of stages and the instruction shapes allow.
static LogicalResult verifyConfig(KernelOp kernel, const ProductKernel &product) {
  if (product.tileM != 128)
    return kernel.emitOpError("expected tile_m to be 128 on sm_90a, got ") << product.tileM;
  if (product.tileN % 64 != 0 || product.tileN > 256)
    return kernel.emitOpError("expected tile_n to be 64, 128, 192 or 256 on sm_90a, got ")
           << product.tileN;
  if (product.tileK != 64)
    return kernel.emitOpError("expected tile_k to be 64 on sm_90a, got ") << product.tileK;
  if (product.cluster != 1 && (product.cluster != 2 || product.tileN % 128 != 0))
    return kernel.emitOpError("expected cluster to be 1, or 2 with a tile_n of 128 or 256, on sm_90a, got ")
           << product.cluster << " with a tile_n of " << product.tileN;
  if (product.lastPart != 1 && !product.partAxis)
    return kernel.emitOpError("expected last_part to be 1 without parts of a reduction, on sm_90a, got ") << product.lastPart;
  int64_t bytes = product.stages * (product.tileM + product.tileN) * product.tileK * 2 + 1024;
  if (product.stagesStores())
    bytes += 8 * StagedStore::bytes;
  if (product.stages < 2 || bytes > 232448)
    return kernel.emitOpError("expected at least 2 stages that fit into 232448 bytes of shared "
                              "memory, got ")
           << product.stages << " stages of " << bytes << " bytes in all";
  return success();
}

FailureOr<ProductKernel> ProductKernel::match(KernelOp kernel) {
  ProductKernel product;
  product.kernel = kernel;
  product.parallel = kernel.getParallel();
  Block *body = product.parallel.getBodyBlock();
  for (ReduceOp op : body->getOps<ReduceOp>()) {
    if (product.reduce)
      return op.emitOpError("expected one reduction per kernel on sm_90a");
    product.reduce = op;
  }
  Block *inner = product.reduce ? product.reduce.getBodyBlock() : body;
  WalkResult walk = kernel.walk([&](MatmulOp op) {
    if (product.matmul || op->getBlock() != inner) {
      op.emitOpError("expected one product per kernel, in its innermost loop, on sm_90a");
      return WalkResult::interrupt();
    }
    product.matmul = op;
    return WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return failure();

  MatmulOp matmul = product.matmul;
  product.mAxis = getAxis(matmul.getLhsCoord());
  product.nAxis = getAxis(matmul.getRhsCoord());
  product.kAxis = matmul.getContractedAxis();
  product.lhs = operandOf(matmul.getLhs(), product.kAxis);
  product.rhs = operandOf(matmul.getRhs(), product.kAxis);
  product.elementType = matmul.getLhs().getType().getElementType();
  if (!product.elementType.isBF16() && !product.elementType.isF16())
    return matmul.emitOpError("expected operands of bf16 or f16 on sm_90a, got ")
           << product.elementType;
  for (ProductOperand operand : {product.lhs, product.rhs})
    if (operand.gather && !operand.hasListPerGroup() &&
        !isCounted(operand.gather.getRows().getType().getAxes()[0]))
      return operand.gather.emitOpError("expected a list along 'tokens' or 'classes' on sm_90a");
  if (product.lhs.hasListPerGroup())
    return product.lhs.gather.emitOpError(
        "expected lists per group of tokens for the second operand of a product on sm_90a");
  if (product.rhs.hasListPerGroup()) {
    product.listAxis = product.rhs.gather.getRows().getType().getAxes()[1];
    if (!isTokens(product.mAxis))
      return matmul.emitOpError("expected rows of 'tokens' where each group of them has a list on sm_90a");
  }

  WalkResult lists = kernel.walk([&](GatherOp gather) -> WalkResult {
    BufferType rows = gather.getRows().getType();
    if (rows.getRank() == 2 && rows.getAxes()[1] != product.listAxis)
      return gather.emitOpError("expected lists per group of tokens along the second operand's axis "
                                "that they gather, on sm_90a");
    return WalkResult::advance();
  });
  if (lists.wasInterrupted())
    return failure();

  for (StoreOp store : body->getOps<StoreOp>())
    (store.getValue().getDefiningOp<AccumulateOp>() ? product.rowSums : product.stores)
        .push_back(store);
  llvm::append_range(product.marks, inner->getOps<MarkOp>());
  llvm::append_range(product.tallies, inner->getOps<TallyOp>());
  llvm::append_range(product.picks, inner->getOps<PickOp>());
  llvm::append_range(product.saves, inner->getOps<SaveOp>());
  if (product.reduce)
    llvm::append_range(product.tileStores, inner->getOps<StoreOp>());
  if (failed(findHalves(inner, product, product.halvesLoad)) ||
      failed(findHalves(body, product, product.halvesStore)))
    return failure();
  if (product.reduce) {
    product.update = product.reduce.getYield().getOperand(0).getDefiningOp<LseUpdateOp>();
    if (!product.update || product.update.getState() != product.reduce.getState())
      return product.reduce.emitOpError(
          "expected a reduction of products to end in a cce.lse_update of its state on sm_90a");
    // Then there is no tile whose logits are all there at once.
    if (product.update.getReference() && (!product.marks.empty() || !product.tallies.empty() || !product.saves.empty()))
      return product.update.emitOpError("expected none of cce.mark, cce.tally and cce.save beside a reference on sm_90a");
    if (getAxis(product.reduce.getCoord()) != product.nAxis)
      return product.reduce.emitOpError("expected a reduction over the axis of the second operand, '")
             << product.nAxis.getValue() << "', on sm_90a";
    if (!product.rowSums.empty())
      return product.rowSums[0].emitOpError("expected no sums of a tile beside a reduction on sm_90a");
    if (Value part = product.reduce.getPart())
      product.partAxis = getAxis(part);
    for (StoreOp store : product.stores)
      if (store.getValue() != product.reduce.getResult())
        return store.emitOpError("expected the result of the reduction to be stored as it is on sm_90a");
  }
  for (Attribute axis : product.parallel.getAxes())
    if (axis != product.mAxis && axis != product.partAxis && (product.reduce || axis != product.nAxis))
      return product.parallel.emitOpError("expected the axes of the product, got '")
             << cast<StringAttr>(axis).getValue() << "'";

  ConfigAttr config = kernel.getConfigAttr();
  product.tileM = config ? config.getTileM() : 128;
  product.tileN = config ? config.getTileN() : 256;
  product.tileK = config ? config.getTileK() : 64;
  product.stages = config ? config.getStages() : 4;
  product.cluster = config ? config.getCluster() : 1;
  product.lastPart = config ? config.getLastPart() : 1;
  if (failed(verifyConfig(kernel, product)))
    return failure();
  if (product.listAxis && product.cluster != 1)
    return kernel.emitOpError("expected cluster to be 1 where each group of tokens has a list, because "
                              "blocks of a cluster share the second operand");
  return product;
}
