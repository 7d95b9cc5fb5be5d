//===- Machine.cpp - blocks, warps and what runs beside them --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "test/emulator/Machine.h"

#include <algorithm>
#include <bit>

namespace cce::emulator {

namespace {

constexpr uint64_t dynamicAlignment = 1024;
/// So many instructions of a warp in a row: enough to come back to what it waits for.
constexpr int shortestTurn = 8, longestTurn = 300;
/// So many turns in a row in which every warp waits, and nothing is under way, are a deadlock.
constexpr int64_t hopelessTurns = 20000;

} // namespace

//===----------------------------------------------------------------------===//
// A warp
//===----------------------------------------------------------------------===//

Machine &Warp::machine() const { return *block->machine; }

void Warp::fail(const Instruction &instruction, const std::string &what) const {
  throw Error(function->name + ", block " + std::to_string(block->index) + ", warp " + std::to_string(index) + ", PTX line " +
              std::to_string(instruction.line) + ": " + instruction.text + "\n  " + what);
}

const Lanes &Warp::source(const Operand &operand, Lanes &scratch) const {
  switch (operand.kind) {
  case Operand::Register:
    return registers[operand.index];
  case Operand::Constant:
    return function->constants[operand.index];
  case Operand::Special:
    for (int lane = 0; lane < warpSize; ++lane)
      switch (SpecialRegister(operand.index)) {
      case SpecialRegister::ThreadX: scratch[lane] = uint64_t(index * warpSize + lane); break;
      case SpecialRegister::BlockX: scratch[lane] = block->index; break;
      case SpecialRegister::GridX: scratch[lane] = machine().launch.grid; break;
      case SpecialRegister::ClusterRank: scratch[lane] = block->rank; break;
      case SpecialRegister::Lane: scratch[lane] = uint64_t(lane); break;
      }
    return scratch;
  case Operand::Symbol: {
    const Symbol &symbol = machine().launch.module->symbols[operand.index];
    scratch.fill(symbol.space == Symbol::Parameter ? reinterpret_cast<uint64_t>(machine().launch.parameters[symbol.place])
                                                   : symbol.place);
    return scratch;
  }
  default:
    throw Error(function->name + ": an operand that is no value");
  }
}

void Warp::addresses(const Operand &operand, Lanes &result) const {
  const Operand base{operand.hasSymbol ? Operand::Symbol : Operand::Register, operand.index};
  Lanes scratch;
  const Lanes &from = source(base, scratch);
  for (int lane = 0; lane < warpSize; ++lane)
    result[lane] = from[lane] + uint64_t(operand.offset);
}

uint8_t *Warp::sharedMemory(const Instruction &instruction, uint64_t address, uint64_t bytes) const {
  const uint64_t number = address >> 24, offset = address & 0xffffff;
  if (number > block->cluster->blocks.size())
    fail(instruction, "no block of the cluster has shared memory at " + std::to_string(address));
  Block &owner = number == 0 ? *block : *block->cluster->blocks[number - 1];
  if (offset + bytes > owner.shared.size())
    fail(instruction, "beyond shared memory: " + std::to_string(offset) + " of " + std::to_string(owner.shared.size()));
  if (owner.threads == 0)
    fail(instruction, "the block whose shared memory this is has ended");
  return owner.shared.data() + offset;
}

uint8_t *Warp::memory(const Instruction &instruction, uint64_t address, uint64_t bytes) const {
  if (instruction.space == Symbol::Shared) {
    if (address % bytes)
      fail(instruction, "address " + std::to_string(address) + " is no multiple of " + std::to_string(bytes));
    return sharedMemory(instruction, address, bytes);
  }
  if (address % bytes)
    fail(instruction, "address " + std::to_string(address) + " is no multiple of " + std::to_string(bytes));
  if (instruction.space == Symbol::Global && !machine().launch.isDeviceMemory(address, bytes))
    fail(instruction, std::to_string(bytes) + " bytes at " + std::to_string(address) + " are no device memory");
  return reinterpret_cast<uint8_t *>(address);
}

Barrier &Warp::barrier(const Instruction &instruction, uint64_t address) const {
  sharedMemory(instruction, address, 8);
  const uint64_t number = address >> 24;
  Block &owner = number == 0 ? *block : *block->cluster->blocks[number - 1];
  auto found = owner.barriers.find(address & 0xffffff);
  if (found == owner.barriers.end())
    fail(instruction, "no barrier has been made there");
  return found->second;
}

bool Warp::isBlocked() {
  if (atBarrier && block->generation == barrierGeneration)
    return true;
  atBarrier = false;
  return false;
}

/// A group is done when all four warps have begun it, and then for all of them: one that has waited may tell others so, as is usual.
bool Warp::finishProducts(uint64_t groupsUnderWay) {
  Warp *first = &block->warps[size_t(index / 4 * 4)];
  for (const Warp *warp = first; warp < first + 4; ++warp)
    if (warp->committed + groupsUnderWay < committed)
      return false;
  for (Warp *warp = first; warp < first + 4; ++warp)
    std::erase_if(warp->readings, [&](const Reading &each) { return each.group + groupsUnderWay <= committed; });
  return true;
}

void Warp::checkNotRead(const Instruction &instruction, uint64_t address, uint64_t bytes) const {
  const uint64_t number = address >> 24, begin = address & 0xffffff;
  const Block &owner = number == 0 ? *block : *block->cluster->blocks[number - 1];
  for (const Warp &warp : owner.warps)
    for (const Reading &each : warp.readings)
      if (begin < each.end && each.begin < begin + bytes)
        fail(instruction, "a product of warp " + std::to_string(warp.index) + " of block " + std::to_string(owner.index) +
                              ", which it has not waited for, may still read there");
}

uint32_t Warp::guarded(const Instruction &instruction, uint32_t lanes) const {
  if (instruction.guard < 0)
    return lanes;
  const Lanes &guard = registers[size_t(instruction.guard)];
  for (int lane = 0; lane < warpSize; ++lane)
    if (bool(guard[lane] & 1) == instruction.guardNegated)
      lanes &= ~(1u << lane);
  return lanes;
}

void Warp::branch(const Instruction &instruction, uint32_t taking) {
  Way &way = ways.back();
  const auto target = uint32_t(instruction.operands[0].offset);
  if (taking == 0 || taking == way.lanes) {
    way.place = taking ? target : way.place + 1;
    return;
  }
  const Way behind{way.lanes & ~taking, way.place + 1, instruction.meetingPlace}, there{taking, target, instruction.meetingPlace};
  way.place = instruction.meetingPlace;
  for (const Way &each : {there, behind})
    if (each.place != each.meetingPlace)
      ways.push_back(each);
}

void Warp::leave(uint32_t lanes) {
  live &= ~lanes;
  for (Way &way : ways)
    way.lanes &= ~lanes;
  machine().threadsLeave(*block, std::popcount(lanes));
}

Warp::Stop Warp::run(int instructions) {
  if (isBlocked())
    return Stop::Waits;
  while (live) {
    Way &way = ways.back();
    if (way.lanes == 0 || (way.place == way.meetingPlace && ways.size() > 1)) {
      ways.pop_back();
      continue;
    }
    if (--instructions < 0)
      return Stop::Quantum;
    const Instruction &instruction = function->code[way.place];
    const uint32_t lanes = guarded(instruction, way.lanes);
    switch (instruction.control) {
    case Control::Plain:
      if (lanes)
        instruction.execute(*this, instruction, lanes);
      ++way.place;
      continue;
    case Control::Branch:
      branch(instruction, lanes);
      continue;
    case Control::Exit:
      ++way.place;
      leave(lanes);
      continue;
    case Control::TryWait:
      instruction.execute(*this, instruction, lanes);
      ++way.place;
      for (int lane = 0; lane < warpSize; ++lane)
        if (lanes >> lane & 1 && !(target(instruction.operands[0])[lane] & 1))
          return Stop::Waits;
      continue;
    default:
      break;
    }
    if (way.lanes != live)
      fail(instruction, "not all lanes are here that have not returned");
    switch (instruction.control) {
    case Control::BlockBarrier:
      barrierGeneration = block->generation;
      atBarrier = true;
      ++way.place;
      machine().blockArrives(*block, std::popcount(lanes));
      return Stop::Quantum;
    case Control::ClusterArrive:
      clusterGeneration = block->cluster->generation;
      machine().clusterArrives(*block->cluster, std::popcount(lanes));
      break;
    case Control::ClusterWait:
      if (block->cluster->generation == clusterGeneration)
        return Stop::Waits;
      break;
    case Control::ProductCommit:
      ++committed;
      break;
    case Control::ProductWait:
      if (!finishProducts(function->constants[instruction.operands[0].index][0]))
        return Stop::Waits;
      break;
    default:
      instruction.execute(*this, instruction, lanes);
    }
    ++way.place;
  }
  return Stop::Done;
}

//===----------------------------------------------------------------------===//
// All of them
//===----------------------------------------------------------------------===//

Machine::Machine(const Launch &from, uint32_t seed) : launch(from), random(seed) {
  const Module &module = *launch.module;
  const uint64_t shared =
      launch.dynamicShared
          ? (module.staticShared + dynamicAlignment - 1) / dynamicAlignment * dynamicAlignment + launch.dynamicShared
          : module.staticShared;
  if (int(launch.threads) > launch.function->threads || launch.threads % warpSize)
    throw Error(launch.function->name + ": " + std::to_string(launch.threads) + " threads a block");
  if (launch.grid % launch.cluster)
    throw Error(launch.function->name + ": clusters do not fill the grid");
  for (uint32_t i = 0; i < launch.grid; ++i) {
    if (i % launch.cluster == 0)
      clusters.push_back(std::make_unique<Cluster>());
    blocks.push_back(std::make_unique<Block>());
    Block &block = *blocks.back();
    block.machine = this;
    block.cluster = clusters.back().get();
    block.cluster->blocks.push_back(&block);
    block.index = i;
    block.rank = i % launch.cluster;
    block.shared.assign(shared, 0xff); // NaN in every format
    block.threads = launch.threads;
    block.warps.resize(launch.threads / warpSize);
    for (size_t j = 0; j < block.warps.size(); ++j) {
      Warp &warp = block.warps[j];
      warp.block = &block;
      warp.function = launch.function;
      warp.index = int(j);
      Lanes nans;
      nans.fill(~uint64_t(0));
      warp.registers.assign(launch.function->registers, nans);
      warp.live = ~0u;
      warp.ways = {{~0u, 0, uint32_t(launch.function->code.size())}};
      working.push_back(&warp);
    }
  }
}

void Machine::arrive(Barrier &barrier, int64_t arrivals) {
  barrier.pending -= arrivals;
  if (barrier.pending < 0)
    throw Error("more arrivals at a barrier than it expects");
  complete(barrier, 0);
}

void Machine::complete(Barrier &barrier, int64_t bytes) {
  barrier.bytes -= bytes;
  if (barrier.pending > 0 || barrier.bytes != 0)
    return;
  ++barrier.phases;
  barrier.pending = barrier.expected;
}

void Machine::blockArrives(Block &block, int64_t threads) {
  block.arrived += threads;
  if (block.arrived < block.threads)
    return;
  block.arrived = 0;
  ++block.generation;
}

void Machine::clusterArrives(Cluster &cluster, int64_t threads) {
  cluster.arrived += threads;
  int64_t all = 0;
  for (const Block *block : cluster.blocks)
    all += block->threads;
  if (cluster.arrived < all)
    return;
  cluster.arrived = 0;
  ++cluster.generation;
}

void Machine::threadsLeave(Block &block, int64_t threads) {
  block.threads -= threads;
  if (block.threads > 0 && block.arrived > 0)
    blockArrives(block, 0);
}

bool Machine::completeSomething() {
  std::vector<Warp *> copying;
  for (auto &block : blocks)
    for (Warp &warp : block->warps)
      if (!warp.copies.empty())
        copying.push_back(&warp);
  const size_t choices = boxes.size() + copying.size();
  if (choices == 0)
    return false;
  const size_t choice = random() % choices;
  if (choice < boxes.size()) {
    std::swap(boxes[choice], boxes.back());
    const auto copy = std::move(boxes.back());
    boxes.pop_back();
    copy();
    return true;
  }
  Warp &warp = *copying[choice - boxes.size()];
  const auto copy = std::move(warp.copies.front());
  warp.copies.pop_front();
  copy();
  return true;
}

std::string Machine::whoWaits() const {
  std::string text;
  for (size_t i = 0; i < std::min<size_t>(working.size(), 24); ++i) {
    const Warp &warp = *working[i];
    const uint32_t place = warp.ways.back().place;
    text += "\n  block " + std::to_string(warp.block->index) + ", warp " + std::to_string(warp.index) + ": line " +
            std::to_string(warp.function->code[place].line);
  }
  return text;
}

void Machine::run() {
  int64_t hopeless = 0;
  while (!working.empty()) {
    if (random() % 4 == 0)
      completeSomething();
    const size_t choice = random() % working.size();
    Warp &warp = *working[choice];
    const Warp::Stop stop = warp.run(shortestTurn + int(random() % longestTurn));
    if (stop == Warp::Stop::Done) {
      working[choice] = working.back();
      working.pop_back();
    }
    if (stop != Warp::Stop::Waits || completeSomething())
      hopeless = 0;
    else if (++hopeless > hopelessTurns)
      throw Error(launch.function->name + ": no warp goes on" + whoWaits());
  }
  while (completeSomething())
    ;
}

} // namespace cce::emulator
