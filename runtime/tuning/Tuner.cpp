//===- Tuner.cpp - finding fast configurations by trying ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/tuning/Tuner.h"

#include "runtime/tuning/TuneBench.h"

#include <algorithm>

namespace cce::rt {

namespace {

/// Shared memory of a block of sm_90, less what barriers and staged stores take.
constexpr int64_t pipelineBytes = 204 << 10;

/// Tiles that the two operands of one pipeline stage take: 64 columns of 16 bits a row.
int64_t stageBytes(int64_t tileM, int64_t tileN) { return (tileM + tileN) * 64 * 2; }

std::vector<KernelConfig> pipelineCandidates() {
  std::vector<KernelConfig> candidates = {{}, {{"cluster", 1}}};
  for (int64_t tileN : {256, 192, 128})
    for (int64_t stages = 3; stages <= 6; ++stages)
      if (stages * stageBytes(128, tileN) <= pipelineBytes)
        candidates.push_back({{"tile_m", 128}, {"tile_n", tileN}, {"stages", stages}});
  return candidates;
}

} // namespace

std::vector<TuneTask> tuneTasks(std::string_view target, int64_t splits) {
  if (target != "sm_90a")
    return {};
  TuneTask splitTask{"lse_forward", {}, true};
  for (int64_t candidate : {splits / 2, splits * 2, splits * 4})
    if (candidate >= 1 && candidate <= 64)
      splitTask.candidates.push_back({{"splits", candidate}});
  return {{"lse_forward", pipelineCandidates()},
          splitTask,
          {"logit_grad", pipelineCandidates()},
          {"grad_embedding", pipelineCandidates()},
          {"grad_classifier", pipelineCandidates()}};
}

Choices searchChoices(const std::vector<TuneTask> &tasks, Choices start,
                      const MeasureFunction &measure, const TuneProgress &progress,
                      const std::function<void(const std::string &, std::vector<Trial>)> &record) {
  int total = 0, done = 0;
  for (const TuneTask &task : tasks)
    total += int(task.candidates.size());
  Choices best = std::move(start);
  std::map<std::string, std::vector<Trial>> trials;
  for (const TuneTask &task : tasks) {
    std::vector<Trial> &list = trials[task.kernel];
    const KernelConfig base = task.refines ? best.configs[task.kernel] : KernelConfig();
    bool stopped = false;
    for (const KernelConfig &candidate : task.candidates) {
      Trial trial;
      trial.config = base;
      for (const auto &[name, value] : candidate)
        trial.config[name] = value;
      if (progress && !progress(done, total, task.kernel + " " + configToString(trial.config))) {
        stopped = true;
        break;
      }
      ++done;
      Choices choices = best;
      choices.configs[task.kernel] = trial.config;
      Expected<std::vector<double>> times = measure(task.kernel, choices);
      if (times.ok())
        trial.milliseconds = *std::move(times);
      else
        trial.failure = times.status().message();
      list.push_back(std::move(trial));
    }
    if (const Trial *winner = bestTrial(list))
      best.configs[task.kernel] = winner->config;
    if (!list.empty())
      record(task.kernel, list);
    if (stopped)
      break;
  }
  // A default configuration is no choice.
  std::erase_if(best.configs, [](const auto &entry) { return entry.second.empty(); });
  return best;
}

Expected<std::shared_ptr<const Plan>> tunePlan(std::shared_ptr<const Plan> plan, TuningTable &table,
                                               const TuneProgress &progress) {
  Backend &backend = plan->device();
  const Problem &problem = plan->problemOf();
  const std::vector<TuneTask> tasks = tuneTasks(backend.target(), plan->layoutOf().splits);
  if (tasks.empty() || problem.tokens == 0)
    return plan;
  CCE_ASSIGN_OR_RETURN(std::unique_ptr<TuneBench> bench,
                       TuneBench::create(plan->sharedDevice(), problem));
  Choices best = searchChoices(
      tasks, plan->choicesOf(),
      [&](const std::string &kernel, const Choices &choices) {
        return bench->measure(kernel, choices);
      },
      progress,
      [&](const std::string &kernel, std::vector<Trial> trials) {
        table.record(backend.tuningKey(), problem.tuningKey(), kernel, std::move(trials));
      });
  CCE_ASSIGN_OR_RETURN(std::unique_ptr<const Plan> tuned,
                       Plan::create(plan->sharedDevice(), problem, std::move(best)));
  return std::shared_ptr<const Plan>(std::move(tuned));
}

} // namespace cce::rt
