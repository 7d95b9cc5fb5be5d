//===- Export.cpp - hidden states, head and labels for the other tools -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/text_lm/Export.h"

#include "examples/text_lm/Files.h"

#include <algorithm>
#include <cstdio>

namespace text_lm {
namespace {

constexpr int64_t partBytes = 15 << 20;

template <typename T> std::string_view bytesOf(const std::vector<T> &values) {
  return {reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T)};
}

std::vector<uint16_t> toBFloat16(std::span<const float> values) {
  std::vector<uint16_t> result(values.size());
  std::transform(values.begin(), values.end(), result.begin(),
                 [](float value) { return text_lm::toBFloat16(value); });
  return result;
}

std::filesystem::path partName(int64_t part) {
  std::string name = std::to_string(part) + ".bin";
  name.insert(name.begin(), 'C');
  return name;
}

/// Parts that an earlier run with a larger head left: they would be read as rows of the head.
void removeParts(const std::filesystem::path &out, int64_t first) {
  std::error_code status;
  for (int64_t part = first;; ++part)
    if (!std::filesystem::remove(out / partName(part), status))
      return;
}

} // namespace

std::string jsonString(const std::string &text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      result += '\\';
    char code[8];
    std::snprintf(code, sizeof(code), "\\u%04x", c);
    if (static_cast<unsigned char>(c) < ' ')
      result += code;
    else
      result += c;
  }
  return result + '"';
}

void exportStates(Model &model, const Corpus &corpus, int64_t tokens, const std::string &source,
                  const std::filesystem::path &out) {
  int64_t hidden = model.options().hidden, vocab = model.options().vocab;
  // Readers start from meta.json: it must not describe another run's arrays meanwhile.
  std::error_code status;
  std::filesystem::remove(out / "meta.json", status);

  auto positions = thinOut(corpus.validation, tokens);
  Floats e(positions.size() * hidden);
  model.forward(contextsOf(corpus.text, positions, model.options().context), e.data());
  writeFile(out / "E.bin", bytesOf(toBFloat16(e)));

  int64_t rows = std::max<int64_t>(1, partBytes / (hidden * 2)), part = 0;
  for (int64_t row = 0; row < vocab; row += rows, ++part) {
    std::span<const float> values(model.head().value);
    values = values.subspan(row * hidden, std::min(rows, vocab - row) * hidden);
    writeFile(out / partName(part), bytesOf(toBFloat16(values)));
  }
  removeParts(out, part);

  writeFile(out / "Y.bin", bytesOf(labelsOf(corpus.text, positions)));
  writeFile(out / "meta.json", "{\"tokens\": " + std::to_string(positions.size()) +
                                   ", \"hidden\": " + std::to_string(hidden) +
                                   ", \"vocab\": " + std::to_string(vocab) +
                                   ", \"source\": " + jsonString(source) + "}\n");
}

} // namespace text_lm
