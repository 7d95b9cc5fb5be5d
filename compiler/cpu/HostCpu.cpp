//===- HostCpu.cpp - the processor that code is made for ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/cpu/HostCpu.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include <map>

using namespace mlir::cce;

static HostCpu detect() {
  HostCpu cpu;
  cpu.name = llvm::sys::getHostCPUName().str();
  // Sorted: the text is part of cache keys.
  std::map<std::string, bool> features;
  for (const auto &feature : llvm::sys::getHostCPUFeatures())
    features[feature.getKey().str()] = feature.getValue();
  for (const auto &[name, present] : features)
    cpu.features += (cpu.features.empty() ? "" : ",") + std::string(present ? "+" : "-") + name;
  auto has = [&](const char *name) {
    auto found = features.find(name);
    return found != features.end() && found->second;
  };
  bool avx512 = has("avx512f") && has("avx512bw") && has("avx512vl") && has("avx512dq");
  bool avx2 = has("avx2") && has("fma") && has("f16c");
  cpu.vectorBits = avx512 ? 512 : 256;
  cpu.description = avx512 ? "AVX-512" : avx2 ? "AVX2" : "generic";
  return cpu;
}

const HostCpu &mlir::cce::hostCpu() {
  static const HostCpu cpu = detect();
  return cpu;
}
