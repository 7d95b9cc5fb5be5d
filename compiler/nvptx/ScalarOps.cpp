//===- ScalarOps.cpp - scalar arithmetic of element-wise regions ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// math.* would become calls into libdevice, which is not there at run time. These expansions use the
// special-function unit, to a few ulp.
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/Fragment.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/TypeSwitch.h"
#include <numbers>

using namespace mlir;
using namespace mlir::cce;

static Value emitExp(PtxBuilder &b, Value x) {
  return b.ex2(b.mulf(x, b.cf(std::numbers::log2e)));
}

/// |x| < 0.55: an odd polynomial (minimax, to 1 ulp); else 1 - 2 / (e^2|x| + 1), whose subtraction
/// loses nothing there.
static Value emitTanh(PtxBuilder &b, Value x) {
  Value square = b.mulf(x, x);
  Value p = b.cf(1.57394409e-2);
  for (double coefficient : {-5.23039624e-2, 1.33152977e-1, -3.33327681e-1})
    p = b.fma(p, square, b.cf(coefficient));
  Value small = b.fma(b.mulf(p, square), x, x);
  Value magnitude = LLVM::FAbsOp::create(b, x);
  Value e = b.ex2(b.mulf(magnitude, b.cf(2 * std::numbers::log2e)));
  Value large = b.fma(b.cf(-2.0), b.rcp(b.addf(e, b.cf(1.0))), b.cf(1.0));
  Value withSign = LLVM::CopySignOp::create(b, large, x);
  Value isSmall = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, magnitude, b.cf(0.55));
  return b.select(isSmall, small, withSign);
}

static Value emitScalarOp(PtxBuilder &b, Operation *op, ValueRange operands) {
  Value x = operands.empty() ? Value() : operands[0];
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](math::ExpOp) { return emitExp(b, x); })
      .Case([&](math::Exp2Op) { return b.ex2(x); })
      .Case([&](math::TanhOp) { return emitTanh(b, x); })
      .Case([&](math::LogOp) { return b.mulf(b.lg2(x), b.cf(std::numbers::ln2)); })
      .Case([&](math::Log2Op) { return b.lg2(x); })
      .Case([&](math::SqrtOp) { return LLVM::SqrtOp::create(b, x).getResult(); })
      .Case([&](math::AbsFOp) { return LLVM::FAbsOp::create(b, x).getResult(); })
      .Case([&](math::FmaOp) { return b.fma(x, operands[1], operands[2]); })
      .Case([&](math::CopySignOp) {
        return LLVM::CopySignOp::create(b, x, operands[1]).getResult();
      })
      .Default([&](Operation *other) -> Value {
        if (!isa<arith::ArithDialect>(other->getDialect()))
          return {};
        IRMapping mapping;
        for (auto [from, to] : llvm::zip(other->getOperands(), operands))
          mapping.map(from, to);
        return b.clone(*other, mapping)->getResult(0);
      });
}

Value mlir::cce::emitMap(PtxBuilder &b, MapOp map, ArrayRef<Value> inputs,
                         MapShortcuts shortcuts) {
  DenseMap<Value, Value> values;
  for (auto [argument, input] : llvm::zip(map.getBodyBlock()->getArguments(), inputs))
    values[argument] = input;
  // What the body does not define itself is a constant that was moved out of it.
  auto valueOf = [&](Value source) -> Value {
    Value &value = values[source];
    if (!value)
      value = b.clone(*source.getDefiningOp())->getResult(0);
    return value;
  };
  for (Operation &op : map.getBodyBlock()->without_terminator()) {
    SmallVector<Value> operands;
    for (Value operand : op.getOperands())
      operands.push_back(valueOf(operand));
    if (isa<arith::DivFOp>(op) && shortcuts.inverse)
      if (auto divisor = dyn_cast<BlockArgument>(op.getOperand(1)))
        if (Value factor = shortcuts.inverse(divisor, operands[1])) {
          values[op.getResult(0)] = b.mulf(operands[0], factor);
          continue;
        }
    if (isa<math::ExpOp>(op) && shortcuts.exponent)
      if (auto difference = op.getOperand(0).getDefiningOp<arith::SubFOp>())
        if (auto x = dyn_cast<BlockArgument>(difference.getRhs()))
          if (Value offset = shortcuts.exponent(x, valueOf(x))) {
            Value y = valueOf(difference.getLhs());
            values[op.getResult(0)] = b.ex2(b.fma(y, b.cf(std::numbers::log2e), offset));
            continue;
          }
    Value result = emitScalarOp(b, &op, operands);
    if (!result) {
      op.emitOpError("expected an operation that sm_90a supports in element-wise regions");
      return {};
    }
    values[op.getResult(0)] = result;
  }
  return valueOf(map.getBodyBlock()->getTerminator()->getOperand(0));
}
