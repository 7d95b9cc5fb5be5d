//===- TensorMap.cpp - descriptors for the bulk tensor copy engine --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/cuda/TensorMap.h"

namespace cce::rt::cuda {

Status checkTensorMapMatrix(std::string_view name, const BufferBinding &buffer) {
  const int64_t element = dtypeSize(buffer.dtype);
  const auto address = reinterpret_cast<uintptr_t>(buffer.base);
  if (buffer.rank != 2)
    return makeError(CCE_INTERNAL, name, ": a tensor map needs a matrix, got rank ", buffer.rank);
  if (buffer.dtype != CCE_BF16 && buffer.dtype != CCE_F16 && buffer.dtype != CCE_F32)
    return makeError(CCE_INTERNAL, name, ": no tensor map for elements of type ",
                     dtypeName(buffer.dtype));
  if (address == 0)
    return makeError(CCE_INVALID_ARGUMENT, name, ": expected device memory, got NULL");
  if (address % 16 != 0)
    return makeError(CCE_INVALID_ARGUMENT, name,
                     ": expected an address that is a multiple of 16 bytes, got ", buffer.base);
  for (int i = 0; i < 2; ++i)
    if (buffer.sizes[i] < 1 || buffer.sizes[i] > (int64_t(1) << 32))
      return makeError(CCE_INVALID_ARGUMENT, name, ": expected 1 to 2^32 ",
                       i == 0 ? "rows" : "columns", ", got ", buffer.sizes[i]);
  if (buffer.strides[1] != 1 && buffer.sizes[1] > 1)
    return makeError(CCE_INVALID_ARGUMENT, name, ": expected a column stride of 1, got ",
                     buffer.strides[1]);
  const int64_t rowBytes = buffer.strides[0] * element;
  if (rowBytes <= 0 || rowBytes % 16 != 0 || rowBytes >= (int64_t(1) << 40))
    return makeError(CCE_INVALID_ARGUMENT, name,
                     ": expected rows a multiple of 16 bytes and less than 2^40 bytes apart, got ",
                     rowBytes, " bytes (row stride ", buffer.strides[0], " elements)");
  return {};
}

Status checkTensorMap(const ManifestArgument &argument, const BufferBinding &buffer) {
  CCE_RETURN_IF_ERROR(checkTensorMapMatrix(argument.name, buffer));
  for (int i = 0; i < 2; ++i)
    if (argument.box[i] < 1 || argument.box[i] > 256)
      return makeError(CCE_INTERNAL, argument.name, ": expected a box of 1 to 256 ",
                       i == 0 ? "rows" : "columns", ", got ", argument.box[i]);
  const int64_t span = argument.swizzle;
  if (span != 0 && span != 32 && span != 64 && span != 128)
    return makeError(CCE_INTERNAL, argument.name, ": expected a swizzle of 0, 32, 64 or 128 bytes",
                     ", got ", span);
  const int64_t boxBytes = argument.box[1] * dtypeSize(buffer.dtype);
  if (boxBytes % 16 != 0)
    return makeError(CCE_INTERNAL, argument.name,
                     ": expected rows of the box a multiple of 16 bytes, got ", boxBytes);
  // The hardware allows narrower boxes, but the compiler's layouts have rows as wide as the span.
  if (span != 0 && boxBytes != span)
    return makeError(CCE_INTERNAL, argument.name, ": expected rows of the box of ", span,
                     " bytes, the swizzle span, got ", boxBytes);
  return {};
}

Expected<TensorMap> encodeTensorMap(const Driver &driver, const ManifestArgument &argument,
                                    const BufferBinding &buffer) {
  CCE_RETURN_IF_ERROR(checkTensorMap(argument, buffer));
  TensorMapDataType type = buffer.dtype == CCE_BF16  ? TensorMapDataType::BFloat16
                           : buffer.dtype == CCE_F16 ? TensorMapDataType::Float16
                                                     : TensorMapDataType::Float32;
  TensorMapSwizzle swizzle = argument.swizzle == 128  ? TensorMapSwizzle::Span128
                             : argument.swizzle == 64 ? TensorMapSwizzle::Span64
                             : argument.swizzle == 32 ? TensorMapSwizzle::Span32
                                                      : TensorMapSwizzle::None;
  // The driver counts dimensions from the innermost one.
  const uint64_t sizes[2] = {uint64_t(buffer.sizes[1]), uint64_t(buffer.sizes[0])};
  const uint64_t strides[1] = {uint64_t(buffer.strides[0] * dtypeSize(buffer.dtype))};
  const uint32_t box[2] = {uint32_t(argument.box[1]), uint32_t(argument.box[0])};
  const uint32_t elementStrides[2] = {1, 1};
  TensorMap map;
  Status status = driver.check(
      driver.tensorMapEncodeTiled(&map, type, 2, buffer.base, sizes, strides, box, elementStrides,
                                  TensorMapInterleave::None, swizzle, TensorMapL2Promotion::L2_256B,
                                  TensorMapOobFill::None),
      "tensorMapEncodeTiled");
  if (!status.ok())
    return status.annotate(argument.name);
  return map;
}

} // namespace cce::rt::cuda
