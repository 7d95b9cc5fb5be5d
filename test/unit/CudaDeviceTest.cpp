//===- CudaDeviceTest.cpp - the driver layer on a real GPU ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What a fake driver can not show: that our declarations fit the real ABI. Two kernels in PTX by
// hand; no compiler needed. Skipped on machines without a supported GPU.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/CudaBackend.h"
#include "test/unit/TestContext.h"

#include <numeric>

namespace cce::rt::test {
namespace {

using namespace cuda;
using testing::HasSubstr;

/// out[i] = base + i * step for all i below the number in memory, by all blocks together.
constexpr const char *fillPtx = R"ptx(
.version 8.3
.target sm_90a
.address_size 64
.visible .entry fill(.param .u64 out, .param .u64 count, .param .f32 base, .param .s64 step,
                     .param .s32 offset)
{
  .reg .b32 %r<8>; .reg .b64 %d<8>; .reg .f32 %f<4>; .reg .pred %p;
  ld.param.u64 %d1, [out];
  ld.param.u64 %d2, [count];
  ld.param.f32 %f1, [base];
  ld.param.s64 %d3, [step];
  ld.param.s32 %r6, [offset];
  ld.global.u32 %r1, [%d2];
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mov.u32 %r4, %tid.x;
  mad.lo.u32 %r5, %r2, %r3, %r4;
  setp.ge.u32 %p, %r5, %r1;
  @%p bra done;
  add.s32 %r7, %r5, %r6;
  cvt.rn.f32.s32 %f2, %r7;
  cvt.rn.f32.s64 %f3, %d3;
  fma.rn.f32 %f1, %f2, %f3, %f1;
  mul.wide.u32 %d4, %r5, 4;
  add.s64 %d5, %d1, %d4;
  st.global.f32 [%d5], %f1;
done:
  ret;
}
)ptx";

/// One box of a matrix of 16-bit elements through the tensor copy engine, then to `out` row by row.
/// Box: 8 rows of 64 elements (128 bytes), at row 4, column 32 of the matrix; 128-byte swizzle: the
/// 16-byte piece c of row r lies at piece c xor r.
constexpr const char *tensorPtx = R"ptx(
.version 8.3
.target sm_90a
.address_size 64
.extern .shared .align 1024 .b8 memory[];
.visible .entry box(.param .align 64 .b8 map[128], .param .u64 out)
{
  .reg .b32 %r<16>; .reg .b64 %d<8>; .reg .pred %p; .reg .b64 %s;
  .shared .align 8 .b64 barrier;
  mov.b64 %d1, map;
  cvta.param.u64 %d1, %d1;
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, memory;
  mov.u32 %r3, barrier;
  mov.u32 %r4, 32;
  mov.u32 %r5, 4;
  setp.ne.u32 %p, %r1, 0;
  @%p bra issued;
  mbarrier.init.shared.b64 [%r3], 1;
  fence.proxy.async;
  mbarrier.arrive.expect_tx.shared.b64 %s, [%r3], 1024;
  cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%d1, {%r4, %r5}], [%r3];
issued:
  bar.sync 0;
wait:
  mbarrier.try_wait.parity.shared.b64 %p, [%r3], 0;
  @!%p bra wait;
  shr.u32 %r6, %r1, 3;
  and.b32 %r7, %r1, 7;
  xor.b32 %r8, %r6, %r7;
  shl.b32 %r9, %r6, 7;
  shl.b32 %r10, %r8, 4;
  add.u32 %r11, %r9, %r10;
  add.u32 %r11, %r11, %r2;
  ld.shared.v4.b32 {%r12, %r13, %r14, %r15}, [%r11];
  ld.param.u64 %d2, [out];
  mul.wide.u32 %d3, %r1, 16;
  add.s64 %d4, %d2, %d3;
  st.global.v4.b32 [%d4], {%r12, %r13, %r14, %r15};
  ret;
}
)ptx";

