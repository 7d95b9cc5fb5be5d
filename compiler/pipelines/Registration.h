//===- Registration.h - dialects and passes of tools and compiler ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_PIPELINES_REGISTRATION_H
#define CCE_COMPILER_PIPELINES_REGISTRATION_H

namespace mlir {
class DialectRegistry;
namespace cce {

/// Every dialect that a kernel passes through, with its interfaces for conversion and translation.
void registerDialects(DialectRegistry &registry);

/// All our passes and pipelines, and the upstream passes that are useful beside them.
void registerPasses();

} // namespace cce
} // namespace mlir

#endif // CCE_COMPILER_PIPELINES_REGISTRATION_H
