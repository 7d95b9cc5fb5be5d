//===- CudaFixture.h - contexts and plans on a fake GPU ---------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_TEST_UNIT_CUDAFIXTURE_H
#define CCE_TEST_UNIT_CUDAFIXTURE_H

#include "test/unit/FakeDriver.h"
#include "test/unit/TestContext.h"

#include <algorithm>

namespace cce::rt::test {

/// A context on a GPU that is a fake.
class CudaFixture : public ::testing::Test {
protected:
  void SetUp() override {
    resetFakeDriver();
    cce_context_desc_init(&desc);
    desc.device = CCE_DEVICE_CUDA;
    desc.cache_dir = "";
    cce_problem_init(&problem);
    problem.tokens = 300;
    problem.hidden = 64;
    problem.vocab = 1000;
  }
  void TearDown() override {
    context.reset();
    EXPECT_EQ(fakeDriver().retained, 0);
    EXPECT_EQ(fakeDriver().modules, 0);
    EXPECT_EQ(fakeDriver().pushed, 0);
    EXPECT_EQ(fakeDriver().callsOutsideContext, 0);
  }
  Status open(cuda::LibraryOpener opener = fakeLibrary()) {
    Environment environment{std::move(opener),
                            [this] { return std::make_unique<FakeCompiler>(compiler); },
                            warnings.sink()};
    CCE_ASSIGN_OR_RETURN(context, createContext(desc, environment));
    return {};
  }
  std::string openError(cuda::LibraryOpener opener = fakeLibrary()) {
    return open(std::move(opener)).toString();
  }

  cce_context_desc desc;
  cce_problem problem;
  std::shared_ptr<FakeCompilerState> compiler = std::make_shared<FakeCompilerState>();
  Warnings warnings;
  std::unique_ptr<cce_context> context;
};

/// Plans, with memory for everything.
class CudaRunFixture : public CudaFixture {
protected:
  void TearDown() override {
    cce_plan_destroy(plan);
    if (context)
      for (void *each : owned)
        cce_memory_free(context.get(), each);
    CudaFixture::TearDown();
  }
  template <typename T = void> T *allocate(size_t bytes) {
    void *memory = nullptr;
    EXPECT_EQ(cce_memory_alloc(context.get(), bytes, &memory), CCE_OK);
    owned.push_back(memory);
    return static_cast<T *>(memory);
  }
  void makePlan() {
    ASSERT_TRUE(open().ok());
    ASSERT_EQ(cce_plan_create(context.get(), &problem, &plan), CCE_OK) << cce_last_error();
    cce_backward_args_init(&backward);
    cce_forward_args_init(&forward);
    forward.e = allocate(size_t(problem.tokens * problem.hidden) * 2);
    forward.c = allocate(size_t(problem.vocab * problem.hidden) * 2);
    forward.labels = allocate(size_t(problem.tokens) * 8);
    forward.loss = allocate<float>(4);
    forward.lse = allocate<float>(size_t(problem.tokens) * 4);
    forward.workspace_bytes =
        std::max(cce_plan_forward_workspace(plan), cce_plan_backward_workspace(plan));
    forward.workspace = allocate(forward.workspace_bytes);
    cce_backward_args_init(&backward);
    backward.e = forward.e;
    backward.c = forward.c;
    backward.labels = forward.labels;
    backward.lse = forward.lse;
    backward.de = allocate(size_t(problem.tokens * problem.hidden) * 2);
    backward.dc = allocate(size_t(problem.vocab * problem.hidden) * 2);
    backward.workspace = forward.workspace;
    backward.workspace_bytes = forward.workspace_bytes;
    fakeDriver().log.clear();
    fakeDriver().launches.clear();
    fakeDriver().tensorMaps.clear();
  }
  std::vector<std::string> launched() const {
    std::vector<std::string> names;
    for (const FakeLaunch &launch : fakeDriver().launches)
      names.push_back(launch.entry);
    return names;
  }
  std::string forwardError() {
    return cce_forward(plan, &forward, nullptr) == CCE_OK ? "" : cce_last_error();
  }

  cce_plan *plan = nullptr;
  cce_forward_args forward;
  cce_backward_args backward;
  std::vector<void *> owned;
};

} // namespace cce::rt::test

#endif // CCE_TEST_UNIT_CUDAFIXTURE_H
