//===- GradientsRun.cpp - the launches of loss and gradients in one call --===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/plan/RunSupport.h"

#include <algorithm>

namespace cce::rt {

namespace {

/// Of kernels that give a warp a token, and of those that give a thread one.
constexpr int64_t warpsABlock = 8, threadsABlock = 256;
/// Warps of restore_labels, each of which has so many columns of a row.
constexpr int64_t restoringWarps = 16, restoredColumns = 512;

} // namespace

/// What the chunks of a call share.
struct Plan::ChunkCall {
  const cce_gradients_args &args;
  char *workspace;
  const int64_t *error;
  const float *bias; ///< f32 or null
  float *lse;        ///< by position
  bool exponentials; ///< whether forwards store them
};

struct Plan::TokenChunk {
  int64_t first, padded, splits;
  Tokens tokens;
  /// The same on either way to their gradients: the number of none is -1. With one chunk there is only one way.
  const int32_t *countExp;
  Tokens saved;
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
  return {&saved,
          {behindRowsOfDc(dc, saved.classes), saved.stride, at<void>(workspace, saved.maxima),
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
  // An upstream gradient of the log-sum-exp makes the label's share of the gradient another one.
  const ChunkCall call{args, workspace, error, static_cast<const float *>(bias), lse,
                       storesExponentials() && !args.dlse};

  Bindings counting;
  counting.scalarBuffer("count", at<void>(workspace, layout.count), CCE_I32)
      .scalar("size", chunks.size)
      .scalar("chunks", chunks.count)
      .scalar("exponentials", int64_t(call.exponentials))
      .vector("counts", at<void>(workspace, chunks.counts), CCE_I32, chunks.count)
      .vector("counts_exp", at<void>(workspace, chunks.countsExp), CCE_I32, chunks.count)
      .vector("counts_saved", at<void>(workspace, chunks.countsSaved), CCE_I32, chunks.count);
  CCE_RETURN_IF_ERROR(backend->launch(*chunkKernels.counts, counting, 1, stream));

  // Exponentials are taken below a reference that the labels' logits give.
  if (call.exponentials) {
    Bindings labels =
        common(allTokens(workspace, at<int32_t>(workspace, layout.count)), problem.e(args.e));
    bindClasses(labels, problem.c(args.c), call.bias, 0, problem.vocab);
    labels.vector("label_logit", at<void>(workspace, chunks.labelLogit), CCE_F32, layout.padded);
    CCE_RETURN_IF_ERROR(backend->launch(*chunkKernels.indexedMatmul, labels,
                                        tilesOf(*chunkKernels.indexedMatmul, "tokens", layout.padded), stream));
    if (args.dc)
      CCE_RETURN_IF_ERROR(sortLabels(call, stream));
  }
  // Kernels write only the rows of tokens that take part.
  if (args.de)
    CCE_RETURN_IF_ERROR(backend->zero(problem.de(args.de), stream));
  for (int64_t i = 0; i < chunks.count; ++i)
    CCE_RETURN_IF_ERROR(chunkOfTokens(call, i, stream));
  return checkLabels(error, stream);
}

Status Plan::sortLabels(const ChunkCall &call, void *stream) const {
  const TokenChunks &chunks = layout.tokenChunks;
  char *workspace = call.workspace;
  Bindings bindings;
  bindings.vector("labels", at<void>(workspace, layout.labels), CCE_I32, layout.padded)
      .scalarBuffer("count", at<void>(workspace, layout.count), CCE_I32)
      .vector("order", at<void>(workspace, chunks.order), CCE_I32, layout.padded)
      .vector("sorted", at<void>(workspace, chunks.sorted), CCE_I32, layout.padded);
  return backend->launch(*chunkKernels.sortLabels, bindings, divideUp(layout.padded, warpsABlock),
                         stream);
}

Status Plan::forwardOfChunk(const ChunkCall &call, const TokenChunk &chunk, void *stream) const {
  const TokenChunks &chunks = layout.tokenChunks;
  char *workspace = call.workspace;
  const int64_t padded = chunk.padded, splits = chunk.splits;
  void *partial = at<void>(workspace, chunks.partial), *codes = at<void>(workspace, chunks.codes);
  auto bind = [&](const Tokens &tokens) {
    Bindings bindings = common(tokens, problem.e(call.args.e));
    bindClasses(bindings, problem.c(call.args.c), call.bias, 0, problem.vocab);
    bindings.extent("splits", splits).matrix("partial", partial, CCE_I64, splits, padded, padded);
    return bindings;
  };
  auto run = [&](const Kernel &kernel, const Bindings &bindings) {
    return backend->launch(kernel, bindings, tilesOf(kernel, "tokens", padded) * splits, stream);
  };
  if (call.exponentials) {
    Bindings exponentials = bind(chunk.tokens);
    exponentials.matrix("g", codes, problem.dtype, padded, problem.vocab, chunks.stride)
        .vector("label_logit", at<float>(workspace, chunks.labelLogit) + chunk.first, CCE_F32, padded);
    CCE_RETURN_IF_ERROR(run(*chunkKernels.lseForwardExp, exponentials));
    Bindings check;
    check.matrix("partial", partial, CCE_I64, splits, padded, padded)
        .scalar("splits", splits)
        .scalar("padded", padded)
        .scalarBuffer("count", chunk.tokens.count, CCE_I32)
        .scalarBuffer("count_exp", chunk.countExp, CCE_I32)
        .scalarBuffer("count_saved", chunk.saved.count, CCE_I32);
    CCE_RETURN_IF_ERROR(
        backend->launch(*chunkKernels.checkSums, check, divideUp(padded, warpsABlock), stream));
  }
  Bindings saving = bind(chunk.saved);
  saving.matrix("codes", codes, problem.dtype, padded, chunks.stride, chunks.stride)
      .vector("label_logit", at<float>(workspace, chunks.labelLogit) + chunk.first, CCE_F32, padded)
      .matrix("maxima", at<void>(workspace, chunks.maxima), CCE_F32, chunks.stride / savedTile,
              padded, padded);
  return run(*chunkKernels.lseForward, saving);
}

Status Plan::scaleLabels(const ChunkCall &call, const TokenChunk &chunk,
                         const TokenWeights &weights, void *stream) const {
  const TokenChunks &chunks = layout.tokenChunks;
  char *workspace = call.workspace;
  const int64_t padded = chunk.padded;
  auto ofChunk = [&](const Slice &slice) { return at<float>(workspace, slice) + chunk.first; };
  Bindings scales;
  scales.scalarBuffer("count", chunk.tokens.count, CCE_I32)
      .scalarBuffer("count_exp", chunk.countExp, CCE_I32)
      .scalar("padded", padded)
      .vector("labels", chunk.tokens.labels, CCE_I32, padded)
      .vector("label_logit", ofChunk(chunks.labelLogit), CCE_F32, padded)
      .vector("lse", weights.lse, CCE_F32, padded)
      .vector("prob_weight", weights.probWeight, CCE_F32, padded)
      .scalarBuffer("alpha", weights.alpha, CCE_F32)
      .scalar("softcap", problem.softcap)
      .scalar("capped", int64_t(problem.transform == "softcap"))
      .matrix("codes", at<void>(workspace, chunks.codes), problem.dtype, padded, chunks.stride,
              chunks.stride)
      .scalar("stride", chunks.stride)
      .vector("factor", ofChunk(chunks.factor), CCE_F32, padded)
      .vector("scale", at<void>(workspace, chunks.scale), CCE_F32, padded)
      .vector("exact", ofChunk(chunks.exact), CCE_F32, padded)
      .vector("stored", ofChunk(chunks.stored), CCE_F32, padded);
  return backend->launch(*chunkKernels.labelScales, scales, divideUp(padded, threadsABlock), stream);
}

Status Plan::scaleRows(const ChunkCall &call, const TokenChunk &chunk, const BufferBinding &e,
                       void *stream) const {
  const TokenChunks &chunks = layout.tokenChunks;
  const int64_t padded = chunk.padded, columns = e.sizes[1];
  Bindings rows;
  rows.scalarBuffer("count", chunk.tokens.count, CCE_I32)
      .vector("rows", chunk.tokens.rows, CCE_I32, padded)
      .vector("factor", at<float>(call.workspace, chunks.factor) + chunk.first, CCE_F32, padded)
      .scalar("padded", padded)
      .scalar("stride", e.strides[0])
      .scalar("columns", columns)
      .matrix("scaled", at<void>(call.workspace, chunks.scaled), problem.dtype, padded, columns, columns);
  addMatrix(rows, "e", e);
  return backend->launch(*chunkKernels.scaledRows, rows, divideUp(padded, warpsABlock), stream);
}

Status Plan::restoreLabels(const ChunkCall &call, void *stream) const {
  const TokenChunks &chunks = layout.tokenChunks;
  char *workspace = call.workspace;
  const BufferBinding e = problem.e(call.args.e), dc = problem.dc(call.args.dc);
  auto ofAll = [&](const Slice &slice) { return at<void>(workspace, slice); };
  Bindings bindings;
  bindings.vector("order", ofAll(chunks.order), CCE_I32, layout.padded)
      .vector("sorted", ofAll(chunks.sorted), CCE_I32, layout.padded)
      .scalarBuffer("count", ofAll(layout.count), CCE_I32)
      .vector("rows", ofAll(layout.rows), CCE_I32, layout.padded)
      .vector("factor", ofAll(chunks.factor), CCE_F32, layout.padded)
      .vector("exact", ofAll(chunks.exact), CCE_F32, layout.padded)
      .vector("stored", ofAll(chunks.stored), CCE_F32, layout.padded)
      .scalar("stride", e.strides[0])
      .scalar("hidden", problem.hidden)
      .matrix("sum_lower", ofAll(chunks.sumLower), CCE_DTYPE_NONE, problem.vocab, problem.hidden,
              problem.hidden)
      .scalar("dc_stride", dc.strides[0])
      .scalar("vocab", problem.vocab);
  addMatrix(bindings, "e", e);
  addMatrix(bindings, "dc", dc);
  const int64_t widths = divideUp(problem.hidden, restoredColumns);
  return backend->launch(*chunkKernels.restoreLabels, bindings,
                         divideUp(layout.padded * widths, restoringWarps), stream);
}

Status Plan::chunkOfTokens(const ChunkCall &call, int64_t index, void *stream) const {
  const auto &[args, workspace, error, bias, lse, exponentials] = call;
  const TokenChunks &chunks = layout.tokenChunks;
  const int64_t first = index * chunks.size, padded = std::min(chunks.size, layout.padded - first);
  const bool isFirst = index == 0, isLast = index == chunks.count - 1;
  const bool isOnly = chunks.count == 1;
  auto ofChunk = [&](const Slice &slice) { return at<int32_t>(workspace, slice) + first; };
  auto countOf = [&](const Slice &slice) { return at<int32_t>(workspace, slice) + index; };
  const Tokens tokens{ofChunk(layout.rows), ofChunk(layout.labels), countOf(chunks.counts), padded};
  Tokens saved = tokens;
  if (!isOnly)
    saved.count = countOf(chunks.countsSaved);
  const int64_t splits = isLast ? chunks.lastSplits : chunks.splits;
  const TokenChunk chunk{first, padded, splits, tokens, countOf(chunks.countsExp), saved};
  void *labelLogit = ofChunk(chunks.labelLogit); // 4 bytes each, too
  void *partial = at<void>(workspace, chunks.partial), *codes = at<void>(workspace, chunks.codes);
  void *maxima = at<void>(workspace, chunks.maxima), *total = at<void>(workspace, layout.count);
  CCE_RETURN_IF_ERROR(forwardOfChunk(call, chunk, stream));

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
  CCE_RETURN_IF_ERROR(backend->launch(*finishLoss, finish, finishingBlocks, stream));

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
                                    weights, saved, stream));
  if (!isOnly)
    CCE_RETURN_IF_ERROR(scaleLabels(call, chunk, weights, stream));

