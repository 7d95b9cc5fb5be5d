//===- GradientsTest.cpp - the launches of loss and gradients at once -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "test/unit/GradientsFixture.h"

#include <cmath>
#include <set>

namespace cce::rt::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

const Names firstKernels = {"select_tokens_i64", "chunk_counts"};
/// Of a chunk up to its dE, where it is the only one; of one of several.
const Names onlyChunk = {"lse_forward_save", "finish_loss", "token_weights", "grad_from_saved_bf16",
                         "grad_embedding_halves"};
const Names savedChunk = {"lse_forward_save",     "finish_loss",  "token_weights",
                          "grad_from_saved_bf16", "label_scales", "grad_embedding_scaled"};
const Names oneOfChunks = {"lse_forward_exp", "check_sums",           "lse_forward_save",
                           "finish_loss",     "token_weights",        "grad_from_saved_bf16",
                           "label_scales",    "grad_embedding_scaled"};
/// And its share of dC, where it is not the last.
const Names partialClassifier = {"scaled_rows_bf16", "grad_classifier_halves_partial"};
const Names inTurn = {"select_tokens_i64", "lse_forward", "finish_loss",
                      "select_tokens_i64", "token_weights", "logit_grad", "grad_embedding_halves",
                      "grad_classifier"};

/// In two chunks of classes.
const Names twoCalls = {"select_tokens_i64", "lse_forward", "finish_loss",
                        "select_tokens_i64", "token_weights", "logit_grad",
                        "grad_embedding_halves_partial", "grad_classifier", "logit_grad",
                        "grad_embedding_halves", "grad_classifier"};

