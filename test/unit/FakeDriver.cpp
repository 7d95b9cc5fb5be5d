//===- FakeDriver.cpp - a CUDA driver that only takes notes ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "test/unit/FakeDriver.h"

#include "runtime/kernels/Bindings.h"

#include <cstdlib>
#include <cstring>
#include <mutex>

namespace cce::rt::test {

using namespace cuda;

namespace {

FakeDriverState state;
/// Plans load kernels from several threads.
std::recursive_mutex mutex;
using Lock = std::lock_guard<std::recursive_mutex>;
/// A context is current in one thread.
thread_local int contextDepth = 0;

/// Notes the call; the result that the test wants, and a mark against calls without a context.
Result note(const char *symbol, bool needsContext = true) {
  Lock lock(mutex);
  state.log.push_back(symbol);
  if (needsContext && contextDepth == 0)
    ++state.callsOutsideContext;
  auto it = state.failures.find(symbol);
  return it == state.failures.end() ? success : it->second;
}

#define CCE_FAKE(symbol, needsContext)                                                             \
  Lock lock(mutex);                                                                                \
  if (Result result = note(symbol, needsContext))                                                  \
    return result;

Result getErrorName(Result result, const char **text) {
  *text = result == errorOutOfMemory      ? "CUDA_ERROR_OUT_OF_MEMORY"
          : result == errorInvalidPtx     ? "CUDA_ERROR_INVALID_PTX"
          : result == errorNoDevice       ? "CUDA_ERROR_NO_DEVICE"
          : result == errorInvalidValue   ? "CUDA_ERROR_INVALID_VALUE"
          : result == errorIllegalAddress ? "CUDA_ERROR_ILLEGAL_ADDRESS"
                                          : nullptr;
  return *text ? success : errorInvalidValue;
}
Result getErrorString(Result, const char **text) {
  *text = "as the test wants";
  return success;
}
Result init(unsigned) { return state.initResult; }
Result driverGetVersion(int *version) {
  *version = state.version;
  return success;
}
Result deviceGetCount(int *count) {
  *count = state.devices;
  return success;
}
Result deviceGet(Device *device, int ordinal) {
  *device = ordinal;
  return success;
}
Result deviceGetName(char *name, int length, Device) {
  std::strncpy(name, "Fake H100", size_t(length));
  return success;
}
Result deviceGetAttribute(int *value, DeviceAttribute attribute, Device) {
  Lock lock(mutex);
  *value = state.attributes[attribute];
  return success;
}
Result devicePrimaryCtxRetain(ContextHandle *context, Device) {
  CCE_FAKE("cuDevicePrimaryCtxRetain", false)
  ++state.retained;
  *context = reinterpret_cast<ContextHandle>(&state);
  return success;
}
Result devicePrimaryCtxRelease(Device) {
  --state.retained;
  return success;
}
Result ctxPushCurrent(ContextHandle context) {
  if (context != reinterpret_cast<ContextHandle>(&state))
    return errorInvalidValue;
  Lock lock(mutex);
  ++state.pushed;
  ++contextDepth;
  return success;
}
Result ctxPopCurrent(ContextHandle *) {
  Lock lock(mutex);
  --state.pushed;
  --contextDepth;
  return success;
}

void writeLog(unsigned count, JitOption *options, void **values) {
  for (unsigned i = 0; i < count; ++i)
    if (options[i] == JitOption::ErrorLogBuffer)
      std::strcpy(static_cast<char *>(values[i]), state.jitErrorLog.c_str());
}

Result moduleLoadDataEx(ModuleHandle *module, const void *image, unsigned count, JitOption *options,
                        void **values) {
  writeLog(count, options, values);
  CCE_FAKE("cuModuleLoadDataEx", true)
  state.loadedImages.push_back(static_cast<const char *>(image));
  ++state.modules;
  *module = reinterpret_cast<ModuleHandle>(&state.modules);
  return success;
}
Result moduleUnload(ModuleHandle) {
  Lock lock(mutex);
  note("cuModuleUnload");
  --state.modules;
  return success;
}
Result moduleGetFunction(FunctionHandle *function, ModuleHandle, const char *name) {
  CCE_FAKE("cuModuleGetFunction", true)
  static std::set<std::string> names;
  *function =
      reinterpret_cast<FunctionHandle>(const_cast<std::string *>(&*names.insert(name).first));
  return success;
}
Result funcGetAttribute(int *value, FunctionAttribute attribute, FunctionHandle) {
  Lock lock(mutex);
  *value = state.functionAttributes[attribute];
  return success;
}
Result funcSetAttribute(FunctionHandle, FunctionAttribute attribute, int value) {
  CCE_FAKE("cuFuncSetAttribute", true)
  state.attributesSet[attribute] = value;
  return success;
}
Result launchKernelEx(const LaunchConfig *config, FunctionHandle function, void **parameters,
                      void **extra) {
  CCE_FAKE("cuLaunchKernelEx", true)
  if (extra)
    return errorInvalidValue;
  FakeLaunch launch;
  launch.entry = *reinterpret_cast<std::string *>(function);
  launch.config = *config;
  launch.stream = config->stream;
  for (unsigned i = 0; i < config->numAttributes; ++i) {
    const LaunchAttribute &attribute = config->attributes[i];
    if (attribute.id == launchAttributeClusterDimension)
      launch.cluster = attribute.value.clusterDim.x;
    else if (attribute.id == launchAttributeProgrammaticStreamSerialization)
      launch.overlaps = attribute.value.programmaticStreamSerializationAllowed != 0;
    else
      return errorInvalidValue;
  }
  launch.parameters.assign(parameters, parameters + maxArguments);
  if (state.onLaunch)
    state.onLaunch(launch);
  state.launches.push_back(launch);
  return success;
}
Result memAlloc(DevicePointer *pointer, size_t bytes) {
  CCE_FAKE("cuMemAlloc", true)
  if (bytes > state.memoryLimit)
    return errorOutOfMemory;
  ++state.allocations;
  *pointer = DevicePointer(
      reinterpret_cast<uintptr_t>(std::aligned_alloc(256, (bytes + 255) / 256 * 256)));
  state.allocatedOn[*pointer] = 0;
  return success;
}
Result memFree(DevicePointer pointer) {
  note("cuMemFree");
  --state.allocations;
  state.allocatedOn.erase(pointer);
  std::free(reinterpret_cast<void *>(uintptr_t(pointer)));
  return success;
}
Result memGetInfo(size_t *available, size_t *total) {
  *available = state.memoryLimit;
  *total = 2 * state.memoryLimit;
  return success;
}
Result memcpyHtoDAsync(DevicePointer destination, const void *source, size_t bytes, StreamHandle) {
  CCE_FAKE("cuMemcpyHtoDAsync", true)
  std::memcpy(reinterpret_cast<void *>(uintptr_t(destination)), source, bytes);
  return success;
}
Result memcpyDtoHAsync(void *destination, DevicePointer source, size_t bytes, StreamHandle) {
  CCE_FAKE("cuMemcpyDtoHAsync", true)
  std::memcpy(destination, reinterpret_cast<void *>(uintptr_t(source)), bytes);
  return success;
}
Result memsetD8Async(DevicePointer pointer, unsigned char value, size_t bytes, StreamHandle) {
  CCE_FAKE("cuMemsetD8Async", true)
  std::memset(reinterpret_cast<void *>(uintptr_t(pointer)), value, bytes);
  return success;
}
Result memsetD32Async(DevicePointer pointer, unsigned value, size_t count, StreamHandle) {
  CCE_FAKE("cuMemsetD32Async", true)
  for (size_t i = 0; i < count; ++i)
    std::memcpy(reinterpret_cast<void *>(uintptr_t(pointer + 4 * i)), &value, 4);
  return success;
}
Result memsetD2D8Async(DevicePointer pointer, size_t pitch, unsigned char value, size_t width,
                       size_t height, StreamHandle) {
  CCE_FAKE("cuMemsetD2D8Async", true)
  for (size_t row = 0; row < height; ++row)
    std::memset(reinterpret_cast<void *>(uintptr_t(pointer + row * pitch)), value, width);
  return success;
}
Result streamSynchronize(StreamHandle) { return note("cuStreamSynchronize"); }
Result eventCreate(EventHandle *event, unsigned) {
  *event = reinterpret_cast<EventHandle>(&state);
  return note("cuEventCreate");
}
Result eventRecord(EventHandle, StreamHandle) { return note("cuEventRecord"); }
Result eventSynchronize(EventHandle) { return note("cuEventSynchronize"); }
Result eventElapsedTime(float *time, EventHandle, EventHandle) {
  *time = 1;
  return note("cuEventElapsedTime");
}
Result eventDestroy(EventHandle) { return note("cuEventDestroy"); }
Result pointerGetAttribute(void *value, PointerAttribute attribute, DevicePointer pointer) {
  auto it = state.allocatedOn.upper_bound(pointer);
  if (it == state.allocatedOn.begin())
    return errorInvalidValue;
  const int ordinal = std::prev(it)->second;
  if (attribute == PointerAttribute::MemoryType)
    *static_cast<unsigned *>(value) = 2;
  else
    *static_cast<int *>(value) = ordinal;
  return success;
}
Result linkCreate(unsigned count, JitOption *options, void **values, LinkHandle *link) {
  CCE_FAKE("cuLinkCreate", true)
  writeLog(count, options, values);
  *link = reinterpret_cast<LinkHandle>(&state);
  return success;
}
Result linkAddData(LinkHandle, int type, void *, size_t, const char *, unsigned, JitOption *,
                   void **) {
  CCE_FAKE("cuLinkAddData", true)
  return type == jitInputPtx ? success : errorInvalidValue;
}
Result linkComplete(LinkHandle, void **cubin, size_t *bytes) {
  CCE_FAKE("cuLinkComplete", true)
  static char image[] = "fake cubin";
  *cubin = image;
  *bytes = sizeof(image) - 1;
  return success;
}
Result linkDestroy(LinkHandle) { return note("cuLinkDestroy"); }
Result tensorMapEncodeTiled(TensorMap *map, TensorMapDataType type, uint32_t rank, void *address,
                            const uint64_t *sizes, const uint64_t *strides, const uint32_t *box,
                            const uint32_t *, TensorMapInterleave, TensorMapSwizzle swizzle,
                            TensorMapL2Promotion, TensorMapOobFill) {
  // A host function: needs no context.
  CCE_FAKE("cuTensorMapEncodeTiled", false)
  if (rank != 2 || reinterpret_cast<uintptr_t>(map) % 64 != 0)
    return errorInvalidValue;
  state.tensorMaps.push_back(
      {type, address, {sizes[0], sizes[1]}, strides[0], {box[0], box[1]}, swizzle});
  map->opaque[0] = state.tensorMaps.size();
  return success;
}

Result getProcAddress(const char *symbol, void **function, int, uint64_t, int *) {
  *function = nullptr;
  if (state.missingFunctions.count(symbol))
    return errorNotFound;
#define CCE_FAKE_ENTRY(member, name, arguments)                                                    \
  if (std::strcmp(symbol, name) == 0)                                                              \
    *function = reinterpret_cast<void *>(&member);
  CCE_CUDA_FUNCTIONS(CCE_FAKE_ENTRY)
#undef CCE_FAKE_ENTRY
  return *function ? success : errorNotFound;
}

} // namespace

FakeDriverState &fakeDriver() { return state; }

void resetFakeDriver() {
  state = {};
  state.attributes = {{DeviceAttribute::ComputeCapabilityMajor, 9},
                      {DeviceAttribute::ComputeCapabilityMinor, 0},
                      {DeviceAttribute::MultiprocessorCount, 132},
                      {DeviceAttribute::MaxThreadsPerBlock, 1024},
                      {DeviceAttribute::MaxThreadsPerMultiprocessor, 2048},
                      {DeviceAttribute::MaxRegistersPerBlock, 65536},
                      {DeviceAttribute::MaxRegistersPerMultiprocessor, 65536},
                      {DeviceAttribute::MaxSharedMemoryPerBlockOptin, 232448},
                      {DeviceAttribute::MaxSharedMemoryPerMultiprocessor, 233472},
                      {DeviceAttribute::ReservedSharedMemoryPerBlock, 1024}};
  state.functionAttributes = {{FunctionAttribute::NumRegs, 64},
                              {FunctionAttribute::MaxThreadsPerBlock, 1024},
                              {FunctionAttribute::SharedSizeBytes, 0}};
}

LibraryOpener fakeLibrary() {
  LibraryOpener opener;
  opener.open = [](const char *, std::string &) -> void * { return &state; };
  opener.symbol = [](void *, const char *symbol) -> void * {
    if (state.missingFunctions.count(symbol))
      return nullptr;
    if (std::strcmp(symbol, "cuGetProcAddress_v2") == 0)
      return reinterpret_cast<void *>(&getProcAddress);
    if (std::strcmp(symbol, "cuDriverGetVersion") == 0)
      return reinterpret_cast<void *>(&driverGetVersion);
    return nullptr;
  };
  return opener;
}

} // namespace cce::rt::test
