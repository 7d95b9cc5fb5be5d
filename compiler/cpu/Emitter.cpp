//===- Emitter.cpp - builder of the CPU target's loops ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/cpu/Emitter.h"

using namespace mlir;
using namespace mlir::cce::cpu;

Value Emitter::i64(int64_t value) {
  return arith::ConstantOp::create(*this, getI64IntegerAttr(value));
}
Value Emitter::i32(int64_t value) {
  return arith::ConstantOp::create(*this, getI32IntegerAttr(int32_t(value)));
}
Value Emitter::f32(double value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(float(value)));
}
Value Emitter::splatF32(double value, int64_t size) {
  return arith::ConstantOp::create(*this,
                                   DenseElementsAttr::get(vec(getF32Type(), size), float(value)));
}
Value Emitter::splatI32(int64_t value, int64_t size) {
  return arith::ConstantOp::create(*this,
                                   DenseElementsAttr::get(vec(getI32Type(), size), int32_t(value)));
}
Value Emitter::zero(Type type) { return arith::ConstantOp::create(*this, getZeroAttr(type)); }

Value Emitter::iota() {
  SmallVector<int32_t> values(lanes);
  for (int64_t i = 0; i < lanes; ++i)
    values[i] = int32_t(i);
  return arith::ConstantOp::create(
      *this, DenseElementsAttr::get(vec(getI32Type()), ArrayRef<int32_t>(values)));
}

Value Emitter::roundUp(Value a, int64_t multiple) {
  return mul(divide(add(a, multiple - 1), multiple), multiple);
}

Value Emitter::logicalNot(Value a) {
  return createOrFold<arith::XOrIOp>(a, arith::ConstantOp::create(*this, getBoolAttr(true)));
}

Value Emitter::at(Type element, Value base, Value index) {
  return LLVM::GEPOp::create(*this, ptr(), element, base, ValueRange{index});
}

static unsigned elementBytes(Type type) {
  if (isa<LLVM::LLVMPointerType>(type))
    return 8;
  return getElementTypeOrSelf(type).getIntOrFloatBitWidth() / 8;
}

Value Emitter::load(Type type, Value address, unsigned align) {
  return LLVM::LoadOp::create(*this, type, address, align ? align : elementBytes(type));
}

void Emitter::store(Value value, Value address, unsigned align) {
  LLVM::StoreOp::create(*this, value, address, align ? align : elementBytes(value.getType()));
}

Value Emitter::maskedLoad(VectorType type, Value address, Value mask) {
  return LLVM::MaskedLoadOp::create(*this, type, address, mask, zero(type),
                                    getI32IntegerAttr(elementBytes(type)), UnitAttr());
}

void Emitter::maskedStore(Value value, Value address, Value mask) {
  LLVM::MaskedStoreOp::create(*this, value, address, mask,
                              getI32IntegerAttr(elementBytes(value.getType())));
}

Value Emitter::firstLanes(Value count) {
  Value narrow = arith::TruncIOp::create(*this, getI32Type(), count);
  return compare(arith::CmpIPredicate::slt, iota(), splat(narrow));
}

Value Emitter::isNull(Value pointer) {
  return LLVM::ICmpOp::create(*this, LLVM::ICmpPredicate::eq, pointer,
                              LLVM::ZeroOp::create(*this, ptr()));
}

Value Emitter::splat(Value scalar, int64_t size) {
  return vector::BroadcastOp::create(*this, vec(scalar.getType(), size), scalar);
}

Value Emitter::fma(Value a, Value b, Value c) { return vector::FMAOp::create(*this, a, b, c); }

Value Emitter::maxOrFirst(Value a, Value b) {
  // The form that is one maxps: no NaN in b gets through.
  return select(arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT, b, a), b, a);
}

Value Emitter::reduce(Value vector, llvm::function_ref<Value(Value, Value)> combine) {
  for (int64_t half = cast<VectorType>(vector.getType()).getNumElements() / 2; half; half /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < half; ++i) {
      low.push_back(i);
      high.push_back(i + half);
    }
    vector = combine(vector::ShuffleOp::create(*this, vector, vector, low),
                     vector::ShuffleOp::create(*this, vector, vector, high));
  }
  return vector::ExtractOp::create(*this, vector, ArrayRef<int64_t>{0});
}

