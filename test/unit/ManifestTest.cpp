//===- ManifestTest.cpp - manifests, requests and bindings ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/kernels/Bindings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

namespace cce::rt {
namespace {

// The example of docs/architecture.md, word for word.
constexpr const char *example = R"json(
{"kernel": "lse_forward", "target": "sm_90a", "entry": "lse_forward", "threads": 384, "cluster": 1, "overlaps": 1, "shared_bytes": 197760,
 "tiles": {"tokens": 128, "vocab": 256},
 "arguments": [
  {"kind": "tensor_map", "buffer": "e", "box": [128, 64], "swizzle": 128},
  {"kind": "pointer", "buffer": "rows"},
  {"kind": "stride", "buffer": "g", "dimension": 0},
  {"kind": "extent", "axis": "vocab"},
  {"kind": "extent_pointer", "axis": "tokens"},
  {"kind": "origin", "axis": "vocab"},
  {"kind": "scalar", "buffer": "param", "type": "f32"},
  {"kind": "begin", "axis": "tokens"}, {"kind": "end", "axis": "tokens"}, {"kind": "scratch"}],
 "scratch_bytes": 0})json";

TEST(Manifest, readsTheDocumentedExample) {
  auto manifest = Manifest::parse(example);
  ASSERT_TRUE(manifest.ok()) << manifest.status().toString();
  EXPECT_EQ(manifest->kernel, "lse_forward");
  EXPECT_EQ(manifest->target, "sm_90a");
  EXPECT_EQ(manifest->entry, "lse_forward");
  EXPECT_EQ(manifest->threads, 384);
  EXPECT_EQ(manifest->cluster, 1);
  EXPECT_EQ(manifest->blocks, 0);
  EXPECT_TRUE(manifest->overlaps);
  EXPECT_EQ(manifest->sharedBytes, 197760);
  EXPECT_EQ(manifest->tile("vocab", 1), 256);
  EXPECT_EQ(manifest->tile("hidden", 7), 7);
  ASSERT_EQ(manifest->arguments.size(), 10u);
  EXPECT_EQ(manifest->arguments[0].kind, ArgumentKind::TensorMap);
  EXPECT_EQ(manifest->arguments[0].name, "e");
  EXPECT_EQ(manifest->arguments[0].box, (std::array<int64_t, 2>{128, 64}));
  EXPECT_EQ(manifest->arguments[0].swizzle, 128);
  EXPECT_EQ(manifest->arguments[2].dimension, 0);
  EXPECT_EQ(manifest->arguments[4].name, "tokens");
  EXPECT_EQ(manifest->arguments[6].scalarType, ScalarType::F32);
  EXPECT_EQ(manifest->arguments[9].kind, ArgumentKind::Scratch);
}

TEST(Manifest, printsWhatItReads) {
  auto manifest = Manifest::parse(example);
  ASSERT_TRUE(manifest.ok());
  manifest->blocks = 1;
  manifest->scratchBytes = 4096;
  auto again = Manifest::parse(manifest->print());
  ASSERT_TRUE(again.ok()) << again.status().toString();
  EXPECT_EQ(*again, *manifest);
  // One that says nothing of it does not wait by itself.
  manifest->overlaps = false;
  EXPECT_EQ(manifest->print().find("overlaps"), std::string::npos);
  EXPECT_FALSE(Manifest::parse(manifest->print())->overlaps);
}

TEST(Manifest, namesThePlaceOfAMistake) {
  auto broken = [](const std::string &from, const std::string &to) {
    std::string text = example;
    size_t position = text.find(from);
    EXPECT_NE(position, std::string::npos) << from;
    text.replace(position, from.size(), to);
    auto manifest = Manifest::parse(text);
    EXPECT_FALSE(manifest.ok()) << to;
    EXPECT_EQ(manifest.status().code(), CCE_INVALID_ARGUMENT);
    return manifest.status().message();
  };
  EXPECT_EQ(broken("{\"kernel\"", "{kernel"), "manifest: not JSON");
  EXPECT_EQ(Manifest::parse("[1]").status().message(), "manifest: expected an object, got array");
  EXPECT_EQ(broken("\"entry\": \"lse_forward\"", "\"enter\": 1"), "manifest: entry: missing");
  EXPECT_EQ(broken("\"threads\": 384", "\"threads\": \"many\""),
            "manifest: threads: expected an integer in [0, 1024], got \"many\"");
  EXPECT_EQ(broken("\"threads\": 384, ", ""), "manifest: threads: missing");
  EXPECT_EQ(broken("\"threads\": 384", "\"threads\": 18446744073709551615"),
            "manifest: threads: expected an integer in [0, 1024], got 18446744073709551615");
  EXPECT_EQ(broken("\"overlaps\": 1", "\"overlaps\": 2"),
            "manifest: overlaps: expected an integer in [0, 1], got 2");
  EXPECT_EQ(broken("\"vocab\": 256", "\"vocab\": 0"),
            "manifest: tiles.vocab: expected an integer in [1, 2147483647], got 0");
  EXPECT_EQ(broken("\"pointer\"", "\"pointr\""),
            "manifest: arguments[1].kind: unknown kind 'pointr'");
  EXPECT_EQ(broken("[128, 64]", "[128]"),
            "manifest: arguments[0].box: expected [rows, columns], got [128]");
  EXPECT_EQ(broken("\"dimension\": 0", "\"dimension\": 2"),
            "manifest: arguments[2].dimension: expected an integer in [0, 1], got 2");
  EXPECT_EQ(broken("\"type\": \"f32\"", "\"type\": \"f64\""),
            "manifest: arguments[6].type: expected f32, i1, i32 or i64, got 'f64'");
  EXPECT_EQ(broken("{\"kind\": \"scratch\"}", "3"),
            "manifest: arguments[9]: expected an object, got 3");
}

TEST(KernelRequest, textTellsRequestsApart) {
  KernelRequest request{"lse_forward", "sm_90a", CCE_BF16, "identity", {{"tile_n", 256}}};
  EXPECT_EQ(request.toString(), "kernel lse_forward\ntarget sm_90a\ndtype bf16\nconfig "
                                "tile_n=256\ntransform identity");
  KernelRequest other = request;
  other.config["stages"] = 4;
  EXPECT_NE(other.toString(), request.toString());
  other = request;
  other.dtype = CCE_F16;
  EXPECT_NE(other.toString(), request.toString());
}

ManifestArgument argument(ArgumentKind kind, const char *name, ScalarType type = ScalarType::I64) {
  ManifestArgument result;
  result.kind = kind;
  result.name = name;
  result.scalarType = type;
  return result;
}

TEST(Bindings, fillSlotsInTheOrderOfTheManifest) {
  float memory[6] = {};
  Bindings bindings;
  bindings.matrix("g", memory, CCE_F32, 2, 3, 7, 5)
      .extent("vocab", 3)
      .origin("vocab", 100)
      .scalar("param", 1.5f)
      .scalar("has_sum", int64_t(1))
      .scalar("shift", int64_t(-2));
  Manifest manifest;
  manifest.arguments = {argument(ArgumentKind::Scalar, "param", ScalarType::F32),
                        argument(ArgumentKind::Pointer, "g"),
                        argument(ArgumentKind::Stride, "g"),
                        argument(ArgumentKind::Stride, "g"),
                        argument(ArgumentKind::Origin, "vocab"),
                        argument(ArgumentKind::Begin, "vocab"),
                        argument(ArgumentKind::Extent, "vocab"),
                        argument(ArgumentKind::Scalar, "has_sum", ScalarType::I1),
                        argument(ArgumentKind::Scalar, "shift")};
  manifest.arguments[3].dimension = 1;
  std::array<uint64_t, 9> slots;
  slots.fill(42);
  Status status = fillCpuSlots(manifest, bindings, slots);
  ASSERT_TRUE(status.ok()) << status.toString();
  EXPECT_THAT(slots, testing::ElementsAre(std::bit_cast<uint32_t>(1.5f),
                                          reinterpret_cast<uintptr_t>(memory), 7u, 5u, 100u, 0u, 3u,
                                          1u, uint64_t(-2)));
}

TEST(Bindings, missingValuesAreFaultsOfOurs) {
  Bindings bindings;
  bindings.scalar("count", int64_t(1)).extent("tokens", 4);
  auto message = [&](const ManifestArgument &argument) {
    auto value = bindings.value(argument);
    EXPECT_FALSE(value.ok());
    EXPECT_EQ(value.status().code(), CCE_INTERNAL);
    return value.status().message();
  };
  EXPECT_EQ(message(argument(ArgumentKind::Pointer, "e")), "no buffer named 'e' for this kernel");
  EXPECT_EQ(message(argument(ArgumentKind::Origin, "tokens")),
            "no origin named 'tokens' for this kernel");
  EXPECT_EQ(message(argument(ArgumentKind::Scalar, "count", ScalarType::F32)),
            "scalar 'count': the kernel expects f32, the value is an integer");
  for (int i = 0; i < 100; ++i)
    bindings.extent("tokens", 4);
  EXPECT_EQ(message(argument(ArgumentKind::Extent, "tokens")),
            "too many buffers or values for one kernel");
}

} // namespace
} // namespace cce::rt
