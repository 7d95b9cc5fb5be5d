//===- Driver.cpp - a CUDA driver whose GPU is emulated -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// A libcuda.so.1 for machines without a GPU: it executes the PTX that it is given on the CPU, slowly, and launches are over when
// they return. Device memory is memory of the process.
//
//   CCE_EMULATOR_SEED=n   another order of warps and copies
//   CCE_EMULATOR_ANY=1    all memory is device memory (of another library, say); else only what cuMemAlloc has given, and every
//                         access is checked
//   CCE_EMULATOR_LOG=1    a line for every launch
//   CCE_EMULATOR_MULTIPROCESSORS=n   instead of 4: 132 gives the plans of an H100
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Driver.h"
#include "test/emulator/Machine.h"
#include "test/emulator/TensorMap.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

using namespace cce::rt::cuda;
using namespace cce::emulator;

namespace {

struct LoadedFunction {
  Module *module;
  const Function *function;
};

struct LoadedModule {
  std::unique_ptr<Module> module;
  std::vector<std::unique_ptr<LoadedFunction>> functions;
};

std::recursive_mutex mutex;
using Lock = std::lock_guard<std::recursive_mutex>;
/// Size by address.
std::map<uint64_t, uint64_t> allocations;

bool setting(const char *name) {
  const char *value = std::getenv(name);
  return value && *value && std::strcmp(value, "0") != 0;
}

bool isWithin(uint64_t address, uint64_t bytes, const std::map<uint64_t, uint64_t> &areas) {
  auto next = areas.upper_bound(address);
  if (next == areas.begin())
    return false;
  const auto &[start, size] = *std::prev(next);
  return address + bytes <= start + size;
}

template <typename T> T *host(uint64_t address) { return reinterpret_cast<T *>(address); }

Result getErrorName(Result result, const char **name) {
  *name = result == errorOutOfMemory      ? "CUDA_ERROR_OUT_OF_MEMORY"
          : result == errorInvalidPtx     ? "CUDA_ERROR_INVALID_PTX"
          : result == errorIllegalAddress ? "CUDA_ERROR_ILLEGAL_ADDRESS"
                                          : "CUDA_ERROR_INVALID_VALUE";
  return success;
}
Result getErrorString(Result, const char **text) {
  *text = "of the emulated driver";
  return success;
}
Result init(unsigned) { return success; }
Result driverGetVersion(int *version) {
  *version = 13000;
  return success;
}
Result deviceGetCount(int *count) {
  *count = 1;
  return success;
}
Result deviceGet(Device *device, int ordinal) {
  *device = ordinal;
  return success;
}
Result deviceGetName(char *name, int length, Device) {
  std::snprintf(name, size_t(length), "emulated GPU");
  return success;
}
/// Four, so that kernels that fill all of them are small ones; plans of 132 are those of an H100.
int multiprocessors() {
  const char *count = std::getenv("CCE_EMULATOR_MULTIPROCESSORS");
  return count ? std::max(1, std::atoi(count)) : 4;
}

/// Those of an H100, but for the number of multiprocessors.
Result deviceGetAttribute(int *value, DeviceAttribute attribute, Device) {
  static const std::map<DeviceAttribute, int> values = {{DeviceAttribute::ComputeCapabilityMajor, 9},
                                                        {DeviceAttribute::MultiprocessorCount, multiprocessors()},
                                                        {DeviceAttribute::MaxThreadsPerBlock, 1024},
                                                        {DeviceAttribute::MaxThreadsPerMultiprocessor, 2048},
                                                        {DeviceAttribute::MaxRegistersPerBlock, 65536},
                                                        {DeviceAttribute::MaxRegistersPerMultiprocessor, 65536},
                                                        {DeviceAttribute::MaxSharedMemoryPerBlockOptin, 232448},
                                                        {DeviceAttribute::MaxSharedMemoryPerMultiprocessor, 233472},
                                                        {DeviceAttribute::ReservedSharedMemoryPerBlock, 1024}};
  auto found = values.find(attribute);
  *value = found == values.end() ? 0 : found->second;
  return success;
}
Result devicePrimaryCtxRetain(ContextHandle *context, Device) {
  *context = reinterpret_cast<ContextHandle>(&mutex);
  return success;
}
Result devicePrimaryCtxRelease(Device) { return success; }
Result ctxPushCurrent(ContextHandle) { return success; }
Result ctxPopCurrent(ContextHandle *) { return success; }

Result moduleLoadDataEx(ModuleHandle *result, const void *image, unsigned count, JitOption *options, void **values) {
  auto loaded = std::make_unique<LoadedModule>();
  try {
    loaded->module = parsePtx(static_cast<const char *>(image));
  } catch (const std::exception &error) {
    // Also here: a plan may go on with another configuration.
    std::fprintf(stderr, "emulated driver: %s\n", error.what());
    for (unsigned i = 0; i < count; ++i)
      if (options[i] == JitOption::ErrorLogBuffer)
        std::snprintf(static_cast<char *>(values[i]), 4096, "%s", error.what());
    return errorInvalidPtx;
  }
  *result = reinterpret_cast<ModuleHandle>(loaded.release());
  return success;
}
Result moduleUnload(ModuleHandle module) {
  delete reinterpret_cast<LoadedModule *>(module);
  return success;
}
Result moduleGetFunction(FunctionHandle *result, ModuleHandle handle, const char *name) {
  Lock lock(mutex);
  auto *loaded = reinterpret_cast<LoadedModule *>(handle);
  auto found = loaded->module->functions.find(name);
  if (found == loaded->module->functions.end())
    return errorNotFound;
  loaded->functions.push_back(std::make_unique<LoadedFunction>(loaded->module.get(), found->second.get()));
  *result = reinterpret_cast<FunctionHandle>(loaded->functions.back().get());
  return success;
}
Result funcGetAttribute(int *value, FunctionAttribute attribute, FunctionHandle handle) {
  const auto *function = reinterpret_cast<LoadedFunction *>(handle);
  *value = attribute == FunctionAttribute::MaxThreadsPerBlock ? function->function->threads
           : attribute == FunctionAttribute::SharedSizeBytes  ? int(function->module->staticShared)
           : attribute == FunctionAttribute::NumRegs          ? 65536 / function->function->threads / 8 * 8
                                                              : 0;
  return success;
}
Result funcSetAttribute(FunctionHandle, FunctionAttribute, int) { return success; }

Result launchKernelEx(const LaunchConfig *config, FunctionHandle handle, void **parameters, void **) {
  Lock lock(mutex);
  const auto *function = reinterpret_cast<LoadedFunction *>(handle);
  Launch launch{function->module, function->function, config->gridDimX, config->blockDimX, uint32_t(function->function->cluster),
                config->sharedMemBytes, parameters, {}};
  for (unsigned i = 0; i < config->numAttributes; ++i)
    if (config->attributes[i].id == launchAttributeClusterDimension)
      launch.cluster = config->attributes[i].value.clusterDim.x;
  std::map<uint64_t, uint64_t> areas = allocations;
  for (const Symbol &symbol : function->module->symbols)
    if (symbol.space == Symbol::Global)
      areas[symbol.place] = symbol.bytes;
  const bool isAny = setting("CCE_EMULATOR_ANY");
  launch.isDeviceMemory = [&](uint64_t address, uint64_t bytes) { return isAny || isWithin(address, bytes, areas); };
  static uint32_t launches = 0;
  const char *seed = std::getenv("CCE_EMULATOR_SEED");
  const auto start = std::chrono::steady_clock::now();
  try {
    Machine(launch, (seed ? uint32_t(std::atoi(seed)) : 1) * 7919 + ++launches).run();
  } catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return errorIllegalAddress;
  }
  if (setting("CCE_EMULATOR_LOG"))
    std::fprintf(stderr, "%s: %u blocks of %u, clusters of %u, %.3f s\n", launch.function->name.c_str(), launch.grid, launch.threads,
                 launch.cluster, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return success;
}

Result memAlloc(DevicePointer *pointer, size_t bytes) {
  Lock lock(mutex);
  *pointer = reinterpret_cast<uint64_t>(std::aligned_alloc(256, (bytes + 255) / 256 * 256));
  std::memset(host<char>(*pointer), 0xff, bytes); // NaN in every format
  allocations[*pointer] = bytes;
  return success;
}
Result memFree(DevicePointer pointer) {
  Lock lock(mutex);
  allocations.erase(pointer);
  std::free(host<void>(pointer));
  return success;
}
Result memGetInfo(size_t *available, size_t *total) {
  *available = *total = size_t(8) << 30;
  return success;
}
Result memcpyHtoDAsync(DevicePointer to, const void *from, size_t bytes, StreamHandle) {
  std::memcpy(host<void>(to), from, bytes);
  return success;
}
Result memcpyDtoHAsync(void *to, DevicePointer from, size_t bytes, StreamHandle) {
  std::memcpy(to, host<void>(from), bytes);
  return success;
}
Result memsetD8Async(DevicePointer pointer, unsigned char value, size_t bytes, StreamHandle) {
  std::memset(host<void>(pointer), value, bytes);
  return success;
}
Result memsetD32Async(DevicePointer pointer, unsigned value, size_t count, StreamHandle) {
  for (size_t i = 0; i < count; ++i)
    std::memcpy(host<char>(pointer + 4 * i), &value, 4);
  return success;
}
Result memsetD2D8Async(DevicePointer pointer, size_t pitch, unsigned char value, size_t width, size_t height, StreamHandle) {
  for (size_t row = 0; row < height; ++row)
    std::memset(host<char>(pointer + row * pitch), value, width);
  return success;
}
Result streamSynchronize(StreamHandle) { return success; }
Result eventCreate(EventHandle *event, unsigned) {
  *event = reinterpret_cast<EventHandle>(&mutex);
  return success;
}
Result eventRecord(EventHandle, StreamHandle) { return success; }
Result eventSynchronize(EventHandle) { return success; }
Result eventElapsedTime(float *time, EventHandle, EventHandle) {
  *time = 1;
  return success;
}
Result eventDestroy(EventHandle) { return success; }
Result pointerGetAttribute(void *value, PointerAttribute attribute, DevicePointer pointer) {
  Lock lock(mutex);
  if (!setting("CCE_EMULATOR_ANY") && !isWithin(pointer, 1, allocations))
    return errorInvalidValue;
  if (attribute == PointerAttribute::MemoryType)
    *static_cast<unsigned *>(value) = 2; // of a device
  else
    *static_cast<int *>(value) = 0;
  return success;
}

/// What is linked stays PTX.
Result linkCreate(unsigned, JitOption *, void **, LinkHandle *link) {
  *link = reinterpret_cast<LinkHandle>(new std::string);
  return success;
}
Result linkAddData(LinkHandle link, int, void *data, size_t bytes, const char *, unsigned, JitOption *, void **) {
  reinterpret_cast<std::string *>(link)->assign(static_cast<const char *>(data), bytes);
  return success;
}
Result linkComplete(LinkHandle link, void **cubin, size_t *bytes) {
  auto *text = reinterpret_cast<std::string *>(link);
  *cubin = text->data();
  *bytes = text->size();
  return success;
}
Result linkDestroy(LinkHandle link) {
  delete reinterpret_cast<std::string *>(link);
  return success;
}
Result tensorMapEncodeTiled(TensorMap *map, TensorMapDataType type, uint32_t rank, void *address, const uint64_t *sizes,
                            const uint64_t *strides, const uint32_t *box, const uint32_t *, TensorMapInterleave,
                            TensorMapSwizzle swizzle, TensorMapL2Promotion, TensorMapOobFill) {
  const bool isAligned = reinterpret_cast<uintptr_t>(address) % 16 == 0 && strides[0] % 16 == 0;
  if (rank != 2 || !isAligned || box[0] > 256 || box[1] > 256 || (swizzle != TensorMapSwizzle::None && swizzle != TensorMapSwizzle::Span128))
    return errorInvalidValue;
  TensorBox tensor;
  tensor.base = static_cast<const uint8_t *>(address);
  tensor.columns = sizes[0];
  tensor.rows = sizes[1];
  tensor.rowStride = strides[0];
  tensor.boxColumns = box[0];
  tensor.boxRows = box[1];
  tensor.elementBytes = type == TensorMapDataType::Float32 ? 4 : 2;
  tensor.isSwizzled = swizzle == TensorMapSwizzle::Span128;
  std::memcpy(map, &tensor, sizeof(tensor));
  return success;
}

} // namespace

