//===- MeetingPlaces.cpp - where lanes meet again behind a branch ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "test/emulator/Ptx.h"

#include <set>

namespace cce::emulator {

namespace {

/// Basic blocks, and a last one that stands for the end.
struct Graph {
  explicit Graph(const std::vector<Instruction> &code);

  std::vector<uint32_t> begins; ///< of blocks; of the last one, the number of instructions
  std::vector<std::vector<size_t>> followers;
};

Graph::Graph(const std::vector<Instruction> &code) {
  std::set<uint32_t> starts = {0, uint32_t(code.size())};
  for (uint32_t i = 0; i < code.size(); ++i) {
    if (code[i].control == Control::Branch)
      starts.insert(uint32_t(code[i].operands[0].offset));
    if (code[i].control == Control::Branch || code[i].control == Control::Exit)
      starts.insert(i + 1);
  }
  begins.assign(starts.begin(), starts.end());
  std::map<uint32_t, size_t> blockAt;
  for (size_t block = 0; block < begins.size(); ++block)
    blockAt[begins[block]] = block;
  const size_t end = begins.size() - 1;
  followers.resize(begins.size());
  for (size_t block = 0; block < end; ++block) {
    const Instruction &last = code[begins[block + 1] - 1];
    const bool isAlways = last.guard < 0;
    if (last.control == Control::Branch)
      followers[block].push_back(blockAt[uint32_t(last.operands[0].offset)]);
    if (last.control == Control::Exit)
      followers[block].push_back(end);
    if (!isAlways || (last.control != Control::Branch && last.control != Control::Exit))
      followers[block].push_back(block + 1);
  }
}

} // namespace

/// Sets of postdominators, until none changes: there are a few hundred blocks.
void findMeetingPlaces(std::vector<Instruction> &code) {
  const Graph graph(code);
  const size_t blocks = graph.begins.size(), end = blocks - 1;
  std::vector<std::vector<bool>> behind(blocks, std::vector<bool>(blocks, true));
  behind[end].assign(blocks, false);
  behind[end][end] = true;
  for (bool changes = true; changes;) {
    changes = false;
    for (size_t block = end; block-- > 0;) {
      std::vector<bool> common(blocks, true);
      for (size_t follower : graph.followers[block])
        for (size_t i = 0; i < blocks; ++i)
          common[i] = common[i] && behind[follower][i];
      common[block] = true;
      if (common != behind[block]) {
        behind[block] = common;
        changes = true;
      }
    }
  }
  auto count = [&](size_t block) {
    size_t sum = 0;
    for (size_t i = 0; i < blocks; ++i)
      sum += behind[block][i];
    return sum;
  };
  for (size_t block = 0; block < end; ++block) {
    Instruction &last = code[graph.begins[block + 1] - 1];
    if (last.control != Control::Branch)
      continue;
    // The nearest one: it has all the others behind it.
    size_t nearest = end;
    for (size_t i = 0; i < end; ++i)
      if (i != block && behind[block][i] && count(i) > count(nearest))
        nearest = i;
    last.meetingPlace = graph.begins[nearest];
  }
}

} // namespace cce::emulator
