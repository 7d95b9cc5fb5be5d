//===- OverlapLaunches.cpp - cce-overlap-launches -------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/Manifest.h"
#include "compiler/nvptx/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace mlir::cce {
#define GEN_PASS_DEF_OVERLAPLAUNCHESPASS
#include "compiler/nvptx/Passes.h.inc"
} // namespace mlir::cce

using namespace mlir;
using namespace mlir::cce;

/// The intrinsics, behind nvvm.griddepcontrol, say that they touch no memory, so that loads could be moved in front of them.
static void clobberMemory(OpBuilder &builder, Location location, StringRef instruction) {
  LLVM::InlineAsmOp::create(builder, location, /*res=*/TypeRange(), /*operands=*/ValueRange(), instruction, "~{memory}",
                            /*has_side_effects=*/true, /*is_align_stack=*/false, LLVM::TailCallKind::None,
                            /*asm_dialect=*/nullptr, /*operand_attrs=*/nullptr);
}

namespace {
class OverlapLaunchesPass : public cce::impl::OverlapLaunchesPassBase<OverlapLaunchesPass> {
public:
  void runOnOperation() override {
    for (LLVM::LLVMFuncOp function : getOperation().getOps<LLVM::LLVMFuncOp>()) {
      auto manifest = function->getAttrOfType<DictionaryAttr>(manifestAttrName);
      if (!manifest || function.isExternal())
        continue;
      OpBuilder builder(&function.getBody().front(), function.getBody().front().begin());
      for (const char *instruction : {"griddepcontrol.wait;", "griddepcontrol.launch_dependents;"})
        clobberMemory(builder, function.getLoc(), instruction);
      NamedAttrList attributes(manifest);
      attributes.set("overlaps", builder.getI64IntegerAttr(1));
      function->setAttr(manifestAttrName, attributes.getDictionary(&getContext()));
    }
  }
};
} // namespace
