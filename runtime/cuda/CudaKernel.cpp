//===- CudaKernel.cpp - modules, checks before launching, launches --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/cuda/CudaKernel.h"

#include "runtime/cuda/TensorMap.h"

#include <algorithm>
#include <cstring>

namespace cce::rt::cuda {

namespace {

constexpr size_t maxTensorMaps = 8;

/// Buffers for what the driver's compiler has to say, and the options that name them.
struct JitLog {
  char info[4096] = "";
  char error[16384] = "";
  JitOption options[5] = {JitOption::InfoLogBuffer, JitOption::InfoLogBufferSizeBytes,
                          JitOption::ErrorLogBuffer, JitOption::ErrorLogBufferSizeBytes,
                          JitOption::LogVerbose};
  // Numbers travel in the pointers themselves.
  void *values[5] = {info, reinterpret_cast<void *>(sizeof(info)), error,
                     reinterpret_cast<void *>(sizeof(error)), nullptr};
  static constexpr unsigned count = 5;

  Status annotate(Status status) const {
    if (status.ok() || !error[0])
      return status;
    std::string text(error, strnlen(error, sizeof(error)));
    return Status(status.code(), status.message() + "\nthe driver's compiler says:\n" + text);
  }
};

} // namespace

Expected<std::string> linkToCubin(const Driver &driver, const std::string &ptx,
                                  const std::string &name) {
  JitLog log;
  LinkHandle link = nullptr;
  CCE_RETURN_IF_ERROR(
      driver.check(driver.linkCreate(JitLog::count, log.options, log.values, &link), "linkCreate"));
  void *cubin = nullptr;
  size_t bytes = 0;
  Status status =
      driver.check(driver.linkAddData(link, jitInputPtx, const_cast<char *>(ptx.c_str()),
                                      ptx.size() + 1, name.c_str(), 0, nullptr, nullptr),
                   "linkAddData");
  if (status.ok())
    status = driver.check(driver.linkComplete(link, &cubin, &bytes), "linkComplete");
  std::string result;
  if (status.ok())
    result.assign(static_cast<const char *>(cubin), bytes); // owned by the link
  driver.linkDestroy(link);
  if (!status.ok())
    return log.annotate(std::move(status));
  return result;
}

Expected<std::shared_ptr<const CudaKernel>>
CudaKernel::load(std::shared_ptr<const CudaDevice> device, const KernelCode &code, ModuleMode mode,
                 std::string &cubin) {
  size_t maps = 0;
  for (const ManifestArgument &argument : code.manifest.arguments) {
    maps += argument.kind == ArgumentKind::TensorMap;
    if (argument.kind == ArgumentKind::Begin || argument.kind == ArgumentKind::End ||
        argument.kind == ArgumentKind::Scratch)
      return makeError(CCE_INTERNAL, "argument of kind ", argumentKindName(argument.kind),
                       " in a CUDA kernel");
  }
  if (maps > maxTensorMaps)
    return makeError(CCE_INTERNAL, maps, " tensor maps, the limit is ", maxTensorMaps);
  std::shared_ptr<CudaKernel> kernel(new CudaKernel(std::move(device), code.manifest));
  CCE_CUDA_ENTER(*kernel->device);
  if (mode == ModuleMode::LinkCubin && cubin.empty()) {
    CCE_ASSIGN_OR_RETURN(
        cubin, linkToCubin(kernel->device->driver(), code.code, code.manifest.kernel + ".ptx"));
  }
  CCE_RETURN_IF_ERROR(kernel->loadModule(mode == ModuleMode::LinkCubin ? cubin : code.code));
  CCE_RETURN_IF_ERROR(kernel->checkLimits());
  return std::shared_ptr<const CudaKernel>(std::move(kernel));
}

CudaKernel::~CudaKernel() {
  if (!module)
    return;
  CudaDevice::Scope scope(*device);
  if (scope.status().ok())
    device->driver().moduleUnload(module);
}

Status CudaKernel::loadModule(const std::string &image) {
  const Driver &driver = device->driver();
  JitLog log;
  CCE_RETURN_IF_ERROR(log.annotate(driver.check(
      driver.moduleLoadDataEx(&module, image.c_str(), JitLog::count, log.options, log.values),
      "moduleLoadDataEx")));
  return driver
      .check(driver.moduleGetFunction(&function, module, manifest().entry.c_str()),
             "moduleGetFunction")
      .annotate("entry '" + manifest().entry + "'");
}

Status CudaKernel::checkLimits() {
  const Driver &driver = device->driver();
  const DeviceProperties &limits = device->properties();
  const Manifest &kernel = manifest();
  int registers = 0, fixedShared = 0, maxThreads = 0;
  CCE_CUDA_RETURN_IF_ERROR(driver, funcGetAttribute,
                           (&registers, FunctionAttribute::NumRegs, function));
  CCE_CUDA_RETURN_IF_ERROR(driver, funcGetAttribute,
                           (&fixedShared, FunctionAttribute::SharedSizeBytes, function));
  CCE_CUDA_RETURN_IF_ERROR(driver, funcGetAttribute,
                           (&maxThreads, FunctionAttribute::MaxThreadsPerBlock, function));

  auto exceeds = [&](const char *what, int64_t needed, int64_t limit) {
    return makeError(CCE_RESOURCE_EXHAUSTED, "needs ", needed, " ", what, " a block, ", limits.name,
                     " has ", limit);
  };
  const int64_t shared = kernel.sharedBytes + fixedShared;
  // Registers are given to whole warps in units of 256.
  const int64_t warps = (kernel.threads + 31) / 32;
  const int64_t blockRegisters = (int64_t(registers) * 32 + 255) / 256 * 256 * warps;
  if (kernel.threads > limits.threadsPerBlock)
    return exceeds("threads", kernel.threads, limits.threadsPerBlock);
  if (shared > limits.sharedPerBlock)
    return exceeds("bytes of shared memory", shared, limits.sharedPerBlock);
  if (blockRegisters > limits.registersPerBlock)
    return exceeds("registers", blockRegisters, limits.registersPerBlock);
  if (kernel.threads > maxThreads)
    return makeError(CCE_INTERNAL, "the code allows ", maxThreads,
                     " threads a block, the manifest says ", kernel.threads);

  CCE_CUDA_RETURN_IF_ERROR(
      driver, funcSetAttribute,
      (function, FunctionAttribute::MaxDynamicSharedSizeBytes, int(kernel.sharedBytes)));
  // More than 8 blocks a cluster need the kernel's consent.
  if (kernel.cluster > 8)
    CCE_CUDA_RETURN_IF_ERROR(driver, funcSetAttribute,
                             (function, FunctionAttribute::NonPortableClusterSizeAllowed, 1));

  blocksPerMultiprocessor = limits.threadsPerMultiprocessor / std::max<int64_t>(warps * 32, 1);
  blocksPerMultiprocessor = std::min(
      blocksPerMultiprocessor, limits.sharedPerMultiprocessor /
                                   std::max<int64_t>(shared + limits.sharedReservedPerBlock, 1));
  if (blockRegisters > 0)
    blocksPerMultiprocessor =
        std::min(blocksPerMultiprocessor, limits.registersPerMultiprocessor / blockRegisters);
  blocksPerMultiprocessor = std::max<int64_t>(blocksPerMultiprocessor, 1);
  return {};
}

Status CudaKernel::launch(const Bindings &bindings, int64_t tiles, StreamHandle stream) const {
  const Manifest &kernel = manifest();
  const Driver &driver = device->driver();
  std::array<TensorMap, maxTensorMaps> maps;
  std::array<uint64_t, maxArguments> values;
  std::array<void *, maxArguments> parameters;
  size_t mapCount = 0;
  for (size_t i = 0; i < kernel.arguments.size(); ++i) {
    const ManifestArgument &argument = kernel.arguments[i];
    if (argument.kind != ArgumentKind::TensorMap) {
      Expected<uint64_t> value = bindings.value(argument);
      if (!value.ok())
        return std::move(value).status().annotate(kernel.kernel);
      // Parameters of 32 bits are read from the low half, which comes first in memory.
      values[i] = *value;
      parameters[i] = &values[i];
      continue;
    }
    const BufferBinding *buffer = bindings.findBuffer(argument.name);
    if (!buffer)
      return makeError(CCE_INTERNAL, kernel.kernel, ": no buffer named '", argument.name, "'");
    Expected<TensorMap> map = encodeTensorMap(driver, argument, *buffer);
    if (!map.ok())
      return std::move(map).status().annotate(kernel.kernel);
    maps[mapCount] = *map;
    parameters[i] = &maps[mapCount++];
  }

  // Persistent kernels: as many blocks as fit at the same time, but not more than there are tiles.
  const int64_t resident = int64_t(device->properties().multiprocessors) * blocksPerMultiprocessor;
  int64_t grid = kernel.blocks ? kernel.blocks : std::min(tiles, resident);
  int64_t clusters = std::max<int64_t>((grid + kernel.cluster - 1) / kernel.cluster, 1);
  // Where blocks share what they read, no more of them than the same number of rounds needs: all then
  // have about as many tiles, and rounds more often end where groups of tiles do (LowerProduct.cpp).
  // Measured on an H100, the forward of Llama 3: 0.99 of its time, and in one grouping half of the bytes.
  if (kernel.cluster > 1) {
    const int64_t all = std::max<int64_t>((tiles + kernel.cluster - 1) / kernel.cluster, 1);
    const int64_t rounds = (all + clusters - 1) / clusters;
    clusters = (all + rounds - 1) / rounds;
  }
  grid = clusters * kernel.cluster;

  std::array<LaunchAttribute, 2> attributes = {};
  unsigned attributeCount = 0;
  if (kernel.cluster > 1) {
    LaunchAttribute &cluster = attributes[attributeCount++];
    cluster.id = launchAttributeClusterDimension;
    cluster.value.clusterDim = {unsigned(kernel.cluster), 1, 1};
  }
  if (kernel.overlaps) {
    LaunchAttribute &overlap = attributes[attributeCount++];
    overlap.id = launchAttributeProgrammaticStreamSerialization;
    overlap.value.programmaticStreamSerializationAllowed = 1;
  }
  LaunchConfig config = {};
  config.gridDimX = unsigned(grid);
  config.gridDimY = config.gridDimZ = config.blockDimY = config.blockDimZ = 1;
  config.blockDimX = unsigned(kernel.threads);
  config.sharedMemBytes = unsigned(kernel.sharedBytes);
  config.stream = stream;
  config.attributes = attributeCount > 0 ? attributes.data() : nullptr;
  config.numAttributes = attributeCount;
  Status status = driver.check(driver.launchKernelEx(&config, function, parameters.data(), nullptr),
                               "launchKernelEx");
  if (status.ok())
    return status;
  return makeError(status.code(), kernel.kernel, ": ", status.message(), " with ", grid,
                   " blocks of ", kernel.threads, " threads, ", kernel.sharedBytes,
                   " bytes of shared memory, cluster ", kernel.cluster);
}

} // namespace cce::rt::cuda
