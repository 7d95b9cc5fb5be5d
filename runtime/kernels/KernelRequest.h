//===- KernelRequest.h - what the runtime asks the compiler for -*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_KERNELS_KERNELREQUEST_H
#define CCE_RUNTIME_KERNELS_KERNELREQUEST_H

#include "runtime/include/cce/cce.h"

#include <cstdint>
#include <map>
#include <string>

namespace cce::rt {

/// Integers by name, ordered so that the same configuration always prints the same. Names known to
/// sm_90a: tile_m, tile_n, stages, cluster. An absent name, or an empty map, means the compiler's default.
using KernelConfig = std::map<std::string, int64_t>;

/// A kernel to compile; the names are in docs/architecture.md.
struct KernelRequest {
  std::string kernel;
  /// "cpu" or "sm_90a".
  std::string target;
  /// Type of E, C and G: CCE_F32, CCE_BF16 or CCE_F16. CCE_DTYPE_NONE for the kernels without a
  /// matrix product (select_tokens_i32, finish_loss, ...), whose name says all.
  cce_dtype dtype = CCE_DTYPE_NONE;
  /// "identity", "bias", "softcap", "bias_softcap", or the MLIR text of a cce.transform. Empty for
  /// kernels in which no logit occurs, so that all problems share them.
  std::string transform;
  KernelConfig config;

  /// Everything above as text, unambiguous: what the cache key is made of.
  std::string toString() const;
};

/// "f32", "bf16", "f16", "i32", "i64", "none".
const char *dtypeName(cce_dtype dtype);
/// Bytes of one element; 0 for CCE_DTYPE_NONE.
int64_t dtypeSize(cce_dtype dtype);
/// "tile_m=128 tile_n=256", or "default" if empty.
std::string configToString(const KernelConfig &config);

} // namespace cce::rt

#endif // CCE_RUNTIME_KERNELS_KERNELREQUEST_H
