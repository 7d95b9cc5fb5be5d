//===- VectorMath.h - exponentials of vectors ---------------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_CPU_VECTORMATH_H
#define CCE_COMPILER_CPU_VECTORMATH_H

#include "compiler/cpu/Emitter.h"

namespace mlir::cce::cpu {

/// 2^x, e^x and tanh x of a vector of f32, within 2 ulp for every x. With `avx512` vectors of 16
/// use its instruction for p 2^n, which takes the place of eight.
Value buildExp2(Emitter &e, Value x, bool avx512);
Value buildExp(Emitter &e, Value x, bool avx512);
Value buildTanh(Emitter &e, Value x, bool avx512);

/// log(1 + x), from one logarithm, within 3 ulp where 1 + x alone would lose x.
Value buildLog1p(Emitter &e, Value x);

/// 2^x for the terms of a log-sum-exp: x <= 0 up to rounding. Results below the normal range are 0;
/// NaN stays NaN; +inf gives a large number (the maximum that was subtracted is +inf then).
Value buildExp2OfTerm(Emitter &e, Value x);

} // namespace mlir::cce::cpu

#endif // CCE_COMPILER_CPU_VECTORMATH_H
