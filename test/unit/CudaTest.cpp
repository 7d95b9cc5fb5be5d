//===- CudaTest.cpp - driver, modules, launches with a fake driver --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/cuda/CudaBackend.h"
#include "runtime/cuda/TensorMap.h"
#include "test/unit/CudaFixture.h"

#include <cstring>

namespace cce::rt::test {
namespace {

using namespace cuda;
using testing::HasSubstr;
using testing::Not;

using CudaTest = CudaFixture;

TEST_F(CudaTest, opensAHopper) {
  ASSERT_TRUE(open().ok());
  EXPECT_EQ(cce_context_device(context.get()), CCE_DEVICE_CUDA);
  EXPECT_STREQ(cce_context_description(context.get()), "Fake H100 (sm_90a, driver 13.0)");
}

TEST_F(CudaTest, noLibrary) {
  EXPECT_EQ(openError(noLibrary()), "UNAVAILABLE: no CUDA driver: libcuda.so.1 can not be opened "
                                    "(no such file)");
}

TEST_F(CudaTest, autoFallsBackToTheCpuAndSaysWhy) {
  desc.device = CCE_DEVICE_AUTO;
  desc.cpu_threads = 1;
  ASSERT_TRUE(open(noLibrary()).ok());
  EXPECT_EQ(cce_context_device(context.get()), CCE_DEVICE_CPU);
  EXPECT_STREQ(cce_context_description(context.get()),
               "CPU (fake, 1 thread); no GPU: no CUDA driver: libcuda.so.1 can not be opened (no "
               "such file)");
}

TEST_F(CudaTest, buildsWithoutACpuTargetHaveNoFallback) {
  compiler->hasCpuTarget = false;
  desc.device = CCE_DEVICE_AUTO;
  EXPECT_EQ(openError(noLibrary()), "UNAVAILABLE: this build has no CPU target; no GPU: no CUDA "
                                    "driver: libcuda.so.1 can not be opened (no such file)");
  desc.device = CCE_DEVICE_CPU;
  EXPECT_EQ(openError(), "UNAVAILABLE: this build has no CPU target");
  desc.device = CCE_DEVICE_AUTO;
  EXPECT_TRUE(open().ok());
}

TEST_F(CudaTest, oldDrivers) {
  fakeDriver().version = 12020;
  EXPECT_EQ(openError(),
            "UNAVAILABLE: the CUDA driver supports CUDA 12.2, but kernels need CUDA 12.3 or newer "
            "(NVIDIA driver 545); please update the driver");
  // Before CUDA 12.0 the driver lacks the function that finds all others.
  fakeDriver().version = 11080;
  fakeDriver().missingFunctions = {"cuGetProcAddress_v2"};
  EXPECT_THAT(openError(), HasSubstr("supports CUDA 11.8, but kernels need CUDA 12.3"));
  fakeDriver().missingFunctions = {"cuGetProcAddress_v2", "cuDriverGetVersion"};
  EXPECT_THAT(openError(), HasSubstr("no usable CUDA driver"));
  fakeDriver().version = 13000;
  fakeDriver().missingFunctions = {"cuTensorMapEncodeTiled"};
  EXPECT_EQ(openError(), "UNAVAILABLE: the CUDA driver has no function cuTensorMapEncodeTiled");
}

TEST_F(CudaTest, noDevice) {
  fakeDriver().initResult = errorNoDevice;
  EXPECT_EQ(openError(), "UNAVAILABLE: the CUDA driver does not start: cuInit: "
                         "CUDA_ERROR_NO_DEVICE (as the test wants)");
  fakeDriver().initResult = success;
  fakeDriver().devices = 0;
  EXPECT_EQ(openError(), "UNAVAILABLE: the CUDA driver finds no device");
  fakeDriver().devices = 2;
  desc.device_ordinal = 2;
  EXPECT_EQ(openError(), "NOT_FOUND: desc.device_ordinal: expected a number in [0, 2), got 2");
}

TEST_F(CudaTest, wrongArchitecture) {
  for (auto [major, minor] : {std::pair(8, 0), std::pair(10, 0), std::pair(9, 1)}) {
    fakeDriver().attributes[DeviceAttribute::ComputeCapabilityMajor] = major;
    fakeDriver().attributes[DeviceAttribute::ComputeCapabilityMinor] = minor;
    EXPECT_EQ(openError(), "UNAVAILABLE: CUDA device 0, Fake H100, has compute capability " +
                               std::to_string(major) + "." + std::to_string(minor) +
                               "; supported is 9.0 (Hopper: H100, H200, GH200)");
  }
}

TEST_F(CudaTest, outOfMemoryHasBothNumbers) {
  ASSERT_TRUE(open().ok());
  void *memory = nullptr;
  EXPECT_EQ(cce_memory_alloc(context.get(), size_t(2) << 30, &memory), CCE_RESOURCE_EXHAUSTED);
  EXPECT_STREQ(cce_last_error(), "no device memory for 2147483648 bytes: 1073741824 of 2147483648 "
                                 "bytes are free on Fake H100");
}

TEST_F(CudaTest, copiesGoThroughTheDriver) {
  ASSERT_TRUE(open().ok());
  void *memory = nullptr;
  ASSERT_EQ(cce_memory_alloc(context.get(), 0, &memory), CCE_OK); // like malloc
  cce_memory_free(context.get(), memory);
  ASSERT_EQ(cce_memory_alloc(context.get(), 4, &memory), CCE_OK);
  int in = 42, out = 0;
  EXPECT_EQ(cce_memory_copy(context.get(), memory, &in, 4, CCE_HOST_TO_DEVICE, nullptr), CCE_OK);
  EXPECT_EQ(cce_memory_copy(context.get(), &out, memory, 4, CCE_DEVICE_TO_HOST, nullptr), CCE_OK);
  EXPECT_EQ(out, 42);
  fakeDriver().failures["cuMemcpyDtoHAsync"] = errorIllegalAddress;
  EXPECT_EQ(cce_memory_copy(context.get(), &out, memory, 4, CCE_DEVICE_TO_HOST, nullptr),
            CCE_INTERNAL);
  EXPECT_STREQ(cce_last_error(),
               "cuMemcpyDtoHAsync: CUDA_ERROR_ILLEGAL_ADDRESS (as the test wants)");
  cce_memory_free(context.get(), memory);
  EXPECT_EQ(fakeDriver().allocations, 0);
}

TEST_F(CudaTest, jitErrorsAreShown) {
  ASSERT_TRUE(open().ok());
  fakeDriver().jitErrorLog = "ptxas application ptx input, line 9; fatal: Parsing error";
  fakeDriver().failures["cuModuleLoadDataEx"] = errorInvalidPtx;
  auto plan = createPlan(*context, problem);
  ASSERT_FALSE(plan.ok());
  EXPECT_THAT(plan.status().toString(), HasSubstr("INTERNAL: kernel '"));
  EXPECT_THAT(plan.status().message(), HasSubstr("cuModuleLoadDataEx: CUDA_ERROR_INVALID_PTX"));
  EXPECT_THAT(plan.status().message(), HasSubstr("line 9; fatal: Parsing error"));
}

TEST_F(CudaTest, limitsAreCheckedBeforeLaunching) {
  ASSERT_TRUE(open().ok());
  auto planError = [&] {
    auto plan = createPlan(*context, problem);
    return plan.ok() ? std::string() : plan.status().toString();
  };
  fakeDriver().functionAttributes[FunctionAttribute::SharedSizeBytes] = 200000;
  EXPECT_THAT(planError(), HasSubstr("bytes of shared memory a block, Fake H100 has 232448"));
  fakeDriver().functionAttributes[FunctionAttribute::SharedSizeBytes] = 0;
  fakeDriver().functionAttributes[FunctionAttribute::NumRegs] = 255;
  EXPECT_THAT(planError(), testing::AllOf(HasSubstr("RESOURCE_EXHAUSTED"),
                                          HasSubstr("registers a block, Fake H100 has 65536")));
  fakeDriver().functionAttributes[FunctionAttribute::NumRegs] = 64;
  fakeDriver().functionAttributes[FunctionAttribute::MaxThreadsPerBlock] = 256;
  EXPECT_THAT(planError(), HasSubstr("the code allows 256 threads a block"));
}

TEST_F(CudaTest, tooManyRegistersForAllThreads) {
  // 168 registers are what ptxas allows 384 threads; 176 would not fit the register file.
  ASSERT_TRUE(open().ok());
  fakeDriver().functionAttributes[FunctionAttribute::MaxThreadsPerBlock] = 384;
  compiler->adjust = [](const KernelRequest &, KernelCode &code) { code.manifest.threads = 384; };
  fakeDriver().functionAttributes[FunctionAttribute::NumRegs] = 168;
  EXPECT_TRUE(createPlan(*context, problem).ok());
  context.reset();
  ASSERT_TRUE(open().ok());
  fakeDriver().functionAttributes[FunctionAttribute::NumRegs] = 176;
  EXPECT_FALSE(createPlan(*context, problem).ok());
}

TEST_F(CudaTest, f32IsNotThereYet) {
  ASSERT_TRUE(open().ok());
  problem.dtype = CCE_F32;
  EXPECT_EQ(createPlan(*context, problem).status().toString(),
            "UNIMPLEMENTED: problem.dtype: f32 is not supported on this GPU target yet; expected "
            "bf16 or f16, or a context on the CPU");
}

using CudaRunTest = CudaRunFixture;

TEST_F(CudaRunTest, forwardOnlyEnqueues) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  auto *stream = reinterpret_cast<void *>(uintptr_t(0x50));
  ASSERT_EQ(cce_forward(plan, &forward, stream), CCE_OK) << cce_last_error();
  EXPECT_THAT(launched(), testing::ElementsAre("select_tokens_i64", "lse_forward", "finish_loss"));
  for (const FakeLaunch &launch : fakeDriver().launches)
    EXPECT_EQ(launch.stream, stream);
  // Nothing that waits, allocates, or may not be captured into a graph.
  std::set<std::string> calls(fakeDriver().log.begin(), fakeDriver().log.end());
  EXPECT_THAT(calls, testing::UnorderedElementsAre("cuLaunchKernelEx", "cuTensorMapEncodeTiled"));
}

TEST_F(CudaRunTest, backwardOnlyEnqueues) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  ASSERT_EQ(cce_backward(plan, &backward, nullptr), CCE_OK) << cce_last_error();
  EXPECT_THAT(launched(), testing::ElementsAre("select_tokens_i64", "token_weights", "logit_grad",
                                               "grad_embedding_halves", "grad_classifier"));
  std::set<std::string> calls(fakeDriver().log.begin(), fakeDriver().log.end());
  EXPECT_THAT(calls, testing::UnorderedElementsAre("cuLaunchKernelEx", "cuTensorMapEncodeTiled",
                                                   "cuMemsetD8Async"));
}

