//===- Text.h - text to tokens, vocabulary, training and validation part -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace text_lm {

/// The whole file, unpacked if it is in gzip format (which dictionaries of dictd are).
std::string readText(const std::filesystem::path &file);

/// A text as a sequence of numbered words, in the order of first appearance.
struct TokenStream {
  std::vector<int32_t> ids;
  std::vector<std::string> words;
};

/// Words in lower case (an apostrophe inside a word belongs to it; bytes beyond ASCII
/// count as letters), numbers, and every other visible character as a token of its own.
TokenStream tokenise(std::string_view text);

inline constexpr int32_t unknownWord = 0;

/// The text in words of the vocabulary, a part of it set aside for validation.
struct Corpus {
  std::vector<std::string> words;  ///< the vocabulary; word 0 is <unk>
  std::vector<int64_t> counts;     ///< of each vocabulary word in the training part
  std::vector<int32_t> text;       ///< all of it, both parts
  std::vector<int64_t> validation; ///< positions in `text`, rising
  int64_t period = 1;              ///< blocks from one validation block to the next

  int64_t vocab() const { return static_cast<int64_t>(words.size()); }
  int64_t size() const { return static_cast<int64_t>(text.size()); }
  int64_t trainingSize() const { return size() - static_cast<int64_t>(validation.size()); }
  bool isValidation(int64_t position) const {
    return position / blockTokens % period == period / 2;
  }

  static constexpr int64_t blockTokens = 512;
};

/// The split is by position: every `period`-th block of 512 tokens is for validation. The
/// period is at least 20 and as much more as keeps validation near 131072 tokens.
/// The vocabulary is <unk> and the `vocab` - 1 most frequent words of the training part.
Corpus makeCorpus(const TokenStream &stream, int64_t vocab);

/// Loss per validation token in nats of the model that knows only how frequent each word
/// is in the training part (add-one smoothed).
double unigramLoss(const Corpus &corpus);

} // namespace text_lm
