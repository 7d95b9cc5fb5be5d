//===- Ptx.h - a PTX module as instructions ---------------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// The subset of PTX that the compiler writes: kernels without calls and without local memory.
//===----------------------------------------------------------------------===//
#ifndef CCE_TEST_EMULATOR_PTX_H
#define CCE_TEST_EMULATOR_PTX_H

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace cce::emulator {

constexpr int warpSize = 32;
/// A register of all lanes of a warp, whatever its type: smaller ones lie in the low bits.
using Lanes = std::array<uint64_t, warpSize>;

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Operand {
  enum Kind : uint8_t { None, Register, Constant, Special, Label, Symbol, Address, List } kind = None;
  /// Of the register, the constant, the special register or the symbol; of an address, of its base.
  uint32_t index = 0;
  bool hasSymbol = false;     ///< the base of an address is a symbol
  int64_t offset = 0;         ///< behind the base; of a label, the instruction
  std::vector<Operand> parts = {}; ///< of a list; behind an address, of a box's coordinates
};

enum class SpecialRegister : uint32_t { ThreadX, BlockX, GridX, ClusterRank, Lane };

struct Symbol {
  enum Space { Parameter, Shared, Global } space;
  std::string name;
  uint64_t place = 0; ///< number of the parameter, offset in shared memory, or address
  uint64_t bytes = 0;
};

struct Warp;
struct Instruction;
using Handler = void (*)(Warp &, const Instruction &, uint32_t lanes);

/// What an instruction does to the order of instructions.
enum class Control : uint8_t {
  Plain,
  Branch,
  Exit,
  Collective,     ///< needs all lanes of the warp that have not left
  TryWait,        ///< of a barrier: may have to be tried again
  BlockBarrier,   ///< waits for all threads of the block
  ClusterArrive,
  ClusterWait,
  ProductCommit,
  ProductWait, ///< for products of the tensor cores, which the four warps of a warpgroup begin together
};

struct Instruction {
  std::string opcode, text;
  int line = 0;
  int guard = -1; ///< a predicate register, or none
  bool guardNegated = false;
  std::vector<Operand> operands;
  Handler execute = nullptr;
  Control control = Control::Plain;
  /// Of loads and stores, and of atomics.
  Symbol::Space space = Symbol::Global;
  int elementBytes = 0;
  bool isSigned = false; ///< what is loaded, into a register that may be wider
  /// Of a branch: where lanes that go different ways meet again, or the number of instructions if nowhere.
  uint32_t meetingPlace = 0;
};

struct Function {
  std::string name;
  std::vector<Instruction> code;
  uint32_t registers = 0;
  std::vector<Lanes> constants;
  std::vector<uint64_t> parameterBytes;
  int threads = 1024; ///< .reqntid
  int cluster = 1;    ///< .reqnctapercluster
};

struct Module {
  std::vector<Symbol> symbols;
  std::map<std::string, std::unique_ptr<Function>> functions;
  uint64_t staticShared = 0;
  /// Memory of the module's global variables, zero at first.
  std::vector<std::unique_ptr<uint64_t[]>> globals;
};

/// Throws Error with the line for what it does not know.
std::unique_ptr<Module> parsePtx(const std::string &text);

/// Finds where the lanes meet again behind each branch: its immediate postdominator, as the assembler has it.
void findMeetingPlaces(std::vector<Instruction> &code);

/// Finds what executes the instruction; throws Error if nothing does.
void decode(Instruction &instruction);

} // namespace cce::emulator

#endif // CCE_TEST_EMULATOR_PTX_H
