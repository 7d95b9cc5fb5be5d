//===- Staging.cpp - between the caller's memory and tiles -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/cpu/Staging.h"

using namespace mlir;
using namespace mlir::cce::cpu;

LLVM::LLVMFuncOp mlir::cce::cpu::declareInternal(ModuleOp module, Location loc, StringRef name,
                                                 ArrayRef<Type> arguments, bool &isNew) {
  isNew = false;
  if (auto known = module.lookupSymbol<LLVM::LLVMFuncOp>(name))
    return known;
  isNew = true;
  MLIRContext *context = module.getContext();
  OpBuilder builder(context);
  builder.setInsertionPointToEnd(module.getBody());
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), arguments);
  auto function = LLVM::LLVMFuncOp::create(builder, loc, name, type, LLVM::Linkage::Internal);
  function.setNoInline(true); // they work on whole blocks; inlined they only cost compile time
  function.addEntryBlock(builder);
  return function;
}

LLVM::LLVMFuncOp Staging::declare(StringRef name, ArrayRef<Type> arguments, bool &isNew) {
  return declareInternal(module, loc, name, arguments, isNew);
}

static std::string typeName(Type element) {
  std::string text;
  llvm::raw_string_ostream(text) << element;
  return text;
}

/// The arguments of a copy or a transposition; `Arguments(block)` names those of its function.
namespace {
struct Arguments {
  explicit Arguments(Block &block)
      : base(block.getArgument(0)), stride0(block.getArgument(1)), stride1(block.getArgument(2)),
        list(block.getArgument(3)), listStride(block.getArgument(4)), start0(block.getArgument(5)),
        count0(block.getArgument(6)), padded0(block.getArgument(7)), start1(block.getArgument(8)),
        count1(block.getArgument(9)), padded1(block.getArgument(10)), tile(block.getArgument(11)),
        rowPitch(block.getArgument(12)), chunkStride(block.getArgument(13)) {}

  static SmallVector<Type> types(MLIRContext *context) {
    Type p = LLVM::LLVMPointerType::get(context), i = IntegerType::get(context, 64);
    return {p, i, i, p, i, i, i, i, i, i, i, p, i, i};
  }

  Value base, stride0, stride1, list, listStride;
  Value start0, count0, padded0, start1, count1, padded1;
  Value tile, rowPitch, chunkStride;
};
} // namespace

/// The entry of dimension 0 that row `r` of the rectangle is, or -1 if it is none.
static Value sourceRow(Emitter &e, const Arguments &a, Value hasList, Value r) {
  Type i64 = e.getI64Type();
  auto row = e.choose(
      e.less(r, a.count0), i64,
      [&]() -> SmallVector<Value> {
        Value index = e.add(a.start0, r);
        return e.choose(
            hasList, i64,
            [&]() -> SmallVector<Value> {
              Value entry =
                  e.load(e.getI32Type(), e.at(e.getI32Type(), a.list, e.mul(index, a.listStride)));
              return {arith::ExtSIOp::create(e, i64, entry)};
            },
            [&]() -> SmallVector<Value> { return {index}; });
      },
      [&]() -> SmallVector<Value> { return {e.i64(-1)}; });
  return row[0];
}

/// Whether dimension 0 is the contiguous one, so that the other function's way is the fast one.
static Value otherWayRound(Emitter &e, const Arguments &a, Value hasList) {
  Value one = e.i64(1);
  return e.logicalAnd(
      e.logicalNot(hasList),
      e.logicalAnd(e.equal(a.stride0, one), e.compare(arith::CmpIPredicate::ne, a.stride1, one)));
}

static void callOtherWayRound(Emitter &e, const Arguments &a, LLVM::LLVMFuncOp other) {
  LLVM::CallOp::create(e, other,
                       ValueRange{a.base, a.stride1, a.stride0, a.list, a.listStride, a.start1,
                                  a.count1, a.padded1, a.start0, a.count0, a.padded0, a.tile,
                                  a.rowPitch, a.chunkStride});
}

static Value inTile(Emitter &e, const Arguments &a, Type element, Value r, Value c) {
  Value chunk = e.mul(e.divide(c, lanes), a.chunkStride);
  Value lane = e.createOrFold<arith::AndIOp>(c, e.i64(lanes - 1));
  return e.at(element, a.tile, e.add(e.mul(r, a.rowPitch), e.add(chunk, lane)));
}

