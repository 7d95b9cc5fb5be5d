//===- AdamW.h - the optimiser ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#pragma once

#include "examples/text_lm/Model.h"

namespace text_lm {

struct AdamWOptions {
  float beta1 = 0.9f, beta2 = 0.98f, epsilon = 1e-8f;
  float weightDecay = 0.05f;
  float clip = 1; ///< largest norm of the gradient of all parameters together
};

/// Adam with decoupled weight decay (Loshchilov and Hutter, 2019).
class AdamW {
public:
  AdamW(std::vector<Parameter *> parameters, const AdamWOptions &options);

  /// One update from the parameters' gradients; returns the gradient's norm. A gradient
  /// that is not finite changes nothing.
  float step(float learningRate);

private:
  struct State {
    Parameter *parameter;
    Floats m, v;
  };
  AdamWOptions opts;
  std::vector<State> states;
  int64_t steps = 0;
};

/// Linear warm-up to `peak` over the first part of the training, then half a cosine down
/// to a fiftieth of it. `progress` is in [0, 1].
float learningRateAt(double progress, float peak);

} // namespace text_lm
