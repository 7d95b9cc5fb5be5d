//===- Rounding.h - whole numbers of parts ----------------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_PLAN_ROUNDING_H
#define CCE_RUNTIME_PLAN_ROUNDING_H

#include <cstdint>

namespace cce::rt {

constexpr int64_t divideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t roundUp(int64_t a, int64_t b) { return divideUp(a, b) * b; }

} // namespace cce::rt

#endif // CCE_RUNTIME_PLAN_ROUNDING_H
