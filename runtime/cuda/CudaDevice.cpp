//===- CudaDevice.cpp - one GPU and its primary context -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/cuda/CudaDevice.h"

namespace cce::rt::cuda {

Expected<std::shared_ptr<const CudaDevice>>
CudaDevice::open(std::shared_ptr<const Driver> driverPtr, int ordinal) {
  const Driver &driver = *driverPtr;
  int count = 0;
  CCE_CUDA_RETURN_IF_ERROR(driver, deviceGetCount, (&count));
  if (ordinal < 0 || ordinal >= count)
    return makeError(CCE_NOT_FOUND, "desc.device_ordinal: expected a number in [0, ", count,
                     "), got ", ordinal);
  std::shared_ptr<CudaDevice> device(new CudaDevice(std::move(driverPtr), ordinal));
  CCE_CUDA_RETURN_IF_ERROR(driver, deviceGet, (&device->handle, ordinal));
  char name[256] = "";
  CCE_CUDA_RETURN_IF_ERROR(driver, deviceGetName, (name, sizeof(name), device->handle));

  DeviceProperties &props = device->props;
  props.name = name;
  int pageable = 0;
  for (auto [value, attribute] :
       {std::pair(&props.major, DeviceAttribute::ComputeCapabilityMajor),
        std::pair(&props.minor, DeviceAttribute::ComputeCapabilityMinor),
        std::pair(&props.multiprocessors, DeviceAttribute::MultiprocessorCount),
        std::pair(&props.threadsPerBlock, DeviceAttribute::MaxThreadsPerBlock),
        std::pair(&props.threadsPerMultiprocessor, DeviceAttribute::MaxThreadsPerMultiprocessor),
        std::pair(&props.registersPerBlock, DeviceAttribute::MaxRegistersPerBlock),
        std::pair(&props.registersPerMultiprocessor,
                  DeviceAttribute::MaxRegistersPerMultiprocessor),
        std::pair(&props.sharedPerBlock, DeviceAttribute::MaxSharedMemoryPerBlockOptin),
        std::pair(&props.sharedPerMultiprocessor,
                  DeviceAttribute::MaxSharedMemoryPerMultiprocessor),
        std::pair(&props.sharedReservedPerBlock, DeviceAttribute::ReservedSharedMemoryPerBlock),
        std::pair(&pageable, DeviceAttribute::PageableMemoryAccess)})
    CCE_CUDA_RETURN_IF_ERROR(driver, deviceGetAttribute, (value, attribute, device->handle));
  props.pageableMemoryAccess = pageable != 0;

  // sm_90a code runs on 9.0 only: its instructions are not kept in later architectures.
  if (props.major != 9 || props.minor != 0)
    return makeError(CCE_UNAVAILABLE, "CUDA device ", ordinal, ", ", props.name,
                     ", has compute capability ", props.major, ".", props.minor,
                     "; supported is 9.0 (Hopper: H100, H200, GH200)");
  CCE_CUDA_RETURN_IF_ERROR(driver, devicePrimaryCtxRetain, (&device->context, device->handle));
  return std::shared_ptr<const CudaDevice>(std::move(device));
}

CudaDevice::~CudaDevice() {
  if (context)
    driverPtr->devicePrimaryCtxRelease(handle);
}

CudaDevice::Scope::Scope(const CudaDevice &device) : device(device) {
  statusValue =
      device.driver().check(device.driver().ctxPushCurrent(device.context), "ctxPushCurrent");
}

CudaDevice::Scope::~Scope() {
  ContextHandle popped = nullptr;
  if (statusValue.ok())
    device.driver().ctxPopCurrent(&popped);
}

} // namespace cce::rt::cuda
