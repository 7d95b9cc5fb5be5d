//===- Instructions.h - what executes which instruction ---------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_TEST_EMULATOR_INSTRUCTIONS_H
#define CCE_TEST_EMULATOR_INSTRUCTIONS_H

#include "test/emulator/Ptx.h"

#include <string>
#include <unordered_map>

namespace cce::emulator {

struct InstructionEntry {
  Handler execute = nullptr;
  Control control = Control::Plain;
};
using InstructionTable = std::unordered_map<std::string, InstructionEntry>;

void addArithmetic(InstructionTable &table);
void addMemory(InstructionTable &table);
void addWarpwide(InstructionTable &table);
void addAsynchronous(InstructionTable &table);

/// Of `mov` from or to a list.
Handler partsMover();
/// Of loads, stores and atomics, whose space and size are in the instruction.
Handler loader();
Handler storer();

} // namespace cce::emulator

#endif // CCE_TEST_EMULATOR_INSTRUCTIONS_H
