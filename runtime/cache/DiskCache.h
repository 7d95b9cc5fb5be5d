//===- DiskCache.h - compiled kernels on disk -------------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// <root>/kernels/<key>/ holds code (PTX or an object), manifest.json, perhaps a cubin, and
// entry.json with the request for human readers and a hash of each file. An entry is written under
// a temporary name and renamed, so processes do not disturb each other. A damaged entry is a miss
// and a warning; a folder that can not be written is one warning, and the cache is then off for
// writing.
//
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_CACHE_DISKCACHE_H
#define CCE_RUNTIME_CACHE_DISKCACHE_H

#include "runtime/support/Log.h"
#include "runtime/support/Status.h"

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace cce::rt {

struct CacheEntry {
  std::string code;
  std::string manifest;
  /// Machine code that the driver made from `code`; empty if not kept.
  std::string cubin;
};

class DiskCache {
public:
  /// An empty path switches the cache off. The folder is created when something is stored.
  DiskCache(std::filesystem::path root, WarningSink warn);

  /// Makes a key from everything that the content depends on.
  static std::string key(std::string_view description);

  std::optional<CacheEntry> lookup(const std::string &key) const;

  /// `description` is what key() was given. Replaces an existing entry; failure is a warning.
  void store(const std::string &key, std::string_view description, const CacheEntry &entry);

  bool enabled() const { return !root.empty(); }
  const std::filesystem::path &path() const { return root; }

  /// The folder of cce_context_desc::cache_dir: `requested` if not null, else the environment's
  /// CCE_CACHE_DIR, XDG_CACHE_HOME/cce, HOME/.cache/cce; empty if there is none of these.
  static std::filesystem::path defaultRoot(const char *requested);

private:
  Status tryStore(const std::string &key, std::string_view description, const CacheEntry &entry);

  std::filesystem::path root;
  WarningSink warn;
  std::atomic<bool> writeFailed{false};
};

} // namespace cce::rt

#endif // CCE_RUNTIME_CACHE_DISKCACHE_H
