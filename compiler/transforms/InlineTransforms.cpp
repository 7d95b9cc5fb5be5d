//===- InlineTransforms.cpp - cce-inline-transforms --------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/transforms/Passes.h"
#include "dialect/CceOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::cce {
#define GEN_PASS_DEF_INLINETRANSFORMSPASS
#include "compiler/transforms/Passes.h.inc"
} // namespace mlir::cce

using namespace mlir;
using namespace mlir::cce;

/// A map with the body of the transform, over the inputs that the body uses.
static void replaceByMap(ApplyOp apply, TransformOp transform) {
  Block &source = transform.getBody().front();
  SmallVector<Value> inputs;
  SmallVector<BlockArgument> used;
  for (auto [input, argument] : llvm::zip(apply.getInputs(), source.getArguments())) {
    if (argument.use_empty())
      continue;
    inputs.push_back(input);
    used.push_back(argument);
  }
  OpBuilder builder(apply);
  auto map = MapOp::create(builder, apply.getLoc(), apply.getType(), inputs);
  Block *body = builder.createBlock(&map.getBody());
  IRMapping mapping;
  for (BlockArgument argument : used)
    mapping.map(argument, body->addArgument(argument.getType(), argument.getLoc()));
  for (Operation &op : source)
    builder.clone(op, mapping);
  apply.replaceAllUsesWith(map.getResult());
  apply.erase();
}

/// Erases loads and gathers that nothing uses any more; they would keep kernel arguments alive.
static void eraseUnused(KernelOp kernel) {
  SmallVector<Operation *> candidates;
  kernel.walk([&](Operation *op) {
    if (isa<LoadOp, GatherOp, MapOp, OnehotOp>(op))
      candidates.push_back(op);
  });
  for (Operation *op : llvm::reverse(candidates))
    if (op->use_empty())
      op->erase();
}

namespace {
class InlineTransformsPass : public cce::impl::InlineTransformsPassBase<InlineTransformsPass> {
public:
  void runOnOperation() override {
    SymbolTableCollection symbols;
    SmallVector<ApplyOp> applies;
    getOperation().walk([&](ApplyOp apply) { applies.push_back(apply); });
    for (ApplyOp apply : applies) {
      auto transform =
          symbols.lookupNearestSymbolFrom<TransformOp>(apply, apply.getTransformAttr());
      if (transform.isDeclaration()) {
        apply.emitOpError("expected ") << apply.getTransformAttr() << " to have a body";
        return signalPassFailure();
      }
      if (apply.getDerivative()) {
        apply.emitOpError("expected derivatives to have been made by cce-derive-transforms");
        return signalPassFailure();
      }
      replaceByMap(apply, transform);
    }
    for (TransformOp transform :
         llvm::make_early_inc_range(getOperation().getOps<TransformOp>()))
      transform.erase();
    for (KernelOp kernel : getOperation().getOps<KernelOp>())
      eraseUnused(kernel);
  }
};
} // namespace
