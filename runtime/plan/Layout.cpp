//===- Layout.cpp - splits, chunks and the workspace of a plan ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/plan/Layout.h"

#include "runtime/plan/ClassChunks.h"
#include "runtime/plan/SliceAllocator.h"
#include "runtime/plan/TokenChunks.h"

#include <algorithm>
#include <numeric>

namespace cce::rt {

namespace {

/// Splits where the number of workers must not matter: results then have the same bits on any
/// number of threads. Enough to keep 16 threads busy on one tile of tokens.
constexpr int64_t fixedSplits = 16;

/// Sums over all rows of C or E run at the speed of the memory, which several blocks a
/// multiprocessor keep busy.
constexpr int64_t partsPerMultiprocessor = 4;

/// Classes that the forward samples to estimate log-sum-exps, at most. More cost more time, fewer make the
/// estimate worse (docs/filter.md); of a large vocabulary more are cheap.
constexpr int64_t largeVocab = 160000;
constexpr int64_t fewSampledClasses = 1024, sampledClasses = 2048;

/// Parts of the head, which is short: this many keep more multiprocessors busy if there are few tokens.
constexpr int64_t headParts = 2;

/// The estimate may be too high for one token in so many; else the backward is exact.
constexpr int64_t missedShare = 8;

/// What chunks of tokens may take longer than computing all again, in seconds, by an estimate that is not good to launches.
constexpr double clearlyLonger = 0.5e-3;

/// Of smaller chunks each would read and write the sums of dC for too little.
constexpr int64_t leastTokensInChunk = 512;

/// In fp16 the sums of dC may be cut so often: with 6 chunks the error of dC is 3.5e-4, with 16 it would be 4.8e-4 (simulated).
constexpr int64_t mostChunksF16 = 8;

/// So many numbers of saved classes are compared, from the largest on: of all but narrow heads a round of tiles of dC is less.
constexpr int64_t comparedGranules = 64;

bool convertsBias(const Problem &problem) {
  return problem.hasBias() && problem.biasDtype != CCE_F32;
}

/// Of a forward over all tokens, for which the tuner may have set them.
int64_t chooseSplits(const LayoutInputs &inputs, int64_t tokenTiles, int64_t classTiles, int64_t hidden,
                     int64_t lastPart) {
  if (inputs.splits == 0 && inputs.multiprocessors > 0) {
    const bool isFew = inputs.filter && tokenTiles >= manyTokenTiles;
    return forwardSplits(tokenTiles, classTiles, hidden, inputs.multiprocessors,
                         isFew ? mostSplitsBesideFilter : mostSplits, lastPart);
  }
  const int64_t splits = inputs.splits > 0 ? inputs.splits : fixedSplits;
  return std::clamp<int64_t>(splits, 1, std::min(classTiles, mostSplits));
}

/// What both backwards use, from the end of what both directions use; returns its end.
int64_t placeTokens(Layout &layout, const Problem &problem, int64_t shared) {
  SliceAllocator allocator(shared);
  auto &slices = layout.backward;
  slices.lse = allocator.take({4, layout.padded});
  slices.probWeight = allocator.take({4, layout.padded});
  slices.labelWeight = allocator.take({4, layout.padded});
  slices.alpha = allocator.take({4});
  slices.dbias = allocator.take({convertsBias(problem) ? 4 : 0, problem.vocab});
  return allocator.end;
}

/// The saved logits of so many classes: codes, and what belongs to them.
void placeSaved(SavedLayout &saved, const Layout &layout, int64_t classes, SliceAllocator &codes,
                SliceAllocator &rest) {
  saved.classes = classes;
  saved.stride = roundUp(classes, savedTile);
  saved.codes = codes.take({2, layout.padded, saved.stride});
  saved.maxima = rest.take({4, saved.stride / savedTile, layout.padded});
  saved.labelLogit = rest.take({4, layout.padded});
}

/// How forward and backward go over the saved classes and the others.
void placeOthers(SavedLayout &saved, const Layout &layout, const Problem &problem,
                 const LayoutInputs &inputs, int64_t tokensEnd) {
  const int64_t others = problem.vocab - saved.classes;
  const int64_t tokenTiles = divideUp(layout.padded, inputs.forwardTokenTile);
  // The kernel that saves has parts of the same length.
  saved.splits = chooseSplits(inputs, tokenTiles, divideUp(saved.classes, savedTile), problem.hidden, /*lastPart=*/1);
  saved.otherSplits = 0;
  saved.others = {};
  saved.others.count = 0;
  saved.others.first = problem.vocab;
  saved.backwardBytes = tokensEnd;
  if (others == 0)
    return;
  saved.otherSplits =
      chooseSplits(inputs, tokenTiles, divideUp(others, inputs.forwardVocabTile), problem.hidden, inputs.lastPart);
  saved.others = chooseChunks(layout, problem, inputs, tokensEnd, saved.classes);
  saved.backwardBytes = saved.others.end;
}

/// Decides how many classes are saved: as many as fit the caller's limit.
void chooseSaved(Layout &layout, const Problem &problem, const LayoutInputs &inputs,
                 int64_t tokensEnd) {
  SavedLayout &saved = layout.saved;
  const int64_t granule = std::lcm(inputs.vocabGranule, savedTile);
  auto fits = [&](int64_t granules) {
    SliceAllocator allocator;
    placeSaved(saved, layout, std::min(granules * granule, problem.vocab), allocator, allocator);
    saved.bytes = allocator.end;
    return uint64_t(saved.bytes) <= problem.savedLogitsLimit;
  };
  auto none = [&](std::string why) {
    saved = {};
    saved.whyNot = std::move(why);
  };
  if (!fits(1))
    return none("they need at least " + std::to_string(saved.bytes) + " bytes");
  int64_t good = 1, bad = divideUp(problem.vocab, granule) + 1;
  while (bad - good > 1) {
    const int64_t middle = good + (bad - good) / 2;
    (fits(middle) ? good : bad) = middle;
  }
  fits(good);
  placeOthers(saved, layout, problem, inputs, tokensEnd);
  if (uint64_t(saved.others.end) > problem.workspaceLimit)
    none("the other classes need a workspace of at least " + std::to_string(saved.others.end) +
         " bytes");
}

/// Estimated time of a forward and a backward, of which the one saves what the other uses up.
double secondsInTurn(const Layout &layout, const Problem &problem, const LayoutInputs &inputs,
                     const SavedLayout &saved) {
  auto forward = [&](int64_t classes) {
    return forwardSeconds(layout.padded, classes, problem.hidden, inputs.multiprocessors);
  };
  auto backward = [&](const Chunks &chunks) { return secondsOfChunks(layout, problem, inputs, chunks); };
  if (saved.classes == 0)
    return forward(problem.vocab) + smallKernelsSeconds + backward(layout.all);
  const int64_t others = problem.vocab - saved.classes;
  return forward(saved.classes) + forward(others) + smallKernelsSeconds +
         secondsOfChunk(layout, problem, inputs, saved.classes, true) +
         sumSeconds(layout.padded, problem.hidden) + backward(saved.others);
}

/// Decides how many classes are saved in dC: about as many as there is room for behind their own rows, which are written
/// before anything else of dC, while the products still read what their logits have become.
void chooseSavedInDc(Layout &layout, const Problem &problem, const LayoutInputs &inputs,
                     int64_t tokensEnd, int64_t start) {
  const int64_t granule = std::lcm(inputs.vocabGranule, savedTile);
  const int64_t element = dtypeSize(problem.dtype);
  const int64_t rowBytes = element * problem.hidden, codeBytes = element * layout.padded;
  auto place = [&](int64_t granules) {
    SavedLayout saved;
    const int64_t classes = granules * granule;
    SliceAllocator codes(classes * rowBytes), rest(start);
    placeSaved(saved, layout, classes, codes, rest);
    placeOthers(saved, layout, problem, inputs, tokensEnd);
    saved.partial = rest.take({8, saved.splits + saved.otherSplits, layout.padded});
    saved.backwardBytes = std::max(saved.backwardBytes, rest.end);
    return saved;
  };
  SavedLayout &best = layout.savedInDc;
  const int64_t most =
      (problem.vocab * rowBytes - savedAlignment) / (granule * (rowBytes + codeBytes));
  if (most <= 0) {
    best.whyNot = "dC has no room for those of " + std::to_string(granule) +
                  " classes behind their rows";
    return;
  }
  // Those of fewer classes need less of the workspace.
  double least = 0;
  for (int64_t from = most; from > 0 && best.classes == 0; from /= 2) {
    const int64_t to = std::max<int64_t>(from - comparedGranules, 0);
    for (int64_t granules = from; granules > to; --granules) {
      const SavedLayout saved = place(granules);
      const double seconds = secondsInTurn(layout, problem, inputs, saved);
      if (uint64_t(saved.backwardBytes) <= problem.workspaceLimit &&
          (best.classes == 0 || seconds < least)) {
        best = saved;
        least = seconds;
      }
    }
  }
  if (best.classes == 0)
    best.whyNot = "they need a workspace of at least " + std::to_string(place(1).backwardBytes) +
                  " bytes";
}

/// Everything of the filtered backward for given slots; returns its end.
int64_t placeFiltered(Layout &layout, const Problem &problem, const LayoutInputs &inputs,
                      int64_t start, int64_t slots) {
  const int64_t element = dtypeSize(problem.dtype);
  FilterLayout &filter = layout.filter;
  const int64_t parts = filter.parts;
  // Kernels read whole tiles of it, without looking where it ends.
  const int64_t hidden = roundUp(problem.hidden, std::max<int64_t>(inputs.hiddenGranule, 256));
  SliceAllocator allocator(start);
  auto &slices = filter.backward;
  slices.heavy = allocator.take({4, filter.words});
  slices.heavyList = allocator.take({4, slots});
  slices.heavyCount = allocator.take({4});
  slices.counts = allocator.take({4, filter.groups});
  slices.lists = allocator.take({4, filter.groups, slots});
  slices.ranks = allocator.take({4, filter.groups, filter.words});
  // A bit for each of a group's tokens.
  slices.entries = allocator.take({filterGroup / 8, filter.groups, slots});
  slices.kept = allocator.take({4, slots / slotGranule, layout.padded});
  slices.mass = allocator.take({4, layout.padded});
  slices.direction = allocator.take({4, inputs.correctsTail ? problem.vocab : 0});
  slices.meanClass = allocator.take({4, hidden});
  slices.directionTotal = allocator.take({4});
  slices.massRow = allocator.take({4, hidden});
  slices.massTotal = allocator.take({4});
  slices.partial = allocator.take({4, parts, problem.hidden});
  slices.weightSums = allocator.take({4, parts});
  slices.allSums = allocator.take({4, parts});
  slices.left = allocator.take({inputs.correctsTail ? 4 : 0, layout.padded});
  slices.meanRow = allocator.take({inputs.correctsTail ? 4 : 0, problem.hidden});
  slices.tilt = allocator.take({inputs.correctsTail ? 4 : 0});
  slices.g = allocator.take({element, layout.padded, slots});
  return allocator.end;
}

int64_t sampleStateBytes(const Layout &layout) { return 8 * layout.filter.sampleSplits * layout.padded; }

/// Decides whether and how there is a filtered backward, with as many slots as fit the limit;
/// returns where the slices begin that its two paths do not share.
int64_t chooseFilter(Layout &layout, const Problem &problem, const LayoutInputs &inputs,
                     int64_t tokensEnd) {
  FilterLayout &filter = layout.filter;
  filter.groups = divideUp(layout.padded, filterGroup);
  filter.words = 8 * divideUp(problem.vocab, 256);
  filter.headCapacity =
      std::clamp<int64_t>(roundUp(divideUp(problem.vocab, 16), slotGranule), slotGranule, 16384);
  filter.headSplits = std::min(headParts, divideUp(filter.headCapacity, inputs.headClassTile));
  filter.sampleEvery =
      divideUp(problem.vocab, problem.vocab < largeVocab ? fewSampledClasses : sampledClasses);
  filter.sampleCapacity =
      roundUp(divideUp(problem.vocab - filter.sampleEvery / 2, filter.sampleEvery), slotGranule);
  filter.sampleSplits =
      divideUp(filter.sampleCapacity, std::max(classesASamplePart, inputs.headClassTile));
  filter.missedCapacity = roundUp(divideUp(layout.padded, missedShare), inputs.tokenGranule);
  filter.parts = inputs.correctsTail ? partsPerMultiprocessor * inputs.multiprocessors : 0;

  SliceAllocator small(tokensEnd);
  filter.countDense = small.take({4});
  filter.countFiltered = small.take({4});
  auto bytes = [&](int64_t granules) {
    return placeFiltered(layout, problem, inputs, small.end, granules * slotGranule);
  };
  auto fits = [&](int64_t granules) {
    return uint64_t(bytes(granules)) <= problem.workspaceLimit;
  };
  if (!fits(1)) {
    filter.whyNot = "it needs a workspace of at least " + std::to_string(bytes(1)) + " bytes";
    return tokensEnd;
  }
  // One group's list may well be longer than what the average may be for the exact path not to be faster.
  int64_t good = 1, bad = divideUp(divideUp(problem.vocab, 2), slotGranule) + 1;
  while (bad - good > 1) {
    const int64_t middle = good + (bad - good) / 2;
    (fits(middle) ? good : bad) = middle;
  }
  filter.slots = good * slotGranule;
  filter.bytes = bytes(good);
  SliceAllocator state;
  filter.needed = state.take({4, filter.groups, filter.words});
  // Where a little more room for the tally saves the workspace that for the sample's states.
  const int64_t tally = inputs.correctsTail ? 4 * 32 * filter.words : 0;
  filter.sampleStatesInTally = sampleStateBytes(layout) <= tally + tally / 8;
  filter.tally = state.take({std::max(tally, filter.sampleStatesInTally ? sampleStateBytes(layout) : 0)});
  filter.bound = state.take({4, layout.padded});
  filter.missedCount = state.take({4, 2});
  filter.stateBytes = state.end;
  return small.end;
}

/// Everything of chunks of so many tokens, whose rows of E are scaled so many columns at a time.
void placeTokenChunks(TokenChunks &chunks, const Layout &layout, const Problem &problem,
                      const LayoutInputs &inputs, int64_t start, int64_t size, int64_t columns) {
  const int64_t element = dtypeSize(problem.dtype);
  const int64_t tiles = divideUp(problem.vocab, savedTile);
  chunks.size = size;
  chunks.count = divideUp(layout.padded, size);
  chunks.stride = tiles * savedTile;
  SliceAllocator allocator(start);
  for (Slice *slice : {&chunks.counts, &chunks.countsExp, &chunks.countsSaved})
    *slice = allocator.take({4, chunks.count});
  chunks.lossSum = allocator.take({8});
  chunks.labelLogit = allocator.take({4, layout.padded});
  chunks.lse = allocator.take({4, problem.tokens});
  const int64_t several = chunks.count > 1 ? 1 : 0;
  for (Slice *slice :
       {&chunks.factor, &chunks.exact, &chunks.stored, &chunks.order, &chunks.sorted})
    *slice = allocator.take({4 * several, layout.padded});
  chunks.scale = allocator.take({4 * several, size});
  for (Slice *slice : {&chunks.compactLse, &chunks.probWeight, &chunks.labelWeight})
    *slice = allocator.take({4, size});
  chunks.alpha = allocator.take({4});
  const int64_t last = layout.padded - (chunks.count - 1) * size;
  auto splits = [&](int64_t tokens) {
    return forwardSplits(divideUp(tokens, tileTokens), tiles, problem.hidden, inputs.multiprocessors);
  };
  chunks.splits = splits(size);
  chunks.lastSplits = splits(last);
  chunks.partial = allocator.takeEither({8, chunks.splits, size}, {8, chunks.lastSplits, last});
  // Rows are scaled when gradients have been made out of saved logits, if they are at all.
  chunks.maxima =
      allocator.takeEither({4, tiles, size}, {element * several, size, columns});
  if (several) {
    chunks.scaled = chunks.maxima;
    chunks.scaledColumns = columns;
  }
  chunks.codes = allocator.take({element, size, chunks.stride});
  const int64_t rowBytes = divideUp(problem.hidden, 2);
  chunks.sumLower = allocator.take({several * rowBytes, roundUp(problem.vocab, sumRows)});
  chunks.bytes = allocator.end;
}

ChunkedTokens chunkedTokens(const Layout &layout, const Problem &problem,
                            const LayoutInputs &inputs) {
  return {layout.padded, problem.hidden, problem.vocab, inputs.multiprocessors};
}

/// Decides how many tokens a chunk has. Scaling all columns of E at once takes the fewest launches, half of them at a time may
/// leave room for larger chunks.
void chooseTokenChunks(Layout &layout, const Problem &problem, const LayoutInputs &inputs,
                       int64_t start) {
  auto place = [&](int64_t size, int64_t columns) {
    TokenChunks chunks;
    placeTokenChunks(chunks, layout, problem, inputs, start, size, columns);
    return chunks;
  };
  const ChunkedTokens tokens = chunkedTokens(layout, problem, inputs);
  int64_t least = inputs.sumsClasses ? std::min(leastTokensInChunk, layout.padded) : layout.padded;
  if (problem.dtype == CCE_F16)
    least = std::max(least, roundUp(divideUp(layout.padded, mostChunksF16), tileTokens));
  const int64_t half = roundUp(divideUp(problem.hidden, 2), slotGranule);
  int64_t size = 0, columns = problem.hidden;
  for (int64_t each : {problem.hidden, half}) {
    const int64_t largest = chooseTokenChunk(tokens, least, [&](int64_t size) {
      return uint64_t(place(size, each).bytes) <= problem.workspaceLimit;
    });
    if (largest > 0 && (size == 0 || secondsInChunks(tokens, largest) <
                                         clearlyLess * secondsInChunks(tokens, size))) {
      size = largest;
      columns = each;
    }
  }
  if (size > 0)
    layout.tokenChunks = place(size, columns);
  else
    layout.tokenChunks.whyNot = "chunks of " + std::to_string(least) +
                                " tokens need a workspace of " +
                                std::to_string(std::min(place(least, columns).bytes, place(least, half).bytes)) +
                                " bytes";
}

/// Estimated time of one call in chunks of tokens, to compare with secondsInTurn. As if they saved codes: what stores
/// exponentials takes less by about grad_from_saved, a fourteenth of Gemma 2 and more of narrow heads.
double secondsInTokenChunks(const Layout &layout, const Problem &problem,
                            const LayoutInputs &inputs) {
  const int64_t size = layout.tokenChunks.size, count = layout.tokenChunks.count;
  auto classifier = [&](int64_t tokens) {
    return inputs.classifierTile.seconds(problem.vocab, problem.hidden, tokens,
                                         inputs.multiprocessors);
  };
  return secondsInChunks(chunkedTokens(layout, problem, inputs), size) +
         fromSavedSeconds(layout.padded, problem.vocab) + double(count - 1) * classifier(size) +
         classifier(layout.padded - (count - 1) * size);
}

/// Of chunks of tokens and saved logits only what is faster is left, and saved logits if they are worth their traffic.
void chooseOneCall(Layout &layout, const Problem &problem, const LayoutInputs &inputs) {
  TokenChunks &chunks = layout.tokenChunks;
  SavedLayout &saved = layout.savedInDc;
  if (chunks.size == 0 && saved.classes == 0)
    return;
  auto drop = [](auto &choice, const char *why) {
    choice = {};
    choice.whyNot = why;
  };
  const double plain = secondsInTurn(layout, problem, inputs, {});
  if (chunks.size > 0 && secondsInTokenChunks(layout, problem, inputs) > plain + clearlyLonger)
    drop(chunks, "chunks of tokens would take longer");
  if (saved.classes == 0)
    return;
  const double inTurn = secondsInTurn(layout, problem, inputs, saved);
  if (plain <= inTurn)
    drop(saved, "computing all again takes no longer");
  else if (chunks.size > 0 && secondsInTokenChunks(layout, problem, inputs) <= inTurn)
    drop(saved, "chunks of tokens take less time");
  else if (chunks.size > 0)
    drop(chunks, "chunks of tokens would take longer");
}

} // namespace

Expected<Layout> Layout::choose(const Problem &problem, const LayoutInputs &inputs) {
  Layout layout;
  const int64_t element = dtypeSize(problem.dtype);
  // At least one tile, so that buffers and tensor maps are never empty.
  layout.padded = roundUp(std::max<int64_t>(problem.tokens, 1), inputs.tokenGranule);
  layout.packedStride = roundUp(problem.hidden, 16 / element);
  layout.lastPart = inputs.lastPart;
  layout.splits = chooseSplits(inputs, divideUp(layout.padded, inputs.forwardTokenTile),
                               divideUp(problem.vocab, inputs.forwardVocabTile), problem.hidden, inputs.lastPart);

  SliceAllocator shared;
  layout.count = shared.take({4});
  layout.error = shared.take({16});
  layout.rows = shared.take({4, layout.padded});
  layout.labels = shared.take({4, layout.padded});
  layout.bias = shared.take({convertsBias(problem) ? 4 : 0, problem.vocab});
  layout.packedE = shared.take({inputs.packE ? element : 0, problem.tokens, layout.packedStride});

  int64_t tokensEnd = placeTokens(layout, problem, shared.end);
  FilterLayout &filter = layout.filter;
  if (inputs.filter)
    tokensEnd = chooseFilter(layout, problem, inputs, tokensEnd);
  const bool filtered = filter.slots > 0;

  // Whole tiles in both directions: kernels read it in pairs, without looking where a row ends.
  layout.sumStride = roundUp(problem.hidden, inputs.hiddenGranule);
  layout.all = chooseChunks(layout, problem, inputs, tokensEnd, 0);
  if (uint64_t(layout.all.end) > problem.workspaceLimit)
    return makeError(CCE_RESOURCE_EXHAUSTED,
                     "problem.workspace_limit: the backward needs at least ", layout.all.end,
                     " bytes for ", problem.tokens, " tokens, the limit is ",
                     problem.workspaceLimit);
  SavedLayout &saved = layout.saved;
  if (inputs.saves)
    chooseSaved(layout, problem, inputs, tokensEnd);
  layout.backwardBytes =
      std::max({layout.all.end, saved.backwardBytes, filtered ? filter.bytes : int64_t(0)});

  SliceAllocator forward(shared.end);
  layout.forward.labelLogit = forward.take({4, layout.padded});
  if (filtered) {
    auto &slices = filter.forward;
    slices.threshold = forward.take({4, layout.padded});
    slices.limit = forward.take({4, layout.padded});
    for (Slice *slice : {&slices.missedRows, &slices.missedThreshold, &slices.missedGroup})
      *slice = forward.take({4, filter.missedCapacity});
  }
  layout.forward.packedC =
      forward.take({inputs.packC ? element : 0, problem.vocab, layout.packedStride});
  // What estimates the thresholds lies where the states of the forward come then, which may be those of saved classes and of the others.
  SliceAllocator estimate(forward.end);
  if (filtered) {
    auto &slices = filter.forward;
    slices.seen = estimate.take({4, 3, filter.words});
    slices.headClasses = estimate.take({4, filter.headCapacity});
    slices.headCount = estimate.take({4});
    slices.headStates = estimate.take({8, filter.headSplits, layout.padded});
    slices.sampleClasses = estimate.take({4, filter.sampleCapacity});
    slices.sampleCount = estimate.take({4});
    slices.sampleWeight = estimate.take({4});
    slices.sampleStates = estimate.take({filter.sampleStatesInTally ? 0 : sampleStateBytes(layout)});
  }
  const int64_t states = std::max(layout.splits, saved.splits + saved.otherSplits);
  layout.forward.partial = forward.take({8, states, layout.padded});
  forward.end = std::max(forward.end, estimate.end);
  layout.forwardBytes = forward.end;

  // A forward is done with its part of the workspace when it writes the log-sum-exp, and a backward has not begun with
  // chunks when it reads it.
  SliceAllocator between(std::max(forward.end, tokensEnd));
  layout.lseBetween = between.take({4, problem.tokens});
  if (inputs.chunksTokens)
    chooseTokenChunks(layout, problem, inputs, shared.end);
  if (inputs.savesInDc)
    chooseSavedInDc(layout, problem, inputs, tokensEnd, between.end);
  chooseOneCall(layout, problem, inputs);
  const int64_t inTurn =
      std::max({layout.backwardBytes, between.end, layout.savedInDc.backwardBytes});
  // Wanting dbias, or no gradient, makes a forward and a backward of any call.
  layout.gradientsBytes = layout.tokenChunks.size == 0 || problem.hasBias()
                              ? std::max(inTurn, layout.tokenChunks.bytes)
                              : std::max(layout.forwardBytes, layout.tokenChunks.bytes);
  return layout;
}

} // namespace cce::rt
