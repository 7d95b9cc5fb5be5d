//===- CompileForCpu.h - from a kernel to an object file ----------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_CPU_COMPILEFORCPU_H
#define CCE_COMPILER_CPU_COMPILEFORCPU_H

#include "compiler/cpu/HostCpu.h"
#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace mlir::cce {

/// Compiles a module with one prepared kernel (cce-prepare) for this machine or a lesser one:
/// a relocatable ELF object and the JSON of its manifest. Errors are diagnostics. The module holds
/// the llvm dialect afterwards.
LogicalResult compileForCpu(ModuleOp module, std::string &object, std::string &manifest,
                            const HostCpu &cpu = hostCpu());

/// A relocatable object with the machine code of a module of the llvm dialect.
FailureOr<std::string> emitObject(ModuleOp module, const HostCpu &cpu = hostCpu());

} // namespace mlir::cce

#endif // CCE_COMPILER_CPU_COMPILEFORCPU_H
