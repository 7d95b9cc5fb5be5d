//===- Staging.h - between the caller's memory and tiles ----------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// Internal functions that read a rectangle of a buffer into a tile of f32 (or i32) and write a row
// of one back. All that depends on element type, strides, gathered rows and ragged edges is here.
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_CPU_STAGING_H
#define CCE_COMPILER_CPU_STAGING_H

#include "compiler/cpu/Emitter.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::cce::cpu {

/// Memory of one or two dimensions as a call sees it. A list of rows (null: none) renames the
/// first.
struct Memory {
  Value base, stride0, stride1;
  Value list, listStride;
  Type element;
};

/// A rectangle of it: entries [start, start + count) of each dimension. What is beyond `count` up
/// to `padded`, a multiple of `lanes`, is zero in the tile; a row that the list names negative,
/// too.
struct Rectangle {
  Value start0, count0, padded0;
  Value start1, count1, padded1;
};

/// Where entry (r, c) of the tile is: base + r * rowPitch + (c / lanes) * chunkStride + c % lanes.
struct TileLayout {
  Value base, rowPitch, chunkStride;
};

class Staging {
public:
  Staging(ModuleOp module, Location loc) : module(module), loc(loc) {}

  /// Rows of the tile are entries of dimension 0.
  void copy(Emitter &e, const Memory &memory, const Rectangle &part, const TileLayout &tile);
  /// Rows of the tile are entries of dimension 1.
  void transpose(Emitter &e, const Memory &memory, const Rectangle &part, const TileLayout &tile);
  /// Writes `count` f32 (or i32) from scratch memory with a stride, rounded to the element.
  void write(Emitter &e, Value from, Value to, Value stride, Value count, Type element);

private:
  LLVM::LLVMFuncOp copyFunction(Type element);
  LLVM::LLVMFuncOp transposeFunction(Type element);
  LLVM::LLVMFuncOp writeFunction(Type element);
  LLVM::LLVMFuncOp declare(StringRef name, ArrayRef<Type> arguments, bool &isNew);

  ModuleOp module;
  Location loc;
};

/// An internal function with an empty entry block, or the one that the module has.
LLVM::LLVMFuncOp declareInternal(ModuleOp module, Location loc, StringRef name,
                                 ArrayRef<Type> arguments, bool &isNew);

} // namespace mlir::cce::cpu

#endif // CCE_COMPILER_CPU_STAGING_H
