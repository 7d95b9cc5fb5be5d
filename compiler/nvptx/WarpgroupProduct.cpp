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

Value WarpgroupProduct::undefined() { return LLVM::UndefOp::create(b, type); }
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

SmallVector<Value> WarpgroupProduct::registersOf(Value accumulator) {
  SmallVector<Value> registers;
  for (int64_t i = 0; i < columns / 2; ++i)
    registers.push_back(LLVM::ExtractValueOp::create(b, accumulator, i));
  return registers;
}

std::pair<std::string, std::string> WarpgroupProduct::constraints() const {
  std::string results, operands;
  for (int64_t i = 0; i < columns / 2; ++i) {
    results += "=f,";
    operands += (i ? "," : "") + std::to_string(i);
  }
  return {results, operands};
}

/// Not NVVM's op, of which scale-d is a constant: whether the first block of the contraction is at hand is
/// then no question for the code around it, which would have to write zeros, or be there twice.
Value WarpgroupProduct::multiply(Value accumulator, Value a, Value c, int64_t step, Value adds) {
  const int64_t count = columns / 2;
  std::string registers;
  for (int64_t i = 0; i < count; ++i)
    registers += (i ? ", $" : "$") + std::to_string(i);
  auto operand = [&](int64_t i) { return "$" + std::to_string(count + i); };
  const std::string type16 = element.isBF16() ? ".bf16" : ".f16";
  // The last two numbers: whether A and B are transposed, that is, not K-major.
  const std::string text = "{\n\t.reg .pred p;\n\tsetp.ne.b32 p, " + operand(2) +
                           ", 0;\n\twgmma.mma_async.sync.aligned.m64n" + std::to_string(columns) +
                           "k16.f32" + type16 + type16 + " {" + registers + "}, " + operand(0) + ", " +
                           operand(1) + ", p, 1, 1, " + (aKMajor ? "0" : "1") + ", " +
                           (bKMajor ? "0" : "1") + ";\n\t}";
  SmallVector<Value> values{descriptor(a, aKMajor, step), descriptor(c, bKMajor, step), adds};
  llvm::append_range(values, registersOf(accumulator));
  auto [results, operands] = constraints();
  return b.assembly(type, values, text, results + "l,l,r," + operands);
}

/// The accumulators go through the instruction, so that nothing which reads them can be moved in front
/// of it.
Value WarpgroupProduct::wait(Value accumulator) {
  auto [results, operands] = constraints();
  return b.assembly(type, registersOf(accumulator), "wgmma.wait_group.sync.aligned 0;",
                    results + operands);
}
