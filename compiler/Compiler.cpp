//===- Compiler.cpp - from a kernel's name to code and manifest -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/Compiler.h"

#include "compiler/KernelSources.h"
#include "compiler/Manifest.h"
#include "compiler/nvptx/EmitPtx.h"
#include "compiler/pipelines/Pipelines.h"
#include "compiler/pipelines/Registration.h"
#include "dialect/CceOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/SourceMgr.h"
#ifdef CCE_HAS_CPU_TARGET
#include "compiler/cpu/CompileForCpu.h"
#endif
#include <dlfcn.h>

using namespace mlir;
using namespace mlir::cce;

namespace {
/// One compilation: a context, the sources, and the diagnostics as text.
class Compilation {
public:
  explicit Compilation(const CompileRequest &request) : request(request), context(registry()) {
    context.disableMultithreading();
    context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
      llvm::raw_string_ostream stream(error);
      stream << diagnostic.getLocation() << ": " << diagnostic << '\n';
      for (Diagnostic &note : diagnostic.getNotes())
        stream << note.getLocation() << ": note: " << note << '\n';
    });
  }

  CompileResult run();

private:
  static const DialectRegistry &registry() {
    static const DialectRegistry *all = [] {
      auto *registry = new DialectRegistry;
      registerDialects(*registry);
      return registry;
    }();
    return *all;
  }

  LogicalResult parse(StringRef text, StringRef name);
  LogicalResult loadKernel();
  FailureOr<std::string> chooseTransform();
  std::string configText() const;
  LogicalResult emit(CompiledKernel &kernel);
  LogicalResult fail(const Twine &message) {
    error += (message + "\n").str();
    return failure();
  }

  const CompileRequest &request;
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::string error;
};
} // namespace

/// Adds the ops of a source file to the module.
LogicalResult Compilation::parse(StringRef text, StringRef name) {
  auto parsed = parseSourceString<ModuleOp>(text, ParserConfig(&context), name);
  if (!parsed)
    return failure();
  Block *target = module->getBody();
  for (Operation &op : llvm::make_early_inc_range(*parsed->getBody()))
    op.moveBefore(target, target->end());
  return success();
}

/// The file that defines the kernel: named after it, or after what its name starts with
/// (grad_embedding.mlir has grad_embedding_partial).
LogicalResult Compilation::loadKernel() {
  const KernelSource *best = nullptr;
  for (const KernelSource &source : kernelSources()) {
    StringRef stem = StringRef(source.name).drop_back(strlen(".mlir"));
    if (StringRef(request.kernel).starts_with(stem) &&
        (!best || source.name.size() > best->name.size()))
      best = &source;
  }
  if (!best)
    return fail("no kernel named '" + request.kernel + "'");
  return parse(best->text, best->name);
}

/// Makes the transform a symbol of the module and returns its name.
FailureOr<std::string> Compilation::chooseTransform() {
  if (!module->lookupSymbol<TransformOp>("logit"))
    return std::string();
  if (!StringRef(request.transform).contains("cce.transform")) {
    for (const KernelSource &source : kernelSources())
      if (source.name == "transforms.mlir" && failed(parse(source.text, source.name)))
        return failure();
    return request.transform;
  }
  OwningOpRef<ModuleOp> user =
      parseSourceString<ModuleOp>(request.transform, ParserConfig(&context), "transform");
  if (!user)
    return failure();
  auto transforms = user->getOps<TransformOp>();
  if (!llvm::hasSingleElement(transforms))
    return fail("expected the text of a transform to hold exactly one cce.transform");
  TransformOp transform = *transforms.begin();
  transform.setSymName("user_logit");
  transform->moveBefore(module->getBody(), module->getBody()->end());
  return std::string("user_logit");
}

std::string Compilation::configText() const {
  if (request.config.empty())
    return "";
  bool cpu = request.target == "cpu";
  auto value = [&](const char *name, int64_t otherwise) {
    auto found = request.config.find(name);
    return found == request.config.end() ? otherwise : found->second;
  };
  return llvm::formatv("<tile_m = {0}, tile_n = {1}, tile_k = {2}, stages = {3}, cluster = {4}, last_part = {5}>",
                       value("tile_m", 128), value("tile_n", 256), value("tile_k", cpu ? 256 : 64),
                       value("stages", cpu ? 1 : 4), value("cluster", 1), value("last_part", 1));
}

LogicalResult Compilation::emit(CompiledKernel &kernel) {
  if (request.target == "sm_90a") {
    PassManager manager(&context);
    buildSm90aPipeline(manager);
    if (failed(manager.run(*module)))
      return failure();
    gpu::GPUModuleOp gpuModule = *module->getOps<gpu::GPUModuleOp>().begin();
    for (LLVM::LLVMFuncOp function : gpuModule.getOps<LLVM::LLVMFuncOp>()) {
      auto manifest = function->getAttrOfType<DictionaryAttr>(manifestAttrName);
      if (function.getSymName() != request.kernel) {
        if (manifest)
          function->setAttr("cce.unused", UnitAttr::get(&context));
        continue;
      }
      if (!manifest)
        return fail("the kernel has no manifest");
      kernel.manifest = printManifest(manifest);
      function->removeAttr(manifestAttrName);
    }
    for (LLVM::LLVMFuncOp function :
         llvm::make_early_inc_range(gpuModule.getOps<LLVM::LLVMFuncOp>()))
      if (function->hasAttr("cce.unused"))
        function.erase();
    if (kernel.manifest.empty())
      return fail("no kernel named '" + request.kernel + "'");
    FailureOr<std::string> ptx = emitPtx(gpuModule);
    if (failed(ptx))
      return failure();
    kernel.code = std::move(*ptx);
    return success();
  }
#ifdef CCE_HAS_CPU_TARGET
  if (request.target == "cpu")
    return compileForCpu(*module, kernel.code, kernel.manifest);
#endif
  return fail("this build has no target '" + request.target + "'");
}

CompileResult Compilation::run() {
  CompileResult result;
  context.loadAllAvailableDialects();
  module = ModuleOp::create(UnknownLoc::get(&context));
  auto steps = [&]() -> LogicalResult {
    if (failed(loadKernel()))
      return failure();
    FailureOr<std::string> transform = chooseTransform();
    if (failed(transform))
      return failure();
    if (!module->getOps<KernelOp>().empty()) {
      PassManager manager(&context);
      buildPreparePipeline(manager, SpecializePassOptions{request.kernel, request.operand,
                                                          *transform, configText()});
      if (failed(manager.run(*module)))
        return failure();
    }
    return emit(result.kernel);
  };
  result.ok = succeeded(steps());
  result.error = std::move(error);
  return result;
}

CompileResult mlir::cce::compileKernel(const CompileRequest &request) {
  return Compilation(request).run();
}

std::string mlir::cce::compilerVersion() {
  // Everything that decides about the code, the kernel sources included, is in the file that this
  // function was loaded from; a new build is a new file.
  static const std::string version = [] {
    Dl_info info{};
    llvm::sys::fs::file_status status;
    if (!dladdr(reinterpret_cast<const void *>(&compileKernel), &info) || !info.dli_fname ||
        llvm::sys::fs::status(info.dli_fname, status))
      return std::string("llvm-" LLVM_VERSION_STRING " built-" __DATE__ " " __TIME__);
    return llvm::formatv("llvm-{0} {1} bytes of {2}", LLVM_VERSION_STRING, status.getSize(),
                         status.getLastModificationTime().time_since_epoch().count())
        .str();
  }();
  return version;
}