LLVM::LLVMFuncOp Staging::copyFunction(Type element) {
  bool isNew;
  LLVM::LLVMFuncOp function =
      declare("cce_copy_" + typeName(element), Arguments::types(module.getContext()), isNew);
  if (!isNew)
    return function;
  LLVM::LLVMFuncOp other = transposeFunction(element);
  Block &block = function.getBody().front();
  Emitter e(loc, OpBuilder::atBlockBegin(&block));
  Arguments a(block);
  Type memory = e.memoryType(element), staged = element.isInteger(32) ? element : e.getF32Type();
  Value zero = e.i64(0), hasList = e.logicalNot(e.isNull(a.list));
  Value contiguous = e.equal(a.stride1, e.i64(1));

  auto copyRow = [&](Value r) {
    Value row = sourceRow(e, a, hasList, r);
    Value count = e.select(e.less(row, zero), zero, a.count1);
    Value source = e.at(memory, a.base, e.add(e.mul(row, a.stride0), e.mul(a.start1, a.stride1)));
    e.ifThen(
        contiguous,
        [&] {
          Value whole = e.mul(e.divide(count, lanes), lanes);
          e.loop(zero, whole, lanes, [&](Value c) {
            Value value = e.widen(e.load(e.vec(memory), e.at(memory, source, c)));
            e.store(value, inTile(e, a, staged, r, c), 64);
          });
          e.loop(whole, a.padded1, lanes, [&](Value c) {
            Value mask = e.firstLanes(e.sub(count, c));
            Value value = e.maskedLoad(e.vec(memory), e.at(memory, source, c), mask);
            e.store(e.widen(value), inTile(e, a, staged, r, c), 64);
          });
        },
        [&] {
          e.loop(zero, count, 1, [&](Value c) {
            Value value = e.load(memory, e.at(memory, source, e.mul(c, a.stride1)));
            e.store(e.widen(value), inTile(e, a, staged, r, c));
          });
          e.loop(count, a.padded1, 1,
                 [&](Value c) { e.store(e.zero(staged), inTile(e, a, staged, r, c)); });
        });
  };
  e.ifThen(
      otherWayRound(e, a, hasList), [&] { callOtherWayRound(e, a, other); },
      [&] { e.loop(zero, a.padded0, 1, copyRow); });
  LLVM::ReturnOp::create(e, ValueRange());
  return function;
}

/// A 16 x 16 transposition: four perfect shuffles of the rows, each of which interleaves the
/// elements of row i with those of row i + 8.
static SmallVector<Value> transpose16(Emitter &e, SmallVector<Value> rows) {
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i < lanes; ++i) {
    low.push_back(i / 2 + i % 2 * lanes);
    high.push_back(i / 2 + i % 2 * lanes + lanes / 2);
  }
  for (int64_t round = 1; round < lanes; round *= 2) {
    SmallVector<Value> next;
    for (int64_t i = 0; i < lanes / 2; ++i)
      for (ArrayRef<int64_t> mask : {low, high})
        next.push_back(vector::ShuffleOp::create(e, rows[i], rows[i + lanes / 2], mask));
    rows = next;
  }
  return rows;
}

