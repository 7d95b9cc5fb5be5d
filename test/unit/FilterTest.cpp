//===- FilterTest.cpp - the launches and the fallbacks of the filter ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "test/unit/LaunchFixture.h"

#include <cmath>
#include <cstring>
#include <optional>

namespace cce::rt::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class FilterTest : public LaunchFixture {
protected:
  void SetUp() override {
    LaunchFixture::SetUp();
    problem.filter_eps = 0x1p-12f;
  }

  void makePlan() {
    ASSERT_NO_FATAL_FAILURE(LaunchFixture::makePlan());
    if (cce_plan_filter_state(plan)) {
      forward.filter_state = allocate(cce_plan_filter_state(plan));
      backward.filter_state = forward.filter_state;
    }
    dropped = allocate<float>(size_t(problem.tokens) * 4);
    kept = allocate<float>(4);
    fakeDriver().log.clear();
  }

  const FilterLayout &filter() const { return plan->plan->layoutOf().filter; }
  void *inState(const Slice &slice) const {
    return static_cast<char *>(forward.filter_state) + slice.offset;
  }

  float *dropped = nullptr, *kept = nullptr;
};

const std::vector<std::string> exactForward = {"select_tokens_i64", "indexed_matmul", "lse_forward",
                                               "finish_loss"};
const std::vector<std::string> exactBackward = {"select_tokens_i64", "token_weights", "logit_grad",
                                                "grad_embedding_halves", "grad_classifier"};

using Names = std::vector<std::string>;

/// What a backward consists of.
const Names tokenKernels = {"select_tokens_i64", "token_weights"};
const Names choosing = {"heavy_classes", "list_classes", "choose_path"};
const Names sampling = {"sample_tokens", "logit_grad", "tail_direction_bf16", "weighted_rows_bf16",
                        "sum_parts"};
const Names listing = {"logit_grad_listed", "dropped_mass"};
const Names tokenSums = {"weighted_rows_bf16", "sum_parts"};

