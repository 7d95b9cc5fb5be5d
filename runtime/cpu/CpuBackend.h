//===- CpuBackend.h - plans on the processor --------------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_CPU_CPUBACKEND_H
#define CCE_RUNTIME_CPU_CPUBACKEND_H

#include "runtime/cache/KernelStore.h"
#include "runtime/cpu/ThreadPool.h"
#include "runtime/plan/Backend.h"

namespace cce::rt {

/// Compiled kernels run as tasks of a thread pool; launches return when they are done.
class CpuBackend final : public Backend {
public:
  /// `threads` 0: one per core this process may use.
  CpuBackend(std::shared_ptr<KernelCompiler> compiler, std::shared_ptr<DiskCache> disk,
             WarningSink warn, int threads);

  cce_device device() const override { return CCE_DEVICE_CPU; }
  std::string_view target() const override { return "cpu"; }
  std::string description() const override;
  std::string tuningKey() const override;
  int parallelism() const override { return pool.workers(); }
  bool synchronous() const override { return true; }

  Expected<KernelPtr> loadKernel(const KernelRequest &request) override;
  Status launch(const Kernel &kernel, const Bindings &bindings, int64_t tiles,
                void *stream) override;
  Status zero(const BufferBinding &matrix, void *stream) override;
  Status fill(float *memory, float value, int64_t count, void *stream) override;
  bool supportsLayout(const BufferBinding &matrix) const override;
  Status checkPointer(std::string_view name, const void *pointer, size_t alignment) const override;
  Expected<void *> allocate(size_t bytes) override;
  void free(void *memory) override;
  Status copyToDevice(void *destination, const void *source, size_t bytes, void *stream) override;
  Status copyToHost(void *destination, const void *source, size_t bytes, void *stream) override;
  Status synchronize(void *stream) override;
  Expected<double> milliseconds(const std::function<Status()> &work, void *stream) override;

private:
  ThreadPool pool;
  KernelStore store;
};

} // namespace cce::rt

#endif // CCE_RUNTIME_CPU_CPUBACKEND_H
