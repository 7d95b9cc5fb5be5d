//===- Files.h - reading and atomically writing files -----------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_SUPPORT_FILES_H
#define CCE_RUNTIME_SUPPORT_FILES_H

#include "runtime/support/Status.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace cce::rt {

/// The whole content; CCE_NOT_FOUND if there is no such file.
Expected<std::string> readFile(const std::filesystem::path &path);

/// Writes and closes; a full disk is noticed here.
Status writeFile(const std::filesystem::path &path, std::string_view content);

/// Writes beside `path` and renames, so that other processes see the old or the new content and
/// nothing in between.
Status writeFileAtomically(const std::filesystem::path &path, std::string_view content);

/// A name that no other thread or process uses: "tmp-<pid>-<number>-<time>".
std::string uniqueName();

/// 32 hexadecimal digits: the XXH3-128 hash.
std::string hashHex(std::string_view content);

} // namespace cce::rt

#endif // CCE_RUNTIME_SUPPORT_FILES_H