Names join(std::initializer_list<Names> parts) {
  Names all;
  for (const Names &part : parts)
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST_F(FilterTest, withoutAFilterNothingChanges) {
  problem.filter_eps = 0;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(cce_plan_filter_state(plan), 0u);
  for (const auto &[kernel, manifest] : manifests)
    EXPECT_THAT(kernel, testing::AnyOf("select_tokens_i64", "indexed_matmul", "lse_forward",
                                       "finish_loss", "token_weights", "logit_grad",
                                       "grad_embedding_halves", "grad_classifier"));
  EXPECT_THAT(cce_plan_describe(plan), Not(HasSubstr("filter")));
  // Memory for a state that is not needed is no mistake.
  forward.filter_state = forward.loss;
  backward.filter_state = forward.loss;
  EXPECT_EQ(runForward(), exactForward);
  backward.dropped_mass = dropped;
  backward.kept_fraction = kept;
  dropped[299] = 7;
  EXPECT_EQ(runBackward(), exactBackward);
  EXPECT_EQ(dropped[0], 0);
  EXPECT_EQ(dropped[299], 0);
  EXPECT_EQ(*kept, 1);
}

TEST_F(FilterTest, requestsNameTypesAndTransforms) {
  problem.dtype = CCE_F16;
  problem.softcap = 30;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  for (const char *kernel : {"lse_forward_classes", "lse_forward_filter", "logit_grad_listed"}) {
    EXPECT_EQ(requests.at(kernel).dtype, CCE_F16) << kernel;
    EXPECT_EQ(requests.at(kernel).transform, "softcap") << kernel;
  }
  EXPECT_EQ(requests.at("grad_embedding_listed").dtype, CCE_F16);
  EXPECT_EQ(requests.at("grad_embedding_listed").transform, "");
  EXPECT_EQ(requests.at("grad_classifier_heavy").dtype, CCE_F16);
  for (const char *kernel : {"head_classes", "filter_threshold", "heavy_classes", "list_classes",
                             "choose_path", "sample_tokens", "tail_direction_f16",
                             "weighted_rows_f16", "sum_parts", "dropped_mass",
                             "mark_entries_f16", "grad_classes_f16"}) {
    ASSERT_TRUE(requests.count(kernel)) << kernel;
    EXPECT_EQ(requests.at(kernel).dtype, CCE_DTYPE_NONE) << kernel;
    EXPECT_EQ(requests.at(kernel).transform, "") << kernel;
  }
}

TEST_F(FilterTest, forwardWritesTheState) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(cce_plan_filter_state(plan), size_t(filter().stateBytes));
  std::memset(forward.filter_state, 1, cce_plan_filter_state(plan));
  std::memset(inWorkspace(filter().forward.bitmap), 1, size_t(filter().forward.bitmap.bytes));
  EXPECT_THAT(runForward(),
              ElementsAre("select_tokens_i64", "indexed_matmul", "head_classes", "lse_forward_classes",
                          "filter_threshold", "lse_forward_filter", "finish_loss"));
  // 3 blocks of 128 tokens, 4 times 256 classes.
  const auto *needed = static_cast<const uint32_t *>(inState(filter().needed));
  EXPECT_TRUE(std::all_of(needed, needed + 3 * 32, [](uint32_t word) { return word == 0; }));
  const auto *bitmap = static_cast<const uint32_t *>(inWorkspace(filter().forward.bitmap));
  EXPECT_TRUE(std::all_of(bitmap, bitmap + 32, [](uint32_t word) { return word == 0; }));

  const NamedLaunch &head = launch("head_classes");
  EXPECT_EQ(head.integers.at("vocab"), 1000);
  EXPECT_EQ(head.integers.at("words"), 32);
  EXPECT_EQ(head.integers.at("capacity"), 256);
  EXPECT_EQ(head.pointers.at("needed"), inState(filter().needed));
  const NamedLaunch &lseHead = launch("lse_forward_classes");
  EXPECT_EQ(lseHead.pointers.at("classes"), head.pointers.at("classes"));
  EXPECT_EQ(lseHead.pointers.at("count of classes"), head.pointers.at("head_count"));
  EXPECT_EQ(lseHead.pointers.at("count of tokens"), forward.workspace);
  EXPECT_EQ(lseHead.integers.at("extent classes"), 256);
  EXPECT_EQ(lseHead.integers.at("extent splits"), 1);
  EXPECT_EQ(lseHead.blocks, 3u);
  EXPECT_EQ(lseHead.maps.at("c").sizes[1], 1000u);
  const NamedLaunch &threshold = launch("filter_threshold");
  EXPECT_EQ(threshold.integers.at("splits"), 1);
  EXPECT_EQ(threshold.integers.at("padded"), 384);
  EXPECT_FLOAT_EQ(threshold.floats.at("log_epsilon"), std::log(0x1p-12f));
  EXPECT_EQ(threshold.pointers.at("threshold"), inState(filter().threshold));
  const NamedLaunch &lse = launch("lse_forward_filter");
  EXPECT_EQ(lse.pointers.at("threshold"), inState(filter().threshold));
  EXPECT_EQ(lse.pointers.at("needed"), inState(filter().needed));
  EXPECT_EQ(lse.integers.at("stride needed"), 32);
  EXPECT_EQ(lse.integers.at("extent splits"), 4);
  EXPECT_EQ(lse.blocks, 12u);
}

TEST_F(FilterTest, forwardOnlyEnqueues) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  runForward();
  backward.dropped_mass = dropped;
  backward.kept_fraction = kept;
  runBackward();
  // Nothing that waits, allocates, or may not be captured into a graph.
  std::set<std::string> calls(fakeDriver().log.begin(), fakeDriver().log.end());
  EXPECT_THAT(calls,
              testing::UnorderedElementsAre("cuLaunchKernelEx", "cuTensorMapEncodeTiled",
                                            "cuMemsetD8Async", "cuMemsetD32Async"));
}

