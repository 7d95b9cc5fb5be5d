//===- CpuBackend.cpp - plans on the processor ----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/cpu/CpuBackend.h"

#include "runtime/cpu/TokenKernels.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <sched.h>

namespace cce::rt {

namespace {

/// Code from the compiler, or one of our token kernels.
class CpuKernel final : public Kernel {
public:
  CpuKernel(Manifest manifest, std::shared_ptr<LoadedCpuKernel> code)
      : Kernel(std::move(manifest)), code(std::move(code)) {}
  CpuKernel(const std::string &name, TokenKernel tokenKernel)
      : Kernel(named(name)), tokenKernel(tokenKernel) {}

  static Manifest named(const std::string &name) {
    Manifest manifest;
    manifest.kernel = name;
    manifest.target = "cpu";
    return manifest;
  }

  std::shared_ptr<LoadedCpuKernel> code;
  TokenKernel tokenKernel = nullptr;
};

constexpr size_t memoryAlignment = 256;

/// Cores that this process may run on, which a container limits below the machine's number.
int availableCores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0)
    return std::max(CPU_COUNT(&set), 1);
  return int(std::max(std::thread::hardware_concurrency(), 1u));
}

/// How one parallel axis is cut into ranges for tasks.
struct AxisSplit {
  std::string_view axis;
  int64_t extent = 1;
  int64_t length = 1;
  int64_t ranges = 1;
};

/// About `wanted` ranges, each a multiple of the kernel's tile except the last.
AxisSplit splitAxis(std::string_view axis, int64_t extent, int64_t tile, int64_t wanted) {
  const int64_t tiles = (extent + tile - 1) / tile;
  const int64_t tilesPerRange = std::max<int64_t>((tiles + wanted - 1) / wanted, 1);
  AxisSplit split{axis, extent, tilesPerRange * tile, 0};
  split.ranges = (tiles + tilesPerRange - 1) / tilesPerRange;
  return split;
}

/// Memory of the argument `scratch`, one piece per thread, kept for the next kernel.
void *threadScratch(size_t bytes) {
  struct Scratch {
    ~Scratch() { std::free(memory); }
    void *memory = nullptr;
    size_t bytes = 0;
  };
  thread_local Scratch scratch;
  if (scratch.bytes < bytes) {
    std::free(scratch.memory);
    const size_t rounded = (bytes + 63) / 64 * 64;
    scratch.memory = std::aligned_alloc(64, rounded);
    scratch.bytes = scratch.memory ? rounded : 0;
  }
  return scratch.memory;
}

} // namespace

CpuBackend::CpuBackend(std::shared_ptr<KernelCompiler> compiler, std::shared_ptr<DiskCache> disk,
                       WarningSink warn, int threads)
    : pool(threads > 0 ? threads : availableCores()),
      store(compiler, std::move(disk), std::move(warn), "",
            [compiler](const KernelCode &code, std::string &) -> Expected<KernelPtr> {
              CCE_ASSIGN_OR_RETURN(std::shared_ptr<LoadedCpuKernel> loaded, compiler->load(code));
              return KernelPtr(std::make_shared<CpuKernel>(code.manifest, std::move(loaded)));
            }) {}

std::string CpuBackend::description() const {
  const int threads = pool.workers();
  return "CPU (" + store.compiler().cpuDescription() + ", " + std::to_string(threads) +
         (threads == 1 ? " thread)" : " threads)");
}

std::string CpuBackend::tuningKey() const { return description(); }

Expected<KernelPtr> CpuBackend::loadKernel(const KernelRequest &request) {
  if (TokenKernel kernel = findTokenKernel(request.kernel))
    return KernelPtr(std::make_shared<CpuKernel>(request.kernel, kernel));
  return store.get(request);
}

