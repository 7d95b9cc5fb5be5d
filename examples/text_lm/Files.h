//===- Files.h - files that are either whole or not there ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#pragma once

#include <filesystem>
#include <string_view>

namespace text_lm {

/// Writes next to `file` and renames: at any time, also after a kill or with a full disk,
/// `file` holds either its old or its new content.
void writeFile(const std::filesystem::path &file, std::string_view content);

/// Creates the directory if need be and makes sure that it can be written to.
void prepareDirectory(const std::filesystem::path &directory);

} // namespace text_lm
