//===- KernelCompiler.h - where kernels come from ---------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The one narrow door between the runtime and the compiler. runtime/jit/ implements it with the
// compiler in the same process; unit tests implement it with fakes.
//
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_KERNELS_KERNELCOMPILER_H
#define CCE_RUNTIME_KERNELS_KERNELCOMPILER_H

#include "runtime/kernels/KernelRequest.h"
#include "runtime/kernels/Manifest.h"
#include "runtime/support/Status.h"

#include <memory>
#include <string>
#include <string_view>

namespace cce::rt {

struct KernelCode {
  /// PTX text (sm_90a) or the bytes of a relocatable object (cpu).
  std::string code;
  Manifest manifest;
};

/// Machine code of a CPU kernel in this process, alive as long as this object.
class LoadedCpuKernel {
public:
  /// One slot per argument of the manifest, in its order.
  using Entry = void (*)(const uint64_t *slots);

  virtual ~LoadedCpuKernel() = default;
  virtual Entry entry() const = 0;
};

/// May be called from several threads at once.
class KernelCompiler {
public:
  virtual ~KernelCompiler() = default;

  virtual Expected<KernelCode> compile(const KernelRequest &request) = 0;

  /// Names the compiler and everything besides the request that the code depends on; for "cpu"
  /// also the processor and its features that code is generated for. Part of the cache key: two
  /// compilers with the same version must give the same code.
  virtual std::string version(std::string_view target) const = 0;

  /// Brings CPU code, just compiled or out of the cache, into this process. Code that was damaged
  /// gives an error, never a crash.
  virtual Expected<std::shared_ptr<LoadedCpuKernel>> load(const KernelCode &code) = 0;

  /// Whether this build can make code for a target at all.
  virtual bool supports([[maybe_unused]] std::string_view target) const { return true; }

  /// The processor that CPU code is made for, for people: "AVX-512", "AVX2", "generic".
  virtual std::string cpuDescription() const { return "generic"; }
};

/// The compiler linked into this process; defined in runtime/jit/. Never null.
std::unique_ptr<KernelCompiler> createInProcessCompiler();

} // namespace cce::rt

#endif // CCE_RUNTIME_KERNELS_KERNELCOMPILER_H
