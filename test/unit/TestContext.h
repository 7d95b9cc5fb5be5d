//===- TestContext.h - contexts with a fake outside world -------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_TEST_UNIT_TESTCONTEXT_H
#define CCE_TEST_UNIT_TESTCONTEXT_H

#include "runtime/api/Context.h"
#include "test/unit/FakeCompiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace cce::rt::test {

/// A folder that is removed in the end.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  const std::filesystem::path &path() const { return folder; }

private:
  std::filesystem::path folder;
};

/// Collects warnings.
struct Warnings {
  WarningSink sink() {
    return [this](const std::string &text) {
      std::lock_guard lock(mutex);
      list.push_back(text);
    };
  }
  std::mutex mutex;
  std::vector<std::string> list;
};

/// A machine without a GPU.
cuda::LibraryOpener noLibrary();

/// A context on the CPU target with the fake compiler.
class CpuFixture : public ::testing::Test {
protected:
  void SetUp() override { open(2, ""); }
  /// Opens the context anew.
  void open(int threads, const std::string &cacheFolder);
  /// The status's message, or "" and a plan.
  std::string planError(const cce_problem &problem);

  std::shared_ptr<FakeCompilerState> compiler = std::make_shared<FakeCompilerState>();
  Warnings warnings;
  std::unique_ptr<cce_context> context;
};

} // namespace cce::rt::test

#endif // CCE_TEST_UNIT_TESTCONTEXT_H