TEST_F(CudaRunTest, backwardInChunks) {
  problem.workspace_limit = 400000;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  const Layout &layout = plan->plan->layoutOf();
  EXPECT_EQ(layout.all.count, 4);
  EXPECT_EQ(layout.all.size, 256);
  EXPECT_EQ(layout.padded, 384);
  std::vector<int> origins, extents;
  fakeDriver().onLaunch = [&](const FakeLaunch &launch) {
    if (launch.entry != "logit_grad")
      return;
    extents.push_back(*static_cast<int *>(launch.parameters[3]));
    origins.push_back(*static_cast<int *>(launch.parameters[5]));
  };
  ASSERT_EQ(cce_backward(plan, &backward, nullptr), CCE_OK) << cce_last_error();
  EXPECT_THAT(origins, testing::ElementsAre(0, 256, 512, 768));
  EXPECT_THAT(extents, testing::ElementsAre(256, 256, 256, 232));
  std::vector<std::string> names = launched();
  EXPECT_EQ(std::count(names.begin(), names.end(), "grad_embedding_halves_partial"), 3);
  EXPECT_EQ(std::count(names.begin(), names.end(), "grad_embedding_halves"), 1);
  EXPECT_EQ(layout.all.sum.bytes, 384 * 256);
}

TEST_F(CudaRunTest, launchParametersFollowTheManifest) {
  problem.softcap = 30;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  bool seen = false, finished = false;
  fakeDriver().onLaunch = [&](const FakeLaunch &launch) {
    if (launch.entry == "select_tokens_i64") {
      EXPECT_EQ(*static_cast<const void **>(launch.parameters[0]), forward.labels);
      EXPECT_EQ(*static_cast<int64_t *>(launch.parameters[1]), 300);
      EXPECT_EQ(*static_cast<int32_t *>(launch.parameters[2]), 384);
      EXPECT_EQ(launch.config.gridDimX, 1u);
      EXPECT_EQ(launch.config.blockDimX, 1024u);
    }
    if (launch.entry == "finish_loss") {
      finished = true;
      EXPECT_EQ(launch.config.gridDimX, 8u);
      EXPECT_EQ(launch.cluster, 8u);
    }
    if (launch.entry != "lse_forward")
      return;
    seen = true;
    // e, c, param, extent vocab, extent_pointer tokens, origin vocab
    const FakeTensorMap &e =
        fakeDriver().tensorMaps[*static_cast<uint64_t *>(launch.parameters[0]) - 1];
    const FakeTensorMap &c =
        fakeDriver().tensorMaps[*static_cast<uint64_t *>(launch.parameters[1]) - 1];
    EXPECT_EQ(e.address, forward.e);
    EXPECT_EQ(e.type, TensorMapDataType::BFloat16);
    EXPECT_EQ(e.sizes[0], 64u);
    EXPECT_EQ(e.sizes[1], 300u);
    EXPECT_EQ(e.stride, 128u);
    EXPECT_EQ(e.box[0], 64u);
    EXPECT_EQ(e.box[1], 128u);
    EXPECT_EQ(e.swizzle, TensorMapSwizzle::Span128);
    EXPECT_EQ(c.address, forward.c);
    EXPECT_EQ(c.sizes[1], 1000u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(launch.parameters[0]) % 64, 0u);
    EXPECT_EQ(*static_cast<float *>(launch.parameters[2]), 30);
    EXPECT_EQ(*static_cast<int32_t *>(launch.parameters[3]), 1000);
    EXPECT_EQ(*static_cast<void **>(launch.parameters[4]), forward.workspace); // count comes first
    EXPECT_EQ(*static_cast<int32_t *>(launch.parameters[5]), 0);
    EXPECT_EQ(launch.config.blockDimX, 384u);
    EXPECT_EQ(launch.config.sharedMemBytes, 1u << 17);
    // 3 tiles of tokens x 4 splits (all tiles of the vocabulary) on 132 multiprocessors.
    EXPECT_EQ(launch.config.gridDimX, 12u);
    EXPECT_EQ(launch.cluster, 1u);
  };
  ASSERT_EQ(cce_forward(plan, &forward, nullptr), CCE_OK) << cce_last_error();
  EXPECT_TRUE(seen && finished);
  EXPECT_EQ(fakeDriver().attributesSet[FunctionAttribute::MaxDynamicSharedSizeBytes] % (1 << 17),
            0);
}

