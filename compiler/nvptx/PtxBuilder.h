//===- PtxBuilder.h - short names for what kernels are made of ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// An OpBuilder with a location and one method per machine operation, so that the code which emits a
// kernel reads like the kernel. Section numbers are those of the PTX ISA, version 8.3.
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_NVPTX_PTXBUILDER_H
#define CCE_COMPILER_NVPTX_PTXBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::cce {

/// Address spaces of the NVPTX back end.
enum class Space : unsigned { Generic = 0, Global = 1, Shared = 3, SharedCluster = 7 };

class PtxBuilder : public ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  // Types.
  Type i1() { return getI1Type(); }
  Type i32() { return getI32Type(); }
  Type i64() { return getI64Type(); }
  Type f32() { return getF32Type(); }
  LLVM::LLVMPointerType ptr(Space space = Space::Generic) {
    return LLVM::LLVMPointerType::get(getContext(), static_cast<unsigned>(space));
  }

  // Constants.
  Value c32(int64_t value) { return arith::ConstantOp::create(*this, getI32IntegerAttr(value)); }
  Value c64(int64_t value) { return arith::ConstantOp::create(*this, getI64IntegerAttr(value)); }
  Value cf(double value) { return arith::ConstantOp::create(*this, getF32FloatAttr(value)); }
  Value ctrue() { return arith::ConstantOp::create(*this, getBoolAttr(true)); }

  // Integers. Both operands have the same type.
  Value add(Value a, Value b) { return arith::AddIOp::create(*this, a, b); }
  Value sub(Value a, Value b) { return arith::SubIOp::create(*this, a, b); }
  Value mul(Value a, Value b) { return arith::MulIOp::create(*this, a, b); }
  Value divu(Value a, Value b) { return arith::DivUIOp::create(*this, a, b); }
  Value remu(Value a, Value b) { return arith::RemUIOp::create(*this, a, b); }
  Value mins(Value a, Value b) { return arith::MinSIOp::create(*this, a, b); }
  Value maxs(Value a, Value b) { return arith::MaxSIOp::create(*this, a, b); }
  Value andi(Value a, Value b) { return arith::AndIOp::create(*this, a, b); }
  Value ori(Value a, Value b) { return arith::OrIOp::create(*this, a, b); }
  Value xori(Value a, Value b) { return arith::XOrIOp::create(*this, a, b); }
  Value shr(Value a, int64_t bits) { return arith::ShRUIOp::create(*this, a, c32(bits)); }
  Value shl(Value a, int64_t bits) { return bits == 0 ? a : arith::ShLIOp::create(*this, a, c32(bits)); }
  Value add(Value a, int64_t b) { return b == 0 ? a : add(a, c32(b)); }
  Value mul(Value a, int64_t b) { return b == 1 ? a : mul(a, c32(b)); }
  Value andi(Value a, int64_t b) { return andi(a, c32(b)); }
  Value ceilDiv(Value a, int64_t b) { return divu(add(a, b - 1), c32(b)); }
  Value sext64(Value a) { return arith::ExtSIOp::create(*this, i64(), a); }
  Value trunc32(Value a) { return arith::TruncIOp::create(*this, i32(), a); }
  Value zext64(Value a) { return arith::ExtUIOp::create(*this, i64(), a); }
  Value cmp(arith::CmpIPredicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(*this, predicate, a, b);
  }
  Value eq(Value a, Value b) { return cmp(arith::CmpIPredicate::eq, a, b); }
  Value lt(Value a, Value b) { return cmp(arith::CmpIPredicate::slt, a, b); }
  Value ge(Value a, Value b) { return cmp(arith::CmpIPredicate::sge, a, b); }
  Value select(Value condition, Value a, Value b) {
    return arith::SelectOp::create(*this, condition, a, b);
  }

  // f32.
  Value addf(Value a, Value b) { return arith::AddFOp::create(*this, a, b); }
  Value subf(Value a, Value b) { return arith::SubFOp::create(*this, a, b); }
  Value mulf(Value a, Value b) { return arith::MulFOp::create(*this, a, b); }
  /// a b, subnormals flushed (mul.rn.ftz.f32, §9.7.3.5).
  Value mulFlushed(Value a, Value b) { return intrinsic("llvm.nvvm.mul.rn.ftz.f", f32(), {a, b}); }
  Value negf(Value a) { return arith::NegFOp::create(*this, a); }
  /// The larger; of a number and NaN the number (max.f32, §9.7.3.12).
  Value maxf(Value a, Value b) { return arith::MaxNumFOp::create(*this, a, b); }
  /// The smaller; of a number and NaN the number (min.f32, §9.7.3.11).
  Value minf(Value a, Value b) { return arith::MinNumFOp::create(*this, a, b); }
  /// The largest, as a tree, so that comparisons need not wait for each other.
  Value maximumOf(ArrayRef<Value> values);
  /// What they add up to, likewise.
  Value sumOf(ArrayRef<Value> values);
  Value fma(Value a, Value b, Value c) { return LLVM::FMAOp::create(*this, f32(), a, b, c); }
  Value intrinsic(StringRef name, Type result, ValueRange operands);
  /// 2^a, to 2 ulp, subnormals flushed (ex2.approx.ftz.f32, §9.7.3.20).
  Value ex2(Value a) { return intrinsic("llvm.nvvm.ex2.approx.ftz.f", f32(), a); }
  /// log2 a (lg2.approx.ftz.f32, §9.7.3.19).
  Value lg2(Value a) { return intrinsic("llvm.nvvm.lg2.approx.ftz.f", f32(), a); }
  /// 1 / a, to 1 ulp (rcp.approx.ftz.f32, §9.7.3.14).
  Value rcp(Value a) { return intrinsic("llvm.nvvm.rcp.approx.ftz.f", f32(), a); }

  // Memory.
  /// base + bytes.
  Value offset(Value base, Value bytes) {
    return LLVM::GEPOp::create(*this, base.getType(), getI8Type(), base, ArrayRef<LLVM::GEPArg>{bytes});
  }
  Value offset(Value base, int64_t bytes);
  Value load(Type type, Value address, unsigned alignment) {
    return LLVM::LoadOp::create(*this, type, address, alignment);
  }
  void store(Value value, Value address, unsigned alignment) {
    LLVM::StoreOp::create(*this, value, address, alignment);
  }
  /// Two neighbouring f32 of global memory, or zeros without touching it.
  std::pair<Value, Value> loadPairIf(Value address, Value condition);
  /// Four words of global memory at a multiple of their size, or zeros without touching it.
  SmallVector<Value> loadWordsIf(Value address, Value condition);
  /// Four words of global memory at a multiple of their size.
  SmallVector<Value> loadWords(Value address);
  /// 16 bits of global memory as a word, or zero without touching it.
  Value loadHalfIf(Value address, Value condition);
  /// Four bytes of the eight of {a, b}, which the digits of the selector number, those of a from 0 on
  /// (prmt, §9.7.8.7).
  Value pickBytes(Value a, Value b, int64_t selector) {
    return intrinsic("llvm.nvvm.prmt", i32(), {a, b, c32(selector)});
  }
  /// Sets bits of a word of global memory (red.or, §9.7.13.7).
  void atomicOr(Value address, Value bits) {
    LLVM::AtomicRMWOp::create(*this, LLVM::AtomicBinOp::_or, address, bits,
                              LLVM::AtomicOrdering::monotonic, "device");
  }
  void atomicAdd(Value address, Value term) {
    LLVM::AtomicRMWOp::create(*this, LLVM::AtomicBinOp::add, address, term, LLVM::AtomicOrdering::monotonic,
                              "device");
  }
  Value vector(ArrayRef<Value> elements);
  Value extract(Value vector, int64_t index) {
    return LLVM::ExtractElementOp::create(*this, vector, c32(index));
  }

  // Threads.
  Value threadId() { return NVVM::ThreadIdXOp::create(*this, i32()); }
  Value blockId() { return NVVM::BlockIdXOp::create(*this, i32()); }
  Value gridSize() { return NVVM::GridDimXOp::create(*this, i32()); }
  Value shuffle(Value value, Value lane, NVVM::ShflKind kind) {
    return NVVM::ShflOp::create(*this, value.getType(), c32(-1), value, lane, c32(31), kind,
                                UnitAttr());
  }
  Value shuffleXor(Value value, int64_t mask) {
    return shuffle(value, c32(mask), NVVM::ShflKind::bfly);
  }
  /// The value of lane 0, which the compiler then knows to be uniform.
  Value broadcast(Value value) { return shuffle(value, c32(0), NVVM::ShflKind::idx); }
  /// The bits that any of the 32 lanes has (redux.sync.or, §9.7.13.10).
  Value orOverWarp(Value bits) {
    return NVVM::ReduxOp::create(*this, i32(), bits, NVVM::ReduxKind::OR, c32(-1), false, false);
  }
  /// Whether the condition holds in all 32 lanes (vote.sync.all, §9.7.13.8).
  Value all(Value condition);
  /// Instructions that no op stands for, with one result; nothing moves across them that could matter.
  Value assembly(Type result, ValueRange operands, StringRef text, StringRef constraints);
  /// The same value, of which the compiler forgets where it comes from: what follows from it is
  /// computed here again, instead of being kept in registers from the last time on.
  Value afresh(Value word);
  void barrier();
  /// Waits for the other lanes, and makes what they wrote visible.
  void syncWarp() { NVVM::SyncWarpOp::create(*this, c32(-1)); }
  /// Four 8 x 8 matrices of 16-bit elements, two neighbours a lane, to rows of 16 bytes in shared memory
  /// (stmatrix.x4, §9.7.14.5.16).
  void storeMatrix(Value address, ArrayRef<Value> pairs);
  /// Waits for all threads of the cluster.
  void clusterBarrier();

  // Control flow.
  using Body = llvm::function_ref<void()>;
  using LoopBody = llvm::function_ref<SmallVector<Value>(Value, ValueRange)>;
  void ifThen(Value condition, Body then);
  void ifThenElse(Value condition, Body then, Body otherwise);
  SmallVector<Value> ifValues(Value condition, llvm::function_ref<SmallVector<Value>()> then,
                              llvm::function_ref<SmallVector<Value>()> otherwise);
  SmallVector<Value> loop(Value lower, Value upper, Value step, ValueRange init, LoopBody body);

  // mbarriers (§9.7.13.15), at a shared-memory address.
  void barrierInit(Value address, int64_t arrivals);
  void barrierArrive(Value address, int64_t count = 1);
  /// Arrives for this thread when all its copyAsync have come in (§9.7.13.15.17).
  void barrierArriveBehindCopies(Value address);
  /// The same, at that address in the shared memory of another block of the cluster.
  void barrierArriveRemote(Value address, Value blockInCluster);
  void barrierArriveExpect(Value address, Value bytes);
  /// Waits until the phase with the given parity is complete.
  void barrierWait(Value address, Value parity);

  /// 16 bytes of global into shared memory, the first `bytes` of them from there, the others zero
  /// (cp.async, §9.7.9.25.3.1).
  void copyAsync(Value destination, Value source, Value bytes);
  /// Orders this thread's view of shared memory before what the tensor cores read next (§9.7.13.4).
  void fenceAsyncProxy();

  /// Box of a 2-D tensor map into shared memory, completing on a barrier
  /// (cp.async.bulk.tensor, §9.7.9.27.1). Coordinates in elements, column first.
  /// With a mask the box goes to the same place in every block of the cluster whose bit is set, and
  /// completes on the barrier of each. A policy: how long the L2 keeps what is read.
  void tmaLoad(Value destination, Value map, Value column, Value row, Value barrier,
               Value multicastMask = {}, Value policy = {});
  /// The policy for what is read again and again (createpolicy, §9.7.9.18): other lines leave first.
  Value keepInCache();
};

} // namespace mlir::cce

#endif // CCE_COMPILER_NVPTX_PTXBUILDER_H
