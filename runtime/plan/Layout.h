//===- Layout.h - splits, chunks and the workspace of a plan ----*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_PLAN_LAYOUT_H
#define CCE_RUNTIME_PLAN_LAYOUT_H

#include "runtime/plan/Problem.h"
#include "runtime/plan/ProductCost.h"
#include "runtime/support/Status.h"

#include <string>
#include <vector>

namespace cce::rt {

/// Tokens of a group, which share a list of classes in the filtered backward, and classes of a list
/// that one tile of its kernels takes: lists are padded to it.
constexpr int64_t filterGroup = 128;
constexpr int64_t slotGranule = 256;

/// Logits are saved by the tile of so many classes (cce.save in lse_forward_save, grad_from_saved).
constexpr int64_t savedTile = 256;

/// Bytes to which codes of saved logits are aligned, wherever they are, and g.
constexpr int64_t savedAlignment = 256, gAlignment = savedAlignment;

/// Rows of dC whose sums lie together in the workspace, 64 columns at a time (compiler/nvptx/FragmentHalves.cpp).
constexpr int64_t sumRows = 16;

/// Classes of one part of the sample from which the forward estimates log-sum-exps.
constexpr int64_t classesASamplePart = 128;

/// A piece of a workspace; 0 bytes if the plan does not need it.
struct Slice {
  int64_t offset = 0;
  int64_t bytes = 0;
};

/// What the layout depends on besides the problem.
struct LayoutInputs {
  /// Tokens are padded to a multiple of this, chunks of the vocabulary are a multiple of that.
  int64_t tokenGranule = 1;
  int64_t vocabGranule = 1;
  /// Rows of the sums of dE are padded to a multiple of this: whole tiles of the kernels that keep them.
  int64_t hiddenGranule = 1;
  /// The upper halves of the sums of dE lie in dE, and the workspace has room for the lower ones only.
  bool sumInHalves = false;
  /// Tiles of lse_forward.
  int64_t forwardTokenTile = 1;
  int64_t lastPart = 1; ///< of the forward over all tokens, as the kernel has it (ProductCost.h)
  int64_t forwardVocabTile = 1;
  /// Tiles of the products of a chunk: logit_grad, grad_embedding, grad_classifier.
  ProductTile logitTile, embeddingTile, classifierTile;
  /// Multiprocessors, for the choice of splits and of chunks; 0: one that does not depend on the machine.
  int64_t multiprocessors = 0;
  /// Set by the tuner; 0: choose.
  int64_t splits = 0;
  /// A chunk of g that is larger than this gains nothing, because it leaves the cache; 0: no such size.
  int64_t cachedChunkBytes = 0;
  /// E or C do not meet the rules of the device and are copied to padded rows.
  bool packE = false;
  bool packC = false;
  /// Whether there shall be a filtered backward, and whether it corrects what it leaves out.
  bool filter = false;
  bool correctsTail = false;
  /// Tiles of lse_forward_classes.
  int64_t headClassTile = 1;
  /// Whether the forward may save logits.
  bool saves = false;
  /// Whether the forward of a call that computes gradients as well may do so in the memory of dC.
  bool savesInDc = false;
  /// Whether g may lie in rows of dC that are written later: they follow each other without a gap.
  bool gInDc = false;
  /// Whether loss and gradients shall and may come chunk of tokens by chunk of tokens.
  bool chunksTokens = false;
  /// Whether there may be more than one, with sums of dC between them.
  bool sumsClasses = false;
};

/// Classes whose part of the gradients is computed at a time.
struct ClassChunk {
  int64_t first = 0, classes = 0;
  /// Elements between the rows of g.
  int64_t gStride = 0;
  /// Whether g lies in dC, from the first aligned address behind the rows of its classes on; else in the workspace.
  bool inDc = false;
};

/// `classes` from `first` on, whose logits the backward computes chunk by chunk, and what it needs for
/// that of its workspace.
struct Chunks {
  int64_t first = 0, classes = 0;
  /// Classes of a chunk, and how many chunks.
  int64_t size = 0;
  int64_t count = 1;
  /// Elements between the rows of g.
  int64_t gStride = 0;
  Slice packedC, sum, g;
  int64_t end = 0;
  /// Ones that take less time for each class where dC is wanted, mostly because they are larger; then of the classes that are left what the workspace has room for; empty: the same ones.
  std::vector<ClassChunk> behindRows;