TEST_F(CudaRunTest, clustersAndFullGrids) {
  compiler->adjust = [](const KernelRequest &request, KernelCode &code) {
    if (request.dtype != CCE_DTYPE_NONE)
      code.manifest.cluster = 16;
  };
  problem.tokens = 128 * 50;
  problem.vocab = 256 * 5;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  ASSERT_EQ(cce_forward(plan, &forward, nullptr), CCE_OK) << cce_last_error();
  const FakeLaunch &lse = fakeDriver().launches[1];
  EXPECT_EQ(lse.cluster, 16u);
  // 64 tiles and 4 splits are 16 clusters of items, 2 rounds of the 9 that fit, and so of 8 of them.
  EXPECT_EQ(plan->plan->layoutOf().splits, 4);
  EXPECT_EQ(lse.config.gridDimX, 8u * 16u);
  EXPECT_EQ(fakeDriver().attributesSet[FunctionAttribute::NonPortableClusterSizeAllowed], 1);
}

TEST_F(CudaRunTest, kernelsThatWaitThemselvesMayBeLaunchedEarly) {
  compiler->adjust = [](const KernelRequest &request, KernelCode &code) {
    code.manifest.overlaps = request.kernel != "finish_loss";
    code.manifest.cluster = request.kernel == "lse_forward" ? 2 : 1;
  };
  ASSERT_NO_FATAL_FAILURE(makePlan());
  ASSERT_EQ(cce_forward(plan, &forward, nullptr), CCE_OK) << cce_last_error();
  ASSERT_EQ(fakeDriver().launches.size(), 3u);
  const FakeLaunch &select = fakeDriver().launches[0], &lse = fakeDriver().launches[1], &finish = fakeDriver().launches[2];
  EXPECT_TRUE(select.overlaps);
  EXPECT_EQ(select.cluster, 1u);
  EXPECT_TRUE(lse.overlaps);
  EXPECT_EQ(lse.cluster, 2u);
  EXPECT_FALSE(finish.overlaps);
}

