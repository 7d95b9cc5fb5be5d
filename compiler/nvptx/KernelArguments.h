//===- KernelArguments.h - parameters of an entry point ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// Parameters come into being when the body first asks for them, and each is recorded in the manifest,
// so that a kernel has exactly the parameters that it reads.
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_NVPTX_KERNELARGUMENTS_H
#define CCE_COMPILER_NVPTX_KERNELARGUMENTS_H

#include "compiler/Manifest.h"
#include "compiler/nvptx/PtxBuilder.h"
#include "dialect/CceOps.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::cce {

class KernelArguments {
public:
  /// Starts an entry point for the kernel in front of the builder's insertion point and moves the
  /// builder into its body.
  KernelArguments(PtxBuilder &builder, KernelOp kernel, int64_t threads);

  Value tensorMap(Value buffer, ArrayRef<int64_t> box);
  /// Address of the first element, in global memory.
  Value pointer(Value buffer);
  /// Elements between rows of a rank-2 buffer, as i64.
  Value stride(Value buffer);
  /// Size of an axis, as i32. That of a counted axis is only known to the device; of an axis that has a
  /// list per group of tokens it is what the longest may be.
  Value extent(StringAttr axis);
  /// Length of a group's list, as i32.
  Value listLength(StringAttr axis, Value group);
  /// Index of an axis' first element in the whole axis, as i32.
  Value origin(StringAttr axis);
  /// A scalar argument of the kernel.
  Value scalar(BlockArgument argument);

  ManifestBuilder &getManifest() { return manifest; }
  LLVM::LLVMFuncOp getFunction() { return function; }
  /// Sets the type and the attributes of the function, once its body is complete.
  void finish();

private:
  Value parameter(StringRef key, Type type, llvm::function_ref<void()> record);
  /// Emits at the start of the function, behind what is there already.
  Value atEntry(StringRef key, llvm::function_ref<Value()> emit);
  StringRef nameOf(Value buffer);
  Value extentPointer(StringAttr axis);

  PtxBuilder &b;
  KernelOp kernel;
  LLVM::LLVMFuncOp function;
  Block *entry;
  Operation *lastAtEntry = nullptr;
  ManifestBuilder manifest;
  llvm::StringMap<Value> values;
  SmallVector<DictionaryAttr> attributes;
};

/// The axis whose buffers hold whole tiles (docs/architecture.md).
inline bool isTokens(StringAttr axis) { return axis.getValue() == "tokens"; }
/// Axes whose extents are on the device: those of lists that the device has made.
inline bool isCounted(StringAttr axis) {
  return isTokens(axis) || axis.getValue() == "classes";
}

} // namespace mlir::cce

#endif // CCE_COMPILER_NVPTX_KERNELARGUMENTS_H
