//===- PtxParser.cpp - a PTX module as instructions -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "test/emulator/Ptx.h"

#include <bit>
#include <cctype>
#include <cstring>

namespace cce::emulator {

namespace {

const std::map<std::string, SpecialRegister> specials = {{"%tid.x", SpecialRegister::ThreadX},
                                                         {"%ctaid.x", SpecialRegister::BlockX},
                                                         {"%nctaid.x", SpecialRegister::GridX},
                                                         {"%cluster_ctarank", SpecialRegister::ClusterRank},
                                                         {"%laneid", SpecialRegister::Lane}};

bool isWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) || (c && strchr("_$%.:", c)); }

class Parser {
public:
  explicit Parser(const std::string &text) : text(text) {}

  std::unique_ptr<Module> parse() {
    module = std::make_unique<Module>();
    while (skipSpace()) {
      const std::string word = readWord();
      if (word == ".version" || word == ".target" || word == ".address_size")
        skipLine();
      else if (word == ".visible" || word == ".extern")
        continue;
      else if (word == ".shared" || word == ".global")
        parseVariable(word == ".shared" ? Symbol::Shared : Symbol::Global);
      else if (word == ".entry")
        parseFunction();
      else
        fail("expected a directive, got '" + word + "'");
    }
    return std::move(module);
  }

private:
  [[noreturn]] void fail(const std::string &what) const {
    throw Error("PTX line " + std::to_string(line) + ": " + what);
  }

  char peek() const { return at < text.size() ? text[at] : '\0'; }
  char take() {
    const char c = peek();
    if (c == '\n')
      ++line;
    ++at;
    return c;
  }
  void skipLine() {
    while (at < text.size() && peek() != '\n')
      ++at;
  }
  bool skipSpace() {
    while (at < text.size()) {
      if (text.compare(at, 2, "//") == 0)
        skipLine();
      else if (std::isspace(static_cast<unsigned char>(peek())))
        take();
      else
        return true;
    }
    return false;
  }
  bool takeIf(char c) {
    skipSpace();
    if (peek() != c)
      return false;
    take();
    return true;
  }
  void expect(char c) {
    if (!takeIf(c))
      fail(std::string("expected '") + c + "', got '" + peek() + "'");
  }
  std::string readWord() {
    skipSpace();
    std::string word;
    while (isWord(peek()))
      word += take();
    if (word.empty())
      fail(std::string("expected a word, got '") + peek() + "'");
    return word;
  }
  uint64_t readNumber() { return std::stoull(readWord(), nullptr, 0); }

  /// `.align 16 .b8 name[64];`
  void parseVariable(Symbol::Space space) {
    uint64_t alignment = 1;
    std::string word = readWord();
    if (word == ".align") {
      alignment = readNumber();
      word = readWord();
    }
    if (word != ".b8")
      fail("expected bytes, got " + word);
    Symbol symbol{space, readWord()};
    if (takeIf('[')) {
      symbol.bytes = takeIf(']') ? 0 : readNumber();
      if (symbol.bytes)
        expect(']');
    }
    expect(';');
    if (space == Symbol::Shared) {
      // Dynamic shared memory follows what is static, which comes first in the text or has none beside it.
      if (hasDynamicShared)
        fail("expected dynamic shared memory behind all that is static");
      hasDynamicShared = symbol.bytes == 0;
      symbol.place = (module->staticShared + alignment - 1) / alignment * alignment;
      module->staticShared = symbol.place + symbol.bytes;
    } else {
      module->globals.push_back(std::make_unique<uint64_t[]>((symbol.bytes + 7) / 8));
      symbol.place = reinterpret_cast<uint64_t>(module->globals.back().get());
    }
    names[symbol.name] = uint32_t(module->symbols.size());
    module->symbols.push_back(symbol);
  }

  void parseFunction() {
    auto owned = std::make_unique<Function>();
    function = owned.get();
    function->name = readWord();
    registers.assign(1, {});
    labels.clear();
    parseParameters();
    for (skipSpace(); peek() == '.'; skipSpace()) {
      const std::string directive = readWord();
      if (directive == ".reqntid")
        function->threads = int(readNumber());
      else if (directive == ".reqnctapercluster")
        function->cluster = int(readNumber());
      skipLine();
    }
    expect('{');
    while (!registers.empty())
      parseStatement();
    for (Instruction &instruction : function->code)
      for (Operand &operand : instruction.operands)
        if (operand.kind == Operand::Label)
          resolve(operand, instruction);
    findMeetingPlaces(function->code);
    module->functions[function->name] = std::move(owned);
  }

  void resolve(Operand &operand, const Instruction &instruction) {
    const std::string &name = labelNames[operand.index];
    auto label = labels.find(name);
    if (label == labels.end())
      throw Error("PTX line " + std::to_string(instruction.line) + ": no label or symbol '" + name + "'");
    operand.offset = int64_t(label->second);
  }