TEST_F(CudaRunTest, manyTokensComeInPairsOfTiles) {
  auto clusterOf = [&](const char *kernel) -> int64_t {
    for (const KernelRequest &request : compiler->requests)
      if (request.kernel == kernel)
        return request.config.contains("cluster") ? request.config.at("cluster") : 0;
    return -1;
  };
  problem.tokens = 1023;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(clusterOf("lse_forward"), 0); // the compiler's default
  cce_plan_destroy(plan);
  compiler->requests.clear();
  problem.tokens = 1024;
  problem.hidden = 33 * 256; // in two full rounds of 132 blocks: tiles of dE are wide
  ASSERT_NO_FATAL_FAILURE(makePlan());
  for (const char *kernel : {"lse_forward", "logit_grad", "grad_embedding_halves", "grad_classifier"})
    EXPECT_EQ(clusterOf(kernel), 2) << kernel;
}

TEST_F(CudaRunTest, tilesOfTheEmbeddingGradientFillTheLastRound) {
  auto widthFor = [&](int64_t tokens, int64_t hidden) -> int64_t {
    compiler->requests.clear();
    problem.tokens = tokens;
    problem.hidden = hidden;
    context.reset();
    EXPECT_TRUE(open().ok());
    EXPECT_TRUE(createPlan(*context, problem).ok());
    for (const KernelRequest &request : compiler->requests)
      if (request.kernel == "grad_embedding_halves")
        return request.config.contains("tile_n") ? request.config.at("tile_n") : 0;
    return -1;
  };
  EXPECT_EQ(widthFor(8192, 2304), 192); // 6 rounds of 192 columns, or 5 of 256
  EXPECT_EQ(widthFor(8192, 768), 192);  // 2 rounds of either
  EXPECT_EQ(widthFor(8192, 4096), 0);   // the compiler's default, 8 rounds of 256
}

