//===- TokenKernels.h - CPU kernels without a matrix product ----*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// select_tokens_*, finish_loss, token_weights and convert_* of docs/architecture.md: linear in the
// number of tokens, so plain loops. The GPU versions in kernels-src/nvptx/ mean the same.
//
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_CPU_TOKENKERNELS_H
#define CCE_RUNTIME_CPU_TOKENKERNELS_H

#include "runtime/kernels/Bindings.h"

namespace cce::rt {

/// Reads its arguments by name. An argument that is missing is CCE_INTERNAL.
using TokenKernel = Status (*)(const Bindings &bindings);

/// Null if there is no such kernel.
TokenKernel findTokenKernel(std::string_view name);

} // namespace cce::rt

#endif // CCE_RUNTIME_CPU_TOKENKERNELS_H
