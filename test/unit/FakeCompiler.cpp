//===- FakeCompiler.cpp - a compiler whose kernels are plain C++ ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "test/unit/FakeCompiler.h"

#include "runtime/cpu/Float16.h"

#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <sstream>

namespace cce::rt::test {

namespace {

/// Reads slots in the order of the manifest.
class Slots {
public:
  explicit Slots(const uint64_t *slots) : next(slots) {}
  template <typename T> T *pointer() {
    return reinterpret_cast<T *>(static_cast<uintptr_t>(*next++));
  }
  int64_t integer() { return int64_t(*next++); }
  float real() { return std::bit_cast<float>(uint32_t(*next++)); }

private:
  const uint64_t *next;
};

struct F32 {
  using Storage = float;
  static float load(float value) { return value; }
  static float store(float value) { return value; }
};
struct Bf16 {
  using Storage = uint16_t;
  static float load(uint16_t value) { return bf16ToFloat(value); }
  static uint16_t store(float value) { return floatToBf16(value); }
};
struct F16 {
  using Storage = uint16_t;
  static float load(uint16_t value) { return f16ToFloat(value); }
  static uint16_t store(float value) { return floatToF16(value); }
};

template <typename Type> struct Matrix {
  explicit Matrix(Slots &slots)
      : base(slots.pointer<typename Type::Storage>()), rowStride(slots.integer()),
        columnStride(slots.integer()) {}
  float at(int64_t row, int64_t column) const {
    return Type::load(base[row * rowStride + column * columnStride]);
  }
  void set(int64_t row, int64_t column, double value) const {
    base[row * rowStride + column * columnStride] = Type::store(float(value));
  }
  typename Type::Storage *base;
  int64_t rowStride, columnStride;
};

/// E, rows, C, bias, param: the logit of a row and a class, and its derivative.
template <typename Type> struct Logits {
  explicit Logits(Slots &slots)
      : e(slots), rows(slots.pointer<int32_t>()), c(slots), bias(slots.pointer<float>()),
        param(slots.real()), hidden(slots.integer()) {}
  double operator()(int64_t token, int64_t column, double *derivative = nullptr) const {
    double sum = bias ? bias[column] : 0;
    for (int64_t d = 0; d < hidden; ++d)
      sum += double(e.at(rows[token], d)) * c.at(column, d);
    const double capped = std::isinf(param) ? sum : param * std::tanh(sum / param);
    if (derivative)
      *derivative = std::isinf(param) ? 1 : 1 - (capped / param) * (capped / param);
    return capped;
  }
  Matrix<Type> e;
  int32_t *rows;
  Matrix<Type> c;
  float *bias;
  float param;
  int64_t hidden;
};

constexpr double log2e = 1.44269504088896340736;

template <typename Type> void lseForward(const uint64_t *memory) {
  Slots slots(memory);
  Logits<Type> logit(slots);
  auto *labels = slots.pointer<int32_t>();
  auto *labelLogit = slots.pointer<float>();
  auto *partial = slots.pointer<float>();
  const int64_t stride = slots.integer();
  const int64_t vocab = slots.integer(), origin = slots.integer(), splits = slots.integer();
  const int64_t begin = slots.integer(), end = slots.integer();
  const int64_t firstSplit = slots.integer(), lastSplit = slots.integer();
  for (int64_t s = firstSplit; s < lastSplit; ++s)
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = s * vocab / splits, last = (s + 1) * vocab / splits;
      const int64_t label = labels[i] - origin;
      if (label >= first && label < last)
        labelLogit[i] = float(logit(i, label));
      double maximum = -std::numeric_limits<double>::infinity(), sum = 0;
      for (int64_t v = first; v < last; ++v)
        maximum = std::fmax(maximum, logit(i, v) * log2e);
      maximum = float(maximum);
      if (!std::isinf(maximum))
        for (int64_t v = first; v < last; ++v)
          sum += std::exp2(logit(i, v) * log2e - maximum);
      partial[2 * (s * stride + i)] = float(maximum);
      partial[2 * (s * stride + i) + 1] = float(sum);
    }
}

template <typename Type> void logitGrad(const uint64_t *memory) {
  Slots slots(memory);
  Logits<Type> logit(slots);
  auto *labels = slots.pointer<int32_t>();
  auto *lse = slots.pointer<float>();
  auto *probWeight = slots.pointer<float>();
  auto *labelWeight = slots.pointer<float>();
  Matrix<Type> g(slots);
  const int64_t vocab = slots.integer(), origin = slots.integer();
  const int64_t begin = slots.integer(), end = slots.integer();
  for (int64_t i = begin; i < end; ++i)
    for (int64_t v = 0; v < vocab; ++v) {
      double derivative;
      const double p = std::exp(logit(i, v, &derivative) - lse[i]);
      const double label = labels[i] == v + origin ? labelWeight[i] : 0;
      g.set(i, v, (p * probWeight[i] - label) * derivative);
    }
}

/// Sum over the classes of g * C on top of what earlier chunks left.
template <typename Type> struct EmbeddingSum {
  explicit EmbeddingSum(Slots &slots)
      : g(slots), c(slots), hasSum(slots.integer() != 0), sum(slots.pointer<float>()),
        stride(slots.integer()), vocab(slots.integer()), hidden(slots.integer()) {}
  float operator()(int64_t token, int64_t d) const {
    double total = hasSum ? sum[token * stride + d] : 0;
    for (int64_t v = 0; v < vocab; ++v)
      total += double(g.at(token, v)) * c.at(v, d);
    return float(total);
  }
  Matrix<Type> g, c;
  bool hasSum;
  float *sum;
  int64_t stride, vocab, hidden;
};

template <typename Type> void gradEmbeddingPartial(const uint64_t *memory) {
  Slots slots(memory);
  EmbeddingSum<Type> total(slots);
  const int64_t begin = slots.integer(), end = slots.integer();
  for (int64_t i = begin; i < end; ++i)
    for (int64_t d = 0; d < total.hidden; ++d)
      total.sum[i * total.stride + d] = total(i, d);
}

template <typename Type> void gradEmbedding(const uint64_t *memory) {
  Slots slots(memory);
  EmbeddingSum<Type> total(slots);
  const float alpha = *slots.pointer<float>();
  auto *rows = slots.pointer<int32_t>();
  Matrix<Type> de(slots);
  const int64_t begin = slots.integer(), end = slots.integer();
  for (int64_t i = begin; i < end; ++i)
    for (int64_t d = 0; d < total.hidden; ++d)
      de.set(rows[i], d, double(alpha) * total(i, d));
}

template <typename Type> void gradClassifier(const uint64_t *memory) {
  Slots slots(memory);
  Matrix<Type> g(slots), e(slots);
  auto *rows = slots.pointer<int32_t>();
  const float alpha = *slots.pointer<float>();
  Matrix<Type> dc(slots);
  const int64_t tokens = slots.integer(), hidden = slots.integer();
  const int64_t begin = slots.integer(), end = slots.integer();
  for (int64_t v = begin; v < end; ++v)
    for (int64_t d = 0; d < hidden; ++d) {
      double sum = 0;
      for (int64_t i = 0; i < tokens; ++i)
        sum += double(g.at(i, v)) * e.at(rows[i], d);
      dc.set(v, d, alpha * sum);
    }
}

template <typename Type> void gradBias(const uint64_t *memory) {
  Slots slots(memory);
  Matrix<Type> g(slots);
  const float alpha = *slots.pointer<float>();
  auto *dbias = slots.pointer<float>();
  const int64_t tokens = slots.integer();
  const int64_t begin = slots.integer(), end = slots.integer();
  for (int64_t v = begin; v < end; ++v) {
    double sum = 0;
    for (int64_t i = 0; i < tokens; ++i)
      sum += g.at(i, v);
    dbias[v] = float(alpha * sum);
  }
}

template <typename Type> LoadedCpuKernel::Entry entryOf(const std::string &kernel) {
  static const std::map<std::string, LoadedCpuKernel::Entry> entries = {
      {"lse_forward", lseForward<Type>},
      {"logit_grad", logitGrad<Type>},
      {"grad_embedding_partial", gradEmbeddingPartial<Type>},
      {"grad_embedding", gradEmbedding<Type>},
      {"grad_classifier", gradClassifier<Type>},
      {"grad_bias", gradBias<Type>}};
  auto it = entries.find(kernel);
  return it == entries.end() ? nullptr : it->second;
}

class FakeCpuKernel final : public LoadedCpuKernel {
public:
  explicit FakeCpuKernel(Entry function) : function(function) {}
  Entry entry() const override { return function; }

private:
  Entry function;
};

/// Builds argument lists in the order in which the kernels above read them.
class ArgumentList {
public:
  ArgumentList &pointer(const char *name) { return add(ArgumentKind::Pointer, name); }
  ArgumentList &matrix(const char *name) {
    pointer(name);
    add(ArgumentKind::Stride, name);
    add(ArgumentKind::Stride, name);
    list.back().dimension = 1;
    return *this;
  }
  ArgumentList &stride(const char *name) { return add(ArgumentKind::Stride, name); }
  ArgumentList &extent(const char *axis) { return add(ArgumentKind::Extent, axis); }
  ArgumentList &origin(const char *axis) { return add(ArgumentKind::Origin, axis); }
  ArgumentList &range(const char *axis) {
    add(ArgumentKind::Begin, axis);
    return add(ArgumentKind::End, axis);
  }
  ArgumentList &scalar(const char *name, ScalarType type) {
    add(ArgumentKind::Scalar, name);
    list.back().scalarType = type;
    return *this;
  }
  ArgumentList &logits() {
    matrix("e").pointer("rows").matrix("c").pointer("bias");
    return scalar("param", ScalarType::F32).extent("hidden");
  }
  ArgumentList &embeddingSum() {
    matrix("g").matrix("c").scalar("has_sum", ScalarType::I1).pointer("sum").stride("sum");
    return extent("vocab").extent("hidden");
  }
  std::vector<ManifestArgument> list;

private:
  ArgumentList &add(ArgumentKind kind, const char *name) {
    ManifestArgument argument;
    argument.kind = kind;
    argument.name = name;
    list.push_back(argument);
    return *this;
  }
};

std::vector<ManifestArgument> cpuArguments(const std::string &kernel) {
  ArgumentList a;
  if (kernel == "lse_forward")
    a.logits()
        .pointer("labels")
        .pointer("label_logit")
        .pointer("partial")
        .stride("partial")
        .extent("vocab")
        .origin("vocab")
        .extent("splits")
        .range("tokens")
        .range("splits");
  else if (kernel == "logit_grad")
    a.logits()
        .pointer("labels")
        .pointer("lse")
        .pointer("prob_weight")
        .pointer("label_weight")
        .matrix("g")
        .extent("vocab")
        .origin("vocab")
        .range("tokens");
  else if (kernel == "grad_embedding_partial")
    a.embeddingSum().range("tokens");
  else if (kernel == "grad_embedding")
    a.embeddingSum().pointer("alpha").pointer("rows").matrix("de").range("tokens");
  else if (kernel == "grad_classifier")
    a.matrix("g")
        .matrix("e")
        .pointer("rows")
        .pointer("alpha")
        .matrix("dc")
        .extent("tokens")
        .extent("hidden")
        .range("vocab");
  else if (kernel == "grad_bias")
    a.matrix("g").pointer("alpha").pointer("dbias").extent("tokens").range("vocab");
  return a.list;
}

/// The arguments of the kernels of filter and saved logits as docs/architecture.md has them: "name" is a pointer,
/// "name:kind" another kind or the type of a scalar.
const std::map<std::string, std::string> optionalArguments = {
    {"count_labels", "labels count vocab:i32 words:i32 seen needed"},
    {"head_classes", "often words:i32 vocab:i32 classes capacity:i32 head_count every:i32 sample "
                     "sample_capacity:i32 sample_count sample_weight"},
    {"filter_threshold", "partial head_splits:i32 sample_partial sample_splits:i32 padded:i32 labels often every:i32 "
                         "sample_weight label_logit count log_epsilon:f32 threshold bound missed_rows "
                         "missed_threshold missed_capacity:i32 missed_count tallied_blocks:i32 limit"},
    {"missed_tokens", "partial splits:i32 padded:i32 rows count log_epsilon:f32 threshold missed_rows "
                      "missed_threshold missed_group missed_capacity:i32 missed_count"},
    {"heavy_classes", "needed groups:i32 words:i32 least:i32 heavy tally count vocab:i32 direction"},
    {"list_classes", "needed heavy groups:i32 words:i32 slots:i32 lists counts ranks heavy_list "
                     "heavy_count"},
    {"choose_path", "counts groups:i32 slots:i32 limit:i64 bound lse count vocab:i32 "
                    "least_head_mass:f32 missed_count missed_capacity:i32 count_dense count_filtered "
                    "kept_or_null"},
    {"weighted_rows", "weights n:i32 every:i32 gate_or_null rows_or_null matrix stride:i64 "
                      "columns:i32 parts:i32 partial weight_sums all_sums"},
    {"sum_parts", "partial weight_sums all_sums parts:i32 columns:i32 normalise:i32 gate_or_null result total"},
    {"dropped_mass", "kept padded:i32 counts prob_weight rows count_filtered enabled:i32 mass "
                     "dropped_or_null left_or_null"},
    {"tail_tilt", "direction vocab:i32 matrix stride:i64 columns:i32 count_filtered mean_row total_or_null tail tilt"},
    {"mark_entries", "g g_stride:i64 lists slots:i32 counts groups:i32 heavy_count labels prob_weight "
                     "count_filtered limit:f32 entries"},
    {"grad_classes", "needed ranks heavy entries words:i32 slots:i32 groups:i32 g g_stride:i64 e "
                     "e_stride:i64 rows count_filtered hidden:i32 vocab:i32 direction total tail "
                     "correct:i32 alpha dc dc_stride:i64"},
    {"lse_forward_classes", "e:map rows c:map classes classes:extent classes:count bias param:f32 "
                            "hidden:extent tokens:count splits:extent partial partial:stride"},
    {"lse_forward_filter", "e:map rows c:map bias param:f32 hidden:extent vocab:extent "
                           "tokens:count splits:extent threshold needed needed:stride limit tally partial partial:stride"},
    {"mark_missed", "e:map rows c:map bias param:f32 hidden:extent vocab:extent tokens:count threshold "
                    "group needed needed:stride"},
    {"logit_grad_listed", "e:map rows c:map bias param:f32 hidden:extent tokens:count lists "
                          "lists:stride slots:extent slots:count labels lse prob_weight "
                          "label_weight g:map kept kept:stride"},
    {"grad_embedding_listed", "g:map c:map lists lists:stride slots:extent slots:count "
                              "hidden:extent tokens:count mass tail alpha rows de de:stride"},
    {"grad_embedding_tilted", "g:map c:map lists lists:stride slots:extent slots:count hidden:extent "
                              "tokens:count mass tail alpha tilt e e:stride rows de de:stride"},
    {"lse_forward_save", "e:map rows c:map labels bias param:f32 hidden:extent vocab:extent vocab:origin "
                         "tokens:count splits:extent codes codes:stride maxima maxima:stride label_logit "
                         "partial partial:stride"},
    {"grad_from_saved", "saved stride:i64 maxima padded:i32 classes:i32 count labels label_logit lse "
                        "prob_weight label_weight softcap:f32 capped:i32"},
    {"chunk_counts", "count size:i32 chunks:i32 exponentials:i32 counts counts_exp counts_saved"},
    {"lse_forward_exp", "e:map rows c:map bias param:f32 hidden:extent vocab:extent tokens:count "
                        "splits:extent label_logit g g:stride partial partial:stride"},
    {"check_sums", "partial splits:i32 padded:i32 count count_exp count_saved"},
    {"label_scales", "count count_exp padded:i32 labels label_logit lse prob_weight alpha softcap:f32 "
                     "capped:i32 codes stride:i64 factor scale exact stored"},
    {"scaled_rows", "count rows factor padded:i32 e stride:i64 columns:i32 scaled"},
    {"sort_labels", "labels count order sorted"},
    {"restore_labels", "order sorted count rows factor exact stored e stride:i64 hidden:i32 sum_lower dc "
                       "dc_stride:i64 vocab:i32"},
    {"grad_embedding_scaled", "vocab:extent hidden:extent tokens:count scale rows g:map c:map de:stride de"},
    {"grad_classifier_halves_partial", "vocab:extent hidden:extent tokens:count g:map scaled:map alpha dc:stride "
                                       "dc sum_lower:stride sum_lower has_sum:i32"},
    {"grad_classifier_halves", "vocab:extent hidden:extent tokens:count g:map scaled:map alpha dc:stride dc "
                               "sum_lower:stride sum_lower has_sum:i32"},
    {"grad_classifier_heavy", "tokens:count classes:count hidden:extent classes:extent g:map e:map "
                              "rows heavy alpha dc dc:stride"}};

/// False if it is none of them.
bool describeOptionalKernel(const KernelRequest &request, Manifest &manifest) {
  std::string name = request.kernel;
  if (name.ends_with("_bf16") || name.ends_with("_f16"))
    name.erase(name.rfind('_'));
  auto it = optionalArguments.find(name);
  if (it == optionalArguments.end())
    return false;
  static const std::map<std::string, ArgumentKind> kinds = {{"map", ArgumentKind::TensorMap},
                                                            {"stride", ArgumentKind::Stride},
                                                            {"extent", ArgumentKind::Extent},
                                                            {"origin", ArgumentKind::Origin},
                                                            {"count", ArgumentKind::ExtentPointer}};
  static const std::map<std::string, ScalarType> types = {
      {"f32", ScalarType::F32}, {"i32", ScalarType::I32}, {"i64", ScalarType::I64}};
  std::istringstream words(it->second);
  for (std::string word; words >> word;) {
    ManifestArgument argument;
    const size_t colon = word.find(':');
    argument.name = word.substr(0, colon);
    const std::string suffix = colon == std::string::npos ? "" : word.substr(colon + 1);
    if (auto type = types.find(suffix); type != types.end()) {
      argument.kind = ArgumentKind::Scalar;
      argument.scalarType = type->second;
    } else if (auto kind = kinds.find(suffix); kind != kinds.end()) {
      argument.kind = kind->second;
    }
    argument.box = {128, 64};
    argument.swizzle = 128;
    manifest.arguments.push_back(argument);
  }
  return true;
}

void describeForGpu(const KernelRequest &request, Manifest &manifest) {
  manifest.threads = 384;
  manifest.sharedBytes = 1 << 17;
  manifest.tiles = {
      {"tokens", 128}, {"vocab", 256}, {"hidden", 256}, {"classes", 256}, {"slots", 256}};
  if (auto width = request.config.find("tile_n");
      request.kernel == "lse_forward_classes" && width != request.config.end())
    manifest.tiles["classes"] = width->second;
  ManifestArgument argument;
  auto map = [&](const char *name) {
    argument = {};
    argument.kind = ArgumentKind::TensorMap;
    argument.name = name;
    argument.box = {128, 64};
    argument.swizzle = 128;
    manifest.arguments.push_back(argument);
  };
  auto add = [&](ArgumentKind kind, const char *name, ScalarType type = ScalarType::I64) {
    argument = {};
    argument.kind = kind;
    argument.name = name;
    argument.scalarType = type;
    manifest.arguments.push_back(argument);
  };
  if (request.dtype == CCE_DTYPE_NONE) { // helpers
    manifest.threads = 1024;
    manifest.sharedBytes = 0;
    manifest.tiles.clear();
    if (describeOptionalKernel(request, manifest))
      return;
    if (request.kernel.starts_with("select_tokens")) {
      manifest.blocks = 1;
      add(ArgumentKind::Pointer, "labels_in");
      add(ArgumentKind::Scalar, "positions");
      add(ArgumentKind::Scalar, "padded", ScalarType::I32);
    } else if (request.kernel == "finish_loss") {
      manifest.cluster = 8;
    }
    return;
  }
  if (describeOptionalKernel(request, manifest))
    return;
  if (request.kernel == "indexed_matmul" || request.kernel == "lse_forward" ||
      request.kernel == "logit_grad") {
    map("e");
    map("c");
    add(ArgumentKind::Scalar, "param", ScalarType::F32);
    add(ArgumentKind::Extent, "vocab");
    add(ArgumentKind::ExtentPointer, "tokens");
    add(ArgumentKind::Origin, "vocab");
  } else {
    map("g");
  }
}

} // namespace

