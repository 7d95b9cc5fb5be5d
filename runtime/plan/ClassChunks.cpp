//===- ClassChunks.cpp - how many classes a chunk has ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/plan/ClassChunks.h"

#include "runtime/plan/SliceAllocator.h"

#include <cmath>
#include <limits>

namespace cce::rt {

namespace {

/// Chunks for the cache are at least this wide: below, the sums of dE move more bytes than g.
constexpr int64_t smallestCachedChunk = 512;

/// So many sizes of a chunk are compared whose g lies in dC, from the largest on: more than a round of tiles.
constexpr int64_t comparedSizes = 64;

/// 128 bytes: the widest swizzle span, and a cache line of every device.
int64_t strideOfG(int64_t classes, int64_t element) { return roundUp(classes, 128 / element); }

/// Everything of the exact backward, from class `first` on, that depends on the size of a chunk.
Chunks placeChunks(const Layout &layout, const Problem &problem, const LayoutInputs &inputs,
                   int64_t start, int64_t first, int64_t size) {
  const int64_t element = dtypeSize(problem.dtype), classes = problem.vocab - first;
  SliceAllocator allocator(start);
  Chunks chunks;
  chunks.first = first;
  chunks.classes = classes;
  chunks.size = size;
  chunks.count = divideUp(classes, size);
  chunks.gStride = strideOfG(std::min(chunks.size, classes), element);
  chunks.packedC = allocator.take(
      {inputs.packC ? element : 0, std::min(chunks.size, classes), layout.packedStride});
  // Saved classes are a chunk of their own, in front of the others.
  const bool sums = chunks.count > 1 || first > 0;
  const int64_t sumBytes = !sums ? 0 : inputs.sumInHalves ? 1 : 4;
  chunks.sum = allocator.take({sumBytes, layout.padded, layout.sumStride});
  chunks.g = allocator.take({element, layout.padded, chunks.gStride});
  chunks.end = allocator.end;
  return chunks;
}

/// Estimated time of `classes` in chunks of `size`, the last of which may be smaller.
int64_t microsecondsOfChunks(const Layout &layout, const Problem &problem,
                             const LayoutInputs &inputs, int64_t classes, int64_t size) {
  const int64_t tokens = layout.padded, hidden = problem.hidden;
  auto chunk = [&](int64_t width) { return secondsOfChunk(layout, problem, inputs, width, false); };
  const int64_t full = (classes - 1) / size;
  const double seconds = double(full) * (chunk(size) + sumSeconds(tokens, hidden));
  return std::llround(1e6 * (seconds + chunk(classes - full * size)));
}

/// The size of chunks of the classes, in granules, of which `most` fit.
int64_t chooseSize(const Layout &layout, const Problem &problem, const LayoutInputs &inputs,
                   int64_t classes, int64_t most) {
  if (inputs.multiprocessors == 0) {
    // The fewest chunks, because each reads and writes the sums of dE, and of the same size.
    const int64_t granules = divideUp(classes, inputs.vocabGranule);
    return divideUp(granules, divideUp(granules, most));
  }
  // Whole rounds of tiles. Two chunks take no less than one of twice the size, so those of less than half
  // are not better; of two sizes that take the same time the smaller one needs less memory.
  int64_t best = most, least = std::numeric_limits<int64_t>::max();
  for (int64_t size = most; size > most / 2; --size) {
    const int64_t time =
        microsecondsOfChunks(layout, problem, inputs, classes, size * inputs.vocabGranule);
    if (time <= least) {
      best = size;
      least = time;
    }
  }
  return best;
}

/// Chunks while dC is there to be written: g may lie in all rows behind those of its own classes, which later chunks write. So a chunk
/// may have a part of the classes that are left, hidden / (hidden + tokens), until that is less than the workspace has room
/// for.
std::vector<ClassChunk> chooseBehindRows(const Layout &layout, const Problem &problem, const LayoutInputs &inputs,
                                         const Chunks &chunks, int64_t mostGranules) {
  const int64_t element = dtypeSize(problem.dtype), granule = inputs.vocabGranule;
  const int64_t rowBytes = element * problem.hidden, classBytes = element * layout.padded;
  auto secondsAClass = [&](int64_t classes) {
    return (secondsOfChunk(layout, problem, inputs, classes, false) +
            sumSeconds(layout.padded, problem.hidden)) /
           double(classes);
  };
  std::vector<ClassChunk> list;
  int64_t first = chunks.first;
  while (problem.vocab - first > chunks.size) {
    const int64_t left = problem.vocab - first;
    auto fits = [&](int64_t classes) {
      return strideOfG(classes, element) * classBytes + gAlignment <= (left - classes) * rowBytes;
    };
    int64_t most = std::min((left * rowBytes - gAlignment) / (rowBytes + classBytes) / granule, mostGranules);
    while (most > 0 && !fits(most * granule))
      --most;
    int64_t size = most * granule;
    if (inputs.multiprocessors > 0)
      for (int64_t less = most - 1; less > std::max(most / 2, most - comparedSizes); --less)
        if (secondsAClass(less * granule) < secondsAClass(size))
          size = less * granule;
    const bool isBetter =
        inputs.multiprocessors > 0 ? size > 0 && secondsAClass(size) < secondsAClass(chunks.size) : size > chunks.size;
    if (!isBetter)
      break;
    list.push_back({first, size, strideOfG(size, element), /*inDc=*/true});
    first += size;
  }
  if (list.empty())
    return list;
  const int64_t left = problem.vocab - first;
  const int64_t size =
      left <= chunks.size ? left : granule * chooseSize(layout, problem, inputs, left, chunks.size / granule);
  for (; first < problem.vocab; first += size) {
    const int64_t classes = std::min(size, problem.vocab - first);
    list.push_back({first, classes, strideOfG(classes, element), /*inDc=*/false});
  }
  return list;
}

} // namespace

std::vector<ClassChunk> Chunks::list(bool hasDc) const {
  if (hasDc && !behindRows.empty())
    return behindRows;
  std::vector<ClassChunk> all;
  for (int64_t begin = 0; begin < classes; begin += size)
    all.push_back({first + begin, std::min(size, classes - begin), gStride, /*inDc=*/false});
  return all;
}

double secondsOfChunk(const Layout &layout, const Problem &problem, const LayoutInputs &inputs,
                      int64_t classes, bool isSaved) {
  constexpr int kernels = 3;
  const int64_t tokens = layout.padded, hidden = problem.hidden, p = inputs.multiprocessors;
  return (isSaved ? fromSavedSeconds(tokens, classes)
                  : inputs.logitTile.seconds(tokens, classes, hidden, p)) +
         inputs.embeddingTile.seconds(tokens, hidden, classes, p) +
         inputs.classifierTile.seconds(classes, hidden, tokens, p) + kernels * launchSeconds;
}

double secondsOfChunks(const Layout &layout, const Problem &problem, const LayoutInputs &inputs,
                       const Chunks &chunks) {
  const double sums = sumSeconds(layout.padded, problem.hidden);
  double seconds = -sums; // between two
  for (const ClassChunk &each : chunks.list(/*hasDc=*/true))
    seconds += secondsOfChunk(layout, problem, inputs, each.classes, false) + sums;
  return seconds;
}

Chunks chooseChunks(const Layout &layout, const Problem &problem, const LayoutInputs &inputs,
                    int64_t start, int64_t first) {
  const int64_t classes = problem.vocab - first;
  int64_t cached = divideUp(classes, inputs.vocabGranule);
  if (inputs.cachedChunkBytes) {
    const int64_t size = std::max(
        inputs.cachedChunkBytes / (layout.padded * dtypeSize(problem.dtype)), smallestCachedChunk);
    cached = std::min(cached, divideUp(size, inputs.vocabGranule));
  }
  auto place = [&](int64_t granules) {
    return placeChunks(layout, problem, inputs, start, first, granules * inputs.vocabGranule);
  };
  auto fits = [&](int64_t granules) {
    return uint64_t(place(granules).end) <= problem.workspaceLimit;
  };
  int64_t most = cached;
  if (!fits(most)) {
    int64_t good = 1, bad = most;
    while (bad - good > 1) {
      const int64_t middle = good + (bad - good) / 2;
      (fits(middle) ? good : bad) = middle;
    }
    most = good;
  }
  if (most * inputs.vocabGranule >= classes) // one chunk
    return place(most);
  Chunks chunks = place(chooseSize(layout, problem, inputs, classes, most));
  if (!inputs.gInDc)
    return chunks;
  Chunks behindRows = chunks;
  behindRows.behindRows = chooseBehindRows(layout, problem, inputs, chunks, cached);
  const bool isBetter = inputs.multiprocessors > 0
                            ? secondsOfChunks(layout, problem, inputs, behindRows) <
                                  secondsOfChunks(layout, problem, inputs, chunks)
                            : int64_t(behindRows.behindRows.size()) < chunks.count;
  return isBetter ? behindRows : chunks;
}

} // namespace cce::rt