Value Emitter::sum(Value vector) {
  return reduce(vector,
                [&](Value a, Value b) -> Value { return arith::AddFOp::create(*this, a, b); });
}

SmallVector<Value> Emitter::loop(Value from, Value to, int64_t step, ValueRange init,
                                 llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto op = scf::ForOp::create(*this, from, to, i64(step), init);
  OpBuilder::InsertionGuard guard(*this);
  if (init.empty()) // scf.for made its terminator
    setInsertionPoint(op.getBody()->getTerminator());
  else
    setInsertionPointToEnd(op.getBody());
  SmallVector<Value> next = body(op.getInductionVar(), op.getRegionIterArgs());
  if (!init.empty())
    scf::YieldOp::create(*this, next);
  return op.getResults();
}

void Emitter::loop(Value from, Value to, int64_t step, llvm::function_ref<void(Value)> body) {
  loop(from, to, step, ValueRange(), [&](Value i, ValueRange) {
    body(i);
    return SmallVector<Value>();
  });
}

void Emitter::ifThen(Value condition, llvm::function_ref<void()> then,
                     llvm::function_ref<void()> otherwise) {
  auto op = scf::IfOp::create(*this, condition, /*withElseRegion=*/bool(otherwise));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPoint(op.thenBlock()->getTerminator());
  then();
  if (!otherwise)
    return;
  setInsertionPoint(op.elseBlock()->getTerminator());
  otherwise();
}

SmallVector<Value> Emitter::choose(Value condition, TypeRange types,
                                   llvm::function_ref<SmallVector<Value>()> then,
                                   llvm::function_ref<SmallVector<Value>()> otherwise) {
  auto op = scf::IfOp::create(*this, types, condition, /*addThenBlock=*/true,
                              /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToEnd(op.thenBlock());
  scf::YieldOp::create(*this, then());
  setInsertionPointToEnd(op.elseBlock());
  scf::YieldOp::create(*this, otherwise());
  return op.getResults();
}

/// `type` with another element.
static Type withElement(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(element);
  return element;
}

Type Emitter::memoryType(Type element) { return element.isBF16() ? getI16Type() : element; }

Value Emitter::widen(Value value) {
  Type type = value.getType(), element = getElementTypeOrSelf(type);
  if (element.isF32() || element.isInteger(32))
    return value;
  if (element.isF16())
    return arith::ExtFOp::create(*this, withElement(type, getF32Type()), value);
  // bf16 as i16: the upper half of an f32.
  Type i32s = withElement(type, getI32Type());
  Value bits = arith::ExtUIOp::create(*this, i32s, value);
  Value sixteen = arith::ConstantOp::create(
      *this, isa<VectorType>(type)
                 ? TypedAttr(DenseElementsAttr::get(cast<ShapedType>(i32s), int32_t(16)))
                 : TypedAttr(getI32IntegerAttr(16)));
  bits = arith::ShLIOp::create(*this, bits, sixteen);
  return arith::BitcastOp::create(*this, withElement(type, getF32Type()), bits);
}

Value Emitter::narrow(Value value, Type element) {
  if (element.isF32() || element.isInteger(32))
    return value;
  Type type = value.getType();
  if (element.isF16())
    return arith::TruncFOp::create(*this, withElement(type, element), value);
  // bf16 in integers: the instruction of AVX512-BF16 would flush small results to zero, and other
  // machines would give other bits.
  Type i32s = withElement(type, getI32Type());
  auto constant = [&](int32_t number) -> Value {
    return arith::ConstantOp::create(
        *this, isa<VectorType>(type)
                   ? TypedAttr(DenseElementsAttr::get(cast<ShapedType>(i32s), number))
                   : TypedAttr(getI32IntegerAttr(number)));
  };
  Value bits = arith::BitcastOp::create(*this, i32s, value);
  Value odd =
      arith::AndIOp::create(*this, arith::ShRUIOp::create(*this, bits, constant(16)), constant(1));
  Value rounded = add(add(bits, constant(0x7fff)), odd);
  Value quiet = arith::OrIOp::create(*this, bits, constant(0x400000));
  Value isNan = arith::CmpFOp::create(*this, arith::CmpFPredicate::UNO, value, value);
  Value upper = arith::ShRUIOp::create(*this, select(isNan, quiet, rounded), constant(16));
  return arith::TruncIOp::create(*this, withElement(type, getI16Type()), upper);
}
