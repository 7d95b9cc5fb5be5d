//===- Threads.cpp - a pool that sleeps between loops -------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/text_lm/Threads.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace text_lm {
namespace {

/// The workers sleep rather than spin while they have nothing to do: most of the time the
/// loss layer runs on its own threads, and a spinning pool would take half the machine.
class Pool {
public:
  explicit Pool(int count) {
    for (int worker = 1; worker < count; ++worker)
      threads.emplace_back([this, worker] { serve(worker); });
  }

  ~Pool() {
    {
      std::lock_guard lock(mutex);
      stopping = true;
    }
    wake.notify_all();
    for (std::thread &thread : threads)
      thread.join();
  }

  int size() const { return static_cast<int>(threads.size()) + 1; }

  void run(int64_t n, const std::function<void(int64_t, int64_t)> &f) {
    {
      std::lock_guard lock(mutex);
      body = &f;
      count = n;
      pending = size() - 1;
      ++round;
    }
    wake.notify_all();
    runPart(0);
    std::unique_lock lock(mutex);
    done.wait(lock, [this] { return pending == 0; });
  }

private:
  void runPart(int part) {
    int64_t begin = count * part / size(), end = count * (part + 1) / size();
    if (begin < end)
      (*body)(begin, end);
  }

  void serve(int worker) {
    uint64_t seen = 0;
    for (;;) {
      {
        std::unique_lock lock(mutex);
        wake.wait(lock, [&] { return stopping || round != seen; });
        if (stopping)
          return;
        seen = round;
      }
      runPart(worker);
      std::lock_guard lock(mutex);
      if (--pending == 0)
        done.notify_one();
    }
  }

  std::vector<std::thread> threads;
  std::mutex mutex;
  std::condition_variable wake, done;
  const std::function<void(int64_t, int64_t)> *body = nullptr;
  int64_t count = 0;
  int pending = 0;
  uint64_t round = 0;
  bool stopping = false;
};

Pool &pool() {
  // Beyond 16 threads the small loops of this program only get slower.
  static Pool instance(std::clamp<int>(std::thread::hardware_concurrency(), 1, 16));
  return instance;
}

} // namespace

void parallelFor(int64_t count, const std::function<void(int64_t, int64_t)> &body) {
  pool().run(count, body);
}

int threadCount() { return pool().size(); }

} // namespace text_lm
