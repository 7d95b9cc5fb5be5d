//===- Emitter.h - builder of the CPU target's loops --------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// A builder with the few words that the lowering speaks in: 64-bit indices, raw pointers, loops
// given as lambdas, vectors of `lanes` elements. Pointers and not memrefs because extents, strides
// and gathered rows are run-time values of every call.
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_CPU_EMITTER_H
#define CCE_COMPILER_CPU_EMITTER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::cce::cpu {

/// Elements that the epilogue works on at a time, and the width of a packed panel. A machine with
/// shorter registers gets two of its own for one of these.
inline constexpr int64_t lanes = 16;

class Emitter : public ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  LLVM::LLVMPointerType ptr() { return LLVM::LLVMPointerType::get(getContext()); }
  VectorType vec(Type element, int64_t size = lanes) { return VectorType::get(size, element); }

  // Constants.
  Value i64(int64_t value);
  Value i32(int64_t value);
  Value f32(double value);
  /// A vector with the same number everywhere.
  Value splatF32(double value, int64_t size = lanes);
  Value splatI32(int64_t value, int64_t size = lanes);
  Value zero(Type type);
  /// 0, 1, 2, ... as i32.
  Value iota();

  // Integers; constants are folded.
  Value add(Value a, Value b) { return createOrFold<arith::AddIOp>(a, b); }
  Value sub(Value a, Value b) { return createOrFold<arith::SubIOp>(a, b); }
  Value mul(Value a, Value b) { return createOrFold<arith::MulIOp>(a, b); }
  Value mul(Value a, int64_t b) { return mul(a, i64(b)); }
  Value add(Value a, int64_t b) { return add(a, i64(b)); }
  Value divide(Value a, int64_t b) { return createOrFold<arith::DivUIOp>(a, i64(b)); }
  Value min(Value a, Value b) { return createOrFold<arith::MinSIOp>(a, b); }
  Value max(Value a, Value b) { return createOrFold<arith::MaxSIOp>(a, b); }
  Value roundUp(Value a, int64_t multiple);
  Value less(Value a, Value b) { return compare(arith::CmpIPredicate::slt, a, b); }
  Value equal(Value a, Value b) { return compare(arith::CmpIPredicate::eq, a, b); }
  Value compare(arith::CmpIPredicate predicate, Value a, Value b) {
    return createOrFold<arith::CmpIOp>(predicate, a, b);
  }
  Value select(Value condition, Value a, Value b) {
    return createOrFold<arith::SelectOp>(condition, a, b);
  }
  Value logicalAnd(Value a, Value b) { return createOrFold<arith::AndIOp>(a, b); }
  Value logicalNot(Value a);

  // Memory. `align` is in bytes; 0: the alignment of one element.
  Value at(Type element, Value base, Value index);
  Value at(Type element, Value base, int64_t index) { return at(element, base, i64(index)); }
  Value load(Type type, Value address, unsigned align = 0);
  void store(Value value, Value address, unsigned align = 0);
  /// Lanes that the mask leaves out are zero, and not touched in memory.
  Value maskedLoad(VectorType type, Value address, Value mask);
  void maskedStore(Value value, Value address, Value mask);
  /// The lanes below `count`, which is any small i64.
  Value firstLanes(Value count);
  Value isNull(Value pointer);

  // Vectors.
  Value splat(Value scalar, int64_t size = lanes);
  Value fma(Value a, Value b, Value c);
  /// max(a, b), and a where b is NaN.
  Value maxOrFirst(Value a, Value b);
  /// Combines all lanes, in a tree.
  Value reduce(Value vector, llvm::function_ref<Value(Value, Value)> combine);
  Value sum(Value vector);

  // Control flow.
  void loop(Value from, Value to, int64_t step, llvm::function_ref<void(Value)> body);
  SmallVector<Value> loop(Value from, Value to, int64_t step, ValueRange init,
                          llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body);
  void ifThen(Value condition, llvm::function_ref<void()> then,
              llvm::function_ref<void()> otherwise = nullptr);
  SmallVector<Value> choose(Value condition, TypeRange types,
                            llvm::function_ref<SmallVector<Value>()> then,
                            llvm::function_ref<SmallVector<Value>()> otherwise);

  /// Loaded bf16 or f16 or f32 (scalar or vector) to f32; i32 stays.
  Value widen(Value value);
  /// f32 to the element type of a buffer, rounded to nearest even.
  Value narrow(Value value, Type element);
  /// The type as which an element is moved: bf16 travels as i16.
  Type memoryType(Type element);
};

} // namespace mlir::cce::cpu

#endif // CCE_COMPILER_CPU_EMITTER_H
