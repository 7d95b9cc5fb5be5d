//===- cce.hpp - linear cross-entropy without logits, for C++ ---*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A thin layer over cce.h, which has the documentation: handles that free themselves, structs that
// initialise themselves, and errors as exceptions. Header-only, C++17; the library itself throws
// nothing. Programs without exceptions use cce.h.
//
//     cce::Context context;                        // a GPU if there is one, else the CPU
//     cce::Problem problem(tokens, hidden, vocab);
//     problem.softcap = 30;
//     cce::Plan plan(context, problem);
//     cce::Memory workspace(context, plan.workspace());
//     cce::ForwardArgs forward;
//     forward.e = e; ...
//     plan.forward(forward, stream);               // throws cce::Error
//
//===----------------------------------------------------------------------===//
#ifndef CCE_CCE_HPP
#define CCE_CCE_HPP

#include "cce/cce.h"

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

namespace cce {

/// A call that failed; what() is the text of cce_last_error.
class Error : public std::runtime_error {
public:
  Error(cce_status status, const std::string &message)
      : std::runtime_error(message), statusValue(status) {}
  cce_status status() const noexcept { return statusValue; }

private:
  cce_status statusValue;
};

/// Throws if a function of cce.h failed.
inline void check(cce_status status) {
  if (status != CCE_OK)
    throw Error(status, cce_last_error());
}

struct ContextDesc : cce_context_desc {
  ContextDesc() { cce_context_desc_init(this); }
};

struct Problem : cce_problem {
  Problem() { cce_problem_init(this); }
  Problem(int64_t tokenCount, int64_t hiddenSize, int64_t vocabSize) : Problem() {
    tokens = tokenCount;
    hidden = hiddenSize;
    vocab = vocabSize;
  }
};

struct ForwardArgs : cce_forward_args {
  ForwardArgs() { cce_forward_args_init(this); }
};

struct BackwardArgs : cce_backward_args {
  BackwardArgs() { cce_backward_args_init(this); }
};

struct GradientsArgs : cce_gradients_args {
  GradientsArgs() { cce_gradients_args_init(this); }
};

/// Copies refer to the same context, which lives as long as any of them, or any plan or memory.
class Context {
public:
  explicit Context(const cce_context_desc &desc = ContextDesc()) {
    cce_context *context = nullptr;
    check(cce_context_create(&desc, &context));
    handle.reset(context, cce_context_destroy);
  }

  cce_device device() const { return cce_context_device(get()); }
  std::string description() const { return cce_context_description(get()); }
  void synchronize(void *stream = nullptr) const { check(cce_stream_synchronize(get(), stream)); }
  cce_context *get() const { return handle.get(); }

private:
  std::shared_ptr<cce_context> handle;
};

/// A block of device memory.
class Memory {
public:
  Memory() = default;
  Memory(Context owner, size_t size) : context(std::make_unique<Context>(std::move(owner))) {
    check(cce_memory_alloc(context->get(), size, &pointer));
    bytes = size;
  }
  Memory(Memory &&other) noexcept { swap(other); }
  Memory &operator=(Memory &&other) noexcept {
    swap(other);
    return *this;
  }
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;
  ~Memory() {
    if (context)
      cce_memory_free(context->get(), pointer);
  }

  void *data() const { return pointer; }
  template <typename T> T *as() const { return static_cast<T *>(pointer); }
  size_t size() const { return bytes; }

  void copyFrom(const void *host, size_t size, void *stream = nullptr) {
    check(cce_memory_copy(context ? context->get() : nullptr, pointer, host, size,
                          CCE_HOST_TO_DEVICE, stream));
  }
  void copyTo(void *host, size_t size, void *stream = nullptr) const {
    check(cce_memory_copy(context ? context->get() : nullptr, host, pointer, size,
                          CCE_DEVICE_TO_HOST, stream));
  }

private:
  void swap(Memory &other) noexcept {
    std::swap(context, other.context);
    std::swap(pointer, other.pointer);
    std::swap(bytes, other.bytes);
  }

  std::unique_ptr<Context> context;
  void *pointer = nullptr;
  size_t bytes = 0;
};

class Plan {
public:
  Plan(Context owner, const cce_problem &problem) : context(std::move(owner)) {
    cce_plan *plan = nullptr;
    check(cce_plan_create(context.get(), &problem, &plan));
    handle.reset(plan);
  }

  size_t forwardWorkspace() const { return cce_plan_forward_workspace(get()); }
  size_t backwardWorkspace() const { return cce_plan_backward_workspace(get()); }
  /// Enough for both directions.
  size_t workspace() const {
    return forwardWorkspace() > backwardWorkspace() ? forwardWorkspace() : backwardWorkspace();
  }
  size_t gradientsWorkspace() const { return cce_plan_gradients_workspace(get()); }
  /// How many classes lossAndGradients() need not compute twice because their logits stay in dC.
  int64_t classesSavedInDc() const { return cce_plan_classes_saved_in_dc(get()); }
  /// Of the memory for filter_state; 0: none is needed.
  size_t filterState() const { return cce_plan_filter_state(get()); }
  /// Of the memory for saved_logits; 0: none is needed.
  size_t savedLogits() const { return cce_plan_saved_logits(get()); }
  /// Enough for a backward that gets them.
  size_t savedBackwardWorkspace() const { return cce_plan_saved_backward_workspace(get()); }
  std::string describe() const { return cce_plan_describe(get()); }

  void forward(const cce_forward_args &args, void *stream = nullptr) const {
    check(cce_forward(get(), &args, stream));
  }
  void backward(const cce_backward_args &args, void *stream = nullptr) const {
    check(cce_backward(get(), &args, stream));
  }
  void lossAndGradients(const cce_gradients_args &args, void *stream = nullptr) const {
    check(cce_loss_and_gradients(get(), &args, stream));
  }

  /// `progress` may stop by returning false. It must not throw: it is called from C.
  using Progress = std::function<bool(int done, int total, const char *what)>;
  void tune(const Progress &progress = {}) {
    auto callback = [](int done, int total, const char *what, void *user) {
      return (*static_cast<const Progress *>(user))(done, total, what) ? 0 : 1;
    };
    check(progress ? cce_plan_tune(get(), callback, const_cast<Progress *>(&progress))
                   : cce_plan_tune(get(), nullptr, nullptr));
  }

  cce_plan *get() const { return handle.get(); }

private:
  struct Destroy {
    void operator()(cce_plan *plan) const { cce_plan_destroy(plan); }
  };

  Context context; // first, because it has to outlive the handle
  std::unique_ptr<cce_plan, Destroy> handle;
};

} // namespace cce

#endif // CCE_CCE_HPP
