//===- SavedTest.cpp - the launches of saved logits -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "test/unit/LaunchFixture.h"

#include <cmath>

namespace cce::rt::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// 300 tokens, padded to 384, and 1000 classes: four tiles.
class SavedTest : public LaunchFixture {
protected:
  void SetUp() override {
    LaunchFixture::SetUp();
    problem.saved_logits_limit = uint64_t(1) << 20;
  }

  void makePlan() {
    ASSERT_NO_FATAL_FAILURE(LaunchFixture::makePlan());
    if (cce_plan_saved_logits(plan)) {
      memory = allocate<char>(cce_plan_saved_logits(plan));
      forward.saved_logits = backward.saved_logits = memory;
    }
    fakeDriver().log.clear();
  }
  /// What the plan says about saved logits.
  std::string described() {
    cce_plan_destroy(plan);
    plan = nullptr;
    EXPECT_EQ(cce_plan_create(context.get(), &problem, &plan), CCE_OK) << cce_last_error();
    const std::string text = cce_plan_describe(plan);
    const size_t start = text.find("saved logits");
    return start == std::string::npos ? "" : text.substr(start, text.find('\n', start) - start);
  }

  const SavedLayout &saved() const { return plan->plan->layoutOf().saved; }
  void *inSaved(const Slice &slice) const { return memory + slice.offset; }

  char *memory = nullptr;
};

const std::vector<std::string> plainForward = {"select_tokens_i64", "lse_forward", "finish_loss"};
const std::vector<std::string> plainBackward = {"select_tokens_i64", "token_weights", "logit_grad",
                                                "grad_embedding_halves", "grad_classifier"};

TEST_F(SavedTest, nothingUnlessAskedFor) {
  problem.saved_logits_limit = 0;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(cce_plan_saved_logits(plan), 0u);
  EXPECT_EQ(manifests.count("lse_forward_save"), 0u);
  EXPECT_EQ(manifests.count("grad_from_saved_bf16"), 0u);
  EXPECT_THAT(cce_plan_describe(plan), Not(HasSubstr("saved")));
  // Memory that is not needed is no mistake.
  forward.saved_logits = backward.saved_logits = forward.loss;
  EXPECT_EQ(runForward(), plainForward);
  EXPECT_EQ(runBackward(), plainBackward);
}

TEST_F(SavedTest, allClasses) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  // Codes of whole tiles, a maximum for each of them, and the logits of the labels.
  EXPECT_EQ(cce_plan_saved_logits(plan), 384u * (1024 * 2 + 4 * 4 + 4));
  EXPECT_THAT(cce_plan_describe(plan),
              HasSubstr("saved logits: of 1000 of 1000 classes, 0.8 MiB from forward to backward; a "
                        "backward with them: workspace 0.0 MiB\n"
                        "  lse_forward_save: tiles of "));
  EXPECT_THAT(runForward(), ElementsAre("select_tokens_i64", "lse_forward_save", "finish_loss"));
  const NamedLaunch &save = launch("lse_forward_save");
  EXPECT_EQ(save.pointers.at("codes"), inSaved(saved().codes));
  EXPECT_EQ(save.integers.at("stride codes"), 1024);
  EXPECT_EQ(save.pointers.at("maxima"), inSaved(saved().maxima));
  EXPECT_EQ(save.integers.at("stride maxima"), 384);
  EXPECT_EQ(save.integers.at("extent vocab"), 1000);
  EXPECT_EQ(save.integers.at("extent splits"), 4);
  EXPECT_EQ(save.pointers.at("count of tokens"), forward.workspace);
  EXPECT_EQ(save.pointers.at("partial"), inWorkspace(plan->plan->layoutOf().forward.partial));
  EXPECT_EQ(save.maps.at("c").sizes[1], 1000u);
  EXPECT_EQ(save.blocks, 12u);

  EXPECT_THAT(runBackward(), ElementsAre("select_tokens_i64", "token_weights", "grad_from_saved_bf16",
                                         "grad_embedding_halves", "grad_classifier"));
  const auto &slices = plan->plan->layoutOf().backward;
  const NamedLaunch &grad = launch("grad_from_saved_bf16");
  EXPECT_EQ(grad.pointers.at("saved"), inSaved(saved().codes));
  EXPECT_EQ(grad.integers.at("stride"), 1024);
  EXPECT_EQ(grad.pointers.at("maxima"), inSaved(saved().maxima));
  EXPECT_EQ(grad.integers.at("padded"), 384);
  EXPECT_EQ(grad.integers.at("classes"), 1000);
  EXPECT_EQ(grad.pointers.at("count"), forward.workspace);
  EXPECT_EQ(grad.pointers.at("labels"), inWorkspace(plan->plan->layoutOf().labels));
  EXPECT_EQ(grad.pointers.at("label_logit"), inSaved(saved().labelLogit));
  EXPECT_EQ(grad.pointers.at("lse"), inWorkspace(slices.lse));
  EXPECT_EQ(grad.pointers.at("prob_weight"), inWorkspace(slices.probWeight));
  EXPECT_EQ(grad.pointers.at("label_weight"), inWorkspace(slices.labelWeight));
  EXPECT_EQ(grad.integers.at("capped"), 0);
  EXPECT_EQ(grad.blocks, 48u); // bands of 8 tokens, 1024 classes each
  // The products read G where the codes were.
  for (const char *kernel : {"grad_embedding_halves", "grad_classifier"}) {
    const FakeTensorMap &g = launch(kernel).maps.at("g");
    EXPECT_EQ(g.address, inSaved(saved().codes)) << kernel;
    EXPECT_EQ(g.sizes[0], 1000u) << kernel;
    EXPECT_EQ(g.sizes[1], 384u) << kernel;
    EXPECT_EQ(g.stride, 2048u) << kernel;
  }
}

