//===- SavedInDcTest.cpp - one call that keeps logits in dC ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "test/unit/GradientsFixture.h"
#include "test/unit/LayoutFixture.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace cce::rt::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

/// The same problem for one call that may keep logits in dC.
class SavedInDcLayoutTest : public LayoutTest {
protected:
  SavedInDcLayoutTest() {
    problem.workspaceLimit = size_t(128) << 20;
    inputs.tokenGranule = 256;
    inputs.hiddenGranule = 256;
    inputs.sumInHalves = inputs.savesInDc = true;
  }
  void setHead(int64_t hidden, int64_t vocab, int64_t embeddingColumns) {
    problem.hidden = hidden;
    problem.vocab = vocab;
    inputs.embeddingTile = {128, embeddingColumns, embeddingColumns == 256 ? 2 : 1};
  }
  /// Codes are whole rows of whole tiles, begin behind the rows of their own classes, and end in dC, wherever an address is that
  /// is a multiple of 16 only.
  void checkCodes(const Layout &layout) {
    const SavedLayout &saved = layout.savedInDc;
    ASSERT_GT(saved.classes, 0);
    EXPECT_EQ(saved.classes % 256, 0);
    EXPECT_EQ(saved.stride, saved.classes);
    EXPECT_EQ(saved.codes.bytes, 2 * layout.padded * saved.classes);
    EXPECT_GE(saved.codes.offset, 2 * saved.classes * problem.hidden);
    EXPECT_LE(saved.codes.offset + saved.codes.bytes + 240, 2 * problem.vocab * problem.hidden);
    EXPECT_EQ(saved.others.first, saved.classes);
    EXPECT_GE(saved.others.size * saved.others.count, problem.vocab - saved.classes);
    EXPECT_LT(saved.others.size * (saved.others.count - 1), problem.vocab - saved.classes);
    EXPECT_GT(saved.others.sum.bytes, 0);
    for (const Slice &slice : {saved.others.g, saved.maxima, saved.labelLogit, saved.partial})
      EXPECT_LE(slice.offset + slice.bytes, layout.gradientsBytes);
    EXPECT_LE(layout.gradientsBytes, int64_t(problem.workspaceLimit));
  }
};

TEST_F(SavedInDcLayoutTest, sharesOfKnownHeads) {
  for (auto [hidden, vocab, columns, share] :
       {std::tuple(2304, 256000, 192, 0.2195), {4096, 128256, 256, 0.3333}, {3072, 32064, 256, 0.2727}}) {
    SCOPED_TRACE(vocab);
    setHead(hidden, vocab, columns);
    const Layout layout = choose();
    checkCodes(layout);
    EXPECT_LE(double(layout.savedInDc.classes), share * vocab + 256);
    // Whole rounds and whole chunks may be worth more than the last classes.
    EXPECT_GE(double(layout.savedInDc.classes), 0.9 * share * vocab);
  }
}

TEST_F(SavedInDcLayoutTest, onlyTheOthersHaveAShorterLastSplit) {
  const SavedLayout equal = choose().savedInDc;
  inputs.lastPart = 4;
  const SavedLayout saved = choose().savedInDc;
  EXPECT_EQ(saved.classes, equal.classes);
  EXPECT_EQ(saved.splits, equal.splits); // lse_forward_save
  EXPECT_EQ(equal.otherSplits, 33);
  EXPECT_EQ(saved.otherSplits, 9); // lse_forward
}

TEST_F(SavedInDcLayoutTest, codesAreWithinTheirRowsWhateverTheShape) {
  for (int64_t tokens : {1, 129, 1000, 8192})
    for (int64_t hidden : {64, 768, 4096})
      for (int64_t vocab : {300, 1000, 50257, 128256})
        for (size_t megabytes : {1, 16, 68, 128, 1024}) {
          problem.tokens = tokens;
          problem.workspaceLimit = megabytes << 20;
          setHead(hidden, vocab, 256);
          auto layout = Layout::choose(problem, inputs);
          if (!layout.ok() || layout->savedInDc.classes == 0)
            continue;
          SCOPED_TRACE(testing::Message() << tokens << " x " << hidden << " x " << vocab << " in " << megabytes);
          checkCodes(*layout);
        }
}

