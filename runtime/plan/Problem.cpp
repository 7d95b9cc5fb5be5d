//===- Problem.cpp - a checked cce_problem --------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/plan/Problem.h"

#include "runtime/support/Files.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace cce::rt {

namespace {

/// Kernels index tokens, classes and columns with 32 bits and round them up to tiles.
constexpr int64_t largestExtent = std::numeric_limits<int32_t>::max() - 4095;

/// Bytes that a matrix may span, so that no offset overflows.
constexpr int64_t largestSpan = int64_t(1) << 60;

constexpr size_t defaultWorkspaceLimit = size_t(256) << 20;

template <typename Value>
Status wrong(const char *member, const std::string &expected, const Value &got) {
  return makeError(CCE_INVALID_ARGUMENT, "problem.", member, ": expected ", expected, ", got ",
                   got);
}

std::string number(int64_t value) { return std::to_string(value); }

Status checkExtent(const char *member, int64_t value, int64_t least) {
  if (value < least || value > largestExtent)
    return wrong(member, "a number in [" + number(least) + ", " + number(largestExtent) + "]",
                 value);
  return {};
}

std::string dtypeText(cce_dtype dtype) {
  return std::string(dtypeName(dtype)) + " (" + number(dtype) + ")";
}

Status checkDtype(const char *member, cce_dtype dtype, std::initializer_list<cce_dtype> allowed) {
  std::string names;
  for (cce_dtype each : allowed) {
    if (each == dtype)
      return {};
    names += names.empty() ? "" : ", ";
    names += dtypeName(each);
  }
  return wrong(member, "one of " + names, dtypeText(dtype));
}

std::string strideText(std::array<int64_t, 2> strides) {
  return "{" + number(strides[0]) + ", " + number(strides[1]) + "}";
}

/// {0, 0} becomes contiguous rows. A result must not have two elements in one place.
Expected<std::array<int64_t, 2>> checkStrides(const char *member, const int64_t (&given)[2],
                                              int64_t rows, int64_t columns, bool result) {
  std::array<int64_t, 2> strides = {given[0], given[1]};
  if (strides[0] == 0 && strides[1] == 0)
    strides = {columns, 1};
  if (strides[0] < 0 || strides[1] < 0)
    return wrong(member, "strides >= 0", strideText(strides));
  int64_t rowSpan = 0, columnSpan = 0;
  if (__builtin_mul_overflow(std::max<int64_t>(rows, 1) - 1, strides[0], &rowSpan) ||
      __builtin_mul_overflow(columns - 1, strides[1], &columnSpan) || rowSpan > largestSpan / 8 ||
      columnSpan > largestSpan / 8)
    return wrong(member, "a matrix of less than 2^60 bytes", strideText(strides));
  const bool distinct = (rows <= 1 || strides[0] > columnSpan) && (columns <= 1 || strides[1] > 0);
  const bool distinctTransposed =
      (columns <= 1 || strides[1] > rowSpan) && (rows <= 1 || strides[0] > 0);
  if (result && !distinct && !distinctTransposed)
    return wrong(member,
                 "strides that give each of " + number(rows) + " x " + number(columns) +
                     " elements a place of its own",
                 strideText(strides));
  return strides;
}

} // namespace