TEST_F(GradientsTest, twoChunks) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(chunks().size, 640);
  EXPECT_EQ(chunks().count, 2);
  EXPECT_LE(cce_plan_gradients_workspace(plan), problem.workspace_limit);
  EXPECT_EQ(run(), together({firstKernels, {"indexed_matmul", "sort_labels"}, oneOfChunks,
                             partialClassifier, oneOfChunks,
                             {"restore_labels", "scaled_rows_bf16", "grad_classifier_halves"}}));
  const Layout &layout = plan->plan->layoutOf();
  const NamedLaunch &counts = launch("chunk_counts");
  EXPECT_EQ(counts.pointers.at("count"), at(layout.count));
  EXPECT_EQ(counts.pointers.at("counts"), at(chunks().counts));
  EXPECT_EQ(counts.integers.at("size"), 640);
  EXPECT_EQ(counts.integers.at("chunks"), 2);
  EXPECT_EQ(counts.integers.at("exponentials"), 1);
  EXPECT_EQ(counts.pointers.at("counts_exp"), at(chunks().countsExp));
  EXPECT_EQ(counts.pointers.at("counts_saved"), at(chunks().countsSaved));
  const NamedLaunch &sort = launch("sort_labels");
  EXPECT_EQ(sort.pointers.at("labels"), at(layout.labels));
  EXPECT_EQ(sort.pointers.at("count"), at(layout.count));
  EXPECT_EQ(sort.pointers.at("order"), at(chunks().order));
  EXPECT_EQ(sort.pointers.at("sorted"), at(chunks().sorted));
  const NamedLaunch &restore = launch("restore_labels");
  for (const auto &[name, slice] :
       {std::pair("order", chunks().order), std::pair("sorted", chunks().sorted),
        std::pair("count", layout.count), std::pair("rows", layout.rows),
        std::pair("factor", chunks().factor), std::pair("exact", chunks().exact),
        std::pair("stored", chunks().stored), std::pair("sum_lower", chunks().sumLower)})
    EXPECT_EQ(restore.pointers.at(name), at(slice)) << name;
  EXPECT_EQ(restore.pointers.at("e"), args.e);
  EXPECT_EQ(restore.pointers.at("dc"), args.dc);
  EXPECT_EQ(restore.integers.at("stride"), 64);
  EXPECT_EQ(restore.integers.at("dc_stride"), 64);
  EXPECT_EQ(restore.integers.at("hidden"), 64);
  EXPECT_EQ(restore.blocks, 80u); // 1280 tokens, 16 warps
  EXPECT_EQ(launch("indexed_matmul").pointers.at("label_logit"), at(chunks().labelLogit));
  EXPECT_EQ(launch("indexed_matmul").pointers.at("count of tokens"), at(layout.count));
  for (int i = 0; i < 2; ++i) {
    SCOPED_TRACE(i);
    char *count = at(chunks().counts) + 4 * i, *rows = at(layout.rows) + 4 * 640 * i;
    char *countExp = at(chunks().countsExp) + 4 * i, *countSaved = at(chunks().countsSaved) + 4 * i;
    const NamedLaunch &exp = launch("lse_forward_exp", i);
    EXPECT_EQ(exp.pointers.at("count of tokens"), count);
    EXPECT_EQ(exp.pointers.at("rows"), rows);
    EXPECT_EQ(exp.pointers.at("label_logit"), at(chunks().labelLogit) + 4 * 640 * i);
    EXPECT_EQ(exp.pointers.at("g"), at(chunks().codes));
    EXPECT_EQ(exp.integers.at("stride g"), 1024);
    EXPECT_EQ(exp.integers.at("stride partial"), 640);
    EXPECT_EQ(exp.integers.at("extent vocab"), 1000);
    EXPECT_EQ(exp.integers.at("extent splits"), 4);
    const NamedLaunch &check = launch("check_sums", i);
    EXPECT_EQ(check.pointers.at("partial"), exp.pointers.at("partial"));
    EXPECT_EQ(check.pointers.at("count"), count);
    EXPECT_EQ(check.pointers.at("count_exp"), countExp);
    EXPECT_EQ(check.pointers.at("count_saved"), countSaved);
    EXPECT_EQ(check.integers.at("splits"), 4);
    EXPECT_EQ(check.integers.at("padded"), 640);
    const NamedLaunch &save = launch("lse_forward_save", i);
    EXPECT_EQ(save.pointers.at("count of tokens"), countSaved);
    EXPECT_EQ(save.pointers.at("rows"), rows);
    EXPECT_EQ(save.pointers.at("labels"), at(layout.labels) + 4 * 640 * i);
    EXPECT_EQ(save.pointers.at("label_logit"), at(chunks().labelLogit) + 4 * 640 * i);
    EXPECT_EQ(save.integers.at("origin vocab"), 0);
    EXPECT_EQ(save.pointers.at("codes"), at(chunks().codes));
    EXPECT_EQ(save.integers.at("stride codes"), 1024);
    EXPECT_EQ(save.integers.at("stride maxima"), 640);
    EXPECT_EQ(save.integers.at("stride partial"), 640);
    EXPECT_EQ(save.integers.at("extent vocab"), 1000);
    EXPECT_EQ(save.integers.at("extent splits"), 4);
    const NamedLaunch &finish = launch("finish_loss", i);
    EXPECT_EQ(finish.blocks, 8u);
    EXPECT_EQ(finish.pointers.at("count"), count);
    EXPECT_EQ(finish.pointers.at("total"), at(layout.count));
    EXPECT_EQ(finish.pointers.at("rows"), rows);
    EXPECT_EQ(finish.pointers.at("label_logit"), at(chunks().labelLogit) + 4 * 640 * i);
    EXPECT_EQ(finish.pointers.at("lse_or_null"), static_cast<void *>(args.lse));
    EXPECT_EQ(finish.pointers.at("sum_or_null"), at(chunks().lossSum));
    EXPECT_EQ(finish.pointers.at("partial"), save.pointers.at("partial"));
    EXPECT_EQ(finish.integers.at("has_sum"), i);
    EXPECT_EQ(finish.integers.at("splits"), 4);
    EXPECT_EQ(finish.integers.at("padded"), 640);
    const NamedLaunch &weights = launch("token_weights", i);
    EXPECT_EQ(weights.pointers.at("count"), count);
    EXPECT_EQ(weights.pointers.at("total"), at(layout.count));
    EXPECT_EQ(weights.pointers.at("lse"), static_cast<void *>(args.lse));
    EXPECT_EQ(weights.integers.at("padded"), 640);
    const NamedLaunch &grad = launch("grad_from_saved_bf16", i);
    EXPECT_EQ(grad.pointers.at("saved"), at(chunks().codes));
    EXPECT_EQ(grad.pointers.at("count"), countSaved);
    EXPECT_EQ(grad.pointers.at("labels"), at(layout.labels) + 4 * 640 * i);
    EXPECT_EQ(grad.pointers.at("label_logit"), at(chunks().labelLogit) + 4 * 640 * i);
    EXPECT_EQ(grad.pointers.at("lse"), weights.pointers.at("lse_out"));
    EXPECT_EQ(grad.integers.at("padded"), 640);
    EXPECT_EQ(grad.integers.at("classes"), 1000);
    const NamedLaunch &scales = launch("label_scales", i);
    EXPECT_EQ(scales.pointers.at("count"), count);
    EXPECT_EQ(scales.pointers.at("count_exp"), countExp);
    EXPECT_EQ(scales.pointers.at("labels"), at(layout.labels) + 4 * 640 * i);
    EXPECT_EQ(scales.pointers.at("label_logit"), exp.pointers.at("label_logit"));
    EXPECT_EQ(scales.pointers.at("lse"), weights.pointers.at("lse_out"));
    EXPECT_EQ(scales.pointers.at("alpha"), weights.pointers.at("alpha"));
    EXPECT_EQ(scales.pointers.at("codes"), at(chunks().codes));
    EXPECT_EQ(scales.integers.at("stride"), 1024);
    EXPECT_EQ(scales.integers.at("padded"), 640);
    EXPECT_EQ(scales.integers.at("capped"), 0);
    EXPECT_EQ(scales.pointers.at("factor"), at(chunks().factor) + 4 * 640 * i);
    EXPECT_EQ(scales.pointers.at("exact"), at(chunks().exact) + 4 * 640 * i);
    EXPECT_EQ(scales.pointers.at("stored"), at(chunks().stored) + 4 * 640 * i);
    EXPECT_EQ(scales.pointers.at("scale"), at(chunks().scale));
    const NamedLaunch &scaled = launch("scaled_rows_bf16", i);
    EXPECT_EQ(scaled.pointers.at("count"), count);
    EXPECT_EQ(scaled.pointers.at("rows"), rows);
    EXPECT_EQ(scaled.pointers.at("factor"), scales.pointers.at("factor"));
    EXPECT_EQ(scaled.pointers.at("e"), args.e);
    EXPECT_EQ(scaled.pointers.at("scaled"), at(chunks().scaled));
    EXPECT_EQ(scaled.integers.at("padded"), 640);
    EXPECT_EQ(scaled.integers.at("stride"), 64);
    EXPECT_EQ(scaled.integers.at("columns"), 64);
    const NamedLaunch &embedding = launch("grad_embedding_scaled", i);
    EXPECT_EQ(embedding.pointers.at("scale"), at(chunks().scale));
    EXPECT_EQ(embedding.pointers.at("rows"), rows);
    EXPECT_EQ(embedding.pointers.at("count of tokens"), count);
    EXPECT_EQ(embedding.maps.at("g").address, at(chunks().codes));
    const NamedLaunch &classifier =
        launch(i == 0 ? "grad_classifier_halves_partial" : "grad_classifier_halves");
    EXPECT_EQ(classifier.integers.at("has_sum"), i);
    EXPECT_EQ(classifier.pointers.at("sum_lower"), at(chunks().sumLower));
    EXPECT_EQ(classifier.integers.at("stride sum_lower"), 64);
    EXPECT_EQ(classifier.pointers.at("dc"), args.dc);
    EXPECT_EQ(classifier.maps.at("scaled").address, at(chunks().scaled));
    EXPECT_EQ(classifier.maps.at("scaled").sizes[1], 640u);
    EXPECT_EQ(classifier.pointers.at("count of tokens"), count);
    EXPECT_EQ(classifier.pointers.at("alpha"), weights.pointers.at("alpha"));
    EXPECT_EQ(classifier.maps.at("g").sizes[1], 640u);
    EXPECT_EQ(classifier.maps.at("g").stride, 2048u);
    EXPECT_EQ(classifier.blocks, 4u);
  }
  // Whole strips of 16 rows, of 4 bits for each of 64 columns.
  EXPECT_EQ(chunks().sumLower.bytes, 1008 * 32);
}