TEST_F(SavedInDcLayoutTest, aSmallWorkspaceHasRoomForWhatBelongsToThem) {
  problem.tokens = 1;
  setHead(64, 50257, 256);
  bool isMost = false; // of the workspace, where sums are short and splits many
  for (size_t limit = 150000; limit < 600000; limit += 10000) {
    problem.workspaceLimit = limit;
    auto layout = Layout::choose(problem, inputs);
    if (!layout.ok() || layout->savedInDc.classes == 0)
      continue;
    SCOPED_TRACE(limit);
    checkCodes(*layout);
    isMost = isMost || layout->savedInDc.others.end < layout->gradientsBytes;
  }
  EXPECT_TRUE(isMost);
}

TEST_F(SavedInDcLayoutTest, takesNothingFromOtherCalls) {
  const Layout with = choose();
  inputs.savesInDc = false;
  const Layout without = choose();
  EXPECT_EQ(without.savedInDc.classes, 0);
  EXPECT_EQ(with.forwardBytes, without.forwardBytes);
  EXPECT_EQ(with.backwardBytes, without.backwardBytes);
  EXPECT_EQ(with.all.size, without.all.size);
  EXPECT_EQ(with.forward.partial.bytes, without.forward.partial.bytes);
  EXPECT_EQ(with.saved.bytes, 0);
}

TEST_F(SavedInDcLayoutTest, slicesDoNotOverlap) {
  problem.biasDtype = CCE_F16;
  for (int64_t tokens : {100, 8192}) {
    problem.tokens = tokens;
    const Layout layout = choose();
    const SavedLayout &saved = layout.savedInDc;
    ASSERT_GT(saved.classes, 0);
    EXPECT_EQ(saved.maxima.bytes, 4 * saved.classes / 256 * layout.padded);
    EXPECT_EQ(saved.labelLogit.bytes, 4 * layout.padded);
    EXPECT_EQ(saved.partial.bytes, 8 * (saved.splits + saved.otherSplits) * layout.padded);
    const std::vector<Slice> shared = {layout.count, layout.error, layout.rows, layout.labels, layout.bias};
    const std::vector<Slice> kept = {layout.lseBetween, saved.maxima, saved.labelLogit};
    // The forward, in which a bias may be converted; the backward up to the gradients of what is saved; and all behind it.
    std::vector<Slice> forward = shared, start = shared, later = shared;
    forward.push_back(saved.partial);
    start.insert(start.end(), {layout.backward.lse, layout.backward.probWeight,
                               layout.backward.labelWeight, layout.backward.alpha, layout.backward.dbias});
    later = start;
    for (auto *slices : {&forward, &start})
      slices->insert(slices->end(), kept.begin(), kept.end());
    later.insert(later.end(), {saved.others.sum, saved.others.g});
    for (const auto &slices : {forward, start, later})
      expectApart(slices, layout.gradientsBytes);
  }
}

TEST_F(SavedInDcLayoutTest, noRoomIsNoError) {
  setHead(64, 30000, 256); // codes of 256 classes are as long as 32768 rows
  Layout layout = choose();
  EXPECT_EQ(layout.savedInDc.classes, 0);
  EXPECT_EQ(layout.savedInDc.whyNot, "dC has no room for those of 256 classes behind their rows");
  EXPECT_EQ(layout.gradientsBytes, layout.backwardBytes);
  problem.tokens = 7680;
  problem.vocab = 30977; // 256 rows, 30720 of codes, and one more, but for any alignment it takes two
  EXPECT_THAT(choose().savedInDc.whyNot, testing::StartsWith("dC has no room"));
  problem.vocab = 30978;
  EXPECT_EQ(choose().savedInDc.whyNot, "computing all again takes no longer"); // of such short sums
  // Without others one chunk would do, and need no sums.
  problem.tokens = 1024;
  setHead(4096, 1000, 256);
  problem.workspaceLimit = size_t(4) << 20;
  layout = choose();
  EXPECT_EQ(layout.all.count, 1);
  EXPECT_THAT(layout.savedInDc.whyNot, testing::StartsWith("they need a workspace of at least "));
  EXPECT_LE(layout.gradientsBytes, int64_t(problem.workspaceLimit));
}

