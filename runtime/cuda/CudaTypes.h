//===- CudaTypes.h - the driver API types that we use -----------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// There is no CUDA toolkit where this library is built, and none is needed: the driver's ABI is
// stable. Numbers and layouts are those of the CUDA driver API 12.0 ("CUDA Driver API", sections
// "Data types used by CUDA driver" and "Tensor Map Object Management"); cuda.h names in comments.
//
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_CUDA_CUDATYPES_H
#define CCE_RUNTIME_CUDA_CUDATYPES_H

#include <cstddef>
#include <cstdint>

namespace cce::rt::cuda {

using Result = int;             // CUresult
using Device = int;             // CUdevice
using DevicePointer = uint64_t; // CUdeviceptr
using ContextHandle = struct ContextOpaque *;
using ModuleHandle = struct ModuleOpaque *;
using FunctionHandle = struct FunctionOpaque *;
using StreamHandle = struct StreamOpaque *;
using EventHandle = struct EventOpaque *;
using LinkHandle = struct LinkOpaque *;

// CUDA_SUCCESS, CUDA_ERROR_*
constexpr Result success = 0;
constexpr Result errorInvalidValue = 1;
constexpr Result errorOutOfMemory = 2;
constexpr Result errorNoDevice = 100;
constexpr Result errorInvalidDevice = 101;
constexpr Result errorNoBinaryForGpu = 209;
constexpr Result errorInvalidPtx = 218;
constexpr Result errorUnsupportedPtxVersion = 222;
constexpr Result errorNotFound = 500;
constexpr Result errorIllegalAddress = 700;
constexpr Result errorLaunchOutOfResources = 701;
constexpr Result errorSystemDriverMismatch = 803;

enum class DeviceAttribute : int { // CU_DEVICE_ATTRIBUTE_*
  MaxThreadsPerBlock = 1,
  MaxRegistersPerBlock = 12,
  MultiprocessorCount = 16,
  MaxThreadsPerMultiprocessor = 39,
  ComputeCapabilityMajor = 75,
  ComputeCapabilityMinor = 76,
  MaxSharedMemoryPerMultiprocessor = 81,
  MaxRegistersPerMultiprocessor = 82,
  PageableMemoryAccess = 88,
  MaxSharedMemoryPerBlockOptin = 97,
  ReservedSharedMemoryPerBlock = 111,
};

enum class FunctionAttribute : int { // CU_FUNC_ATTRIBUTE_*
  MaxThreadsPerBlock = 0,
  SharedSizeBytes = 1,
  LocalSizeBytes = 3,
  NumRegs = 4,
  MaxDynamicSharedSizeBytes = 8,
  NonPortableClusterSizeAllowed = 14,
};

enum class PointerAttribute : int { MemoryType = 2, DeviceOrdinal = 9 }; // CU_POINTER_ATTRIBUTE_*
constexpr unsigned memoryTypeHost = 1;                                   // CU_MEMORYTYPE_HOST

enum class JitOption : int { // CU_JIT_*
  InfoLogBuffer = 3,
  InfoLogBufferSizeBytes = 4,
  ErrorLogBuffer = 5,
  ErrorLogBufferSizeBytes = 6,
  LogVerbose = 12,
};

constexpr int jitInputPtx = 1;       // CU_JIT_INPUT_PTX
constexpr unsigned eventDefault = 0; // CU_EVENT_DEFAULT

constexpr int launchAttributeClusterDimension = 4; // CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION
constexpr int launchAttributeProgrammaticStreamSerialization = 6; // CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION

struct LaunchAttribute { // CUlaunchAttribute
  int id;
  char padding[4];
  union {
    char bytes[64];
    struct {
      unsigned x, y, z;
    } clusterDim;
    int programmaticStreamSerializationAllowed;
  } value;
};
static_assert(sizeof(LaunchAttribute) == 72);

struct LaunchConfig { // CUlaunchConfig
  unsigned gridDimX, gridDimY, gridDimZ;
  unsigned blockDimX, blockDimY, blockDimZ;
  unsigned sharedMemBytes;
  StreamHandle stream;
  LaunchAttribute *attributes;
  unsigned numAttributes;
};
static_assert(sizeof(LaunchConfig) == 56);

struct alignas(64) TensorMap { // CUtensorMap
  uint64_t opaque[16];
};
static_assert(sizeof(TensorMap) == 128);

enum class TensorMapDataType : int { Float16 = 6, Float32 = 7, BFloat16 = 9 };
enum class TensorMapInterleave : int { None = 0 };
enum class TensorMapSwizzle : int { None = 0, Span32 = 1, Span64 = 2, Span128 = 3 };
enum class TensorMapL2Promotion : int { None = 0, L2_128B = 2, L2_256B = 3 };
enum class TensorMapOobFill : int { None = 0 };

} // namespace cce::rt::cuda

#endif // CCE_RUNTIME_CUDA_CUDATYPES_H