TEST_F(CudaRunTest, chunksAreRoundsOfTheKernelsTiles) {
  problem.tokens = 8192;
  problem.hidden = 768;
  problem.vocab = 50257;
  problem.workspace_limit = size_t(122) << 20;
  auto sizeFor = [&](const char *kernel, const char *axis, int64_t tile) -> int64_t {
    compiler->adjust = [=](const KernelRequest &request, KernelCode &code) {
      if (request.kernel == kernel)
        code.manifest.tiles[axis] = tile;
    };
    context.reset();
    EXPECT_TRUE(open().ok());
    auto created = createPlan(*context, problem);
    EXPECT_TRUE(created.ok()) << created.status().toString();
    return created.ok() ? (*created)->plan->layoutOf().all.size : 0;
  };
  // Of dC there is one round in either case; 64 x 26 tiles of g are 12.6 rounds, 64 x 28 are 13.6.
  EXPECT_EQ(sizeFor("grad_classifier", "vocab", 256), 6656);
  EXPECT_EQ(sizeFor("logit_grad", "tokens", 256), 7168);
  // 44 x 3 tiles of dC are one round.
  EXPECT_EQ(sizeFor("grad_classifier", "vocab", 128), 5632);
  EXPECT_EQ(sizeFor("grad_classifier", "hidden", 128), 5632);
}

