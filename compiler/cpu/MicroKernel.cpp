//===- MicroKernel.cpp - the inner product of the CPU target -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/cpu/MicroKernel.h"

#include "compiler/cpu/Staging.h"

using namespace mlir;
using namespace mlir::cce::cpu;

LLVM::LLVMFuncOp mlir::cce::cpu::buildMicroKernel(ModuleOp module, Location loc, StringRef name,
                                                  const MicroKernelShape &shape) {
  MLIRContext *context = module.getContext();
  Type p = LLVM::LLVMPointerType::get(context), i64 = IntegerType::get(context, 64);
  bool isNew;
  LLVM::LLVMFuncOp function =
      declareInternal(module, loc, name, {p, p, p, i64, IntegerType::get(context, 1)}, isNew);
  if (!isNew)
    return function;
  for (unsigned i = 0; i < 3; ++i)
    function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), UnitAttr::get(context));
  Block &block = function.getBody().front();
  Emitter e(loc, OpBuilder::atBlockBegin(&block));
  Value a = block.getArgument(0), b = block.getArgument(1), c = block.getArgument(2);
  Type f32 = e.getF32Type();
  VectorType vector = e.vec(f32, shape.vectorLanes);

  auto resultAt = [&](int64_t row, int64_t v) {
    return e.at(f32, c, row * shape.resultRowStride + v * shape.vectorLanes);
  };
  SmallVector<Value> zeros(shape.rows * shape.vectors, e.zero(vector));

  // The panel and the lane in it where vector v of a step of B begins.
  auto rhsOffset = [&](int64_t v) {
    int64_t column = v * shape.vectorLanes;
    return column / lanes * shape.rhsChunkStride + column % lanes;
  };
  SmallVector<Value> sums = e.loop(
      e.i64(0), block.getArgument(3), microKernelSteps, zeros, [&](Value k, ValueRange before) {
        SmallVector<Value> acc(before);
        Value aStep = e.at(f32, a, e.mul(k, shape.lhsStepStride));
        Value bStep = e.at(f32, b, e.mul(k, lanes));
        for (int64_t step = 0; step < microKernelSteps; ++step) {
          SmallVector<Value> rhs;
          for (int64_t v = 0; v < shape.vectors; ++v)
            rhs.push_back(e.load(vector, e.at(f32, bStep, step * lanes + rhsOffset(v)),
                                 shape.vectorLanes * 4));
          for (int64_t row = 0; row < shape.rows; ++row) {
            Value lhs = e.load(
                f32, e.at(f32, aStep, row * shape.lhsRowStride + step * shape.lhsStepStride));
            Value repeated = e.splat(lhs, shape.vectorLanes);
            for (int64_t v = 0; v < shape.vectors; ++v) {
              Value &sum = acc[row * shape.vectors + v];
              sum = e.fma(repeated, rhs[v], sum);
            }
          }
        }
        return acc;
      });
  // Blocks of the contraction are added to what earlier ones gave, not continued from it: the sum
  // of many short sums has smaller rounding errors than one long sum.
  auto finish = [&](bool isFirst) {
    for (int64_t row = 0; row < shape.rows; ++row)
      for (int64_t v = 0; v < shape.vectors; ++v) {
        Value sum = sums[row * shape.vectors + v], address = resultAt(row, v);
        if (!isFirst)
          sum = arith::AddFOp::create(e, e.load(vector, address), sum);
        e.store(sum, address);
      }
  };
  e.ifThen(block.getArgument(4), [&] { finish(true); }, [&] { finish(false); });
  LLVM::ReturnOp::create(e, ValueRange());
  return function;
}
