//===- Run.cpp - the launches of the forward and the backward -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/plan/RunSupport.h"

#include <algorithm>

namespace cce::rt {

namespace {

constexpr size_t workspaceAlignment = 256;
constexpr size_t filterStateAlignment = 256;

/// Items of grad_from_saved.
constexpr int64_t savedTokensAnItem = 8;
constexpr int64_t savedClassesAnItem = 4 * savedTile;

Status missing(const char *name) {
  return makeError(CCE_INVALID_ARGUMENT, name, ": expected memory, got NULL");
}

} // namespace

Status Plan::checkWorkspace(const char *name, const void *workspace, size_t bytes,
                            int64_t needed) const {
  if (bytes < size_t(needed))
    return makeError(CCE_INVALID_ARGUMENT, name, "_bytes: expected at least ", needed, ", got ",
                     bytes);
  return backend->checkPointer(name, workspace, workspaceAlignment);
}

Status Plan::checkOperand(const char *name, const BufferBinding &matrix, bool packed) const {
  const size_t alignment =
      backend->device() == CCE_DEVICE_CUDA && !packed ? 16 : size_t(dtypeSize(matrix.dtype));
  return backend->checkPointer(name, matrix.base, alignment);
}

BufferBinding Plan::operand(const BufferBinding &matrix, bool packed, void *memory) const {
  if (!packed)
    return matrix;
  return {memory, matrix.dtype, 2, matrix.sizes, {layout.packedStride, 1}};
}

Status Plan::pack(const BufferBinding &from, const BufferBinding &to, void *stream) const {
  Bindings bindings;
  bindings.vector("source", from.base, from.dtype, 0)
      .vector("destination", to.base, to.dtype, 0)
      .scalar("row_stride", from.strides[0])
      .scalar("column_stride", from.strides[1])
      .scalar("rows", from.sizes[0])
      .scalar("columns", from.sizes[1])
      .scalar("destination_row_stride", to.strides[0]);
  return backend->launch(*packRows, bindings, from.sizes[0], stream);
}

Status Plan::begin(const void *labels, const void *&bias, char *workspace, int64_t *error,
                   float *loss, float *lse, void *stream) const {
  Bindings bindings;
  bindings.vector("labels_in", labels, problem.labelDtype, problem.tokens)
      .scalar("positions", problem.tokens)
      .scalar("sequence", problem.sequence)
      .scalar("shift", problem.shift)
      .scalar("ignore_index", problem.ignoreIndex)
      .scalar("vocab", problem.vocab)
      .vector("rows", at<void>(workspace, layout.rows), CCE_I32, layout.padded)
      .vector("labels", at<void>(workspace, layout.labels), CCE_I32, layout.padded)
      .scalarBuffer("count", at<void>(workspace, layout.count), CCE_I32)
      .scalar("padded", layout.padded)
      .vector("error", error, CCE_I64, 2)
      .vector("loss_or_null", loss, CCE_F32, problem.tokens)
      .vector("lse_or_null", lse, CCE_F32, problem.tokens);
  CCE_RETURN_IF_ERROR(backend->launch(*selectTokens, bindings, 1, stream));
  if (!biasToFloat || problem.tokens == 0)
    return {};
  void *converted = at<void>(workspace, layout.bias);
  Bindings conversion;
  conversion.vector("source", bias, problem.biasDtype, problem.vocab)
      .vector("destination", converted, CCE_F32, problem.vocab)
      .scalar("n", problem.vocab);
  bias = converted;
  return backend->launch(*biasToFloat, conversion, divideUp(problem.vocab, 1024), stream);
}

Plan::Tokens Plan::allTokens(char *workspace, const int32_t *count) const {
  return {at<void>(workspace, layout.rows), at<void>(workspace, layout.labels), count,
          layout.padded};
}

Bindings Plan::common(const Tokens &tokens, const BufferBinding &e) const {
  Bindings bindings;
  addMatrix(bindings, "e", e);
  bindings.vector("rows", tokens.rows, CCE_I32, tokens.padded)
      .vector("labels", tokens.labels, CCE_I32, tokens.padded)
      .scalar("param", problem.softcap)
      .extent("positions", problem.tokens)
      // Behind an asynchronous launch the host does not know the count; kernels then read it.
      .extent("tokens", backend->synchronous() ? *tokens.count : tokens.padded)
      .extentPointer("tokens", tokens.count)
      .extent("hidden", e.sizes[1]);
  return bindings;
}

void Plan::bindClasses(Bindings &bindings, const BufferBinding &c, const float *bias,
                       int64_t origin, int64_t classes) const {
  addMatrix(bindings, "c", c);
  bindings.vector("bias", bias, CCE_F32, classes).extent("vocab", classes).origin("vocab", origin);
}

Status Plan::checkForward(const cce_forward_args &args) const {
  const bool perToken = problem.reduction == CCE_REDUCTION_NONE;
  if (!args.bias != !problem.hasBias())
    return makeError(CCE_INVALID_ARGUMENT, "args.bias: expected ",
                     problem.hasBias() ? "memory, got NULL"
                                       : "NULL because problem.bias_dtype is none, got memory");
  // A result without elements may have no address.
  if (problem.tokens > 0 || !perToken)
    CCE_RETURN_IF_ERROR(backend->checkPointer("args.loss", args.loss, sizeof(float)));
  if (args.lse)
    CCE_RETURN_IF_ERROR(backend->checkPointer("args.lse", args.lse, sizeof(float)));
  if (args.label_error)
    CCE_RETURN_IF_ERROR(
        backend->checkPointer("args.label_error", args.label_error, sizeof(int64_t)));
  const bool filtered = args.filter_state && layout.filter.slots > 0 && problem.tokens > 0;
  if (filtered)
    CCE_RETURN_IF_ERROR(
        backend->checkPointer("args.filter_state", args.filter_state, filterStateAlignment));
  const bool saves = args.saved_logits && layout.saved.classes > 0 && problem.tokens > 0;
  if (saves)
    CCE_RETURN_IF_ERROR(
        backend->checkPointer("args.saved_logits", args.saved_logits, size_t(savedAlignment)));
  const BufferBinding e = problem.e(args.e), c = problem.c(args.c);
  if (problem.tokens > 0) {
    CCE_RETURN_IF_ERROR(
        backend->checkPointer("args.labels", args.labels, size_t(dtypeSize(problem.labelDtype))));
    CCE_RETURN_IF_ERROR(checkOperand("args.e", e, packE));
    CCE_RETURN_IF_ERROR(checkOperand("args.c", c, packC));
    if (problem.hasBias())
      CCE_RETURN_IF_ERROR(
          backend->checkPointer("args.bias", args.bias, size_t(dtypeSize(problem.biasDtype))));
  }
  return {};
}

Status Plan::forward(const cce_forward_args &args, void *stream) const {
  if (args.struct_size != sizeof(cce_forward_args))
    return makeError(CCE_INVALID_ARGUMENT, "args.struct_size: expected ", sizeof(cce_forward_args),
                     " (call cce_forward_args_init first), got ", args.struct_size);
  CCE_RETURN_IF_ERROR(
      checkWorkspace("args.workspace", args.workspace, args.workspace_bytes, layout.forwardBytes));
  CCE_RETURN_IF_ERROR(checkForward(args));
  auto *workspace = static_cast<char *>(args.workspace);
  CCE_RETURN_IF_ERROR(enqueueForward(args, savedByCaller(args.saved_logits, workspace), stream));
  return checkLabels(labelError(args.label_error, workspace), stream);
}

Plan::SavedClasses Plan::savedByCaller(void *memory, char *workspace) const {
  const SavedLayout &saved = layout.saved;
  if (!memory || saved.classes == 0 || problem.tokens == 0)
    return {};
  auto *base = static_cast<char *>(memory);
  return {&saved,
          {at<void>(base, saved.codes), saved.stride, at<void>(base, saved.maxima),
           at<void>(base, saved.labelLogit), saved.classes},
          at<float>(workspace, layout.forward.partial)};
}

Status Plan::enqueueForward(const cce_forward_args &args, const SavedClasses &saved,
                            void *stream) const {
  const bool perToken = problem.reduction == CCE_REDUCTION_NONE;
  const bool filtered = args.filter_state && layout.filter.slots > 0 && problem.tokens > 0;
  const BufferBinding e = problem.e(args.e), c = problem.c(args.c);
  auto *workspace = static_cast<char *>(args.workspace);
  int64_t *error = labelError(args.label_error, workspace);
  float *partial = saved.layout ? saved.partial : at<float>(workspace, layout.forward.partial);
  void *labelLogit = saved.layout ? saved.logits.labelLogit
                                  : at<void>(workspace, layout.forward.labelLogit);
  const int64_t splits =
      saved.layout ? saved.layout->splits + saved.layout->otherSplits : layout.splits;
  const void *bias = args.bias;
  CCE_RETURN_IF_ERROR(
      begin(args.labels, bias, workspace, error, perToken ? args.loss : nullptr, args.lse, stream));

  if (problem.tokens > 0) {
    const BufferBinding eIn = operand(e, packE, at<void>(workspace, layout.packedE));
    const BufferBinding cIn = operand(c, packC, at<void>(workspace, layout.forward.packedC));
    if (packE)
      CCE_RETURN_IF_ERROR(pack(e, eIn, stream));
    if (packC)
      CCE_RETURN_IF_ERROR(pack(c, cIn, stream));
    const auto *biasIn = static_cast<const float *>(bias);
    const Tokens tokens = allTokens(workspace, at<int32_t>(workspace, layout.count));
    Bindings bindings = common(tokens, eIn);
    bindClasses(bindings, cIn, biasIn, 0, problem.vocab);
    bindings.extent("splits", layout.splits)
        .vector("label_logit", labelLogit, CCE_F32, layout.padded)
        .matrix("partial", partial, CCE_I64, layout.splits, layout.padded, layout.padded);
    if (filtered)
      CCE_RETURN_IF_ERROR(beginFilter(workspace, static_cast<char *>(args.filter_state), eIn, cIn,
                                      biasIn, bindings, stream));
    const Kernel &lse = filtered ? *filterKernels.lseForward : *lseForward;
    if (saved.layout)
      CCE_RETURN_IF_ERROR(forwardSaving(saved, tokens, eIn, cIn, biasIn, stream));
    else
      CCE_RETURN_IF_ERROR(backend->launch(lse, bindings,
                                          forwardItems(tilesOf(lse, "tokens", layout.padded), layout.splits, layout.lastPart),
                                          stream));
    if (filtered)
      CCE_RETURN_IF_ERROR(finishFilter(workspace, static_cast<char *>(args.filter_state), eIn, cIn,
                                       biasIn, stream));
  }

  Bindings bindings;
  bindings.matrix("partial", partial, CCE_I64, splits, layout.padded, layout.padded)
      .scalar("splits", splits)
      .scalar("padded", layout.padded)
      .vector("label_logit", labelLogit, CCE_F32, layout.padded)
      .vector("rows", at<void>(workspace, layout.rows), CCE_I32, layout.padded)
      .scalarBuffer("count", at<void>(workspace, layout.count), CCE_I32)
      .scalar("reduction", int64_t(problem.reduction))
      .vector("error", error, CCE_I64, 2)
      .vector("lse_or_null", args.lse, CCE_F32, problem.tokens)
      .vector("loss", args.loss, CCE_F32, perToken ? problem.tokens : 1)
      .scalarBuffer("total", at<void>(workspace, layout.count), CCE_I32)
      .scalarBuffer("sum_or_null", nullptr, CCE_DTYPE_NONE)
      .scalar("has_sum", int64_t(0));
  return backend->launch(*finishLoss, bindings, finishingBlocks, stream);
}

int64_t *Plan::labelError(int64_t *wanted, void *workspace) const {
  return wanted ? wanted : at<int64_t>(static_cast<char *>(workspace), layout.error);
}

Status Plan::checkLabels(const int64_t *error, void *stream) const {
  if (!problem.checkLabels)
    return {};
  int64_t found[2] = {-1, 0};
  CCE_RETURN_IF_ERROR(backend->copyToHost(found, error, sizeof(found), stream));
  if (found[0] >= 0)
    return makeError(CCE_INVALID_ARGUMENT, "args.labels: expected a class in [0, ", problem.vocab,
                     ") or ignore_index (", problem.ignoreIndex, ") at position ", found[0],
                     ", got ", found[1]);
  return {};
}

Status Plan::forwardSaving(const SavedClasses &classes, const Tokens &tokens,
                           const BufferBinding &e, const BufferBinding &c, const float *bias,
                           void *stream) const {
  const auto &[savedLayout, logits, partial] = classes;
  const SavedLayout &saved = *savedLayout;
  auto launch = [&](const Kernel &kernel, int64_t first, int64_t classes, int64_t firstSplit,
                    int64_t splits, int64_t lastPart) {
    Bindings bindings = common(tokens, e);
    bindClasses(bindings, rowsOf(c, first, classes), bias ? bias + first : nullptr, first, classes);
    bindings.extent("splits", splits)
        .vector("label_logit", logits.labelLogit, CCE_F32, layout.padded)
        .matrix("partial", partial + 2 * firstSplit * layout.padded, CCE_I64, splits, layout.padded,
                layout.padded)
        .matrix("codes", logits.codes, problem.dtype, layout.padded, saved.stride, saved.stride)
        .matrix("maxima", logits.maxima, CCE_F32, saved.stride / savedTile, layout.padded,
                layout.padded);
    return backend->launch(kernel, bindings, forwardItems(tilesOf(kernel, "tokens", layout.padded), splits, lastPart),
                           stream);
  };
  CCE_RETURN_IF_ERROR(launch(*lseForwardSave, 0, saved.classes, 0, saved.splits, /*lastPart=*/1));
  if (saved.otherSplits == 0)
    return {};
  return launch(*lseForward, saved.classes, problem.vocab - saved.classes, saved.splits,
                saved.otherSplits, layout.lastPart);
}

Status Plan::checkBackward(const cce_backward_args &args) const {
  const bool anyTokens = problem.tokens > 0;
  if (args.dbias && !problem.hasBias())
    return makeError(CCE_INVALID_ARGUMENT,
                     "args.dbias: expected NULL because problem.bias_dtype is none, got memory");
  const BufferBinding e = problem.e(args.e), c = problem.c(args.c);
  if (anyTokens) {
    if (!args.bias != !problem.hasBias())
      return problem.hasBias()
                 ? missing("args.bias")
                 : makeError(CCE_INVALID_ARGUMENT, "args.bias: expected NULL because "
                                                   "problem.bias_dtype is none, got memory");
    if (problem.hasBias())
      CCE_RETURN_IF_ERROR(
          backend->checkPointer("args.bias", args.bias, size_t(dtypeSize(problem.biasDtype))));
    CCE_RETURN_IF_ERROR(checkOperand("args.e", e, packE));
    CCE_RETURN_IF_ERROR(checkOperand("args.c", c, packC));
    CCE_RETURN_IF_ERROR(
        backend->checkPointer("args.labels", args.labels, size_t(dtypeSize(problem.labelDtype))));
    CCE_RETURN_IF_ERROR(backend->checkPointer("args.lse", args.lse, sizeof(float)));
    for (const auto &[name, pointer] :
         {std::pair("args.dloss", args.dloss), std::pair("args.dlse", args.dlse)})
      if (pointer)
        CCE_RETURN_IF_ERROR(backend->checkPointer(name, pointer, sizeof(float)));
    if (args.de)
      CCE_RETURN_IF_ERROR(checkOperand("args.de", problem.de(args.de),
                                       !backend->supportsLayout(problem.de(nullptr))));
  }
  if (args.dc)
    CCE_RETURN_IF_ERROR(checkOperand("args.dc", problem.dc(args.dc),
                                     !backend->supportsLayout(problem.dc(nullptr))));
  if (args.dbias)
    CCE_RETURN_IF_ERROR(
        backend->checkPointer("args.dbias", args.dbias, size_t(dtypeSize(problem.biasDtype))));
  const bool filtered =
      args.filter_state && !args.dbias && layout.filter.slots > 0 && anyTokens;
  if (filtered)
    CCE_RETURN_IF_ERROR(
        backend->checkPointer("args.filter_state", args.filter_state, filterStateAlignment));
  const bool isSaved = args.saved_logits && layout.saved.classes > 0 && anyTokens;
  if (isSaved)
    CCE_RETURN_IF_ERROR(
        backend->checkPointer("args.saved_logits", args.saved_logits, size_t(savedAlignment)));
  if (args.dropped_mass && anyTokens)
    CCE_RETURN_IF_ERROR(
        backend->checkPointer("args.dropped_mass", args.dropped_mass, sizeof(float)));
  if (args.kept_fraction)
    CCE_RETURN_IF_ERROR(
        backend->checkPointer("args.kept_fraction", args.kept_fraction, sizeof(float)));
  return {};
}

Status Plan::backward(const cce_backward_args &args, void *stream) const {
  if (args.struct_size != sizeof(cce_backward_args))
    return makeError(CCE_INVALID_ARGUMENT, "args.struct_size: expected ", sizeof(cce_backward_args),
                     " (call cce_backward_args_init first), got ", args.struct_size);
  CCE_RETURN_IF_ERROR(
      checkWorkspace("args.workspace", args.workspace, args.workspace_bytes,
                     backwardBytes(args.saved_logits != nullptr)));
  CCE_RETURN_IF_ERROR(checkBackward(args));
  return enqueueBackward(
      args, savedByCaller(args.saved_logits, static_cast<char *>(args.workspace)), stream);
}

void *Plan::behindRowsOfDc(void *dc, int64_t rows) const {
  const BufferBinding matrix = problem.dc(dc);
  char *place = static_cast<char *>(matrix.base) + rows * matrix.strides[0] * dtypeSize(matrix.dtype);
  return place + -reinterpret_cast<uintptr_t>(place) % gAlignment;
}

Status Plan::enqueueBackward(const cce_backward_args &args, const SavedClasses &saved,
                             void *stream) const {
  const bool anyTokens = problem.tokens > 0;
  const bool filtered =
      args.filter_state && !args.dbias && layout.filter.slots > 0 && anyTokens;
  const BufferBinding e = problem.e(args.e);

  // The filtered path writes over these where it leaves something out.
  if (args.dropped_mass && anyTokens)
    CCE_RETURN_IF_ERROR(backend->fill(args.dropped_mass, 0, problem.tokens, stream));
  if (args.kept_fraction && !filtered)
    CCE_RETURN_IF_ERROR(backend->fill(args.kept_fraction, 1, 1, stream));
  if (!anyTokens) {
    if (args.dc)
      CCE_RETURN_IF_ERROR(backend->zero(problem.dc(args.dc), stream));
    if (args.dbias)
      CCE_RETURN_IF_ERROR(
          backend->zero({args.dbias, problem.biasDtype, 1, {problem.vocab, 0}, {1, 0}}, stream));
    return {};
  }
  const bool anyGradient = args.de || args.dc || args.dbias;
  if (!anyGradient && !(filtered && (args.dropped_mass || args.kept_fraction)))
    return {};

  auto *workspace = static_cast<char *>(args.workspace);
  const auto &slices = layout.backward;
  const void *bias = args.bias;
  CCE_RETURN_IF_ERROR(begin(args.labels, bias, workspace, at<int64_t>(workspace, layout.error),
                            nullptr, nullptr, stream));
  Bindings bindings;
  bindings.vector("dloss_or_null", args.dloss, CCE_F32, problem.tokens)
      .vector("dlse_or_null", args.dlse, CCE_F32, problem.tokens)
      .vector("lse", args.lse, CCE_F32, problem.tokens)
      .vector("rows", at<void>(workspace, layout.rows), CCE_I32, layout.padded)
      .scalarBuffer("count", at<void>(workspace, layout.count), CCE_I32)
      .scalar("padded", layout.padded)
      .scalar("reduction", int64_t(problem.reduction))
      .vector("lse_out", at<void>(workspace, slices.lse), CCE_F32, layout.padded)
      .vector("prob_weight", at<void>(workspace, slices.probWeight), CCE_F32, layout.padded)
      .vector("label_weight", at<void>(workspace, slices.labelWeight), CCE_F32, layout.padded)
      .scalarBuffer("alpha", at<void>(workspace, slices.alpha), CCE_F32)
      .scalarBuffer("total", at<void>(workspace, layout.count), CCE_I32);
  CCE_RETURN_IF_ERROR(backend->launch(*tokenWeights, bindings, 1, stream));

  // Kernels write only the rows of tokens that take part.
  if (args.de)
    CCE_RETURN_IF_ERROR(backend->zero(problem.de(args.de), stream));
  const Chunks &chunks = saved.layout ? saved.layout->others : layout.all;
  BackwardCall call{args, workspace, operand(e, packE, at<void>(workspace, layout.packedE)),
                    static_cast<const float *>(bias),
                    floatToBias ? at<float>(workspace, slices.dbias)
                                : static_cast<float *>(args.dbias),
                    chunks, saved};
  if (packE)
    CCE_RETURN_IF_ERROR(pack(e, call.e, stream));
  auto *count = at<int32_t>(workspace, layout.count);
  if (filtered) {
    CCE_RETURN_IF_ERROR(backwardFiltered(call, stream));
    // What follows does nothing if it was that path.
    count = at<int32_t>(workspace, layout.filter.countDense);
  }
  const Tokens tokens = allTokens(workspace, count);
  if (saved.layout && anyGradient) {
    const SavedLogits &logits = saved.logits;
    BufferBinding g{logits.codes, problem.dtype, 2, {layout.padded, logits.classes},
                    {logits.stride, 1}};
    const Chunk chunk{0, logits.classes, g, true, true, chunks.count == 0};
    CCE_RETURN_IF_ERROR(backwardChunk(call, tokens, chunk, stream));
  }
  for (const auto &[first, classes, stride, inDc] : anyGradient ? chunks.list(args.dc) : std::vector<ClassChunk>()) {
    const int64_t end = first + classes;
    const BufferBinding g{inDc ? behindRowsOfDc(args.dc, end) : at<void>(workspace, chunks.g), problem.dtype, 2,
                          {layout.padded, classes}, {stride, 1}};
    const Chunk chunk{first, classes, g, false, first == 0, end == problem.vocab};
    CCE_RETURN_IF_ERROR(backwardChunk(call, tokens, chunk, stream));
  }

  if (args.dbias && floatToBias) {
    Bindings conversion;
    conversion.vector("source", call.dbias, CCE_F32, problem.vocab)
        .vector("destination", args.dbias, problem.biasDtype, problem.vocab)
        .scalar("n", problem.vocab);
    CCE_RETURN_IF_ERROR(
        backend->launch(*floatToBias, conversion, divideUp(problem.vocab, 1024), stream));
  }
  return {};
}

Status Plan::backwardChunk(const BackwardCall &call, const Tokens &tokens, const Chunk &chunk,
                           void *stream) const {
  const auto &[args, workspace, e, bias, dbias, chunks, saved] = call;
  const auto &slices = layout.backward;
  const int64_t first = chunk.first, classes = chunk.classes;

  const BufferBinding cSource = rowsOf(problem.c(args.c), first, classes);
  const BufferBinding c = operand(cSource, packC, at<void>(workspace, chunks.packedC));
  if (packC)
    CCE_RETURN_IF_ERROR(pack(cSource, c, stream));

  Bindings bindings = common(tokens, e);
  bindClasses(bindings, c, bias ? bias + first : nullptr, first, classes);
  addMatrix(bindings, "g", chunk.g);
  addMatrix(bindings, "de", problem.de(args.de));
  addMatrix(bindings, "dc",
            args.dc ? rowsOf(problem.dc(args.dc), first, classes) : BufferBinding());
  bindings.vector("lse", at<void>(workspace, slices.lse), CCE_F32, layout.padded)
      .vector("prob_weight", at<void>(workspace, slices.probWeight), CCE_F32, layout.padded)
      .vector("label_weight", at<void>(workspace, slices.labelWeight), CCE_F32, layout.padded)
      .scalar("has_sum", int64_t(!chunk.isFirst))
      .scalarBuffer("alpha", at<void>(workspace, slices.alpha), CCE_F32)
      .vector("dbias", dbias ? dbias + first : nullptr, CCE_F32, classes);
  void *sum = at<void>(workspace, chunks.sum);
  if (sumInHalves()) // 8 bits each
    bindings.matrix("sum_lower", sum, CCE_DTYPE_NONE, layout.padded, problem.hidden,
                    layout.sumStride);
  else
    bindings.matrix("sum", sum, CCE_F32, layout.padded, problem.hidden, layout.sumStride);

  auto run = [&](const KernelPtr &kernel, const char *axis0, int64_t extent0, const char *axis1,
                 int64_t extent1) {
    return backend->launch(*kernel, bindings,
                           tilesOf(*kernel, axis0, extent0) * tilesOf(*kernel, axis1, extent1),
                           stream);
  };
  auto fromSaved = [&] {
    const TokenWeights weights{
        at<void>(workspace, slices.lse), at<void>(workspace, slices.probWeight),
        at<void>(workspace, slices.labelWeight), at<void>(workspace, slices.alpha)};
    return gradFromSaved(call.saved.logits, weights, tokens, stream);
  };
  CCE_RETURN_IF_ERROR(
      chunk.isSaved ? fromSaved() : run(logitGrad, "tokens", layout.padded, "vocab", classes));
  if (args.de)
    CCE_RETURN_IF_ERROR(run(chunk.isLast ? gradEmbedding : gradEmbeddingPartial, "tokens",
                            layout.padded, "hidden", problem.hidden));
  if (args.dc)
    CCE_RETURN_IF_ERROR(run(gradClassifier, "vocab", classes, "hidden", problem.hidden));
  if (args.dbias)
    CCE_RETURN_IF_ERROR(run(gradBias, "vocab", classes, "vocab", 1));
  return {};
}

Status Plan::gradFromSaved(const SavedLogits &saved, const TokenWeights &weights,
                           const Tokens &tokens, void *stream) const {
  Bindings bindings;
  bindings
      .matrix("saved", saved.codes, problem.dtype, tokens.padded, saved.stride, saved.stride)
      .scalar("stride", saved.stride)
      .matrix("maxima", saved.maxima, CCE_F32, saved.stride / savedTile, tokens.padded,
              tokens.padded)
      .scalar("padded", tokens.padded)
      .scalar("classes", saved.classes)
      .scalarBuffer("count", tokens.count, CCE_I32)
      .vector("labels", tokens.labels, CCE_I32, tokens.padded)
      .vector("label_logit", saved.labelLogit, CCE_F32, tokens.padded)
      .vector("lse", weights.lse, CCE_F32, tokens.padded)
      .vector("prob_weight", weights.probWeight, CCE_F32, tokens.padded)
      .vector("label_weight", weights.labelWeight, CCE_F32, tokens.padded)
      .scalar("softcap", problem.softcap)
      .scalar("capped", int64_t(problem.transform == "softcap"));
  return backend->launch(*gradFromSavedKernel, bindings,
                         divideUp(tokens.padded, savedTokensAnItem) *
                             divideUp(saved.classes, savedClassesAnItem),
                         stream);
}

} // namespace cce::rt
