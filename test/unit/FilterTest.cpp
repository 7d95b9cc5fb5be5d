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

const std::vector<std::string> exactForward = {"select_tokens_i64", "lse_forward", "finish_loss"};
const std::vector<std::string> exactBackward = {"select_tokens_i64", "token_weights", "logit_grad",
                                                "grad_embedding_halves", "grad_classifier"};

using Names = std::vector<std::string>;

/// What a backward consists of.
const Names tokenKernels = {"select_tokens_i64", "token_weights"};
const Names choosing = {"heavy_classes", "list_classes", "choose_path"};
const Names listing = {"logit_grad_listed", "dropped_mass"};
const Names weightedSums = {"weighted_rows_bf16", "sum_parts"}; // of rows of C for dE, and of E for dC

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
    EXPECT_THAT(kernel, testing::AnyOf("select_tokens_i64", "lse_forward", "finish_loss",
                                       "token_weights", "logit_grad", "grad_embedding_halves",
                                       "grad_classifier"));
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
  for (const char *kernel :
       {"lse_forward_classes", "lse_forward_filter", "mark_missed", "logit_grad_listed"}) {
    EXPECT_EQ(requests.at(kernel).dtype, CCE_F16) << kernel;
    EXPECT_EQ(requests.at(kernel).transform, "softcap") << kernel;
  }
  EXPECT_EQ(requests.at("grad_embedding_tilted").dtype, CCE_F16);
  EXPECT_EQ(requests.at("grad_embedding_tilted").transform, "");
  EXPECT_EQ(requests.at("grad_classifier_heavy").dtype, CCE_F16);
  for (const char *kernel : {"count_labels", "head_classes", "filter_threshold", "missed_tokens",
                             "heavy_classes", "list_classes", "choose_path",
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
  const auto &slices = filter().forward;
  std::memset(inWorkspace(slices.seen), 1, size_t(slices.seen.bytes));
  EXPECT_THAT(runForward(),
              ElementsAre("select_tokens_i64", "indexed_matmul", "count_labels", "head_classes",
                          "lse_forward_classes", "lse_forward_classes", "filter_threshold",
                          "lse_forward_filter", "missed_tokens", "mark_missed", "finish_loss"));
  // 3 groups of 128 tokens, 4 times 256 classes.
  const auto *needed = static_cast<const uint32_t *>(inState(filter().needed));
  EXPECT_TRUE(std::all_of(needed, needed + 3 * 32, [](uint32_t word) { return word == 0; }));
  const auto *seen = static_cast<const uint32_t *>(inWorkspace(slices.seen));
  EXPECT_TRUE(std::all_of(seen, seen + 3 * 32, [](uint32_t word) { return word == 0; }));
  // Thresholds need the labels' logits first, of all classes.
  const NamedLaunch &labels = launch("indexed_matmul");
  EXPECT_EQ(labels.maps.at("c").sizes[1], 1000u);
  EXPECT_EQ(labels.pointers.at("count of tokens"), forward.workspace);
  EXPECT_EQ(requests.at("indexed_matmul").config.count("cluster"), 0u);
  const NamedLaunch &lse = launch("lse_forward_filter");
  EXPECT_EQ(lse.pointers.at("threshold"), inWorkspace(slices.threshold));
  EXPECT_EQ(lse.pointers.at("needed"), inState(filter().needed));
  EXPECT_EQ(lse.pointers.at("limit"), inWorkspace(slices.limit));
  EXPECT_EQ(lse.pointers.at("tally"), inState(filter().tally));
  const auto *tally = static_cast<const uint32_t *>(inState(filter().tally));
  EXPECT_TRUE(std::all_of(tally, tally + 4 * 256, [](uint32_t sum) { return sum == 0; }));
  EXPECT_EQ(lse.integers.at("stride needed"), 32);
  EXPECT_EQ(lse.integers.at("extent splits"), 4);
  EXPECT_EQ(lse.blocks, 12u);
}

TEST_F(FilterTest, forwardEstimatesFromTheHeadAndASample) {
  problem.vocab = 5000;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  runForward();
  const auto &slices = filter().forward;
  const Layout &layout = plan->plan->layoutOf();
  const int64_t words = 160;
  auto *often = static_cast<int32_t *>(inWorkspace(slices.seen)) + 2 * words;

  const NamedLaunch &counting = launch("count_labels");
  EXPECT_EQ(counting.pointers.at("labels"), inWorkspace(layout.labels));
  EXPECT_EQ(counting.pointers.at("count"), forward.workspace);
  EXPECT_EQ(counting.pointers.at("seen"), inWorkspace(slices.seen));
  EXPECT_EQ(counting.pointers.at("needed"), inState(filter().needed));
  EXPECT_EQ(counting.integers.at("vocab"), 5000);
  EXPECT_EQ(counting.integers.at("words"), words);
  EXPECT_EQ(counting.blocks, 2u); // 384 tokens with their padding, 256 each

  const NamedLaunch &lists = launch("head_classes");
  EXPECT_EQ(lists.blocks, 1u);
  EXPECT_EQ(lists.pointers.at("often"), often); // the third of the bitmaps
  EXPECT_EQ(lists.integers.at("vocab"), 5000);
  EXPECT_EQ(lists.integers.at("words"), words);
  EXPECT_EQ(lists.integers.at("capacity"), 512);
  EXPECT_EQ(lists.integers.at("every"), 5);
  EXPECT_EQ(lists.integers.at("sample_capacity"), 1024);
  EXPECT_EQ(lists.pointers.at("sample_weight"), inWorkspace(slices.sampleWeight));

  const NamedLaunch &head = launch("lse_forward_classes", 0);
  EXPECT_EQ(head.pointers.at("classes"), lists.pointers.at("classes"));
  EXPECT_EQ(head.pointers.at("count of classes"), lists.pointers.at("head_count"));
  EXPECT_EQ(head.pointers.at("count of tokens"), forward.workspace);
  EXPECT_EQ(head.integers.at("extent classes"), 512);
  EXPECT_EQ(head.integers.at("extent splits"), 2);
  EXPECT_EQ(head.integers.at("stride partial"), 384);
  EXPECT_EQ(head.blocks, 6u);
  EXPECT_EQ(head.maps.at("c").sizes[1], 5000u);
  const NamedLaunch &sample = launch("lse_forward_classes", 1);
  EXPECT_EQ(sample.pointers.at("classes"), lists.pointers.at("sample"));
  EXPECT_EQ(sample.pointers.at("count of classes"), lists.pointers.at("sample_count"));
  EXPECT_EQ(sample.integers.at("extent classes"), 1024);
  EXPECT_EQ(sample.integers.at("extent splits"), 8);
  EXPECT_EQ(sample.blocks, 24u);
  EXPECT_EQ(head.pointers.at("partial"), inWorkspace(slices.headStates));
  EXPECT_EQ(sample.pointers.at("partial"), inWorkspace(slices.sampleStates));

  const NamedLaunch &threshold = launch("filter_threshold");
  EXPECT_EQ(threshold.pointers.at("partial"), head.pointers.at("partial"));
  EXPECT_EQ(threshold.pointers.at("sample_partial"), sample.pointers.at("partial"));
  EXPECT_EQ(threshold.integers.at("head_splits"), 2);
  EXPECT_EQ(threshold.integers.at("sample_splits"), 8);
  EXPECT_EQ(threshold.integers.at("padded"), 384);
  EXPECT_EQ(threshold.integers.at("every"), 5);
  EXPECT_EQ(threshold.pointers.at("labels"), inWorkspace(layout.labels));
  EXPECT_EQ(threshold.pointers.at("often"), often);
  EXPECT_EQ(threshold.pointers.at("sample_weight"), lists.pointers.at("sample_weight"));
  EXPECT_EQ(threshold.pointers.at("label_logit"), inWorkspace(layout.forward.labelLogit));
  EXPECT_FLOAT_EQ(threshold.floats.at("log_epsilon"), std::log(0x1p-12f));
  EXPECT_EQ(threshold.pointers.at("threshold"), inWorkspace(slices.threshold));
  EXPECT_EQ(threshold.pointers.at("bound"), inState(filter().bound));
  EXPECT_EQ(threshold.integers.at("tallied_blocks"), 16);
  EXPECT_EQ(threshold.pointers.at("limit"), inWorkspace(slices.limit));
  EXPECT_EQ(threshold.blocks, 2u);
}

TEST_F(FilterTest, missedTokensAreMarkedOnceMore) {
  problem.bias_dtype = CCE_F32;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  forward.bias = allocate(4000);
  runForward();
  const auto &slices = filter().forward;
  const Layout &layout = plan->plan->layoutOf();
  auto *count = static_cast<int32_t *>(inState(filter().missedCount));
  // The list begins empty in the kernel before, and is filled from the states of the whole vocabulary.
  const NamedLaunch &threshold = launch("filter_threshold");
  const NamedLaunch &missed = launch("missed_tokens");
  for (const NamedLaunch *each : {&threshold, &missed}) {
    EXPECT_EQ(each->pointers.at("missed_rows"), inWorkspace(slices.missedRows));
    EXPECT_EQ(each->pointers.at("missed_threshold"), inWorkspace(slices.missedThreshold));
    EXPECT_EQ(each->pointers.at("missed_count"), count);
    EXPECT_EQ(each->integers.at("missed_capacity"), 128);
  }
  EXPECT_EQ(missed.pointers.at("missed_group"), inWorkspace(slices.missedGroup));
  EXPECT_EQ(missed.pointers.at("partial"), inWorkspace(layout.forward.partial));
  EXPECT_EQ(missed.integers.at("splits"), launch("lse_forward_filter").integers.at("extent splits"));
  EXPECT_EQ(missed.integers.at("padded"), 384);
  EXPECT_EQ(missed.pointers.at("rows"), inWorkspace(layout.rows));
  EXPECT_EQ(missed.pointers.at("count"), forward.workspace);
  EXPECT_EQ(missed.pointers.at("threshold"), inWorkspace(slices.threshold));
  EXPECT_FLOAT_EQ(missed.floats.at("log_epsilon"), std::log(0x1p-12f));
  EXPECT_EQ(missed.blocks, 2u);

  const NamedLaunch &mark = launch("mark_missed");
  EXPECT_EQ(mark.pointers.at("rows"), inWorkspace(slices.missedRows));
  EXPECT_EQ(mark.pointers.at("threshold"), inWorkspace(slices.missedThreshold));
  EXPECT_EQ(mark.pointers.at("group"), inWorkspace(slices.missedGroup));
  // Of those that were missed the ones that have found room.
  EXPECT_EQ(mark.pointers.at("count of tokens"), count + 1);
  EXPECT_EQ(mark.pointers.at("needed"), inState(filter().needed));
  EXPECT_EQ(mark.integers.at("stride needed"), 32);
  EXPECT_EQ(mark.pointers.at("bias"), forward.bias);
  EXPECT_EQ(mark.integers.at("extent vocab"), 1000);
  EXPECT_EQ(mark.blocks, 4u); // one tile of tokens, four of classes
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
            join({tokenKernels, choosing, weightedSums, listing, weightedSums,
                  {"tail_tilt_bf16", "grad_embedding_tilted", "grad_classifier_heavy", "mark_entries_bf16", "grad_classes_bf16",
                   "logit_grad", "grad_embedding_halves", "grad_classifier"}}));
  void *dense = inWorkspace(filter().countDense), *filtered = inWorkspace(filter().countFiltered);
  const int64_t slots = filter().slots;
  EXPECT_EQ(slots, 512); // half of 1000 and a rest

  const NamedLaunch &heavy = launch("heavy_classes");
  EXPECT_EQ(heavy.pointers.at("needed"), inState(filter().needed));
  EXPECT_EQ(heavy.integers.at("least"), 2); // of 3 groups
  EXPECT_EQ(heavy.pointers.at("tally"), inState(filter().tally));
  EXPECT_EQ(heavy.pointers.at("count"), forward.workspace);
  EXPECT_EQ(heavy.integers.at("vocab"), 1000);
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
  EXPECT_EQ(choice.pointers.at("bound"), inState(filter().bound));
  EXPECT_EQ(choice.pointers.at("missed_count"), inState(filter().missedCount));
  EXPECT_EQ(choice.integers.at("missed_capacity"), 128);
  EXPECT_EQ(choice.pointers.at("lse"), inWorkspace(plan->plan->layoutOf().backward.lse));
  EXPECT_EQ(choice.integers.at("limit"), 3 * 1000 * 4 / 10);
  EXPECT_FLOAT_EQ(choice.floats.at("least_head_mass"), 0.35f);

  const NamedLaunch &overClasses = launch("weighted_rows_bf16");
  EXPECT_EQ(overClasses.pointers.at("matrix"), forward.c);
  EXPECT_EQ(overClasses.pointers.at("weights"), heavy.pointers.at("direction"));
  EXPECT_EQ(overClasses.pointers.at("rows_or_null"), nullptr);
  EXPECT_EQ(overClasses.integers.at("n"), 1000);
  EXPECT_EQ(overClasses.integers.at("every"), 1);
  EXPECT_EQ(overClasses.pointers.at("gate_or_null"), filtered);
  EXPECT_EQ(overClasses.integers.at("parts"), 4 * 132);
  EXPECT_EQ(launch("sum_parts").integers.at("normalise"), 1);
  EXPECT_EQ(launch("sum_parts").pointers.at("gate_or_null"), filtered);
  const NamedLaunch &overTokens = launch("weighted_rows_bf16", 1);
  EXPECT_EQ(overTokens.pointers.at("matrix"), forward.e);
  EXPECT_EQ(overTokens.pointers.at("gate_or_null"), filtered);
  EXPECT_EQ(overTokens.integers.at("every"), 1);
  EXPECT_EQ(overTokens.pointers.at("rows_or_null"), inWorkspace(plan->plan->layoutOf().rows));
  EXPECT_EQ(overTokens.integers.at("n"), 384);
  EXPECT_EQ(launch("sum_parts", 1).integers.at("normalise"), 0);
  EXPECT_EQ(launch("sum_parts", 1).pointers.at("gate_or_null"), filtered);

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
  const NamedLaunch &embedding = launch("grad_embedding_tilted");
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
  const NamedLaunch &entries = launch("mark_entries_bf16");
  EXPECT_EQ(entries.floats.at("limit"), 0x1p-12f / 3);
  const NamedLaunch &classes = launch("grad_classes_bf16");
  EXPECT_EQ(classes.pointers.at("entries"), entries.pointers.at("entries"));
  EXPECT_EQ(classes.pointers.at("heavy"), heavy.pointers.at("heavy"));
  EXPECT_EQ(classes.pointers.at("direction"), heavy.pointers.at("direction"));
  EXPECT_EQ(classes.pointers.at("total"), launch("sum_parts").pointers.at("total"));
  EXPECT_EQ(classes.pointers.at("tail"), launch("sum_parts", 1).pointers.at("result"));
  EXPECT_EQ(classes.pointers.at("dc"), backward.dc);
  EXPECT_EQ(classes.integers.at("correct"), 1);
  EXPECT_EQ(classes.integers.at("e_stride"), 64);
  EXPECT_EQ(classes.integers.at("dc_stride"), 64);
  EXPECT_EQ(classes.integers.at("g_stride"), slots);
  EXPECT_EQ(classes.blocks, 32u); // 32 classes and 512 columns each
  EXPECT_NE(launch("sum_parts").pointers.at("total"), launch("sum_parts", 1).pointers.at("total"));
}

