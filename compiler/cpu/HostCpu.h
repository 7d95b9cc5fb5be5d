//===- HostCpu.h - the processor that code is made for -------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// Shows no MLIR or LLVM type: the runtime names the processor in its cache keys and messages.
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_CPU_HOSTCPU_H
#define CCE_COMPILER_CPU_HOSTCPU_H

#include <cstdint>
#include <string>

namespace mlir::cce {

struct HostCpu {
  std::string name;        ///< LLVM's name of the model, "znver5"
  std::string features;    ///< what the code may use: "+avx512f,-amx-tile,..."
  int64_t vectorBits;      ///< 512 or 256
  std::string description; ///< for people: "AVX-512", "AVX2" or "generic"
};

/// This machine's processor.
const HostCpu &hostCpu();

} // namespace mlir::cce

#endif // CCE_COMPILER_CPU_HOSTCPU_H
