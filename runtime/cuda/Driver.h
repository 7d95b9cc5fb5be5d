//===- Driver.h - the CUDA driver as a table of functions -------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// libcuda.so.1 is opened at run time, so that the library works on machines without a GPU. All
// calls go through this table; tests fill it with functions of their own.
//
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_CUDA_DRIVER_H
#define CCE_RUNTIME_CUDA_DRIVER_H

#include "runtime/cuda/CudaTypes.h"
#include "runtime/support/Status.h"

#include <functional>
#include <memory>
#include <string>

namespace cce::rt::cuda {

/// X(member, driver symbol, arguments). Error names come first: all other errors need them.
#define CCE_CUDA_FUNCTIONS(X)                                                                      \
  X(getErrorName, "cuGetErrorName", (Result, const char **))                                       \
  X(getErrorString, "cuGetErrorString", (Result, const char **))                                   \
  X(init, "cuInit", (unsigned))                                                                    \
  X(driverGetVersion, "cuDriverGetVersion", (int *))                                               \
  X(deviceGetCount, "cuDeviceGetCount", (int *))                                                   \
  X(deviceGet, "cuDeviceGet", (Device *, int))                                                     \
  X(deviceGetName, "cuDeviceGetName", (char *, int, Device))                                       \
  X(deviceGetAttribute, "cuDeviceGetAttribute", (int *, DeviceAttribute, Device))                  \
  X(devicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", (ContextHandle *, Device))                 \
  X(devicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease", (Device))                                \
  X(ctxPushCurrent, "cuCtxPushCurrent", (ContextHandle))                                           \
  X(ctxPopCurrent, "cuCtxPopCurrent", (ContextHandle *))                                           \
  X(moduleLoadDataEx, "cuModuleLoadDataEx",                                                        \
    (ModuleHandle *, const void *, unsigned, JitOption *, void **))                                \
  X(moduleUnload, "cuModuleUnload", (ModuleHandle))                                                \
  X(moduleGetFunction, "cuModuleGetFunction", (FunctionHandle *, ModuleHandle, const char *))      \
  X(funcGetAttribute, "cuFuncGetAttribute", (int *, FunctionAttribute, FunctionHandle))            \
  X(funcSetAttribute, "cuFuncSetAttribute", (FunctionHandle, FunctionAttribute, int))              \
  X(launchKernelEx, "cuLaunchKernelEx", (const LaunchConfig *, FunctionHandle, void **, void **))  \
  X(memAlloc, "cuMemAlloc", (DevicePointer *, size_t))                                             \
  X(memFree, "cuMemFree", (DevicePointer))                                                         \
  X(memGetInfo, "cuMemGetInfo", (size_t *, size_t *))                                              \
  X(memcpyHtoDAsync, "cuMemcpyHtoDAsync", (DevicePointer, const void *, size_t, StreamHandle))     \
  X(memcpyDtoHAsync, "cuMemcpyDtoHAsync", (void *, DevicePointer, size_t, StreamHandle))           \
  X(memsetD8Async, "cuMemsetD8Async", (DevicePointer, unsigned char, size_t, StreamHandle))        \
  X(memsetD32Async, "cuMemsetD32Async", (DevicePointer, unsigned, size_t, StreamHandle))           \
  X(memsetD2D8Async, "cuMemsetD2D8Async",                                                          \
    (DevicePointer, size_t, unsigned char, size_t, size_t, StreamHandle))                          \
  X(streamSynchronize, "cuStreamSynchronize", (StreamHandle))                                      \
  X(eventCreate, "cuEventCreate", (EventHandle *, unsigned))                                       \
  X(eventRecord, "cuEventRecord", (EventHandle, StreamHandle))                                     \
  X(eventSynchronize, "cuEventSynchronize", (EventHandle))                                         \
  X(eventElapsedTime, "cuEventElapsedTime", (float *, EventHandle, EventHandle))                   \
  X(eventDestroy, "cuEventDestroy", (EventHandle))                                                 \
  X(pointerGetAttribute, "cuPointerGetAttribute", (void *, PointerAttribute, DevicePointer))       \
  X(linkCreate, "cuLinkCreate", (unsigned, JitOption *, void **, LinkHandle *))                    \
  X(linkAddData, "cuLinkAddData",                                                                  \
    (LinkHandle, int, void *, size_t, const char *, unsigned, JitOption *, void **))               \
  X(linkComplete, "cuLinkComplete", (LinkHandle, void **, size_t *))                               \
  X(linkDestroy, "cuLinkDestroy", (LinkHandle))                                                    \
  X(tensorMapEncodeTiled, "cuTensorMapEncodeTiled",                                                \
    (TensorMap *, TensorMapDataType, uint32_t, void *, const uint64_t *, const uint64_t *,         \
     const uint32_t *, const uint32_t *, TensorMapInterleave, TensorMapSwizzle,                    \
     TensorMapL2Promotion, TensorMapOobFill))

struct Driver {
#define CCE_CUDA_MEMBER(member, symbol, arguments) Result(*member) arguments = nullptr;
  CCE_CUDA_FUNCTIONS(CCE_CUDA_MEMBER)
#undef CCE_CUDA_MEMBER

  /// 12030 for CUDA 12.3: the newest CUDA that the installed driver supports.
  int version = 0;

  /// Success, or "cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (out of memory)" with a fitting code.
  Status check(Result result, const char *symbol) const;
};

/// `CCE_CUDA_RETURN_IF_ERROR(driver, memFree, (pointer))` calls and returns on failure.
#define CCE_CUDA_RETURN_IF_ERROR(driver, member, arguments)                                        \
  CCE_RETURN_IF_ERROR((driver).check((driver).member arguments, #member))

/// How a shared library is opened; replaced in tests.
struct LibraryOpener {
  /// A handle, or null and why.
  std::function<void *(const char *path, std::string &error)> open;
  std::function<void *(void *library, const char *symbol)> symbol;
};
LibraryOpener systemLibraryOpener();

/// PTX 8.3, which the compiler writes, came with CUDA 12.3.
constexpr int oldestDriverVersion = 12030;

/// "12.3" for 12030.
std::string versionToString(int version);

/// Opens the driver and initialises it. CCE_UNAVAILABLE, and words, if there is none, if it is too
/// old, or if it finds no device.
Expected<std::shared_ptr<const Driver>> loadDriver(const LibraryOpener &opener);

} // namespace cce::rt::cuda

#endif // CCE_RUNTIME_CUDA_DRIVER_H