TEST_F(SavedInDcLayoutTest, onlyTheFasterWayIsLeft) {
  inputs.chunksTokens = inputs.sumsClasses = true;
  Layout layout = choose();
  EXPECT_GT(layout.savedInDc.classes, 0);
  EXPECT_EQ(layout.tokenChunks.size, 0);
  EXPECT_THAT(layout.tokenChunks.whyNot, testing::HasSubstr("chunks of 512 tokens need a workspace"));
  // All tokens at once compute nothing again.
  setHead(3072, 32064, 256);
  problem.workspaceLimit = size_t(1) << 30;
  layout = choose();
  EXPECT_EQ(layout.tokenChunks.size, 8192);
  EXPECT_EQ(layout.savedInDc.classes, 0);
  EXPECT_EQ(layout.savedInDc.whyNot, "chunks of tokens take less time");
  EXPECT_EQ(layout.gradientsBytes, layout.tokenChunks.bytes);
  // GPT-2 in chunks of 1024 tokens moves its sums for too little: 6.1 ms instead of 3.9 on an H100.
  setHead(768, 50257, 192);
  problem.workspaceLimit = size_t(128) << 20;
  layout = choose();
  EXPECT_EQ(layout.tokenChunks.size, 0);
  EXPECT_EQ(layout.tokenChunks.whyNot, "chunks of tokens would take longer");
  // With hardly any products the estimates are of launches.
  problem.tokens = 1200;
  setHead(64, 1000, 256);
  problem.workspaceLimit = 2000000;
  EXPECT_EQ(choose().tokenChunks.count, 2);
}

/// 1200 tokens, padded to 1280, and 20003 classes, of which the logits of 3 of 8 have room in dC behind their own rows;
/// there is no room for chunks of tokens.
class SavedInDcTest : public GradientsTest {
protected:
  void SetUp() override {
    GradientsTest::SetUp();
    problem.tokens = 1200;
    problem.hidden = 768;
    problem.vocab = 20003;
    problem.workspace_limit = 4500000;
    const auto before = change;
    change = [before](const KernelRequest &request, KernelCode &code) {
      before(request, code);
      auto add = [&](ArgumentKind kind, const char *name) {
        code.manifest.arguments.push_back({});
        code.manifest.arguments.back().kind = kind;
        code.manifest.arguments.back().name = name;
      };
      if (request.kernel == "grad_classifier") {
        add(ArgumentKind::Pointer, "dc");
        add(ArgumentKind::Extent, "vocab");
      }
      if (request.kernel == "logit_grad") {
        add(ArgumentKind::Pointer, "g");
        add(ArgumentKind::Origin, "vocab");
      }
      if (request.kernel == "grad_embedding_halves_partial")
        add(ArgumentKind::Scalar, "has_sum");
      if (request.kernel.starts_with("grad_embedding_halves"))
        add(ArgumentKind::Pointer, "sum_lower");
      if (request.kernel == "lse_forward") {
        add(ArgumentKind::Pointer, "label_logit");
        add(ArgumentKind::Origin, "vocab");
        add(ArgumentKind::Pointer, "partial");
        add(ArgumentKind::Pointer, "bias");
        add(ArgumentKind::Extent, "splits");
      }
      if (request.kernel == "grad_bias")
        add(ArgumentKind::Pointer, "dbias");
    };
  }
  void makePlan() {
    ASSERT_NO_FATAL_FAILURE(GradientsTest::makePlan());
    ASSERT_GT(saved().classes, 0) << cce_plan_describe(plan);
    dc = allocate<char>(dcBytes() + 256);
    args.dc = dc;
  }
  const SavedLayout &saved() const { return plan->plan->layoutOf().savedInDc; }
  size_t dcBytes() const { return size_t(problem.vocab * problem.hidden) * 2; }
  int64_t rowBytes() const { return 2 * problem.hidden; }
  /// The launches of a backward of so many chunks, after what its first has begun with.
  static Names products(int64_t chunks, bool saves) {
    Names names;
    for (int64_t i = 0; i < chunks; ++i)
      names = together({names,
                        {saves && i == 0 ? "grad_from_saved_bf16" : "logit_grad",
                         i == chunks - 1 ? "grad_embedding_halves" : "grad_embedding_halves_partial",
                         "grad_classifier"}});
    return names;
  }

  char *dc = nullptr;
};

const Names plainForward = {"select_tokens_i64", "lse_forward", "finish_loss"};
const Names beginning = {"select_tokens_i64", "token_weights"};