TEST_F(FilterTest, largeVocabulariesAreSampled) {
  problem.vocab = 70000;
  problem.softcap = 30;
  problem.workspace_limit = size_t(512) << 20;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  runBackward();
  EXPECT_EQ(launch("weighted_rows_bf16").integers.at("every"), 4);
  EXPECT_EQ(launch("weighted_rows_bf16", 1).integers.at("every"), 1);
  EXPECT_EQ(launch("choose_path").integers.at("limit"), 3 * 70000 * 4 / 10);
  // Entries of G have the slope of the cap in them, which epsilon knows nothing of.
  EXPECT_EQ(launch("mark_entries_bf16").floats.at("limit"), 0x1p-14f);
}

TEST_F(FilterTest, exactKernelsGetTheDenseCount) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  runBackward();
  void *dense = inWorkspace(filter().countDense);
  EXPECT_EQ(launch("logit_grad").pointers.at("count of tokens"), dense);
  EXPECT_EQ(launch("logit_grad").integers.at("extent vocab"), 1000);
  // Without a state they run on all tokens, as if there were no filter.
  backward.filter_state = nullptr;
  EXPECT_EQ(runBackward(), exactBackward);
  EXPECT_EQ(launch("logit_grad").pointers.at("count of tokens"), forward.workspace);
  forward.filter_state = nullptr;
  EXPECT_EQ(runForward(), exactForward);
}

