//===- LossLayer.cpp - linear cross-entropy through the C API of cce -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/text_lm/LossLayer.h"

#include "examples/text_lm/Error.h"

#include <algorithm>
#include <bit>

namespace text_lm {
namespace {

void check(cce_status status, const char *what) {
  if (status != CCE_OK)
    throw Error(std::string(what) + ": " + cce_status_name(status) + ": " + cce_last_error());
}

} // namespace

uint16_t toBFloat16(float value) {
  auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return static_cast<uint16_t>(bits >> 16 | 0x40); // NaN stays NaN
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float fromBFloat16(uint16_t value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16);
}

LossLayer::LossLayer(const LossLayerOptions &options) {
  cce_context_desc desc;
  cce_context_desc_init(&desc);
  desc.device = options.device;
  cce_context *newContext = nullptr;
  check(cce_context_create(&desc, &newContext), "no device for the loss layer");
  context.reset(newContext, cce_context_destroy);
  bool onCpu = cce_context_device(newContext) == CCE_DEVICE_CPU;

  cce_problem_init(&problem);
  problem.tokens = options.tokens;
  problem.hidden = options.hidden;
  problem.vocab = options.vocab;
  problem.dtype = options.dtype ? options.dtype : onCpu ? CCE_F32 : CCE_BF16;
  problem.label_dtype = CCE_I32;
  problem.reduction = CCE_REDUCTION_SUM;
  problem.ignore_index = ignoredLabel;
  problem.workspace_limit = static_cast<size_t>(options.workspaceLimit);
  cce_plan *newPlan = nullptr;
  check(cce_plan_create(newContext, &problem, &newPlan), "can not plan the loss layer");
  // The plan holds on to its context: it must be gone before the context is.
  plan.reset(newPlan, [keep = context](cce_plan *p) { cce_plan_destroy(p); });

  direct = onCpu && problem.dtype == CCE_F32;
  size_t element = problem.dtype == CCE_F32 ? 4 : 2;
  lse = allocate(problem.tokens * 4);
  loss = allocate(4);
  factorArray = allocate(4);
  workspace = allocate(memory());
  if (direct)
    return;
  eArray = allocate(problem.tokens * problem.hidden * element);
  deArray = allocate(eArray.bytes);
  cArray = allocate(problem.vocab * problem.hidden * element);
  dcArray = allocate(cArray.bytes);
  labelArray = allocate(problem.tokens * 4);
}

LossLayer::Array LossLayer::allocate(size_t bytes) {
  void *memory = nullptr;
  check(cce_memory_alloc(context.get(), bytes, &memory), "no memory for the loss layer");
  return {{memory, [keep = context](void *p) { cce_memory_free(keep.get(), p); }}, bytes};
}

void LossLayer::upload(const void *from, const Array &to) {
  check(
      cce_memory_copy(context.get(), to.memory.get(), from, to.bytes, CCE_HOST_TO_DEVICE, nullptr),
      "copy to the device failed");
}

void LossLayer::download(const Array &from, void *to) {
  check(cce_memory_copy(context.get(), to, from.memory.get(), from.bytes, CCE_DEVICE_TO_HOST,
                        nullptr),
        "copy from the device failed");
}

const void *LossLayer::uploadNumbers(std::span<const float> from, const Array &to) {
  if (direct)
    return from.data();
  if (problem.dtype == CCE_F32) {
    upload(from.data(), to);
    return to.memory.get();
  }
  staging.resize(std::max(staging.size(), from.size()));
  parallelFor(static_cast<int64_t>(from.size()), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      staging[i] = toBFloat16(from[i]);
  });
  upload(staging.data(), to);
  return to.memory.get();
}

void LossLayer::downloadNumbers(const Array &from, std::span<float> to) {
  if (problem.dtype == CCE_F32) {
    download(from, to.data());
    return;
  }
  staging.resize(std::max(staging.size(), to.size()));
  download(from, staging.data());
  parallelFor(static_cast<int64_t>(to.size()), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      to[i] = fromBFloat16(staging[i]);
  });
}

void LossLayer::setHead(std::span<const float> newHead) { c = uploadNumbers(newHead, cArray); }

float LossLayer::forward(std::span<const float> newE, std::span<const int32_t> newLabels) {
  e = uploadNumbers(newE, eArray);
  labels = newLabels.data();
  if (!direct) {
    upload(newLabels.data(), labelArray);
    labels = labelArray.memory.get();
  }
  cce_forward_args args;
  cce_forward_args_init(&args);
  args.e = e;
  args.c = c;
  args.labels = labels;
  args.loss = static_cast<float *>(loss.memory.get());
  args.lse = static_cast<float *>(lse.memory.get());
  args.workspace = workspace.memory.get();
  args.workspace_bytes = workspace.bytes;
  check(cce_forward(plan.get(), &args, nullptr), "the loss layer's forward failed");
  float sum = 0;
  download(loss, &sum);
  return sum;
}

void LossLayer::backward(float factor, std::span<float> de, std::span<float> dc) {
  upload(&factor, factorArray);
  cce_backward_args args;
  cce_backward_args_init(&args);
  args.e = e;
  args.c = c;
  args.labels = labels;
  args.lse = static_cast<const float *>(lse.memory.get());
  args.dloss = static_cast<const float *>(factorArray.memory.get());
  args.de = direct ? de.data() : deArray.memory.get();
  args.dc = direct ? dc.data() : dcArray.memory.get();
  args.workspace = workspace.memory.get();
  args.workspace_bytes = workspace.bytes;
  check(cce_backward(plan.get(), &args, nullptr), "the loss layer's backward failed");
  if (direct)
    return;
  downloadNumbers(deArray, de);
  downloadNumbers(dcArray, dc);
}

std::string LossLayer::device() const { return cce_context_description(context.get()); }

int64_t LossLayer::memory() const {
  return static_cast<int64_t>(
      std::max(cce_plan_forward_workspace(plan.get()), cce_plan_backward_workspace(plan.get())));
}

} // namespace text_lm
