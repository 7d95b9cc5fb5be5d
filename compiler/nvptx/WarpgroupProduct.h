//===- WarpgroupProduct.h - acc += A.B on Hopper's tensor cores ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// The products of one warpgroup: 64 rows of A, both operands in shared memory with the 128-byte swizzle
// (wgmma, PTX ISA §9.7.15). They run behind the warpgroup's back: multiply() issues an instruction, and
// what it reads may be written again, and its sums may be looked at, once a wait has covered its group.
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_NVPTX_WARPGROUPPRODUCT_H
#define CCE_COMPILER_NVPTX_WARPGROUPPRODUCT_H

#include "compiler/nvptx/PtxBuilder.h"

namespace mlir::cce {

class WarpgroupProduct {
public:
  /// Contraction elements of an instruction.
  static constexpr int64_t depth = 16;

  /// `columns` of B; bf16 or f16 operands. K-major: 64 contraction elements in a row of 128 bytes; else
  /// panels of 64 rows of the tile, `panelBytes` long each.
  WarpgroupProduct(PtxBuilder &builder, int64_t columns, Type element, bool aKMajor, bool bKMajor,
                   int64_t panelBytes);

  Value zeros();

  /// Starts what multiply() issues next, of operands that a barrier has shown to be there.
  void begin();
  /// Issues acc += A.B for the `step`-th 16 contraction elements of operands that start at these addresses.
  Value multiply(Value accumulator, Value a, Value b, int64_t step);
  /// What has been issued since the last commit is a group.
  void commit();
  /// Waits for all groups but the last. Their sums must not be looked at, but what they have read may be
  /// written.
  void waitForOthers();
  /// Waits for all groups; the sums may be used.
  Value wait(Value accumulator);

private:
  Value descriptor(Value address, bool kMajor, int64_t step);

  PtxBuilder &b;
  int64_t columns;
  Type element;
  bool aKMajor, bKMajor;
  int64_t panelBytes;
  LLVM::LLVMStructType type;
};

} // namespace mlir::cce

#endif // CCE_COMPILER_NVPTX_WARPGROUPPRODUCT_H
