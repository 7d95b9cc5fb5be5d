//===- Layout.cpp - splits, chunks and the workspace of a plan ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/plan/Layout.h"

#include <algorithm>

namespace cce::rt {

namespace {

constexpr int64_t sliceAlignment = 256;

/// Partial states are 8 bytes a token and split, so this many are still small beside E.
constexpr int64_t mostSplits = 64;

/// lse_forward takes this many tiles of tokens at a time, so that their rows of E stay in the cache;
/// splits keep the other multiprocessors busy.
constexpr int64_t concurrentTokenTiles = 16;

/// Splits where the number of workers must not matter: results then have the same bits on any
/// number of threads. Enough to keep 16 threads busy on one tile of tokens.
constexpr int64_t fixedSplits = 16;

int64_t divideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t roundUp(int64_t a, int64_t b) { return divideUp(a, b) * b; }

/// Chunks for the cache are at least this wide: below, the sums of dE move more bytes than g.
constexpr int64_t smallestCachedChunk = 512;

/// More than any memory; sizes that would be larger stay here instead of overflowing.
constexpr int64_t enormous = int64_t(1) << 60;

/// Hands out slices one after the other.
class Allocator {
public:
  explicit Allocator(int64_t start = 0) : end(start) {}

  /// The size is the product of the factors.
  Slice take(std::initializer_list<int64_t> factors) {
    int64_t bytes = 1;
    for (int64_t factor : factors)
      if (__builtin_mul_overflow(bytes, factor, &bytes) || bytes > enormous)
        bytes = enormous;
    Slice slice{end, bytes};
    end = std::min(end + roundUp(bytes, sliceAlignment), enormous);
    return slice;
  }
  int64_t end;
};

bool convertsBias(const Problem &problem) {
  return problem.hasBias() && problem.biasDtype != CCE_F32;
}

int64_t chooseSplits(const LayoutInputs &inputs, int64_t padded, int64_t vocab) {
  const int64_t vocabTiles = divideUp(vocab, inputs.forwardVocabTile);
  int64_t splits = inputs.splits;
  if (splits == 0 && inputs.multiprocessors == 0)
    splits = fixedSplits;
  if (splits == 0)
    splits = inputs.multiprocessors /
             std::min(divideUp(padded, inputs.forwardTokenTile), concurrentTokenTiles);
  return std::clamp<int64_t>(splits, 1, std::min(vocabTiles, mostSplits));
}

/// Everything of the backward for a given chunk; sets backwardBytes.
void placeBackward(Layout &layout, const Problem &problem, const LayoutInputs &inputs,
                   int64_t shared, int64_t chunk) {
  const int64_t element = dtypeSize(problem.dtype);
  Allocator allocator(shared);
  auto &slices = layout.backward;
  slices.lse = allocator.take({4, layout.padded});
  slices.probWeight = allocator.take({4, layout.padded});
  slices.labelWeight = allocator.take({4, layout.padded});
  slices.alpha = allocator.take({4});
  slices.dbias = allocator.take({convertsBias(problem) ? 4 : 0, problem.vocab});
  layout.chunks = divideUp(problem.vocab, chunk);
  // Chunks of the same size, so that the last one is no small rest.
  layout.chunk = roundUp(divideUp(problem.vocab, layout.chunks), inputs.vocabGranule);
  layout.chunks = divideUp(problem.vocab, layout.chunk);
  // 128 bytes: the widest swizzle span, and a cache line of every device.
  layout.gStride = roundUp(std::min(layout.chunk, problem.vocab), 128 / element);
  slices.packedC = allocator.take(
      {inputs.packC ? element : 0, std::min(layout.chunk, problem.vocab), layout.packedStride});
  // Whole tiles in both directions: kernels read it in pairs, without looking where a row ends.
  layout.sumStride = roundUp(problem.hidden, inputs.hiddenGranule);
  slices.sum = allocator.take({layout.chunks > 1 ? 4 : 0, layout.padded, layout.sumStride});
  slices.g = allocator.take({element, layout.padded, layout.gStride});
  layout.backwardBytes = allocator.end;
}

} // namespace

Expected<Layout> Layout::choose(const Problem &problem, const LayoutInputs &inputs) {
  Layout layout;
  const int64_t element = dtypeSize(problem.dtype);
  // At least one tile, so that buffers and tensor maps are never empty.
  layout.padded = roundUp(std::max<int64_t>(problem.tokens, 1), inputs.tokenGranule);
  layout.packedStride = roundUp(problem.hidden, 16 / element);
  layout.splits = chooseSplits(inputs, layout.padded, problem.vocab);

  Allocator shared;
  layout.count = shared.take({4});
  layout.error = shared.take({16});
  layout.rows = shared.take({4, layout.padded});
  layout.labels = shared.take({4, layout.padded});
  layout.bias = shared.take({convertsBias(problem) ? 4 : 0, problem.vocab});
  layout.packedE = shared.take({inputs.packE ? element : 0, problem.tokens, layout.packedStride});

  Allocator forward(shared.end);
  layout.forward.labelLogit = forward.take({4, layout.padded});
  layout.forward.partial = forward.take({8, layout.splits, layout.padded});
  layout.forward.packedC =
      forward.take({inputs.packC ? element : 0, problem.vocab, layout.packedStride});
  layout.forwardBytes = forward.end;

  // The fewest chunks that fit: every chunk reads and writes the f32 sums of dE once more.
  int64_t granules = divideUp(problem.vocab, inputs.vocabGranule);
  if (inputs.cachedChunkBytes) {
    const int64_t classes =
        std::max(inputs.cachedChunkBytes / (layout.padded * element), smallestCachedChunk);
    granules = std::min(granules, divideUp(classes, inputs.vocabGranule));
  }
  auto fits = [&](int64_t chunkGranules) {
    placeBackward(layout, problem, inputs, shared.end, chunkGranules * inputs.vocabGranule);
    return uint64_t(layout.backwardBytes) <= problem.workspaceLimit;
  };
  if (fits(granules))
    return layout;
  if (!fits(1))
    return makeError(CCE_RESOURCE_EXHAUSTED,
                     "problem.workspace_limit: the backward needs at least ", layout.backwardBytes,
                     " bytes for ", problem.tokens, " tokens, the limit is ",
                     problem.workspaceLimit);
  int64_t good = 1, bad = granules;
  while (bad - good > 1) {
    const int64_t middle = good + (bad - good) / 2;
    (fits(middle) ? good : bad) = middle;
  }
  fits(good);
  return layout;
}

} // namespace cce::rt
