//===- FakeDriver.h - a CUDA driver that only takes notes -------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A driver has no user pointer, so the state is one global, fresh for every test that calls
// resetFakeDriver(). "Device" memory is memory of the process.
//
//===----------------------------------------------------------------------===//
#ifndef CCE_TEST_UNIT_FAKEDRIVER_H
#define CCE_TEST_UNIT_FAKEDRIVER_H

#include "runtime/cuda/Driver.h"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace cce::rt::test {

struct FakeLaunch {
  std::string entry;
  cuda::LaunchConfig config;
  unsigned cluster = 1;
  bool overlaps = false;
  cuda::StreamHandle stream = nullptr;
  std::vector<void *> parameters; // only valid during the launch
};

struct FakeTensorMap {
  cuda::TensorMapDataType type;
  void *address;
  uint64_t sizes[2], stride;
  uint32_t box[2];
  cuda::TensorMapSwizzle swizzle;
};

struct FakeDriverState {
  int version = 13000;
  int devices = 1;
  cuda::Result initResult = cuda::success;
  std::set<std::string> missingFunctions;
  std::map<cuda::DeviceAttribute, int> attributes;
  std::map<cuda::FunctionAttribute, int> functionAttributes;
  size_t memoryLimit = size_t(1) << 30;
  /// Results of single functions, by symbol.
  std::map<std::string, cuda::Result> failures;
  std::string jitErrorLog;

  int pushed = 0; // contexts, in all threads together
  int retained = 0;
  int modules = 0;
  int allocations = 0;
  int callsOutsideContext = 0;
  std::map<cuda::DevicePointer, int> allocatedOn; // device ordinal by address, one entry a block
  std::map<cuda::FunctionAttribute, int> attributesSet;
  std::vector<std::string> loadedImages;
  std::vector<FakeTensorMap> tensorMaps;
  std::vector<std::string> log;
  std::vector<FakeLaunch> launches;
  /// Called during each launch, while the parameters are alive.
  std::function<void(const FakeLaunch &)> onLaunch;
};

FakeDriverState &fakeDriver();
void resetFakeDriver();

/// A libcuda.so.1 that consists of the fake.
cuda::LibraryOpener fakeLibrary();

} // namespace cce::rt::test

#endif // CCE_TEST_UNIT_FAKEDRIVER_H
