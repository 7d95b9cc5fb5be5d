//===- KernelSources.h - the text of kernels-src/ -------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_KERNELSOURCES_H
#define CCE_COMPILER_KERNELSOURCES_H

#include <span>
#include <string_view>

namespace mlir::cce {

struct KernelSource {
  std::string_view name; ///< file name, e.g. "lse_forward.mlir"
  std::string_view text;
};

/// All files of kernels-src/ and kernels-src/nvptx/.
std::span<const KernelSource> kernelSources();

} // namespace mlir::cce

#endif // CCE_COMPILER_KERNELSOURCES_H
