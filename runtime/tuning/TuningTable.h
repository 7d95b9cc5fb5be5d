//===- TuningTable.h - timings kept between processes -----------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A JSON file, device -> problem -> kernel -> trials: every configuration that was tried, with all
// its timings, or with the reason why it does not work. Sorted, so that differences can be read.
//
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_TUNING_TUNINGTABLE_H
#define CCE_RUNTIME_TUNING_TUNINGTABLE_H

#include "runtime/plan/Choices.h"
#include "runtime/support/Log.h"
#include "runtime/support/Status.h"

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace cce::rt {

/// One configuration of one kernel.
struct Trial {
  KernelConfig config;
  /// All of them; empty if the configuration failed.
  std::vector<double> milliseconds;
  /// Why it failed; empty if it did not.
  std::string failure;

  double minimum() const;
  double median() const;
};

/// The trial with the lowest median; null if all failed.
const Trial *bestTrial(const std::vector<Trial> &trials);

class TuningTable {
public:
  /// An empty path keeps the table in memory only. Reads the file; a damaged one is a warning and
  /// counts as empty.
  TuningTable(std::filesystem::path file, WarningSink warn);

  /// The fastest configuration of each kernel that was tuned for this problem.
  Choices best(const std::string &device, const std::string &problem) const;
  std::vector<Trial> trials(const std::string &device, const std::string &problem,
                            const std::string &kernel) const;

  /// Replaces the trials of a kernel and writes the file. What another process wrote meanwhile is
  /// read first and kept. A file that can not be written is a warning.
  void record(const std::string &device, const std::string &problem, const std::string &kernel,
              std::vector<Trial> trials);

private:
  using Kernels = std::map<std::string, std::vector<Trial>>;
  using Entries = std::map<std::string, std::map<std::string, Kernels>>;

  Expected<Entries> read() const;
  static std::string print(const Entries &entries);

  std::filesystem::path file;
  WarningSink warn;
  mutable std::mutex mutex;
  Entries entries;
};

} // namespace cce::rt

#endif // CCE_RUNTIME_TUNING_TUNINGTABLE_H
