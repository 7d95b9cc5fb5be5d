//===- Progress.h - how far the training is --------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#pragma once

#include <cstdint>
#include <string>

namespace text_lm {

/// "12.3 MiB" and so on.
std::string formatBytes(int64_t bytes);

/// A bar that redraws itself on a terminal, and one line every ten seconds elsewhere.
class Progress {
public:
  explicit Progress(int64_t lossLayerBytes);
  ~Progress();
  Progress(const Progress &) = delete;

  struct Values {
    double fraction = 0; ///< done, in [0, 1]
    int64_t step = 0;
    double seconds = 0, loss = 0, tokensPerSecond = 0;
  };
  void show(const Values &values);

  /// Prints a line of its own, above the bar.
  void note(const std::string &text);

private:
  std::string memory;
  bool terminal;
  bool barShown = false;
  double nextAt = 0; ///< seconds from which on the next drawing is due
};

} // namespace text_lm
