//===- Model.h - the language model below the loss layer ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#pragma once

#include "examples/text_lm/Threads.h"

#include <span>
#include <string>

namespace text_lm {

/// A learned matrix and the gradient of the loss for it.
struct Parameter {
  std::string name;
  Floats value, grad;
  bool decay; ///< whether AdamW's weight decay applies
};

struct ModelOptions {
  int64_t vocab = 0;
  int64_t hidden = 128; ///< D: size of E's rows
  int64_t context = 8;  ///< words that the prediction sees
  int64_t width = 512;  ///< of the layer between
  uint64_t seed = 1;
};

/// A feed-forward n-gram model (Bengio et al., 2003): the embeddings x of the last words
/// give the hidden state
///
///     e = W2 silu(W1 x + b1) + b2 + sum_j scale_j * x_j
///
/// and the head C, a vocab x hidden matrix, belongs to the loss layer.
class Model {
public:
  /// `counts`, the frequency of each word, is what the model predicts before training.
  Model(const ModelOptions &options, std::span<const int64_t> counts);

  const ModelOptions &options() const { return opts; }

  /// `contexts` holds `context` word ids for each token, oldest first; writes tokens x
  /// hidden numbers to `e`. Keeps what backward needs.
  void forward(std::span<const int32_t> contexts, float *e);

  /// From the gradient for the last forward's `e`, writes the gradient of every parameter
  /// but the head's, which is the loss layer's to write.
  void backward(const float *de);

  Parameter &head() { return c; }
  std::vector<Parameter *> parameters();

private:
  ModelOptions opts;
  Parameter c, embedding, scale, w1, b1, w2, b2;
  Floats x, h, a, dx, dh; ///< activations of the last forward and their gradients
  std::vector<int32_t> words;
};

} // namespace text_lm