TEST_F(FilterTest, backwardRunsBothPathsOneOfThemOnNothing) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  backward.dropped_mass = dropped;
  backward.kept_fraction = kept;
  EXPECT_EQ(runBackward(),
            join({tokenKernels, choosing, sampling, listing,
                  {"grad_embedding_listed", "grad_classifier_heavy"}, tokenSums,
                  {"mark_entries_bf16", "grad_classes_bf16", "logit_grad", "grad_embedding_halves",
                   "grad_classifier"}}));
  void *dense = inWorkspace(filter().countDense), *filtered = inWorkspace(filter().countFiltered);
  const int64_t slots = filter().slots;
  EXPECT_EQ(slots, 512); // a third of 1000 and a rest

  const NamedLaunch &heavy = launch("heavy_classes");
  EXPECT_EQ(heavy.pointers.at("needed"), inState(filter().needed));
  EXPECT_EQ(heavy.integers.at("least"), 2); // of 3 blocks
  EXPECT_EQ(heavy.blocks, 4u);
  const NamedLaunch &lists = launch("list_classes");
  EXPECT_EQ(lists.pointers.at("needed"), inState(filter().needed));
  EXPECT_EQ(lists.pointers.at("heavy"), heavy.pointers.at("heavy"));
  EXPECT_EQ(lists.blocks, 4u); // and one for the heavy classes
  const NamedLaunch &choice = launch("choose_path");
  EXPECT_EQ(choice.pointers.at("count"), forward.workspace);
  EXPECT_EQ(choice.pointers.at("count_dense"), dense);
  EXPECT_EQ(choice.pointers.at("count_filtered"), filtered);
  EXPECT_EQ(choice.pointers.at("kept_or_null"), kept);
  EXPECT_EQ(choice.pointers.at("threshold"), inState(filter().threshold));
  EXPECT_EQ(choice.pointers.at("lse"), inWorkspace(plan->plan->layoutOf().backward.lse));
  EXPECT_EQ(choice.integers.at("limit"), 3 * 1000 * 3 / 10);
  EXPECT_FLOAT_EQ(choice.floats.at("least_head_mass"), 0.35f);

  // The sample stands in for all tokens.
  const auto &slices = filter().backward;
  const NamedLaunch &direction = launch("tail_direction_bf16");
  EXPECT_EQ(direction.integers.at("stride"), 1024);
  EXPECT_EQ(direction.pointers.at("g_sample"), inWorkspace(slices.g));
  EXPECT_EQ(direction.blocks, 2u);
  const NamedLaunch &overClasses = launch("weighted_rows_bf16");
  EXPECT_EQ(overClasses.pointers.at("matrix"), forward.c);
  EXPECT_EQ(overClasses.pointers.at("weights"), direction.pointers.at("direction"));
  EXPECT_EQ(overClasses.pointers.at("rows_or_null"), nullptr);
  EXPECT_EQ(overClasses.integers.at("n"), 1000);
  EXPECT_EQ(overClasses.integers.at("every"), 1);
  EXPECT_EQ(overClasses.pointers.at("gate_or_null"), filtered);
  EXPECT_EQ(overClasses.integers.at("parts"), 4 * 132);
  EXPECT_EQ(launch("sum_parts").integers.at("normalise"), 1);
  const NamedLaunch &overTokens = launch("weighted_rows_bf16", 1);
  EXPECT_EQ(overTokens.pointers.at("matrix"), forward.e);
  EXPECT_EQ(overTokens.pointers.at("gate_or_null"), filtered);
  EXPECT_EQ(overTokens.integers.at("every"), 1);
  EXPECT_EQ(overTokens.pointers.at("rows_or_null"), inWorkspace(plan->plan->layoutOf().rows));
  EXPECT_EQ(overTokens.integers.at("n"), 384);
  EXPECT_EQ(launch("sum_parts", 1).integers.at("normalise"), 0);

  const NamedLaunch &listed = launch("logit_grad_listed");
  EXPECT_EQ(listed.pointers.at("count of tokens"), filtered);
  EXPECT_EQ(listed.pointers.at("count of slots"), choice.pointers.at("counts"));
  EXPECT_EQ(listed.integers.at("extent slots"), slots);
  EXPECT_EQ(listed.integers.at("stride lists"), slots);
  EXPECT_EQ(listed.integers.at("stride kept"), 384);
  EXPECT_EQ(listed.maps.at("g").sizes[0], uint64_t(slots));
  EXPECT_EQ(listed.maps.at("g").stride, uint64_t(2 * slots));
  EXPECT_EQ(listed.blocks, 6u);
  const NamedLaunch &mass = launch("dropped_mass");
  EXPECT_EQ(mass.integers.at("enabled"), 1);
  EXPECT_EQ(mass.pointers.at("dropped_or_null"), dropped);
  EXPECT_EQ(mass.pointers.at("count_filtered"), filtered);
  const NamedLaunch &embedding = launch("grad_embedding_listed");
  EXPECT_EQ(embedding.pointers.at("mass"), mass.pointers.at("mass"));
  EXPECT_EQ(embedding.pointers.at("tail"), launch("sum_parts").pointers.at("result"));
  EXPECT_EQ(embedding.pointers.at("de"), backward.de);
  EXPECT_EQ(embedding.pointers.at("count of tokens"), filtered);
  EXPECT_EQ(embedding.blocks, 3u);
  const NamedLaunch &ofHeavy = launch("grad_classifier_heavy");
  EXPECT_EQ(ofHeavy.pointers.at("heavy"), lists.pointers.at("heavy_list"));
  EXPECT_EQ(ofHeavy.pointers.at("count of classes"), lists.pointers.at("heavy_count"));
  EXPECT_EQ(ofHeavy.pointers.at("count of tokens"), filtered);
  EXPECT_EQ(ofHeavy.pointers.at("dc"), backward.dc);
  EXPECT_EQ(ofHeavy.maps.at("g").stride, uint64_t(2 * slots));
  EXPECT_EQ(ofHeavy.blocks, 2u); // 512 classes at most, 64 columns
  const NamedLaunch &classes = launch("grad_classes_bf16");
  EXPECT_EQ(classes.pointers.at("heavy"), heavy.pointers.at("heavy"));
  EXPECT_EQ(classes.pointers.at("direction"), direction.pointers.at("direction"));
  EXPECT_EQ(classes.pointers.at("total"), launch("sum_parts").pointers.at("total"));
  EXPECT_EQ(classes.pointers.at("tail"), launch("sum_parts", 1).pointers.at("result"));
  EXPECT_EQ(classes.pointers.at("dc"), backward.dc);
  EXPECT_EQ(classes.floats.at("limit"), 0x1p-12f * (1 - 1.0f / 128));
  EXPECT_EQ(classes.integers.at("correct"), 1);
  EXPECT_EQ(classes.integers.at("e_stride"), 64);
  EXPECT_EQ(classes.integers.at("dc_stride"), 64);
  EXPECT_EQ(classes.integers.at("g_stride"), slots);
  EXPECT_EQ(classes.blocks, 132u); // 250 items of 4 classes for one block a multiprocessor
  EXPECT_NE(launch("sum_parts").pointers.at("total"), launch("sum_parts", 1).pointers.at("total"));

}

