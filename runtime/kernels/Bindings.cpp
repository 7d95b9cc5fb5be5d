//===- Bindings.cpp - values for the arguments of a kernel ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/kernels/Bindings.h"

#include <bit>

namespace cce::rt {

Bindings &Bindings::matrix(std::string_view name, const void *base, cce_dtype dtype, int64_t rows,
                           int64_t columns, int64_t rowStride, int64_t columnStride) {
  if (bufferCount == buffers.size()) {
    overflow = true;
    return *this;
  }
  buffers[bufferCount++] = {
      name, {const_cast<void *>(base), dtype, 2, {rows, columns}, {rowStride, columnStride}}};
  return *this;
}

Bindings &Bindings::vector(std::string_view name, const void *base, cce_dtype dtype, int64_t size) {
  if (bufferCount == buffers.size()) {
    overflow = true;
    return *this;
  }
  buffers[bufferCount++] = {name, {const_cast<void *>(base), dtype, 1, {size, 0}, {1, 0}}};
  return *this;
}

Bindings &Bindings::scalarBuffer(std::string_view name, const void *base, cce_dtype dtype) {
  vector(name, base, dtype, 1);
  if (!overflow)
    buffers[bufferCount - 1].buffer.rank = 0;
  return *this;
}

Bindings &Bindings::add(const NamedValue &value) {
  if (valueCount == values.size())
    overflow = true;
  else
    values[valueCount++] = value;
  return *this;
}

Bindings &Bindings::extent(std::string_view axis, int64_t size) {
  return add({axis, ArgumentKind::Extent, false, size, 0});
}

Bindings &Bindings::extentPointer(std::string_view axis, const void *address) {
  return add(
      {axis, ArgumentKind::ExtentPointer, false, int64_t(reinterpret_cast<intptr_t>(address)), 0});
}

Bindings &Bindings::origin(std::string_view axis, int64_t index) {
  return add({axis, ArgumentKind::Origin, false, index, 0});
}

Bindings &Bindings::scalar(std::string_view name, int64_t value) {
  return add({name, ArgumentKind::Scalar, false, value, 0});
}

Bindings &Bindings::scalar(std::string_view name, float value) {
  return add({name, ArgumentKind::Scalar, true, 0, value});
}

const Bindings::NamedValue *Bindings::find(ArgumentKind kind, std::string_view name) const {
  for (size_t i = 0; i < valueCount; ++i)
    if (values[i].kind == kind && values[i].name == name)
      return &values[i];
  return nullptr;
}

const BufferBinding *Bindings::findBuffer(std::string_view name) const {
  for (size_t i = 0; i < bufferCount; ++i)
    if (buffers[i].name == name)
      return &buffers[i].buffer;
  return nullptr;
}

const int64_t *Bindings::findExtent(std::string_view axis) const {
  const NamedValue *value = find(ArgumentKind::Extent, axis);
  return value ? &value->integer : nullptr;
}

const int64_t *Bindings::findInteger(std::string_view name) const {
  const NamedValue *value = find(ArgumentKind::Scalar, name);
  return value && !value->isFloat ? &value->integer : nullptr;
}

Expected<uint64_t> Bindings::value(const ManifestArgument &argument) const {
  if (overflow)
    return makeError(CCE_INTERNAL, "too many buffers or values for one kernel");
  if (argument.kind == ArgumentKind::Pointer || argument.kind == ArgumentKind::Stride) {
    const BufferBinding *buffer = findBuffer(argument.name);
    if (!buffer)
      return makeError(CCE_INTERNAL, "no buffer named '", argument.name, "' for this kernel");
    if (argument.kind == ArgumentKind::Pointer)
      return uint64_t(reinterpret_cast<uintptr_t>(buffer->base));
    return uint64_t(buffer->strides[argument.dimension]);
  }
  const NamedValue *value = find(argument.kind, argument.name);
  if (!value)
    return makeError(CCE_INTERNAL, "no ", argumentKindName(argument.kind), " named '",
                     argument.name, "' for this kernel");
  if (argument.kind != ArgumentKind::Scalar)
    return uint64_t(value->integer);
  if ((argument.scalarType == ScalarType::F32) != value->isFloat)
    return makeError(CCE_INTERNAL, "scalar '", argument.name, "': the kernel expects ",
                     scalarTypeName(argument.scalarType), ", the value is ",
                     value->isFloat ? "a float" : "an integer");
  return value->isFloat ? uint64_t(std::bit_cast<uint32_t>(value->real)) : uint64_t(value->integer);
}

Status fillCpuSlots(const Manifest &manifest, const Bindings &bindings, std::span<uint64_t> slots) {
  for (size_t i = 0; i < manifest.arguments.size(); ++i) {
    const ManifestArgument &argument = manifest.arguments[i];
    switch (argument.kind) {
    case ArgumentKind::Begin:
    case ArgumentKind::End:
    case ArgumentKind::Scratch:
      slots[i] = 0;
      break;
    case ArgumentKind::TensorMap:
      return makeError(CCE_INTERNAL, "kernel '", manifest.kernel,
                       "': a tensor map among the arguments of a CPU kernel");
    default: {
      CCE_ASSIGN_OR_RETURN(slots[i], bindings.value(argument));
    }
    }
  }
  return {};
}

} // namespace cce::rt
