//===- DiskCache.cpp - compiled kernels on disk ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/cache/DiskCache.h"

#include "runtime/support/Files.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>

namespace cce::rt {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// Raised when the format of entries changes; older entries are then never found.
constexpr const char *formatVersion = "cce-cache-1";

struct EntryFile {
  const char *name;
  std::string CacheEntry::*content;
};
constexpr EntryFile entryFiles[] = {{"code", &CacheEntry::code},
                                    {"manifest.json", &CacheEntry::manifest},
                                    {"cubin", &CacheEntry::cubin}};

Expected<CacheEntry> readEntry(const fs::path &folder) {
  CCE_ASSIGN_OR_RETURN(std::string text, readFile(folder / "entry.json"));
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("files") || !json["files"].is_object())
    return makeError(CCE_UNKNOWN, "entry.json is damaged");
  CacheEntry entry;
  for (const auto &[name, member] : entryFiles) {
    const Json &files = json["files"];
    auto it = files.find(name);
    if (it == files.end())
      continue;
    CCE_ASSIGN_OR_RETURN(entry.*member, readFile(folder / name));
    if (!it->is_string() || hashHex(entry.*member) != it->get_ref<const std::string &>())
      return makeError(CCE_UNKNOWN, name, " is damaged");
  }
  if (entry.code.empty() || entry.manifest.empty())
    return makeError(CCE_UNKNOWN, "incomplete");
  return entry;
}

/// Gives a folder its final name. An old folder of that name ends up under the temporary one, in
/// one step, so that other processes always find a whole entry.
Status putInPlace(const fs::path &temporary, const fs::path &final) {
  std::error_code error;
  fs::rename(temporary, final, error);
  if (!error)
    return {};
  if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, final.c_str(), RENAME_EXCHANGE) == 0)
    return {};
  // A file system that can not exchange: move the old entry away. In between others do not find
  // it, and compile for themselves.
  const fs::path old = final.parent_path() / uniqueName();
  std::error_code ignored;
  fs::rename(final, old, ignored);
  fs::rename(temporary, final, error);
  fs::remove_all(old, ignored);
  // Another process may have been faster, with the same content.
  if (error && !fs::exists(final, ignored))
    return makeError(CCE_UNKNOWN, "can not create ", final.string(), ": ", error.message());
  return {};
}

} // namespace

DiskCache::DiskCache(fs::path root, WarningSink warn)
    : root(std::move(root)), warn(std::move(warn)) {}

fs::path DiskCache::defaultRoot(const char *requested) {
  if (requested)
    return requested;
  if (const char *folder = std::getenv("CCE_CACHE_DIR"))
    return folder;
  const char *folder = std::getenv("XDG_CACHE_HOME");
  if (folder && *folder)
    return fs::path(folder) / "cce";
  folder = std::getenv("HOME");
  if (folder && *folder)
    return fs::path(folder) / ".cache" / "cce";
  return {};
}

std::string DiskCache::key(std::string_view description) {
  return hashHex(std::string(formatVersion) + "\n" + std::string(description));
}

std::optional<CacheEntry> DiskCache::lookup(const std::string &key) const {
  if (!enabled())
    return std::nullopt;
  const fs::path folder = root / "kernels" / key;
  std::error_code error;
  if (!fs::exists(folder, error)) {
    if (error)
      warn("cache entry " + folder.string() + " can not be read: " + error.message());
    return std::nullopt;
  }
  Expected<CacheEntry> entry = readEntry(folder);
  if (entry.ok())
    return *std::move(entry);
  // Another process may just have been replacing the entry: only what is still broken is damaged.
  entry = readEntry(folder);
  if (entry.ok())
    return *std::move(entry);
  warn("cache entry " + folder.string() +
       " is not usable, compiling again: " + entry.status().message());
  return std::nullopt;
}

Status DiskCache::tryStore(const std::string &key, std::string_view description,
                           const CacheEntry &entry) {
  const fs::path kernels = root / "kernels";
  const fs::path temporary = kernels / uniqueName();
  const fs::path final = kernels / key;
  std::error_code error;
  fs::create_directories(temporary, error);
  if (error)
    return makeError(CCE_UNKNOWN, "can not create ", temporary.string(), ": ", error.message());

  Json json;
  json["description"] = description;
  json["files"] = Json::object();
  Status status;
  for (const auto &[name, member] : entryFiles) {
    const std::string &content = entry.*member;
    if (content.empty() || !status.ok())
      continue;
    json["files"][name] = hashHex(content);
    status = writeFile(temporary / name, content);
  }
  if (status.ok())
    status = writeFile(temporary / "entry.json",
                       json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  if (status.ok())
    status = putInPlace(temporary, final);
  fs::remove_all(temporary, error);
  return status;
}

void DiskCache::store(const std::string &key, std::string_view description,
                      const CacheEntry &entry) {
  if (!enabled() || writeFailed)
    return;
  Status status = tryStore(key, description, entry);
  if (!status.ok() && !writeFailed.exchange(true))
    warn("compiled kernels are not kept on disk: " + status.message());
}

} // namespace cce::rt
