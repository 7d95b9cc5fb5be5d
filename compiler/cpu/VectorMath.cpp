//===- VectorMath.cpp - exponentials of vectors, cce-expand-vector-math ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/cpu/VectorMath.h"

#include "compiler/cpu/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"
#include <limits>
#include <numbers>

namespace mlir::cce {
#define GEN_PASS_DEF_EXPANDVECTORMATHPASS
#include "compiler/cpu/Passes.h.inc"
} // namespace mlir::cce

using namespace mlir;
using namespace mlir::cce::cpu;

/// 1.5 * 2^23: added to |x| < 2^22 it leaves x, rounded to an integer, in the low bits of the sum.
static constexpr double roundingMagic = 12582912.0;
static constexpr int32_t roundingMagicBits = 0x4B400000;

/// Minimax polynomials on [-0.5, 0.5] and [-ln 2 / 2, ln 2 / 2]; relative error 9e-8 (degree 5) and
/// 2e-9 (degree 6).
static constexpr double exp2Degree5[] = {1.0,
                                         0.6931470036506653,
                                         0.24022242426872253,
                                         0.05550733581185341,
                                         0.009671512991189957,
                                         0.001326472731307149};
static constexpr double exp2Degree6[] = {1.0,
                                         0.6931471824645996,
                                         0.24022647738456726,
                                         0.055503323674201965,
                                         0.00961843691766262,
                                         0.0013398873852565885,
                                         0.00015353361959569156};
static constexpr double expDegree6[] = {1.0,
                                        1.0,
                                        0.4999999403953552,
                                        0.16666431725025177,
                                        0.04166800156235695,
                                        0.008374161086976528,
                                        0.0013843646738678217};

namespace {
/// The arithmetic of one expansion, on vectors as long as `like`.
class Expansion {
public:
  Expansion(Emitter &e, Value like)
      : e(e), size(cast<VectorType>(like.getType()).getNumElements()) {}

  Value number(double value) { return e.splatF32(value, size); }
  Value integer(int64_t value) { return e.splatI32(value, size); }
  Value add(Value a, Value b) { return arith::AddFOp::create(e, a, b); }
  Value sub(Value a, Value b) { return arith::SubFOp::create(e, a, b); }
  Value mul(Value a, Value b) { return arith::MulFOp::create(e, a, b); }
  Value bitsOf(Value x) { return arith::BitcastOp::create(e, e.vec(e.getI32Type(), size), x); }
  Value floatOf(Value bits) {
    return arith::BitcastOp::create(e, e.vec(e.getF32Type(), size), bits);
  }
  Value compare(arith::CmpFPredicate predicate, Value a, Value b) {
    return arith::CmpFOp::create(e, predicate, a, b);
  }
  /// x within the bounds; NaN stays.
  Value clamp(Value x, double low, double high) {
    Value bound = number(low);
    x = e.select(compare(arith::CmpFPredicate::OLT, x, bound), bound, x);
    bound = number(high);
    return e.select(compare(arith::CmpFPredicate::OGT, x, bound), bound, x);
  }
  Value polynomial(Value x, ArrayRef<double> coefficients) {
    Value sum = number(coefficients.back());
    for (double c : llvm::reverse(coefficients.drop_back()))
      sum = e.fma(sum, x, number(c));
    return sum;
  }
  /// x rounded to an integer: as a float, and as the low bits of `shifted`.
  Value roundToInteger(Value x, Value &shifted) {
    shifted = add(x, number(roundingMagic));
    return sub(shifted, number(roundingMagic));
  }
  /// 2^n for n in [-126, 127].
  Value powerOfTwo(Value n) {
    Value biased = arith::AddIOp::create(e, n, integer(127));
    return floatOf(arith::ShLIOp::create(e, biased, integer(23)));
  }
  /// p * 2^n where 2^n alone may be out of range; `shifted` as from roundToInteger.
  Value scale(Value p, Value whole, Value shifted, bool avx512) {
    if (avx512 && size == 16) {
      Value all = arith::ConstantOp::create(e, e.getI16IntegerAttr(-1));
      Value currentRounding = e.i32(4);
      return LLVM::CallIntrinsicOp::create(e, p.getType(),
                                           e.getStringAttr("llvm.x86.avx512.mask.scalef.ps.512"),
                                           ValueRange{p, whole, p, all, currentRounding})
          .getResult(0);
    }
    // In two steps.
    Value n = arith::SubIOp::create(e, bitsOf(shifted), integer(roundingMagicBits));
    Value half = arith::ShRSIOp::create(e, n, integer(1));
    Value rest = arith::SubIOp::create(e, n, half);
    return mul(mul(p, powerOfTwo(half)), powerOfTwo(rest));
  }

private:
  Emitter &e;
  int64_t size;
};
} // namespace

