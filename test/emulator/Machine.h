//===- Machine.h - blocks, warps and what runs beside them ------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// All blocks of a launch are at work at the same time, a warp for a random number of instructions at a time, and copies into
// shared memory arrive at random later times: what a kernel does not wait for it will, for some seed, not find. Lanes of a warp
// that go different ways run one after the other until they meet again, at the immediate postdominator of the branch.
//
// Addresses of shared memory are offsets in the block's own; those of a cluster have the number of the block in it plus one in
// bits 24 and up, or none for the block's own. Global addresses are those of this process.
//===----------------------------------------------------------------------===//
#ifndef CCE_TEST_EMULATOR_MACHINE_H
#define CCE_TEST_EMULATOR_MACHINE_H

#include "test/emulator/Ptx.h"

#include <deque>
#include <functional>
#include <random>
#include <unordered_map>

namespace cce::emulator {

class Machine;
struct Block;

/// An mbarrier (PTX ISA, 9.7.13.15).
struct Barrier {
  int64_t expected = 0; ///< arrivals of a phase
  int64_t pending = 0;  ///< of this phase
  int64_t bytes = 0;    ///< announced and not yet there
  uint64_t phases = 0;  ///< that are complete
};

/// The blocks that a launch has put side by side; one block, if none.
struct Cluster {
  std::vector<Block *> blocks;
  int64_t arrived = 0;
  uint64_t generation = 0;
};

struct Warp {
  Block *block = nullptr;
  const Function *function = nullptr;
  int index = 0; ///< in the block
  std::vector<Lanes> registers;
  uint32_t live = 0; ///< lanes that have not returned
  /// Lanes that go the same way, and where they meet those of the entry below. The last one is at work.
  struct Way {
    uint32_t lanes, place, meetingPlace;
  };
  std::vector<Way> ways;
  bool atBarrier = false;
  uint64_t barrierGeneration = 0, clusterGeneration = 0;
  uint64_t committed = 0; ///< groups of products
  /// What products read of shared memory, of groups that have not been waited for.
  struct Reading {
    uint64_t group, begin, end;
  };
  std::vector<Reading> readings;
  /// Its copies into shared memory, and arrivals behind them, in their order.
  std::deque<std::function<void()>> copies;

  enum class Stop { Quantum, Waits, Done };
  /// Runs so many instructions at most.
  Stop run(int instructions);
  Machine &machine() const;

  Lanes &target(const Operand &operand) { return registers[operand.index]; }
  /// The values of a source; computed ones are put into `scratch`.
  const Lanes &source(const Operand &operand, Lanes &scratch) const;
  /// Addresses, in the window of the space.
  void addresses(const Operand &operand, Lanes &result) const;
  /// So many bytes that the instruction may touch.
  uint8_t *memory(const Instruction &instruction, uint64_t address, uint64_t bytes) const;
  uint8_t *sharedMemory(const Instruction &instruction, uint64_t address, uint64_t bytes) const;
  Barrier &barrier(const Instruction &instruction, uint64_t address) const;
  /// Fails if a product may still read what is about to be written there.
  void checkNotRead(const Instruction &instruction, uint64_t address, uint64_t bytes) const;
  [[noreturn]] void fail(const Instruction &instruction, const std::string &what) const;

private:
  bool isBlocked();
  bool finishProducts(uint64_t groupsUnderWay);
  /// Lanes that the guard lets through.
  uint32_t guarded(const Instruction &instruction, uint32_t lanes) const;
  /// Goes on at the branch's target or behind it, or both ways one after the other.
  void branch(const Instruction &instruction, uint32_t taking);
  void leave(uint32_t lanes);
};

struct Block {
  Machine *machine = nullptr;
  Cluster *cluster = nullptr;
  uint32_t index = 0, rank = 0; ///< in the grid, in the cluster
  std::vector<uint8_t> shared;
  std::unordered_map<uint64_t, Barrier> barriers; ///< by address
  std::vector<Warp> warps;
  int64_t threads = 0; ///< that have not returned
  int64_t arrived = 0;
  uint64_t generation = 0;
};

struct Launch {
  const Module *module = nullptr;
  const Function *function = nullptr;
  uint32_t grid = 1, threads = 1, cluster = 1;
  uint64_t dynamicShared = 0;
  void **parameters = nullptr;
  /// Whether so many bytes at this address are device memory.
  std::function<bool(uint64_t, uint64_t)> isDeviceMemory;
};

class Machine {
public:
  Machine(const Launch &launch, uint32_t seed);
  /// Throws Error for what a GPU would not do, or would do wrong, and if nothing goes on.
  void run();

  const Launch launch;
  /// Copies of boxes that are under way, in no order.
  std::vector<std::function<void()>> boxes;
  static void arrive(Barrier &barrier, int64_t arrivals);
  static void complete(Barrier &barrier, int64_t bytes);
  void blockArrives(Block &block, int64_t threads);
  void clusterArrives(Cluster &cluster, int64_t threads);
  void threadsLeave(Block &block, int64_t threads);

private:
  bool completeSomething();
  std::string whoWaits() const;

  std::mt19937 random;
  std::vector<std::unique_ptr<Cluster>> clusters;
  std::vector<std::unique_ptr<Block>> blocks;
  std::vector<Warp *> working;
};

} // namespace cce::emulator

#endif // CCE_TEST_EMULATOR_MACHINE_H
