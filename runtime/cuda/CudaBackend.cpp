//===- CudaBackend.cpp - plans on an NVIDIA GPU ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/cuda/CudaBackend.h"

#include "runtime/cuda/TensorMap.h"

#include <algorithm>
#include <bit>

namespace cce::rt::cuda {

namespace {

DevicePointer devicePointer(const void *pointer) {
  return DevicePointer(reinterpret_cast<uintptr_t>(pointer));
}

StreamHandle streamHandle(void *stream) { return static_cast<StreamHandle>(stream); }

} // namespace

CudaBackend::CudaBackend(std::shared_ptr<const CudaDevice> device,
                         std::shared_ptr<KernelCompiler> compiler, std::shared_ptr<DiskCache> disk,
                         WarningSink warn, ModuleMode mode)
    : gpu(device),
      store(std::move(compiler), std::move(disk), std::move(warn),
            // PTX is the same for all drivers, a cubin is not.
            mode == ModuleMode::LinkCubin ? "cubin of driver " + std::to_string(driver().version)
                                          : "ptx",
            [device, mode](const KernelCode &code, std::string &cubin) -> Expected<KernelPtr> {
              CCE_ASSIGN_OR_RETURN(std::shared_ptr<const CudaKernel> kernel,
                                   CudaKernel::load(device, code, mode, cubin));
              return KernelPtr(std::move(kernel));
            }) {}

std::string CudaBackend::description() const {
  return gpu->properties().name + " (sm_90a, driver " + versionToString(driver().version) + ")";
}

std::string CudaBackend::tuningKey() const {
  return gpu->properties().name + ", sm_90a, " + std::to_string(parallelism()) +
         " multiprocessors, driver " + versionToString(driver().version);
}

Expected<KernelPtr> CudaBackend::loadKernel(const KernelRequest &request) {
  return store.get(request);
}

Status CudaBackend::launch(const Kernel &kernel, const Bindings &bindings, int64_t tiles,
                           void *stream) {
  CCE_CUDA_ENTER(*gpu);
  return static_cast<const CudaKernel &>(kernel).launch(bindings, tiles, streamHandle(stream));
}

Status CudaBackend::zero(const BufferBinding &matrix, void *stream) {
  CCE_CUDA_ENTER(*gpu);
  const int64_t element = dtypeSize(matrix.dtype);
  const int64_t columns = matrix.rank == 2 ? matrix.sizes[1] : 1;
  const DevicePointer base = devicePointer(matrix.base);
  if (columns > 1 && matrix.strides[1] != 1)
    return makeError(CCE_UNIMPLEMENTED, "zeroing a matrix with a column stride of ",
                     matrix.strides[1]);
  if (matrix.sizes[0] == 1 || matrix.strides[0] == columns) {
    CCE_CUDA_RETURN_IF_ERROR(
        driver(), memsetD8Async,
        (base, 0, size_t(matrix.sizes[0] * columns * element), streamHandle(stream)));
    return {};
  }
  CCE_CUDA_RETURN_IF_ERROR(driver(), memsetD2D8Async,
                           (base, size_t(matrix.strides[0] * element), 0, size_t(columns * element),
                            size_t(matrix.sizes[0]), streamHandle(stream)));
  return {};
}

Status CudaBackend::fill(float *memory, float value, int64_t count, void *stream) {
  CCE_CUDA_ENTER(*gpu);
  CCE_CUDA_RETURN_IF_ERROR(driver(), memsetD32Async,
                           (devicePointer(memory), std::bit_cast<unsigned>(value), size_t(count),
                            streamHandle(stream)));
  return {};
}

bool CudaBackend::supportsLayout(const BufferBinding &matrix) const {
  // Only the layout counts here: every address below stands for a good one, and a matrix without
  // rows can be laid out in any way.
  BufferBinding placed = matrix;
  placed.base = reinterpret_cast<void *>(uintptr_t(4096));
  placed.sizes[0] = std::max<int64_t>(placed.sizes[0], 1);
  // A single column may come with any stride, but kernels read whole 16-byte rows.
  if (placed.sizes[1] * dtypeSize(placed.dtype) % 16 != 0)
    return false;
  return checkTensorMapMatrix("", placed).ok();
}

Status CudaBackend::checkPointer(std::string_view name, const void *pointer,
                                 size_t alignment) const {
  if (!pointer)
    return makeError(CCE_INVALID_ARGUMENT, name, ": expected device memory, got NULL");
  if (reinterpret_cast<uintptr_t>(pointer) % alignment != 0)
    return makeError(CCE_INVALID_ARGUMENT, name, ": expected an address that is a multiple of ",
                     alignment, " bytes, got ", pointer);
  if (gpu->properties().pageableMemoryAccess)
    return {};
  // Without this check, memory of the host ends in a fault that takes the whole context with it.
  CCE_CUDA_ENTER(*gpu);
  unsigned type = 0;
  if (driver().pointerGetAttribute(&type, PointerAttribute::MemoryType, devicePointer(pointer)) !=
      success)
    return makeError(CCE_INVALID_ARGUMENT, name, ": expected device memory, got memory at ",
                     pointer, " that CUDA does not know");
  int ordinal = gpu->ordinal();
  if (type != memoryTypeHost &&
      driver().pointerGetAttribute(&ordinal, PointerAttribute::DeviceOrdinal,
                                   devicePointer(pointer)) == success &&
      ordinal != gpu->ordinal())
    return makeError(CCE_INVALID_ARGUMENT, name, ": expected memory of CUDA device ",
                     gpu->ordinal(), ", got memory of device ", ordinal);
  return {};
}

Expected<void *> CudaBackend::allocate(size_t bytes) {
  CCE_CUDA_ENTER(*gpu);
  DevicePointer pointer = 0;
  // The driver refuses 0 bytes; malloc(0) does not.
  const Result result = driver().memAlloc(&pointer, std::max<size_t>(bytes, 1));
  if (result == errorOutOfMemory) {
    size_t available = 0, total = 0;
    driver().memGetInfo(&available, &total);
    return makeError(CCE_RESOURCE_EXHAUSTED, "no device memory for ", bytes, " bytes: ", available,
                     " of ", total, " bytes are free on ", gpu->properties().name);
  }
  CCE_RETURN_IF_ERROR(driver().check(result, "memAlloc"));
  return reinterpret_cast<void *>(uintptr_t(pointer));
}

void CudaBackend::free(void *memory) {
  CudaDevice::Scope scope(*gpu);
  if (memory && scope.status().ok())
    driver().memFree(devicePointer(memory));
}

Status CudaBackend::copyToDevice(void *destination, const void *source, size_t bytes,
                                 void *stream) {
  CCE_CUDA_ENTER(*gpu);
  if (bytes)
    CCE_CUDA_RETURN_IF_ERROR(driver(), memcpyHtoDAsync,
                             (devicePointer(destination), source, bytes, streamHandle(stream)));
  CCE_CUDA_RETURN_IF_ERROR(driver(), streamSynchronize, (streamHandle(stream)));
  return {};
}

Status CudaBackend::copyToHost(void *destination, const void *source, size_t bytes, void *stream) {
  CCE_CUDA_ENTER(*gpu);
  if (bytes)
    CCE_CUDA_RETURN_IF_ERROR(driver(), memcpyDtoHAsync,
                             (destination, devicePointer(source), bytes, streamHandle(stream)));
  CCE_CUDA_RETURN_IF_ERROR(driver(), streamSynchronize, (streamHandle(stream)));
  return {};
}

Status CudaBackend::synchronize(void *stream) {
  CCE_CUDA_ENTER(*gpu);
  CCE_CUDA_RETURN_IF_ERROR(driver(), streamSynchronize, (streamHandle(stream)));
  return {};
}

Expected<double> CudaBackend::milliseconds(const std::function<Status()> &work, void *stream) {
  CCE_CUDA_ENTER(*gpu);
  EventHandle events[2] = {nullptr, nullptr};
  float time = 0;
  auto measure = [&]() -> Status {
    for (EventHandle &event : events)
      CCE_CUDA_RETURN_IF_ERROR(driver(), eventCreate, (&event, eventDefault));
    CCE_CUDA_RETURN_IF_ERROR(driver(), eventRecord, (events[0], streamHandle(stream)));
    CCE_RETURN_IF_ERROR(work());
    CCE_CUDA_RETURN_IF_ERROR(driver(), eventRecord, (events[1], streamHandle(stream)));
    CCE_CUDA_RETURN_IF_ERROR(driver(), eventSynchronize, (events[1]));
    CCE_CUDA_RETURN_IF_ERROR(driver(), eventElapsedTime, (&time, events[0], events[1]));
    return {};
  };
  Status status = measure();
  for (EventHandle event : events)
    if (event)
      driver().eventDestroy(event);
  if (!status.ok())
    return status;
  return double(time);
}

} // namespace cce::rt::cuda