TEST_F(SavedInDcTest, theFirstClassesAreComputedOnce) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  const int64_t classes = saved().classes, others = 20003 - classes;
  EXPECT_EQ(cce_plan_classes_saved_in_dc(plan), classes);
  EXPECT_EQ(classes % 256, 0);
  EXPECT_GT(classes, 20003 / 4);
  EXPECT_LE(cce_plan_gradients_workspace(plan), problem.workspace_limit);
  EXPECT_EQ(run(), together({{"select_tokens_i64", "lse_forward_save", "lse_forward", "finish_loss"},
                             beginning,
                             products(1 + int64_t(saved().others.list(/*hasDc=*/true).size()), true)}));
  const NamedLaunch &save = launch("lse_forward_save");
  EXPECT_EQ(save.integers.at("extent vocab"), classes);
  EXPECT_EQ(save.integers.at("stride codes"), classes);
  EXPECT_EQ(save.integers.at("stride maxima"), 1280);
  EXPECT_EQ(save.pointers.at("maxima"), at(saved().maxima));
  EXPECT_EQ(save.pointers.at("partial"), at(saved().partial));
  EXPECT_EQ(save.integers.at("extent splits"), saved().splits);
  const NamedLaunch &lse = launch("lse_forward");
  EXPECT_EQ(lse.integers.at("extent vocab"), others);
  EXPECT_EQ(lse.pointers.at("partial"), at(saved().partial) + 8 * 1280 * saved().splits);
  EXPECT_EQ(lse.integers.at("extent splits"), saved().otherSplits);
  EXPECT_EQ(lse.maps.at("c").address, static_cast<const char *>(args.c) + classes * rowBytes());
  const NamedLaunch &finish = launch("finish_loss");
  EXPECT_EQ(finish.pointers.at("partial"), at(saved().partial));
  EXPECT_EQ(finish.integers.at("splits"), saved().splits + saved().otherSplits);
  EXPECT_EQ(save.pointers.at("label_logit"), at(saved().labelLogit));
  EXPECT_EQ(lse.pointers.at("label_logit"), at(saved().labelLogit));
  EXPECT_EQ(lse.integers.at("origin vocab"), classes);
  EXPECT_EQ(finish.pointers.at("label_logit"), at(saved().labelLogit));
  const NamedLaunch &grad = launch("grad_from_saved_bf16");
  EXPECT_EQ(grad.pointers.at("saved"), save.pointers.at("codes"));
  EXPECT_EQ(grad.pointers.at("maxima"), at(saved().maxima));
  EXPECT_EQ(grad.pointers.at("label_logit"), at(saved().labelLogit));
  EXPECT_EQ(grad.integers.at("stride"), classes);
  EXPECT_EQ(grad.integers.at("classes"), classes);
  EXPECT_EQ(grad.integers.at("padded"), 1280);
  for (const char *kernel : {"grad_embedding_halves_partial", "grad_classifier"}) {
    const FakeTensorMap &g = launch(kernel).maps.at("g");
    EXPECT_EQ(g.address, save.pointers.at("codes")) << kernel;
    EXPECT_EQ(g.sizes[0], uint64_t(classes)) << kernel;
    EXPECT_EQ(g.sizes[1], 1280u) << kernel;
    EXPECT_EQ(g.stride, uint64_t(2 * classes)) << kernel;
  }
  EXPECT_EQ(launch("grad_embedding_halves_partial").integers.at("has_sum"), 0);
  EXPECT_EQ(launch("grad_embedding_halves").integers.at("has_sum"), 1);
  EXPECT_EQ(launch("grad_embedding_halves").pointers.at("sum_lower"), at(saved().others.sum));
  EXPECT_EQ(launch("logit_grad").integers.at("origin vocab"), classes);
  EXPECT_EQ(launch("grad_classifier").pointers.at("dc"), args.dc);
  EXPECT_EQ(launch("grad_classifier", 1).pointers.at("dc"), dc + classes * rowBytes());
  EXPECT_EQ(launch("token_weights").pointers.at("lse"), args.lse);
  EXPECT_THAT(described(), HasSubstr("a forward and an exact backward, because chunks of 512 tokens "
                                     "need a workspace of "));
  EXPECT_THAT(described(),
              HasSubstr("; the logits of " + std::to_string(classes) +
                        " of 20003 classes stay in dC, if it is wanted, until it is written, the "
                        "others are computed again in "));
}

