//===- KernelRequest.cpp - what the runtime asks the compiler for ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/kernels/KernelRequest.h"

namespace cce::rt {

const char *dtypeName(cce_dtype dtype) {
  switch (dtype) {
  case CCE_DTYPE_NONE:
    return "none";
  case CCE_F32:
    return "f32";
  case CCE_BF16:
    return "bf16";
  case CCE_F16:
    return "f16";
  case CCE_I32:
    return "i32";
  case CCE_I64:
    return "i64";
  }
  return "unknown";
}

int64_t dtypeSize(cce_dtype dtype) {
  switch (dtype) {
  case CCE_DTYPE_NONE:
    return 0;
  case CCE_BF16:
  case CCE_F16:
    return 2;
  case CCE_F32:
  case CCE_I32:
    return 4;
  case CCE_I64:
    return 8;
  }
  return 0;
}

std::string configToString(const KernelConfig &config) {
  if (config.empty())
    return "default";
  std::string text;
  for (const auto &[name, value] : config) {
    if (!text.empty())
      text += ' ';
    text += name + "=" + std::to_string(value);
  }
  return text;
}

std::string KernelRequest::toString() const {
  // The transform comes last because it is the only part that can have any content.
  return "kernel " + kernel + "\ntarget " + target + "\ndtype " + dtypeName(dtype) + "\nconfig " +
         configToString(config) + "\ntransform " + transform;
}

} // namespace cce::rt
