//===- StatusTest.cpp - error values --------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/support/Status.h"

#include <gtest/gtest.h>

#include <memory>

namespace cce::rt {
namespace {

TEST(Status, successHasNoMessage) {
  Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.code(), CCE_OK);
  EXPECT_EQ(status.toString(), "OK");
  EXPECT_EQ(status.annotate("context").message(), "");
}

TEST(Status, annotatePutsContextInFront) {
  Status status = makeError(CCE_NOT_FOUND, "no device ", 3);
  EXPECT_EQ(status.annotate("inner").annotate("outer").toString(),
            "NOT_FOUND: outer: inner: no device 3");
  EXPECT_EQ(makeError(CCE_INTERNAL, "x").annotate("y").message(), "y: x");
}

TEST(Status, everyCodeHasItsName) {
  for (auto [code, name] :
       {std::pair(CCE_OK, "OK"), std::pair(CCE_UNKNOWN, "UNKNOWN"),
        std::pair(CCE_INVALID_ARGUMENT, "INVALID_ARGUMENT"), std::pair(CCE_NOT_FOUND, "NOT_FOUND"),
        std::pair(CCE_RESOURCE_EXHAUSTED, "RESOURCE_EXHAUSTED"),
        std::pair(CCE_FAILED_PRECONDITION, "FAILED_PRECONDITION"),
        std::pair(CCE_UNIMPLEMENTED, "UNIMPLEMENTED"), std::pair(CCE_INTERNAL, "INTERNAL"),
        std::pair(CCE_UNAVAILABLE, "UNAVAILABLE")})
    EXPECT_STREQ(cce_status_name(code), name);
  EXPECT_STREQ(cce_status_name(static_cast<cce_status>(15)), "UNKNOWN");
}

Expected<std::unique_ptr<int>> half(int value) {
  if (value % 2)
    return makeError(CCE_INVALID_ARGUMENT, "odd: ", value);
  return std::make_unique<int>(value / 2);
}

Status quarter(int value, int &result) {
  CCE_ASSIGN_OR_RETURN(std::unique_ptr<int> once, half(value));
  CCE_ASSIGN_OR_RETURN(std::unique_ptr<int> twice, half(*once));
  result = *twice;
  return {};
}

TEST(Expected, macrosPassErrorsOn) {
  int result = 0;
  EXPECT_TRUE(quarter(12, result).ok());
  EXPECT_EQ(result, 3);
  EXPECT_EQ(quarter(6, result).toString(), "INVALID_ARGUMENT: odd: 3");
  EXPECT_EQ(result, 3);
}

TEST(Expected, successWithoutAValueIsAFault) {
  Expected<int> value = Status();
  EXPECT_FALSE(value.ok());
  EXPECT_EQ(value.status().code(), CCE_INTERNAL);
}

} // namespace
} // namespace cce::rt