/// Knows the two kernels.
class PtxCompiler final : public KernelCompiler {
public:
  Expected<KernelCode> compile(const KernelRequest &request) override {
    KernelCode code;
    code.manifest.kernel = code.manifest.entry = request.kernel;
    code.manifest.target = "sm_90a";
    code.manifest.threads = 64;
    auto add = [&](ArgumentKind kind, const char *name, ScalarType type = ScalarType::I64) {
      ManifestArgument argument;
      argument.kind = kind;
      argument.name = name;
      argument.scalarType = type;
      code.manifest.arguments.push_back(argument);
    };
    if (request.kernel == "box") {
      code.code = tensorPtx;
      code.manifest.sharedBytes = 100 << 10; // more than the default limit of 48 KiB
      add(ArgumentKind::TensorMap, "matrix");
      code.manifest.arguments[0].box = {8, 64};
      code.manifest.arguments[0].swizzle = 128;
      add(ArgumentKind::Pointer, "out");
      return code;
    }
    code.code = request.kernel == "fill" ? fillPtx : "this is no PTX";
    code.manifest.cluster = request.config.count("cluster") ? request.config.at("cluster") : 1;
    code.manifest.tiles = {{"tokens", 64}};
    add(ArgumentKind::Pointer, "out");
    add(ArgumentKind::ExtentPointer, "tokens");
    add(ArgumentKind::Scalar, "base", ScalarType::F32);
    add(ArgumentKind::Scalar, "step");
    add(ArgumentKind::Origin, "tokens");
    return code;
  }
  std::string version(std::string_view) const override { return "by hand"; }
  Expected<std::shared_ptr<LoadedCpuKernel>> load(const KernelCode &) override {
    return makeError(CCE_UNIMPLEMENTED, "no CPU");
  }
};

class CudaDeviceTest : public ::testing::Test {
protected:
  void SetUp() override {
    auto driver = loadDriver(systemLibraryOpener());
    if (!driver.ok())
      GTEST_SKIP() << driver.status().message();
    auto device = CudaDevice::open(*driver, 0);
    if (!device.ok())
      GTEST_SKIP() << device.status().message();
    gpu = *device;
    backend = open(ModuleMode::LoadPtx);
  }
  void TearDown() override {
    for (void *memory : owned)
      backend->free(memory);
  }
  std::unique_ptr<CudaBackend> open(ModuleMode mode) {
    return std::make_unique<CudaBackend>(
        gpu, std::make_shared<PtxCompiler>(),
        std::make_shared<DiskCache>(folder.path(), warnings.sink()), warnings.sink(), mode);
  }
  void *allocate(size_t bytes) {
    auto memory = backend->allocate(bytes);
    EXPECT_TRUE(memory.ok()) << memory.status().toString();
    owned.push_back(memory.ok() ? *memory : nullptr);
    return owned.back();
  }
  /// Runs `fill` over 1000 elements with room for 1100 and checks every one.
  void checkFill(CudaBackend &on, KernelConfig config) {
    auto kernel = on.loadKernel({"fill", "sm_90a", CCE_DTYPE_NONE, "", std::move(config)});
    ASSERT_TRUE(kernel.ok()) << kernel.status().toString();
    auto *out = static_cast<float *>(allocate(1100 * 4));
    void *count = allocate(4);
    const int32_t n = 1000;
    ASSERT_TRUE(on.copyToDevice(count, &n, 4, nullptr).ok());
    ASSERT_TRUE(on.zero({out, CCE_F32, 1, {1100, 0}, {1, 0}}, nullptr).ok());
    Bindings bindings;
    bindings.vector("out", out, CCE_F32, 1100)
        .extentPointer("tokens", count)
        .scalar("base", 0.5f)
        .scalar("step", int64_t(3))
        .origin("tokens", -2);
    Status status = on.launch(**kernel, bindings, 18, nullptr);
    ASSERT_TRUE(status.ok()) << status.toString();
    std::vector<float> result(1100);
    status = on.copyToHost(result.data(), out, 1100 * 4, nullptr);
    ASSERT_TRUE(status.ok()) << status.toString();
    for (int i = 0; i < 1100; ++i)
      ASSERT_EQ(result[size_t(i)], i < 1000 ? 0.5f + 3.0f * float(i - 2) : 0.0f) << i;
  }

  TemporaryFolder folder;
  Warnings warnings;
  std::shared_ptr<const CudaDevice> gpu;
  std::unique_ptr<CudaBackend> backend;
  std::vector<void *> owned;
};

TEST_F(CudaDeviceTest, properties) {
  const DeviceProperties &properties = gpu->properties();
  EXPECT_EQ(properties.major, 9);
  EXPECT_GT(properties.multiprocessors, 50);
  EXPECT_EQ(properties.sharedPerBlock, 227 << 10);
  EXPECT_EQ(properties.registersPerBlock, 65536);
  EXPECT_EQ(properties.threadsPerMultiprocessor, 2048);
  EXPECT_EQ(properties.sharedReservedPerBlock, 1024);
  std::printf("%s\n", backend->description().c_str());
}

TEST_F(CudaDeviceTest, parametersArrive) { checkFill(*backend, {}); }

