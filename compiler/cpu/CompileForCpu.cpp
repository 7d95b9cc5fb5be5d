//===- CompileForCpu.cpp - from a kernel to an object file --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/cpu/CompileForCpu.h"

#include "compiler/Manifest.h"
#include "compiler/cpu/CpuPipeline.h"
#include "compiler/cpu/HostCpu.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include <mutex>

using namespace mlir;
using namespace mlir::cce;

static std::unique_ptr<llvm::TargetMachine> createTargetMachine(std::string &error) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
  });
  llvm::Triple triple(llvm::sys::getProcessTriple());
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, hostCpu().name, hostCpu().features, llvm::TargetOptions(), llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Default, /*JIT=*/true));
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graph;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  // The lowering has written vectors and unrolled where it pays; what is left are scalar edges.
  tuning.LoopUnrolling = false;
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graph, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2).run(module, modules);
}

FailureOr<std::string> mlir::cce::emitObject(ModuleOp op) {
  std::string error;
  std::unique_ptr<llvm::TargetMachine> machine = createTargetMachine(error);
  if (!machine)
    return op.emitError("no back end for this machine in this build: ") << error;
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module = translateModuleToLLVMIR(op, context);
  if (!module)
    return failure();
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  for (llvm::Function &function : *module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", hostCpu().name);
    function.addFnAttr("target-features", hostCpu().features);
    // Some models prefer shorter vectors for code that uses few; ours is all vectors.
    function.addFnAttr("prefer-vector-width", std::to_string(hostCpu().vectorBits));
  }
  optimize(*module, *machine);
  llvm::SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::ObjectFile))
    return op.emitError("the back end for this machine can not write objects");
  passes.run(*module);
  return std::string(object.data(), object.size());
}

LogicalResult mlir::cce::compileForCpu(ModuleOp module, std::string &object,
                                       std::string &manifest) {
  PassManager manager(module.getContext());
  buildCpuPipeline(manager, hostCpu().vectorBits);
  if (failed(manager.run(module)))
    return failure();
  LLVM::LLVMFuncOp entry;
  for (LLVM::LLVMFuncOp function : module.getOps<LLVM::LLVMFuncOp>()) {
    auto attr = function->getAttrOfType<DictionaryAttr>(manifestAttrName);
    if (!attr)
      continue;
    if (entry)
      return module.emitError("expected one kernel, got '")
             << entry.getSymName() << "' and '" << function.getSymName() << "'";
    entry = function;
    manifest = printManifest(attr);
    function->removeAttr(manifestAttrName);
  }
  if (!entry)
    return module.emitError("expected a kernel, got none");
  FailureOr<std::string> code = emitObject(module);
  if (failed(code))
    return failure();
  object = std::move(*code);
  return success();
}
