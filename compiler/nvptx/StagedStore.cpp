//===- StagedStore.cpp - whole rows of a fragment through shared memory --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/nvptx/StagedStore.h"

using namespace mlir;
using namespace mlir::cce;

StagedStore::StagedStore(PtxBuilder &builder, Value staging, Value lane)
    : b(builder), staging(staging), lane(lane) {}

/// The 16-byte pieces of a row are permuted by the row's last three bits, so that neither the rows of a
/// matrix nor the pieces of a row meet in a bank. Bits 4 to 6 of an address are the place of the piece
/// and bits 7 to 10 the row, so other addresses of a lane differ from its first in single bits.
void StagedStore::storePanel(int first, ArrayRef<Value> (&pairs)[2], ArrayRef<Value> addresses,
                             ArrayRef<Value> exists) {
  Value low = b.andi(here, 7);
  auto shared = [&](Value row, Value piece) {
    Value place = b.add(b.mul(row, 128), b.mul(b.xori(piece, b.andi(row, 7)), 16));
    return b.add(LLVM::PtrToIntOp::create(b, b.i32(), staging), place);
  };
  auto pointer = [&](Value address) -> Value {
    return LLVM::IntToPtrOp::create(b, b.ptr(Space::Shared), address);
  };
  // stmatrix.x4 takes the address of row l % 8 of matrix l / 8 from lane l: the matrices are half 0 and
  // half 1 of a group of 8 columns, and the same of the next group.
  Value matrix = shared(b.andi(here, 15), b.shr(here, 4));
  // Not before all lanes have read the panel that was here.
  b.syncWarp();
  for (int group = 0; group < panelGroups; group += 2)
    b.storeMatrix(pointer(b.xori(matrix, b.c32(16 * group))),
                  {pairs[0][group], pairs[1][group], pairs[0][group + 1], pairs[1][group + 1]});
  b.syncWarp();
  auto sixteenBytes = VectorType::get(4, b.i32());
  Value row = shared(b.shr(here, 3), low);
  Value vectors[rowsPerLane];
  for (int i = 0; i < rowsPerLane; ++i) {
    // Four rows on, the pieces are permuted by another bit.
    Value address = b.offset(pointer(b.xori(row, b.c32(64 * (i % 2)))), rowDistance * 128 * i);
    vectors[i] = b.load(sixteenBytes, address, 16);
  }
  for (int i = 0; i < rowsPerLane; ++i) {
    auto write = [&] {
      b.store(vectors[i], b.offset(addresses[i], 16 * static_cast<int64_t>(first)), 16);
    };
    if (exists[i])
      b.ifThen(exists[i], write);
    else
      write();
  }
}