TEST_F(GradientsTest, theLastChunkHasSplitsOfItsOwn) {
  problem.tokens = 1152;
  problem.vocab = 10240;
  problem.workspace_limit = 14000000;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  ASSERT_EQ(chunks().size, 640);
  ASSERT_EQ(chunks().count, 2);
  run();
  EXPECT_EQ(launch("lse_forward_save", 0).integers.at("extent splits"), 26); // 5 x 26 of 132
  EXPECT_EQ(launch("lse_forward_save", 1).integers.at("extent splits"), 33); // 4 x 33
  EXPECT_EQ(launch("finish_loss", 0).integers.at("splits"), 26);
  EXPECT_EQ(launch("finish_loss", 1).integers.at("splits"), 33);
  EXPECT_EQ(chunks().partial.bytes, 8 * std::max(26 * 640, 33 * 512));
}

TEST_F(GradientsTest, slicesDoNotOverlap) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  const Layout &layout = plan->plan->layoutOf();
  const TokenChunks &c = chunks();
  std::vector<Slice> slices = {layout.count, layout.error, layout.rows, layout.labels, c.counts,
                               c.lossSum, c.labelLogit, c.lse, c.compactLse, c.probWeight,
                               c.labelWeight, c.alpha, c.partial, c.maxima, c.codes, c.sumLower,
                               c.countsExp, c.countsSaved, c.factor, c.exact, c.stored, c.order,
                               c.sorted, c.scale};
  std::sort(slices.begin(), slices.end(),
            [](const Slice &a, const Slice &b) { return a.offset < b.offset; });
  for (size_t i = 1; i < slices.size(); ++i)
    EXPECT_LE(slices[i - 1].offset + slices[i - 1].bytes, slices[i].offset);
  EXPECT_LE(slices.back().offset + slices.back().bytes, c.bytes);
  EXPECT_EQ(c.labelLogit.bytes, 4 * 1280);
  EXPECT_EQ(c.partial.bytes, 8 * 4 * 640);
  EXPECT_GE(c.maxima.bytes, 4 * 4 * 640);
  // Maxima are not read any more when rows are scaled.
  EXPECT_EQ(c.scaled.offset, c.maxima.offset);
  EXPECT_EQ(c.scaled.bytes, 2 * 640 * 64);
  EXPECT_EQ(c.factor.bytes, 4 * 1280);
  EXPECT_EQ(c.scale.bytes, 4 * 640);
  EXPECT_EQ(c.countsSaved.bytes, 4 * 2);
  EXPECT_EQ(c.codes.bytes, 2 * 640 * 1024);
}

