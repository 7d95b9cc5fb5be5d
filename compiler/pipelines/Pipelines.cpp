//===- Pipelines.cpp - named sequences of passes --------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/pipelines/Pipelines.h"

#include "compiler/nvptx/EmitPtx.h"
#include "compiler/nvptx/Passes.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::cce;

void mlir::cce::buildPreparePipeline(OpPassManager &manager, const SpecializePassOptions &options) {
  manager.addPass(createSpecializePass(options));
  manager.addPass(createDeriveTransformsPass());
  manager.addPass(createInlineTransformsPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

void mlir::cce::buildSm90aPipeline(OpPassManager &manager) {
  manager.addPass(createLowerToNvvmPass());
  buildNvvmToLlvmPipeline(manager);
}

namespace {
/// The options of cce-specialize, on the command line of the pipeline.
struct PrepareOptions : public PassPipelineOptions<PrepareOptions> {
  Option<std::string> kernel{*this, "kernel", llvm::cl::desc("the kernel to keep")};
  Option<std::string> operand{*this, "operand", llvm::cl::desc("bf16, f16 or f32")};
  Option<std::string> transform{*this, "transform",
                                llvm::cl::desc("the transform that becomes @logit")};
  Option<std::string> config{*this, "config",
                             llvm::cl::desc("a #cce.config, its text after '#cce.config'")};
};
} // namespace

void mlir::cce::registerPipelines() {
  PassPipelineRegistration<PrepareOptions>(
      "cce-prepare", "one kernel for one element type and transform, element-wise parts inlined",
      [](OpPassManager &manager, const PrepareOptions &options) {
        buildPreparePipeline(manager, SpecializePassOptions{options.kernel, options.operand,
                                                            options.transform, options.config});
      });
  PassPipelineRegistration<>("cce-to-llvm-sm90a",
                             "from a prepared kernel to the llvm dialect in a gpu.module",
                             buildSm90aPipeline);
}
