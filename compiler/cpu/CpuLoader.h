//===- CpuLoader.h - brings an object file into this process ------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// Shows no MLIR or LLVM type, so that runtime/jit can include it.
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_CPU_CPULOADER_H
#define CCE_COMPILER_CPU_CPULOADER_H

#include <cstdint>
#include <memory>
#include <string>

namespace mlir::cce {

/// Machine code of a kernel, alive as long as this object. Entries may be called by several
/// threads.
class CpuModule {
public:
  /// `void entry(const uint64_t *slots)`, docs/architecture.md.
  using Entry = void (*)(const uint64_t *slots);

  /// Links an object of emitObject; null and an error if it is no object or lacks the entry.
  static std::unique_ptr<CpuModule> load(const std::string &object, const std::string &entry,
                                         std::string &error);
  ~CpuModule();

  Entry entry() const;

private:
  struct Impl;
  explicit CpuModule(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

} // namespace mlir::cce

#endif // CCE_COMPILER_CPU_CPULOADER_H
