//===- FilteredRun.cpp - the launches that the filter adds ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The forward finds out which classes a group of tokens needs; the backward lists them, decides on
// the device whether the lists are short enough, and if so computes only what they name. The host
// never knows which path it is: it enqueues both, and the kernels of one of them find a count of -1.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/RunSupport.h"

#include <algorithm>
#include <cmath>

namespace cce::rt {

namespace {

/// The filtered path is taken if it looks at no more than this many tenths of all tokens x classes:
/// beyond, gathering costs more than it saves.
constexpr int64_t mostKeptTenths = 4;

/// ... and if the token's label and the classes that many tokens have as theirs have at least this
/// part of the probability, on average: with less, what is left out has no common direction.
constexpr float leastHeadMass = 0.35f;

/// A class that so many quarters of the groups need is heavy: it is listed for all, and its dC comes out
/// of a dense product. Short rows are gathered as slowly as longer ones, so there less is gathered.
constexpr int64_t shortRow = 1024;
int64_t heavyQuarters(int64_t hidden) { return hidden < shortRow ? 2 : 3; }

/// The mean direction of what is left out is taken over about so many classes, spread evenly, no further apart than this.
constexpr int64_t enoughClasses = 16384, mostApart = 8;

/// Blocks of eight tokens whose small entries say how the tail is spread over the classes: as many as lse_forward_filter takes tiles of tokens for each
/// class, of which every one has a block then. Both together keep a sum of cce.tally from overflowing.
constexpr int64_t talliedBlocks = 16;

/// Items of the kernels without a matrix product.
constexpr int64_t tokensAnItem = 256;
constexpr int64_t wordsAnItem = 8;
constexpr int64_t sumColumnsAnItem = 2048;
constexpr int64_t partColumnsAnItem = 64;
constexpr int64_t gradClassesAnItem = 32;
constexpr int64_t tiltingBlocks = 8; // one cluster

/// What an entry of G, divided by its token's weight, must reach in a class that is listed for another
/// token of the group. G is rounded to 16 bits; and where the logit function bends it also holds
/// the slope, while epsilon is about p - onehot alone, so there is room for a slope of a quarter.
/// Models with short rows know less of their tokens: so many entries are a little below epsilon that dC would lack too much.
float entryLimit(const Problem &problem) {
  const bool bends = problem.transform != "identity" && problem.transform != "bias";
  const float share = problem.hidden < shortRow ? 1.0f / 3 : 1 - 1.0f / 128;
  return problem.filterEps * (bends ? 0.25f : share);
}

BufferBinding words(void *base, int64_t count) { return {base, CCE_I32, 1, {count, 0}, {1, 0}}; }

} // namespace

Status Plan::beginFilter(char *workspace, char *state, const BufferBinding &e,
                         const BufferBinding &c, const float *bias, Bindings &bindings,
                         void *stream) const {
  const FilterLayout &filter = layout.filter;
  const auto &slices = filter.forward;
  const auto *count = at<int32_t>(workspace, layout.count);
  auto *labels = at<void>(workspace, layout.labels);
  auto *seen = at<int32_t>(workspace, slices.seen);
  // Of three tokens or more.
  auto *often = seen + 2 * filter.words;
  auto *headStates = at<void>(workspace, slices.headStates);
  // They may lie where the tally is begun afterwards.
  auto *sampleStates = filter.sampleStatesInTally ? at<void>(state, filter.tally) : at<void>(workspace, slices.sampleStates);
  auto *needed = at<void>(state, filter.needed);
  auto *threshold = at<void>(workspace, slices.threshold);
  auto *missedRows = at<void>(workspace, slices.missedRows);
  auto *missedThreshold = at<void>(workspace, slices.missedThreshold);
  auto *missedCount = at<void>(state, filter.missedCount);
  auto *limit = at<void>(workspace, slices.limit);
  // The bound of a token's probabilities begins with its label's: before the forward that finds it.
  const Kernel &indexedMatmul = *filterKernels.indexedMatmul;
  CCE_RETURN_IF_ERROR(backend->launch(indexedMatmul, bindings,
                                      tilesOf(indexedMatmul, "tokens", layout.padded), stream));
  CCE_RETURN_IF_ERROR(backend->zero(words(needed, filter.groups * filter.words), stream));
  CCE_RETURN_IF_ERROR(backend->zero(words(seen, 3 * filter.words), stream));

  Bindings counting;
  counting.vector("labels", labels, CCE_I32, layout.padded)
      .scalarBuffer("count", count, CCE_I32)
      .scalar("vocab", problem.vocab)
      .scalar("words", filter.words)
      .vector("seen", seen, CCE_I32, 3 * filter.words)
      .matrix("needed", needed, CCE_I32, filter.groups, filter.words, filter.words);
  CCE_RETURN_IF_ERROR(backend->launch(*filterKernels.countLabels, counting,
                                      divideUp(layout.padded, tokensAnItem), stream));

  Bindings lists;
  lists.vector("often", often, CCE_I32, filter.words)
      .scalar("words", filter.words)
      .scalar("vocab", problem.vocab)
      .vector("classes", at<void>(workspace, slices.headClasses), CCE_I32, filter.headCapacity)
      .scalar("capacity", filter.headCapacity)
      .scalarBuffer("head_count", at<void>(workspace, slices.headCount), CCE_I32)
      .scalar("every", filter.sampleEvery)
      .vector("sample", at<void>(workspace, slices.sampleClasses), CCE_I32, filter.sampleCapacity)
      .scalar("sample_capacity", filter.sampleCapacity)
      .scalarBuffer("sample_count", at<void>(workspace, slices.sampleCount), CCE_I32)
      .scalarBuffer("sample_weight", at<void>(workspace, slices.sampleWeight), CCE_F32);
  CCE_RETURN_IF_ERROR(backend->launch(*filterKernels.headClasses, lists, 1, stream));

  auto lse = [&](const Slice &classes, const Slice &classCount, int64_t capacity, void *states, int64_t splits) {
    const Kernel &kernel = *filterKernels.lseForwardClasses;
    Bindings list = common(allTokens(workspace, count), e);
    bindClasses(list, c, bias, 0, problem.vocab);
    list.extent("splits", splits)
        .vector("classes", at<void>(workspace, classes), CCE_I32, capacity)
        .extent("classes", capacity)
        .extentPointer("classes", at<void>(workspace, classCount))
        .matrix("partial", states, CCE_I64, splits, layout.padded, layout.padded);
    return backend->launch(kernel, list, tilesOf(kernel, "tokens", layout.padded) * splits, stream);
  };
  CCE_RETURN_IF_ERROR(lse(slices.headClasses, slices.headCount, filter.headCapacity, headStates, filter.headSplits));
  CCE_RETURN_IF_ERROR(
      lse(slices.sampleClasses, slices.sampleCount, filter.sampleCapacity, sampleStates, filter.sampleSplits));

  Bindings merge;
  merge.matrix("partial", headStates, CCE_I64, filter.headSplits, layout.padded, layout.padded)
      .scalar("head_splits", filter.headSplits)
      .matrix("sample_partial", sampleStates, CCE_I64, filter.sampleSplits, layout.padded, layout.padded)
      .scalar("sample_splits", filter.sampleSplits)
      .scalar("padded", layout.padded)
      .vector("labels", labels, CCE_I32, layout.padded)
      .vector("often", often, CCE_I32, filter.words)
      .scalar("every", filter.sampleEvery)
      .scalarBuffer("sample_weight", at<void>(workspace, slices.sampleWeight), CCE_F32)
      .vector("label_logit", at<void>(workspace, layout.forward.labelLogit), CCE_F32,
              layout.padded)
      .scalarBuffer("count", count, CCE_I32)
      .scalar("log_epsilon", std::log(problem.filterEps))
      .vector("threshold", threshold, CCE_F32, layout.padded)
      .vector("bound", at<void>(state, filter.bound), CCE_F32, layout.padded)
      .vector("missed_rows", missedRows, CCE_I32, filter.missedCapacity)
      .vector("missed_threshold", missedThreshold, CCE_F32, filter.missedCapacity)
      .scalar("missed_capacity", filter.missedCapacity)
      .vector("missed_count", missedCount, CCE_I32, 2)
      .scalar("tallied_blocks", problem.correctsTail() ? talliedBlocks : 0)
      .vector("limit", limit, CCE_F32, layout.padded);
  CCE_RETURN_IF_ERROR(backend->launch(*filterKernels.threshold, merge,
                                      divideUp(layout.padded, tokensAnItem), stream));
  if (filter.tally.bytes > 0)
    CCE_RETURN_IF_ERROR(backend->zero(words(at<void>(state, filter.tally), 32 * filter.words), stream));

  bindings.vector("threshold", threshold, CCE_F32, layout.padded)
      .matrix("needed", needed, CCE_I32, filter.groups, filter.words, filter.words)
      .vector("limit", limit, CCE_F32, layout.padded)
      .vector("tally", at<void>(state, filter.tally), CCE_I32, 32 * filter.words);
  return {};
}

Status Plan::finishFilter(char *workspace, char *state, const BufferBinding &e,
                          const BufferBinding &c, const float *bias, void *stream) const {
  const FilterLayout &filter = layout.filter;
  const auto &slices = filter.forward;
  auto *missedRows = at<void>(workspace, slices.missedRows);
  auto *missedThreshold = at<void>(workspace, slices.missedThreshold);
  auto *missedGroup = at<void>(workspace, slices.missedGroup);
  auto *missedCount = at<int32_t>(state, filter.missedCount);
  Bindings missed;
  missed
      .matrix("partial", at<void>(workspace, layout.forward.partial), CCE_I64, layout.splits,
              layout.padded, layout.padded)
      .scalar("splits", layout.splits)
      .scalar("padded", layout.padded)
      .vector("rows", at<void>(workspace, layout.rows), CCE_I32, layout.padded)
      .scalarBuffer("count", at<void>(workspace, layout.count), CCE_I32)
      .scalar("log_epsilon", std::log(problem.filterEps))
      .vector("threshold", at<void>(workspace, slices.threshold), CCE_F32, layout.padded)
      .vector("missed_rows", missedRows, CCE_I32, filter.missedCapacity)
      .vector("missed_threshold", missedThreshold, CCE_F32, filter.missedCapacity)
      .vector("missed_group", missedGroup, CCE_I32, filter.missedCapacity)
      .scalar("missed_capacity", filter.missedCapacity)
      .vector("missed_count", missedCount, CCE_I32, 2);
  CCE_RETURN_IF_ERROR(backend->launch(*filterKernels.missedTokens, missed,
                                      divideUp(layout.padded, tokensAnItem), stream));

  const Kernel &mark = *filterKernels.markMissed;
  // As many as have found room; labels play no part.
  Bindings again = common({missedRows, nullptr, missedCount + 1, filter.missedCapacity}, e);
  bindClasses(again, c, bias, 0, problem.vocab);
  again.vector("threshold", missedThreshold, CCE_F32, filter.missedCapacity)
      .vector("group", missedGroup, CCE_I32, filter.missedCapacity)
      .matrix("needed", at<void>(state, filter.needed), CCE_I32, filter.groups, filter.words,
              filter.words);
  return backend->launch(mark, again,
                         tilesOf(mark, "tokens", filter.missedCapacity) *
                             tilesOf(mark, "vocab", problem.vocab),
                         stream);
}

Status Plan::choosePath(const BackwardCall &call, void *stream) const {
  const FilterLayout &filter = layout.filter;
  const auto &slices = filter.backward;
  char *workspace = call.workspace;
  // Only read here, but bindings know one kind of pointer.
  auto *state = static_cast<char *>(const_cast<void *>(call.args.filter_state));
  const bool correct = problem.correctsTail();
  Bindings usage;
  usage
      .matrix("needed", at<void>(state, filter.needed), CCE_I32, filter.groups, filter.words,
              filter.words)
      .scalar("groups", filter.groups)
      .scalar("words", filter.words)
      .scalar("least", std::max<int64_t>(2, divideUp(filter.groups * heavyQuarters(problem.hidden), 4)))
      .vector("heavy", at<void>(workspace, slices.heavy), CCE_I32, filter.words)
      .vector("tally", at<void>(state, filter.tally), CCE_I32, 32 * filter.words)
      .scalarBuffer("count", at<void>(workspace, layout.count), CCE_I32)
      .scalar("vocab", correct ? problem.vocab : 0)
      .vector("direction", at<void>(workspace, slices.direction), CCE_F32, problem.vocab);
  CCE_RETURN_IF_ERROR(backend->launch(*filterKernels.heavyClasses, usage,
                                      filter.words / wordsAnItem, stream));

  Bindings list;
  list.matrix("needed", at<void>(state, filter.needed), CCE_I32, filter.groups, filter.words,
              filter.words)
      .vector("heavy", at<void>(workspace, slices.heavy), CCE_I32, filter.words)
      .vector("heavy_list", at<void>(workspace, slices.heavyList), CCE_I32, filter.slots)
      .scalarBuffer("heavy_count", at<void>(workspace, slices.heavyCount), CCE_I32)
      .scalar("groups", filter.groups)
      .scalar("words", filter.words)
      .scalar("slots", filter.slots)
      .matrix("lists", at<void>(workspace, slices.lists), CCE_I32, filter.groups, filter.slots,
              filter.slots)
      .vector("counts", at<void>(workspace, slices.counts), CCE_I32, filter.groups)
      .matrix("ranks", at<void>(workspace, slices.ranks), CCE_I32, filter.groups, filter.words,
              filter.words);
  // One more item: the list of the heavy ones.
  CCE_RETURN_IF_ERROR(
      backend->launch(*filterKernels.listClasses, list, filter.groups + 1, stream));

  Bindings choice;
  choice.vector("counts", at<void>(workspace, slices.counts), CCE_I32, filter.groups)
      .scalar("groups", filter.groups)
      .scalar("slots", filter.slots)
      .scalar("limit", filter.groups * problem.vocab * mostKeptTenths / 10)
      .vector("bound", at<void>(state, filter.bound), CCE_F32, layout.padded)
      .vector("lse", at<void>(workspace, layout.backward.lse), CCE_F32, layout.padded)
      .scalarBuffer("count", at<void>(workspace, layout.count), CCE_I32)
      .scalar("vocab", problem.vocab)
      .scalar("least_head_mass", leastHeadMass)
      .vector("missed_count", at<void>(state, filter.missedCount), CCE_I32, 2)
      .scalar("missed_capacity", filter.missedCapacity)
      .scalarBuffer("count_dense", at<void>(workspace, filter.countDense), CCE_I32)
      .scalarBuffer("count_filtered", at<void>(workspace, filter.countFiltered), CCE_I32)
      .scalarBuffer("kept_or_null", call.args.kept_fraction, CCE_F32);
  return backend->launch(*filterKernels.choosePath, choice, 1, stream);
}

Status Plan::weightedRows(char *workspace, const float *weights, int64_t n, int64_t every,
                          const int32_t *rows, const BufferBinding &matrix, bool normalise,
                          float *result, float *total, void *stream) const {
  const FilterLayout &filter = layout.filter;
  auto *partial = at<void>(workspace, filter.backward.partial);
  auto *sums = at<void>(workspace, filter.backward.weightSums);
  auto *allSums = at<void>(workspace, filter.backward.allSums);
  const int64_t columns = matrix.sizes[1];
  Bindings parts;
  parts.vector("weights", weights, CCE_F32, n)
      .scalar("n", n)
      .scalar("every", every)
      .scalarBuffer("gate_or_null", at<void>(workspace, filter.countFiltered), CCE_I32)
      .vector("rows_or_null", rows, CCE_I32, n)
      .vector("matrix", matrix.base, matrix.dtype, 0)
      .scalar("stride", matrix.strides[0])
      .scalar("columns", columns)
      .scalar("parts", filter.parts)
      .matrix("partial", partial, CCE_F32, filter.parts, columns, columns)
      .vector("weight_sums", sums, CCE_F32, filter.parts)
      .vector("all_sums", allSums, CCE_F32, filter.parts);
  CCE_RETURN_IF_ERROR(backend->launch(*filterKernels.weightedRows, parts,
                                      filter.parts * divideUp(columns, sumColumnsAnItem), stream));
  Bindings sum;
  sum.matrix("partial", partial, CCE_F32, filter.parts, columns, columns)
      .vector("weight_sums", sums, CCE_F32, filter.parts)
      .vector("all_sums", allSums, CCE_F32, filter.parts)
      .scalar("parts", filter.parts)
      .scalar("columns", columns)
      .scalar("normalise", int64_t(normalise))
      .scalarBuffer("gate_or_null", at<void>(workspace, filter.countFiltered), CCE_I32)
      .vector("result", result, CCE_F32, columns)
      .scalarBuffer("total", total, CCE_F32);
  return backend->launch(*filterKernels.sumParts, sum, divideUp(columns, partColumnsAnItem),
                         stream);
}

Status Plan::sumMassRows(const BackwardCall &call, void *stream) const {
  const auto &slices = layout.filter.backward;
  char *workspace = call.workspace;
  // Over all tokens: how many of them take part only the device knows.
  return weightedRows(workspace, at<float>(workspace, slices.mass), layout.padded, /*every=*/1,
                      at<int32_t>(workspace, layout.rows), call.e, /*normalise=*/false, at<float>(workspace, slices.massRow),
                      at<float>(workspace, slices.massTotal), stream);
}

/// All tokens weigh the same, so their mean row is the same by mass and by what mass comes to with their weights.
bool Plan::weighsTokensAlike(const cce_backward_args &args) const {
  return problem.reduction != CCE_REDUCTION_NONE && !args.dlse;
}

Status Plan::tiltTail(const BackwardCall &call, void *stream) const {
  const auto &slices = layout.filter.backward;
  char *workspace = call.workspace;
  const bool isShared = weighsTokensAlike(call.args);
  auto *meanRow = at<float>(workspace, isShared ? slices.massRow : slices.meanRow);
  if (isShared)
    CCE_RETURN_IF_ERROR(sumMassRows(call, stream));
  else
    CCE_RETURN_IF_ERROR(weightedRows(workspace, at<float>(workspace, slices.left), layout.padded, /*every=*/1,
                                     at<int32_t>(workspace, layout.rows), call.e, /*normalise=*/true, meanRow,
                                     at<float>(workspace, slices.massTotal), stream));
  const BufferBinding c = problem.c(call.args.c);
  Bindings bindings;
  bindings.vector("direction", at<void>(workspace, slices.direction), CCE_F32, problem.vocab)
      .scalar("vocab", problem.vocab)
      .vector("matrix", c.base, c.dtype, 0)
      .scalar("stride", c.strides[0])
      .scalar("columns", problem.hidden)
      .scalarBuffer("count_filtered", at<void>(workspace, layout.filter.countFiltered), CCE_I32)
      .vector("mean_row", meanRow, CCE_F32, problem.hidden)
      .scalarBuffer("total_or_null", isShared ? at<void>(workspace, slices.massTotal) : nullptr, CCE_F32)
      .vector("tail", at<void>(workspace, slices.meanClass), CCE_F32, problem.hidden)
      .scalarBuffer("tilt", at<void>(workspace, slices.tilt), CCE_F32);
  return backend->launch(*filterKernels.tailTilt, bindings, tiltingBlocks, stream);
}

Status Plan::gradClasses(const BackwardCall &call, void *stream) const {
  const FilterLayout &filter = layout.filter;
  const auto &slices = filter.backward;
  char *workspace = call.workspace;
  auto *state = static_cast<char *>(const_cast<void *>(call.args.filter_state));
  const bool correct = problem.correctsTail();
  auto *countFiltered = at<int32_t>(workspace, filter.countFiltered);
  const auto *rows = at<int32_t>(workspace, layout.rows);
  const bool hasMassRow = call.args.de && weighsTokensAlike(call.args);
  if (correct && !hasMassRow)
    CCE_RETURN_IF_ERROR(sumMassRows(call, stream));
  Bindings marks;
  marks
      .matrix("g", at<void>(workspace, slices.g), problem.dtype, layout.padded, filter.slots,
              filter.slots)
      .scalar("g_stride", filter.slots)
      .matrix("lists", at<void>(workspace, slices.lists), CCE_I32, filter.groups, filter.slots,
              filter.slots)
      .scalar("slots", filter.slots)
      .vector("counts", at<void>(workspace, slices.counts), CCE_I32, filter.groups)
      .scalar("groups", filter.groups)
      .scalarBuffer("heavy_count", at<void>(workspace, slices.heavyCount), CCE_I32)
      .vector("labels", at<void>(workspace, layout.labels), CCE_I32, layout.padded)
      .vector("prob_weight", at<void>(workspace, layout.backward.probWeight), CCE_F32,
              layout.padded)
      .scalarBuffer("count_filtered", countFiltered, CCE_I32)
      .scalar("limit", entryLimit(problem))
      .vector("entries", at<void>(workspace, slices.entries), CCE_I32, 0);
  CCE_RETURN_IF_ERROR(backend->launch(*filterKernels.markEntries, marks,
                                      filter.groups * (filter.slots / slotGranule), stream));

  const BufferBinding dc = problem.dc(call.args.dc);
  Bindings bindings;
  bindings
      .matrix("needed", at<void>(state, filter.needed), CCE_I32, filter.groups, filter.words,
              filter.words)
      .matrix("ranks", at<void>(workspace, slices.ranks), CCE_I32, filter.groups, filter.words,
              filter.words)
      .vector("heavy", at<void>(workspace, slices.heavy), CCE_I32, filter.words)
      .vector("entries", at<void>(workspace, slices.entries), CCE_I32, 0)
      .scalar("words", filter.words)
      .scalar("slots", filter.slots)
      .scalar("groups", filter.groups)
      .matrix("g", at<void>(workspace, slices.g), problem.dtype, layout.padded, filter.slots,
              filter.slots)
      .scalar("g_stride", filter.slots)
      .vector("rows", rows, CCE_I32, layout.padded)
      .scalarBuffer("count_filtered", countFiltered, CCE_I32)
      .scalar("hidden", problem.hidden)
      .scalar("vocab", problem.vocab)
      .vector("direction", at<void>(workspace, slices.direction), CCE_F32, problem.vocab)
      .scalarBuffer("total", at<void>(workspace, slices.directionTotal), CCE_F32)
      .vector("tail", at<void>(workspace, slices.massRow), CCE_F32, problem.hidden)
      .scalar("correct", int64_t(correct))
      .scalarBuffer("alpha", at<void>(workspace, layout.backward.alpha), CCE_F32)
      .scalar("e_stride", call.e.strides[0])
      .scalar("dc_stride", dc.strides[0]);
  addMatrix(bindings, "e", call.e);
  addMatrix(bindings, "dc", dc);
  return backend->launch(*filterKernels.gradClasses, bindings, divideUp(problem.vocab, gradClassesAnItem), stream);
}

Status Plan::backwardFiltered(const BackwardCall &call, void *stream) const {
  const FilterLayout &filter = layout.filter;
  const auto &slices = filter.backward;
  const cce_backward_args &args = call.args;
  char *workspace = call.workspace;
  const bool correct = problem.correctsTail();
  const bool anyGradient = args.de || args.dc;
  const BufferBinding c = problem.c(args.c);
  auto *meanClass = at<void>(workspace, slices.meanClass);
  auto *mass = at<void>(workspace, slices.mass);
  const auto *countFiltered = at<int32_t>(workspace, filter.countFiltered);

  CCE_RETURN_IF_ERROR(choosePath(call, stream));
  if (correct && anyGradient)
    CCE_RETURN_IF_ERROR(weightedRows(workspace, at<float>(workspace, slices.direction), problem.vocab,
                                     std::clamp<int64_t>(problem.vocab / enoughClasses, 1, mostApart), nullptr, c,
                                     /*normalise=*/true, at<float>(workspace, slices.meanClass),
                                     at<float>(workspace, slices.directionTotal), stream));
  else if (args.de)
    CCE_RETURN_IF_ERROR(backend->zero(words(meanClass, problem.hidden), stream));

  Bindings bindings = common(allTokens(workspace, countFiltered), call.e);
  bindClasses(bindings, c, call.bias, 0, problem.vocab);
  addMatrix(bindings, "de", problem.de(args.de));
  bindings.vector("lse", at<void>(workspace, layout.backward.lse), CCE_F32, layout.padded)
      .vector("prob_weight", at<void>(workspace, layout.backward.probWeight), CCE_F32,
              layout.padded)
      .vector("label_weight", at<void>(workspace, layout.backward.labelWeight), CCE_F32,
              layout.padded)
      .scalarBuffer("alpha", at<void>(workspace, layout.backward.alpha), CCE_F32)
      .matrix("lists", at<void>(workspace, slices.lists), CCE_I32, filter.groups, filter.slots,
              filter.slots)
      .extent("slots", filter.slots)
      // One length a group of tokens.
      .extentPointer("slots", at<void>(workspace, slices.counts))
      .matrix("kept", at<void>(workspace, slices.kept), CCE_F32, filter.slots / slotGranule,
              layout.padded, layout.padded)
      .matrix("g", at<void>(workspace, slices.g), problem.dtype, layout.padded, filter.slots,
              filter.slots)
      .vector("mass", mass, CCE_F32, layout.padded)
      .vector("tail", meanClass, CCE_F32, problem.hidden);
  auto run = [&](const Kernel &kernel, const char *axis, int64_t extent) {
    return backend->launch(
        kernel, bindings,
        tilesOf(kernel, "tokens", layout.padded) * tilesOf(kernel, axis, extent), stream);
  };
  CCE_RETURN_IF_ERROR(run(*filterKernels.logitGrad, "slots", filter.slots));

  Bindings dropped;
  dropped
      .matrix("kept", at<void>(workspace, slices.kept), CCE_F32, filter.slots / slotGranule,
              layout.padded, layout.padded)
      .scalar("padded", layout.padded)
      .vector("counts", at<void>(workspace, slices.counts), CCE_I32, filter.groups)
      .vector("prob_weight", at<void>(workspace, layout.backward.probWeight), CCE_F32,
              layout.padded)
      .vector("rows", at<void>(workspace, layout.rows), CCE_I32, layout.padded)
      .scalarBuffer("count_filtered", countFiltered, CCE_I32)
      .scalar("enabled", int64_t(correct))
      .vector("mass", mass, CCE_F32, layout.padded)
      .vector("dropped_or_null", args.dropped_mass, CCE_F32, problem.tokens)
      .vector("left_or_null", at<void>(workspace, slices.left), CCE_F32, layout.padded);
  CCE_RETURN_IF_ERROR(backend->launch(*filterKernels.droppedMass, dropped,
                                      divideUp(layout.padded, tokensAnItem), stream));

  if (args.de && correct) {
    CCE_RETURN_IF_ERROR(tiltTail(call, stream));
    bindings.scalarBuffer("tilt", at<void>(workspace, slices.tilt), CCE_F32);
  }
  if (args.de)
    CCE_RETURN_IF_ERROR(run(*filterKernels.gradEmbedding, "hidden", problem.hidden));
  if (args.dc) {
    const Kernel &heavy = *filterKernels.gradClassifier;
    addMatrix(bindings, "dc", problem.dc(args.dc));
    bindings.vector("heavy", at<void>(workspace, slices.heavyList), CCE_I32, filter.slots)
        .extent("classes", filter.slots)
        .extentPointer("classes", at<void>(workspace, slices.heavyCount));
    CCE_RETURN_IF_ERROR(backend->launch(heavy, bindings,
                                        tilesOf(heavy, "classes", filter.slots) *
                                            tilesOf(heavy, "hidden", problem.hidden),
                                        stream));
    CCE_RETURN_IF_ERROR(gradClasses(call, stream));
  }
  return {};
}

} // namespace cce::rt
