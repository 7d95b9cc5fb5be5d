//===- Compiler.h - from a kernel's name to code and manifest ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// The only header of the compiler that the world outside (runtime/jit, tools) needs. It shows no
// MLIR type.
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_COMPILER_H
#define CCE_COMPILER_COMPILER_H

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace mlir::cce {

struct CompileRequest {
  std::string kernel;  ///< a kernel of kernels-src/, e.g. "lse_forward"
  std::string target;  ///< "cpu" or "sm_90a"
  std::string operand; ///< "bf16", "f16" or "f32"
  /// A built-in transform ("identity", "bias", "softcap", "bias_softcap") or MLIR text with exactly
  /// one cce.transform.
  std::string transform = "identity";
  /// Tile sizes by name (tile_m, tile_n, tile_k, stages); what is missing takes the target's default.
  std::map<std::string, int64_t> config;
};

struct CompiledKernel {
  std::string code;     ///< PTX text (sm_90a) or a relocatable object (cpu)
  std::string manifest; ///< JSON, docs/architecture.md
};

/// Result of a compilation: the kernel, or what was wrong, with locations in the kernel source.
struct CompileResult {
  bool ok = false;
  CompiledKernel kernel;
  std::string error;
};

CompileResult compileKernel(const CompileRequest &request);

/// Changes when the same request may give different code: part of cache keys.
std::string compilerVersion();

} // namespace mlir::cce

#endif // CCE_COMPILER_COMPILER_H