TEST_F(CudaRunTest, launchFailuresNameTheKernel) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  fakeDriver().failures["cuLaunchKernelEx"] = errorInvalidValue;
  EXPECT_EQ(forwardError(), "select_tokens_i64: cuLaunchKernelEx: CUDA_ERROR_INVALID_VALUE (as the "
                            "test wants) with 1 blocks of 1024 threads, 0 bytes of shared memory, "
                            "cluster 1");
}

TEST_F(CudaRunTest, pointersAreChecked) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  const cce_forward_args good = forward;
  forward.e = static_cast<const char *>(good.e) + 8;
  EXPECT_THAT(forwardError(),
              HasSubstr("args.e: expected an address that is a multiple of 16 bytes, got 0x"));
  alignas(256) static char host[256];
  forward = good;
  forward.c = reinterpret_cast<void *>(uintptr_t(4096)); // below every allocation
  EXPECT_EQ(forwardError(), "args.c: expected device memory, got memory at 0x1000 that CUDA does "
                            "not know");
  forward = good;
  fakeDriver().allocatedOn[DevicePointer(reinterpret_cast<uintptr_t>(host))] = 1;
  forward.c = host;
  EXPECT_EQ(forwardError(), "args.c: expected memory of CUDA device 0, got memory of device 1");
  fakeDriver().allocatedOn.erase(DevicePointer(reinterpret_cast<uintptr_t>(host)));
  forward = good;
  forward.labels = nullptr;
  EXPECT_EQ(forwardError(), "args.labels: expected device memory, got NULL");
  forward = good;
  forward.workspace = static_cast<char *>(good.workspace) + 128;
  EXPECT_THAT(forwardError(), HasSubstr("args.workspace: expected an address that is a multiple of "
                                        "256 bytes"));
  forward = good;
  forward.workspace_bytes = 100;
  EXPECT_THAT(forwardError(), HasSubstr("args.workspace_bytes: expected at least "));
  EXPECT_TRUE(fakeDriver().launches.empty());
  forward = good;
  EXPECT_EQ(forwardError(), "");
}

TEST_F(CudaRunTest, oddMatricesArePacked) {
  problem.hidden = 37;
  problem.workspace_limit = 800000;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  const Layout &layout = plan->plan->layoutOf();
  EXPECT_EQ(layout.packedStride, 40);
  EXPECT_THAT(cce_plan_describe(plan), HasSubstr("copied to padded rows first"));
  EXPECT_THAT(cce_plan_describe(plan), HasSubstr("E and C"));
  // Without TMA's rules any address of an element will do.
  forward.e = static_cast<const char *>(forward.e) + 2;
  ASSERT_EQ(cce_forward(plan, &forward, nullptr), CCE_OK) << cce_last_error();
  EXPECT_THAT(launched(), testing::ElementsAre("select_tokens_i64", "pack_rows", "pack_rows",
                                               "lse_forward", "finish_loss"));
  for (const FakeTensorMap &map : fakeDriver().tensorMaps) {
    EXPECT_EQ(map.sizes[0], 37u);
    EXPECT_EQ(map.stride, 80u);
    EXPECT_GE(map.address, forward.workspace);
    EXPECT_LT(map.address, static_cast<char *>(forward.workspace) + forward.workspace_bytes);
  }
  fakeDriver().launches.clear();
  ASSERT_EQ(cce_backward(plan, &backward, nullptr), CCE_OK) << cce_last_error();
  std::vector<std::string> names = launched();
  // E once, C once a chunk.
  EXPECT_EQ(std::count(names.begin(), names.end(), "pack_rows"), 1 + layout.all.count);
  EXPECT_GT(layout.all.count, 1);
}

