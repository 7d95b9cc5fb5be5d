//===- CudaDevice.h - one GPU and its primary context -----------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_CUDA_CUDADEVICE_H
#define CCE_RUNTIME_CUDA_CUDADEVICE_H

#include "runtime/cuda/Driver.h"

#include <memory>
#include <string>

namespace cce::rt::cuda {

/// Limits and numbers of a device that launches are checked against.
struct DeviceProperties {
  std::string name;
  int major = 0;
  int minor = 0;
  int multiprocessors = 0;
  int threadsPerBlock = 0;
  int threadsPerMultiprocessor = 0;
  int registersPerBlock = 0;
  int registersPerMultiprocessor = 0;
  int sharedPerBlock = 0;
  int sharedPerMultiprocessor = 0;
  int sharedReservedPerBlock = 0;
  /// The device can read any memory of the process, not only what CUDA allocated.
  bool pageableMemoryAccess = false;
};

/// Holds the device's primary context, the one that the CUDA runtime and PyTorch use too.
class CudaDevice {
public:
  /// CCE_NOT_FOUND without such a device, CCE_UNAVAILABLE if it is no sm_90.
  static Expected<std::shared_ptr<const CudaDevice>> open(std::shared_ptr<const Driver> driver,
                                                          int ordinal);
  ~CudaDevice();
  CudaDevice(const CudaDevice &) = delete;
  CudaDevice &operator=(const CudaDevice &) = delete;

  const Driver &driver() const { return *driverPtr; }
  const DeviceProperties &properties() const { return props; }
  int ordinal() const { return ordinalValue; }

  /// Makes the context current for a scope and restores what was current before.
  class Scope {
  public:
    explicit Scope(const CudaDevice &device);
    ~Scope();
    Scope(const Scope &) = delete;
    Scope &operator=(const Scope &) = delete;
    const Status &status() const { return statusValue; }

  private:
    const CudaDevice &device;
    Status statusValue;
  };

private:
  CudaDevice(std::shared_ptr<const Driver> driver, int ordinal)
      : driverPtr(std::move(driver)), ordinalValue(ordinal) {}

  std::shared_ptr<const Driver> driverPtr;
  int ordinalValue;
  Device handle = 0;
  ContextHandle context = nullptr;
  DeviceProperties props;
};

/// Declares a scope in which the device's context is current, or returns from this function.
#define CCE_CUDA_ENTER(device)                                                                     \
  ::cce::rt::cuda::CudaDevice::Scope cceCudaScope(device);                                         \
  CCE_RETURN_IF_ERROR(cceCudaScope.status())

} // namespace cce::rt::cuda

#endif // CCE_RUNTIME_CUDA_CUDADEVICE_H