TEST_F(SavedInDcTest, codesLieBehindTheRowsOfTheirClasses) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  for (int64_t shift = 0; shift < 256; shift += 16) {
    SCOPED_TRACE(shift);
    args.dc = dc + shift;
    run();
    auto *codes = static_cast<char *>(launch("lse_forward_save").pointers.at("codes"));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(codes) % 256, 0u);
    EXPECT_GE(codes, dc + shift + saved().classes * rowBytes());
    EXPECT_LE(codes + 2 * 1280 * saved().classes, dc + shift + dcBytes());
  }
}

TEST_F(SavedInDcTest, codesAreReadBeforeTheirPlaceIsWritten) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  args.dc = dc + 16;
  run();
  auto *codes = static_cast<char *>(launch("lse_forward_save").pointers.at("codes"));
  const char *end = codes + 2 * 1280 * saved().classes;
  size_t lastRead = 0, firstWrite = launches.size(), rows = 0;
  for (size_t i = 0; i < launches.size(); ++i) {
    const NamedLaunch &each = launches[i];
    if (auto g = each.maps.find("g"); each.kernel == "grad_from_saved_bf16" ||
                                      (g != each.maps.end() && g->second.address == codes))
      lastRead = i;
    if (each.kernel != "grad_classifier")
      continue;
    auto *first = static_cast<char *>(each.pointers.at("dc"));
    EXPECT_EQ(first, dc + 16 + int64_t(rows) * rowBytes());
    rows += size_t(each.integers.at("extent vocab"));
    if (first < end && first + each.integers.at("extent vocab") * rowBytes() > codes)
      firstWrite = std::min(firstWrite, i);
  }
  EXPECT_EQ(rows, 20003u);
  EXPECT_EQ(launches[lastRead].kernel, "grad_classifier");
  EXPECT_LT(lastRead, firstWrite);
  EXPECT_LT(firstWrite, launches.size());
}

TEST_F(SavedInDcTest, gOfOtherClassesLiesInRowsThatAreWrittenLater) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  const char *end = dc + 16 + dcBytes();
  for (const bool atOnce : {true, false}) {
    SCOPED_TRACE(atOnce ? "one call" : "two calls");
    args.dc = backward.dc = dc + 16;
    if (atOnce)
      run();
    else
      runBackward();
    const Layout &layout = plan->plan->layoutOf();
    const std::vector<ClassChunk> chunks = (atOnce ? saved().others : layout.all).list(/*hasDc=*/true);
    int inDc = 0;
    for (int i = 0; i < int(chunks.size()); ++i) {
      const int product = atOnce ? i + 1 : i; // what is saved comes first
      const NamedLaunch &classifier = launch("grad_classifier", product);
      const int64_t classes = chunks[i].classes;
      EXPECT_EQ(classifier.integers.at("extent vocab"), classes);
      EXPECT_EQ(classifier.pointers.at("dc"), dc + 16 + chunks[i].first * rowBytes());
      EXPECT_EQ(launch("logit_grad", i).integers.at("origin vocab"), chunks[i].first);
      const FakeTensorMap &g = classifier.maps.at("g");
      EXPECT_EQ(launch("logit_grad", i).pointers.at("g"), g.address);
      EXPECT_EQ(g.sizes[0], uint64_t(classes));
      EXPECT_EQ(g.stride, uint64_t(2 * chunks[i].gStride));
      const auto *place = static_cast<const char *>(g.address);
      if (!chunks[i].inDc) {
        EXPECT_EQ(place, at(atOnce ? saved().others.g : layout.all.g) - static_cast<char *>(args.workspace) +
                             static_cast<char *>(atOnce ? args.workspace : backward.workspace));
        continue;
      }
      ++inDc;
      EXPECT_EQ(reinterpret_cast<uintptr_t>(place) % 256, 0u);
      EXPECT_GE(place, dc + 16 + (chunks[i].first + classes) * rowBytes());
      EXPECT_LE(place + layout.padded * int64_t(g.stride), end);
    }
    EXPECT_GT(inDc, 1);
    EXPECT_EQ(chunks.back().first + chunks.back().classes, 20003);
  }
}

