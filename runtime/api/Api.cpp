//===- Api.cpp - the functions of cce.h -----------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/api/Context.h"
#include "runtime/tuning/Tuner.h"

#include <cmath>
#include <new>

using namespace cce::rt;

namespace {

/// The message of cce_last_error. Kept when a later call succeeds.
std::string &lastError() {
  thread_local std::string message;
  return message;
}

cce_status fail(cce_status code, const char *message) noexcept {
  try {
    lastError() = message;
  } catch (...) { // no memory for the words; the code still tells
  }
  return code;
}

/// Runs a function that returns Status. Exceptions, which only the standard library throws, end
/// here: none may cross into C.
template <typename Function> cce_status guarded(Function &&function) noexcept {
  try {
    Status status = function();
    if (!status.ok())
      lastError() = status.message();
    return status.code();
  } catch (const std::bad_alloc &) {
    return fail(CCE_RESOURCE_EXHAUSTED, "the host has no memory left");
  } catch (const std::exception &exception) {
    return fail(CCE_INTERNAL, exception.what());
  } catch (...) {
    return fail(CCE_INTERNAL, "unknown exception");
  }
}

Status checkNotNull(const char *name, const void *pointer) {
  if (pointer)
    return {};
  return makeError(CCE_INVALID_ARGUMENT, name, ": expected a pointer, got NULL");
}

} // namespace

const char *cce_status_name(cce_status status) { return statusName(status); }

const char *cce_last_error(void) { return lastError().c_str(); }

const char *cce_version(void) { return "0.1.0"; }

void cce_context_desc_init(cce_context_desc *desc) {
  if (!desc)
    return;
  *desc = {};
  desc->struct_size = sizeof(*desc);
}

cce_status cce_context_create(const cce_context_desc *desc, cce_context **context) {
  return guarded([&]() -> Status {
    CCE_RETURN_IF_ERROR(checkNotNull("context", context));
    *context = nullptr;
    cce_context_desc defaults;
    cce_context_desc_init(&defaults);
    CCE_ASSIGN_OR_RETURN(std::unique_ptr<cce_context> created,
                         createContext(desc ? *desc : defaults, Environment::system()));
    *context = created.release();
    return {};
  });
}

void cce_context_destroy(cce_context *context) { delete context; }

cce_device cce_context_device(const cce_context *context) {
  return context ? context->backend->device() : CCE_DEVICE_AUTO;
}

const char *cce_context_description(const cce_context *context) {
  return context ? context->description.c_str() : "";
}

cce_status cce_memory_alloc(cce_context *context, size_t bytes, void **memory) {
  return guarded([&]() -> Status {
    CCE_RETURN_IF_ERROR(checkNotNull("context", context));
    CCE_RETURN_IF_ERROR(checkNotNull("memory", memory));
    CCE_ASSIGN_OR_RETURN(*memory, context->backend->allocate(bytes));
    return {};
  });
}

void cce_memory_free(cce_context *context, void *memory) {
  guarded([&]() -> Status {
    if (context && memory)
      context->backend->free(memory);
    return {};
  });
}

cce_status cce_memory_copy(cce_context *context, void *destination, const void *source,
                           size_t bytes, cce_copy_kind kind, void *stream) {
  return guarded([&]() -> Status {
    CCE_RETURN_IF_ERROR(checkNotNull("context", context));
    if (bytes > 0) {
      CCE_RETURN_IF_ERROR(checkNotNull("destination", destination));
      CCE_RETURN_IF_ERROR(checkNotNull("source", source));
    }
    if (kind == CCE_HOST_TO_DEVICE)
      return context->backend->copyToDevice(destination, source, bytes, stream);
    if (kind == CCE_DEVICE_TO_HOST)
      return context->backend->copyToHost(destination, source, bytes, stream);
    return makeError(CCE_INVALID_ARGUMENT,
                     "kind: expected host to device (0) or device to host (1), got ", int(kind));
  });
}

cce_status cce_stream_synchronize(cce_context *context, void *stream) {
  return guarded([&]() -> Status {
    CCE_RETURN_IF_ERROR(checkNotNull("context", context));
    return context->backend->synchronize(stream);
  });
}