TEST_F(FilterTest, largeVocabulariesAreSampled) {
  problem.vocab = 70000;
  problem.softcap = 30;
  problem.workspace_limit = size_t(512) << 20;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  runBackward();
  EXPECT_EQ(launch("weighted_rows_bf16").integers.at("every"), 2);
  EXPECT_EQ(launch("weighted_rows_bf16", 1).integers.at("every"), 1);
  EXPECT_EQ(launch("choose_path").integers.at("limit"), 3 * 70000 * 3 / 10);
  // Entries of G have the slope of the cap in them, which epsilon knows nothing of.
  EXPECT_EQ(launch("grad_classes_bf16").floats.at("limit"), 0x1p-14f);
}

TEST_F(FilterTest, exactKernelsGetTheDenseCount) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  runBackward();
  void *dense = inWorkspace(filter().countDense);
  EXPECT_EQ(launch("logit_grad", 0).pointers.at("count of tokens"),
            inWorkspace(filter().backward.sampleCount));
  EXPECT_EQ(launch("logit_grad", 1).pointers.at("count of tokens"), dense);
  EXPECT_EQ(launch("logit_grad", 0).integers.at("extent vocab"), 1000);
  // Without a state they run on all tokens, as if there were no filter.
  backward.filter_state = nullptr;
  EXPECT_EQ(runBackward(), exactBackward);
  EXPECT_EQ(launch("logit_grad").pointers.at("count of tokens"), forward.workspace);
  forward.filter_state = nullptr;
  EXPECT_EQ(runForward(), exactForward);
}

