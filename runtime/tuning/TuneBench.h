//===- TuneBench.h - timing plans with generated data -----------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_TUNING_TUNEBENCH_H
#define CCE_RUNTIME_TUNING_TUNEBENCH_H

#include "runtime/plan/Plan.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cce::rt {

/// Inputs of one problem in device memory, and what the first plan made of them: later plans have
/// to come to the same results.
class TuneBench {
public:
  static Expected<std::unique_ptr<TuneBench>> create(std::shared_ptr<Backend> backend,
                                                     Problem problem);
  ~TuneBench();
  TuneBench(const TuneBench &) = delete;
  TuneBench &operator=(const TuneBench &) = delete;

  /// Times the whole forward or backward, whichever `kernel` belongs to: the other kernels add the
  /// same time to every candidate, and what one kernel does to the cache of the next is counted.
  /// Fails if the plan can not be made or its results differ from those of the first plan.
  Expected<std::vector<double>> measure(const std::string &kernel, const Choices &choices);

private:
  TuneBench(std::shared_ptr<Backend> backend, Problem problem)
      : backend(std::move(backend)), problem(std::move(problem)) {}

  Status fill();
  Expected<void *> allocate(size_t bytes);
  /// Memory for a matrix with random elements.
  Expected<void *> randomMatrix(const BufferBinding &matrix, float scale, unsigned seed);
  /// Some rows of a result as floats.
  Status sampleRows(const BufferBinding &matrix, std::vector<float> &sample);
  Status compare(const std::string &pass, const std::vector<float> &results);

  std::shared_ptr<Backend> backend;
  Problem problem;
  std::vector<void *> owned;
  void *e = nullptr, *c = nullptr, *bias = nullptr, *labels = nullptr, *de = nullptr, *dc = nullptr,
       *dbias = nullptr;
  float *loss = nullptr, *lse = nullptr;
  /// Results of the first plan by pass.
  std::map<std::string, std::vector<float>> reference;
};

} // namespace cce::rt

#endif // CCE_RUNTIME_TUNING_TUNEBENCH_H