TEST_F(CudaRunTest, zeroingLeavesThePaddingAlone) {
  ASSERT_TRUE(open().ok());
  std::vector<uint16_t> matrix(5 * 12, 7);
  Status status = context->backend->zero({matrix.data(), CCE_BF16, 2, {5, 10}, {12, 1}}, nullptr);
  ASSERT_TRUE(status.ok()) << status.toString();
  for (size_t i = 0; i < matrix.size(); ++i)
    EXPECT_EQ(matrix[i], i % 12 < 10 ? 0 : 7) << i;
}

TEST_F(CudaRunTest, stridedMatrices) {
  problem.e_strides[0] = 72; // rows of 144 bytes
  problem.e_strides[1] = 1;
  problem.c_strides[0] = 1; // by columns
  problem.c_strides[1] = 1000;
  problem.de_strides[0] = 80; // zeroed without touching what lies between the rows
  problem.de_strides[1] = 1;
  ASSERT_TRUE(open().ok());
  auto checked = createPlan(*context, problem);
  ASSERT_TRUE(checked.ok()) << checked.status().toString();
  EXPECT_THAT((*checked)->plan->describe(), HasSubstr("bytes apart: C\n"));
  checked = Status(CCE_UNKNOWN, "");
  problem.dc_strides[0] = 1;
  problem.dc_strides[1] = 1000;
  EXPECT_EQ(createPlan(*context, problem).status().toString(),
            "UNIMPLEMENTED: problem.dc_strides: a GPU needs a column stride of 1 for results, got "
            "1000");
}

TEST_F(CudaRunTest, resultsThroughTensorMapsMustMeetTheirRules) {
  compiler->adjust = [](const KernelRequest &request, KernelCode &code) {
    if (request.kernel != "grad_classifier")
      return;
    code.manifest.arguments.push_back(code.manifest.arguments[0]);
    code.manifest.arguments.back().name = "dc";
  };
  ASSERT_TRUE(open().ok());
  EXPECT_TRUE(createPlan(*context, problem).ok());
  problem.hidden = 37;
  EXPECT_THAT(createPlan(*context, problem).status().toString(),
              HasSubstr("UNIMPLEMENTED: problem.dc_strides: this GPU target needs rows a multiple "
                        "of 16 bytes apart for results, got a row stride of 37 elements"));
}

TEST_F(CudaRunTest, checkedLabelsWaitAndSpeak) {
  problem.check_labels = 1;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  forward.label_error = allocate<int64_t>(16);
  fakeDriver().onLaunch = [&](const FakeLaunch &) {
    forward.label_error[0] = 7;
    forward.label_error[1] = 1000;
  };
  EXPECT_EQ(forwardError(), "args.labels: expected a class in [0, 1000) or ignore_index (-100) at "
                            "position 7, got 1000");
  EXPECT_THAT(fakeDriver().log, testing::Contains("cuStreamSynchronize"));
}

TEST_F(CudaRunTest, emptyBatchLaunchesNoMatrixKernel) {
  problem.tokens = 0;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  forward.e = forward.labels = nullptr;
  ASSERT_EQ(cce_forward(plan, &forward, nullptr), CCE_OK) << cce_last_error();
  EXPECT_THAT(launched(), testing::ElementsAre("select_tokens_i64", "finish_loss"));
  std::memset(backward.dc, 1, 128);
  backward.e = backward.labels = backward.lse = nullptr;
  backward.de = nullptr;
  ASSERT_EQ(cce_backward(plan, &backward, nullptr), CCE_OK) << cce_last_error();
  EXPECT_EQ(static_cast<char *>(backward.dc)[0], 0);
}

