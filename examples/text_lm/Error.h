//===- Error.h - the failures that this program reports -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#pragma once

#include <stdexcept>

namespace text_lm {

/// A failure with a message for the user; main prints it and exits with 1.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

} // namespace text_lm
