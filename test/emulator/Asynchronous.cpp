//===- Asynchronous.cpp - barriers in memory, copies, tensor cores --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "test/emulator/Instructions.h"
#include "test/emulator/Machine.h"
#include "test/emulator/Numbers.h"
#include "test/emulator/TensorMap.h"

#include <algorithm>
#include <bit>

namespace cce::emulator {

namespace {

/// With the 128-byte swizzle bits 4 to 6 of an address are changed by bits 7 to 9.
uint64_t swizzled(uint64_t address) { return address ^ (address >> 7 & 7) << 4; }

//===----------------------------------------------------------------------===//
// Barriers (9.7.13.15)
//===----------------------------------------------------------------------===//

template <typename F> void forEachAddress(Warp &warp, const Operand &operand, uint32_t lanes, F function) {
  Lanes addresses;
  warp.addresses(operand, addresses);
  for (int lane = 0; lane < warpSize; ++lane)
    if (lanes >> lane & 1)
      function(lane, addresses[lane]);
}

void arriveAt(Warp &warp, const Instruction &instruction, uint64_t address, int64_t arrivals) {
  Barrier &barrier = warp.barrier(instruction, address);
  if (barrier.pending < arrivals)
    warp.fail(instruction, "more arrivals than the barrier expects: " + std::to_string(barrier.expected));
  Machine::arrive(barrier, arrivals);
}

void initBarrier(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  Lanes scratch;
  const Lanes &counts = warp.source(instruction.operands[1], scratch);
  forEachAddress(warp, instruction.operands[0], lanes, [&](int lane, uint64_t address) {
    warp.sharedMemory(instruction, address, 8);
    const auto count = int64_t(uint32_t(counts[lane]));
    warp.block->barriers[address] = {count, count};
  });
}

/// State, address and, maybe, how often.
void arrive(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  Lanes scratch, ones;
  ones.fill(1);
  const Lanes &counts = instruction.operands.size() > 2 ? warp.source(instruction.operands[2], scratch) : ones;
  forEachAddress(warp, instruction.operands[1], lanes, [&](int lane, uint64_t address) {
    arriveAt(warp, instruction, address, int64_t(uint32_t(counts[lane])));
  });
}

void arriveExpecting(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  Lanes scratch;
  const Lanes &bytes = warp.source(instruction.operands[2], scratch);
  forEachAddress(warp, instruction.operands[1], lanes, [&](int lane, uint64_t address) {
    warp.barrier(instruction, address).bytes += int64_t(uint32_t(bytes[lane]));
    arriveAt(warp, instruction, address, 1);
  });
}

/// Whether the phase of that parity is complete: the one under way has the other.
void tryWait(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  Lanes scratch;
  const Lanes &parities = warp.source(instruction.operands[2], scratch);
  Lanes &done = warp.target(instruction.operands[0]);
  forEachAddress(warp, instruction.operands[1], lanes, [&](int lane, uint64_t address) {
    done[lane] = (warp.barrier(instruction, address).phases & 1) != (parities[lane] & 1);
  });
}

/// The same place in the shared memory of another block of the cluster (mapa, 9.7.9.24).
void mapAddress(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  Lanes scratchA, scratchB;
  const Lanes addresses = warp.source(instruction.operands[1], scratchA);
  const Lanes &ranks = warp.source(instruction.operands[2], scratchB);
  for (int lane = 0; lane < warpSize; ++lane)
    if (lanes >> lane & 1)
      warp.target(instruction.operands[0])[lane] = (addresses[lane] & 0xffffff) | uint64_t(uint32_t(ranks[lane]) + 1) << 24;
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// cp.async (9.7.9.25.3.1): 16 bytes, the first of them from memory, the others zero.
void copyAsync(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  Lanes to, from, scratch;
  warp.addresses(instruction.operands[0], to);
  warp.addresses(instruction.operands[1], from);
  const Lanes sizes = instruction.operands.size() > 3 ? warp.source(instruction.operands[3], scratch)
                                                      : warp.source(instruction.operands[2], scratch);
  Instruction global = instruction;
  global.space = Symbol::Global;
  for (int lane = 0; lane < warpSize; ++lane)
    if (lanes >> lane & 1) {
      if (to[lane] % 16 || from[lane] % 16)
        warp.fail(instruction, "addresses of a copy are no multiples of 16");
      warp.sharedMemory(instruction, to[lane], 16);
      if (uint32_t(sizes[lane]))
        warp.memory(global, from[lane], 16);
    }
  warp.copies.push_back([&warp, &instruction, lanes, to, from, sizes] {
    for (int lane = 0; lane < warpSize; ++lane) {
      if (!(lanes >> lane & 1))
        continue;
      warp.checkNotRead(instruction, to[lane], 16);
      uint8_t bytes[16] = {};
      std::memcpy(bytes, reinterpret_cast<const void *>(from[lane]), uint32_t(sizes[lane]));
      std::memcpy(warp.sharedMemory(instruction, to[lane], 16), bytes, 16);
    }
  });
}

void arriveBehindCopies(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  Lanes addresses;
  warp.addresses(instruction.operands[0], addresses);
  warp.copies.push_back([&warp, &instruction, lanes, addresses] {
    for (int lane = 0; lane < warpSize; ++lane)
      if (lanes >> lane & 1)
        arriveAt(warp, instruction, addresses[lane], 1);
  });
}

/// A box of a matrix, to one block or to the same place of several (cp.async.bulk.tensor, 9.7.9.27.1).
template <bool isMulticast> void copyBox(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  const Operand &source = instruction.operands[1];
  Lanes to, maps, barriers, scratchColumn, scratchRow, scratchMask;
  warp.addresses(instruction.operands[0], to);
  Operand mapAddress = source;
  mapAddress.parts.clear();
  warp.addresses(mapAddress, maps);
  warp.addresses(instruction.operands[2], barriers);
  const Lanes columns = warp.source(source.parts[0], scratchColumn), rows = warp.source(source.parts[1], scratchRow);
  for (int lane = 0; lane < warpSize; ++lane) {
    if (!(lanes >> lane & 1))
      continue;
    TensorBox box;
    std::memcpy(&box, reinterpret_cast<const void *>(maps[lane]), sizeof(box));
    if (box.magic != TensorBox::expectedMagic)
      warp.fail(instruction, "this is no tensor map");
    const uint64_t rowBytes = box.boxColumns * box.elementBytes, bytes = rowBytes * box.boxRows;
    if (box.isSwizzled && (rowBytes != 128 || to[lane] % 128))
      warp.fail(instruction, "a swizzled box has rows of 128 bytes, at multiples of that");
    uint32_t mask = 1u << warp.block->rank;
    if constexpr (isMulticast)
      mask = uint32_t(warp.source(instruction.operands[3], scratchMask)[lane] & 0xffff);
    if (mask >> warp.block->cluster->blocks.size())
      warp.fail(instruction, "a mask of more blocks than the cluster has");
    const auto column = int64_t(int32_t(columns[lane])), row = int64_t(int32_t(rows[lane]));
    const uint64_t place = to[lane] & 0xffffff, barrier = barriers[lane] & 0xffffff;
    for (uint32_t rank = 0; mask >> rank; ++rank) {
      if (!(mask >> rank & 1))
        continue;
      warp.machine().boxes.push_back([=, &warp, &instruction] {
        const uint64_t other = uint64_t(rank + 1) << 24;
        warp.checkNotRead(instruction, other | place, bytes);
        uint8_t *memory = warp.sharedMemory(instruction, other | place, bytes) - place;
        for (uint64_t r = 0; r < box.boxRows; ++r) {
          const uint64_t from = reinterpret_cast<uint64_t>(box.base) + uint64_t(row + int64_t(r)) * box.rowStride + uint64_t(column) * box.elementBytes;
          const bool isRow = row + int64_t(r) >= 0 && row + int64_t(r) < int64_t(box.rows) && column >= 0 && column < int64_t(box.columns);
          if (isRow && !warp.machine().launch.isDeviceMemory(from, std::min(box.boxColumns, box.columns - uint64_t(column)) * box.elementBytes))
            warp.fail(instruction, "row " + std::to_string(row + int64_t(r)) + " of the box is no device memory");
          for (uint64_t c = 0; c < box.boxColumns; ++c) {
            const int64_t atRow = row + int64_t(r), atColumn = column + int64_t(c);
            const uint64_t offset = place + r * rowBytes + c * box.elementBytes;
            uint8_t *element = memory + (box.isSwizzled ? swizzled(offset) : offset);
            const bool exists = atRow >= 0 && atRow < int64_t(box.rows) && atColumn >= 0 && atColumn < int64_t(box.columns);
            if (exists)
              std::memcpy(element, box.base + uint64_t(atRow) * box.rowStride + uint64_t(atColumn) * box.elementBytes, box.elementBytes);
            else
              std::memset(element, 0, box.elementBytes);
          }
        }
        Machine::complete(warp.barrier(instruction, other | barrier), int64_t(bytes));
      });
    }
  }
}

//===----------------------------------------------------------------------===//
// Tensor cores
//===----------------------------------------------------------------------===//

/// Elements of an operand of wgmma in shared memory, as its descriptor says (9.7.15.5.1.2).
struct Matrix {
  Matrix(uint64_t descriptor, bool isTransposed)
      : start((descriptor & 0x3fff) << 4), leading((descriptor >> 16 & 0x3fff) << 4), stride((descriptor >> 32 & 0x3fff) << 4),
        swizzle(int(descriptor >> 62)), isTransposed(isTransposed) {}
  uint64_t place(int row, int k) const {
    const uint64_t offset = isTransposed
                                ? uint64_t(row / 64) * leading + uint64_t(k / 8) * stride + uint64_t(k % 8) * 128 + uint64_t(row % 64) * 2
                                : uint64_t(row / 8) * stride + uint64_t(row % 8) * 128 + uint64_t(k) * 2;
    return swizzled(start + offset);
  }
  uint64_t start, leading, stride;
  int swizzle;
  bool isTransposed;
};

constexpr int depth = 16, mostColumns = 256;

/// The warp's 16 rows of a 64 x n x 16 product, at once; until it is waited for nobody may write to the operands.
template <int columns, auto widen> void multiply(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  const std::vector<Operand> &operands = instruction.operands;
  if (lanes != ~0u)
    warp.fail(instruction, "all lanes have to take part");
  Lanes scratch;
  auto number = [&](size_t i) { return warp.source(operands[i], scratch)[0]; };
  if (number(3) != 1 || number(4) != 1 || number(5) != 1)
    warp.fail(instruction, "expected to add to the sums, with no signs changed");
  const Matrix a(number(1), number(6) & 1), b(number(2), number(7) & 1);
  if (a.swizzle != 1 || b.swizzle != 1)
    warp.fail(instruction, "expected the 128-byte swizzle");
  Warp::Reading reading;
  auto element = [&](const Matrix &matrix, int row, int k) {
    const uint64_t place = matrix.place(row, k);
    reading.begin = std::min(reading.begin, place);
    reading.end = std::max(reading.end, place + 2);
    uint16_t bits;
    std::memcpy(&bits, warp.sharedMemory(instruction, place, 2), 2);
    return widen(bits);
  };
  auto beginReading = [&] { reading = {warp.committed + 1, UINT64_MAX, 0}; };
  const int firstRow = 16 * (warp.index % 4);
  static thread_local float sums[16][mostColumns], left[16][depth], right[depth][mostColumns];
  beginReading();
  for (int k = 0; k < depth; ++k)
    for (int row = 0; row < 16; ++row)
      left[row][k] = element(a, firstRow + row, k);
  warp.readings.push_back(reading);
  beginReading();
  for (int k = 0; k < depth; ++k)
    for (int column = 0; column < columns; ++column)
      right[k][column] = element(b, column, k);
  warp.readings.push_back(reading);
  // A lane has two neighbours in each of two rows of every group of 8 columns (9.7.15.5.1.1).
  auto forEachSum = [&](auto function) {
    for (int group = 0; group < columns / 8; ++group)
      for (int i = 0; i < 4; ++i) {
        Lanes &values = warp.target(operands[0].parts[size_t(4 * group + i)]);
        for (int lane = 0; lane < warpSize; ++lane)
          function(sums[lane / 4 + 8 * (i / 2)][8 * group + 2 * (lane % 4) + i % 2], values[lane]);
      }
  };
  forEachSum([](float &sum, uint64_t &value) { sum = valueOf<float>(value); });
  for (int row = 0; row < 16; ++row)
    for (int k = 0; k < depth; ++k)
      for (int column = 0; column < columns; ++column)
        sums[row][column] += left[row][k] * right[k][column];
  forEachSum([](float &sum, uint64_t &value) { value = bitsOf(sum); });
}

template <int columns> void addProducts(InstructionTable &table) {
  const std::string name = "wgmma.mma_async.sync.aligned.m64n" + std::to_string(columns) + "k16.f32.";
  table[name + "bf16.bf16"] = {multiply<columns, fromBf16>, Control::Collective};
  table[name + "f16.f16"] = {multiply<columns, fromF16>, Control::Collective};
}

/// Four 8 x 8 matrices: lane l has two neighbours of row l / 4 of each, and the address of row l % 8 of matrix l / 8 (9.7.14.5.16).
void storeMatrices(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  if (lanes != ~0u)
    warp.fail(instruction, "all lanes have to take part");
  Lanes addresses, scratch;
  warp.addresses(instruction.operands[0], addresses);
  for (size_t matrix = 0; matrix < 4; ++matrix) {
    const Lanes &pairs = warp.source(instruction.operands[1].parts[matrix], scratch);
    for (size_t lane = 0; lane < warpSize; ++lane) {
      const uint64_t row = addresses[8 * matrix + lane / 4];
      if (row % 16)
        warp.fail(instruction, "a row is at no multiple of 16 bytes");
      std::memcpy(warp.sharedMemory(instruction, row + 4 * (lane % 4), 4), &pairs[lane], 4);
    }
  }
}

} // namespace

void addAsynchronous(InstructionTable &table) {
  table["mbarrier.init.shared.b64"] = {initBarrier};
  table["mbarrier.arrive.shared.b64"] = table["mbarrier.arrive.shared::cluster.b64"] = {arrive};
  table["mbarrier.arrive.expect_tx.shared.b64"] = {arriveExpecting};
  table["mbarrier.try_wait.parity.shared.b64"] = {tryWait, Control::TryWait};
  table["mapa.shared::cluster.u64"] = {mapAddress};
  table["cp.async.cg.shared.global"] = {copyAsync};
  table["cp.async.mbarrier.arrive.noinc.shared.b64"] = {arriveBehindCopies};
  const std::string box = "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes";
  table[box] = table[box + ".L2::cache_hint"] = {copyBox<false>};
  table[box + ".multicast::cluster"] = table[box + ".multicast::cluster.L2::cache_hint"] = {copyBox<true>};
  addProducts<64>(table);
  addProducts<128>(table);
  addProducts<192>(table);
  addProducts<256>(table);
  table["stmatrix.sync.aligned.m8n8.x4.shared.b16"] = {storeMatrices, Control::Collective};
}

} // namespace cce::emulator