TEST_F(SavedTest, theLogitsOfLabelsAreSavedToo) {
  change = [](const KernelRequest &request, KernelCode &code) {
    for (const char *name : {"lse_forward", "finish_loss"})
      if (request.kernel == name) {
        code.manifest.arguments.push_back({});
        code.manifest.arguments.back().name = "label_logit";
      }
  };
  ASSERT_NO_FATAL_FAILURE(makePlan());
  runForward();
  EXPECT_EQ(launch("lse_forward_save").pointers.at("label_logit"), inSaved(saved().labelLogit));
  EXPECT_EQ(launch("finish_loss").pointers.at("label_logit"), inSaved(saved().labelLogit));
  forward.saved_logits = nullptr;
  runForward();
  void *own = inWorkspace(plan->plan->layoutOf().forward.labelLogit);
  EXPECT_EQ(launch("lse_forward").pointers.at("label_logit"), own);
  EXPECT_EQ(launch("finish_loss").pointers.at("label_logit"), own);
}

TEST_F(SavedTest, asManyClassesAsFit) {
  problem.saved_logits_limit = 500000;
  change = [](const KernelRequest &request, KernelCode &code) {
    auto add = [&](ArgumentKind kind, const char *name) {
      code.manifest.arguments.push_back({});
      code.manifest.arguments.back().kind = kind;
      code.manifest.arguments.back().name = name;
    };
    if (request.kernel == "lse_forward") {
      for (const char *name : {"partial", "labels", "label_logit"})
        add(ArgumentKind::Pointer, name);
      add(ArgumentKind::Extent, "splits");
    }
    if (request.kernel == "finish_loss")
      add(ArgumentKind::Scalar, "splits");
    if (request.kernel.starts_with("grad_embedding")) {
      add(ArgumentKind::Pointer, "sum_lower");
      add(ArgumentKind::Scalar, "has_sum");
    }
  };
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(saved().classes, 512);
  EXPECT_EQ(cce_plan_saved_logits(plan), 384u * (512 * 2 + 2 * 4 + 4));
  EXPECT_THAT(cce_plan_describe(plan), HasSubstr("saved logits: of 512 of 1000 classes, 0.4 MiB from "
                                                 "forward to backward, the others in 1 chunk; a "
                                                 "backward with them: workspace 0.5 MiB\n"));
  EXPECT_THAT(runForward(), ElementsAre("select_tokens_i64", "lse_forward_save", "lse_forward",
                                        "finish_loss"));
  EXPECT_EQ(launch("lse_forward_save").integers.at("extent vocab"), 512);
  EXPECT_EQ(launch("lse_forward_save").integers.at("extent splits"), 2);
  EXPECT_EQ(launch("lse_forward_save").maps.at("c").sizes[1], 512u);
  const NamedLaunch &lse = launch("lse_forward");
  EXPECT_EQ(lse.integers.at("extent vocab"), 488);
  EXPECT_EQ(lse.integers.at("extent splits"), 2);
  EXPECT_EQ(lse.maps.at("c").sizes[1], 488u);
  EXPECT_EQ(lse.maps.at("c").address, static_cast<const char *>(forward.c) + 512 * 64 * 2);
  EXPECT_EQ(lse.pointers.at("partial"),
            static_cast<char *>(launch("lse_forward_save").pointers.at("partial")) + 2 * 384 * 8);
  EXPECT_EQ(launch("finish_loss").integers.at("splits"), 4);
  // Each of them stores the logits of the labels that it comes across, so both know what is the first.
  EXPECT_EQ(launch("lse_forward_save").integers.at("origin vocab"), 0);
  EXPECT_EQ(lse.integers.at("origin vocab"), 512);
  for (const char *name : {"lse_forward_save", "lse_forward"}) {
    EXPECT_EQ(launch(name).pointers.at("label_logit"), inSaved(saved().labelLogit)) << name;
    EXPECT_EQ(launch(name).pointers.at("labels"), inWorkspace(plan->plan->layoutOf().labels)) << name;
  }

  EXPECT_THAT(runBackward(),
              ElementsAre("select_tokens_i64", "token_weights", "grad_from_saved_bf16",
                          "grad_embedding_halves_partial", "grad_classifier", "logit_grad",
                          "grad_embedding_halves", "grad_classifier"));
  EXPECT_EQ(launch("grad_from_saved_bf16").integers.at("classes"), 512);
  EXPECT_EQ(launch("grad_embedding_halves_partial").integers.at("has_sum"), 0);
  EXPECT_EQ(launch("grad_embedding_halves_partial").maps.at("g").address, inSaved(saved().codes));
  EXPECT_EQ(launch("grad_embedding_halves").integers.at("has_sum"), 1);
  EXPECT_EQ(launch("grad_embedding_halves").pointers.at("sum_lower"),
            launch("grad_embedding_halves_partial").pointers.at("sum_lower"));
  EXPECT_EQ(launch("grad_embedding_halves").maps.at("g").address, inWorkspace(saved().others.g));
  EXPECT_EQ(launch("grad_embedding_halves").maps.at("g").sizes[0], 488u);
  const NamedLaunch &logits = launch("logit_grad");
  EXPECT_EQ(logits.integers.at("extent vocab"), 488);
  EXPECT_EQ(logits.integers.at("origin vocab"), 512);
  EXPECT_EQ(logits.maps.at("c").address, static_cast<const char *>(forward.c) + 512 * 64 * 2);
}