TEST_F(FilterTest, droppingTheTailTakesNoSample) {
  problem.filter_tail = CCE_FILTER_TAIL_DROP;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(requests.count("weighted_rows_bf16"), 0u);
  std::memset(inWorkspace(filter().backward.meanClass), 1, 256);
  EXPECT_EQ(runBackward(), join({tokenKernels, choosing, listing,
                                 {"grad_embedding_listed", "grad_classifier_heavy",
                                  "mark_entries_bf16", "grad_classes_bf16", "logit_grad",
                                  "grad_embedding_halves",
                                  "grad_classifier"}}));
  EXPECT_EQ(launch("dropped_mass").integers.at("enabled"), 0);
  EXPECT_EQ(launch("grad_classes_bf16").integers.at("correct"), 0);
  auto *tail = static_cast<float *>(launch("grad_embedding_listed").pointers.at("tail"));
  EXPECT_TRUE(std::all_of(tail, tail + 64, [](float x) { return x == 0; }));
  EXPECT_THAT(cce_plan_describe(plan), HasSubstr("without a correction"));
}

TEST_F(FilterTest, onlyWhatIsWanted) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  void *de = backward.de;
  backward.de = nullptr;
  EXPECT_EQ(runBackward(), join({tokenKernels, choosing, sampling, listing,
                                 {"grad_classifier_heavy"}, tokenSums,
                                 {"mark_entries_bf16", "grad_classes_bf16", "logit_grad",
                                  "grad_classifier"}}));
  backward.de = de;
  backward.dc = nullptr;
  EXPECT_EQ(runBackward(), join({tokenKernels, choosing, sampling, listing,
                                 {"grad_embedding_listed", "logit_grad", "grad_embedding_halves"}}));
  backward.de = nullptr;
  EXPECT_THAT(runBackward(), IsEmpty());
  // What was left out can be asked for alone.
  backward.dropped_mass = dropped;
  EXPECT_EQ(runBackward(), join({tokenKernels, choosing, listing}));
}

TEST_F(FilterTest, biasGradientsAreExact) {
  problem.bias_dtype = CCE_F32;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_THAT(cce_plan_describe(plan), HasSubstr("exact where more are needed or for dbias"));
  forward.bias = backward.bias = allocate(4000);
  EXPECT_THAT(runForward(), Contains("lse_forward_filter"));
  EXPECT_THAT(runBackward(), Contains("logit_grad_listed"));
  backward.dbias = allocate(4000);
  backward.dropped_mass = dropped;
  backward.kept_fraction = kept;
  dropped[5] = 7;
  EXPECT_THAT(runBackward(), ElementsAre("select_tokens_i64", "token_weights", "logit_grad",
                                         "grad_embedding_halves", "grad_classifier", "grad_bias"));
  EXPECT_EQ(launch("logit_grad").pointers.at("count of tokens"), forward.workspace);
  EXPECT_EQ(dropped[5], 0);
  EXPECT_EQ(*kept, 1);
}