TEST_F(FilterTest, aTiltedTailKnowsTheMeanOfTheRows) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(requests.count("grad_embedding_listed"), 0u);
  EXPECT_EQ(runBackward(), join({tokenKernels, choosing, weightedSums, listing, weightedSums,
                                 {"tail_tilt_bf16", "grad_embedding_tilted", "grad_classifier_heavy", "mark_entries_bf16", "grad_classes_bf16", "logit_grad", "grad_embedding_halves",
                                  "grad_classifier"}}));
  const auto &slices = filter().backward;
  EXPECT_EQ(launch("dropped_mass").pointers.at("left_or_null"), inWorkspace(slices.left));
  // All tokens weigh the same: what dC is corrected by tells dE the mean, too.
  const NamedLaunch &rows = launch("weighted_rows_bf16", 1);
  EXPECT_EQ(rows.pointers.at("weights"), inWorkspace(slices.mass));
  EXPECT_EQ(rows.pointers.at("matrix"), backward.e);
  EXPECT_EQ(rows.integers.at("every"), 1); // of 300 tokens
  EXPECT_EQ(launch("sum_parts", 1).pointers.at("result"), inWorkspace(slices.massRow));
  EXPECT_EQ(launch("sum_parts", 1).integers.at("normalise"), 0);
  const NamedLaunch &tilt = launch("tail_tilt_bf16");
  EXPECT_EQ(tilt.blocks, 8u);
  EXPECT_EQ(tilt.pointers.at("direction"), inWorkspace(slices.direction));
  EXPECT_EQ(tilt.pointers.at("matrix"), backward.c);
  EXPECT_EQ(tilt.pointers.at("mean_row"), inWorkspace(slices.massRow));
  EXPECT_EQ(tilt.pointers.at("total_or_null"), inWorkspace(slices.massTotal));
  EXPECT_EQ(tilt.pointers.at("tail"), inWorkspace(slices.meanClass));
  EXPECT_EQ(tilt.pointers.at("tilt"), inWorkspace(slices.tilt));
  const NamedLaunch &embedding = launch("grad_embedding_tilted");
  EXPECT_EQ(embedding.pointers.at("tilt"), inWorkspace(slices.tilt));
  EXPECT_EQ(embedding.pointers.at("e"), backward.e);
  EXPECT_EQ(embedding.pointers.at("tail"), inWorkspace(slices.meanClass));
  EXPECT_THAT(cce_plan_describe(plan), HasSubstr("corrected by their mean direction, tilted along each token's row"));
  EXPECT_EQ(launch("grad_classes_bf16").pointers.at("tail"), inWorkspace(slices.massRow));
  // With weights of their own the mean is that of what tokens leave out, whatever the sign that it has in the gradient.
  std::vector<float> dlse(300);
  backward.dlse = dlse.data();
  EXPECT_EQ(runBackward(), join({tokenKernels, choosing, weightedSums, listing, weightedSums,
                                 {"tail_tilt_bf16", "grad_embedding_tilted", "grad_classifier_heavy"},
                                 weightedSums,
                                 {"mark_entries_bf16", "grad_classes_bf16", "logit_grad", "grad_embedding_halves",
                                  "grad_classifier"}}));
  EXPECT_EQ(launch("weighted_rows_bf16", 1).pointers.at("weights"), inWorkspace(slices.left));
  EXPECT_EQ(launch("sum_parts", 1).pointers.at("result"), inWorkspace(slices.meanRow));
  EXPECT_EQ(launch("sum_parts", 1).integers.at("normalise"), 1);
  EXPECT_EQ(launch("tail_tilt_bf16").pointers.at("mean_row"), inWorkspace(slices.meanRow));
  EXPECT_EQ(launch("tail_tilt_bf16").pointers.at("total_or_null"), nullptr);
  EXPECT_EQ(launch("weighted_rows_bf16", 2).pointers.at("weights"), inWorkspace(slices.mass));
  backward.dlse = nullptr;
  // Nothing of it without dE.
  backward.de = nullptr;
  EXPECT_THAT(runBackward(), Not(testing::Contains("tail_tilt_bf16")));
}

