//===- CompileForCpu.h - from a kernel to an object file ----------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_CPU_COMPILEFORCPU_H
#define CCE_COMPILER_CPU_COMPILEFORCPU_H

#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace mlir::cce {

/// Compiles a module with one prepared kernel (cce-prepare) for this machine's processor: a relocatable
/// ELF object and the JSON of its manifest. Errors are diagnostics. The module holds the llvm dialect
/// afterwards.
LogicalResult compileForCpu(ModuleOp module, std::string &object, std::string &manifest);

/// A relocatable object with the machine code of a module of the llvm dialect.
FailureOr<std::string> emitObject(ModuleOp module);

} // namespace mlir::cce

#endif // CCE_COMPILER_CPU_COMPILEFORCPU_H