TEST_F(FilterTest, copiedMatricesAreExact) {
  problem.hidden = 37;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(cce_plan_filter_state(plan), 0u);
  EXPECT_THAT(cce_plan_describe(plan),
              HasSubstr("filter: entries of p - onehot below 0.000244141 may be left out, but "
                        "there is no filtered path: E or C has to be copied to padded rows; exact\n"));
  EXPECT_EQ(requests.count("choose_path"), 0u);
  EXPECT_THAT(runBackward(), Not(Contains("choose_path")));
}

TEST_F(FilterTest, smallWorkspacesAreExact) {
  problem.workspace_limit = 700000; // the partial sums of the tail alone need more than that
  problem.hidden = 512;
  problem.tokens = 100;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(cce_plan_filter_state(plan), 0u);
  EXPECT_LE(cce_plan_backward_workspace(plan), problem.workspace_limit);
  EXPECT_THAT(cce_plan_describe(plan),
              HasSubstr("there is no filtered path: it needs a workspace of at least "));
  EXPECT_EQ(runForward(), exactForward);
  EXPECT_THAT(runBackward(), Not(Contains("choose_path")));
}

TEST_F(FilterTest, chunksOfTheExactPathStay) {
  problem.vocab = 2000;
  problem.workspace_limit = 740000;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  const Layout &layout = plan->plan->layoutOf();
  EXPECT_GT(layout.all.count, 1);
  EXPECT_EQ(filter().slots, 512); // of at most 768
  EXPECT_LE(cce_plan_backward_workspace(plan), problem.workspace_limit);
  runBackward();
  const std::vector<std::string> all = names();
  EXPECT_EQ(std::count(all.begin(), all.end(), "logit_grad"), 1 + layout.all.count);
  EXPECT_EQ(std::count(all.begin(), all.end(), "grad_embedding_halves_partial"), layout.all.count - 1);
}

TEST_F(FilterTest, largerTilesReadAPaddedSample) {
  change = [](const KernelRequest &request, KernelCode &code) {
    if (request.kernel == "logit_grad")
      code.manifest.cluster = 2;
  };
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(filter().sampleTokens, 256);
  EXPECT_EQ(filter().blocks, 4);
  auto *rows = static_cast<int32_t *>(inWorkspace(filter().backward.sampleRows));
  rows[255] = 123456;
  runBackward();
  EXPECT_EQ(rows[255], 0);
  EXPECT_GE(filter().backward.g.bytes, 2 * 256 * 1024);
}

TEST_F(FilterTest, argumentsAreChecked) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  auto *state = static_cast<char *>(forward.filter_state);
  forward.filter_state = state + 64;
  EXPECT_THAT(forwardError(), HasSubstr("args.filter_state: expected an address that is a multiple "
                                        "of 256 bytes, got 0x"));
  forward.filter_state = state;
  backward.filter_state = state + 64;
  EXPECT_THAT(backwardError(), HasSubstr("args.filter_state: expected an address that is a "
                                         "multiple of 256 bytes, got 0x"));
  backward.filter_state = state;
  backward.dropped_mass = reinterpret_cast<float *>(uintptr_t(4096));
  EXPECT_EQ(backwardError(), "args.dropped_mass: expected device memory, got memory at 0x1000 that "
                             "CUDA does not know");
  backward.dropped_mass = dropped;
  backward.kept_fraction = reinterpret_cast<float *>(reinterpret_cast<char *>(kept) + 2);
  EXPECT_THAT(backwardError(), HasSubstr("args.kept_fraction: expected an address that is a "
                                         "multiple of 4 bytes, got 0x"));
  EXPECT_TRUE(fakeDriver().launches.empty());
  backward.kept_fraction = kept;
  EXPECT_EQ(backwardError(), "");
}