LLVM::LLVMFuncOp Staging::transposeFunction(Type element) {
  bool isNew;
  LLVM::LLVMFuncOp function =
      declare("cce_transpose_" + typeName(element), Arguments::types(module.getContext()), isNew);
  if (!isNew)
    return function;
  LLVM::LLVMFuncOp other = copyFunction(element);
  Block &block = function.getBody().front();
  Emitter e(loc, OpBuilder::atBlockBegin(&block));
  Arguments a(block);
  Type memory = e.memoryType(element), staged = element.isInteger(32) ? element : e.getF32Type();
  Type i64 = e.getI64Type();
  Value zero = e.i64(0), hasList = e.logicalNot(e.isNull(a.list));
  Value contiguous = e.equal(a.stride1, e.i64(1));
  // The rows of a chunk: their addresses and lengths (0 for a row that is none).
  Value sources = LLVM::AllocaOp::create(e, e.ptr(), e.ptr(), e.i64(lanes), 64);
  Value counts = LLVM::AllocaOp::create(e, e.ptr(), i64, e.i64(lanes), 64);

  auto findRows = [&](Value chunk) {
    e.loop(zero, e.i64(lanes), 1, [&](Value j) {
      Value row = sourceRow(e, a, hasList, e.add(chunk, j));
      Value source = e.at(memory, a.base, e.add(e.mul(row, a.stride0), e.mul(a.start1, a.stride1)));
      e.store(source, e.at(e.ptr(), sources, j));
      e.store(e.select(e.less(row, zero), zero, a.count1), e.at(i64, counts, j));
    });
  };
  auto blocksOfVectors = [&](Value chunk) {
    e.loop(zero, a.padded1, lanes, [&](Value k) {
      SmallVector<Value> rows;
      for (int64_t j = 0; j < lanes; ++j) {
        Value source = e.load(e.ptr(), e.at(e.ptr(), sources, j));
        Value left = e.sub(e.load(i64, e.at(i64, counts, j)), k);
        rows.push_back(
            e.widen(e.maskedLoad(e.vec(memory), e.at(memory, source, k), e.firstLanes(left))));
      }
      rows = transpose16(e, rows);
      for (int64_t j = 0; j < lanes; ++j)
        e.store(rows[j], inTile(e, a, staged, e.add(k, j), chunk), 64);
    });
  };
  auto elementByElement = [&](Value chunk) {
    e.loop(zero, e.i64(lanes), 1, [&](Value j) {
      Value source = e.load(e.ptr(), e.at(e.ptr(), sources, j));
      Value count = e.load(i64, e.at(i64, counts, j));
      Value c = e.add(chunk, j);
      e.loop(zero, count, 1, [&](Value k) {
        Value value = e.load(memory, e.at(memory, source, e.mul(k, a.stride1)));
        e.store(e.widen(value), inTile(e, a, staged, k, c));
      });
      e.loop(count, a.padded1, 1,
             [&](Value k) { e.store(e.zero(staged), inTile(e, a, staged, k, c)); });
    });
  };
  e.ifThen(
      otherWayRound(e, a, hasList), [&] { callOtherWayRound(e, a, other); },
      [&] {
        e.loop(zero, a.padded0, lanes, [&](Value chunk) {
          findRows(chunk);
          e.ifThen(contiguous, [&] { blocksOfVectors(chunk); }, [&] { elementByElement(chunk); });
        });
      });
  LLVM::ReturnOp::create(e, ValueRange());
  return function;
}

LLVM::LLVMFuncOp Staging::writeFunction(Type element) {
  Type p = LLVM::LLVMPointerType::get(module.getContext());
  Type i64 = IntegerType::get(module.getContext(), 64);
  bool isNew;
  LLVM::LLVMFuncOp function = declare("cce_write_" + typeName(element), {p, p, i64, i64}, isNew);
  if (!isNew)
    return function;
  Block &block = function.getBody().front();
  Emitter e(loc, OpBuilder::atBlockBegin(&block));
  Value from = block.getArgument(0), to = block.getArgument(1);
  Value stride = block.getArgument(2), count = block.getArgument(3);
  Type memory = e.memoryType(element), staged = element.isInteger(32) ? element : e.getF32Type();
  Value zero = e.i64(0);
  e.ifThen(
      e.equal(stride, e.i64(1)),
      [&] {
        Value whole = e.mul(e.divide(count, lanes), lanes);
        auto vectorAt = [&](Value c) {
          return e.narrow(e.load(e.vec(staged), e.at(staged, from, c)), element);
        };
        e.loop(zero, whole, lanes, [&](Value c) { e.store(vectorAt(c), e.at(memory, to, c)); });
        e.ifThen(e.less(whole, count), [&] {
          e.maskedStore(vectorAt(whole), e.at(memory, to, whole),
                        e.firstLanes(e.sub(count, whole)));
        });
      },
      [&] {
        e.loop(zero, count, 1, [&](Value c) {
          Value value = e.load(staged, e.at(staged, from, c));
          e.store(e.narrow(value, element), e.at(memory, to, e.mul(c, stride)));
        });
      });
  LLVM::ReturnOp::create(e, ValueRange());
  return function;
}

static SmallVector<Value> operands(const Memory &m, const Rectangle &r, const TileLayout &t) {
  return {m.base,    m.stride0, m.stride1, m.list,    m.listStride, r.start0,   r.count0,
          r.padded0, r.start1,  r.count1,  r.padded1, t.base,       t.rowPitch, t.chunkStride};
}

void Staging::copy(Emitter &e, const Memory &memory, const Rectangle &part,
                   const TileLayout &tile) {
  LLVM::CallOp::create(e, copyFunction(memory.element), operands(memory, part, tile));
}

void Staging::transpose(Emitter &e, const Memory &memory, const Rectangle &part,
                        const TileLayout &tile) {
  LLVM::CallOp::create(e, transposeFunction(memory.element), operands(memory, part, tile));
}

void Staging::write(Emitter &e, Value from, Value to, Value stride, Value count, Type element) {
  LLVM::CallOp::create(e, writeFunction(element), ValueRange{from, to, stride, count});
}
