//===- LossLayer.h - linear cross-entropy through the C API of cce ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#pragma once

#include "cce/cce.h"
#include "examples/text_lm/Threads.h"

#include <memory>
#include <span>
#include <string>

namespace text_lm {

struct LossLayerOptions {
  int64_t tokens = 0, hidden = 0, vocab = 0;
  cce_device device = CCE_DEVICE_AUTO;
  cce_dtype dtype = CCE_DTYPE_NONE; ///< none: f32 on the CPU, bf16 on a GPU
  int64_t workspaceLimit = 0;       ///< bytes; 0: the library's choice
};

/// Label of rows that do not count, to fill up a last batch.
inline constexpr int32_t ignoredLabel = -100;

/// The loss of batches of a fixed number of tokens for the head C, and its gradients.
/// Everything passed in and out is f32 in host memory; the layer converts and copies where
/// the context is a GPU or the dtype another one.
class LossLayer {
public:
  explicit LossLayer(const LossLayerOptions &options);

  /// Takes over the head (vocab x hidden); to be called after each change of it. Without a
  /// conversion or a copy to make, the layer reads `c` itself until the next call.
  void setHead(std::span<const float> c);

  /// Sum of the losses of the batch in nats. `e` and `labels` must live until backward.
  float forward(std::span<const float> e, std::span<const int32_t> labels);

  /// Gradients of the last forward's sum times `factor`.
  void backward(float factor, std::span<float> de, std::span<float> dc);

  /// The context in words: device, and with "auto" why no GPU.
  std::string device() const;
  std::string dtype() const { return problem.dtype == CCE_F32 ? "f32" : "bf16"; }
  /// Bytes of workspace that forward and backward use.
  int64_t memory() const;
  /// Bytes of the logits and their gradient in f32, which the layer never stores.
  int64_t materialisedMemory() const { return problem.tokens * problem.vocab * 4 * 2; }

private:
  /// Memory of the context's device.
  struct Array {
    std::shared_ptr<void> memory;
    size_t bytes = 0;
  };
  Array allocate(size_t bytes);
  void upload(const void *from, const Array &to);
  void download(const Array &from, void *to);
  const void *uploadNumbers(std::span<const float> from, const Array &to);
  void downloadNumbers(const Array &from, std::span<float> to);

  std::shared_ptr<cce_context> context;
  std::shared_ptr<cce_plan> plan;
  cce_problem problem;
  bool direct = false; ///< CPU and f32: host memory is used as it is
  Array eArray, cArray, labelArray, deArray, dcArray, lse, loss, factorArray, workspace;
  const void *e = nullptr, *c = nullptr, *labels = nullptr;
  std::vector<uint16_t> staging;
};

/// Round to nearest even, as the tensor cores' bf16.
uint16_t toBFloat16(float value);
float fromBFloat16(uint16_t value);

} // namespace text_lm
