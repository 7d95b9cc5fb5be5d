//===- Train.h - training and evaluation -----------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#pragma once

#include "examples/text_lm/Curve.h"
#include "examples/text_lm/LossLayer.h"
#include "examples/text_lm/Model.h"
#include "examples/text_lm/Text.h"

#include <filesystem>

namespace text_lm {

struct TrainOptions {
  int64_t steps = 400;
  double minutes = 0; ///< stop after these, if that comes before `steps`; 0: no limit
  int64_t batch = 1024;
  float learningRate = 4e-3f;
  uint64_t seed = 1;
  std::filesystem::path out;
};

struct TrainResult {
  Curve curve;
  int64_t steps = 0;
  double seconds = 0;
  double tokensPerSecond = 0; ///< without the time for validation
  bool interrupted = false;
  std::string writeError; ///< of the last curve that could not be written, "" if all were
};

/// Makes Ctrl-C and SIGTERM end the training after the current step; a second one ends
/// the program. Forgets an earlier one.
void catchInterrupts();
/// Back to ending the program at once.
void releaseInterrupts();
bool wasInterrupted();

/// Trains in place. Writes curve.csv and curve.svg at the start, whenever a point is added
/// and at the end.
TrainResult train(Model &model, LossLayer &layer, const Corpus &corpus,
                  const TrainOptions &options);

/// Contexts of the tokens at `positions`, `context` ids each, <unk> before the first.
std::vector<int32_t> contextsOf(std::span<const int32_t> text, std::span<const int64_t> positions,
                                int64_t context);

/// The tokens at `positions`.
std::vector<int32_t> labelsOf(std::span<const int32_t> text, std::span<const int64_t> positions);

/// Mean loss in nats over the tokens at `positions`, with cce_forward only.
double evaluate(Model &model, LossLayer &layer, std::span<const int32_t> text,
                std::span<const int64_t> positions, int64_t batch);

/// `count` of the positions, evenly spread; all if there are not that many.
std::vector<int64_t> thinOut(std::span<const int64_t> positions, int64_t count);

} // namespace text_lm