TEST_F(FilterTest, withoutReductionTokensHaveWeightsOfTheirOwn) {
  problem.reduction = CCE_REDUCTION_NONE;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  std::vector<float> dloss(300);
  backward.dloss = dloss.data();
  runBackward();
  EXPECT_EQ(launch("weighted_rows_bf16", 1).pointers.at("weights"), inWorkspace(filter().backward.left));
  EXPECT_EQ(launch("tail_tilt_bf16").pointers.at("mean_row"), inWorkspace(filter().backward.meanRow));
  EXPECT_EQ(launch("tail_tilt_bf16").pointers.at("total_or_null"), nullptr);
}

TEST_F(FilterTest, droppingTheTailTakesNoSample) {
  problem.filter_tail = CCE_FILTER_TAIL_DROP;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(requests.count("weighted_rows_bf16"), 0u);
  EXPECT_EQ(requests.count("tail_tilt_bf16"), 0u);
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
  EXPECT_EQ(runBackward(), join({tokenKernels, choosing, weightedSums, listing,
                                 {"grad_classifier_heavy"}, weightedSums,
                                 {"mark_entries_bf16", "grad_classes_bf16", "logit_grad",
                                  "grad_classifier"}}));
  backward.de = de;
  backward.dc = nullptr;
  EXPECT_EQ(runBackward(), join({tokenKernels, choosing, weightedSums, listing,
                                 weightedSums, {"tail_tilt_bf16", "grad_embedding_tilted", "logit_grad", "grad_embedding_halves"}}));
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

TEST_F(FilterTest, listsNameRowsOfLessThan64GiB) {
  // The largest number of units of 16 bytes says that there is no row.
  problem.c_strides[1] = problem.e_strides[1] = 1;
  problem.e_strides[0] = 64;
  problem.c_strides[0] = 8 * 4294967; // * 1000 classes: 2^32 - 296 units
  ASSERT_NO_FATAL_FAILURE(CudaRunFixture::makePlan());
  EXPECT_GT(cce_plan_filter_state(plan), 0u);
  cce_plan_destroy(plan);
  problem.c_strides[0] = 8 * 4294968;
  ASSERT_EQ(cce_plan_create(context.get(), &problem, &plan), CCE_OK) << cce_last_error();
  EXPECT_EQ(cce_plan_filter_state(plan), 0u);
  EXPECT_THAT(cce_plan_describe(plan),
              HasSubstr("there is no filtered path: C is larger than what lists of its rows can name "
                        "(64 GiB); exact\n"));
  cce_plan_destroy(plan);

  // E is gathered by the exact path, too.
  problem.c_strides[0] = 64;
  problem.e_strides[0] = 8 * 14316557; // * 300 tokens: 2^32 - 196 units
  ASSERT_EQ(cce_plan_create(context.get(), &problem, &plan), CCE_OK) << cce_last_error();
  EXPECT_GT(cce_plan_filter_state(plan), 0u);
  cce_plan_destroy(plan);
  plan = nullptr;
  problem.e_strides[0] = 8 * 14316558;
  EXPECT_EQ(cce_plan_create(context.get(), &problem, &plan), CCE_UNIMPLEMENTED);
  EXPECT_STREQ(cce_last_error(),
               "problem.e_strides: this GPU target needs an E of less than 64 GiB, got 300 rows that "
               "are 114532464 elements apart");
  // Nor can lists name few rows whose stride has more than 32 bits.
  problem.tokens = 2;
  problem.e_strides[0] = int64_t(1) << 33;
  EXPECT_EQ(cce_plan_create(context.get(), &problem, &plan), CCE_UNIMPLEMENTED);
  problem.tokens = 1;
  EXPECT_EQ(cce_plan_create(context.get(), &problem, &plan), CCE_OK) << cce_last_error();
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
  EXPECT_EQ(filter().slots, 512); // of at most 1024
  EXPECT_LE(cce_plan_backward_workspace(plan), problem.workspace_limit);
  runBackward();
  const std::vector<std::string> all = names();
  EXPECT_EQ(std::count(all.begin(), all.end(), "logit_grad"), layout.all.count);
  EXPECT_EQ(std::count(all.begin(), all.end(), "grad_embedding_halves_partial"), layout.all.count - 1);
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
                        "corrected by their mean direction, tilted along each token's row; "
                        "0.0 MiB from forward to backward, up to 512 classes for 128 tokens in "));
  EXPECT_THAT(cce_plan_describe(plan), HasSubstr("  grad_embedding_tilted: tiles of "));
  EXPECT_THAT(cce_plan_describe(plan), HasSubstr("  mark_missed: tiles of "));
}

