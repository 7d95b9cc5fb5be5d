//===- Files.cpp - reading and atomically writing files -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/support/Files.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <unistd.h>

namespace cce::rt {

namespace {

Status fileError(const char *what, const std::filesystem::path &path, int error) {
  return makeError(error == ENOENT   ? CCE_NOT_FOUND
                   : error == ENOSPC ? CCE_RESOURCE_EXHAUSTED
                                     : CCE_UNKNOWN,
                   what, " ", path.string(), ": ", std::strerror(error));
}

} // namespace

Expected<std::string> readFile(const std::filesystem::path &path) {
  std::FILE *file = std::fopen(path.c_str(), "rb");
  if (!file)
    return fileError("can not open", path, errno);
  std::string content;
  char block[1 << 16];
  while (size_t count = std::fread(block, 1, sizeof(block), file))
    content.append(block, count);
  const int error = std::ferror(file) ? errno : 0;
  std::fclose(file);
  if (error)
    return fileError("can not read", path, error);
  return content;
}

Status writeFile(const std::filesystem::path &path, std::string_view content) {
  std::FILE *file = std::fopen(path.c_str(), "wb");
  if (!file)
    return fileError("can not create", path, errno);
  int error = 0;
  if (std::fwrite(content.data(), 1, content.size(), file) != content.size())
    error = errno;
  // Some file systems report a full disk only here.
  if (std::fclose(file) != 0 && error == 0)
    error = errno;
  if (error)
    return fileError("can not write", path, error);
  return {};
}

Status writeFileAtomically(const std::filesystem::path &path, std::string_view content) {
  std::filesystem::path temporary = path.parent_path() / uniqueName();
  Status status = writeFile(temporary, content);
  std::error_code error;
  if (status.ok()) {
    std::filesystem::rename(temporary, path, error);
    if (error)
      status = fileError("can not replace", path, error.value());
  }
  if (!status.ok())
    std::filesystem::remove(temporary, error);
  return status;
}

std::string uniqueName() {
  static std::atomic<unsigned> counter{0};
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  return "tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter++) + "-" +
         std::to_string(now);
}

std::string hashHex(std::string_view content) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, XXH3_128bits(content.data(), content.size()));
  std::string text;
  for (unsigned char byte : bytes.digest) {
    constexpr char digits[] = "0123456789abcdef";
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

} // namespace cce::rt
