//===- Log.h - warnings of the runtime --------------------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_SUPPORT_LOG_H
#define CCE_RUNTIME_SUPPORT_LOG_H

#include <functional>
#include <string>

namespace cce::rt {

/// Takes a warning: something went wrong that does not stop us, such as a damaged cache entry.
using WarningSink = std::function<void(const std::string &)>;

/// Writes "cce: warning: ..." to stderr.
WarningSink stderrWarnings();

} // namespace cce::rt

#endif // CCE_RUNTIME_SUPPORT_LOG_H