// 16 splits of the other classes and a half are 4 rounds of 66 pairs of tiles; 17 whole ones would be 5 rounds of 55.
TEST_F(SavedTest, theOthersFillTheMultiprocessors) {
  problem.tokens = 4096;
  problem.vocab = 256000;
  problem.saved_logits_limit = uint64_t(64) << 20;
  change = [](const KernelRequest &request, KernelCode &code) {
    if (request.kernel.starts_with("lse_forward"))
      code.manifest.cluster = 2;
  };
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(requests.at("lse_forward").config, KernelConfig({{"cluster", 2}, {"last_part", 2}}));
  EXPECT_EQ(requests.at("lse_forward_save").config, KernelConfig({{"cluster", 2}}));
  EXPECT_EQ(saved().otherSplits, 17);
  runForward();
  EXPECT_EQ(launch("lse_forward").blocks, 132u);
}

TEST_F(SavedTest, theStatesOfBothPartsAreMerged) {
  problem.tokens = 2048;
  problem.vocab = 10000;
  problem.saved_logits_limit = uint64_t(20) << 20;
  change = [](const KernelRequest &request, KernelCode &code) {
    if (request.kernel == "finish_loss") {
      code.manifest.arguments.push_back({});
      code.manifest.arguments.back().kind = ArgumentKind::Scalar;
      code.manifest.arguments.back().name = "splits";
    }
  };
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(saved().classes, 4864);
  runForward();
  EXPECT_EQ(launch("lse_forward_save").integers.at("extent splits"), 8); // 132 / 16 tiles of tokens
  EXPECT_EQ(launch("finish_loss").integers.at("splits"), 16);
  forward.saved_logits = nullptr;
  runForward();
  EXPECT_EQ(launch("finish_loss").integers.at("splits"), 8);
}

