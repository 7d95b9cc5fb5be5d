//===- TuningTable.cpp - timings kept between processes -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/tuning/TuningTable.h"

#include "runtime/support/Files.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace cce::rt {

namespace {

using Json = nlohmann::ordered_json;

constexpr int formatVersion = 2; // 2: lse_forward without a configuration of its own has a shorter last split

/// Lets one process at a time read, change and write the table. Where locks do not work, the last
/// writer wins, which costs some timings and nothing else.
class FileLock {
public:
  explicit FileLock(const std::filesystem::path &path)
      : descriptor(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644)) {
    if (descriptor >= 0)
      while (::flock(descriptor, LOCK_EX) != 0 && errno == EINTR) {
      }
  }
  ~FileLock() {
    if (descriptor >= 0)
      ::close(descriptor);
  }
  FileLock(const FileLock &) = delete;
  FileLock &operator=(const FileLock &) = delete;

private:
  int descriptor;
};

Status damaged(const std::string &what) { return makeError(CCE_UNKNOWN, what); }

Expected<Trial> parseTrial(const Json &json) {
  Trial trial;
  if (!json.is_object() || !json.contains("config") || !json["config"].is_object())
    return damaged("a trial without 'config'");
  for (const auto &[name, value] : json["config"].items()) {
    if (!value.is_number_integer())
      return damaged("config." + name + ": expected an integer");
    trial.config[name] = value.get<int64_t>();
  }
  if (auto times = json.find("milliseconds"); times != json.end()) {
    if (!times->is_array())
      return damaged("milliseconds: expected an array");
    for (const Json &time : *times) {
      if (!time.is_number())
        return damaged("milliseconds: expected numbers");
      trial.milliseconds.push_back(time.get<double>());
    }
  }
  if (auto failure = json.find("failure"); failure != json.end() && failure->is_string())
    trial.failure = failure->get<std::string>();
  return trial;
}

} // namespace

double Trial::minimum() const {
  return milliseconds.empty() ? 0 : *std::min_element(milliseconds.begin(), milliseconds.end());
}

double Trial::median() const {
  if (milliseconds.empty())
    return 0;
  std::vector<double> sorted = milliseconds;
  std::sort(sorted.begin(), sorted.end());
  const size_t half = sorted.size() / 2;
  return sorted.size() % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

const Trial *bestTrial(const std::vector<Trial> &trials) {
  const Trial *best = nullptr;
  for (const Trial &trial : trials)
    if (trial.failure.empty() && !trial.milliseconds.empty() &&
        (!best || trial.median() < best->median()))
      best = &trial;
  return best;
}

TuningTable::TuningTable(std::filesystem::path file, WarningSink warn)
    : file(std::move(file)), warn(std::move(warn)) {
  Expected<Entries> found = read();
  if (found.ok())
    entries = *std::move(found);
  else if (found.status().code() != CCE_NOT_FOUND)
    this->warn("tuning table " + this->file.string() +
               " is not usable, starting afresh: " + found.status().message());
}

Expected<TuningTable::Entries> TuningTable::read() const {
  if (file.empty())
    return makeError(CCE_NOT_FOUND, "no file");
  CCE_ASSIGN_OR_RETURN(std::string text, readFile(file));
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object())
    return damaged("not a JSON object");
  if (!json.contains("version") || json["version"] != formatVersion)
    return damaged("expected version " + std::to_string(formatVersion));
  if (!json.contains("devices") || !json["devices"].is_object())
    return damaged("no 'devices'");
  Entries result;
  for (const auto &[device, problems] : json["devices"].items()) {
    if (!problems.is_object())
      return damaged(device + ": expected an object");
    for (const auto &[problem, kernels] : problems.items()) {
      if (!kernels.is_object())
        return damaged(problem + ": expected an object");
      for (const auto &[kernel, trials] : kernels.items()) {
        if (!trials.is_array())
          return damaged(kernel + ": expected an array");
        for (const Json &trial : trials) {
          CCE_ASSIGN_OR_RETURN(Trial parsed, parseTrial(trial));
          result[device][problem][kernel].push_back(std::move(parsed));
        }
      }
    }
  }
  return result;
}

std::string TuningTable::print(const Entries &entries) {
  Json json;
  json["version"] = formatVersion;
  Json &devices = json["devices"] = Json::object();
  for (const auto &[device, problems] : entries)
    for (const auto &[problem, kernels] : problems)
      for (const auto &[kernel, trials] : kernels) {
        Json &array = devices[device][problem][kernel] = Json::array();
        for (const Trial &trial : trials) {
          Json object;
          object["config"] = Json::object();
          for (const auto &[name, value] : trial.config)
            object["config"][name] = value;
          if (trial.failure.empty()) {
            object["min"] = trial.minimum();
            object["median"] = trial.median();
            object["milliseconds"] = trial.milliseconds;
          } else {
            object["failure"] = trial.failure;
          }
          array.push_back(std::move(object));
        }
      }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Choices TuningTable::best(const std::string &device, const std::string &problem) const {
  std::lock_guard lock(mutex);
  Choices choices;
  auto problems = entries.find(device);
  if (problems == entries.end())
    return choices;
  auto kernels = problems->second.find(problem);
  if (kernels == problems->second.end())
    return choices;
  for (const auto &[kernel, trials] : kernels->second)
    if (const Trial *trial = bestTrial(trials))
      choices.configs[kernel] = trial->config;
  return choices;
}

std::vector<Trial> TuningTable::trials(const std::string &device, const std::string &problem,
                                       const std::string &kernel) const {
  std::lock_guard lock(mutex);
  auto problems = entries.find(device);
  if (problems == entries.end())
    return {};
  auto kernels = problems->second.find(problem);
  if (kernels == problems->second.end())
    return {};
  auto found = kernels->second.find(kernel);
  return found == kernels->second.end() ? std::vector<Trial>() : found->second;
}

void TuningTable::record(const std::string &device, const std::string &problem,
                         const std::string &kernel, std::vector<Trial> trials) {
  std::lock_guard lock(mutex);
  if (file.empty()) {
    entries[device][problem][kernel] = std::move(trials);
    return;
  }
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  FileLock fileLock(file.string() + ".lock");
  if (Expected<Entries> current = read(); current.ok())
    entries = *std::move(current);
  entries[device][problem][kernel] = std::move(trials);
  Status status = writeFileAtomically(file, print(entries));
  if (!status.ok())
    warn("tuning results are not kept on disk: " + status.message());
}

} // namespace cce::rt
