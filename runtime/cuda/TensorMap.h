//===- TensorMap.h - descriptors for the bulk tensor copy engine -*- C++ -*-==//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_CUDA_TENSORMAP_H
#define CCE_RUNTIME_CUDA_TENSORMAP_H

#include "runtime/cuda/Driver.h"
#include "runtime/kernels/Bindings.h"
#include "runtime/kernels/Manifest.h"

namespace cce::rt::cuda {

/// The rules that a matrix itself must meet (PTX ISA, "Tensors"; cuTensorMapEncodeTiled): base
/// address a multiple of 16 bytes, neighbouring columns adjacent, rows a multiple of 16 bytes and
/// less than 2^40 bytes apart, 1 to 2^32 rows and columns. The message names the rule and the
/// value.
Status checkTensorMapMatrix(std::string_view name, const BufferBinding &buffer);

/// The same plus the rules for the box: each side 1 to 256, swizzle 0, 32, 64 or 128, rows of the
/// box a multiple of 16 bytes and, with a swizzle, as wide as its span.
Status checkTensorMap(const ManifestArgument &argument, const BufferBinding &buffer);

/// Checks and encodes. A host function of the driver: about a microsecond, no device work.
Expected<TensorMap> encodeTensorMap(const Driver &driver, const ManifestArgument &argument,
                                    const BufferBinding &buffer);

} // namespace cce::rt::cuda

#endif // CCE_RUNTIME_CUDA_TENSORMAP_H
