//===- PtxBuilder.cpp - short names for what kernels are made of --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/PtxBuilder.h"

using namespace mlir;
using namespace mlir::cce;

/// Joins neighbours until one is left.
static Value joinAsTree(ArrayRef<Value> values, llvm::function_ref<Value(Value, Value)> join) {
  SmallVector<Value> joined(values);
  while (joined.size() > 1) {
    SmallVector<Value> next;
    for (size_t i = 0; i + 1 < joined.size(); i += 2)
      next.push_back(join(joined[i], joined[i + 1]));
    if (joined.size() % 2)
      next.push_back(joined.back());
    joined = next;
  }
  return joined[0];
}

Value PtxBuilder::maximumOf(ArrayRef<Value> values) {
  return joinAsTree(values, [&](Value a, Value b) { return maxf(a, b); });
}

Value PtxBuilder::sumOf(ArrayRef<Value> values) {
  return joinAsTree(values, [&](Value a, Value b) { return addf(a, b); });
}

Value PtxBuilder::intrinsic(StringRef name, Type result, ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(*this, result, getStringAttr(name), operands).getResult(0);
}

Value PtxBuilder::offset(Value base, int64_t bytes) {
  if (bytes == 0)
    return base;
  return LLVM::GEPOp::create(*this, base.getType(), getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(bytes)});
}

Value PtxBuilder::vector(ArrayRef<Value> elements) {
  auto type = VectorType::get(static_cast<int64_t>(elements.size()), elements[0].getType());
  Value vector = LLVM::PoisonOp::create(*this, type);
  for (auto [i, element] : llvm::enumerate(elements))
    vector = LLVM::InsertElementOp::create(*this, vector, element, c32(i));
  return vector;
}

std::pair<Value, Value> PtxBuilder::loadPairIf(Value address, Value condition) {
  auto type = LLVM::LLVMStructType::getLiteral(getContext(), {f32(), f32()});
  Value both =
      assembly(type, {address, condition},
               "mov.f32 $0, 0f00000000;\n\tmov.f32 $1, 0f00000000;\n\t@$3 ld.global.v2.f32 {$0, $1}, [$2];",
               "=&f,=&f,l,b");
  return {LLVM::ExtractValueOp::create(*this, both, 0), LLVM::ExtractValueOp::create(*this, both, 1)};
}

SmallVector<Value> PtxBuilder::loadWordsIf(Value address, Value condition) {
  auto type = LLVM::LLVMStructType::getLiteral(getContext(), SmallVector<Type>(4, i32()));
  Value all = assembly(type, {address, condition},
                       "mov.b32 $0, 0;\n\tmov.b32 $1, 0;\n\tmov.b32 $2, 0;\n\tmov.b32 $3, 0;\n\t"
                       "@$5 ld.global.v4.b32 {$0, $1, $2, $3}, [$4];",
                       "=&r,=&r,=&r,=&r,l,b");
  SmallVector<Value> loaded;
  for (int64_t i = 0; i < 4; ++i)
    loaded.push_back(LLVM::ExtractValueOp::create(*this, all, i));
  return loaded;
}

SmallVector<Value> PtxBuilder::loadWords(Value address) {
  Value all = load(VectorType::get(4, i32()), address, 16);
  SmallVector<Value> loaded;
  for (int64_t i = 0; i < 4; ++i)
    loaded.push_back(extract(all, i));
  return loaded;
}

Value PtxBuilder::loadHalfIf(Value address, Value condition) {
  Value half = assembly(getI16Type(), {address, condition},
                        "mov.b16 $0, 0;\n\t@$2 ld.global.b16 $0, [$1];", "=&h,l,b");
  return arith::ExtUIOp::create(*this, i32(), half);
}

Value PtxBuilder::assembly(Type result, ValueRange operands, StringRef text, StringRef constraints) {
  return LLVM::InlineAsmOp::create(*this, result, operands, text, constraints,
                                   /*has_side_effects=*/true, /*is_align_stack=*/false,
                                   LLVM::TailCallKind::None,
                                   LLVM::AsmDialectAttr::get(getContext(), LLVM::AsmDialect::AD_ATT),
                                   ArrayAttr())
      .getResult(0);
}

Value PtxBuilder::afresh(Value word) {
  return assembly(i32(), word, "mov.b32 $0, $1;", "=r,r");
}

Value PtxBuilder::all(Value condition) {
  return NVVM::VoteSyncOp::create(*this, i1(), c32(-1), condition, NVVM::VoteSyncKind::all);
}

void PtxBuilder::storeMatrix(Value address, ArrayRef<Value> pairs) {
  SmallVector<Value> words;
  for (Value pair : pairs)
    words.push_back(LLVM::BitcastOp::create(*this, i32(), pair));
  NVVM::StMatrixOp::create(*this, address, words, NVVM::MMALayout::row,
                           NVVM::LdStMatrixShapeAttr::get(getContext(), 8, 8),
                           NVVM::LdStMatrixEltType::B16);
}

void PtxBuilder::barrier() { NVVM::BarrierOp::create(*this); }

