//===- CudaKernel.h - modules, checks before launching, launches -*- C++ -*-==//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_CUDA_CUDAKERNEL_H
#define CCE_RUNTIME_CUDA_CUDAKERNEL_H

#include "runtime/cuda/CudaDevice.h"
#include "runtime/kernels/KernelCompiler.h"
#include "runtime/plan/Backend.h"

namespace cce::rt::cuda {

/// How PTX becomes machine code.
enum class ModuleMode {
  /// The driver compiles while loading and keeps the result in its own cache (~/.nv/ComputeCache).
  LoadPtx,
  /// The driver's linker makes a cubin that we keep. Code for linking is compiled as relocatable,
  /// and ptxas then may ignore setmaxnreg (its note C7504), so this is not the default.
  LinkCubin
};

class CudaKernel final : public Kernel {
public:
  /// Loads the code and checks it against the limits of the device. `cubin`: see
  /// KernelStore::Loader; used with LinkCubin only.
  static Expected<std::shared_ptr<const CudaKernel>> load(std::shared_ptr<const CudaDevice> device,
                                                          const KernelCode &code, ModuleMode mode,
                                                          std::string &cubin);
  ~CudaKernel() override;

  /// Enqueues. Neither allocates nor waits.
  Status launch(const Bindings &bindings, int64_t tiles, StreamHandle stream) const;

private:
  CudaKernel(std::shared_ptr<const CudaDevice> device, Manifest manifest)
      : Kernel(std::move(manifest)), device(std::move(device)) {}

  Status loadModule(const std::string &image);
  Status checkLimits();

  std::shared_ptr<const CudaDevice> device;
  ModuleHandle module = nullptr;
  FunctionHandle function = nullptr;
  int64_t blocksPerMultiprocessor = 1;
};

/// PTX to a cubin with the driver's linker.
Expected<std::string> linkToCubin(const Driver &driver, const std::string &ptx,
                                  const std::string &name);

} // namespace cce::rt::cuda

#endif // CCE_RUNTIME_CUDA_CUDAKERNEL_H