extern "C" {

__attribute__((visibility("default"))) Result cuGetProcAddress_v2(const char *symbol, void **function, int, uint64_t, int *) {
  *function = nullptr;
#define CCE_EMULATOR_ENTRY(member, name, arguments)                                                                    \
  if (std::strcmp(symbol, name) == 0)                                                                                  \
    *function = reinterpret_cast<void *>(static_cast<Result(*) arguments>(&member));
  CCE_CUDA_FUNCTIONS(CCE_EMULATOR_ENTRY)
#undef CCE_EMULATOR_ENTRY
  return *function ? success : errorNotFound;
}

__attribute__((visibility("default"))) Result cuDriverGetVersion(int *version) { return driverGetVersion(version); }

// What test/gpu/ptx_launch.py calls by name.
__attribute__((visibility("default"))) Result cuGetErrorString(Result result, const char **text) { return getErrorString(result, text); }
__attribute__((visibility("default"))) Result cuModuleLoadDataEx(ModuleHandle *module, const void *image, unsigned count,
                                                                 JitOption *options, void **values) {
  return moduleLoadDataEx(module, image, count, options, values);
}
__attribute__((visibility("default"))) Result cuModuleGetFunction(FunctionHandle *function, ModuleHandle module, const char *name) {
  return moduleGetFunction(function, module, name);
}
__attribute__((visibility("default"))) Result cuFuncSetAttribute(FunctionHandle, FunctionAttribute, int) { return success; }
__attribute__((visibility("default"))) Result cuCtxSynchronize() { return success; }
__attribute__((visibility("default"))) Result cuLaunchKernel(FunctionHandle function, unsigned gridX, unsigned, unsigned, unsigned blockX,
                                                             unsigned, unsigned, unsigned shared, StreamHandle stream, void **parameters,
                                                             void **extra) {
  LaunchConfig config = {};
  config.gridDimX = gridX;
  config.blockDimX = blockX;
  config.sharedMemBytes = shared;
  config.stream = stream;
  return launchKernelEx(&config, function, parameters, extra);
}
}