TEST_F(GradientsTest, allTokensAtOnceIfThereIsRoom) {
  problem.workspace_limit = 0;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(chunks().count, 1);
  EXPECT_EQ(chunks().sumLower.bytes, 0);
  EXPECT_EQ(run(), together({firstKernels, onlyChunk, {"grad_classifier"}}));
  EXPECT_EQ(launch("chunk_counts").integers.at("exponentials"), 0);
  EXPECT_EQ(launch("lse_forward_save").pointers.at("count of tokens"), at(chunks().counts));
  EXPECT_EQ(launch("grad_from_saved_bf16").pointers.at("count"), at(chunks().counts));
  for (const char *kernel : {"grad_classifier_halves", "grad_embedding_scaled", "lse_forward_exp",
                             "scaled_rows_bf16", "restore_labels"})
    EXPECT_EQ(manifests.count(kernel), 0u) << kernel;
  EXPECT_EQ(chunks().factor.bytes + chunks().scaled.bytes + chunks().order.bytes, 0);
  EXPECT_THAT(described(), EndsWith(", all tokens at once; nothing is computed twice"));
}

TEST_F(GradientsTest, theLogSumExpIsOptional) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  args.lse = nullptr;
  run();
  EXPECT_EQ(launch("finish_loss").pointers.at("lse_or_null"), at(chunks().lse));
  EXPECT_EQ(launch("token_weights", 1).pointers.at("lse"), at(chunks().lse));
}

