//===- Decode.cpp - what executes which instruction -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "test/emulator/Instructions.h"

#include <algorithm>

namespace cce::emulator {

namespace {

const InstructionTable &table() {
  static const InstructionTable all = [] {
    InstructionTable entries;
    addArithmetic(entries);
    addMemory(entries);
    addWarpwide(entries);
    addAsynchronous(entries);
    return entries;
  }();
  return all;
}

/// Of a type's name, "b32" or "f64".
int bytesOfType(const std::string &type) { return type == "pred" ? 1 : std::stoi(type.substr(1 + type.find_first_of("bsuf"))) / 8; }

std::vector<std::string> split(const std::string &opcode) {
  std::vector<std::string> words(1);
  for (char c : opcode)
    if (c == '.')
      words.emplace_back();
    else
      words.back() += c;
  return words;
}

} // namespace

void decode(Instruction &instruction) {
  const std::vector<std::string> words = split(instruction.opcode);
  auto has = [&](const char *word) { return std::find(words.begin(), words.end(), word) != words.end(); };
  if (has("shared") || has("shared::cluster"))
    instruction.space = Symbol::Shared;
  else if (has("param"))
    instruction.space = Symbol::Parameter;
  if (words[0] == "ld" || words[0] == "st") {
    instruction.elementBytes = bytesOfType(words.back());
    instruction.isSigned = words.back()[0] == 's';
    instruction.execute = words[0] == "ld" ? loader() : storer();
    return;
  }
  const bool hasList = std::any_of(instruction.operands.begin(), instruction.operands.end(),
                                   [](const Operand &operand) { return operand.kind == Operand::List; });
  if (words[0] == "mov" && hasList) {
    instruction.elementBytes = bytesOfType(words.back());
    instruction.execute = partsMover();
    return;
  }
  auto entry = table().find(instruction.opcode);
  if (entry == table().end())
    throw Error("PTX line " + std::to_string(instruction.line) + ": the emulator has no '" + instruction.opcode + "': " + instruction.text);
  if (entry->second.control == Control::BlockBarrier && instruction.operands.size() != 1)
    throw Error("PTX line " + std::to_string(instruction.line) + ": the emulator has barriers of whole blocks only: " + instruction.text);
  instruction.execute = entry->second.execute;
  instruction.control = entry->second.control;
}

} // namespace cce::emulator