Expected<Problem> Problem::check(const cce_problem &from) {
  Problem to;
  if (from.struct_size != sizeof(cce_problem))
    return wrong("struct_size", number(sizeof(cce_problem)) + " (call cce_problem_init first)",
                 from.struct_size);
  CCE_RETURN_IF_ERROR(checkExtent("tokens", from.tokens, 0));
  CCE_RETURN_IF_ERROR(checkExtent("hidden", from.hidden, 1));
  CCE_RETURN_IF_ERROR(checkExtent("vocab", from.vocab, 1));
  CCE_RETURN_IF_ERROR(checkDtype("dtype", from.dtype, {CCE_F32, CCE_BF16, CCE_F16}));
  CCE_RETURN_IF_ERROR(checkDtype("label_dtype", from.label_dtype, {CCE_I32, CCE_I64}));
  CCE_RETURN_IF_ERROR(
      checkDtype("bias_dtype", from.bias_dtype, {CCE_DTYPE_NONE, CCE_F32, CCE_BF16, CCE_F16}));
  to.tokens = from.tokens;
  to.hidden = from.hidden;
  to.vocab = from.vocab;
  to.dtype = from.dtype;
  to.labelDtype = from.label_dtype;
  to.biasDtype = from.bias_dtype;
  CCE_ASSIGN_OR_RETURN(to.eStrides,
                       checkStrides("e_strides", from.e_strides, to.tokens, to.hidden, false));
  CCE_ASSIGN_OR_RETURN(to.cStrides,
                       checkStrides("c_strides", from.c_strides, to.vocab, to.hidden, false));
  CCE_ASSIGN_OR_RETURN(to.deStrides,
                       checkStrides("de_strides", from.de_strides, to.tokens, to.hidden, true));
  CCE_ASSIGN_OR_RETURN(to.dcStrides,
                       checkStrides("dc_strides", from.dc_strides, to.vocab, to.hidden, true));
  if (from.reduction < CCE_REDUCTION_NONE || from.reduction > CCE_REDUCTION_SUM)
    return wrong("reduction", "none (0), mean (1) or sum (2)", int(from.reduction));
  to.reduction = from.reduction;
  to.ignoreIndex = from.ignore_index;
  if (from.sequence < 0)
    return wrong("sequence", "a number >= 0", from.sequence);
  if (from.sequence > 0 && from.tokens % from.sequence != 0)
    return wrong("sequence", "a divisor of problem.tokens (" + number(from.tokens) + ")",
                 from.sequence);
  to.sequence = std::max<int64_t>(from.sequence > 0 ? from.sequence : from.tokens, 1);
  // Without any token there is no sequence that a shift could be too long for.
  if (from.shift < 0 || (from.tokens > 0 && from.shift >= to.sequence))
    return wrong("shift", "a number in [0, " + number(to.sequence) + "), the length of a sequence",
                 from.shift);
  to.shift = from.shift;
  if (!(from.softcap > 0))
    return wrong("softcap", "a number > 0", from.softcap);
  to.softcap = from.softcap;
  const bool capped = !std::isinf(from.softcap);
  if (from.transform) {
    if (!*from.transform)
      return wrong("transform", "NULL or the text of a cce.transform", "an empty string");
    to.transform = from.transform;
  } else {
    to.transform =
        to.hasBias() ? (capped ? "bias_softcap" : "bias") : (capped ? "softcap" : "identity");
  }
  to.workspaceLimit = from.workspace_limit ? from.workspace_limit : defaultWorkspaceLimit;
  to.checkLabels = from.check_labels != 0;
  if (!(from.filter_eps >= 0 && from.filter_eps < 1))
    return wrong("filter_eps", "a number in [0, 1)", from.filter_eps);
  to.filterEps = from.filter_eps;
  // C has no range for an enum's value; reading another one as the enum would be undefined here.
  int tail = 0;
  static_assert(sizeof(tail) == sizeof(from.filter_tail));
  std::memcpy(&tail, &from.filter_tail, sizeof(tail));
  if (tail != CCE_FILTER_TAIL_CORRECT && tail != CCE_FILTER_TAIL_DROP)
    return wrong("filter_tail", "correct (0) or drop (1)", tail);
  to.filterTail = static_cast<cce_filter_tail>(tail);
  to.savedLogitsLimit = from.saved_logits_limit;
  to.oneCall = from.one_call != 0;
  return to;
}

std::string Problem::tuningKey() const {
  // A long transform is represented by its hash.
  const std::string transformKey = transform.size() <= 16 ? transform : hashHex(transform);
  return "tokens=" + number(tokens) + " hidden=" + number(hidden) + " vocab=" + number(vocab) +
         " dtype=" + dtypeName(dtype) + " transform=" + transformKey +
         " workspace=" + number(int64_t(workspaceLimit));
}

} // namespace cce::rt
