//===- Progress.cpp - how far the training is ------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/text_lm/Progress.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <sys/ioctl.h>
#include <unistd.h>

namespace text_lm {
namespace {

int terminalWidth() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

} // namespace

std::string formatBytes(int64_t bytes) {
  const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  int unit = 0;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
  return text;
}

Progress::Progress(int64_t lossLayerBytes)
    : memory(formatBytes(lossLayerBytes)), terminal(isatty(STDOUT_FILENO)) {}

Progress::~Progress() {
  if (barShown)
    std::printf("\n");
  std::fflush(stdout);
}

void Progress::show(const Values &values) {
  if (values.seconds < nextAt && values.fraction < 1)
    return;
  nextAt = values.seconds + (terminal ? 0.2 : 10);

  double left = values.fraction > 0 ? values.seconds * (1 / values.fraction - 1) : 0;
  int seconds = static_cast<int>(std::min(left, 359999.0));
  char text[200];
  std::snprintf(text, sizeof(text),
                "%3.0f%%  step %lld  loss %.3f  %.0f tokens/s  loss layer %s  %d:%02d left",
                100 * values.fraction, static_cast<long long>(values.step), values.loss,
                values.tokensPerSecond, memory.c_str(), seconds / 60, seconds % 60);
  if (!terminal) {
    std::printf("%s\n", text);
  } else {
    // A line that wraps can not be drawn over: the bar takes the room that is left.
    int room = terminalWidth() - 1;
    int cells = std::min(room - static_cast<int>(std::strlen(text)) - 3, 40);
    std::string bar;
    if (cells >= 5) {
      int full = std::clamp(static_cast<int>(cells * values.fraction), 0, cells);
      bar = "[" + std::string(full, '=') + std::string(cells - full, ' ') + "] ";
    }
    // ESC [ K clears what a longer line before left behind.
    std::printf("\r%.*s\033[K", room, (bar + text).c_str());
    barShown = true;
  }
  std::fflush(stdout);
}

void Progress::note(const std::string &text) {
  if (barShown)
    std::printf("\r\033[K");
  barShown = false;
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

} // namespace text_lm