TEST_F(CudaTest, linkedCubinsAreKept) {
  TemporaryFolder folder;
  auto driver = loadDriver(fakeLibrary());
  ASSERT_TRUE(driver.ok());
  auto device = CudaDevice::open(*driver, 0);
  ASSERT_TRUE(device.ok());
  const KernelRequest request{"finish_loss", "sm_90a", CCE_DTYPE_NONE, "", {}};
  auto load = [&] {
    CudaBackend backend(*device, std::make_shared<FakeCompiler>(compiler),
                        std::make_shared<DiskCache>(folder.path(), warnings.sink()),
                        warnings.sink(), ModuleMode::LinkCubin);
    auto kernel = backend.loadKernel(request);
    EXPECT_TRUE(kernel.ok()) << kernel.status().toString();
    EXPECT_EQ(fakeDriver().loadedImages.back(), "fake cubin");
  };
  load();
  load();
  EXPECT_EQ(compiler->compiled, 1);
  EXPECT_EQ(std::count(fakeDriver().log.begin(), fakeDriver().log.end(), "cuLinkComplete"), 1);
  fakeDriver().failures["cuLinkComplete"] = errorInvalidPtx;
  fakeDriver().jitErrorLog = "undefined symbol";
  CudaDevice::Scope scope(**device);
  auto cubin = linkToCubin(**driver, "ptx", "name");
  EXPECT_THAT(cubin.status().message(), HasSubstr("undefined symbol"));
  EXPECT_EQ(fakeDriver().log.back(), "cuLinkDestroy");
}

BufferBinding goodMatrix() {
  return {reinterpret_cast<void *>(uintptr_t(4096)), CCE_BF16, 2, {100, 64}, {64, 1}};
}

TEST(TensorMapRules, eachRuleHasItsMessage) {
  EXPECT_TRUE(checkTensorMapMatrix("e", goodMatrix()).ok());
  auto message = [](auto change) {
    BufferBinding matrix = goodMatrix();
    change(matrix);
    Status status = checkTensorMapMatrix("e", matrix);
    EXPECT_FALSE(status.ok());
    return status.message();
  };
  EXPECT_EQ(message([](auto &m) { m.base = reinterpret_cast<void *>(uintptr_t(4104)); }),
            "e: expected an address that is a multiple of 16 bytes, got 0x1008");
  EXPECT_EQ(message([](auto &m) { m.base = nullptr; }), "e: expected device memory, got NULL");
  EXPECT_EQ(message([](auto &m) { m.sizes[0] = 0; }), "e: expected 1 to 2^32 rows, got 0");
  EXPECT_EQ(message([](auto &m) { m.sizes[1] = (int64_t(1) << 32) + 1; }),
            "e: expected 1 to 2^32 columns, got 4294967297");
  EXPECT_EQ(message([](auto &m) { m.strides[1] = 2; }), "e: expected a column stride of 1, got 2");
  EXPECT_EQ(message([](auto &m) { m.strides[0] = 100; }),
            "e: expected rows a multiple of 16 bytes and less than 2^40 bytes apart, got 200 bytes "
            "(row stride 100 elements)");
  EXPECT_THAT(message([](auto &m) { m.strides[0] = int64_t(1) << 39; }),
              HasSubstr("got 1099511627776 bytes"));
  EXPECT_THAT(message([](auto &m) { m.strides[0] = 0; }), HasSubstr("got 0 bytes"));
  EXPECT_THAT(message([](auto &m) { m.dtype = CCE_I64; }), HasSubstr("of type i64"));
}

TEST(TensorMapRules, boxes) {
  ManifestArgument argument;
  argument.kind = ArgumentKind::TensorMap;
  argument.name = "e";
  auto message = [&](int64_t rows, int64_t columns, int64_t swizzle) {
    argument.box = {rows, columns};
    argument.swizzle = swizzle;
    return checkTensorMap(argument, goodMatrix()).message();
  };
  EXPECT_EQ(message(128, 64, 128), "");
  EXPECT_EQ(message(256, 32, 64), "");
  EXPECT_EQ(message(1, 256, 0), "");
  EXPECT_EQ(message(257, 64, 128), "e: expected a box of 1 to 256 rows, got 257");
  EXPECT_EQ(message(8, 0, 0), "e: expected a box of 1 to 256 columns, got 0");
  EXPECT_EQ(message(8, 4, 0), "e: expected rows of the box a multiple of 16 bytes, got 8");
  EXPECT_EQ(message(8, 128, 128),
            "e: expected rows of the box of 128 bytes, the swizzle span, got 256");
  EXPECT_EQ(message(8, 64, 96), "e: expected a swizzle of 0, 32, 64 or 128 bytes, got 96");
}

} // namespace
} // namespace cce::rt::test
