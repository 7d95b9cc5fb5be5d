//===- Log.cpp - warnings of the runtime ----------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/support/Log.h"

#include <cstdio>

namespace cce::rt {

WarningSink stderrWarnings() {
  return [](const std::string &text) { std::fprintf(stderr, "cce: warning: %s\n", text.c_str()); };
}

} // namespace cce::rt
