//===- Picks.cpp - the label's entry of each row -------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/Picks.h"

using namespace mlir;
using namespace mlir::cce;

/// values[index], whose bits are given from the lowest on: registers have no addresses. Of an index beyond
/// the last it is any of them.
static Value elementAt(PtxBuilder &b, ArrayRef<Value> values, ArrayRef<Value> bits) {
  if (values.size() == 1)
    return values[0];
  size_t half = size_t(1) << (bits.size() - 1);
  if (values.size() <= half)
    return elementAt(b, values, bits.drop_back());
  // The lower part first and to its end, so that few intermediate values live at the same time.
  Value low = elementAt(b, values.take_front(half), bits.drop_back());
  Value high = elementAt(b, values.drop_front(half), bits.drop_back());
  return b.select(bits.back(), high, low);
}

LogicalResult mlir::cce::pickLabels(PtxBuilder &b, FragmentEvaluator &fragment, KernelArguments &arguments,
                                    const ProductKernel &product, PickOp op, ArrayRef<Value> logits,
                                    Value tileColumn) {
  if (op.getValue().getType().getAxes()[0] != product.mAxis || !isTokens(product.mAxis))
    return op.emitOpError("expected rows of the product, of 'tokens', on sm_90a");
  if (op.getTarget().getDefiningOp<GatherOp>())
    return op.emitOpError("expected a target that no list gathers on sm_90a");
  // Of an axis in chunks the next one has the entries behind the extent.
  Value width = b.mins(b.sub(arguments.extent(product.nAxis), tileColumn), b.c32(product.tileN));
  Value start = b.add(tileColumn, arguments.origin(product.nAxis));
  Value places[2], here[2];
  for (int half = 0; half < 2; ++half) {
    Value label = fragment.get(op.getLabels(), {0, half, 0});
    if (!label)
      return failure();
    places[half] = b.sub(label, start);
    here[half] = b.cmp(arith::CmpIPredicate::ult, places[half], width);
  }
  // One answer for the warp, which mostly goes on at once.
  Value any = b.xori(b.all(b.xori(b.ori(here[0], here[1]), b.ctrue())), b.ctrue());
  b.ifThen(any, [&] {
    Value ownColumn = b.sub(fragment.getColumn(0, 0), tileColumn);
    Value row = b.zext64(b.afresh(fragment.getRow(0)));
    Value entries = b.offset(arguments.pointer(op.getTarget()), b.mul(row, b.c64(4)));
    int columns = 2 * fragment.groups();
    for (int half = 0; half < 2; ++half) {
      // Bit 0 of the place is the pair, bits 1 and 2 are the thread's among the four of the row, those
      // above are the group.
      SmallVector<Value> bits;
      for (int64_t bit = 1; bit < columns; bit <<= 1) {
        int64_t ofPlace = bit == 1 ? 1 : bit << 2;
        bits.push_back(b.cmp(arith::CmpIPredicate::ne, b.andi(places[half], ofPlace), b.c32(0)));
      }
      Value entry = elementAt(b, logits.slice(half * columns, columns), bits);
      Value isOwn = b.eq(b.andi(places[half], 6), ownColumn);
      // The rows of the halves are 8 apart.
      b.ifThen(b.andi(here[half], isOwn), [&] { b.store(entry, b.offset(entries, 32 * half), 4); });
    }
  });
  return success();
}