TEST_F(GradientsTest, onlyWhatIsWanted) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  args.de = nullptr;
  EXPECT_THAT(run(), Not(Contains("grad_embedding_scaled")));
  EXPECT_THAT(names(), Contains("restore_labels"));
  args.de = backward.de;
  args.dc = nullptr;
  run();
  for (const char *kernel : {"grad_classifier_halves", "grad_classifier_halves_partial",
                             "scaled_rows_bf16", "sort_labels", "restore_labels"})
    EXPECT_THAT(names(), Not(Contains(kernel)));
  EXPECT_THAT(names(), Contains("label_scales"));
  args.de = nullptr;
  EXPECT_THAT(run(), ElementsAre("select_tokens_i64", "lse_forward", "finish_loss"));
  // And without a log-sum-exp: only the loss.
  args.lse = nullptr;
  run();
  EXPECT_EQ(launch("finish_loss").pointers.at("lse_or_null"), nullptr);
}

TEST_F(GradientsTest, rowsAreScaledInTwoPanelsWhereThatLeavesRoom) {
  problem.tokens = 8192;
  problem.hidden = 4096;
  problem.vocab = 128256;
  problem.workspace_limit = size_t(1) << 30;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  ASSERT_EQ(chunks().scaledColumns, 2048);
  EXPECT_EQ(chunks().scaled.bytes, 2 * chunks().size * 2048);
  EXPECT_LE(chunks().bytes, int64_t(problem.workspace_limit));
  run();
  for (int i = 0; i < 2; ++i) {
    SCOPED_TRACE(i); // panels of the first chunk
    const NamedLaunch &rows = launch("scaled_rows_bf16", i);
    EXPECT_EQ(rows.pointers.at("e"), static_cast<const char *>(args.e) + 2 * 2048 * i);
    EXPECT_EQ(rows.integers.at("columns"), 2048);
    EXPECT_EQ(rows.integers.at("stride"), 4096);
    const NamedLaunch &product = launch("grad_classifier_halves_partial", i);
    EXPECT_EQ(product.pointers.at("dc"), static_cast<char *>(args.dc) + 2 * 2048 * i);
    EXPECT_EQ(product.pointers.at("sum_lower"), at(chunks().sumLower) + 16 * 1024 * i); // of 16 rows
    EXPECT_EQ(product.integers.at("stride sum_lower"), 4096);
  }
  EXPECT_EQ(launch("restore_labels").integers.at("hidden"), 4096);
  EXPECT_EQ(launch("restore_labels").integers.at("vocab"), problem.vocab);
}

TEST_F(GradientsTest, anUpstreamGradientOfTheLogSumExpTakesSavedLogits) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  args.dlse = static_cast<const float *>(allocate(4 * 1200));
  EXPECT_EQ(run(), together({firstKernels, savedChunk, partialClassifier, savedChunk,
                             {"scaled_rows_bf16", "grad_classifier_halves"}}));
  EXPECT_EQ(launch("chunk_counts").integers.at("exponentials"), 0);
  EXPECT_EQ(launch("lse_forward_save", 1).pointers.at("count of tokens"),
            at(chunks().countsSaved) + 4);
  EXPECT_EQ(launch("finish_loss", 1).pointers.at("count"), at(chunks().counts) + 4);
  args.dlse = nullptr;
  EXPECT_THAT(run(), Contains("lse_forward_exp"));
}

TEST_F(GradientsTest, cappedLogitsHaveTheirSlope) {
  problem.softcap = 30;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  run();
  EXPECT_EQ(launch("label_scales").integers.at("capped"), 1);
  EXPECT_EQ(launch("label_scales").floats.at("softcap"), 30);
  EXPECT_EQ(launch("lse_forward_exp").floats.at("param"), 30);
  EXPECT_EQ(requests.at("lse_forward_exp").transform, "softcap");
}

