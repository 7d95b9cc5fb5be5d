//===- Plan.h - how one problem is computed on one device -------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_PLAN_PLAN_H
#define CCE_RUNTIME_PLAN_PLAN_H

#include "runtime/plan/Backend.h"
#include "runtime/plan/Choices.h"
#include "runtime/plan/Layout.h"
#include "runtime/plan/Problem.h"

#include <memory>
#include <string>
#include <vector>

namespace cce::rt {

/// Kernels, chunks and the places of all intermediate results: fixed once, then only launched.
/// docs/architecture.md, "Forward and backward", has the sequence.
class Plan {
public:
  static Expected<std::unique_ptr<const Plan>> create(std::shared_ptr<Backend> backend,
                                                      Problem problem, Choices choices);

  Status forward(const cce_forward_args &args, void *stream) const;
  Status backward(const cce_backward_args &args, void *stream) const;
  Status lossAndGradients(const cce_gradients_args &args, void *stream) const;

  size_t forwardWorkspace() const { return size_t(layout.forwardBytes); }
  size_t backwardWorkspace() const { return size_t(layout.backwardBytes); }
  size_t gradientsWorkspace() const { return size_t(layout.gradientsBytes); }
  size_t filterState() const { return size_t(layout.filter.stateBytes); }
  size_t savedLogits() const { return size_t(layout.saved.bytes); }
  /// Of a backward that gets the saved logits.
  size_t savedBackwardWorkspace() const { return size_t(backwardBytes(true)); }
  /// Classes whose logits one call keeps in dC.
  int64_t classesSavedInDc() const { return layout.savedInDc.classes; }
  const std::string &describe() const { return description; }

  Backend &device() const { return *backend; }
  const std::shared_ptr<Backend> &sharedDevice() const { return backend; }
  const Problem &problemOf() const { return problem; }
  const Choices &choicesOf() const { return choices; }
  const Layout &layoutOf() const { return layout; }

private:
  Plan(std::shared_ptr<Backend> backend, Problem problem, Choices choices);

  Status build();
  Status checkDeviceRules();
  Status loadAll(const std::vector<std::pair<KernelRequest, KernelPtr *>> &kernels);
  KernelRequest requestFor(const std::string &kernel) const;
  /// How often the last split of the forward over all tokens fits into one of the others.
  int64_t lastPartOfForward(bool inPairs) const;
  /// For so many tokens at a time, whose tiles come in pairs or not.
  KernelRequest requestFor(const std::string &kernel, int64_t tokens, bool inPairs) const;
  Expected<KernelPtr> loadKernel(KernelRequest request) const;
  Status loadChunkKernels();
  Status loadSavingKernels();
  /// Why there is no filtered path; empty if there is, or if the layout has yet to decide.
  std::string whyNoFilter() const;
  bool wantsFilter() const { return problem.filterEps > 0 && whyNoFilter().empty(); }
  /// Why no logits are saved, likewise.
  std::string whyNothingSaved() const;
  /// Why loss and gradients in one call are a forward and a backward, likewise; and why logits do not stay in dC between them. First what
  /// both depend on.
  std::string whyNotInOneCall() const;
  std::string whyNoTokenChunks() const;
  std::string whyNothingInDc() const;
  /// What lies between the rows of dC is not ours.
  bool rowsOfDcFollowEachOther() const {
    return problem.dc(nullptr).strides == std::array<int64_t, 2>{problem.hidden, 1};
  }
  /// Whether the gradient of a logit is known from its value.
  bool gradientFollowsFromLogit() const;
  std::string describeInWords() const;
  /// Whether sums of dE over chunks lie in dE with their upper halves: on a GPU, where dE has 16 bits.
  bool sumInHalves() const { return backend->device() == CCE_DEVICE_CUDA; }

  /// E or C as kernels see it: in place, or packed into the workspace.
  BufferBinding operand(const BufferBinding &matrix, bool packed, void *memory) const;
  Status pack(const BufferBinding &from, const BufferBinding &to, void *stream) const;
  int64_t backwardBytes(bool withSaved) const {
    return withSaved && layout.saved.classes > 0 ? layout.saved.backwardBytes
                                                 : layout.backwardBytes;
  }
  Status checkWorkspace(const char *name, const void *workspace, size_t bytes,
                        int64_t needed) const;
  /// All arguments but the workspace.
  Status checkForward(const cce_forward_args &args) const;
  Status checkBackward(const cce_backward_args &args) const;
  /// Where the first bad label is noted, if the caller does not want to know.
  int64_t *labelError(int64_t *wanted, void *workspace) const;
  Status checkLabels(const int64_t *error, void *stream) const;
  Status checkOperand(const char *name, const BufferBinding &matrix, bool packed) const;

  /// select_tokens and, for a 16-bit bias, its conversion: the start of both directions. `bias`
  /// becomes the f32 bias, or null.
  Status begin(const void *labels, const void *&bias, char *workspace, int64_t *error, float *loss,
               float *lse, void *stream) const;

  /// All tokens that take part, `count` of them.
  struct Tokens;
  Tokens allTokens(char *workspace, const int32_t *count) const;

  /// Buffers and extents that every matrix kernel may ask for.
  Bindings common(const Tokens &tokens, const BufferBinding &e) const;
  void bindClasses(Bindings &bindings, const BufferBinding &c, const float *bias, int64_t origin,
                   int64_t classes) const;

