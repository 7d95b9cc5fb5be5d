//===- GradientsRun.cpp - the launches of loss and gradients in one call --===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/plan/RunSupport.h"

#include <algorithm>

namespace cce::rt {

/// What the chunks of a call share.
struct Plan::ChunkCall {
  const cce_gradients_args &args;
  char *workspace;
  const int64_t *error;
  const float *bias; ///< f32 or null
  float *lse;        ///< by position
};

Status Plan::lossAndGradients(const cce_gradients_args &args, void *stream) const {
  if (args.struct_size != sizeof(cce_gradients_args))
    return makeError(CCE_INVALID_ARGUMENT, "args.struct_size: expected ",
                     sizeof(cce_gradients_args), " (call cce_gradients_args_init first), got ",
                     args.struct_size);
  CCE_RETURN_IF_ERROR(checkWorkspace("args.workspace", args.workspace, args.workspace_bytes,
                                     layout.gradientsBytes));
  const bool anyGradient = args.de || args.dc || args.dbias;
  const bool byChunks = layout.tokenChunks.size > 0 && anyGradient && !args.dbias;
  float *lse = args.lse;
  if (!lse && anyGradient && !byChunks)
    lse = at<float>(static_cast<char *>(args.workspace), layout.lseBetween);

  cce_forward_args forwardArgs = {};
  forwardArgs.struct_size = sizeof(forwardArgs);
  forwardArgs.e = args.e;
  forwardArgs.c = args.c;
  forwardArgs.bias = args.bias;
  forwardArgs.labels = args.labels;
  forwardArgs.loss = args.loss;
  forwardArgs.lse = lse;
  forwardArgs.label_error = args.label_error;
  forwardArgs.workspace = args.workspace;
  forwardArgs.workspace_bytes = args.workspace_bytes;
  cce_backward_args backwardArgs = {};
  backwardArgs.struct_size = sizeof(backwardArgs);
  backwardArgs.e = args.e;
  backwardArgs.c = args.c;
  backwardArgs.bias = args.bias;
  backwardArgs.labels = args.labels;
  // Chunks may have one of their own.
  backwardArgs.lse = lse ? lse : static_cast<const float *>(args.workspace);
  backwardArgs.dloss = args.dloss;
  backwardArgs.dlse = args.dlse;
  backwardArgs.de = args.de;
  backwardArgs.dc = args.dc;
  backwardArgs.dbias = args.dbias;
  backwardArgs.workspace = args.workspace;
  backwardArgs.workspace_bytes = args.workspace_bytes;
  // All of it before anything is launched.
  CCE_RETURN_IF_ERROR(checkForward(forwardArgs));
  CCE_RETURN_IF_ERROR(checkBackward(backwardArgs));

  if (byChunks)
    return gradientsByChunks(args, stream);
  const SavedClasses saved = savedInDc(args.dc, static_cast<char *>(args.workspace));
  CCE_RETURN_IF_ERROR(enqueueForward(forwardArgs, saved, stream));
  if (anyGradient)
    CCE_RETURN_IF_ERROR(enqueueBackward(backwardArgs, saved, stream));
  return checkLabels(labelError(args.label_error, args.workspace), stream);
}

Plan::SavedClasses Plan::savedInDc(void *dc, char *workspace) const {
  const SavedLayout &saved = layout.savedInDc;
  if (!dc || saved.classes == 0)
    return {};
  char *codes = at<char>(static_cast<char *>(dc), saved.codes);
  codes += -reinterpret_cast<uintptr_t>(codes) % savedAlignment;
  return {&saved,
          {codes, saved.stride, at<void>(workspace, saved.maxima),
           at<void>(workspace, saved.labelLogit), saved.classes},
          at<float>(workspace, saved.partial)};
}

Status Plan::gradientsByChunks(const cce_gradients_args &args, void *stream) const {
  const TokenChunks &chunks = layout.tokenChunks;
  auto *workspace = static_cast<char *>(args.workspace);
  const bool perToken = problem.reduction == CCE_REDUCTION_NONE;
  int64_t *error = labelError(args.label_error, workspace);
  float *lse = args.lse ? args.lse : at<float>(workspace, chunks.lse);
  const void *bias = args.bias;
  CCE_RETURN_IF_ERROR(
      begin(args.labels, bias, workspace, error, perToken ? args.loss : nullptr, lse, stream));
  const ChunkCall call{args, workspace, error, static_cast<const float *>(bias), lse};

  Bindings counting;
  counting.scalarBuffer("count", at<void>(workspace, layout.count), CCE_I32)
      .scalar("size", chunks.size)
      .scalar("chunks", chunks.count)
      .vector("counts", at<void>(workspace, chunks.counts), CCE_I32, chunks.count);
  CCE_RETURN_IF_ERROR(backend->launch(*chunkKernels.counts, counting, 1, stream));

  // Kernels write only the rows of tokens that take part.
  if (args.de)
    CCE_RETURN_IF_ERROR(backend->zero(problem.de(args.de), stream));
  for (int64_t i = 0; i < chunks.count; ++i)
    CCE_RETURN_IF_ERROR(chunkOfTokens(call, i, stream));
  return checkLabels(error, stream);
}

Status Plan::chunkOfTokens(const ChunkCall &call, int64_t index, void *stream) const {
  const auto &[args, workspace, error, bias, lse] = call;
  const TokenChunks &chunks = layout.tokenChunks;
  const int64_t first = index * chunks.size, padded = std::min(chunks.size, layout.padded - first);
  const bool isFirst = index == 0, isLast = index == chunks.count - 1;
  auto ofChunk = [&](const Slice &slice) { return at<int32_t>(workspace, slice) + first; };
  const Tokens tokens{ofChunk(layout.rows), ofChunk(layout.labels),
                      at<int32_t>(workspace, chunks.counts) + index, padded};
  void *labelLogit = at<void>(workspace, chunks.labelLogit);
  void *partial = at<void>(workspace, chunks.partial), *codes = at<void>(workspace, chunks.codes);
  void *maxima = at<void>(workspace, chunks.maxima), *total = at<void>(workspace, layout.count);
  const int64_t classTiles = chunks.stride / savedTile;
  const int64_t splits = isLast ? chunks.lastSplits : chunks.splits;

  Bindings bindings = common(tokens, problem.e(args.e));
  bindClasses(bindings, problem.c(args.c), bias, 0, problem.vocab);
  bindings.extent("splits", splits)
      .vector("label_logit", labelLogit, CCE_F32, padded)
      .matrix("partial", partial, CCE_I64, splits, padded, padded)
      .matrix("codes", codes, problem.dtype, padded, chunks.stride, chunks.stride)
      .matrix("maxima", maxima, CCE_F32, classTiles, padded, padded);
  const Kernel &forwardKernel = *chunkKernels.lseForward;
  CCE_RETURN_IF_ERROR(backend->launch(forwardKernel, bindings,
                                      tilesOf(forwardKernel, "tokens", padded) * splits, stream));

  const bool perToken = problem.reduction == CCE_REDUCTION_NONE;
  Bindings finish;
  finish.matrix("partial", partial, CCE_I64, splits, padded, padded)
      .scalar("splits", splits)
      .scalar("padded", padded)
      .vector("label_logit", labelLogit, CCE_F32, padded)
      .vector("rows", tokens.rows, CCE_I32, padded)
      .scalarBuffer("count", tokens.count, CCE_I32)
      .scalar("reduction", int64_t(problem.reduction))
      .vector("error", error, CCE_I64, 2)
      .vector("lse_or_null", lse, CCE_F32, problem.tokens)
      .vector("loss", args.loss, CCE_F32, perToken ? problem.tokens : 1)
      .scalarBuffer("total", total, CCE_I32)
      .scalarBuffer("sum_or_null", at<void>(workspace, chunks.lossSum), CCE_DTYPE_NONE)
      .scalar("has_sum", int64_t(!isFirst));
  CCE_RETURN_IF_ERROR(backend->launch(*finishLoss, finish, 1, stream));

  const TokenWeights weights{
      at<void>(workspace, chunks.compactLse), at<void>(workspace, chunks.probWeight),
      at<void>(workspace, chunks.labelWeight), at<void>(workspace, chunks.alpha)};
  Bindings weighing;
  weighing.vector("dloss_or_null", args.dloss, CCE_F32, problem.tokens)
      .vector("dlse_or_null", args.dlse, CCE_F32, problem.tokens)
      .vector("lse", lse, CCE_F32, problem.tokens)
      .vector("rows", tokens.rows, CCE_I32, padded)
      .scalarBuffer("count", tokens.count, CCE_I32)
      .scalar("padded", padded)
      .scalar("reduction", int64_t(problem.reduction))
      .vector("lse_out", weights.lse, CCE_F32, padded)
      .vector("prob_weight", weights.probWeight, CCE_F32, padded)
      .vector("label_weight", weights.labelWeight, CCE_F32, padded)
      .scalarBuffer("alpha", weights.alpha, CCE_F32)
      .scalarBuffer("total", total, CCE_I32);
  CCE_RETURN_IF_ERROR(backend->launch(*tokenWeights, weighing, 1, stream));
  CCE_RETURN_IF_ERROR(gradFromSaved({codes, chunks.stride, maxima, labelLogit, problem.vocab},
                                    weights, tokens, stream));

  auto product = [&](const Kernel &kernel, const char *axis, int64_t extent, bool hasSum,
                     void *sumLower) {
    Bindings product = common(tokens, problem.e(args.e));
    bindClasses(product, problem.c(args.c), nullptr, 0, problem.vocab);
    addMatrix(product, "de", problem.de(args.de));
    addMatrix(product, "dc", problem.dc(args.dc));
    // Of the lower halves too the stride is one of elements: of 8 bits in those of dE and of 4 in
    // those of dC.
    product.matrix("g", codes, problem.dtype, padded, problem.vocab, chunks.stride)
        .scalarBuffer("alpha", weights.alpha, CCE_F32)
        .scalar("has_sum", int64_t(hasSum))
        .matrix("sum_lower", sumLower, CCE_DTYPE_NONE, extent, problem.hidden, problem.hidden);
    return backend->launch(
        kernel, product, tilesOf(kernel, axis, extent) * tilesOf(kernel, "hidden", problem.hidden),
        stream);
  };
  // A chunk has all classes, so its rows of dE are complete.
  if (args.de)
    CCE_RETURN_IF_ERROR(product(*chunkKernels.gradEmbedding, "tokens", padded, false, nullptr));
  if (!args.dc)
    return {};
  const KernelPtr &classifier = chunks.count == 1 ? gradClassifier
                                : isLast          ? chunkKernels.gradClassifier
                                                  : chunkKernels.gradClassifierPartial;
  return product(*classifier, "vocab", problem.vocab, !isFirst,
                 at<void>(workspace, chunks.sumLower));
}

} // namespace cce::rt
