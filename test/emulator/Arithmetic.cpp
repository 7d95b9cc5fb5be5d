//===- Arithmetic.cpp - instructions of single lanes ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "test/emulator/Instructions.h"
#include "test/emulator/Machine.h"
#include "test/emulator/Numbers.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace cce::emulator {

namespace {

template <typename R, typename... A, size_t... I>
void forEachLane(R (*function)(A...), Warp &warp, const Instruction &instruction, uint32_t lanes,
                 std::index_sequence<I...>) {
  std::array<Lanes, sizeof...(A)> scratch;
  const Lanes *sources[] = {&warp.source(instruction.operands[I + 1], scratch[I])...};
  Lanes &target = warp.target(instruction.operands[0]);
  for (int lane = 0; lane < warpSize; ++lane)
    if (lanes >> lane & 1)
      target[lane] = bitsOf<R>(function(valueOf<A>((*sources[I])[lane])...));
}

template <typename R, typename... A>
void applyTo(R (*function)(A...), Warp &warp, const Instruction &instruction, uint32_t lanes) {
  forEachLane(function, warp, instruction, lanes, std::index_sequence_for<A...>());
}

/// The function of each lane's sources.
template <auto function> void lanewise(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  applyTo(+function, warp, instruction, lanes);
}

template <typename T> void addIntegers(InstructionTable &table, const std::string &type) {
  using U = std::make_unsigned_t<T>;
  table["add." + type] = {lanewise<[](U a, U b) -> U { return U(a + b); }>};
  table["sub." + type] = {lanewise<[](U a, U b) -> U { return a - b; }>};
  table["mul.lo." + type] = {lanewise<[](U a, U b) -> U { return U(uint64_t(a) * b); }>};
  table["mad.lo." + type] = {lanewise<[](U a, U b, U c) -> U { return U(uint64_t(a) * b + c); }>};
  table["div." + type] = {lanewise<[](T a, T b) -> T { return a / b; }>};
  table["rem." + type] = {lanewise<[](T a, T b) -> T { return a % b; }>};
  table["min." + type] = {lanewise<[](T a, T b) -> T { return std::min(a, b); }>};
  table["max." + type] = {lanewise<[](T a, T b) -> T { return std::max(a, b); }>};
  // All bits are gone where the distance is that of the type, or more.
  table["shr." + type] = {lanewise<[](T a, uint32_t b) -> T { return T(a >> std::min<uint32_t>(b, 8 * sizeof(T) - 1) >> (b >= 8 * sizeof(T))); }>};
}

template <typename U> void addBits(InstructionTable &table, const std::string &type) {
  table["and." + type] = {lanewise<[](U a, U b) -> U { return a & b; }>};
  table["or." + type] = {lanewise<[](U a, U b) -> U { return a | b; }>};
  table["xor." + type] = {lanewise<[](U a, U b) -> U { return a ^ b; }>};
  table["not." + type] = {lanewise<[](U a) -> U { return ~a; }>};
  table["shl." + type] = {lanewise<[](U a, uint32_t b) -> U { return b < 8 * sizeof(U) ? U(a << b) : U(0); }>};
}

template <typename T> void addComparisons(InstructionTable &table, const std::string &type) {
  table["setp.eq." + type] = {lanewise<[](T a, T b) { return a == b; }>};
  // Of floating point: neither ordered otherwise nor NaN.
  table["setp.ne." + type] = {lanewise<[](T a, T b) { return a < b || a > b; }>};
  table["setp.lt." + type] = {lanewise<[](T a, T b) { return a < b; }>};
  table["setp.le." + type] = {lanewise<[](T a, T b) { return a <= b; }>};
  table["setp.gt." + type] = {lanewise<[](T a, T b) { return a > b; }>};
  table["setp.ge." + type] = {lanewise<[](T a, T b) { return a >= b; }>};
  table["setp.gt.and." + type] = {lanewise<[](T a, T b, bool c) { return a > b && c; }>};
  if constexpr (std::is_floating_point_v<T>) {
    table["setp.equ." + type] = {lanewise<[](T a, T b) { return !(a < b || a > b); }>};
    table["setp.neu." + type] = {lanewise<[](T a, T b) { return !(a == b); }>};
    table["setp.ltu." + type] = {lanewise<[](T a, T b) { return !(a >= b); }>};
    table["setp.leu." + type] = {lanewise<[](T a, T b) { return !(a > b); }>};
    table["setp.gtu." + type] = {lanewise<[](T a, T b) { return !(a <= b); }>};
    table["setp.geu." + type] = {lanewise<[](T a, T b) { return !(a < b); }>};
  }
}

template <typename T> void addReals(InstructionTable &table, const std::string &type) {
  for (const char *rounding : {"", "rn."}) {
    table[std::string("add.") + rounding + type] = {lanewise<[](T a, T b) -> T { return a + b; }>};
    table[std::string("sub.") + rounding + type] = {lanewise<[](T a, T b) -> T { return a - b; }>};
    table[std::string("mul.") + rounding + type] = {lanewise<[](T a, T b) -> T { return a * b; }>};
  }
  table["fma.rn." + type] = {lanewise<[](T a, T b, T c) -> T { return std::fma(a, b, c); }>};
  table["div.rn." + type] = {lanewise<[](T a, T b) -> T { return a / b; }>};
  table["sqrt.rn." + type] = {lanewise<[](T a) -> T { return std::sqrt(a); }>};
  table["rcp.rn." + type] = {lanewise<[](T a) -> T { return 1 / a; }>};
  table["abs." + type] = {lanewise<[](T a) -> T { return std::fabs(a); }>};
  table["neg." + type] = {lanewise<[](T a) -> T { return -a; }>};
  table["min." + type] = {lanewise<[](T a, T b) -> T { return std::fmin(a, b); }>};
  table["max." + type] = {lanewise<[](T a, T b) -> T { return std::fmax(a, b); }>};
  table["max.NaN." + type] = {lanewise<[](T a, T b) -> T { return std::isnan(a) || std::isnan(b) ? T(NAN) : std::fmax(a, b); }>};
  // The sign of the first, the rest of the second.
  table["copysign." + type] = {lanewise<[](T a, T b) -> T { return std::copysign(b, a); }>};
}

/// Reads all parts before it writes any.
void moveParts(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  const Operand &to = instruction.operands[0], &from = instruction.operands[1];
  const Operand &list = from.kind == Operand::List ? from : to;
  const auto parts = int(list.parts.size()), bits = 8 * instruction.elementBytes / parts;
  const uint64_t mask = (uint64_t(1) << bits) - 1;
  Lanes all = {}, scratch;
  if (from.kind == Operand::List) {
    for (int part = 0; part < parts; ++part) {
      const Lanes &source = warp.source(from.parts[size_t(part)], scratch);
      for (int lane = 0; lane < warpSize; ++lane)
        all[lane] |= (source[lane] & mask) << (part * bits);
    }
  } else {
    all = warp.source(from, scratch);
  }
  for (int part = 0; part < (to.kind == Operand::List ? parts : 1); ++part) {
    const Operand &each = to.kind == Operand::List ? to.parts[size_t(part)] : to;
    if (each.kind == Operand::None)
      continue;
    Lanes &target = warp.target(each);
    for (int lane = 0; lane < warpSize; ++lane)
      if (lanes >> lane & 1)
        target[lane] = to.kind == Operand::List ? all[lane] >> (part * bits) & mask : all[lane];
  }
}

template <typename T> void addMove(InstructionTable &table, const std::string &type) {
  table["mov." + type] = {lanewise<[](T a) -> T { return a; }>};
  table["selp." + type] = {lanewise<[](T a, T b, bool c) -> T { return c ? a : b; }>};
}

uint32_t pickBytes(uint32_t a, uint32_t b, uint32_t selector) {
  const uint64_t all = uint64_t(b) << 32 | a;
  uint32_t result = 0;
  for (int i = 0; i < 4; ++i) {
    const uint32_t which = selector >> (4 * i) & 15;
    uint32_t byte = uint32_t(all >> (8 * (which & 7))) & 255;
    if (which & 8) // its sign instead
      byte = byte & 128 ? 255 : 0;
    result |= byte << (8 * i);
  }
  return result;
}

void addConversions(InstructionTable &table) {
  table["cvt.u64.u32"] = {lanewise<[](uint32_t a) -> uint64_t { return a; }>};
  table["cvt.s64.s32"] = {lanewise<[](int32_t a) -> int64_t { return a; }>};
  table["cvt.u32.u64"] = {lanewise<[](uint64_t a) -> uint32_t { return uint32_t(a); }>};
  table["cvt.u32.u16"] = {lanewise<[](uint16_t a) -> uint32_t { return a; }>};
  table["cvt.u16.u32"] = {lanewise<[](uint32_t a) -> uint16_t { return uint16_t(a); }>};
  table["cvt.f32.bf16"] = {lanewise<[](uint16_t a) -> float { return fromBf16(a); }>};
  table["cvt.f32.f16"] = {lanewise<[](uint16_t a) -> float { return fromF16(a); }>};
  table["cvt.rn.bf16.f32"] = {lanewise<[](float a) -> uint16_t { return toBf16(a); }>};
  table["cvt.rn.f16.f32"] = {lanewise<[](float a) -> uint16_t { return toF16(a); }>};
  table["cvt.rn.bf16x2.f32"] = {lanewise<[](float high, float low) -> uint32_t { return uint32_t(toBf16(high)) << 16 | toBf16(low); }>};
  table["cvt.rn.f16x2.f32"] = {lanewise<[](float high, float low) -> uint32_t { return uint32_t(toF16(high)) << 16 | toF16(low); }>};
  table["cvt.rn.f32.s32"] = {lanewise<[](int32_t a) -> float { return float(a); }>};
  table["cvt.rn.f32.u32"] = {lanewise<[](uint32_t a) -> float { return float(a); }>};
  table["cvt.rn.f32.s64"] = {lanewise<[](int64_t a) -> float { return float(a); }>};
  table["cvt.rn.f64.s32"] = {lanewise<[](int32_t a) -> double { return a; }>};
  table["cvt.rn.f64.s64"] = {lanewise<[](int64_t a) -> double { return double(a); }>};
  table["cvt.f64.f32"] = {lanewise<[](float a) -> double { return a; }>};
  table["cvt.rn.f32.f64"] = {lanewise<[](double a) -> float { return float(a); }>};
}

} // namespace