  /// One after the other.
  std::vector<ClassChunk> list(bool hasDc) const;
};

/// Logits that the forward keeps for the backward.
struct SavedLayout {
  /// The first so many classes, a multiple of savedTile or all; 0: none.
  int64_t classes = 0;
  /// Why none, if there shall be some.
  std::string whyNot;
  /// Elements between the rows of the codes, and of the G that takes their place: whole tiles.
  int64_t stride = 0;
  /// Parts of the saved classes and of the others that work at the same time in the forward.
  int64_t splits = 0;
  int64_t otherSplits = 0;
  /// All in the caller's memory for them, of so many bytes. Or, in one call, the codes in the rows of dC behind those of their
  /// own classes, at the next aligned address, and the rest in the workspace, where it is overwritten by what the backward has for the
  /// other classes, which comes later; then also the states of the forward.
  Slice codes, maxima, labelLogit, partial;
  int64_t bytes = 0;
  /// Of the workspace of a backward that gets them; in one call of all of it.
  int64_t backwardBytes = 0;
  /// The other classes.
  Chunks others;
};

/// Chunks of tokens for cce_loss_and_gradients, with all classes each: the logits of a chunk are saved, its part of dE is
/// complete, and dC is the sum of what all give.
struct TokenChunks {
  /// Tokens of a chunk, whole tiles, and how many chunks; 0: there are none.
  int64_t size = 0;
  int64_t count = 0;
  /// Why not, if there shall be some.
  std::string whyNot;
  /// Elements between the rows of the codes, and of the G that takes their place.
  int64_t stride = 0;
  /// Parts of the classes that work at the same time in the forward of a chunk, and of the last one.
  int64_t splits = 0, lastSplits = 0;
  /// Tokens of each chunk, in all and on either way to their gradients (chunk_counts), and of the loss the sum so far (f64).
  Slice counts, countsExp, countsSaved, lossSum;
  /// Of all tokens. `lse` by position, where the caller does not want it.
  Slice labelLogit, lse;
  /// Of all tokens, where there is more than one chunk: what restores the elements of labels in dC, and the tokens in the order of
  /// their labels.
  Slice factor, exact, stored, order, sorted;
  /// Of one chunk.
  Slice compactLse, probWeight, labelWeight, alpha, partial, maxima, codes;
  /// The same, where there is more than one: scales of the rows of dE, and, where the maxima were, the rows of E times
  /// their factors, so many columns at a time.
  Slice scale, scaled;
  int64_t scaledColumns = 0;
  /// Of the sums of dC over chunks what does not lie in dC: 4 bits an element.
  Slice sumLower;
  int64_t bytes = 0;
};

/// What the filter needs besides the rest of a layout. docs/architecture.md has the sequence.
struct FilterLayout {
  /// The most classes that a group of tokens may need on the filtered path, a multiple of
  /// slotGranule; 0: there is no filtered path.
  int64_t slots = 0;
  /// Why not, if there shall be one.
  std::string whyNot;
  /// Of filterGroup tokens.
  int64_t groups = 0;
  /// 32-bit words of a bitmap over the vocabulary: whole tiles of 256 classes.
  int64_t words = 0;
  /// The forward estimates log-sum-exps before it begins, from the classes that many tokens have as their
  /// label, the head, for which there is so much room, and from a sample of the others: of every so many
  /// classes the middle one.
  int64_t headCapacity = 0;
  int64_t headSplits = 1;
  int64_t sampleEvery = 1;
  int64_t sampleCapacity = 0;
  int64_t sampleSplits = 1;
  /// Room for tokens whose estimate was too high.
  int64_t missedCapacity = 0;
  /// Parts of a weighted sum of rows that work at the same time.
  int64_t parts = 0;

  /// The sample's states are there before the tally is.
  bool sampleStatesInTally = false;

  /// Of the caller's memory between forward and backward.
  Slice needed, tally, bound, missedCount;
  int64_t stateBytes = 0;
  /// Of the workspace of the backward that the filtered path needs.
  int64_t bytes = 0;
  struct {
    /// Three bitmaps over the vocabulary: the label of a token, of two, of three or more.
    Slice seen;
    Slice headClasses, headCount, headStates, sampleClasses, sampleCount, sampleWeight, sampleStates;
    Slice threshold, limit, missedRows, missedThreshold, missedGroup;
  } forward;
  /// How many tokens there are for each path: n for the one that was chosen, -1 for the other.
  Slice countDense, countFiltered;
  /// The filtered path's own. The exact path uses the same memory behind it.
  struct {
    Slice heavy, heavyList, heavyCount, counts, lists, ranks, entries, kept, mass, g;
    Slice direction, meanClass, directionTotal, massRow, massTotal, partial, weightSums, allSums;
    Slice left, meanRow, tilt;
  } backward;
};

struct Layout {
  int64_t padded = 0;
  int64_t splits = 1;
  /// How often the last split of the forward over all tokens fits into one of the others.
  int64_t lastPart = 1;
  /// Elements between the rows of packed E and C.
  int64_t packedStride = 0;
  /// Elements between the rows of the f32 sums of dE, or of their lower halves of 8 bits.
  int64_t sumStride = 0;

  /// Used by both directions.
  Slice count, error, rows, labels, bias, packedE;
  struct {
    Slice labelLogit, partial, packedC;
  } forward;
  struct {
    Slice lse, probWeight, labelWeight, alpha, dbias;
  } backward;
  /// Of the exact backward without saved logits.
  Chunks all;
  int64_t forwardBytes = 0;
  int64_t backwardBytes = 0;
  FilterLayout filter;
  SavedLayout saved;
  /// For cce_loss_and_gradients either of them, or none.
  TokenChunks tokenChunks;
  SavedLayout savedInDc;
  /// Where a forward and a backward in one call have the log-sum-exp between them, if the caller does not want it.
  Slice lseBetween;
  int64_t gradientsBytes = 0;

  /// Fails with CCE_RESOURCE_EXHAUSTED if not even one tile of classes fits the limit.
  static Expected<Layout> choose(const Problem &problem, const LayoutInputs &inputs);
};

} // namespace cce::rt

#endif // CCE_RUNTIME_PLAN_LAYOUT_H