  void parseParameters() {
    expect('(');
    while (!takeIf(')')) {
      // Type and attributes, then the name.
      std::string word, type;
      while (word.empty() || word[0] == '.' || std::isdigit(static_cast<unsigned char>(word[0]))) {
        if (word == ".u64" || word == ".u32" || word == ".f32" || word == ".b8")
          type = word;
        word = readWord();
      }
      uint64_t bytes = type == ".u64" ? 8 : 4;
      if (takeIf('[')) {
        bytes = readNumber();
        expect(']');
      }
      names[word] = uint32_t(module->symbols.size());
      module->symbols.push_back({Symbol::Parameter, word, function->parameterBytes.size(), bytes});
      function->parameterBytes.push_back(bytes);
      takeIf(',');
    }
  }

  void parseStatement() {
    skipSpace();
    if (takeIf('{')) {
      registers.push_back({});
      return;
    }
    if (takeIf('}')) {
      registers.pop_back();
      return;
    }
    const size_t start = at;
    const int startLine = line;
    Instruction instruction;
    if (takeIf('@')) {
      instruction.guardNegated = takeIf('!');
      instruction.guard = int(registerOf(readWord()));
    }
    std::string word = readWord();
    if (word.back() == ':') {
      if (!labels.emplace(word.substr(0, word.size() - 1), function->code.size()).second)
        fail("a second label " + word);
      return;
    }
    if (word == ".reg")
      return parseRegisters();
    if (word == ".shared")
      return parseVariable(Symbol::Shared);
    if (word == ".pragma")
      return skipLine();
    instruction.opcode = word;
    while (!takeIf(';')) {
      instruction.operands.push_back(parseOperand());
      takeIf(',');
    }
    instruction.line = startLine;
    instruction.text = text.substr(start, std::min<size_t>(at - start, 160));
    decode(instruction);
    function->code.push_back(std::move(instruction));
  }

  /// `.pred %p<472>;` or `.s32 seen, left;`. Numbered ones get their places where they first occur.
  void parseRegisters() {
    readWord();
    do {
      const std::string name = readWord();
      if (takeIf('<')) {
        readNumber();
        expect('>');
      } else {
        registers.back()[name] = function->registers++;
      }
    } while (takeIf(','));
    expect(';');
  }

  uint32_t registerOf(const std::string &name) {
    for (auto scope = registers.rbegin(); scope != registers.rend(); ++scope)
      if (auto found = scope->find(name); found != scope->end())
        return found->second;
    return registers.front()[name] = function->registers++;
  }
  bool isLocal(const std::string &name) const {
    for (const auto &scope : registers)
      if (scope.count(name))
        return true;
    return false;
  }

  Operand constant(uint64_t bits) {
    Lanes lanes;
    lanes.fill(bits);
    function->constants.push_back(lanes);
    return {Operand::Constant, uint32_t(function->constants.size() - 1)};
  }

  Operand parseOperand() {
    skipSpace();
    if (takeIf('{')) {
      Operand list{Operand::List};
      while (!takeIf('}')) {
        list.parts.push_back(parseOperand());
        takeIf(',');
      }
      return list;
    }
    if (takeIf('[')) {
      Operand base = parseOperand();
      Operand address{Operand::Address, base.index, base.kind == Operand::Symbol, 0};
      if (base.kind != Operand::Symbol && base.kind != Operand::Register)
        fail("expected a register or a symbol as the base of an address");
      if (takeIf('+')) {
        const bool isNegative = takeIf('-');
        const auto distance = int64_t(std::stoll(readWord(), nullptr, 0));
        address.offset = isNegative ? -distance : distance;
      }
      if (takeIf(','))
        address.parts = parseOperand().parts;
      expect(']');
      return address;
    }
    if (peek() == '-' || std::isdigit(static_cast<unsigned char>(peek())))
      return parseNumber();
    const std::string word = readWord();
    if (word == "_")
      return {};
    if (auto special = specials.find(word); special != specials.end())
      return {Operand::Special, uint32_t(special->second)};
    if (word[0] == '%' || isLocal(word))
      return {Operand::Register, registerOf(word)};
    if (auto symbol = names.find(word); symbol != names.end())
      return {Operand::Symbol, symbol->second};
    labelNames.push_back(word);
    return {Operand::Label, uint32_t(labelNames.size() - 1)};
  }

  /// Also 0f3F800000 and 0d3FF0000000000000, bits in hexadecimal.
  Operand parseNumber() {
    const bool isNegative = takeIf('-');
    std::string word = readWord();
    if (word.starts_with("0f") || word.starts_with("0d"))
      return constant(std::stoull(word.substr(2), nullptr, 16));
    if (word.find('.') != std::string::npos)
      return constant(std::bit_cast<uint32_t>(std::stof(word)));
    const uint64_t number = std::stoull(word, nullptr, 0); // a U behind it is left
    return constant(isNegative ? 0 - number : number);
  }

  const std::string &text;
  size_t at = 0;
  int line = 1;
  std::unique_ptr<Module> module;
  Function *function = nullptr;
  std::map<std::string, uint32_t> names; ///< of symbols
  std::vector<std::map<std::string, uint32_t>> registers; ///< by scope
  std::map<std::string, size_t> labels;
  std::vector<std::string> labelNames;
  bool hasDynamicShared = false;
};

} // namespace

std::unique_ptr<Module> parsePtx(const std::string &text) { return Parser(text).parse(); }

} // namespace cce::emulator
