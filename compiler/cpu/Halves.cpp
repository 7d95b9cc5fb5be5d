//===- Halves.cpp - tiles of f32 in two buffers, for the CPU -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// What cce.load_halves and cce.store_halves mean, element by element, every part in the place of its element. Of
// lower halves of i4 an even element has the lower 4 bits of its byte, so rows of them begin with even elements.
//===----------------------------------------------------------------------===//
#include "compiler/cpu/KernelLowering.h"

using namespace mlir;
using namespace mlir::cce;
using namespace mlir::cce::cpu;

namespace {
/// Words of 32 bits.
struct Words {
  Emitter &e;
  Value andi(Value a, Value b) { return arith::AndIOp::create(e, a, b); }
  Value ori(Value a, Value b) { return arith::OrIOp::create(e, a, b); }
  Value shl(Value a, Value bits) { return arith::ShLIOp::create(e, a, bits); }
  Value shr(Value a, Value bits) { return arith::ShRUIOp::create(e, a, bits); }
  Value load(Type element, Value base, Value index) {
    return arith::ExtUIOp::create(e, e.getI32Type(), e.load(element, e.at(element, base, index)));
  }
  void store(Value word, Type element, Value base, Value index) {
    e.store(arith::TruncIOp::create(e, element, word), e.at(element, base, index));
  }
  /// The byte of a 4-bit element, and by how much it is shifted there.
  std::pair<Value, Value> placeOf(Value index) {
    Value odd = arith::TruncIOp::create(e, e.getI32Type(), arith::AndIOp::create(e, index, e.i64(1)));
    return {e.divide(index, 2), shl(odd, e.i32(2))};
  }
};
} // namespace

/// 8 or 4.
static int64_t bitsOf(Value lower) {
  return cast<BufferType>(lower.getType()).getElementType().getIntOrFloatBitWidth();
}

KernelLowering::HalvesRow KernelLowering::halvesRow(Value upper, Value lower, Value row) {
  Memory memory = memoryOf(*viewOf(upper));
  HalvesRow result;
  result.lower = e.mul(row, strides[lower][0]);
  if (viewOf(upper)->list) {
    Type i32 = e.getI32Type();
    Value named = e.load(i32, e.at(i32, memory.list, e.mul(row, memory.listStride)));
    row = arith::ExtSIOp::create(e, e.getI64Type(), named);
  }
  result.exists = e.compare(arith::CmpIPredicate::sge, row, e.i64(0));
  result.upper = e.mul(row, memory.stride0);
  return result;
}

void KernelLowering::stageHalves(LoadHalvesOp load, Span rows, Value firstRow, Span columns) {
  Type f32 = e.getF32Type(), i16 = e.getI16Type(), i8 = e.getI8Type();
  Value upper = load.getUpper(), lower = load.getLower(), tile = staged[load];
  Memory memory = memoryOf(*viewOf(upper));
  Words words{e};
  evaluator.bindPlane(load.getResult(), tile, pitch, firstRow);
  e.loop(e.i64(0), rows.count, 1, [&](Value r) {
    HalvesRow row = halvesRow(upper, lower, e.add(rows.start, r));
    Value wanted = row.exists;
    if (load.getCondition())
      wanted = e.logicalAnd(wanted, pointers[load.getCondition()]);
    Value target = e.at(f32, tile, e.mul(r, pitch));
    e.loop(e.i64(0), e.roundUp(columns.count, lanes), lanes,
           [&](Value c) { e.store(e.splatF32(0.0), e.at(f32, target, c)); });
    e.ifThen(wanted, [&] {
      e.loop(e.i64(0), columns.count, 1, [&](Value c) {
        Value column = e.add(columns.start, c);
        Value high = words.load(i16, memory.base, e.add(row.upper, e.mul(column, memory.stride1)));
        Value index = e.add(row.lower, e.mul(column, strides[lower][1])), low;
        if (bitsOf(lower) == 4) {
          auto [byte, shift] = words.placeOf(index);
          low = words.andi(words.shr(words.load(i8, pointers[lower], byte), shift), e.i32(15));
        } else {
          low = words.load(i8, pointers[lower], index);
        }
        // The missing bits repeat them.
        low = arith::MulIOp::create(e, low, e.i32(bitsOf(lower) == 4 ? 0x1111 : 0x0101));
        Value bits = words.ori(words.shl(high, e.i32(16)), low);
        e.store(arith::BitcastOp::create(e, f32, bits), e.at(f32, target, c));
      });
    });
  });
}

void KernelLowering::storeHalves(StoreHalvesOp store, Position &at, Span columns) {
  Type f32 = e.getF32Type(), i16 = e.getI16Type(), i8 = e.getI8Type(), i32 = e.getI32Type();
  Value upper = store.getUpper(), lower = store.getLower();
  Memory memory = memoryOf(*viewOf(upper));
  Words words{e};
  Cache rowCache;
  evaluator.hoist(store.getValue(), at, rowCache);
  e.loop(e.i64(0), columns.count, lanes, [&](Value c) {
    Cache cache = rowCache;
    at.vectorIndex = c;
    e.store(evaluator.evaluate(store.getValue(), at, cache), e.at(f32, rowBuffer, c), 64);
  });
  HalvesRow row = halvesRow(upper, lower, e.add(at.scalarStart, at.scalarIndex));
  e.ifThen(row.exists, [&] {
    e.loop(e.i64(0), columns.count, 1, [&](Value c) {
      Value value = e.load(f32, e.at(f32, rowBuffer, c)), column = e.add(columns.start, c);
      Value bits = arith::BitcastOp::create(e, i32, value);
      Value index = e.add(row.lower, e.mul(column, strides[lower][1]));
      Value rest = words.shr(bits, e.i32(16 - bitsOf(lower)));
      if (bitsOf(lower) == 4) {
        auto [byte, shift] = words.placeOf(index);
        Value part = words.shl(words.andi(rest, e.i32(15)), shift);
        Value others = words.andi(words.load(i8, pointers[lower], byte), words.shr(e.i32(0xF0), shift));
        words.store(words.ori(others, part), i8, pointers[lower], byte);
      } else {
        words.store(rest, i8, pointers[lower], index);
      }
      words.store(words.shr(bits, e.i32(16)), i16, memory.base,
                  e.add(row.upper, e.mul(column, memory.stride1)));
    });
  });
}
