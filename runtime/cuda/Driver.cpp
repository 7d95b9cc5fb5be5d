//===- Driver.cpp - the CUDA driver as a table of functions ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Driver.h"

#include <dlfcn.h>

namespace cce::rt::cuda {

namespace {

constexpr const char *libraryName = "libcuda.so.1";

/// The signatures in Driver.h are those of CUDA 12.0, which asks cuGetProcAddress for the _v2
/// entry points where there are several.
constexpr int signatureVersion = 12000;

using GetProcAddress = Result (*)(const char *symbol, void **function, int version, uint64_t flags,
                                  int *status);

Status tooOld(int version) {
  return makeError(CCE_UNAVAILABLE, "the CUDA driver supports CUDA ", versionToString(version),
                   ", but kernels need CUDA ", versionToString(oldestDriverVersion),
                   " or newer (NVIDIA driver 545); please update the driver");
}

cce_status codeOf(Result result) {
  switch (result) {
  case errorOutOfMemory:
  case errorLaunchOutOfResources:
    return CCE_RESOURCE_EXHAUSTED;
  case errorNoDevice:
  case errorUnsupportedPtxVersion:
  case errorSystemDriverMismatch:
    return CCE_UNAVAILABLE;
  case errorInvalidDevice:
  case errorNotFound:
    return CCE_NOT_FOUND;
  default:
    return CCE_INTERNAL;
  }
}

} // namespace

std::string versionToString(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

LibraryOpener systemLibraryOpener() {
  LibraryOpener opener;
  opener.open = [](const char *path, std::string &error) -> void * {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
      if (const char *text = dlerror())
        error = text;
    return library;
  };
  opener.symbol = [](void *library, const char *symbol) { return dlsym(library, symbol); };
  return opener;
}

Status Driver::check(Result result, const char *symbol) const {
  if (result == success)
    return {};
  const char *name = nullptr;
  const char *text = nullptr;
  if (getErrorName)
    getErrorName(result, &name);
  if (getErrorString)
    getErrorString(result, &text);
  std::string symbolName = symbol;
#define CCE_CUDA_NAME(member, realName, arguments)                                                 \
  if (symbolName == #member)                                                                       \
    symbolName = realName;
  CCE_CUDA_FUNCTIONS(CCE_CUDA_NAME)
#undef CCE_CUDA_NAME
  return makeError(codeOf(result), symbolName, ": ",
                   name ? name : "CUDA error " + std::to_string(result), " (",
                   text ? text : "no description", ")");
}

Expected<std::shared_ptr<const Driver>> loadDriver(const LibraryOpener &opener) {
  std::string why;
  // Never closed: the driver keeps threads and exit handlers of its own.
  void *library = opener.open(libraryName, why);
  if (!library)
    return makeError(CCE_UNAVAILABLE, "no CUDA driver: ", libraryName, " can not be opened (", why,
                     ")");

  auto getProcAddress =
      reinterpret_cast<GetProcAddress>(opener.symbol(library, "cuGetProcAddress_v2"));
  if (!getProcAddress) {
    // Drivers before CUDA 12.0; ask how old, for the message.
    int version = 0;
    if (auto getVersion =
            reinterpret_cast<Result (*)(int *)>(opener.symbol(library, "cuDriverGetVersion")))
      getVersion(&version);
    if (version > 0 && version < oldestDriverVersion)
      return tooOld(version);
    return makeError(CCE_UNAVAILABLE, libraryName,
                     " is no usable CUDA driver: it lacks cuGetProcAddress_v2");
  }

  auto driver = std::make_shared<Driver>();
  Status status;
  auto resolve = [&](const char *symbol) -> void * {
    void *function = nullptr;
    int found = 0;
    Result result = getProcAddress(symbol, &function, signatureVersion, 0, &found);
    if ((result != success || !function) && status.ok())
      status = makeError(CCE_UNAVAILABLE, "the CUDA driver has no function ", symbol);
    return function;
  };
#define CCE_CUDA_RESOLVE(member, symbol, arguments)                                                \
  driver->member = reinterpret_cast<decltype(driver->member)>(resolve(symbol));
  CCE_CUDA_FUNCTIONS(CCE_CUDA_RESOLVE)
#undef CCE_CUDA_RESOLVE

  // The version explains a missing function better than the function's name.
  if (driver->driverGetVersion && driver->driverGetVersion(&driver->version) == success &&
      driver->version < oldestDriverVersion)
    return tooOld(driver->version);
  CCE_RETURN_IF_ERROR(status);

  Status initialised = driver->check(driver->init(0), "init");
  if (!initialised.ok())
    return Status(CCE_UNAVAILABLE, initialised.message())
        .annotate("the CUDA driver does not start");
  int count = 0;
  CCE_CUDA_RETURN_IF_ERROR(*driver, deviceGetCount, (&count));
  if (count == 0)
    return makeError(CCE_UNAVAILABLE, "the CUDA driver finds no device");
  return std::shared_ptr<const Driver>(std::move(driver));
}

} // namespace cce::rt::cuda