void PtxBuilder::clusterBarrier() {
  NVVM::ClusterArriveOp::create(*this, UnitAttr());
  NVVM::ClusterWaitOp::create(*this, UnitAttr());
}

void PtxBuilder::ifThen(Value condition, Body then) {
  auto op = scf::IfOp::create(*this, TypeRange(), condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  then();
}

void PtxBuilder::ifThenElse(Value condition, Body then, Body otherwise) {
  auto op = scf::IfOp::create(*this, TypeRange(), condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  then();
  setInsertionPointToStart(op.elseBlock());
  otherwise();
}

SmallVector<Value> PtxBuilder::ifValues(Value condition,
                                        llvm::function_ref<SmallVector<Value>()> then,
                                        llvm::function_ref<SmallVector<Value>()> otherwise) {
  auto op = scf::IfOp::create(
      *this, condition,
      [&](OpBuilder &builder, Location) {
        OpBuilder::InsertionGuard guard(*this);
        restoreInsertionPoint(builder.saveInsertionPoint());
        scf::YieldOp::create(*this, then());
      },
      [&](OpBuilder &builder, Location) {
        OpBuilder::InsertionGuard guard(*this);
        restoreInsertionPoint(builder.saveInsertionPoint());
        scf::YieldOp::create(*this, otherwise());
      });
  return SmallVector<Value>(op.getResults());
}

SmallVector<Value> PtxBuilder::loop(Value lower, Value upper, Value step, ValueRange init,
                                    LoopBody body) {
  auto op = scf::ForOp::create(*this, lower, upper, step, init);
  OpBuilder::InsertionGuard guard(*this);
  if (init.empty()) {
    setInsertionPointToStart(op.getBody());
    body(op.getInductionVar(), {});
  } else {
    setInsertionPointToEnd(op.getBody());
    scf::YieldOp::create(*this, body(op.getInductionVar(), op.getRegionIterArgs()));
  }
  return SmallVector<Value>(op.getResults());
}

void PtxBuilder::barrierInit(Value address, int64_t arrivals) {
  NVVM::MBarrierInitOp::create(*this, address, c32(arrivals), Value());
}

void PtxBuilder::barrierArrive(Value address, int64_t count) {
  NVVM::MBarrierArriveOp::create(*this, i64(), address, count == 1 ? Value() : c32(count));
}

void PtxBuilder::barrierArriveBehindCopies(Value address) {
  NVVM::CpAsyncMBarrierArriveOp::create(*this, address, /*noinc=*/true);
}

void PtxBuilder::copyAsync(Value destination, Value source, Value bytes) {
  NVVM::CpAsyncOp::create(*this, destination, source, 16, NVVM::LoadCacheModifierKind::CG, bytes);
}

void PtxBuilder::fenceAsyncProxy() {
  NVVM::FenceProxyOp::create(
      *this, NVVM::ProxyKindAttr::get(getContext(), NVVM::ProxyKind::async_shared),
      NVVM::SharedSpaceAttr::get(getContext(), NVVM::SharedSpace::shared_cta));
}

void PtxBuilder::barrierArriveRemote(Value address, Value blockInCluster) {
  Value remote =
      NVVM::MapaOp::create(*this, ptr(Space::SharedCluster), address, blockInCluster);
  // Not the cluster scope: its release waits for all earlier stores (MEMBAR.ALL.GPU), every stage. What
  // the arrival tells is that products have read a stage, and those were waited for.
  NVVM::MBarrierArriveOp::create(*this, Type(), remote, Value(), NVVM::MemScopeKind::CTA);
}

void PtxBuilder::barrierArriveExpect(Value address, Value bytes) {
  NVVM::MBarrierArriveExpectTxOp::create(*this, TypeRange(), address, bytes,
                                         NVVM::MemScopeKind::CTA, /*relaxed=*/false, Value());
}

void PtxBuilder::barrierWait(Value address, Value parity) {
  auto loop = scf::WhileOp::create(*this, TypeRange(), ValueRange());
  OpBuilder::InsertionGuard guard(*this);
  createBlock(&loop.getBefore());
  Value done = NVVM::MBarrierTryWaitOp::create(*this, i1(), address, parity, Value());
  scf::ConditionOp::create(*this, xori(done, ctrue()), ValueRange());
  createBlock(&loop.getAfter());
  scf::YieldOp::create(*this);
}

Value PtxBuilder::keepInCache() {
  return assembly(i64(), {}, "createpolicy.fractional.L2::evict_last.b64 $0, 1.0;", "=l");
}

void PtxBuilder::tmaLoad(Value destination, Value map, Value column, Value row, Value barrier,
                         Value multicastMask, Value policy) {
  // The cluster form of the destination: the CTA form needs PTX 8.6. A block's own shared memory is
  // part of its cluster's.
  Value generic = LLVM::AddrSpaceCastOp::create(*this, ptr(), destination);
  Value cluster = LLVM::AddrSpaceCastOp::create(*this, ptr(Space::SharedCluster), generic);
  NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
      *this, cluster, map, ValueRange{column, row}, barrier, ValueRange(), multicastMask, policy,
      NVVM::TMALoadMode::TILE, /*isCTAOnly=*/false, NVVM::CTAGroupKindAttr(), Value());
}
