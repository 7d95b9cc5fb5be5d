//===- KernelStore.cpp - from requests to loaded kernels ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/cache/KernelStore.h"

namespace cce::rt {

namespace {

Status checkManifest(const Manifest &manifest, const KernelRequest &request) {
  if (manifest.kernel != request.kernel || manifest.target != request.target)
    return makeError(CCE_INTERNAL, "asked for '", request.kernel, "' for ", request.target,
                     ", the manifest is of '", manifest.kernel, "' for ", manifest.target);
  if (manifest.arguments.size() > maxArguments)
    return makeError(CCE_INTERNAL, "kernel '", manifest.kernel, "' has ", manifest.arguments.size(),
                     " arguments, the limit is ", maxArguments);
  return {};
}

} // namespace

KernelStore::KernelStore(std::shared_ptr<KernelCompiler> compiler, std::shared_ptr<DiskCache> disk,
                         WarningSink warn, std::string environment, Loader loader)
    : compilerPtr(std::move(compiler)), disk(std::move(disk)), warn(std::move(warn)),
      environment(std::move(environment)), loader(std::move(loader)) {}

Expected<KernelPtr> KernelStore::get(const KernelRequest &request) {
  const std::string text = request.toString();
  {
    std::lock_guard lock(mutex);
    if (auto it = loaded.find(text); it != loaded.end())
      return it->second;
  }
  // Compiled outside the lock, so that different kernels compile at the same time; two threads
  // that want the same one at the same moment both compile it, which is rare and harmless.
  const std::string description = "compiler " + compilerPtr->version(request.target) +
                                  "\nenvironment " + environment + "\n" + text;
  const std::string key = DiskCache::key(description);
  Expected<KernelPtr> kernel = loadFromDisk(request, key);
  if (!kernel.ok())
    kernel = compileAndLoad(request, key, description);
  if (!kernel.ok())
    return std::move(kernel).annotate("kernel '" + request.kernel + "' (" + request.target + ", " +
                                      dtypeName(request.dtype) + ", " +
                                      configToString(request.config) + ")");
  std::lock_guard lock(mutex);
  return loaded.emplace(text, *kernel).first->second;
}

Expected<KernelPtr> KernelStore::loadFromDisk(const KernelRequest &request,
                                              const std::string &key) {
  std::optional<CacheEntry> entry = disk->lookup(key);
  if (!entry)
    return makeError(CCE_NOT_FOUND, "not in the cache");
  auto load = [&]() -> Expected<KernelPtr> {
    CCE_ASSIGN_OR_RETURN(Manifest manifest, Manifest::parse(entry->manifest));
    CCE_RETURN_IF_ERROR(checkManifest(manifest, request));
    return loader(KernelCode{std::move(entry->code), std::move(manifest)}, entry->cubin);
  };
  Expected<KernelPtr> kernel = load();
  if (!kernel.ok())
    warn("cache entry " + key + " does not load, compiling again: " + kernel.status().message());
  return kernel;
}

Expected<KernelPtr> KernelStore::compileAndLoad(const KernelRequest &request,
                                                const std::string &key,
                                                const std::string &description) {
  CCE_ASSIGN_OR_RETURN(KernelCode code, compilerPtr->compile(request));
  CCE_RETURN_IF_ERROR(checkManifest(code.manifest, request));
  CacheEntry entry;
  CCE_ASSIGN_OR_RETURN(KernelPtr kernel, loader(code, entry.cubin));
  entry.manifest = code.manifest.print();
  entry.code = std::move(code.code);
  disk->store(key, description, entry);
  return kernel;
}

} // namespace cce::rt