Value mlir::cce::cpu::buildExp2(Emitter &e, Value x, bool avx512) {
  Expansion m(e, x);
  x = m.clamp(x, -152.0, 129.0);
  Value shifted, n = m.roundToInteger(x, shifted);
  return m.scale(m.polynomial(m.sub(x, n), exp2Degree6), n, shifted, avx512);
}

Value mlir::cce::cpu::buildExp2OfTerm(Emitter &e, Value x) {
  Expansion m(e, x);
  Value lowest = m.number(-126.0), vanishes = m.compare(arith::CmpFPredicate::OLT, x, lowest);
  x = m.clamp(x, -126.0, 127.0);
  Value shifted, n = m.roundToInteger(x, shifted);
  Value p = m.polynomial(m.sub(x, n), exp2Degree5);
  // 2^n: the magic's own bits fall out at the top.
  Value biased = arith::AddIOp::create(e, m.bitsOf(shifted), m.integer(127));
  Value power = m.floatOf(arith::ShLIOp::create(e, biased, m.integer(23)));
  return e.select(vanishes, m.number(0.0), m.mul(p, power));
}

Value mlir::cce::cpu::buildExp(Emitter &e, Value x, bool avx512) {
  Expansion m(e, x);
  x = m.clamp(x, -104.5, 89.0);
  Value shifted, n = m.roundToInteger(m.mul(x, m.number(std::numbers::log2e)), shifted);
  // x - n ln 2, ln 2 in two pieces the first of which has few bits.
  Value r = e.fma(n, m.number(-0.693145751953125), x);
  r = e.fma(n, m.number(-1.428606765330187e-06), r);
  return m.scale(m.polynomial(r, expDegree6), n, shifted, avx512);
}

Value mlir::cce::cpu::buildTanh(Emitter &e, Value x, bool avx512) {
  Expansion m(e, x);
  Value size = math::AbsFOp::create(e, x);
  // Near zero x + x^3 P(x^2), elsewhere 1 - 2 / (e^2|x| + 1).
  Value square = m.mul(x, x);
  Value p = m.polynomial(square, {-3.33332819422e-1, 1.33314422036e-1, -5.37397155531e-2,
                                  2.06390887954e-2, -5.70498872745e-3});
  Value near = e.fma(m.mul(p, square), x, x);
  Value power = buildExp(e, m.add(size, size), avx512);
  Value two = m.number(2.0), one = m.number(1.0);
  Value far = m.sub(one, arith::DivFOp::create(e, two, m.add(power, one)));
  far = math::CopySignOp::create(e, far, x);
  return e.select(m.compare(arith::CmpFPredicate::OLT, size, m.number(0.625)), near, far);
}

Value mlir::cce::cpu::buildLog1p(Emitter &e, Value x) {
  Expansion m(e, x);
  // log(u) x / (u - 1): u is 1 + x rounded, and the quotient makes good for the rounding.
  Value one = m.number(1.0), u = m.add(x, one), rounded = m.sub(u, one);
  Value y = m.mul(math::LogOp::create(e, u), arith::DivFOp::create(e, x, rounded));
  Value infinity = m.number(std::numeric_limits<double>::infinity());
  y = e.select(m.compare(arith::CmpFPredicate::OEQ, u, infinity), u, y);
  return e.select(m.compare(arith::CmpFPredicate::OEQ, rounded, m.number(0.0)), x, y);
}

namespace {
class ExpandVectorMathPass : public cce::impl::ExpandVectorMathPassBase<ExpandVectorMathPass> {
public:
  using ExpandVectorMathPassBase::ExpandVectorMathPassBase;

  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (!isa<math::ExpOp, math::Exp2Op, math::TanhOp, math::Log1pOp>(op))
        return;
      auto type = dyn_cast<VectorType>(op->getResult(0).getType());
      if (type && type.getRank() == 1 && type.getElementType().isF32())
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      Emitter e(op->getLoc(), OpBuilder(op));
      Value x = op->getOperand(0);
      bool avx512 = vectorBits == 512;
      Value y = llvm::TypeSwitch<Operation *, Value>(op)
                    .Case([&](math::ExpOp) { return buildExp(e, x, avx512); })
                    .Case([&](math::Exp2Op) { return buildExp2(e, x, avx512); })
                    .Case([&](math::TanhOp) { return buildTanh(e, x, avx512); })
                    .Case([&](math::Log1pOp) { return buildLog1p(e, x); });
      op->getResult(0).replaceAllUsesWith(y);
      op->erase();
    }
  }
};
} // namespace