  /// Logits in 16 bits, and what the gradients out of them need beside.
  struct SavedLogits;
  /// Those of the first classes and all tokens, which a forward saves and a backward uses up.
  struct SavedClasses;
  SavedClasses savedByCaller(void *memory, char *workspace) const;
  SavedClasses savedInDc(void *dc, char *workspace) const;

  /// All launches of a forward and of a backward, whose arguments are known to be good.
  Status enqueueForward(const cce_forward_args &args, const SavedClasses &saved,
                        void *stream) const;
  Status enqueueBackward(const cce_backward_args &args, const SavedClasses &saved,
                         void *stream) const;

  /// The label's logit and the log-sum-exp of all classes; the states of those that are saved, then those of the others.
  Status forwardSaving(const SavedClasses &saved, const Tokens &tokens, const BufferBinding &e,
                       const BufferBinding &c, const float *bias, void *stream) const;

  /// Where the codes of saved logits, or g, lie in dC: at the first aligned address behind so many rows.
  void *behindRowsOfDc(void *dc, int64_t rows) const;

  struct BackwardCall;
  /// Classes whose part of the gradients is computed at a time.
  struct Chunk;
  Status backwardChunk(const BackwardCall &call, const Tokens &tokens, const Chunk &chunk,
                       void *stream) const;
  struct TokenWeights;
  /// G in the place of the saved logits.
  Status gradFromSaved(const SavedLogits &saved, const TokenWeights &weights, const Tokens &tokens,
                       void *stream) const;

  /// GradientsRun.cpp.
  Status gradientsByChunks(const cce_gradients_args &args, void *stream) const;
  struct ChunkCall;
  struct TokenChunk;
  Status chunkOfTokens(const ChunkCall &call, int64_t index, void *stream) const;
  /// Exponentials of a chunk's logits and whether they will do; its logits, if not.
  Status forwardOfChunk(const ChunkCall &call, const TokenChunk &chunk, void *stream) const;
  /// The factors of its rows, and those columns of its rows of E with theirs.
  Status scaleLabels(const ChunkCall &call, const TokenChunk &chunk, const TokenWeights &weights,
                     void *stream) const;
  Status scaleRows(const ChunkCall &call, const TokenChunk &chunk, const BufferBinding &e,
                   void *stream) const;
  Status sortLabels(const ChunkCall &call, void *stream) const;
  Status restoreLabels(const ChunkCall &call, void *stream) const;
  /// Whether forwards of chunks store exponentials, unless a call says otherwise.
  bool storesExponentials() const {
    return layout.tokenChunks.count > 1 && problem.dtype == CCE_BF16;
  }

  /// FilteredRun.cpp. Before lse_forward_filter: computes the labels' logits and estimates log-sum-exps;
  /// `bindings`, which has all else for it, gets its thresholds and the bitmaps that it fills.
  Status beginFilter(char *workspace, char *state, const BufferBinding &e, const BufferBinding &c,
                     const float *bias, Bindings &bindings, void *stream) const;
  /// Behind it: marks for tokens whose threshold was too high.
  Status finishFilter(char *workspace, char *state, const BufferBinding &e, const BufferBinding &c,
                      const float *bias, void *stream) const;
  /// Chooses the path, and runs the filtered one if it is that.
  Status backwardFiltered(const BackwardCall &call, void *stream) const;
  Status choosePath(const BackwardCall &call, void *stream) const;
  /// Turns the mean direction of what is left out into what grad_embedding_tilted wants.
  Status tiltTail(const BackwardCall &call, void *stream) const;
  /// The sum of the rows of E, each times what its token has left out, and of these weights.
  Status sumMassRows(const BackwardCall &call, void *stream) const;
  bool weighsTokensAlike(const cce_backward_args &args) const;
  Status weightedRows(char *workspace, const float *weights, int64_t n, int64_t every,
                      const int32_t *rows, const BufferBinding &matrix, bool normalise,
                      float *result, float *total, void *stream) const;
  Status gradClasses(const BackwardCall &call, void *stream) const;

  std::shared_ptr<Backend> backend;
  Problem problem;
  Choices choices;
  Layout layout;
  bool packE = false;
  bool packC = false;
  std::string description;

  KernelPtr selectTokens, lseForward, finishLoss;
  KernelPtr tokenWeights, logitGrad, gradEmbeddingPartial, gradEmbedding, gradClassifier, gradBias;
  /// Null if not needed.
  KernelPtr biasToFloat, floatToBias, packRows;
  /// Null if no logits are saved, and there are no chunks of tokens.
  KernelPtr lseForwardSave, gradFromSavedKernel;
  /// Null if there are no chunks of tokens; what is behind dE also if there is only one, and the last ones if their
  /// forward stores no exponentials.
  struct {
    KernelPtr counts, lseForward, gradEmbedding, gradClassifierPartial, gradClassifier;
    KernelPtr labelScales, scaledRows;
    KernelPtr indexedMatmul, lseForwardExp, checkSums, sortLabels, restoreLabels;
  } chunkKernels;
  /// Null if there is no filtered path.
  struct {
    KernelPtr indexedMatmul, countLabels, headClasses, lseForwardClasses, threshold, lseForward,
        missedTokens, markMissed;
    KernelPtr heavyClasses, listClasses, choosePath, markEntries;
    KernelPtr weightedRows, sumParts, tailTilt;
    KernelPtr logitGrad, droppedMass, gradEmbedding, gradClassifier, gradClasses;
  } filterKernels;
};

} // namespace cce::rt

#endif // CCE_RUNTIME_PLAN_PLAN_H
