//===- Passes.h - passes of the CPU target -----------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_CPU_PASSES_H
#define CCE_COMPILER_CPU_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::cce {
#define GEN_PASS_DECL
#include "compiler/cpu/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "compiler/cpu/Passes.h.inc"
} // namespace mlir::cce

#endif // CCE_COMPILER_CPU_PASSES_H