void cce_problem_init(cce_problem *problem) {
  if (!problem)
    return;
  *problem = {};
  problem->struct_size = sizeof(*problem);
  problem->dtype = CCE_BF16;
  problem->label_dtype = CCE_I64;
  problem->reduction = CCE_REDUCTION_MEAN;
  problem->ignore_index = -100;
  problem->softcap = INFINITY;
}

cce_status cce_plan_create(cce_context *context, const cce_problem *problem, cce_plan **plan) {
  return guarded([&]() -> Status {
    CCE_RETURN_IF_ERROR(checkNotNull("plan", plan));
    *plan = nullptr;
    CCE_RETURN_IF_ERROR(checkNotNull("context", context));
    CCE_RETURN_IF_ERROR(checkNotNull("problem", problem));
    CCE_ASSIGN_OR_RETURN(std::unique_ptr<cce_plan> created, createPlan(*context, *problem));
    *plan = created.release();
    return {};
  });
}

void cce_plan_destroy(cce_plan *plan) { delete plan; }

size_t cce_plan_forward_workspace(const cce_plan *plan) {
  return plan ? plan->plan->forwardWorkspace() : 0;
}

size_t cce_plan_backward_workspace(const cce_plan *plan) {
  return plan ? plan->plan->backwardWorkspace() : 0;
}

size_t cce_plan_gradients_workspace(const cce_plan *plan) {
  return plan ? plan->plan->gradientsWorkspace() : 0;
}

size_t cce_plan_filter_state(const cce_plan *plan) { return plan ? plan->plan->filterState() : 0; }

int64_t cce_plan_classes_saved_in_dc(const cce_plan *plan) {
  return plan ? plan->plan->classesSavedInDc() : 0;
}

size_t cce_plan_saved_logits(const cce_plan *plan) { return plan ? plan->plan->savedLogits() : 0; }

size_t cce_plan_saved_backward_workspace(const cce_plan *plan) {
  return plan ? plan->plan->savedBackwardWorkspace() : 0;
}

const char *cce_plan_describe(const cce_plan *plan) {
  return plan ? plan->plan->describe().c_str() : "";
}

cce_status cce_plan_tune(cce_plan *plan, cce_tune_progress progress, void *user) {
  return guarded([&]() -> Status {
    CCE_RETURN_IF_ERROR(checkNotNull("plan", plan));
    TuneProgress report;
    if (progress)
      report = [=](int done, int total, const std::string &what) {
        return progress(done, total, what.c_str(), user) == 0;
      };
    CCE_ASSIGN_OR_RETURN(plan->plan, tunePlan(plan->plan, *plan->context->tuning, report));
    return {};
  });
}

void cce_forward_args_init(cce_forward_args *args) {
  if (!args)
    return;
  *args = {};
  args->struct_size = sizeof(*args);
}

cce_status cce_forward(cce_plan *plan, const cce_forward_args *args, void *stream) {
  return guarded([&]() -> Status {
    CCE_RETURN_IF_ERROR(checkNotNull("plan", plan));
    CCE_RETURN_IF_ERROR(checkNotNull("args", args));
    return plan->plan->forward(*args, stream);
  });
}

void cce_backward_args_init(cce_backward_args *args) {
  if (!args)
    return;
  *args = {};
  args->struct_size = sizeof(*args);
}

cce_status cce_backward(cce_plan *plan, const cce_backward_args *args, void *stream) {
  return guarded([&]() -> Status {
    CCE_RETURN_IF_ERROR(checkNotNull("plan", plan));
    CCE_RETURN_IF_ERROR(checkNotNull("args", args));
    return plan->plan->backward(*args, stream);
  });
}

void cce_gradients_args_init(cce_gradients_args *args) {
  if (!args)
    return;
  *args = {};
  args->struct_size = sizeof(*args);
}

cce_status cce_loss_and_gradients(cce_plan *plan, const cce_gradients_args *args, void *stream) {
  return guarded([&]() -> Status {
    CCE_RETURN_IF_ERROR(checkNotNull("plan", plan));
    CCE_RETURN_IF_ERROR(checkNotNull("args", args));
    return plan->plan->lossAndGradients(*args, stream);
  });
}
