//===- LowerToCpu.cpp - cce-to-cpu --------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/cpu/KernelLowering.h"
#include "compiler/cpu/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::cce {
#define GEN_PASS_DEF_LOWERTOCPUPASS
#include "compiler/cpu/Passes.h.inc"
} // namespace mlir::cce

using namespace mlir;
using namespace mlir::cce;

namespace {
class LowerToCpuPass : public cce::impl::LowerToCpuPassBase<LowerToCpuPass> {
public:
  using LowerToCpuPassBase::LowerToCpuPassBase;

  void runOnOperation() override {
    if (vectorBits != 256 && vectorBits != 512) {
      getOperation().emitError("expected 'vector-bits' to be 256 or 512, got ") << vectorBits;
      return signalPassFailure();
    }
    SmallVector<KernelOp> kernels(getOperation().getOps<KernelOp>());
    for (KernelOp kernel : kernels) {
      FailureOr<cpu::KernelPlan> plan = cpu::planKernel(kernel);
      if (failed(plan) || failed(cpu::KernelLowering(*plan, vectorBits).run()))
        return signalPassFailure();
      kernel.erase();
    }
  }
};
} // namespace
