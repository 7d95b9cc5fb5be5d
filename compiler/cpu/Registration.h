//===- Registration.h - dialects and passes of the CPU target -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_CPU_REGISTRATION_H
#define CCE_COMPILER_CPU_REGISTRATION_H

namespace mlir {
class DialectRegistry;
namespace cce {

/// The dialects that a kernel for the CPU passes through, with their translation to LLVM IR.
void registerCpuDialects(DialectRegistry &registry);

/// The passes of the CPU target and the pipeline `cce-cpu-pipeline`.
void registerCpuPasses();

} // namespace cce
} // namespace mlir

#endif // CCE_COMPILER_CPU_REGISTRATION_H
