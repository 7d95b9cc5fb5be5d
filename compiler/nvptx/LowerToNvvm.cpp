//===- LowerToNvvm.cpp - cce-to-nvvm -------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/Lowerings.h"
#include "compiler/nvptx/Pace.h"
#include "compiler/nvptx/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::cce {
#define GEN_PASS_DEF_LOWERTONVVMPASS
#include "compiler/nvptx/Passes.h.inc"
} // namespace mlir::cce

using namespace mlir;
using namespace mlir::cce;

static constexpr StringLiteral sharedMemoryName = "cce_shared_memory";

/// The block's dynamic shared memory, at an alignment that the 128-byte swizzle's pattern of 1024
/// bytes wants.
static void declareSharedMemory(OpBuilder &builder, Location location) {
  auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), 0);
  LLVM::GlobalOp::create(builder, location, type, /*isConstant=*/false, LLVM::Linkage::External,
                         sharedMemoryName, Attribute(), /*alignment=*/1024,
                         static_cast<unsigned>(Space::Shared));
}

static LogicalResult lowerKernel(PtxBuilder &builder, KernelOp kernel) {
  for (BlockArgument argument : kernel.getBodyBlock()->getArguments())
    if (auto buffer = dyn_cast<BufferType>(argument.getType());
        buffer && isa<OperandType>(buffer.getElementType()))
      return kernel.emitOpError("expected element types fixed by cce-specialize, got !cce.operand for '")
             << kernel.getArgName(argument) << "'";
  bool hasProduct = false, hasDot = false;
  kernel.walk([&](Operation *op) {
    hasProduct |= isa<MatmulOp>(op);
    hasDot |= isa<DotOp>(op);
  });
  WalkResult supported = kernel.walk([&](Operation *op) -> WalkResult {
    if (isa<MarkOp>(op) && !hasProduct)
      return op->emitOpError("expected a mark of a product, on sm_90a");
    if (isa<SaveOp>(op) && (!hasProduct || !op->getParentOfType<ReduceOp>()))
      return op->emitOpError("expected a save of a product that a reduction takes in, on sm_90a");
    if (isa<TallyOp>(op) && (!hasProduct || !op->getParentOfType<ReduceOp>()))
      return op->emitOpError("expected to tally a product that a reduction takes in, on sm_90a");
    if (isa<PickOp>(op) && (!hasProduct || !op->getParentOfType<ReduceOp>()))
      return op->emitOpError("expected to pick from a product that a reduction takes in, on sm_90a");
    if (auto gather = dyn_cast<GatherOp>(op);
        gather && gather.getRows().getType().getRank() == 2 && !hasProduct)
      return op->emitOpError("expected a list per group of tokens beside a product, on sm_90a");
    return WalkResult::advance();
  });
  if (supported.wasInterrupted())
    return failure();
  if (hasProduct)
    return lowerProduct(builder, kernel, sharedMemoryName);
  if (hasDot)
    return lowerDot(builder, kernel);
  return lowerColumnSums(builder, kernel, sharedMemoryName);
}

namespace {
class LowerToNvvmPass : public cce::impl::LowerToNvvmPassBase<LowerToNvvmPass> {
public:
  void runOnOperation() override {
    SmallVector<KernelOp> kernels(getOperation().getOps<KernelOp>());
    if (kernels.empty())
      return;
    OpBuilder builder(&getContext());
    builder.setInsertionPointToEnd(getOperation().getBody());
    auto module = gpu::GPUModuleOp::create(builder, getOperation().getLoc(), "kernels");
    builder.setInsertionPointToStart(module.getBody());
    declareSharedMemory(builder, module.getLoc());
    Pace::declare(builder, module.getLoc());
    for (KernelOp kernel : kernels) {
      PtxBuilder body(kernel.getLoc(), &getContext());
      body.setInsertionPointToEnd(module.getBody());
      if (failed(lowerKernel(body, kernel)))
        return signalPassFailure();
      kernel.erase();
    }
  }
};
} // namespace
