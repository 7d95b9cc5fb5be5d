//===- Tallies.cpp - what each class has below the limits ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/Tallies.h"
#include <limits>
#include <numbers>

using namespace mlir;
using namespace mlir::cce;

/// Added to 2^23, a number below 2^22 has its integer, rounded to nearest, in the low bits of the sum. One that is not below, infinity and NaN
/// have others there, which the comparison of integers finds. So neither a conversion, as slow as ex2, nor another comparison is needed.
LogicalResult mlir::cce::tallyBelow(PtxBuilder &b, FragmentEvaluator &fragment, KernelArguments &arguments,
                                    const ProductKernel &product, TallyOp op, ArrayRef<Value> logits,
                                    Value tileColumn) {
  if (op.getValue().getType().getAxes()[0] != product.mAxis)
    return op.emitOpError("expected rows of the product, '") << product.mAxis.getValue() << "', on sm_90a";
  constexpr int64_t magic = int64_t(1) << 23, below = int64_t(1) << TallyOp::digits;
  constexpr int64_t magicBits = 0x4B000000; // of the f32
  static_assert(below < magic, "sums of the two are between 2^23 and 2^24");
  const int columns = 2 * fragment.groups();
  Value several = b.maxs(b.divu(arguments.extent(product.mAxis), b.c32(product.tileM * op.getTiles())), b.c32(1));
  // Another one of every so many tiles than before and after these: a batch may be of sequences of that length.
  Value row = fragment.getGroup(), place = b.add(row, b.add(b.divu(row, several), b.divu(tileColumn, b.c32(product.tileN))));
  Value takesPart = b.eq(b.remu(place, several), b.c32(0));
  LogicalResult result = success();
  b.ifThen(takesPart, [&] {
    for (int half = 0; half < 2; ++half) {
      Value limit = fragment.get(op.getLimit(), {0, half, 0});
      if (!limit) {
        result = failure();
        return;
      }
      Value isOut = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, limit,
                                          b.cf(-std::numeric_limits<double>::infinity()));
      b.ifThen(b.xori(b.all(isOut), b.ctrue()), [&] {
        Value scale = b.cf(std::numbers::log2e);
        Value shift = b.fma(limit, b.negf(scale), b.cf(TallyOp::digits));
        Value column = b.zext64(b.afresh(fragment.getColumn(0, 0)));
        Value sums = b.offset(arguments.pointer(op.getTarget()), b.mul(column, b.c64(4)));
        auto unitsOf = [&](int i) {
          Value share = b.ex2(b.fma(logits[half * columns + i], scale, shift));
          Value bits = LLVM::BitcastOp::create(b, b.i32(), b.addf(share, b.cf(magic)));
          Value units = b.sub(bits, b.c32(magicBits));
          Value counts = b.cmp(arith::CmpIPredicate::ult, units, b.c32(below));
          return b.zext64(b.select(counts, units, b.c32(0))); // adding 0 costs less than a branch
        };
        // A thread has two neighbouring columns of every eight. Their sums do not overflow, so they are added as one number.
        for (int i = 0; i < columns; i += 2) {
          Value units = b.ori(unitsOf(i), arith::ShLIOp::create(b, unitsOf(i + 1), b.c64(32)));
          b.atomicAdd(b.offset(sums, 4 * (8 * (i / 2))), units);
        }
      });
    }
  });
  return result;
}