TEST_F(SavedTest, everyPartHasItsBias) {
  problem.saved_logits_limit = 500000;
  problem.bias_dtype = CCE_F32;
  change = [](const KernelRequest &request, KernelCode &code) {
    if (request.kernel == "lse_forward" || request.kernel == "logit_grad") {
      code.manifest.arguments.push_back({});
      code.manifest.arguments.back().name = "bias";
    }
    if (request.kernel == "grad_bias") {
      code.manifest.arguments.push_back({});
      code.manifest.arguments.back().name = "dbias";
    }
  };
  ASSERT_NO_FATAL_FAILURE(makePlan());
  auto *bias = allocate<float>(4000), *dbias = allocate<float>(4000);
  forward.bias = backward.bias = bias;
  backward.dbias = dbias;
  runForward();
  EXPECT_EQ(launch("lse_forward_save").pointers.at("bias"), bias);
  EXPECT_EQ(launch("lse_forward").pointers.at("bias"), bias + 512);
  runBackward();
  EXPECT_EQ(launch("logit_grad").pointers.at("bias"), bias + 512);
  EXPECT_EQ(launch("grad_bias").pointers.at("dbias"), dbias);
  EXPECT_EQ(launch("grad_bias", 1).pointers.at("dbias"), dbias + 512);
}

TEST_F(SavedTest, withoutTheMemoryEverythingIsComputedAgain) {
  problem.saved_logits_limit = 500000;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  runForward();
  backward.saved_logits = nullptr;
  EXPECT_EQ(runBackward(), plainBackward);
  forward.saved_logits = nullptr;
  EXPECT_EQ(runForward(), plainForward);
}

TEST_F(SavedTest, ofAllClassesLittleWorkspaceIsNeeded) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  const size_t with = cce_plan_saved_backward_workspace(plan);
  const size_t without = cce_plan_backward_workspace(plan);
  EXPECT_LE(with, 384u * 5 * 4 + 7 * 256); // count, error, alpha, and five lists of tokens
  EXPECT_GE(without, with + 384 * 1000 * 2);
  runForward();
  backward.workspace_bytes = with;
  runBackward();
  backward.workspace_bytes = with - 1;
  EXPECT_EQ(backwardError(), "args.workspace_bytes: expected at least " + std::to_string(with) +
                                 ", got " + std::to_string(with - 1));
  // All logits are computed again.
  backward.saved_logits = nullptr;
  backward.workspace_bytes = with;
  EXPECT_EQ(backwardError(), "args.workspace_bytes: expected at least " + std::to_string(without) +
                                 ", got " + std::to_string(with));
  backward.workspace_bytes = without;
  EXPECT_EQ(runBackward(), plainBackward);
}

TEST_F(SavedTest, withoutSavedLogitsThereIsOneWorkspace) {
  problem.saved_logits_limit = 0;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(cce_plan_saved_backward_workspace(plan), cce_plan_backward_workspace(plan));
  backward.saved_logits = forward.loss; // not used
  backward.workspace_bytes = cce_plan_backward_workspace(plan) - 1;
  EXPECT_THAT(backwardError(), HasSubstr("args.workspace_bytes: expected at least "));
}

TEST_F(SavedTest, aSmallWorkspaceCutsTheOtherClasses) {
  problem.saved_logits_limit = 500000;
  problem.workspace_limit = 400000;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(saved().others.count, 2);
  EXPECT_LE(cce_plan_backward_workspace(plan), problem.workspace_limit);
  EXPECT_THAT(runBackward(),
              ElementsAre("select_tokens_i64", "token_weights", "grad_from_saved_bf16",
                          "grad_embedding_halves_partial", "grad_classifier", "logit_grad",
                          "grad_embedding_halves_partial", "grad_classifier", "logit_grad",
                          "grad_embedding_halves", "grad_classifier"));
}

TEST_F(SavedTest, onlyWhatIsWanted) {
  problem.bias_dtype = CCE_F32;
  problem.dtype = CCE_F16;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  forward.bias = backward.bias = allocate(4000);
  EXPECT_THAT(runForward(), testing::Contains("lse_forward_save"));
  backward.de = backward.dc = nullptr;
  EXPECT_THAT(runBackward(), IsEmpty()); // the logits are still there
  backward.dbias = allocate(4000);
  EXPECT_THAT(runBackward(), ElementsAre("select_tokens_i64", "token_weights",
                                         "grad_from_saved_f16", "grad_bias"));
  EXPECT_EQ(launch("grad_bias").maps.at("g").address, inSaved(saved().codes));
}

