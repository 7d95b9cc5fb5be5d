//===- PtxBuilder.cpp - short names for what kernels are made of --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/PtxBuilder.h"

using namespace mlir;
using namespace mlir::cce;

Value PtxBuilder::intrinsic(StringRef name, Type result, ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(*this, result, getStringAttr(name), operands).getResult(0);
}

Value PtxBuilder::offset(Value base, int64_t bytes) {
  if (bytes == 0)
    return base;
  return LLVM::GEPOp::create(*this, base.getType(), getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(bytes)});
}

Value PtxBuilder::lowHalves(Value a, Value b) {
  return intrinsic("llvm.nvvm.prmt", i32(), {a, b, c32(0x5410)});
}

Value PtxBuilder::pair(Value a, Value b) {
  Value vector = LLVM::PoisonOp::create(*this, VectorType::get(2, a.getType()));
  vector = LLVM::InsertElementOp::create(*this, vector, a, c32(0));
  return LLVM::InsertElementOp::create(*this, vector, b, c32(1));
}

std::pair<Value, Value> PtxBuilder::loadPairIf(Value address, Value condition) {
  auto type = LLVM::LLVMStructType::getLiteral(getContext(), {f32(), f32()});
  Value both =
      LLVM::InlineAsmOp::create(
          *this, type, ValueRange{address, condition},
          "mov.f32 $0, 0f00000000;\n\tmov.f32 $1, 0f00000000;\n\t@$3 ld.global.v2.f32 {$0, $1}, [$2];",
          "=&f,=&f,l,b", /*has_side_effects=*/true, /*is_align_stack=*/false,
          LLVM::TailCallKind::None,
          LLVM::AsmDialectAttr::get(getContext(), LLVM::AsmDialect::AD_ATT), ArrayAttr())
          .getResult(0);
  return {LLVM::ExtractValueOp::create(*this, both, 0), LLVM::ExtractValueOp::create(*this, both, 1)};
}

Value PtxBuilder::opaque(Value value) {
  return LLVM::InlineAsmOp::create(*this, value.getType(), value, "mov.b32 $0, $1;", "=r,r",
                                   /*has_side_effects=*/true, /*is_align_stack=*/false,
                                   LLVM::TailCallKind::None,
                                   LLVM::AsmDialectAttr::get(getContext(), LLVM::AsmDialect::AD_ATT),
                                   ArrayAttr())
      .getResult(0);
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

void PtxBuilder::tmaLoad(Value destination, Value map, Value column, Value row, Value barrier,
                         Value multicastMask) {
  // The cluster form of the destination: the CTA form needs PTX 8.6. A block's own shared memory is
  // part of its cluster's.
  Value generic = LLVM::AddrSpaceCastOp::create(*this, ptr(), destination);
  Value cluster = LLVM::AddrSpaceCastOp::create(*this, ptr(Space::SharedCluster), generic);
  NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
      *this, cluster, map, ValueRange{column, row}, barrier, ValueRange(), multicastMask, Value(),
      NVVM::TMALoadMode::TILE, /*isCTAOnly=*/false, NVVM::CTAGroupKindAttr(), Value());
}