TEST_F(GradientsTest, pairsOfTilesWhereTheyComeOutEven) {
  problem.tokens = 2048;
  problem.workspace_limit = 0;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(chunks().size, 2048);
  EXPECT_EQ(requests.at("lse_forward_save").config.at("cluster"), 2);
}

TEST_F(GradientsTest, noPairsWhereOneWouldLackATile) {
  problem.tokens = 1280;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  ASSERT_EQ(chunks().size, 640);
  EXPECT_EQ(requests.at("lse_forward_save").config.count("cluster"), 0u);
  EXPECT_EQ(requests.at("lse_forward_exp").config.count("cluster"), 0u);
  EXPECT_EQ(requests.at("grad_embedding_scaled").config.count("cluster"), 0u);
  EXPECT_EQ(requests.at("grad_classifier_halves").config.at("cluster"), 2);
  EXPECT_EQ(requests.at("grad_classifier_halves_partial").config,
            requests.at("grad_classifier_halves").config);
}

TEST_F(GradientsTest, gradientsOfABiasTakeAForwardAndABackward) {
  problem.bias_dtype = CCE_F32;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  args.bias = allocate(4000);
  EXPECT_THAT(run(), Contains("grad_classifier_halves"));
  EXPECT_EQ(launch("lse_forward_save").pointers.at("bias"), args.bias);
  EXPECT_EQ(launch("lse_forward_exp").pointers.at("bias"), args.bias);
  args.dbias = allocate(4000);
  const Names launched = run();
  EXPECT_EQ(Names(launched.begin(), launched.begin() + 6), Names(inTurn.begin(), inTurn.begin() + 6));
  EXPECT_THAT(launched, Contains("grad_bias"));
  EXPECT_EQ(launch("token_weights").pointers.at("lse"), args.lse);
  // The one between them lies behind what either needs at that time.
  args.lse = nullptr;
  run();
  const Layout &layout = plan->plan->layoutOf();
  EXPECT_EQ(launch("token_weights").pointers.at("lse"), at(layout.lseBetween));
  EXPECT_EQ(launch("finish_loss").pointers.at("lse_or_null"), at(layout.lseBetween));
  EXPECT_GE(layout.lseBetween.offset, layout.forwardBytes);
  EXPECT_GE(layout.lseBetween.offset, layout.backward.alpha.offset + 4);
  EXPECT_LE(layout.lseBetween.offset + 4 * 1200, layout.gradientsBytes);
  EXPECT_LE(cce_plan_gradients_workspace(plan), problem.workspace_limit);
  EXPECT_THAT(described(), EndsWith("nothing is computed twice, unless for dbias or the logits of chunks "
                                    "with a label far below other classes"));
}

TEST_F(GradientsTest, chunksOnlyIfAskedFor) {
  problem.one_call = 0;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  for (const auto &[kernel, manifest] : manifests)
    EXPECT_THAT(twoCalls, Contains(kernel));
  EXPECT_EQ(chunks().size, 0);
  EXPECT_LE(cce_plan_gradients_workspace(plan), problem.workspace_limit);
  EXPECT_EQ(run(), twoCalls);
  EXPECT_EQ(launch("token_weights").pointers.at("lse"), args.lse);
  // All else is the same.
  const Layout without = plan->plan->layoutOf();
  const std::string description = cce_plan_describe(plan);
  EXPECT_THAT(described(), HasSubstr("a forward and an exact backward, because chunks of tokens "
                                     "were not asked for (problem.one_call)"));
  problem.one_call = 1;
  EXPECT_THAT(described(), HasSubstr("in 2 chunks"));
  const Layout &with = plan->plan->layoutOf();
  EXPECT_EQ(without.forwardBytes, with.forwardBytes);
  EXPECT_EQ(without.backwardBytes, with.backwardBytes);
  EXPECT_EQ(without.all.size, with.all.size);
  const std::string other = cce_plan_describe(plan), line = "loss and gradients in one call";
  EXPECT_EQ(description.substr(0, description.find(line)), other.substr(0, other.find(line)));
}