TEST_F(FilterTest, blocksOfClustersTakeTilesOfTokensInPairs) {
  change = [&](const KernelRequest &request, KernelCode &code) {
    if (request.kernel == "lse_forward_filter")
      code.manifest.cluster = 2;
  };
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(plan->plan->layoutOf().padded, 512);
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

TEST_F(FilterTest, theLastSplitIsShorterWhereRoundsAreFullerSo) {
  problem.tokens = 4096;
  problem.hidden = 64;
  problem.vocab = 256000;
  change = [](const KernelRequest &request, KernelCode &code) {
    if (request.kernel == "lse_forward_filter")
      code.manifest.cluster = 2;
  };
  ASSERT_NO_FATAL_FAILURE(makePlan());
  const Layout &layout = plan->plan->layoutOf();
  EXPECT_EQ(layout.splits, 9);
  EXPECT_EQ(layout.lastPart, 4);
  for (const char *kernel : {"lse_forward", "lse_forward_filter"}) // the former for calls without a state
    EXPECT_EQ(requests.at(kernel).config, KernelConfig({{"cluster", 2}, {"last_part", 4}})) << kernel;
  runForward();
  const NamedLaunch &launched = launch("lse_forward_filter");
  EXPECT_EQ(launched.integers.at("extent splits"), 9);
  EXPECT_EQ(launched.blocks, 132u); // 2 rounds of 66 pairs of tiles; 16 x 9 would be 3 of 48
}

TEST_F(FilterChoicesTest, comeFromTheExactKernels) {
  const KernelConfig config = {{"tile_m", 128}, {"tile_n", 256}, {"stages", 4}};
  KernelConfig withSplits = config;
  withSplits["splits"] = 2;
  ASSERT_NO_FATAL_FAILURE(choose("lse_forward", withSplits));
  EXPECT_EQ(requests.at("lse_forward_filter").config, config);
  EXPECT_EQ(requests.at("mark_missed").config, KernelConfig());
  // As narrow as the parts of the sample, whatever is best for the whole vocabulary.
  EXPECT_EQ(requests.at("lse_forward_classes").config, KernelConfig({{"tile_n", 128}}));
  EXPECT_TRUE(requests.at("logit_grad_listed").config.empty());
  EXPECT_EQ(withChoices->layoutOf().splits, 2);
  ASSERT_NO_FATAL_FAILURE(choose("grad_embedding", config));
  EXPECT_EQ(requests.at("grad_embedding_tilted").config, config);
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
