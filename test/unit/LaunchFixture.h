//===- LaunchFixture.h - launches on a fake GPU, by name --------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_TEST_UNIT_LAUNCHFIXTURE_H
#define CCE_TEST_UNIT_LAUNCHFIXTURE_H

#include "test/unit/CudaFixture.h"

#include <mutex>

namespace cce::rt::test {

/// A launch with the values of its arguments by name.
struct NamedLaunch {
  std::string kernel;
  unsigned blocks;
  std::map<std::string, void *> pointers;
  std::map<std::string, int64_t> integers; // scalars, extents ("extent x"), origins and strides
  std::map<std::string, float> floats;
  std::map<std::string, FakeTensorMap> maps;
};

/// Plans, with what they launch.
class LaunchFixture : public CudaRunFixture {
protected:
  void SetUp() override {
    CudaRunFixture::SetUp();
    compiler->adjust = [this](const KernelRequest &request, KernelCode &code) {
      if (change)
        change(request, code);
      std::lock_guard lock(mutex);
      manifests[request.kernel] = code.manifest;
      requests[request.kernel] = request;
    };
  }

  void makePlan() {
    ASSERT_NO_FATAL_FAILURE(CudaRunFixture::makePlan());
    fakeDriver().onLaunch = [this](const FakeLaunch &launch) { note(launch); };
  }

  void note(const FakeLaunch &launch) {
    NamedLaunch named{launch.entry, launch.config.gridDimX, {}, {}, {}, {}};
    const auto &arguments = manifests.at(launch.entry).arguments;
    for (size_t i = 0; i < arguments.size(); ++i) {
      const ManifestArgument &argument = arguments[i];
      const void *value = launch.parameters[i];
      switch (argument.kind) {
      case ArgumentKind::TensorMap:
        named.maps[argument.name] =
            fakeDriver().tensorMaps[*static_cast<const uint64_t *>(value) - 1];
        break;
      case ArgumentKind::Pointer:
        named.pointers[argument.name] = *static_cast<void *const *>(value);
        break;
      case ArgumentKind::ExtentPointer:
        named.pointers["count of " + argument.name] = *static_cast<void *const *>(value);
        break;
      case ArgumentKind::Extent:
        named.integers["extent " + argument.name] = *static_cast<const int32_t *>(value);
        break;
      case ArgumentKind::Origin:
        named.integers["origin " + argument.name] = *static_cast<const int32_t *>(value);
        break;
      case ArgumentKind::Stride:
        named.integers["stride " + argument.name] = *static_cast<const int64_t *>(value);
        break;
      default:
        if (argument.scalarType == ScalarType::F32)
          named.floats[argument.name] = *static_cast<const float *>(value);
        else if (argument.scalarType == ScalarType::I64)
          named.integers[argument.name] = *static_cast<const int64_t *>(value);
        else
          named.integers[argument.name] = *static_cast<const int32_t *>(value);
      }
    }
    launches.push_back(named);
  }

  std::vector<std::string> runForward() {
    launches.clear();
    EXPECT_EQ(cce_forward(plan, &forward, nullptr), CCE_OK) << cce_last_error();
    return names();
  }
  std::vector<std::string> runBackward() {
    launches.clear();
    EXPECT_EQ(cce_backward(plan, &backward, nullptr), CCE_OK) << cce_last_error();
    return names();
  }
  std::string backwardError() {
    return cce_backward(plan, &backward, nullptr) == CCE_OK ? "" : cce_last_error();
  }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const NamedLaunch &launch : launches)
      result.push_back(launch.kernel);
    return result;
  }
  /// The launch of this name, counted from 0.
  const NamedLaunch &launch(const std::string &kernel, int which = 0) const {
    for (const NamedLaunch &each : launches)
      if (each.kernel == kernel && which-- == 0)
        return each;
    ADD_FAILURE() << "no launch of " << kernel;
    static const NamedLaunch none{};
    return none;
  }
  void *inWorkspace(const Slice &slice) const {
    return static_cast<char *>(forward.workspace) + slice.offset;
  }

  std::function<void(const KernelRequest &, KernelCode &)> change;
  std::mutex mutex; // kernels are compiled by several threads
  std::map<std::string, Manifest> manifests;
  std::map<std::string, KernelRequest> requests;
  std::vector<NamedLaunch> launches;
};

} // namespace cce::rt::test

#endif // CCE_TEST_UNIT_LAUNCHFIXTURE_H
