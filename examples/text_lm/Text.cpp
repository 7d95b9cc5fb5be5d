//===- Text.cpp - text to tokens, vocabulary, training and validation part -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/text_lm/Text.h"

#include "examples/text_lm/Error.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <unordered_map>
#include <zlib.h>

namespace text_lm {
namespace {

constexpr int64_t smallestPeriod = 20;
constexpr int64_t validationTokens = 131072;

bool isLetter(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}
bool isDigit(unsigned char c) { return c >= '0' && c <= '9'; }

/// End of the token that starts at `begin`.
size_t tokenEnd(std::string_view text, size_t begin) {
  size_t end = begin + 1;
  if (isDigit(text[begin])) {
    while (end < text.size() && isDigit(text[end]))
      ++end;
  } else if (isLetter(text[begin])) {
    while (end < text.size() &&
           (isLetter(text[end]) ||
            (text[end] == '\'' && end + 1 < text.size() && isLetter(text[end + 1]))))
      ++end;
  }
  return end;
}

} // namespace

std::string readText(const std::filesystem::path &file) {
  std::error_code status;
  if (!std::filesystem::exists(file, status))
    throw Error("text file '" + file.string() + "' does not exist");
  if (std::filesystem::is_directory(file, status))
    throw Error("text file '" + file.string() + "' is a directory");

  errno = 0;
  // zlib hands files that are not in gzip format through as they are.
  std::unique_ptr<gzFile_s, int (*)(gzFile)> in(gzopen(file.c_str(), "rb"), gzclose);
  if (!in)
    throw Error("can not open text file '" + file.string() + "': " + std::strerror(errno));
  gzbuffer(in.get(), 1 << 18);

  std::string text;
  constexpr size_t piece = 1 << 22;
  for (;;) {
    size_t size = text.size();
    text.resize(size + piece);
    int got = gzread(in.get(), text.data() + size, piece);
    text.resize(size + std::max(got, 0));
    if (got == static_cast<int>(piece))
      continue;
    int code = Z_OK;
    const char *reason = gzerror(in.get(), &code);
    if (got < 0 || (code != Z_OK && code != Z_STREAM_END))
      throw Error("can not read text file '" + file.string() +
                  "': " + (code == Z_ERRNO ? std::strerror(errno) : reason));
    if (got == 0)
      return text;
  }
}

TokenStream tokenise(std::string_view text) {
  TokenStream stream;
  stream.ids.reserve(text.size() / 4);
  std::unordered_map<std::string, int32_t> numbers;
  std::string word;
  for (size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) <= ' ' || text[at] == 0x7f) {
      ++at;
      continue;
    }
    size_t end = tokenEnd(text, at);
    word.assign(text, at, end - at);
    for (char &c : word)
      if (c >= 'A' && c <= 'Z')
        c += 'a' - 'A';
    auto [entry, isNew] = numbers.try_emplace(word, static_cast<int32_t>(stream.words.size()));
    if (isNew)
      stream.words.push_back(word);
    stream.ids.push_back(entry->second);
    at = end;
  }
  return stream;
}

Corpus makeCorpus(const TokenStream &stream, int64_t vocab) {
  auto total = static_cast<int64_t>(stream.ids.size());
  constexpr int64_t smallest = smallestPeriod * Corpus::blockTokens;
  if (total < smallest)
    throw Error("the text is too small: it has " + std::to_string(total) + " tokens, at least " +
                std::to_string(smallest) + " are needed");
  Corpus corpus;
  corpus.period = std::max(smallestPeriod, (total + validationTokens - 1) / validationTokens);

  std::vector<int64_t> counts(stream.words.size());
  for (int64_t i = 0; i < total; ++i) {
    if (corpus.isValidation(i))
      corpus.validation.push_back(i);
    else
      ++counts[stream.ids[i]];
  }

  std::vector<int32_t> order(stream.words.size());
  std::iota(order.begin(), order.end(), 0);
  // Words of the same frequency in the order of the text: the same on any machine.
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return counts[a] != counts[b] ? counts[a] > counts[b] : a < b;
  });

  corpus.words = {"<unk>"};
  corpus.counts = {0};
  std::vector<int32_t> idOf(stream.words.size(), unknownWord);
  int64_t known = 0;
  for (int32_t word : order) {
    if (corpus.vocab() >= vocab || counts[word] == 0)
      break;
    idOf[word] = static_cast<int32_t>(corpus.vocab());
    corpus.words.push_back(stream.words[word]);
    corpus.counts.push_back(counts[word]);
    known += counts[word];
  }

  corpus.text.reserve(total);
  for (int32_t id : stream.ids)
    corpus.text.push_back(idOf[id]);
  corpus.counts[unknownWord] = corpus.trainingSize() - known;
  return corpus;
}

double unigramLoss(const Corpus &corpus) {
  auto total = static_cast<double>(corpus.trainingSize() + corpus.vocab());
  double loss = 0;
  for (int64_t position : corpus.validation)
    loss -= std::log((corpus.counts[corpus.text[position]] + 1) / total);
  return loss / static_cast<double>(corpus.validation.size());
}

} // namespace text_lm