void addArithmetic(InstructionTable &table) {
  addIntegers<int16_t>(table, "s16");
  addIntegers<uint16_t>(table, "u16");
  addIntegers<int32_t>(table, "s32");
  addIntegers<uint32_t>(table, "u32");
  addIntegers<int64_t>(table, "s64");
  addIntegers<uint64_t>(table, "u64");
  addBits<uint16_t>(table, "b16");
  addBits<uint32_t>(table, "b32");
  addBits<uint64_t>(table, "b64");
  addComparisons<int16_t>(table, "s16");
  addComparisons<uint16_t>(table, "u16");
  addComparisons<uint16_t>(table, "b16");
  addComparisons<int32_t>(table, "s32");
  addComparisons<uint32_t>(table, "u32");
  addComparisons<uint32_t>(table, "b32");
  addComparisons<int64_t>(table, "s64");
  addComparisons<uint64_t>(table, "u64");
  addComparisons<uint64_t>(table, "b64");
  addComparisons<float>(table, "f32");
  addComparisons<double>(table, "f64");
  table["setp.neu.bf16"] = {lanewise<[](uint16_t a, uint16_t b) { return !(fromBf16(a) == fromBf16(b)); }>};
  table["setp.neu.f16"] = {lanewise<[](uint16_t a, uint16_t b) { return !(fromF16(a) == fromF16(b)); }>};
  addReals<float>(table, "f32");
  addReals<double>(table, "f64");
  for (const char *type : {"b32", "u32", "s32", "f32"})
    addMove<uint32_t>(table, type);
  for (const char *type : {"b64", "u64", "f64"})
    addMove<uint64_t>(table, type);
  addMove<uint16_t>(table, "b16");
  addMove<bool>(table, "pred");
  table["and.pred"] = {lanewise<[](bool a, bool b) { return a && b; }>};
  table["or.pred"] = {lanewise<[](bool a, bool b) { return a || b; }>};
  table["xor.pred"] = {lanewise<[](bool a, bool b) { return a != b; }>};
  table["not.pred"] = {lanewise<[](bool a) { return !a; }>};
  table["mul.hi.u32"] = {lanewise<[](uint32_t a, uint32_t b) -> uint32_t { return uint32_t(uint64_t(a) * b >> 32); }>};
  table["mul.hi.s32"] = {lanewise<[](int32_t a, int32_t b) -> int32_t { return int32_t(int64_t(a) * b >> 32); }>};
  table["mul.wide.s32"] = {lanewise<[](int32_t a, int32_t b) -> int64_t { return int64_t(a) * b; }>};
  table["mul.wide.u32"] = {lanewise<[](uint32_t a, uint32_t b) -> uint64_t { return uint64_t(a) * b; }>};
  table["mul.rn.ftz.f32"] = {lanewise<[](float a, float b) -> float { return flushed(flushed(a) * flushed(b)); }>};
  table["popc.b32"] = {lanewise<[](uint32_t a) -> uint32_t { return uint32_t(std::popcount(a)); }>};
  table["bfe.u32"] = {lanewise<[](uint32_t a, uint32_t start, uint32_t bits) -> uint32_t { return uint32_t(uint64_t(a) >> (start & 63) & ((uint64_t(1) << (bits & 63)) - 1)); }>};
  table["prmt.b32"] = {lanewise<[](uint32_t a, uint32_t b, uint32_t selector) { return pickBytes(a, b, selector); }>};
  table["ex2.approx.ftz.f32"] = {lanewise<[](float a) -> float { return flushed(std::exp2(flushed(a))); }>};
  table["lg2.approx.ftz.f32"] = {lanewise<[](float a) -> float { return flushed(std::log2(flushed(a))); }>};
  table["rcp.approx.ftz.f32"] = {lanewise<[](float a) -> float { return flushed(1 / flushed(a)); }>};
  addConversions(table);
  // Shared and cluster addresses, and generic ones, are the same numbers here.
  for (const char *name : {"cvta.param.u64", "cvta.shared.u64", "cvta.to.shared::cluster.u64", "cvta.to.global.u64",
                           "cvta.to.shared.u64", "cvta.global.u64"})
    table[name] = {lanewise<[](uint64_t a) -> uint64_t { return a; }>};
}

Handler partsMover() { return moveParts; }

} // namespace cce::emulator