  // Of the columns [first, first + columns) of E and of the gradients.
  auto product = [&](const Kernel &kernel, const char *axis, int64_t extent, bool hasSum,
                     int64_t first, int64_t columns) {
    Bindings product = common(tokens, columnsOf(problem.e(args.e), first, columns));
    bindClasses(product, problem.c(args.c), nullptr, 0, problem.vocab);
    addMatrix(product, "de", columnsOf(problem.de(args.de), first, columns));
    addMatrix(product, "dc", columnsOf(problem.dc(args.dc), first, columns));
    // What of the sums of dC lies here has 4 bits an element, in which its stride is, too; of 16 rows the columns follow each other.
    char *sumLower = at<char>(workspace, chunks.sumLower) + first * sumRows / 2;
    product.matrix("g", codes, problem.dtype, padded, problem.vocab, chunks.stride)
        .matrix("scaled", at<void>(workspace, chunks.scaled), problem.dtype, padded, columns, columns)
        .vector("scale", at<void>(workspace, chunks.scale), CCE_F32, padded)
        .scalarBuffer("alpha", weights.alpha, CCE_F32)
        .scalar("has_sum", int64_t(hasSum))
        .matrix("sum_lower", sumLower, CCE_DTYPE_NONE, extent, columns, problem.hidden);
    return backend->launch(kernel, product,
                           tilesOf(kernel, axis, extent) * tilesOf(kernel, "hidden", columns),
                           stream);
  };
  // A chunk has all classes, so its rows of dE are complete.
  if (args.de)
    CCE_RETURN_IF_ERROR(
        product(*chunkKernels.gradEmbedding, "tokens", padded, false, 0, problem.hidden));
  if (!args.dc)
    return {};
  if (isOnly)
    return product(*gradClassifier, "vocab", problem.vocab, false, 0, problem.hidden);
  // While the sums lie there, and behind the first chunk, which makes them.
  if (exponentials && isLast)
    CCE_RETURN_IF_ERROR(restoreLabels(call, stream));
  const Kernel &classifier =
      isLast ? *chunkKernels.gradClassifier : *chunkKernels.gradClassifierPartial;
  for (int64_t column = 0; column < problem.hidden; column += chunks.scaledColumns) {
    const int64_t columns = std::min(chunks.scaledColumns, problem.hidden - column);
    CCE_RETURN_IF_ERROR(
        scaleRows(call, chunk, columnsOf(problem.e(args.e), column, columns), stream));
    CCE_RETURN_IF_ERROR(
        product(classifier, "vocab", problem.vocab, !isFirst, column, columns));
  }
  return {};
}

} // namespace cce::rt