Status CpuBackend::launch(const Kernel &kernel, const Bindings &bindings, int64_t, void *) {
  const auto &cpuKernel = static_cast<const CpuKernel &>(kernel);
  const Manifest &manifest = kernel.manifest();
  if (cpuKernel.tokenKernel)
    return cpuKernel.tokenKernel(bindings).annotate(manifest.kernel);

  std::array<uint64_t, maxArguments> slots;
  CCE_RETURN_IF_ERROR(fillCpuSlots(manifest, bindings, slots).annotate(manifest.kernel));

  // At most two parallel axes. Four tasks a worker even out unequal speed; with two axes the
  // second one (splits) is cut to its tiles first and the first one gets what is missing.
  const int64_t wanted = 4 * int64_t(pool.workers());
  std::array<AxisSplit, 2> axes;
  std::array<const ManifestArgument *, 2> begins = {nullptr, nullptr};
  size_t axisCount = 0;
  for (const ManifestArgument &argument : manifest.arguments)
    if (argument.kind == ArgumentKind::Begin) {
      if (axisCount == begins.size())
        return makeError(CCE_INTERNAL, manifest.kernel, ": more than two parallel axes");
      begins[axisCount++] = &argument;
    }
  int64_t others = 1;
  for (size_t i = axisCount; i-- > 0;) {
    const std::string &axis = begins[i]->name;
    const int64_t *extent = bindings.findExtent(axis);
    if (!extent)
      return makeError(CCE_INTERNAL, manifest.kernel, ": no extent of axis '", axis, "'");
    axes[i] = splitAxis(axis, *extent, manifest.tile(axis, 1),
                        std::max<int64_t>((wanted + others - 1) / std::max<int64_t>(others, 1), 1));
    others *= axes[i].ranges;
  }

  const LoadedCpuKernel::Entry entry = cpuKernel.code->entry();
  std::atomic<bool> outOfMemory{false};
  pool.run(axes[0].ranges * axes[1].ranges, [&](int64_t task, int) {
    std::array<uint64_t, maxArguments> taskSlots = slots;
    const int64_t index[2] = {task % axes[0].ranges, task / axes[0].ranges};
    for (size_t i = 0; i < manifest.arguments.size(); ++i) {
      const ManifestArgument &argument = manifest.arguments[i];
      if (argument.kind == ArgumentKind::Scratch) {
        void *scratch = threadScratch(size_t(manifest.scratchBytes));
        if (!scratch && manifest.scratchBytes > 0) {
          outOfMemory = true;
          return;
        }
        taskSlots[i] = uint64_t(reinterpret_cast<uintptr_t>(scratch));
      }
      if (argument.kind != ArgumentKind::Begin && argument.kind != ArgumentKind::End)
        continue;
      for (size_t axis = 0; axis < axisCount; ++axis)
        if (axes[axis].axis == argument.name) {
          const int64_t begin = index[axis] * axes[axis].length;
          const int64_t end = std::min(begin + axes[axis].length, axes[axis].extent);
          taskSlots[i] = uint64_t(argument.kind == ArgumentKind::Begin ? begin : end);
        }
    }
    entry(taskSlots.data());
  });
  if (outOfMemory)
    return makeError(CCE_RESOURCE_EXHAUSTED, manifest.kernel, ": no memory for ",
                     manifest.scratchBytes, " bytes of scratch in a thread");
  return {};
}

Status CpuBackend::zero(const BufferBinding &matrix, void *) {
  const int64_t element = dtypeSize(matrix.dtype);
  const int64_t columns = matrix.rank == 2 ? matrix.sizes[1] : 1;
  auto *base = static_cast<char *>(matrix.base);
  pool.run(matrix.sizes[0], [&](int64_t row, int) {
    char *start = base + row * matrix.strides[0] * element;
    if (columns == 1 || matrix.strides[1] == 1)
      std::memset(start, 0, size_t(columns * element));
    else
      for (int64_t column = 0; column < columns; ++column)
        std::memset(start + column * matrix.strides[1] * element, 0, size_t(element));
  });
  return {};
}

Status CpuBackend::fill(float *memory, float value, int64_t count, void *) {
  std::fill_n(memory, count, value);
  return {};
}

bool CpuBackend::supportsLayout(const BufferBinding &) const { return true; }

Status CpuBackend::checkPointer(std::string_view name, const void *pointer,
                                size_t alignment) const {
  if (!pointer)
    return makeError(CCE_INVALID_ARGUMENT, name, ": expected memory, got NULL");
  if (reinterpret_cast<uintptr_t>(pointer) % alignment != 0)
    return makeError(CCE_INVALID_ARGUMENT, name, ": expected an address that is a multiple of ",
                     alignment, " bytes, got ", pointer);
  return {};
}

Expected<void *> CpuBackend::allocate(size_t bytes) {
  // aligned_alloc wants a multiple of the alignment.
  const size_t rounded = (bytes + memoryAlignment - 1) / memoryAlignment * memoryAlignment;
  void *memory = rounded >= bytes
                     ? std::aligned_alloc(memoryAlignment, std::max(rounded, memoryAlignment))
                     : nullptr;
  if (!memory)
    return makeError(CCE_RESOURCE_EXHAUSTED, "no memory for ", bytes, " bytes");
  return memory;
}

void CpuBackend::free(void *memory) { std::free(memory); }

Status CpuBackend::copyToDevice(void *destination, const void *source, size_t bytes, void *) {
  if (bytes)
    std::memcpy(destination, source, bytes);
  return {};
}

Status CpuBackend::copyToHost(void *destination, const void *source, size_t bytes, void *) {
  if (bytes)
    std::memcpy(destination, source, bytes);
  return {};
}

Status CpuBackend::synchronize(void *) { return {}; }

Expected<double> CpuBackend::milliseconds(const std::function<Status()> &work, void *) {
  const auto start = std::chrono::steady_clock::now();
  CCE_RETURN_IF_ERROR(work());
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  return time.count();
}

} // namespace cce::rt
