//===- WarpgroupProduct.cpp - acc += A.B on Hopper's tensor cores --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/WarpgroupProduct.h"

using namespace mlir;
using namespace mlir::cce;

WarpgroupProduct::WarpgroupProduct(PtxBuilder &builder, int64_t columns, Type element, bool aKMajor,
                                   bool bKMajor, int64_t panelBytes)
    : b(builder), columns(columns), element(element), aKMajor(aKMajor), bKMajor(bKMajor),
      panelBytes(panelBytes),
      type(LLVM::LLVMStructType::getLiteral(builder.getContext(),
                                            SmallVector<Type>(columns / 2, builder.f32()))) {}

Value WarpgroupProduct::zeros() { return LLVM::ZeroOp::create(b, type); }

void WarpgroupProduct::begin() { NVVM::WgmmaFenceAlignedOp::create(b); }
void WarpgroupProduct::commit() { NVVM::WgmmaGroupSyncAlignedOp::create(b); }
void WarpgroupProduct::waitForOthers() { NVVM::WgmmaWaitGroupSyncOp::create(b, 1); }

/// The matrix descriptor of a tile with the 128-byte swizzle (§9.7.15.5.1.2). K-major: 8 rows of 128
/// bytes repeat every 1024 bytes (stride offset); the leading offset is not used. MN-major: panels of
/// 64 follow each other at the leading offset, 8 contraction elements at the stride offset.
Value WarpgroupProduct::descriptor(Value address, bool kMajor, int64_t step) {
  Value field = b.zext64(b.andi(b.shr(address, 4), 0x3fff));
  uint64_t leading = kMajor ? 1 : panelBytes / 16, stride = 1024 / 16;
  uint64_t fixed = (uint64_t(1) << 62) | (stride << 32) | (leading << 16);
  Value first = b.ori(field, b.c64(static_cast<int64_t>(fixed)));
  // 16 contraction elements on: 32 bytes within the swizzled row, or 16 rows.
  int64_t distance = kMajor ? depth * 2 : depth * 128;
  return b.add(first, b.c64(step * distance / 16));
}

Value WarpgroupProduct::multiply(Value accumulator, Value a, Value c, int64_t step) {
  MLIRContext *context = b.getContext();
  auto element16 = NVVM::WGMMATypesAttr::get(context, element.isBF16() ? NVVM::WGMMATypes::bf16
                                                                      : NVVM::WGMMATypes::f16);
  auto one = NVVM::WGMMAScaleInAttr::get(context, NVVM::WGMMAScaleIn::one);
  // 'row' for A and 'col' for B mean K-major.
  auto layout = [&](bool isRow) {
    return NVVM::MMALayoutAttr::get(context, isRow ? NVVM::MMALayout::row : NVVM::MMALayout::col);
  };
  return NVVM::WgmmaMmaAsyncOp::create(
      b, type, accumulator, descriptor(a, aKMajor, step), descriptor(c, bKMajor, step),
      NVVM::MMAShapeAttr::get(context, 64, columns, depth), element16, element16,
      NVVM::WGMMATypesAttr::get(context, NVVM::WGMMATypes::f32),
      NVVM::WGMMAScaleOutAttr::get(context, NVVM::WGMMAScaleOut::one), one, one, layout(aKMajor),
      layout(!bKMajor), NVVM::MMAIntOverflowAttr());
}

/// The accumulators go through the instruction, so that nothing which reads them can be moved in front
/// of it.
Value WarpgroupProduct::wait(Value accumulator) {
  SmallVector<Value> registers;
  std::string results, operands;
  for (int64_t i = 0; i < columns / 2; ++i) {
    registers.push_back(LLVM::ExtractValueOp::create(b, accumulator, i));
    results += "=f,";
    operands += (i ? "," : "") + std::to_string(i);
  }
  return b.assembly(type, registers, "wgmma.wait_group.sync.aligned 0;", results + operands);
}
