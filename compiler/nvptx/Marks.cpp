//===- Marks.cpp - which classes some token needs ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/Marks.h"
#include <numbers>

using namespace mlir;
using namespace mlir::cce;

/// No sum with the term of a logit that reaches the threshold is less: a larger logit has no smaller result of the fma, ex2 is off by 2^-22, and
/// what is added to a term is not negative. The product is flushed, because ex2 may flush a term whose limit it has just not flushed. With a limit of
/// 0 or NaN no sum is less; an infinite one is of exponents whose terms are infinite, too. Below the -inf that a row begins with all terms are
/// infinite or NaN, so a warp looks.
static Value limitOfSums(PtxBuilder &b, Value threshold, Value minusShift) {
  Value term = b.ex2(b.fma(threshold, b.cf(std::numbers::log2e), minusShift));
  return b.mulFlushed(term, b.cf(1 - 0x1p-10));
}

LogicalResult mlir::cce::markGroup(PtxBuilder &b, FragmentEvaluator &fragment, KernelArguments &arguments,
                                   const ProductKernel &product, MarkOp op, ArrayRef<Value> logits,
                                   Value tileColumn, const WordSums &terms) {
  if (op.getGroups())
    return op.emitOpError("expected the rows of a tile to be a group beside a reduction on sm_90a");
  if (op.getValue().getType().getAxes()[0] != product.mAxis)
    return op.emitOpError("expected groups of rows of the product, '")
           << product.mAxis.getValue() << "', on sm_90a";
  Value thresholds[2];
  for (int half = 0; half < 2; ++half) {
    thresholds[half] = fragment.get(op.getThreshold(), {0, half, 0});
    if (!thresholds[half])
      return failure();
  }
  Value lane = b.andi(b.threadId(), 31);
  Value target = op.getTarget();
  Value row = b.mul(b.sext64(fragment.getGroup()), arguments.stride(target));
  Value word = b.add(row, b.zext64(b.shr(tileColumn, 5)));
  Value words = b.offset(arguments.pointer(target), b.mul(word, b.c64(4)));
  // The thread's columns within a group of 8 start at its first column.
  Value first = b.sub(fragment.getColumn(0, 0), tileColumn);

  Value limits[2];
  for (int half = 0; half < 2; ++half)
    limits[half] = limitOfSums(b, thresholds[half], terms.minusShift[half]);
  constexpr int aWord = WordSums::columns;
  int columns = 2 * fragment.groups();
  for (int start = 0; start < columns; start += aWord) {
    Value below = b.ctrue();
    for (int half = 0; half < 2; ++half)
      below = b.andi(below, arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, terms.sums[half][start / aWord],
                                                  limits[half]));
    b.ifThen(b.xori(b.all(below), b.ctrue()), [&] {
      auto reaches = [&](int half, int column) {
        return arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, logits[half * columns + column],
                                     thresholds[half]);
      };
      Value bits = b.c32(0);
      for (int i = 0; i < aWord; ++i) {
        Value either = b.ori(reaches(0, start + i), reaches(1, start + i));
        int64_t bit = int64_t(1) << (8 * (i / 2) + i % 2);
        bits = b.ori(bits, b.select(either, b.c32(bit), b.c32(0)));
      }
      bits = b.orOverWarp(arith::ShLIOp::create(b, bits, first));
      Value writes = b.andi(b.eq(lane, b.c32(0)), b.cmp(arith::CmpIPredicate::ne, bits, b.c32(0)));
      b.ifThen(writes, [&] { b.atomicOr(b.offset(words, start / aWord * 4), bits); });
    });
  }
  return success();
}

LogicalResult mlir::cce::markRows(PtxBuilder &b, FragmentEvaluator &fragment, KernelArguments &arguments,
                                  const ProductKernel &product, MarkOp op, Value tileColumn) {
  if (!op.getGroups())
    return op.emitOpError("expected rows that name their groups where no reduction takes the product in, "
                          "on sm_90a");
  if (op.getValue().getType().getAxes()[0] != product.mAxis)
    return op.emitOpError("expected groups of rows of the product, '")
           << product.mAxis.getValue() << "', on sm_90a";
  Value target = op.getTarget(), extent = arguments.extent(product.nAxis);
  Value lane = b.andi(b.threadId(), 31);
  Value first = b.sub(fragment.getColumn(0, 0), tileColumn);
  for (int half = 0; half < 2; ++half) {
    Value threshold = fragment.get(op.getThreshold(), {0, half, 0});
    Value group = fragment.get(op.getGroups(), {0, half, 0});
    if (!threshold || !group)
      return failure();
    Value row = b.mul(b.sext64(group), arguments.stride(target));
    Value word = b.add(row, b.zext64(b.shr(tileColumn, 5)));
    Value words = b.offset(arguments.pointer(target), b.mul(word, b.c64(4)));
    constexpr int groupsAWord = 4; // of 8 columns
    for (int begin = 0; begin < fragment.groups(); begin += groupsAWord) {
      Value bits = b.c32(0);
      for (int i = 0; i < groupsAWord; ++i)
        for (int pair = 0; pair < 2; ++pair) {
          Value logit = fragment.get(op.getValue(), {begin + i, half, pair});
          if (!logit)
            return failure();
          Value reaches = b.andi(arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, logit, threshold),
                                 b.lt(fragment.getColumn(begin + i, pair), extent));
          bits = b.ori(bits, b.select(reaches, b.c32(int64_t(1) << (8 * i + pair)), b.c32(0)));
        }
      bits = arith::ShLIOp::create(b, bits, first);
      for (int64_t distance : {1, 2})
        bits = b.ori(bits, b.shuffleXor(bits, distance));
      Value writes = b.andi(b.eq(b.andi(lane, 3), b.c32(0)),
                            b.cmp(arith::CmpIPredicate::ne, bits, b.c32(0)));
      b.ifThen(writes, [&] { b.atomicOr(b.offset(words, begin), bits); });
    }
  }
  return success();
}
