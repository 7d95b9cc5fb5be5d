//===- DeriveTransforms.cpp - cce-derive-transforms --------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/transforms/Passes.h"
#include "dialect/CceOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/TypeSwitch.h"
#include <numbers>

namespace mlir::cce {
#define GEN_PASS_DEF_DERIVETRANSFORMSPASS
#include "compiler/transforms/Passes.h.inc"
} // namespace mlir::cce

using namespace mlir;
using namespace mlir::cce;

namespace {
/// Forward-mode differentiation of one block of f32 arithmetic. A value without an entry in
/// `tangents` does not depend on the variable: its derivative is zero and costs nothing.
class Differentiator {
public:
  Differentiator(OpBuilder &builder, IRMapping &primal) : builder(builder), primal(primal) {}

  void seed(Value variable) { tangents[variable] = constant(variable.getLoc(), 1.0); }

  /// The derivative of a value of the source block.
  Value derivative(Value value) {
    Value tangent = tangents.lookup(value);
    return tangent ? tangent : constant(value.getLoc(), 0.0);
  }

  /// Adds the tangent of the op's result; its primal has been cloned.
  LogicalResult differentiate(Operation *op) {
    loc = op->getLoc();
    if (llvm::none_of(op->getOperands(), [&](Value v) { return tangents.contains(v); }))
      return success();
    if (isa<arith::CmpFOp>(op))
      return success(); // piecewise constant; what it selects is differentiated
    Value tangent = tangentOf(op);
    if (!tangent)
      return op->emitOpError("expected an operation with a known derivative in a transform that is "
                             "differentiated");
    tangents[op->getResult(0)] = tangent;
    return success();
  }

private:
  Value constant(Location at, double value) {
    return arith::ConstantOp::create(builder, at, builder.getF32FloatAttr(value));
  }
  Value constant(double value) { return constant(loc, value); }
  Value p(Value source) { return primal.lookup(source); }
  Value result(Operation *op) { return p(op->getResult(0)); }
  Value t(Value source) { return tangents.lookup(source); }
  Value mul(Value a, Value b) { return arith::MulFOp::create(builder, loc, a, b); }
  Value add(Value a, Value b) { return arith::AddFOp::create(builder, loc, a, b); }
  Value sub(Value a, Value b) { return arith::SubFOp::create(builder, loc, a, b); }
  Value div(Value a, Value b) { return arith::DivFOp::create(builder, loc, a, b); }
  Value neg(Value a) { return arith::NegFOp::create(builder, loc, a); }

  /// Sum of two tangents either of which may be zero (null).
  Value sum(Value a, Value b) { return !a ? b : !b ? a : add(a, b); }
  Value scaled(Value tangent, Value factor) { return tangent ? mul(tangent, factor) : Value(); }

  Value pick(Value condition, Operation *op, unsigned first, unsigned second) {
    return arith::SelectOp::create(builder, loc, condition, derivative(op->getOperand(first)),
                                   derivative(op->getOperand(second)));
  }
  Value pickLarger(Operation *op, arith::CmpFPredicate predicate) {
    Value condition = arith::CmpFOp::create(builder, loc, predicate, p(op->getOperand(0)),
                                            p(op->getOperand(1)));
    return pick(condition, op, 0, 1);
  }

