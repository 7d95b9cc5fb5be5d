//===- StagedStore.cpp - whole rows of a fragment through shared memory --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/StagedStore.h"

using namespace mlir;
using namespace mlir::cce;

StagedStore::StagedStore(PtxBuilder &builder, Value staging, Value lane)
    : b(builder), staging(staging), lane(lane) {}

StagedStore StagedStore::inLoop(PtxBuilder &b, Value area, int64_t firstWarp) {
  Value thread = b.opaque(b.threadId());
  Value start = b.mul(b.sub(b.shr(thread, 5), b.c32(firstWarp)), bytes);
  return StagedStore(b, b.offset(area, start), b.andi(thread, 31));
}

/// The 16-byte pieces of a row are permuted by the row's last three bits, so that neither the rows of a
/// matrix nor the pieces of a row meet in a bank.
void StagedStore::store(PairAt pairAt, int groups, ArrayRef<Value> addresses,
                        ArrayRef<Value> exists) {
  Value low = b.andi(lane, 7);
  // stmatrix.x4 takes the address of row l % 8 of matrix l / 8 from lane l: the matrices are half 0 and
  // half 1 of a group of 8 columns, and the same of the next group.
  Value matrixRow = b.add(low, b.andi(lane, 8));
  Value matrixGroup = b.shr(lane, 4);
  auto shared = [&](Value row, Value piece) {
    Value swizzled = b.xori(piece, low);
    return b.offset(staging, b.add(b.mul(row, 128), b.mul(swizzled, 16)));
  };
  for (int first = 0; first < groups; first += 8) {
    // Not before all lanes have read the panel that was here.
    b.syncWarp();
    for (int group = first; group < first + 8; group += 2) {
      Value piece = b.xori(matrixGroup, b.c32(group - first));
      Value pairs[4];
      for (int i = 0; i < 4; ++i)
        pairs[i] = pairAt(i % 2, group + i / 2);
      b.storeMatrix(shared(matrixRow, piece), pairs);
    }
    b.syncWarp();
    auto sixteenBytes = VectorType::get(4, b.i32());
    Value vectors[rowsPerLane];
    for (int i = 0; i < rowsPerLane; ++i) {
      // (row % 8) is what the piece was permuted by.
      Value row = rowOfLane(i);
      Value swizzled = b.xori(low, b.andi(row, 7));
      Value address = b.offset(staging, b.add(b.mul(row, 128), b.mul(swizzled, 16)));
      vectors[i] = b.load(sixteenBytes, address, 16);
    }
    for (int i = 0; i < rowsPerLane; ++i) {
      auto write = [&] {
        Value column = b.add(b.mul(low, 16), 16 * int64_t(first));
        b.store(vectors[i], b.offset(addresses[i], column), 16);
      };
      if (exists[i])
        b.ifThen(exists[i], write);
      else
        write();
    }
  }
}
