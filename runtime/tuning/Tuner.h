//===- Tuner.h - finding fast configurations by trying ----------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_TUNING_TUNER_H
#define CCE_RUNTIME_TUNING_TUNER_H

#include "runtime/plan/Plan.h"
#include "runtime/tuning/TuningTable.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cce::rt {

/// Called before each trial; false stops.
using TuneProgress = std::function<bool(int done, int total, const std::string &what)>;

/// A kernel and the configurations to try.
struct TuneTask {
  std::string kernel;
  std::vector<KernelConfig> candidates;
  /// The candidates change the best configuration found so far; otherwise they replace it.
  bool refines = false;
};

/// What there is to tune on a target ("sm_90a"; nothing on "cpu"). `splits` is the planner's
/// choice, around which lse_forward is tried. The default configuration always comes first: the
/// results of the others are compared with its results.
std::vector<TuneTask> tuneTasks(std::string_view target, int64_t splits);

/// Times kernel `kernel` under `choices`: all timings, or why the configuration does not work.
using MeasureFunction =
    std::function<Expected<std::vector<double>>(const std::string &kernel, const Choices &choices)>;

/// Goes through the tasks one after the other, keeping the best of a kernel for the tasks behind
/// it. All trials go to `record`. Stops early if `progress` says so, with the best so far.
Choices searchChoices(const std::vector<TuneTask> &tasks, Choices start,
                      const MeasureFunction &measure, const TuneProgress &progress,
                      const std::function<void(const std::string &, std::vector<Trial>)> &record);

/// Tunes on the plan's device with generated data and returns the plan with the best choices.
Expected<std::shared_ptr<const Plan>> tunePlan(std::shared_ptr<const Plan> plan, TuningTable &table,
                                               const TuneProgress &progress);

} // namespace cce::rt

#endif // CCE_RUNTIME_TUNING_TUNER_H
