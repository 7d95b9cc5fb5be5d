//===- KernelStore.h - from requests to loaded kernels ----------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_CACHE_KERNELSTORE_H
#define CCE_RUNTIME_CACHE_KERNELSTORE_H

#include "runtime/cache/DiskCache.h"
#include "runtime/kernels/KernelCompiler.h"
#include "runtime/plan/Backend.h"

#include <functional>
#include <map>
#include <mutex>

namespace cce::rt {

/// Finds a kernel in memory, else on disk, else has it compiled and keeps it in both.
class KernelStore {
public:
  /// Brings code onto the device. May fill `cubin`, which is then kept on disk beside the code and
  /// handed in again the next time.
  using Loader = std::function<Expected<KernelPtr>(const KernelCode &code, std::string &cubin)>;

  /// `environment`: what else loaded code depends on (the driver's version for a cubin).
  KernelStore(std::shared_ptr<KernelCompiler> compiler, std::shared_ptr<DiskCache> disk,
              WarningSink warn, std::string environment, Loader loader);

  Expected<KernelPtr> get(const KernelRequest &request);

  const KernelCompiler &compiler() const { return *compilerPtr; }

private:
  Expected<KernelPtr> compileAndLoad(const KernelRequest &request, const std::string &key,
                                     const std::string &description);
  Expected<KernelPtr> loadFromDisk(const KernelRequest &request, const std::string &key);

  std::shared_ptr<KernelCompiler> compilerPtr;
  std::shared_ptr<DiskCache> disk;
  WarningSink warn;
  std::string environment;
  Loader loader;

  std::mutex mutex;
  std::map<std::string, KernelPtr> loaded; // by request text
};

} // namespace cce::rt

#endif // CCE_RUNTIME_CACHE_KERNELSTORE_H
