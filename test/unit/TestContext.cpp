//===- TestContext.cpp - contexts with a fake outside world ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "test/unit/TestContext.h"

#include "runtime/support/Files.h"

#include <cstdlib>

// Tests ask for more memory than there is; under AddressSanitizer that shall fail as it does
// without.
extern "C" const char *__asan_default_options();
extern "C" const char *__asan_default_options() { return "allocator_may_return_null=1"; }

#ifndef CCE_TEST_REAL_COMPILER
// What the C API's cce_context_create uses in the unit tests.
std::unique_ptr<cce::rt::KernelCompiler> cce::rt::createInProcessCompiler() {
  return std::make_unique<test::FakeCompiler>(std::make_shared<test::FakeCompilerState>());
}
#endif

namespace cce::rt::test {

TemporaryFolder::TemporaryFolder()
    : folder(std::filesystem::temp_directory_path() / ("cce-test-" + uniqueName())) {
  std::filesystem::create_directories(folder);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code error;
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  std::filesystem::remove_all(folder, error);
}

cuda::LibraryOpener noLibrary() {
  return {[](const char *, std::string &error) -> void * {
            error = "no such file";
            return nullptr;
          },
          [](void *, const char *) -> void * { return nullptr; }};
}

void CpuFixture::open(int threads, const std::string &cacheFolder) {
  cce_context_desc desc;
  cce_context_desc_init(&desc);
  desc.device = CCE_DEVICE_CPU;
  desc.cpu_threads = threads;
  desc.cache_dir = cacheFolder.c_str();
#ifdef CCE_TEST_REAL_COMPILER
  // Every kernel is compiled once for all tests of this process.
  static const TemporaryFolder sharedCache;
  const std::string sharedPath = sharedCache.path().string();
  if (cacheFolder.empty())
    desc.cache_dir = sharedPath.c_str();
#ifdef CCE_TEST_EMULATED_GPU
  desc.device = CCE_DEVICE_CUDA;
#else
  // CCE_TEST_DEVICE=cuda runs the same tests on a GPU.
  const char *device = std::getenv("CCE_TEST_DEVICE");
  if (device && std::string_view(device) == "cuda")
    desc.device = CCE_DEVICE_CUDA;
#endif
  Environment environment{cuda::systemLibraryOpener(), createInProcessCompiler, warnings.sink()};
#else
  Environment environment{noLibrary(), [this] { return std::make_unique<FakeCompiler>(compiler); },
                          warnings.sink()};
#endif
  auto created = createContext(desc, environment);
  ASSERT_TRUE(created.ok()) << created.status().toString();
  context = *std::move(created);
#ifdef CCE_TEST_EMULATED_GPU // a driver in LD_LIBRARY_PATH would be another one
  ASSERT_THAT(context->description, testing::HasSubstr("emulated GPU"));
#endif
}

std::string CpuFixture::planError(const cce_problem &problem) {
  auto plan = createPlan(*context, problem);
  return plan.ok() ? "" : plan.status().toString();
}

} // namespace cce::rt::test
