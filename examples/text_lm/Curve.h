//===- Curve.h - the training curve as CSV and SVG -------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace text_lm {

/// What is known after some steps.
struct CurvePoint {
  int64_t step = 0, tokens = 0;
  double seconds = 0;
  double learningRate = 0;
  double trainLoss = NAN;      ///< mean since the last point, nats per token; NaN: none
  double validationLoss = NAN; ///< NaN where it was not measured
  double tokensPerSecond = NAN;
};

struct Curve {
  std::vector<CurvePoint> points;
  double unigramLoss = NAN;
  std::string title;
};

/// One line a point; empty fields for what was not measured.
std::string toCsv(const Curve &curve);

/// Training and validation loss over steps, with the unigram model's as a dashed line and
/// perplexities at the right.
std::string toSvg(const Curve &curve);

} // namespace text_lm
