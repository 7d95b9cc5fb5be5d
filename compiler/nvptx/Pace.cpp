//===- Pace.cpp - blocks that share what they read stay together ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/Pace.h"

using namespace mlir;
using namespace mlir::cce;

static constexpr StringLiteral countersName = "cce_pace";

/// Steps that have been begun, by all clusters together, and blocks that have left; in lines of their own.
static constexpr int64_t stepsBegun = 0, blocksLeft = 128, counterBytes = 256;

/// Stands for all the steps that a block which has left would have begun. 1024 of them fit into 31 bits.
static constexpr int64_t manySteps = 1 << 20;

/// How often a block looks for the others, some 0.7 us each time. They come within a step, some 4 us, if they
/// come at all; looking 256 times made no difference.
static constexpr int64_t looks = 32;

void Pace::declare(OpBuilder &builder, Location location) {
  auto type = LLVM::LLVMArrayType::get(builder.getI32Type(), counterBytes / 4);
  auto zeros = DenseElementsAttr::get(RankedTensorType::get({counterBytes / 4}, builder.getI32Type()), 0);
  LLVM::GlobalOp::create(builder, location, type, /*isConstant=*/false, LLVM::Linkage::Internal,
                         countersName, zeros, /*alignment=*/128,
                         static_cast<unsigned>(Space::Global));
}

Value Pace::counter(int64_t bytes) {
  return b.offset(LLVM::AddressOfOp::create(b, b.ptr(Space::Global), countersName), bytes);
}

/// Relaxed: it orders no other access.
static Value addTo(PtxBuilder &b, Value address, int64_t count) {
  return LLVM::AtomicRMWOp::create(b, LLVM::AtomicBinOp::add, address, b.c32(count),
                                   LLVM::AtomicOrdering::monotonic, "device");
}

Pace::Pace(PtxBuilder &builder, int64_t cluster, Value rank, Value isLeader)
    : b(builder), isLeader(isLeader) {
  clusters = b.divu(b.gridSize(), b.c32(cluster));
  isFirst = rank ? b.eq(rank, b.c32(0)) : b.ctrue();
}

Value Pace::begin(Value number) {
  auto asLeader = [&]() -> SmallVector<Value> {
    Value steps = counter(stepsBegun), next = b.add(number, 1);
    b.ifThen(isFirst, [&] { addTo(b, steps, 1); });
    // All have begun the step before: `number` steps each. Negative for a block that goes on alone.
    Value begun = b.mul(clusters, number);
    Value inTime = b.assembly(
        b.i32(), {steps, begun, b.c32(looks)},
        "{\n\t.reg .pred p;\n\t.reg .s32 seen, left;\n\t"
        "mov.s32 left, $3;\n"
        "PACE_${:uid}:\n\t"
        "ld.relaxed.gpu.global.s32 seen, [$1];\n\t"
        "sub.s32 left, left, 1;\n\t"
        "setp.lt.s32 p, seen, $2;\n\t"
        "setp.gt.and.s32 p, left, 0, p;\n\t"
        "@p bra PACE_${:uid};\n\t"
        "setp.ge.s32 p, seen, $2;\n\t"
        "selp.s32 $0, 1, 0, p;\n\t}",
        "=r,l,r,n");
    return {b.select(b.eq(inTime, b.c32(1)), next, b.c32(-manySteps))};
  };
  return b.ifValues(isLeader, asLeader, [&] { return SmallVector<Value>{number}; })[0];
}

void Pace::leave() {
  b.ifThen(isLeader, [&] {
    addTo(b, counter(stepsBegun), manySteps);
    // The last one leaves zeros for the next launch. This counter wraps to zero by itself (PTX ISA,
    // atom.inc), so that of two launches that overlap neither loses a count.
    Value last = b.sub(b.gridSize(), b.c32(1));
    Value before = LLVM::AtomicRMWOp::create(b, LLVM::AtomicBinOp::uinc_wrap, counter(blocksLeft), last,
                                             LLVM::AtomicOrdering::monotonic, "device");
    b.ifThen(b.eq(before, last), [&] { b.store(b.c32(0), counter(stepsBegun), 4); });
  });
}
