//===- CudaBackend.h - plans on an NVIDIA GPU -------------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_CUDA_CUDABACKEND_H
#define CCE_RUNTIME_CUDA_CUDABACKEND_H

#include "runtime/cache/KernelStore.h"
#include "runtime/cuda/CudaKernel.h"
#include "runtime/plan/Backend.h"

namespace cce::rt::cuda {

class CudaBackend final : public Backend {
public:
  CudaBackend(std::shared_ptr<const CudaDevice> device, std::shared_ptr<KernelCompiler> compiler,
              std::shared_ptr<DiskCache> disk, WarningSink warn,
              ModuleMode mode = ModuleMode::LoadPtx);

  cce_device device() const override { return CCE_DEVICE_CUDA; }
  std::string_view target() const override { return "sm_90a"; }
  std::string description() const override;
  std::string tuningKey() const override;
  int parallelism() const override { return gpu->properties().multiprocessors; }
  bool synchronous() const override { return false; }

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
  const Driver &driver() const { return gpu->driver(); }

  std::shared_ptr<const CudaDevice> gpu;
  KernelStore store;
};

} // namespace cce::rt::cuda

#endif // CCE_RUNTIME_CUDA_CUDABACKEND_H
