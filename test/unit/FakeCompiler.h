//===- FakeCompiler.h - a compiler whose kernels are plain C++ --*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Stands for the real compiler in unit tests. For "cpu" it has a slow and simple version of every
// matrix kernel, with small tiles so that small problems have many; for "sm_90a" it gives manifests
// with code that only the fake driver accepts.
//
//===----------------------------------------------------------------------===//
#ifndef CCE_TEST_UNIT_FAKECOMPILER_H
#define CCE_TEST_UNIT_FAKECOMPILER_H

#include "runtime/kernels/KernelCompiler.h"

#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

namespace cce::rt::test {

/// What happened and what should happen; outlives the compiler.
struct FakeCompilerState {
  std::atomic<int> compiled{0};
  std::atomic<int> loaded{0};
  std::string versionText = "fake 1";
  bool hasCpuTarget = true;
  /// Null: succeed.
  std::function<Status(const KernelRequest &)> refuse;
  /// May change what was compiled.
  std::function<void(const KernelRequest &, KernelCode &)> adjust;
  std::mutex mutex;
  std::vector<KernelRequest> requests;
};

class FakeCompiler final : public KernelCompiler {
public:
  explicit FakeCompiler(std::shared_ptr<FakeCompilerState> state) : state(std::move(state)) {}

  Expected<KernelCode> compile(const KernelRequest &request) override;
  std::string version(std::string_view target) const override;
  bool supports(std::string_view target) const override {
    return target != "cpu" || state->hasCpuTarget;
  }
  Expected<std::shared_ptr<LoadedCpuKernel>> load(const KernelCode &code) override;
  std::string cpuDescription() const override { return "fake"; }

private:
  std::shared_ptr<FakeCompilerState> state;
};

} // namespace cce::rt::test

#endif // CCE_TEST_UNIT_FAKECOMPILER_H
