//===- KernelSources.cpp - the text of kernels-src/ -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/KernelSources.h"

std::span<const mlir::cce::KernelSource> mlir::cce::kernelSources() {
  static constexpr KernelSource sources[] = {
#include "compiler/KernelSources.inc"
  };
  return sources;
}
