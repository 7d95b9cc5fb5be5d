//===- Specialize.cpp - cce-specialize ---------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/transforms/Passes.h"
#include "dialect/CceOps.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/StringSwitch.h"

namespace mlir::cce {
#define GEN_PASS_DEF_SPECIALIZEPASS
#include "compiler/transforms/Passes.h.inc"
} // namespace mlir::cce

using namespace mlir;
using namespace mlir::cce;

namespace {
class SpecializePass : public cce::impl::SpecializePassBase<SpecializePass> {
public:
  using SpecializePassBase::SpecializePassBase;

  void runOnOperation() override {
    if (failed(keepKernel()) || failed(fillTransform()) || failed(setOperand()) ||
        failed(setConfig()))
      signalPassFailure();
  }

private:
  LogicalResult keepKernel() {
    if (kernel.empty())
      return success();
    if (!getOperation().lookupSymbol<KernelOp>(kernel))
      return getOperation().emitError("expected a kernel named '") << kernel << "', found none";
    for (KernelOp op : llvm::make_early_inc_range(getOperation().getOps<KernelOp>()))
      if (op.getSymName() != kernel)
        op.erase();
    return success();
  }

  LogicalResult fillTransform() {
    if (transform.empty())
      return success();
    auto hole = getOperation().lookupSymbol<TransformOp>("logit");
    if (!hole)
      return success();
    auto source = getOperation().lookupSymbol<TransformOp>(transform);
    if (!source || source.isDeclaration())
      return getOperation().emitError("expected a transform with a body named '")
             << transform << "', found " << (source ? "a declaration" : "none");
    if (source.getFunctionType() != hole.getFunctionType()) {
      InFlightDiagnostic diagnostic = source.emitError("expected '")
                                      << transform << "' to have the type of @logit, "
                                      << hole.getFunctionType() << ", got "
                                      << source.getFunctionType();
      diagnostic.attachNote(hole.getLoc()) << "@logit is declared here";
      return diagnostic;
    }
    IRMapping mapping;
    source.getBody().cloneInto(&hole.getBody(), mapping);
    return success();
  }

  LogicalResult setOperand() {
    if (operand.empty())
      return success();
    MLIRContext *context = &getContext();
    Type type = llvm::StringSwitch<Type>(operand)
                    .Case("bf16", BFloat16Type::get(context))
                    .Case("f16", Float16Type::get(context))
                    .Case("f32", Float32Type::get(context))
                    .Default({});
    if (!type)
      return getOperation().emitError("expected 'operand' to be bf16, f16 or f32, got '")
             << operand << "'";
    AttrTypeReplacer replacer;
    replacer.addReplacement([&](OperandType) { return type; });
    replacer.recursivelyReplaceElementsIn(getOperation(), /*replaceAttrs=*/true,
                                          /*replaceLocs=*/false, /*replaceTypes=*/true);
    return success();
  }

  LogicalResult setConfig() {
    if (config.empty())
      return success();
    auto attr = dyn_cast_or_null<ConfigAttr>(
        parseAttribute("#cce.config" + config, &getContext()));
    if (!attr)
      return getOperation().emitError("expected 'config' to be the text of a #cce.config, got '")
             << config << "'";
    for (KernelOp op : getOperation().getOps<KernelOp>())
      op.setConfigAttr(attr);
    return success();
  }
};
} // namespace
