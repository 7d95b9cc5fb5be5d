//===- Export.h - hidden states, head and labels for the other tools -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#pragma once

#include "examples/text_lm/Text.h"
#include "examples/text_lm/Train.h"

namespace text_lm {

/// Writes for up to `tokens` validation tokens, evenly spread: E.bin (tokens x hidden bf16),
/// C0.bin, C1.bin, ... (vocab x hidden bf16, cut between rows into files below 16 MB),
/// Y.bin (int32) and, last, meta.json. `source` says in words what the text was.
void exportStates(Model &model, const Corpus &corpus, int64_t tokens, const std::string &source,
                  const std::filesystem::path &out);

/// `text` as a JSON string, quotes included.
std::string jsonString(const std::string &text);

} // namespace text_lm
