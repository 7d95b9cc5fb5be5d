//===- ThreadPool.cpp - tasks over all cores ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/cpu/ThreadPool.h"

#include <system_error>

namespace cce::rt {

ThreadPool::ThreadPool(int count) {
  threads.reserve(count > 1 ? count - 1 : 0);
  for (int i = 1; i < count; ++i) {
    try {
      threads.emplace_back([this, i] { work(i); });
    } catch (const std::system_error &) {
      // The process is at its limit of threads. Fewer workers give the same results, later.
      break;
    }
  }
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex);
    stopping = true;
  }
  wake.notify_all();
  for (std::thread &thread : threads)
    thread.join();
}

void ThreadPool::takeTasks(int worker) {
  for (int64_t task; (task = next.fetch_add(1, std::memory_order_relaxed)) < tasks;)
    function(context, task, worker);
}

void ThreadPool::work(int worker) {
  uint64_t seen = 0;
  std::unique_lock lock(mutex);
  while (true) {
    wake.wait(lock, [&] { return stopping || generation != seen; });
    if (stopping)
      return;
    seen = generation;
    lock.unlock();
    takeTasks(worker);
    lock.lock();
    if (--busy == 0)
      done.notify_one();
  }
}

void ThreadPool::run(int64_t taskCount, Function taskFunction, void *taskContext) {
  if (taskCount <= 0)
    return;
  std::lock_guard job(jobMutex);
  if (taskCount == 1 || threads.empty()) {
    for (int64_t task = 0; task < taskCount; ++task)
      taskFunction(taskContext, task, 0);
    return;
  }
  {
    std::lock_guard lock(mutex);
    function = taskFunction;
    context = taskContext;
    tasks = taskCount;
    next = 0;
    busy = int(threads.size());
    ++generation;
  }
  wake.notify_all();
  takeTasks(0);
  // Every worker has to report, even one that found no task left: the next job may not start
  // while an old worker could still look at the counter.
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return busy == 0; });
}

} // namespace cce::rt