  Value tangentOf(Operation *op) {
    Value a = op->getNumOperands() > 0 ? op->getOperand(0) : Value();
    Value b = op->getNumOperands() > 1 ? op->getOperand(1) : Value();
    return llvm::TypeSwitch<Operation *, Value>(op)
        .Case([&](arith::AddFOp) { return sum(t(a), t(b)); })
        .Case([&](arith::SubFOp) {
          return !t(b) ? t(a) : !t(a) ? neg(t(b)) : sub(t(a), t(b));
        })
        .Case([&](arith::MulFOp) { return sum(scaled(t(a), p(b)), scaled(t(b), p(a))); })
        .Case([&](arith::DivFOp) {
          // (a / b)' = (a' - (a / b) b') / b
          Value top = t(b) ? mul(result(op), t(b)) : Value();
          top = !top ? t(a) : t(a) ? sub(t(a), top) : neg(top);
          return div(top, p(b));
        })
        .Case([&](arith::NegFOp) { return neg(t(a)); })
        .Case<arith::MaximumFOp, arith::MaxNumFOp>(
            [&](auto) { return pickLarger(op, arith::CmpFPredicate::OGE); })
        .Case<arith::MinimumFOp, arith::MinNumFOp>(
            [&](auto) { return pickLarger(op, arith::CmpFPredicate::OLE); })
        .Case([&](arith::SelectOp) { return pick(p(a), op, 1, 2); })
        .Case([&](math::ExpOp) { return mul(t(a), result(op)); })
        .Case([&](math::Exp2Op) {
          return mul(t(a), mul(result(op), constant(std::numbers::ln2)));
        })
        .Case([&](math::LogOp) { return div(t(a), p(a)); })
        .Case([&](math::Log1pOp) { return div(t(a), add(p(a), constant(1.0))); })
        .Case([&](math::TanhOp) {
          return mul(t(a), sub(constant(1.0), mul(result(op), result(op))));
        })
        .Case([&](math::SqrtOp) { return div(t(a), add(result(op), result(op))); })
        .Case([&](math::AbsFOp) {
          return mul(t(a), math::CopySignOp::create(builder, loc, constant(1.0), p(a)));
        })
        .Case([&](math::ErfOp) {
          // 2 / sqrt(pi) exp(-a^2)
          Value bell = math::ExpOp::create(builder, loc, neg(mul(p(a), p(a))));
          return mul(t(a), mul(bell, constant(2.0 * std::numbers::inv_sqrtpi)));
        })
        .Case([&](math::SinOp) { return mul(t(a), math::CosOp::create(builder, loc, p(a))); })
        .Case([&](math::CosOp) { return neg(mul(t(a), math::SinOp::create(builder, loc, p(a)))); })
        .Default(Value());
  }

  OpBuilder &builder;
  IRMapping &primal;
  DenseMap<Value, Value> tangents;
  Location loc = builder.getUnknownLoc();
};

class DeriveTransformsPass : public cce::impl::DeriveTransformsPassBase<DeriveTransformsPass> {
public:
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    SmallVector<ApplyOp> applies;
    getOperation().walk([&](ApplyOp apply) {
      if (apply.getDerivative())
        applies.push_back(apply);
    });
    for (ApplyOp apply : applies) {
      std::string name = (apply.getTransform() + ".derivative").str();
      if (!symbols.lookup(name)) {
        FailureOr<TransformOp> derived =
            derive(symbols.lookup<TransformOp>(apply.getTransform()), name);
        if (failed(derived))
          return signalPassFailure();
        symbols.insert(*derived);
      }
      apply.setTransform(name);
      apply.setDerivative(false);
    }
  }

private:
  FailureOr<TransformOp> derive(TransformOp transform, StringRef name) {
    if (transform.isDeclaration())
      return transform.emitOpError("expected a body to differentiate");
    OpBuilder builder(transform);
    builder.setInsertionPointAfter(transform);
    auto derived =
        TransformOp::create(builder, transform.getLoc(), name, transform.getFunctionType(),
                            builder.getStringAttr("private"));
    Block &source = transform.getBody().front();
    Block *body = builder.createBlock(&derived.getBody());
    IRMapping primal;
    for (BlockArgument argument : source.getArguments())
      primal.map(argument, body->addArgument(argument.getType(), argument.getLoc()));
    Differentiator differentiator(builder, primal);
    differentiator.seed(source.getArgument(0));
    for (Operation &op : source.without_terminator()) {
      builder.clone(op, primal);
      if (failed(differentiator.differentiate(&op))) {
        derived.erase();
        return failure();
      }
    }
    auto yield = cast<YieldOp>(source.getTerminator());
    YieldOp::create(builder, yield.getLoc(), differentiator.derivative(yield.getOperand(0)));
    return derived;
  }
};
} // namespace
