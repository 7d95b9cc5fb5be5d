//===- InProcessCompiler.cpp - the compiler in this process ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/Compiler.h"
#include "runtime/kernels/KernelCompiler.h"
#ifdef CCE_HAS_CPU_TARGET
#include "compiler/cpu/CpuLoader.h"
#include "compiler/cpu/HostCpu.h"
#endif

namespace cce::rt {

namespace {

#ifdef CCE_HAS_CPU_TARGET
class JitKernel final : public LoadedCpuKernel {
public:
  explicit JitKernel(std::unique_ptr<mlir::cce::CpuModule> code) : code(std::move(code)) {}
  Entry entry() const override { return code->entry(); }

private:
  std::unique_ptr<mlir::cce::CpuModule> code;
};
#endif

class InProcessCompiler final : public KernelCompiler {
public:
  Expected<KernelCode> compile(const KernelRequest &request) override {
    mlir::cce::CompileRequest wanted;
    wanted.kernel = request.kernel;
    wanted.target = request.target;
    if (request.dtype != CCE_DTYPE_NONE)
      wanted.operand = dtypeName(request.dtype);
    if (!request.transform.empty())
      wanted.transform = request.transform;
    wanted.config = request.config;
    mlir::cce::CompileResult result = mlir::cce::compileKernel(wanted);
    if (!result.ok) {
      // The user's own text is the one thing here that can be wrong without a fault of ours.
      const bool userText = request.transform.find("cce.transform") != std::string::npos;
      return makeError(userText ? CCE_INVALID_ARGUMENT : CCE_INTERNAL,
                       userText ? "problem.transform: " : "compiling kernel ",
                       userText ? "" : request.kernel + ": ", result.error);
    }
    CCE_ASSIGN_OR_RETURN(Manifest manifest, Manifest::parse(result.kernel.manifest));
    return KernelCode{std::move(result.kernel.code), std::move(manifest)};
  }

  bool supports(std::string_view target) const override {
#ifdef CCE_HAS_CPU_TARGET
    return true;
#else
    return target != "cpu";
#endif
  }

  std::string version(std::string_view target) const override {
#ifdef CCE_HAS_CPU_TARGET
    if (target == "cpu")
      return mlir::cce::compilerVersion() + " " + mlir::cce::hostCpu().name + " " +
             mlir::cce::hostCpu().features;
#endif
    return mlir::cce::compilerVersion();
  }

  Expected<std::shared_ptr<LoadedCpuKernel>> load(const KernelCode &code) override {
#ifdef CCE_HAS_CPU_TARGET
    std::string error;
    auto module = mlir::cce::CpuModule::load(code.code, code.manifest.entry, error);
    if (!module)
      return makeError(CCE_INTERNAL, "loading kernel ", code.manifest.entry, ": ", error);
    return std::shared_ptr<LoadedCpuKernel>(std::make_shared<JitKernel>(std::move(module)));
#else
    return makeError(CCE_UNIMPLEMENTED, "this build has no CPU target");
#endif
  }

  std::string cpuDescription() const override {
#ifdef CCE_HAS_CPU_TARGET
    return mlir::cce::hostCpu().description;
#else
    return "not in this build";
#endif
  }
};

} // namespace

std::unique_ptr<KernelCompiler> createInProcessCompiler() {
  return std::make_unique<InProcessCompiler>();
}

} // namespace cce::rt
