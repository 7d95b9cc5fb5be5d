//===- Status.cpp - error values of the runtime ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/support/Status.h"

namespace cce::rt {

const char *statusName(cce_status code) {
  switch (code) {
  case CCE_OK:
    return "OK";
  case CCE_UNKNOWN:
    return "UNKNOWN";
  case CCE_INVALID_ARGUMENT:
    return "INVALID_ARGUMENT";
  case CCE_NOT_FOUND:
    return "NOT_FOUND";
  case CCE_RESOURCE_EXHAUSTED:
    return "RESOURCE_EXHAUSTED";
  case CCE_FAILED_PRECONDITION:
    return "FAILED_PRECONDITION";
  case CCE_UNIMPLEMENTED:
    return "UNIMPLEMENTED";
  case CCE_INTERNAL:
    return "INTERNAL";
  case CCE_UNAVAILABLE:
    return "UNAVAILABLE";
  }
  return "UNKNOWN";
}

std::string Status::toString() const {
  if (ok())
    return "OK";
  return std::string(statusName(codeValue)) + ": " + text;
}

} // namespace cce::rt