TEST_F(GradientsTest, aPlanForOneCallServesTwoCalls) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  ASSERT_GT(chunks().size, 0);
  Names launched = runForward();
  for (const std::string &kernel : runBackward())
    launched.push_back(kernel);
  EXPECT_EQ(launched, twoCalls);
}

TEST_F(GradientsTest, tuningTimesTheExactKernels) {
  problem.saved_logits_limit = uint64_t(1) << 30;
  int compiled = 0; // kernels that trials do not need
  const auto before = change;
  change = [&](const KernelRequest &request, KernelCode &code) {
    before(request, code);
    std::lock_guard lock(mutex);
    for (const char *kernel :
         {"lse_forward_save", "chunk_counts", "grad_from_saved_bf16", "grad_classifier_halves",
          "grad_classifier_halves_partial", "lse_forward_exp", "check_sums", "label_scales",
          "scaled_rows_bf16", "sort_labels", "restore_labels", "grad_embedding_scaled"})
      compiled += request.kernel == kernel;
  };
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_GE(compiled, 12);
  compiled = 0;
  auto progress = [](int done, int, const char *, void *user) {
    EXPECT_EQ(*static_cast<int *>(user), 0) << "after " << done << " trials";
    return 0;
  };
  ASSERT_EQ(cce_plan_tune(plan, progress, &compiled), CCE_OK) << cce_last_error();
  EXPECT_EQ(chunks().count, 2);
  EXPECT_GT(cce_plan_saved_logits(plan), 0u);
}

TEST_F(GradientsTest, descriptionTellsWhatAndWhy) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(described(), "loss and gradients in one call: workspace 1.4 MiB, tokens in 2 chunks of "
                         "640, sums of dC in 0.0 MiB and dC; nothing is computed twice, unless the "
                         "logits of chunks with a label far below other classes");
  const std::string inTurnBecause = "a forward and an exact backward, because ";
  problem.vocab = 4000;
  EXPECT_THAT(described(),
              HasSubstr(inTurnBecause + "chunks of 512 tokens need a workspace of 4509184 bytes"));
  problem.vocab = 1000;
  problem.hidden = 72;
  EXPECT_THAT(described(),
              HasSubstr(inTurnBecause + "chunks of 1280 tokens need a workspace of "));
  problem.hidden = 64;
  problem.softcap = 30;
  EXPECT_THAT(described(), HasSubstr("in 2 chunks"));
  problem.bias_dtype = CCE_F32;
  EXPECT_THAT(described(), HasSubstr(inTurnBecause + "only of plain, biased or capped logits the "
                                                     "gradient is known from their value"));
  problem.softcap = INFINITY;
  problem.bias_dtype = CCE_DTYPE_NONE;
  problem.filter_eps = 0.25f; // which one call does not need
  EXPECT_THAT(described(), HasSubstr("in 2 chunks"));
  problem.filter_eps = 0;
  problem.c_strides[0] = 65;
  problem.c_strides[1] = 1;
  EXPECT_THAT(described(),
              HasSubstr(inTurnBecause + "E or C has to be copied to padded rows"));
  problem.c_strides[0] = 64;
  problem.tokens = 0;
  EXPECT_THAT(described(), HasSubstr(inTurnBecause + "there are no tokens"));
}

TEST_F(GradientsTest, withoutChunksAForwardAndABackward) {
  problem.vocab = 4000;
  problem.reduction = CCE_REDUCTION_NONE;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  args.loss = forward.lse;
  EXPECT_EQ(manifests.count("chunk_counts"), 0u);
  EXPECT_LE(cce_plan_gradients_workspace(plan), problem.workspace_limit);
  args.dloss = forward.lse;
  args.dlse = forward.lse;
  const Names launched = run();
  EXPECT_EQ(Names(launched.begin(), launched.begin() + 6), Names(inTurn.begin(), inTurn.begin() + 6));
  EXPECT_EQ(launch("token_weights").pointers.at("dloss_or_null"), forward.lse);
  EXPECT_EQ(launch("token_weights").pointers.at("dlse_or_null"), forward.lse);
}

