//===- Files.cpp - files that are either whole or not there ----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/text_lm/Files.h"

#include "examples/text_lm/Error.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

namespace text_lm {

void writeFile(const std::filesystem::path &file, std::string_view content) {
  std::filesystem::path part = file;
  part += ".part";
  errno = 0;
  std::FILE *out = std::fopen(part.c_str(), "wb");
  bool good = out && std::fwrite(content.data(), 1, content.size(), out) == content.size();
  int reason = errno;
  // A full disk may show only when the buffer is written out.
  if (out && std::fclose(out) != 0 && good) {
    good = false;
    reason = errno;
  }
  if (good && std::rename(part.c_str(), file.c_str()) != 0) {
    good = false;
    reason = errno;
  }
  if (good)
    return;
  if (out)
    std::remove(part.c_str());
  throw Error("can not write '" + file.string() + "': " + std::strerror(reason));
}

void prepareDirectory(const std::filesystem::path &directory) {
  std::error_code status, ignored;
  std::filesystem::create_directories(directory, status);
  if (!std::filesystem::is_directory(directory, ignored))
    throw Error("can not create output directory '" + directory.string() +
                "': " + (status ? status.message() : "it is not a directory"));
  std::filesystem::path probe = directory / "write-probe";
  writeFile(probe, "");
  std::filesystem::remove(probe, status);
}

} // namespace text_lm
