//===- RunSupport.h - what the launches of all passes share -----*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_PLAN_RUNSUPPORT_H
#define CCE_RUNTIME_PLAN_RUNSUPPORT_H

#include "runtime/plan/Plan.h"
#include "runtime/plan/Rounding.h"

namespace cce::rt {

/// Null for a slice that the plan does not need.
template <typename T> T *at(char *memory, const Slice &slice) {
  return slice.bytes ? reinterpret_cast<T *>(memory + slice.offset) : nullptr;
}

/// finish_loss is one cluster, of so many blocks.
constexpr int64_t finishingBlocks = 8;

/// Tiles of an axis of this length.
inline int64_t tilesOf(const Kernel &kernel, const char *axis, int64_t extent) {
  return divideUp(extent, kernel.manifest().tile(axis, 1));
}

inline void addMatrix(Bindings &bindings, std::string_view name, const BufferBinding &buffer) {
  bindings.matrix(name, buffer.base, buffer.dtype, buffer.sizes[0], buffer.sizes[1],
                  buffer.strides[0], buffer.strides[1]);
}

/// Columns [first, first + columns) of a matrix whose rows have no gaps; of none that is wanted, too.
inline BufferBinding columnsOf(BufferBinding matrix, int64_t first, int64_t columns) {
  if (matrix.base)
    matrix.base = static_cast<char *>(matrix.base) + first * dtypeSize(matrix.dtype);
  matrix.sizes[1] = columns;
  return matrix;
}

/// Rows [first, first + rows) of a matrix.
inline BufferBinding rowsOf(BufferBinding matrix, int64_t first, int64_t rows) {
  matrix.base =
      static_cast<char *>(matrix.base) + first * matrix.strides[0] * dtypeSize(matrix.dtype);
  matrix.sizes[0] = rows;
  return matrix;
}

/// The tokens that matrix kernels work on: rows of E, their labels, how many there are (in memory
/// of the device) and the size of the lists.
struct Plan::Tokens {
  const void *rows;
  const void *labels;
  const int32_t *count;
  int64_t padded;
};

/// What all launches of a backward share.
struct Plan::BackwardCall {
  const cce_backward_args &args;
  char *workspace;
  BufferBinding e;   ///< as kernels see it
  const float *bias; ///< f32 or null
  float *dbias;      ///< f32 or null
  const Chunks &chunks; ///< of the classes that are not saved
  const SavedClasses &saved;
};

struct Plan::SavedLogits {
  void *codes;
  int64_t stride; ///< between the rows of codes
  void *maxima;
  void *labelLogit;
  int64_t classes;
};

struct Plan::SavedClasses {
  /// Null: none are saved.
  const SavedLayout *layout = nullptr;
  SavedLogits logits = {};
  /// The states of the forward's splits.
  float *partial = nullptr;
};

struct Plan::TokenWeights {
  void *lse, *probWeight, *labelWeight, *alpha;
};

struct Plan::Chunk {
  int64_t first, classes;
  BufferBinding g;
  bool isSaved, isFirst, isLast;
};

} // namespace cce::rt

#endif // CCE_RUNTIME_PLAN_RUNSUPPORT_H
