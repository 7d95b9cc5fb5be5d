//===- Memory.cpp - loads, stores, atomics, and what lanes tell each other ===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "test/emulator/Instructions.h"
#include "test/emulator/Machine.h"
#include "test/emulator/Numbers.h"

#include <algorithm>
#include <bit>

namespace cce::emulator {

namespace {

/// `{a, b}`, or one register.
std::vector<Operand> partsOf(const Operand &operand) {
  return operand.kind == Operand::List ? operand.parts : std::vector<Operand>{operand};
}

void load(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  const std::vector<Operand> parts = partsOf(instruction.operands[0]);
  const auto bytes = uint64_t(instruction.elementBytes);
  Lanes addresses;
  warp.addresses(instruction.operands[1], addresses);
  for (int lane = 0; lane < warpSize; ++lane) {
    if (!(lanes >> lane & 1))
      continue;
    const uint8_t *from = warp.memory(instruction, addresses[lane], bytes * parts.size());
    for (size_t i = 0; i < parts.size(); ++i) {
      uint64_t value = 0;
      std::memcpy(&value, from + i * bytes, bytes);
      if (instruction.isSigned && bytes < 8)
        value = uint64_t(int64_t(value << (64 - 8 * bytes)) >> (64 - 8 * bytes));
      if (parts[i].kind != Operand::None)
        warp.target(parts[i])[lane] = value;
    }
  }
}

void store(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  const std::vector<Operand> parts = partsOf(instruction.operands[1]);
  const auto bytes = uint64_t(instruction.elementBytes);
  Lanes addresses, scratch;
  warp.addresses(instruction.operands[0], addresses);
  for (size_t i = 0; i < parts.size(); ++i) {
    const Lanes &values = warp.source(parts[i], scratch);
    for (int lane = 0; lane < warpSize; ++lane)
      if (lanes >> lane & 1)
        std::memcpy(warp.memory(instruction, addresses[lane], bytes * parts.size()) + i * bytes, &values[lane], bytes);
  }
}

template <typename T, auto function> void atomic(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  Lanes addresses, scratch;
  warp.addresses(instruction.operands[1], addresses);
  const Lanes terms = warp.source(instruction.operands[2], scratch);
  for (int lane = 0; lane < warpSize; ++lane) {
    if (!(lanes >> lane & 1))
      continue;
    uint8_t *place = warp.memory(instruction, addresses[lane], sizeof(T));
    T before;
    std::memcpy(&before, place, sizeof(T));
    const T after = function(before, valueOf<T>(terms[lane]));
    std::memcpy(place, &after, sizeof(T));
    if (instruction.operands[0].kind == Operand::Register)
      warp.target(instruction.operands[0])[lane] = bitsOf<T>(before);
  }
}

/// shfl.sync (9.7.9.6): c limits how far values go; a lane whose source is beyond keeps its own.
template <auto sourceLane> void shuffle(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  Lanes scratchA, scratchB, scratchC;
  const Lanes values = warp.source(instruction.operands[1], scratchA);
  const Lanes distances = warp.source(instruction.operands[2], scratchB);
  const Lanes &limits = warp.source(instruction.operands[3], scratchC);
  Lanes &target = warp.target(instruction.operands[0]);
  for (int lane = 0; lane < warpSize; ++lane) {
    const int from = sourceLane(lane, int(distances[lane] & 31), int(limits[lane] & 31));
    if (!(lanes >> lane & 1))
      continue;
    if (!(lanes >> from & 1))
      warp.fail(instruction, "lane " + std::to_string(lane) + " asks lane " + std::to_string(from) + ", which has returned");
    target[lane] = values[from] & 0xffffffff;
  }
}

template <bool ofBallot> void vote(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  Lanes scratch;
  const Lanes &values = warp.source(instruction.operands[1], scratch);
  uint32_t ballot = 0;
  for (int lane = 0; lane < warpSize; ++lane)
    if (lanes >> lane & 1)
      ballot |= uint32_t(values[lane] & 1) << lane;
  warp.target(instruction.operands[0]).fill(ofBallot ? ballot : ballot == lanes);
}

template <auto function> void reduce(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  Lanes scratch;
  const Lanes values = warp.source(instruction.operands[1], scratch);
  uint32_t result = 0;
  for (int lane = 0; lane < warpSize; ++lane)
    if (lanes >> lane & 1)
      result = function(result, uint32_t(values[lane]));
  warp.target(instruction.operands[0]).fill(result);
}

void nothing(Warp &, const Instruction &, uint32_t) {}

} // namespace

Handler loader() { return load; }
Handler storer() { return store; }

void addMemory(InstructionTable &table) {
  table["atom.global.or.b32"] = {atomic<uint32_t, [](uint32_t a, uint32_t b) { return a | b; }>};
  table["atom.global.add.u32"] = {atomic<uint32_t, [](uint32_t a, uint32_t b) { return a + b; }>};
  table["atom.global.add.u64"] = {atomic<uint64_t, [](uint64_t a, uint64_t b) { return a + b; }>};
  table["atom.global.inc.u32"] = {atomic<uint32_t, [](uint32_t a, uint32_t b) { return a >= b ? 0 : a + 1; }>};
  table["atom.shared.min.u32"] = {atomic<uint32_t, [](uint32_t a, uint32_t b) { return std::min(a, b); }>};
}

void addWarpwide(InstructionTable &table) {
  constexpr Control all = Control::Collective;
  table["shfl.sync.bfly.b32"] = {shuffle<[](int lane, int distance, int) { return lane ^ distance; }>, all};
  table["shfl.sync.idx.b32"] = {shuffle<[](int, int from, int) { return from; }>, all};
  table["shfl.sync.up.b32"] = {shuffle<[](int lane, int distance, int limit) { return lane - distance >= limit ? lane - distance : lane; }>, all};
  table["vote.sync.all.pred"] = {vote<false>, all};
  table["vote.sync.ballot.b32"] = {vote<true>, all};
  table["redux.sync.or.b32"] = {reduce<[](uint32_t a, uint32_t b) { return a | b; }>, all};
  table["redux.sync.add.s32"] = {reduce<[](uint32_t a, uint32_t b) { return a + b; }>, all};
  table["bar.warp.sync"] = {nothing, all};
  table["bar.sync"] = {nothing, Control::BlockBarrier};
  table["barrier.sync"] = {nothing, Control::BlockBarrier};
  table["barrier.cluster.arrive"] = table["barrier.cluster.arrive.relaxed"] = {nothing, Control::ClusterArrive};
  table["barrier.cluster.wait"] = {nothing, Control::ClusterWait};
  table["bra"] = table["bra.uni"] = {nothing, Control::Branch};
  table["ret"] = {nothing, Control::Exit};
  // Registers are enough, launches follow each other, and memory is the same for all.
  for (const char *name : {"griddepcontrol.wait", "griddepcontrol.launch_dependents", "fence.mbarrier_init.release.cluster",
                           "fence.proxy.async.shared::cta", "createpolicy.fractional.L2::evict_last.b64"})
    table[name] = {nothing};
  for (const char *name : {"setmaxnreg.inc.sync.aligned.u32", "setmaxnreg.dec.sync.aligned.u32", "wgmma.fence.sync.aligned"})
    table[name] = {nothing, all};
  table["wgmma.commit_group.sync.aligned"] = {nothing, Control::ProductCommit};
  table["wgmma.wait_group.sync.aligned"] = {nothing, Control::ProductWait};
}

} // namespace cce::emulator