TEST_F(SavedInDcTest, withoutTheGradientThereIsNoPlaceForThem) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  args.dc = nullptr;
  Names expected = together({plainForward, beginning, products(plan->plan->layoutOf().all.count, false)});
  expected.erase(std::remove(expected.begin(), expected.end(), "grad_classifier"), expected.end());
  EXPECT_EQ(run(), expected);
  EXPECT_EQ(launch("finish_loss").pointers.at("partial"), at(plan->plan->layoutOf().forward.partial));
  args.de = nullptr;
  EXPECT_EQ(run(), plainForward);
  // They need not be for dE.
  args.dc = dc;
  EXPECT_THAT(run(), Contains("grad_from_saved_bf16"));
  EXPECT_THAT(names(), Not(Contains("grad_embedding_halves")));
}

TEST_F(SavedInDcTest, theLogSumExpIsOptional) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  args.lse = nullptr;
  run();
  EXPECT_EQ(launch("finish_loss").pointers.at("lse_or_null"), at(plan->plan->layoutOf().lseBetween));
  EXPECT_EQ(launch("token_weights").pointers.at("lse"), at(plan->plan->layoutOf().lseBetween));
}

TEST_F(SavedInDcTest, gradientsOfABiasAreNoReasonToComputeAgain) {
  problem.bias_dtype = CCE_F32;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  auto *bias = allocate<float>(4 * 20003), *dbias = allocate<float>(4 * 20003);
  args.bias = bias;
  args.dbias = dbias;
  EXPECT_THAT(run(), Contains("grad_from_saved_bf16"));
  EXPECT_EQ(launch("lse_forward_save").pointers.at("bias"), bias);
  EXPECT_EQ(launch("lse_forward").pointers.at("bias"), bias + saved().classes);
  EXPECT_EQ(launch("grad_bias").pointers.at("dbias"), dbias);
  EXPECT_EQ(launch("grad_bias").maps.at("g").address, launch("lse_forward_save").pointers.at("codes"));
  EXPECT_EQ(launch("grad_bias", 1).pointers.at("dbias"), dbias + saved().classes);
}

TEST_F(SavedInDcTest, otherCallsAreAsWithoutIt) {
  problem.saved_logits_limit = uint64_t(2) << 20;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  const Layout with = plan->plan->layoutOf();
  ASSERT_GT(with.saved.classes, 0);
  // Memory of the caller's is for two calls, and one call has its own.
  auto *memory = allocate<char>(cce_plan_saved_logits(plan));
  forward.saved_logits = backward.saved_logits = memory;
  EXPECT_THAT(runForward(), Contains("lse_forward_save"));
  EXPECT_EQ(launch("lse_forward_save").pointers.at("codes"), memory);
  EXPECT_EQ(launch("lse_forward_save").integers.at("extent vocab"), with.saved.classes);
  run();
  EXPECT_EQ(launch("lse_forward_save").integers.at("extent vocab"), with.savedInDc.classes);
  EXPECT_GE(static_cast<char *>(launch("lse_forward_save").pointers.at("codes")), dc);
  forward.saved_logits = backward.saved_logits = nullptr;
  EXPECT_EQ(runForward(), plainForward);
  EXPECT_EQ(runBackward(), together({beginning, products(int64_t(with.all.list(/*hasDc=*/true).size()), false)}));
  cce_plan_destroy(plan);
  problem.one_call = 0;
  ASSERT_EQ(cce_plan_create(context.get(), &problem, &plan), CCE_OK) << cce_last_error();
  const Layout &without = plan->plan->layoutOf();
  EXPECT_EQ(without.savedInDc.classes, 0);
  EXPECT_EQ(cce_plan_classes_saved_in_dc(plan), 0);
  EXPECT_EQ(with.forwardBytes, without.forwardBytes);
  EXPECT_EQ(with.backwardBytes, without.backwardBytes);
  EXPECT_EQ(with.saved.bytes, without.saved.bytes);
  EXPECT_EQ(with.saved.classes, without.saved.classes);
}