TEST_F(SavedTest, capsAreKnownToTheKernel) {
  problem.softcap = 30;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(requests.at("lse_forward_save").transform, "softcap");
  EXPECT_EQ(requests.at("lse_forward_save").dtype, CCE_BF16);
  EXPECT_EQ(requests.at("grad_from_saved_bf16").transform, "");
  EXPECT_EQ(requests.at("grad_from_saved_bf16").dtype, CCE_DTYPE_NONE);
  runBackward();
  EXPECT_EQ(launch("grad_from_saved_bf16").integers.at("capped"), 1);
  EXPECT_EQ(launch("grad_from_saved_bf16").floats.at("softcap"), 30);
}

TEST_F(SavedTest, descriptionTellsWhyNot) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  problem.filter_eps = 0.25f;
  EXPECT_EQ(described(),
            "saved logits: none, because a filter decides on the device what is computed again");
  EXPECT_EQ(cce_plan_saved_logits(plan), 0u);
  EXPECT_GT(cce_plan_filter_state(plan), 0u);
  problem.filter_eps = 0;
  problem.bias_dtype = CCE_F32;
  problem.softcap = 30;
  EXPECT_EQ(described(), "saved logits: none, because only of plain, biased or capped ones the "
                         "gradient is known from their value");
  problem.softcap = INFINITY;
  EXPECT_THAT(described(), HasSubstr("of 1000 of 1000 classes"));
  problem.bias_dtype = CCE_DTYPE_NONE;
  problem.c_strides[0] = 65;
  problem.c_strides[1] = 1;
  EXPECT_EQ(described(), "saved logits: none, because E or C has to be copied to padded rows");
  problem.c_strides[0] = 64;
  problem.saved_logits_limit = 384 * (256 * 2 + 4 + 4) - 1;
  EXPECT_EQ(described(), "saved logits: none, because they need at least 199680 bytes");
  problem.saved_logits_limit += 1;
  EXPECT_EQ(described(), "saved logits: of 256 of 1000 classes, 0.2 MiB from forward to backward, "
                         "the others in 1 chunk; a backward with them: workspace 0.7 MiB");
}

TEST_F(SavedTest, argumentsAreChecked) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  forward.saved_logits = memory + 128;
  EXPECT_THAT(forwardError(), HasSubstr("args.saved_logits: expected an address that is a multiple "
                                        "of 256 bytes, got 0x"));
  backward.saved_logits = reinterpret_cast<void *>(uintptr_t(4096));
  EXPECT_EQ(backwardError(), "args.saved_logits: expected device memory, got memory at 0x1000 that "
                             "CUDA does not know");
  EXPECT_TRUE(fakeDriver().launches.empty());
}

TEST_F(SavedTest, onlyEnqueues) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  runForward();
  runBackward();
  // Nothing that waits, allocates, or may not be captured into a graph.
  std::set<std::string> calls(fakeDriver().log.begin(), fakeDriver().log.end());
  EXPECT_THAT(calls, testing::UnorderedElementsAre("cuLaunchKernelEx", "cuTensorMapEncodeTiled",
                                                   "cuMemsetD8Async"));
}

TEST_F(SavedTest, emptyBatch) {
  problem.tokens = 0;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  forward.e = forward.labels = nullptr;
  EXPECT_THAT(runForward(), ElementsAre("select_tokens_i64", "finish_loss"));
  backward.e = backward.labels = backward.lse = nullptr;
  backward.de = nullptr;
  EXPECT_THAT(runBackward(), IsEmpty());
}

TEST_F(SavedTest, pairsOfBlocksWhereThereAreManyTokens) {
  problem.tokens = 2048;
  problem.saved_logits_limit = uint64_t(8) << 20;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(requests.at("lse_forward_save").config.at("cluster"), 2);
}

TEST_F(SavedTest, tilesAreAsWideAsMaximaAreFor) {
  ASSERT_TRUE(open().ok());
  for (int64_t width : {128, 256}) {
    context.reset(); // a kernel that the context knows is not compiled again, so not noted
    ASSERT_TRUE(open().ok());
    Choices choices;
    choices.configs["lse_forward"] = {{"tile_n", width}, {"stages", 3}};
    auto checked = Problem::check(problem);
    ASSERT_TRUE(checked.ok());
    auto created = Plan::create(context->backend, *checked, choices);
    ASSERT_TRUE(created.ok()) << created.status().toString();
    EXPECT_EQ(requests.at("lse_forward").config.at("tile_n"), width);
    const KernelConfig &config = requests.at("lse_forward_save").config;
    EXPECT_EQ(config.contains("stages"), width == 256);
    EXPECT_EQ(config.contains("tile_n"), width == 256);
  }
}

} // namespace
} // namespace cce::rt::test