TEST_F(CudaDeviceTest, clusters) {
  checkFill(*backend, {{"cluster", 2}});
  checkFill(*backend, {{"cluster", 16}});
}

TEST_F(CudaDeviceTest, linkedCubins) {
  auto linking = open(ModuleMode::LinkCubin);
  checkFill(*linking, {});
  linking = open(ModuleMode::LinkCubin); // out of the cache
  checkFill(*linking, {});
  EXPECT_TRUE(warnings.list.empty()) << warnings.list[0];
}

TEST_F(CudaDeviceTest, tensorMaps) {
  constexpr int rows = 10, columns = 80, stride = 88;
  std::vector<uint16_t> matrix(rows * stride), result(8 * 64);
  std::iota(matrix.begin(), matrix.end(), uint16_t(1));
  void *memory = allocate(matrix.size() * 2), *out = allocate(result.size() * 2);
  ASSERT_TRUE(backend->copyToDevice(memory, matrix.data(), matrix.size() * 2, nullptr).ok());
  auto kernel = backend->loadKernel({"box", "sm_90a", CCE_BF16, "", {}});
  ASSERT_TRUE(kernel.ok()) << kernel.status().toString();
  Bindings bindings;
  bindings.matrix("matrix", memory, CCE_BF16, rows, columns, stride)
      .vector("out", out, CCE_BF16, 512);
  Status status = backend->launch(**kernel, bindings, 1, nullptr);
  ASSERT_TRUE(status.ok()) << status.toString();
  status = backend->copyToHost(result.data(), out, result.size() * 2, nullptr);
  ASSERT_TRUE(status.ok()) << status.toString();
  for (int row = 0; row < 8; ++row)
    for (int column = 0; column < 64; ++column) {
      // Behind the last row and column there are zeros, not the padding.
      const bool inside = row + 4 < rows && column + 32 < columns;
      ASSERT_EQ(result[size_t(row * 64 + column)],
                inside ? matrix[size_t((row + 4) * stride + column + 32)] : 0)
          << row << " " << column;
    }
}

TEST_F(CudaDeviceTest, zeroingLeavesThePaddingAlone) {
  std::vector<uint16_t> matrix(5 * 12, 7);
  void *memory = allocate(matrix.size() * 2);
  ASSERT_TRUE(backend->copyToDevice(memory, matrix.data(), matrix.size() * 2, nullptr).ok());
  ASSERT_TRUE(backend->zero({memory, CCE_BF16, 2, {5, 10}, {12, 1}}, nullptr).ok());
  ASSERT_TRUE(backend->copyToHost(matrix.data(), memory, matrix.size() * 2, nullptr).ok());
  for (int i = 0; i < 60; ++i)
    EXPECT_EQ(matrix[size_t(i)], i % 12 < 10 ? 0 : 7) << i;
}

TEST_F(CudaDeviceTest, errorsHaveWords) {
  auto kernel = backend->loadKernel({"nonsense", "sm_90a", CCE_DTYPE_NONE, "", {}});
  ASSERT_FALSE(kernel.ok());
  std::printf("%s\n", kernel.status().toString().c_str());
  EXPECT_THAT(kernel.status().message(), HasSubstr("CUDA_ERROR_INVALID_"));
  EXPECT_THAT(kernel.status().message(), HasSubstr("the driver's compiler says"));
  auto memory = backend->allocate(size_t(1) << 46);
  ASSERT_FALSE(memory.ok());
  EXPECT_EQ(memory.status().code(), CCE_RESOURCE_EXHAUSTED);
  std::printf("%s\n", memory.status().toString().c_str());
}

TEST_F(CudaDeviceTest, pointersOfTheHostAreRefused) {
  void *memory = allocate(1024);
  EXPECT_TRUE(backend->checkPointer("x", static_cast<char *>(memory) + 512, 16).ok());
  static int host = 0;
  Status status = backend->checkPointer("x", &host, 4);
  std::printf("pageable access %d: %s\n", gpu->properties().pageableMemoryAccess,
              status.toString().c_str());
  EXPECT_EQ(status.ok(), gpu->properties().pageableMemoryAccess);
}

TEST_F(CudaDeviceTest, timing) {
  void *memory = allocate(size_t(256) << 20);
  const BufferBinding all{memory, CCE_F32, 1, {64 << 20, 0}, {1, 0}};
  auto time = backend->milliseconds([&] { return backend->zero(all, nullptr); }, nullptr);
  ASSERT_TRUE(time.ok()) << time.status().toString();
  EXPECT_GT(*time, 0.02);
  EXPECT_LT(*time, 50);
}

} // namespace
} // namespace cce::rt::test
