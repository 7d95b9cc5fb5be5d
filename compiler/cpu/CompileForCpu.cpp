//===- CompileForCpu.cpp - from a kernel to an object file --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/cpu/CompileForCpu.h"

#include "compiler/Manifest.h"
#include "compiler/cpu/CpuPipeline.h"
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

static std::unique_ptr<llvm::TargetMachine> createTargetMachine(const HostCpu &cpu,
                                                                std::string &error) {
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
      triple, cpu.name, cpu.features, llvm::TargetOptions(), llvm::Reloc::PIC_, std::nullopt,
      llvm::CodeGenOptLevel::Default, /*JIT=*/true));
}

/// The lowering has written vectors, unrolled where it pays and hoisted what is invariant in its
/// own terms; what is left are addresses. The default pipelines take longer than code generation
/// and make the kernels no faster.
static constexpr const char *passes =
    "function(early-cse,instcombine<max-iterations=1;no-verify-fixpoint>,"
    "loop-mssa(loop-rotate,licm),early-cse,simplifycfg),globaldce";

static llvm::Error optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graph;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graph, modules);
  llvm::ModulePassManager manager;
  if (llvm::Error error = builder.parsePassPipeline(manager, passes))
    return error;
  manager.run(module, modules);
  return llvm::Error::success();
}

FailureOr<std::string> mlir::cce::emitObject(ModuleOp op, const HostCpu &cpu) {
  std::string error;
  std::unique_ptr<llvm::TargetMachine> machine = createTargetMachine(cpu, error);
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
    function.addFnAttr("target-cpu", cpu.name);
    function.addFnAttr("target-features", cpu.features);
    // Some models prefer shorter vectors for code that uses few; ours is all vectors.
    function.addFnAttr("prefer-vector-width", std::to_string(cpu.vectorBits));
  }
  if (llvm::Error problem = optimize(*module, *machine))
    return op.emitError("can not optimize: ") << llvm::toString(std::move(problem));
  llvm::SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager emitter;
  if (machine->addPassesToEmitFile(emitter, stream, nullptr, llvm::CodeGenFileType::ObjectFile))
    return op.emitError("the back end for this machine can not write objects");
  emitter.run(*module);
  return std::string(object.data(), object.size());
}

LogicalResult mlir::cce::compileForCpu(ModuleOp module, std::string &object, std::string &manifest,
                                       const HostCpu &cpu) {
  PassManager manager(module.getContext());
  buildCpuPipeline(manager, cpu.vectorBits);
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
  FailureOr<std::string> code = emitObject(module, cpu);
  if (failed(code))
    return failure();
  object = std::move(*code);
  return success();
}