TEST_F(FilterTest, emptyBatch) {
  problem.tokens = 0;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  forward.e = forward.labels = nullptr;
  EXPECT_THAT(runForward(), ElementsAre("select_tokens_i64", "finish_loss"));
  backward.e = backward.labels = backward.lse = nullptr;
  backward.de = nullptr;
  backward.kept_fraction = kept;
  EXPECT_THAT(runBackward(), IsEmpty());
  EXPECT_EQ(*kept, 1);
}

TEST_F(FilterTest, descriptionTellsWhatItCosts) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_THAT(cce_plan_describe(plan),
              HasSubstr("filter: entries of p - onehot below 0.000244141 may be left out, "
                        "corrected by their mean direction; 0.0 MiB from forward to backward, up to 512 "
                        "classes for 128 tokens in "));
  EXPECT_THAT(cce_plan_describe(plan), HasSubstr("  grad_embedding_listed: tiles of "));
}

/// Configurations of exact kernels, which are tuned, go to the filter's kernels, which are not.
class FilterChoicesTest : public FilterTest {
protected:
  void choose(const std::string &kernel, const KernelConfig &config) {
    // A kernel that the context knows is not compiled again, so not noted.
    withChoices.reset();
    context.reset();
    ASSERT_TRUE(open().ok());
    Choices choices;
    choices.configs[kernel] = config;
    auto checked = Problem::check(problem);
    ASSERT_TRUE(checked.ok());
    auto created = Plan::create(context->backend, *checked, choices);
    ASSERT_TRUE(created.ok()) << created.status().toString();
    withChoices = *created ? std::shared_ptr<const Plan>(std::move(*created)) : nullptr;
  }
  void TearDown() override {
    withChoices.reset();
    FilterTest::TearDown();
  }
  std::shared_ptr<const Plan> withChoices;
};

TEST_F(FilterChoicesTest, comeFromTheExactKernels) {
  const KernelConfig config = {{"tile_m", 128}, {"tile_n", 256}, {"stages", 4}};
  KernelConfig withSplits = config;
  withSplits["splits"] = 2;
  ASSERT_NO_FATAL_FAILURE(choose("lse_forward", withSplits));
  EXPECT_EQ(requests.at("lse_forward_filter").config, config);
  EXPECT_EQ(requests.at("lse_forward_classes").config, config);
  EXPECT_TRUE(requests.at("logit_grad_listed").config.empty());
  EXPECT_EQ(withChoices->layoutOf().splits, 2);
  ASSERT_NO_FATAL_FAILURE(choose("grad_embedding", config));
  EXPECT_EQ(requests.at("grad_embedding_listed").config, config);
  ASSERT_NO_FATAL_FAILURE(choose("logit_grad", config));
  EXPECT_EQ(requests.at("logit_grad_listed").config, config);
  // What is kept is summed up by tiles of 256 classes.
  KernelConfig narrow = config;
  narrow["tile_n"] = 128;
  ASSERT_NO_FATAL_FAILURE(choose("logit_grad", narrow));
  EXPECT_EQ(requests.at("logit_grad").config, narrow);
  EXPECT_TRUE(requests.at("logit_grad_listed").config.empty());
}

TEST_F(FilterChoicesTest, thatDoNotFitAreNotUsed) {
  compiler->refuse = [](const KernelRequest &request) {
    return request.kernel == "lse_forward_filter" && !request.config.empty()
               ? makeError(CCE_RESOURCE_EXHAUSTED, "too much shared memory")
               : Status();
  };
  ASSERT_NO_FATAL_FAILURE(choose("lse_forward", {{"stages", 4}}));
  EXPECT_TRUE(requests.at("lse_forward_filter").config.empty());
  EXPECT_FALSE(requests.at("lse_forward").config.empty());
}

TEST_F(FilterChoicesTest, tuningTimesTheExactKernels) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  ASSERT_EQ(cce_plan_tune(plan, nullptr, nullptr), CCE_OK) << cce_last_error();
  EXPECT_THAT(names(), Not(Contains("lse_forward_filter")));
  EXPECT_GT(cce_plan_filter_state(plan), 0u);
}

} // namespace
} // namespace cce::rt::test
