//===- Status.h - error values of the runtime -------------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Errors are values: a canonical code (those of cce.h) and a message for humans. A message says
// what was tried, on what, the value that was wrong and what was expected; callers add context in
// front with `annotate`. Nothing in the runtime throws; `Status` and `Expected` must be looked at.
//
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_SUPPORT_STATUS_H
#define CCE_RUNTIME_SUPPORT_STATUS_H

#include "runtime/include/cce/cce.h"

#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

namespace cce::rt {

class [[nodiscard]] Status {
public:
  /// Success.
  Status() = default;
  Status(cce_status code, std::string message) : codeValue(code), text(std::move(message)) {}

  static Status success() { return {}; }

  bool ok() const { return codeValue == CCE_OK; }
  cce_status code() const { return codeValue; }
  const std::string &message() const { return text; }

  /// Puts "context: " in front of the message of an error; leaves success alone.
  Status &annotate(std::string_view context) & {
    if (!ok())
      text = std::string(context) + ": " + text;
    return *this;
  }
  Status annotate(std::string_view context) && {
    annotate(context);
    return std::move(*this);
  }

  /// "INVALID_ARGUMENT: what was wrong".
  std::string toString() const;

private:
  cce_status codeValue = CCE_OK;
  std::string text;
};

/// "INVALID_ARGUMENT" and so on; "UNKNOWN" for numbers that are no code.
const char *statusName(cce_status code);

/// makeError(CCE_NOT_FOUND, "no kernel '", name, "'"): the parts are streamed one after the other.
template <typename... Parts> Status makeError(cce_status code, const Parts &...parts) {
  std::ostringstream stream;
  (stream << ... << parts);
  return Status(code, stream.str());
}

/// A value or the reason why there is none.
template <typename T> class [[nodiscard]] Expected {
public:
  Expected(T value) : stored(std::move(value)) {}
  /// `status` must be an error; success without a value becomes CCE_INTERNAL.
  Expected(Status status) : error(std::move(status)) {
    if (error.ok())
      error = Status(CCE_INTERNAL, "success without a value");
  }

  bool ok() const { return stored.has_value(); }
  explicit operator bool() const { return ok(); }

  const Status &status() const & { return error; }
  Status status() && { return std::move(error); }

  T &operator*() & { return *stored; }
  const T &operator*() const & { return *stored; }
  T &&operator*() && { return *std::move(stored); }
  T *operator->() { return &*stored; }
  const T *operator->() const { return &*stored; }

  Expected annotate(std::string_view context) && {
    error.annotate(context);
    return std::move(*this);
  }

private:
  std::optional<T> stored;
  Status error;
};

#define CCE_CONCAT_IMPL(a, b) a##b
#define CCE_CONCAT(a, b) CCE_CONCAT_IMPL(a, b)

/// Evaluates an expression of type Status and returns it from this function if it is an error.
#define CCE_RETURN_IF_ERROR(...)                                                                   \
  do {                                                                                             \
    if (::cce::rt::Status cceStatus = (__VA_ARGS__); !cceStatus.ok())                              \
      return cceStatus;                                                                            \
  } while (false)

/// CCE_ASSIGN_OR_RETURN(auto x, f()): x is the value of the Expected, or this function returns.
#define CCE_ASSIGN_OR_RETURN(declaration, ...)                                                     \
  CCE_ASSIGN_OR_RETURN_IMPL(CCE_CONCAT(cceExpected, __LINE__), declaration, __VA_ARGS__)
#define CCE_ASSIGN_OR_RETURN_IMPL(temporary, declaration, ...)                                     \
  auto temporary = (__VA_ARGS__);                                                                  \
  if (!temporary.ok())                                                                             \
    return std::move(temporary).status();                                                          \
  declaration = *std::move(temporary)

} // namespace cce::rt

#endif // CCE_RUNTIME_SUPPORT_STATUS_H