TEST_F(GradientsTest, halfPrecisionHasItsKernels) {
  problem.dtype = CCE_F16;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_THAT(run(), Contains("grad_from_saved_f16"));
  // Its exponent has no room for exponentials.
  Names halfChunk = savedChunk;
  halfChunk[3] = "grad_from_saved_f16";
  EXPECT_EQ(names(),
            together({firstKernels, halfChunk, {"scaled_rows_f16", "grad_classifier_halves_partial"},
                      halfChunk, {"scaled_rows_f16", "grad_classifier_halves"}}));
  EXPECT_EQ(manifests.count("lse_forward_exp"), 0u);
  EXPECT_EQ(launch("chunk_counts").integers.at("exponentials"), 0);
  EXPECT_EQ(requests.at("grad_embedding_scaled").dtype, CCE_F16);
  EXPECT_EQ(requests.at("grad_classifier_halves").dtype, CCE_F16);
  EXPECT_THAT(described(), EndsWith("; nothing is computed twice"));
}

TEST_F(GradientsTest, argumentsAreChecked) {
  problem.bias_dtype = CCE_F32;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  args.bias = allocate(4000);
  const cce_gradients_args good = args;
  auto errorOf = [&](auto spoil) {
    args = good;
    spoil();
    return error();
  };
  EXPECT_EQ(errorOf([&] { args.struct_size = 8; }),
            "args.struct_size: expected " + std::to_string(sizeof(cce_gradients_args)) +
                " (call cce_gradients_args_init first), got 8");
  EXPECT_EQ(errorOf([&] { args.workspace_bytes -= 1; }),
            "args.workspace_bytes: expected at least " + std::to_string(good.workspace_bytes) +
                ", got " + std::to_string(good.workspace_bytes - 1));
  EXPECT_THAT(errorOf([&] { args.e = nullptr; }), HasSubstr("args.e: expected device memory"));
  EXPECT_THAT(errorOf([&] { args.loss = nullptr; }), HasSubstr("args.loss: expected device memory"));
  EXPECT_THAT(errorOf([&] { args.labels = nullptr; }), HasSubstr("args.labels: expected"));
  EXPECT_THAT(errorOf([&] { args.bias = nullptr; }), HasSubstr("args.bias: expected memory"));
  EXPECT_THAT(errorOf([&] { args.dc = static_cast<char *>(args.dc) + 8; }),
              HasSubstr("args.dc: expected an address that is a multiple of 16"));
  EXPECT_THAT(errorOf([&] { args.de = reinterpret_cast<void *>(uintptr_t(4096)); }),
              HasSubstr("args.de: expected device memory"));
  EXPECT_THAT(errorOf([&] { args.dloss = reinterpret_cast<float *>(uintptr_t(4096)); }),
              HasSubstr("args.dloss: expected device memory"));
  EXPECT_TRUE(fakeDriver().launches.empty());
  EXPECT_EQ(cce_loss_and_gradients(nullptr, &args, nullptr), CCE_INVALID_ARGUMENT);
  EXPECT_EQ(cce_loss_and_gradients(plan, nullptr, nullptr), CCE_INVALID_ARGUMENT);
  EXPECT_EQ(cce_plan_gradients_workspace(nullptr), 0u);
  cce_gradients_args_init(nullptr);
}

TEST_F(GradientsTest, badLabelsAreReportedBehindTheLastLaunch) {
  expectBadLabelBehind("grad_classifier_halves");
}

TEST_F(GradientsTest, badLabelsAreReportedBehindABackward) {
  problem.one_call = 0;
  expectBadLabelBehind("grad_classifier");
}

TEST_F(GradientsTest, onlyEnqueues) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  run();
  std::set<std::string> calls(fakeDriver().log.begin(), fakeDriver().log.end());
  EXPECT_THAT(calls, testing::UnorderedElementsAre("cuLaunchKernelEx", "cuTensorMapEncodeTiled",
                                                   "cuMemsetD8Async"));
}

TEST_F(GradientsTest, withoutTokensTheGradientIsZero) {
  problem.tokens = 0;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_THAT(run(), ElementsAre("select_tokens_i64", "finish_loss"));
}

} // namespace
} // namespace cce::rt::test
