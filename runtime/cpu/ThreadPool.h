//===- ThreadPool.h - tasks over all cores ----------------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_CPU_THREADPOOL_H
#define CCE_RUNTIME_CPU_THREADPOOL_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace cce::rt {

/// Persistent threads that take numbered tasks from one counter. Results do not depend on who takes
/// which task as long as each task writes memory of its own.
class ThreadPool {
public:
  /// `threads` workers including the caller of run(); at least 1. If the system gives fewer
  /// threads, there are fewer workers.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  int workers() const { return int(threads.size()) + 1; }

  /// Calls function(context, task, worker) for every task in [0, tasks), worker in [0, workers()),
  /// and returns when all are done. Calls from several threads wait for each other.
  using Function = void (*)(void *context, int64_t task, int worker);
  void run(int64_t tasks, Function function, void *context);

  template <typename Callable> void run(int64_t tasks, Callable &&callable) {
    run(
        tasks,
        [](void *context, int64_t task, int worker) {
          (*static_cast<std::remove_reference_t<Callable> *>(context))(task, worker);
        },
        &callable);
  }

private:
  void work(int worker);
  void takeTasks(int worker);

  std::vector<std::thread> threads;

  /// Held for the whole of run(): one job at a time.
  std::mutex jobMutex;

  std::mutex mutex; // guards generation, busy and stopping
  std::condition_variable wake;
  std::condition_variable done;
  uint64_t generation = 0;
  int busy = 0;
  bool stopping = false;

  Function function = nullptr;
  void *context = nullptr;
  int64_t tasks = 0;
  std::atomic<int64_t> next{0};
};

} // namespace cce::rt

#endif // CCE_RUNTIME_CPU_THREADPOOL_H
