//===- CpuLoader.cpp - brings an object file into this process ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/cpu/CpuLoader.h"

#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include <mutex>

using namespace mlir::cce;

struct CpuModule::Impl {
  std::unique_ptr<llvm::orc::LLJIT> jit;
  Entry entry = nullptr;
};

CpuModule::CpuModule(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
CpuModule::~CpuModule() = default;

CpuModule::Entry CpuModule::entry() const { return impl->entry; }

std::unique_ptr<CpuModule> CpuModule::load(const std::string &object, const std::string &entry,
                                           std::string &error) {
  static std::once_flag once;
  std::call_once(once, [] { llvm::InitializeNativeTarget(); });
  auto failed = [&](llvm::Error problem) {
    error = llvm::toString(std::move(problem));
    return nullptr;
  };
  auto buffer = llvm::MemoryBuffer::getMemBufferCopy(object, entry);
  // The linker trusts what it is given; refuse here what is not an object for this machine at all.
  auto file = llvm::object::ObjectFile::createObjectFile(buffer->getMemBufferRef());
  if (!file)
    return failed(file.takeError());
  auto target = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!target)
    return failed(target.takeError());
  if ((*file)->getArch() != target->getTargetTriple().getArch() || !(*file)->isELF()) {
    error = "expected an ELF object for " + target->getTargetTriple().str();
    return nullptr;
  }
  // One session per kernel: its memory goes when the kernel goes. There are no constructors to run,
  // so no platform.
  auto jit = llvm::orc::LLJITBuilder()
                 .setJITTargetMachineBuilder(std::move(*target))
                 .setPlatformSetUp(llvm::orc::setUpInactivePlatform)
                 .create();
  if (!jit)
    return failed(jit.takeError());
  // A lookup also reports on the session's error stream; the caller gets it as text instead.
  std::string reported;
  (*jit)->getExecutionSession().setErrorReporter(
      [&reported](llvm::Error problem) { reported += llvm::toString(std::move(problem)) + "; "; });
  if (llvm::Error problem = (*jit)->addObjectFile(std::move(buffer)))
    return failed(std::move(problem));
  auto address = (*jit)->lookup(entry);
  (*jit)->getExecutionSession().setErrorReporter(
      [](llvm::Error problem) { llvm::consumeError(std::move(problem)); });
  if (!address) {
    error = reported + llvm::toString(address.takeError());
    return nullptr;
  }
  auto impl = std::make_unique<Impl>();
  impl->jit = std::move(*jit);
  impl->entry = address->toPtr<Entry>();
  return std::unique_ptr<CpuModule>(new CpuModule(std::move(impl)));
}
