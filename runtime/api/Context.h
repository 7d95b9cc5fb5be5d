//===- Context.h - what stands behind the handles of the C API --*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_API_CONTEXT_H
#define CCE_RUNTIME_API_CONTEXT_H

#include "runtime/cache/DiskCache.h"
#include "runtime/cuda/Driver.h"
#include "runtime/kernels/KernelCompiler.h"
#include "runtime/plan/Plan.h"
#include "runtime/tuning/TuningTable.h"

#include <functional>
#include <memory>
#include <mutex>
#include <string>

struct cce_context {
  std::shared_ptr<cce::rt::Backend> backend;
  std::shared_ptr<cce::rt::TuningTable> tuning;
  cce::rt::WarningSink warn;
  std::string description;
};

struct cce_plan {
  cce_context *context = nullptr;
  /// Never changed, only replaced as a whole by cce_plan_tune.
  std::shared_ptr<const cce::rt::Plan> plan;
};

namespace cce::rt {

/// The outside world of a context; replaced in tests.
struct Environment {
  cuda::LibraryOpener opener;
  std::function<std::unique_ptr<KernelCompiler>()> compiler;
  WarningSink warn;

  static Environment system();
};

Expected<std::unique_ptr<cce_context>> createContext(const cce_context_desc &desc,
                                                     const Environment &environment);

/// Looks up what was tuned before. Should that no longer work, with a newer compiler or driver, it is
/// a warning and the defaults are used.
Expected<std::unique_ptr<cce_plan>> createPlan(cce_context &context, const cce_problem &problem);

} // namespace cce::rt

#endif // CCE_RUNTIME_API_CONTEXT_H
