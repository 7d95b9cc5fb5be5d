//===- Plan.cpp - how one problem is computed on one device ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/plan/Plan.h"

#include <algorithm>
#include <future>
#include <numeric>
#include <sstream>

namespace cce::rt {

namespace {

std::string tilesText(const Manifest &manifest) {
  std::string text;
  for (const auto &[axis, size] : manifest.tiles)
    text += (text.empty() ? "" : " x ") + std::to_string(size) + " " + axis;
  return text.empty() ? "no tiles" : text;
}

/// The kernel whose tuned configuration a kernel gets: its own, or that of the nearest one that is
/// tuned.
std::string tunedAs(const std::string &kernel) {
  for (const char *tuned : {"lse_forward", "logit_grad", "grad_embedding"})
    if (kernel.starts_with(tuned))
      return tuned;
  return kernel;
}

/// Kernels compute where a row of a list begins with 32 bits, in units of 16 bytes, of which the largest
/// number says that there is no row (LowerProduct.cpp); the stride itself has to have 32 bits, too.
bool listsCanName(const BufferBinding &matrix) {
  constexpr int64_t elementsAUnit = 8, noRow = (int64_t(1) << 32) - 1;
  const int64_t rows = matrix.sizes[0], stride = matrix.strides[0] / elementsAUnit;
  return rows <= 1 || stride == 0 || std::max(rows, elementsAUnit) <= (noRow - 1) / stride;
}

/// From this many tokens on it does not matter that tiles of them then come in pairs.
constexpr int64_t clusterTokens = 1024;
constexpr int64_t pairOfTiles = 2 * tileTokens;

/// Pairs of blocks with neighbouring tiles of rows share what they read of the other operand, and so
/// stay in step, which blocks with a work of their own beside the product (cce.mark) do not: the L2
/// then reads C more than once. Measured on an H100, Gemma 2: the forward 0.93, the filtered forward
/// 0.90 of its time.
void addCluster(KernelRequest &request) {
  for (const char *shared :
       {"lse_forward", "lse_forward_filter", "lse_forward_save", "lse_forward_exp", "logit_grad",
        "grad_embedding_halves", "grad_embedding_halves_partial", "grad_embedding_scaled",
        "grad_classifier", "grad_classifier_halves", "grad_classifier_halves_partial"})
    if (auto width = request.config.find("tile_n");
        request.kernel == shared &&
        (width == request.config.end() || width->second % 128 == 0))
      request.config.emplace("cluster", 2);
}

std::string megabytes(int64_t bytes) {
  std::ostringstream stream;
  stream.precision(1);
  stream << std::fixed << double(bytes) / (1 << 20) << " MiB";
  return stream.str();
}

std::string countText(size_t chunks) { return std::to_string(chunks) + (chunks == 1 ? " chunk" : " chunks"); }

/// What becomes of chunks of classes where dC has room for g.
std::string inDcText(const Chunks &chunks) {
  return chunks.behindRows.empty() ? ""
                                   : " (or, with g in rows of dC that are written later, " +
                                         countText(chunks.behindRows.size()) + ")";
}

/// The tiles of a kernel's result.
ProductTile productTile(const Kernel &kernel, const char *rows, const char *columns) {
  const Manifest &manifest = kernel.manifest();
  return {manifest.tile(rows, 1), manifest.tile(columns, 1),
          std::max<int64_t>(manifest.cluster, 1)};
}

} // namespace

Plan::Plan(std::shared_ptr<Backend> backend, Problem problem, Choices choices)
    : backend(std::move(backend)), problem(std::move(problem)), choices(std::move(choices)) {}

Expected<std::unique_ptr<const Plan>> Plan::create(std::shared_ptr<Backend> backend,
                                                   Problem problem, Choices choices) {
  std::unique_ptr<Plan> plan(new Plan(std::move(backend), std::move(problem), std::move(choices)));
  CCE_RETURN_IF_ERROR(plan->checkDeviceRules());
  CCE_RETURN_IF_ERROR(plan->build());
  plan->description = plan->describeInWords();
  return std::unique_ptr<const Plan>(std::move(plan));
}

Status Plan::checkDeviceRules() {
  if (backend->device() != CCE_DEVICE_CUDA)
    return {};
  if (problem.dtype == CCE_F32)
    return makeError(CCE_UNIMPLEMENTED, "problem.dtype: f32 is not supported on this GPU target "
                                        "yet; expected bf16 or f16, or a context on the CPU");
  // Results are written in place, through rows of neighbouring elements.
  for (const auto &[member, matrix] :
       {std::pair("de_strides", problem.de(nullptr)), std::pair("dc_strides", problem.dc(nullptr))})
    if (matrix.strides[1] != 1 && matrix.sizes[1] > 1)
      return makeError(CCE_UNIMPLEMENTED, "problem.", member,
                       ": a GPU needs a column stride of 1 for results, got ", matrix.strides[1]);
  packE = !backend->supportsLayout(problem.e(nullptr));
  packC = !backend->supportsLayout(problem.c(nullptr));
  // The copy of E has the shortest rows that there are.
  const int64_t width = (problem.hidden + 7) / 8 * 8;
  BufferBinding e = problem.e(nullptr);
  if (packE)
    e.strides = {width, 1};
  if (!listsCanName(e))
    return makeError(CCE_UNIMPLEMENTED, "problem.", packE ? "tokens" : "e_strides",
                     ": this GPU target needs an E of less than 64 GiB, got ", problem.tokens,
                     " rows that are ", e.strides[0], " elements apart");
  return {};
}

KernelRequest Plan::requestFor(const std::string &kernel) const {
  return requestFor(kernel, problem.tokens, problem.tokens >= clusterTokens);
}

KernelRequest Plan::requestFor(const std::string &kernel, int64_t tokens, bool inPairs) const {
  KernelRequest request;
  request.kernel = kernel;
  request.target = backend->target();
  const bool hasLogits = kernel == "indexed_matmul" || kernel.starts_with("lse_forward") ||
                         kernel.starts_with("logit_grad") || kernel == "mark_missed";
  // Of those that are none of the compiler's the element type is part of the name.
  const bool isTyped =
      kernel.starts_with("grad_classes_") || kernel.starts_with("grad_from_saved_");
  if (hasLogits || (kernel.starts_with("grad_") && !isTyped))
    request.dtype = problem.dtype;
  if (hasLogits)
    request.transform = problem.transform;
  request.config = choices.compilerConfig(tunedAs(kernel));
  // Sums of what is kept, and maxima of what is saved, are by tiles of this width.
  static_assert(slotGranule == savedTile);
  if (auto width = request.config.find("tile_n");
      (kernel == "logit_grad_listed" || kernel == "lse_forward_save") &&
      width != request.config.end() && width->second != slotGranule)
    request.config.clear();
  const bool isEmbedding =
      kernel.starts_with("grad_embedding_halves") || kernel == "grad_embedding_scaled";
  if (request.target == "sm_90a" && isEmbedding && !request.config.contains("tile_n"))
    if (embeddingTile(tokens, problem.hidden, backend->parallelism()) == 192)
      request.config["tile_n"] = 192;
  if (kernel == "lse_forward" || kernel == "lse_forward_filter")
    if (const int64_t lastPart = lastPartOfForward(inPairs); lastPart > 1)
      request.config["last_part"] = lastPart;
  if (request.target == "sm_90a" && inPairs)
    addCluster(request);
  // Parts of the sample that it goes over are tiles: narrow ones, so that there are more.
  if (kernel == "lse_forward_classes" && request.target == "sm_90a")
    request.config = {{"tile_n", classesASamplePart}};
  return request;
}

int64_t Plan::lastPartOfForward(bool inPairs) const {
  const int64_t rows = inPairs ? pairOfTiles : tileTokens;
  const int64_t tokenTiles = (problem.tokens + rows - 1) / rows * rows / tileTokens;
  // Other tiles, or a number of splits that has been timed, know nothing of it.
  const KernelConfig config = choices.compilerConfig("lse_forward");
  const bool areUsualTiles = !config.contains("tile_m") && !config.contains("tile_n") && !config.contains("cluster");
  if (backend->device() != CCE_DEVICE_CUDA || tokenTiles < manyTokenTiles || !areUsualTiles || choices.splits() > 0)
    return 1;
  return rt::lastPartOfForward(tokenTiles, (problem.vocab - 1) / savedTile + 1, problem.hidden, backend->parallelism(),
                               wantsFilter() ? mostSplitsBesideFilter : mostSplits);
}

Expected<KernelPtr> Plan::loadKernel(KernelRequest request) const {
  const std::string kernel = request.kernel;
  Expected<KernelPtr> loaded = backend->loadKernel(request);
  // A configuration that was timed with another kernel need not fit this one.
  if (loaded.ok() || request.config.empty() || tunedAs(kernel) == kernel ||
      kernel == "grad_embedding_halves") // which is what grad_embedding is on a GPU
    return loaded;
  request.config.clear();
  return backend->loadKernel(request);
}

Status Plan::loadAll(const std::vector<std::pair<KernelRequest, KernelPtr *>> &kernels) {
  // At the same time: compiling is most of the cost of a first plan.
  std::vector<std::future<Status>> loads;
  for (const auto &[request, kernel] : kernels) {
    auto load = [this, &request = request, kernel = kernel]() -> Status {
      CCE_ASSIGN_OR_RETURN(*kernel, loadKernel(request));
      return {};
    };
    try {
      loads.push_back(std::async(std::launch::async, load));
    } catch (const std::system_error &) { // no more threads
      loads.push_back(std::async(std::launch::deferred, load));
    }
  }
  Status status;
  for (std::future<Status> &load : loads)
    if (Status each = load.get(); status.ok())
      status = std::move(each);
  return status;
}

Status Plan::build() {
  std::vector<std::pair<std::string, KernelPtr *>> kernels = {
      {problem.labelDtype == CCE_I32 ? "select_tokens_i32" : "select_tokens_i64", &selectTokens},
      {"lse_forward", &lseForward},
      {"finish_loss", &finishLoss},
      {"token_weights", &tokenWeights},
      {"logit_grad", &logitGrad},
      {sumInHalves() ? "grad_embedding_halves" : "grad_embedding", &gradEmbedding},
      {"grad_classifier", &gradClassifier},
  };
  if (problem.hasBias())
    kernels.emplace_back("grad_bias", &gradBias);
  if (problem.hasBias() && problem.biasDtype != CCE_F32) {
    const std::string type = dtypeName(problem.biasDtype);
    kernels.emplace_back("convert_" + type + "_to_f32", &biasToFloat);
    kernels.emplace_back("convert_f32_to_" + type, &floatToBias);
  }
  if (packE || packC)
    kernels.emplace_back("pack_rows", &packRows);
  const bool filter = wantsFilter();
  if (filter) {
    const std::string type = dtypeName(problem.dtype);
    auto &k = filterKernels;
    kernels.insert(kernels.end(), {{"indexed_matmul", &k.indexedMatmul},
                                   {"count_labels", &k.countLabels},
                                   {"head_classes", &k.headClasses},
                                   {"lse_forward_classes", &k.lseForwardClasses},
                                   {"filter_threshold", &k.threshold},
                                   {"lse_forward_filter", &k.lseForward},
                                   {"missed_tokens", &k.missedTokens},
                                   {"mark_missed", &k.markMissed},
                                   {"heavy_classes", &k.heavyClasses},
                                   {"list_classes", &k.listClasses},
                                   {"choose_path", &k.choosePath},
                                   {"logit_grad_listed", &k.logitGrad},
                                   {"dropped_mass", &k.droppedMass},
                                   {problem.correctsTail() ? "grad_embedding_tilted" : "grad_embedding_listed", &k.gradEmbedding},
                                   {"grad_classifier_heavy", &k.gradClassifier},
                                   {"mark_entries_" + type, &k.markEntries},
                                   {"grad_classes_" + type, &k.gradClasses}});
    if (problem.correctsTail())
      kernels.insert(kernels.end(), {{"weighted_rows_" + type, &k.weightedRows},
                                     {"sum_parts", &k.sumParts},
                                     {"tail_tilt_" + type, &k.tailTilt}});
  }
  const bool saves = problem.savedLogitsLimit > 0 && whyNothingSaved().empty();
  if (saves) {
    kernels.emplace_back("lse_forward_save", &lseForwardSave);
    kernels.emplace_back(std::string("grad_from_saved_") + dtypeName(problem.dtype),
                         &gradFromSavedKernel);
  }
  std::vector<std::pair<KernelRequest, KernelPtr *>> requests;
  for (const auto &[name, kernel] : kernels)
    requests.emplace_back(requestFor(name), kernel);
  CCE_RETURN_IF_ERROR(loadAll(requests));

  // A transform of the user's may ask for a bias that the problem has not got.
  const bool ownTransform = problem.transform.find("cce.transform") != std::string::npos;
  for (const KernelPtr *kernel : {&lseForward, &logitGrad})
    for (const ManifestArgument &argument : (*kernel)->manifest().arguments)
      if (ownTransform && !problem.hasBias() && argument.kind == ArgumentKind::Pointer &&
          argument.name == "bias")
        return makeError(CCE_INVALID_ARGUMENT,
                         "problem.transform: expected no use of its bias argument because "
                         "problem.bias_dtype is none");

  const bool onGpu = backend->device() == CCE_DEVICE_CUDA;
  LayoutInputs inputs;
  inputs.tokenGranule = onGpu ? tileTokens : 1;
  for (const KernelPtr *kernel :
       {&lseForward, &lseForwardSave, &logitGrad, &gradEmbedding, &gradClassifier, &gradBias,
        &filterKernels.indexedMatmul, &filterKernels.lseForwardClasses, &filterKernels.lseForward,
        &filterKernels.markMissed, &filterKernels.logitGrad, &filterKernels.gradEmbedding,
        &filterKernels.gradClassifier})
    if (*kernel) {
      const Manifest &manifest = (*kernel)->manifest();
      // Blocks of a cluster take tiles of their own, all of them.
      inputs.tokenGranule =
          std::lcm(inputs.tokenGranule,
                   manifest.tile("tokens", 1) * std::max<int64_t>(manifest.cluster, 1));
      if (kernel == &logitGrad || kernel == &gradClassifier || kernel == &gradBias ||
          kernel == &gradEmbedding)
        inputs.vocabGranule = std::lcm(inputs.vocabGranule, manifest.tile("vocab", 1));
    }
  // The kernel that begins the sums will have the same tiles.
  inputs.hiddenGranule = gradEmbedding->manifest().tile("hidden", 1);
  inputs.sumInHalves = sumInHalves();
  // So that the rows of a chunk of C, and g, start at multiples of 16 bytes.
  inputs.vocabGranule = std::lcm(inputs.vocabGranule, int64_t(8));
  inputs.forwardTokenTile = lseForward->manifest().tile("tokens", 1);
  inputs.forwardVocabTile = lseForward->manifest().tile("vocab", 1);
  inputs.logitTile = productTile(*logitGrad, "tokens", "vocab");
  inputs.embeddingTile = productTile(*gradEmbedding, "tokens", "hidden");
  inputs.classifierTile = productTile(*gradClassifier, "vocab", "hidden");
  inputs.multiprocessors = onGpu ? backend->parallelism() : 0;
  inputs.splits = choices.splits();
  // About two cores' second-level caches; measured at 1024 x 128 x 32768, f32: 0.67 of the time of one chunk.
  inputs.cachedChunkBytes = onGpu ? 0 : int64_t(4) << 20;
  inputs.packE = packE;
  inputs.packC = packC;
  inputs.lastPart = lastPartOfForward(problem.tokens >= clusterTokens);
  if (filter) {
    inputs.filter = true;
    inputs.correctsTail = problem.correctsTail();
    inputs.headClassTile = filterKernels.lseForwardClasses->manifest().tile("classes", 1);
  }
  inputs.saves = saves;
  inputs.savesInDc = whyNothingInDc().empty();
  inputs.gInDc = rowsOfDcFollowEachOther() && !packC;
  inputs.chunksTokens = whyNoTokenChunks().empty();
  // Sums lie in dC by panels of 64 elements.
  inputs.sumsClasses = problem.hidden % 64 == 0 && backend->supportsLayout(problem.dc(nullptr));
  CCE_ASSIGN_OR_RETURN(layout, Layout::choose(problem, inputs));
  if (layout.all.count > 1 || (layout.saved.classes > 0 && layout.saved.others.count > 0) ||
      layout.savedInDc.classes > 0) {
    // Of the same configuration, or the last chunk's kernel would not find the halves of the sums.
    KernelRequest request = requestFor(gradEmbedding->manifest().kernel);
    request.kernel += "_partial";
    CCE_ASSIGN_OR_RETURN(gradEmbeddingPartial, backend->loadKernel(request));
  }

  if (layout.tokenChunks.size > 0)
    CCE_RETURN_IF_ERROR(loadChunkKernels());
  if (layout.savedInDc.classes > 0)
    CCE_RETURN_IF_ERROR(loadSavingKernels());

  // Results stay where the caller wants them, so a kernel that stores through a tensor map can
  // only be used with results that meet its rules.
  for (const auto &[kernel, buffer, matrix] :
       {std::tuple(&gradEmbedding, "de", problem.de(nullptr)),
        std::tuple(&gradClassifier, "dc", problem.dc(nullptr)),
        std::tuple(filter ? &filterKernels.gradEmbedding : &gradEmbedding, "de",
                   problem.de(nullptr))})
    for (const ManifestArgument &argument : (*kernel)->manifest().arguments)
      if (argument.kind == ArgumentKind::TensorMap && argument.name == buffer &&
          !backend->supportsLayout(matrix))
        return makeError(CCE_UNIMPLEMENTED, "problem.", buffer,
                         "_strides: this GPU target needs rows a multiple of 16 bytes apart for "
                         "results, got a row stride of ",
                         matrix.strides[0], " elements");
  return {};
}

Status Plan::loadSavingKernels() {
  // What has been loaded since the layout was chosen has to do with its padding.
  const bool inPairs = problem.tokens >= clusterTokens && layout.padded % pairOfTiles == 0;
  std::vector<std::pair<KernelRequest, KernelPtr *>> kernels;
  if (!lseForwardSave)
    kernels.emplace_back(requestFor("lse_forward_save", problem.tokens, inPairs), &lseForwardSave);
  if (!gradFromSavedKernel)
    kernels.emplace_back(requestFor(std::string("grad_from_saved_") + dtypeName(problem.dtype)),
                         &gradFromSavedKernel);
  return loadAll(kernels);
}

Status Plan::loadChunkKernels() {
  const TokenChunks &chunks = layout.tokenChunks;
  // A pair with one tile would leave a block without work for as long as the other has some.
  const bool inPairs = chunks.size % pairOfTiles == 0 && layout.padded % pairOfTiles == 0;
  const std::string type = dtypeName(problem.dtype);
  auto &k = chunkKernels;
  std::vector<std::pair<KernelRequest, KernelPtr *>> kernels = {
      {requestFor("chunk_counts"), &k.counts},
      {requestFor("lse_forward_save", chunks.size, inPairs), &k.lseForward},
      {requestFor(chunks.count > 1 ? "grad_embedding_scaled" : "grad_embedding_halves", chunks.size,
                  inPairs),
       &k.gradEmbedding}};
  if (!gradFromSavedKernel)
    kernels.emplace_back(requestFor("grad_from_saved_" + type), &gradFromSavedKernel);
  if (chunks.count > 1)
    kernels.insert(kernels.end(),
                   {{requestFor("grad_classifier_halves_partial"), &k.gradClassifierPartial},
                    {requestFor("grad_classifier_halves"), &k.gradClassifier},
                    {requestFor("label_scales"), &k.labelScales},
                    {requestFor("scaled_rows_" + type), &k.scaledRows}});
  if (storesExponentials())
    kernels.insert(kernels.end(),
                   {{requestFor("indexed_matmul"), &k.indexedMatmul},
                    {requestFor("lse_forward_exp", chunks.size, inPairs), &k.lseForwardExp},
                    {requestFor("check_sums"), &k.checkSums},
                    {requestFor("sort_labels"), &k.sortLabels},
                    {requestFor("restore_labels"), &k.restoreLabels}});
  return loadAll(kernels);
}

std::string Plan::whyNoFilter() const {
  if (backend->device() != CCE_DEVICE_CUDA)
    return "the CPU target has none";
  if (packE || packC)
    return "E or C has to be copied to padded rows";
  if (!listsCanName(problem.c(nullptr)))
    return "C is larger than what lists of its rows can name (64 GiB)";
  return layout.filter.whyNot;
}

std::string Plan::whyNothingSaved() const {
  if (backend->device() != CCE_DEVICE_CUDA)
    return "the CPU target computes them again";
  if (problem.filterEps > 0)
    return "a filter decides on the device what is computed again";
  if (!gradientFollowsFromLogit())
    return "only of plain, biased or capped ones the gradient is known from their value";
  if (packE || packC)
    return "E or C has to be copied to padded rows";
  return layout.saved.whyNot;
}

bool Plan::gradientFollowsFromLogit() const {
  return problem.transform == "identity" || problem.transform == "bias" ||
         problem.transform == "softcap";
}

std::string Plan::whyNotInOneCall() const {
  if (!problem.oneCall)
    return "chunks of tokens were not asked for (problem.one_call)";
  if (backend->device() != CCE_DEVICE_CUDA)
    return "the CPU target keeps no logits";
  if (problem.tokens == 0)
    return "there are no tokens";
  if (!gradientFollowsFromLogit())
    return "only of plain, biased or capped logits the gradient is known from their value";
  if (packE || packC)
    return "E or C has to be copied to padded rows";
  return "";
}

std::string Plan::whyNoTokenChunks() const {
  const std::string why = whyNotInOneCall();
  return why.empty() ? layout.tokenChunks.whyNot : why;
}

std::string Plan::whyNothingInDc() const {
  if (std::string why = whyNotInOneCall(); !why.empty())
    return why;
  if (problem.filterEps > 0)
    return "the plan has a filter";
  if (!rowsOfDcFollowEachOther() || !backend->supportsLayout(problem.dc(nullptr)))
    return "its rows do not follow each other without a gap";
  return layout.savedInDc.whyNot;
}

std::string Plan::describeInWords() const {
  std::ostringstream out;
  out << problem.tokens << " tokens x " << problem.hidden << " hidden x " << problem.vocab
      << " classes, " << dtypeName(problem.dtype) << ", logit function "
      << (problem.transform.size() <= 16 ? problem.transform : "from the caller") << "\n";
  out << "on " << backend->description() << "\n";
  auto line = [&](const char *name, const KernelPtr &kernel) {
    if (!kernel)
      return;
    auto it = choices.configs.find(name);
    out << "  " << name << ": tiles of " << tilesText(kernel->manifest());
    if (kernel->manifest().sharedBytes)
      out << ", " << kernel->manifest().threads << " threads, "
          << kernel->manifest().sharedBytes / 1024 << " KiB shared memory"
          << (kernel->manifest().cluster > 1 ? ", in clusters of " + std::to_string(kernel->manifest().cluster) : "");
    out << (it == choices.configs.end() ? "" : ", tuned (" + configToString(it->second) + ")")
        << "\n";
  };
  out << "forward: workspace " << megabytes(layout.forwardBytes) << ", vocabulary in "
      << layout.splits << " splits\n";
  line("lse_forward", lseForward);
  out << "backward: workspace " << megabytes(layout.backwardBytes) << " of at most "
      << megabytes(int64_t(problem.workspaceLimit)) << ", vocabulary in " << layout.all.count
      << (layout.all.count == 1 ? " chunk" : " chunks of ");
  if (layout.all.count > 1)
    out << layout.all.size << " classes" << inDcText(layout.all) << ", with "
        << megabytes(layout.padded * layout.all.gStride * dtypeSize(problem.dtype))
        << " for g and " << megabytes(layout.all.sum.bytes) << (sumInHalves() ? " beside dE" : "")
        << " for sums of dE";
  out << "\n";
  line("logit_grad", logitGrad);
  line("grad_embedding", gradEmbedding);
  line("grad_classifier", gradClassifier);
  line("grad_bias", gradBias);
  if (problem.savedLogitsLimit > 0) {
    const SavedLayout &saved = layout.saved;
    out << "saved logits: ";
    if (saved.classes == 0) {
      out << "none, because " << whyNothingSaved() << "\n";
    } else {
      out << "of " << saved.classes << " of " << problem.vocab << " classes, "
          << megabytes(saved.bytes) << " from forward to backward";
      if (saved.others.count > 0)
        out << ", the others in " << countText(saved.others.count) << inDcText(saved.others);
      out << "; a backward with them: workspace " << megabytes(saved.backwardBytes);
      out << "\n";
      line("lse_forward_save", lseForwardSave);
    }
  }
  const TokenChunks &chunks = layout.tokenChunks;
  out << "loss and gradients in one call: workspace " << megabytes(layout.gradientsBytes);
  if (chunks.size == 0) {
    out << ", a forward and an exact backward, because " << whyNoTokenChunks();
    if (const SavedLayout &saved = layout.savedInDc; saved.classes > 0)
      out << "; the logits of " << saved.classes << " of " << problem.vocab
          << " classes stay in dC, if it is wanted, until it is written, the others are computed "
             "again in "
          << countText(saved.others.list(/*hasDc=*/true).size());
    else if (whyNotInOneCall().empty())
      out << "; no logits stay in dC, because " << whyNothingInDc();
    out << "\n";
    if (layout.savedInDc.classes > 0 && layout.saved.classes == 0)
      line("lse_forward_save", lseForwardSave);
  } else {
    if (chunks.count == 1)
      out << ", all tokens at once";
    else
      out << ", tokens in " << chunks.count << " chunks of " << chunks.size << ", sums of dC in "
          << megabytes(chunks.sumLower.bytes) << " and dC";
    out << "; nothing is computed twice";
    if (problem.hasBias())
      out << ", unless for dbias";
    if (storesExponentials())
      out << (problem.hasBias() ? " or" : ", unless")
          << " the logits of chunks with a label far below other classes";
    out << "\n";
    line("lse_forward_exp", chunkKernels.lseForwardExp);
    line("lse_forward_save", chunkKernels.lseForward);
    line(chunks.count > 1 ? "grad_embedding_scaled" : "grad_embedding_halves",
         chunkKernels.gradEmbedding);
    line("grad_classifier_halves", chunkKernels.gradClassifier);
  }
  if (problem.filterEps > 0) {
    const FilterLayout &filter = layout.filter;
    out << "filter: entries of p - onehot below " << problem.filterEps << " may be left out";
    if (filter.slots == 0) {
      out << ", but there is no filtered path: " << whyNoFilter() << "; exact\n";
    } else {
      out << ", "
          << (problem.correctsTail() ? "corrected by their mean direction, tilted along each token's row"
                                     : "without a correction")
          << "; " << megabytes(filter.stateBytes) << " from forward to backward, up to "
          << filter.slots << " classes for " << filterGroup << " tokens in "
          << megabytes(filter.bytes) << "; exact where more are needed"
          << (problem.hasBias() ? " or for dbias" : "") << "\n";
      line("indexed_matmul", filterKernels.indexedMatmul);
      line("lse_forward_classes", filterKernels.lseForwardClasses);
      line("lse_forward_filter", filterKernels.lseForward);
      line("mark_missed", filterKernels.markMissed);
      line("logit_grad_listed", filterKernels.logitGrad);
      line(problem.correctsTail() ? "grad_embedding_tilted" : "grad_embedding_listed", filterKernels.gradEmbedding);
      line("grad_classifier_heavy", filterKernels.gradClassifier);
    }
  }
  if (packE || packC)
    out << "copied to padded rows first, because the tensor copy engine needs rows a multiple of "
           "16 "
           "bytes apart: "
        << (packE && packC ? "E and C"
            : packE        ? "E"
                           : "C")
        << "\n";
  return out.str();
}

} // namespace cce::rt