TEST_F(SavedInDcTest, descriptionTellsWhyNot) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  const std::string because = "; no logits stay in dC, because ";
  problem.dc_strides[0] = 776;
  problem.dc_strides[1] = 1;
  EXPECT_THAT(described(), HasSubstr(because + "its rows do not follow each other without a gap"));
  EXPECT_EQ(cce_plan_classes_saved_in_dc(plan), 0);
  problem.dc_strides[0] = 768;
  EXPECT_THAT(described(), HasSubstr("classes stay in dC"));
  problem.filter_eps = 0.25f;
  EXPECT_THAT(described(), HasSubstr(because + "the plan has a filter"));
  problem.filter_eps = 0;
  problem.vocab = 200;
  problem.workspace_limit = 1000000; // not for one chunk
  EXPECT_THAT(described(), HasSubstr("tokens at once"));
  problem.vocab = 5003;
  problem.workspace_limit = 4000000;
  EXPECT_THAT(described(), HasSubstr(because + "computing all again takes no longer"));
  problem.bias_dtype = CCE_F32;
  problem.softcap = 30;
  EXPECT_THAT(described(), Not(HasSubstr("dC")));
  EXPECT_EQ(cce_plan_classes_saved_in_dc(nullptr), 0);
}

TEST_F(SavedInDcTest, kernelsAreLoadedWhereTheyAreNeeded) {
  problem.tokens = 300;
  problem.vocab = 1000; // one chunk of all, which needs no sums
  problem.hidden = 64;
  problem.workspace_limit = 700000;
  ASSERT_NO_FATAL_FAILURE(GradientsTest::makePlan());
  EXPECT_EQ(saved().classes, 0) << cce_plan_describe(plan);
  EXPECT_EQ(manifests.count("lse_forward_save"), 0u);
  EXPECT_EQ(manifests.count("grad_from_saved_bf16"), 0u);
}

TEST_F(SavedInDcTest, sumsOverWhatIsSavedAndTheRest) {
  problem.tokens = 1024;
  problem.hidden = 4096;
  problem.vocab = 128256;
  problem.workspace_limit = size_t(1024) * 128256 * 2 + 1000000; // for all without sums, and not for chunks of tokens
  ASSERT_TRUE(open().ok());
  ASSERT_EQ(cce_plan_create(context.get(), &problem, &plan), CCE_OK) << cce_last_error();
  EXPECT_EQ(plan->plan->layoutOf().all.count, 1);
  EXPECT_GT(saved().classes, 0) << cce_plan_describe(plan);
  EXPECT_EQ(manifests.count("grad_embedding_halves_partial"), 1u);
}

TEST_F(SavedInDcTest, pairsOfTilesWhereTheyComeOutEven) {
  problem.tokens = 1100; // nine tiles
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(requests.at("lse_forward_save").config.count("cluster"), 0u);
  cce_plan_destroy(plan);
  plan = nullptr;
  context.reset(); // a kernel that the context knows is not compiled again, so not noted
  problem.tokens = 1200;
  ASSERT_NO_FATAL_FAILURE(makePlan());
  EXPECT_EQ(requests.at("lse_forward_save").config.at("cluster"), 2);
}

TEST_F(SavedInDcTest, onlyEnqueues) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  fakeDriver().log.clear();
  run();
  std::set<std::string> calls(fakeDriver().log.begin(), fakeDriver().log.end());
  EXPECT_THAT(calls, testing::UnorderedElementsAre("cuLaunchKernelEx", "cuTensorMapEncodeTiled",
                                                   "cuMemsetD8Async"));
}

TEST_F(SavedInDcTest, argumentsAreCheckedBeforeAnythingIsWritten) {
  ASSERT_NO_FATAL_FAILURE(makePlan());
  args.dc = dc + 8;
  EXPECT_THAT(error(), HasSubstr("args.dc: expected an address that is a multiple of 16"));
  args.dc = dc;
  args.workspace_bytes -= 1;
  EXPECT_THAT(error(), HasSubstr("args.workspace_bytes: expected at least "));
  args.workspace_bytes += 1;
  args.de = reinterpret_cast<void *>(uintptr_t(4096));
  EXPECT_THAT(error(), HasSubstr("args.de: expected device memory"));
  EXPECT_TRUE(launches.empty());
}

TEST_F(SavedInDcTest, badLabelsAreReportedBehindTheLastLaunch) {
  expectBadLabelBehind("grad_classifier");
  EXPECT_GT(saved().classes, 0);
}

} // namespace
} // namespace cce::rt::test
