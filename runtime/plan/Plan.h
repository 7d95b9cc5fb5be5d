//===- Plan.h - how one problem is computed on one device -------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_PLAN_PLAN_H
#define CCE_RUNTIME_PLAN_PLAN_H

#include "runtime/plan/Backend.h"
#include "runtime/plan/Choices.h"
#include "runtime/plan/Layout.h"
#include "runtime/plan/Problem.h"

#include <memory>
#include <string>
#include <vector>

namespace cce::rt {

/// Kernels, chunks and the places of all intermediate results: fixed once, then only launched.
/// docs/architecture.md, "Forward and backward", has the sequence.
class Plan {
public:
  static Expected<std::unique_ptr<const Plan>> create(std::shared_ptr<Backend> backend,
                                                      Problem problem, Choices choices);

  Status forward(const cce_forward_args &args, void *stream) const;
  Status backward(const cce_backward_args &args, void *stream) const;

  size_t forwardWorkspace() const { return size_t(layout.forwardBytes); }
  size_t backwardWorkspace() const { return size_t(layout.backwardBytes); }
  const std::string &describe() const { return description; }

  Backend &device() const { return *backend; }
  const std::shared_ptr<Backend> &sharedDevice() const { return backend; }
  const Problem &problemOf() const { return problem; }
  const Choices &choicesOf() const { return choices; }
  const Layout &layoutOf() const { return layout; }

private:
  Plan(std::shared_ptr<Backend> backend, Problem problem, Choices choices);

  Status build();
  Status checkDeviceRules();
  Status loadAll(const std::vector<std::pair<std::string, KernelPtr *>> &kernels);
  KernelRequest requestFor(const std::string &kernel) const;
  std::string describeInWords() const;

  /// E or C as kernels see it: in place, or packed into the workspace.
  BufferBinding operand(const BufferBinding &matrix, bool packed, void *memory) const;
  Status pack(const BufferBinding &from, const BufferBinding &to, void *stream) const;
  Status checkWorkspace(const char *name, const void *workspace, size_t bytes,
                        int64_t needed) const;
  Status checkOperand(const char *name, const BufferBinding &matrix, bool packed) const;

  /// select_tokens and, for a 16-bit bias, its conversion: the start of both directions. `bias`
  /// becomes the f32 bias, or null.
  Status begin(const void *labels, const void *&bias, char *workspace, int64_t *error, float *loss,
               float *lse, void *stream) const;

  /// Buffers and extents that every matrix kernel may ask for.
  Bindings common(char *workspace, const BufferBinding &e) const;
  void bindClasses(Bindings &bindings, const BufferBinding &c, const float *bias, int64_t origin,
                   int64_t classes) const;

  struct BackwardCall;
  Status backwardChunk(const BackwardCall &call, int64_t chunk, void *stream) const;

  std::shared_ptr<Backend> backend;
  Problem problem;
  Choices choices;
  Layout layout;
  bool packE = false;
  bool packC = false;
  std::string description;

  KernelPtr selectTokens, indexedMatmul, lseForward, finishLoss;
  KernelPtr tokenWeights, logitGrad, gradEmbeddingPartial, gradEmbedding, gradClassifier, gradBias;
  /// Null if not needed.
  KernelPtr biasToFloat, floatToBias, packRows;
};

} // namespace cce::rt

#endif // CCE_RUNTIME_PLAN_PLAN_H
