//===- Choices.h - what a tuner may decide about a plan ---------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_PLAN_CHOICES_H
#define CCE_RUNTIME_PLAN_CHOICES_H

#include "runtime/kernels/KernelRequest.h"

#include <map>
#include <string>

namespace cce::rt {

/// A configuration for each kernel named here; the other kernels get the compiler's default. The
/// name "splits" (lse_forward) is the planner's own and is not handed to the compiler.
struct Choices {
  std::map<std::string, KernelConfig> configs;

  /// Without "splits": what the compiler is asked for.
  KernelConfig compilerConfig(const std::string &kernel) const {
    auto it = configs.find(kernel);
    KernelConfig config = it == configs.end() ? KernelConfig() : it->second;
    config.erase("splits");
    return config;
  }
  /// 0: the planner chooses.
  int64_t splits() const {
    auto it = configs.find("lse_forward");
    if (it == configs.end())
      return 0;
    auto splits = it->second.find("splits");
    return splits == it->second.end() ? 0 : splits->second;
  }
};

} // namespace cce::rt

#endif // CCE_RUNTIME_PLAN_CHOICES_H