Expected<KernelCode> FakeCompiler::compile(const KernelRequest &request) {
  ++state->compiled;
  {
    std::lock_guard lock(state->mutex);
    state->requests.push_back(request);
  }
  if (state->refuse)
    CCE_RETURN_IF_ERROR(state->refuse(request));
  KernelCode code;
  code.code = request.kernel + " " + dtypeName(request.dtype);
  code.manifest.kernel = request.kernel;
  code.manifest.target = request.target;
  code.manifest.entry = request.kernel;
  if (request.target == "cpu") {
    code.manifest.tiles = {{"tokens", 4}, {"vocab", 8}, {"hidden", 8}};
    code.manifest.arguments = cpuArguments(request.kernel);
  } else {
    describeForGpu(request, code.manifest);
  }
  if (state->adjust)
    state->adjust(request, code);
  return code;
}

std::string FakeCompiler::version(std::string_view) const { return state->versionText; }

Expected<std::shared_ptr<LoadedCpuKernel>> FakeCompiler::load(const KernelCode &code) {
  ++state->loaded;
  const std::string &kernel = code.manifest.kernel;
  LoadedCpuKernel::Entry entry = nullptr;
  if (code.code == kernel + " f32")
    entry = entryOf<F32>(kernel);
  else if (code.code == kernel + " bf16")
    entry = entryOf<Bf16>(kernel);
  else if (code.code == kernel + " f16")
    entry = entryOf<F16>(kernel);
  if (!entry)
    return makeError(CCE_INTERNAL, "no such fake code: ", code.code);
  return std::shared_ptr<LoadedCpuKernel>(std::make_shared<FakeCpuKernel>(entry));
}

} // namespace cce::rt::test
