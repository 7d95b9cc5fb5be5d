//===- Manifest.h - how to call a compiled kernel ---------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The compiler's note to the runtime beside each piece of code. docs/architecture.md, "Formats
// between the rooms", defines the JSON and the meaning of every kind of argument.
//
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_KERNELS_MANIFEST_H
#define CCE_RUNTIME_KERNELS_MANIFEST_H

#include "runtime/support/Status.h"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cce::rt {

enum class ArgumentKind {
  TensorMap,     ///< buffer, box, swizzle
  Pointer,       ///< buffer
  Stride,        ///< buffer, dimension
  Extent,        ///< axis
  ExtentPointer, ///< axis
  Origin,        ///< axis
  Scalar,        ///< buffer, scalarType
  Begin,         ///< axis
  End,           ///< axis
  Scratch
};

enum class ScalarType { F32, I1, I32, I64 };

const char *argumentKindName(ArgumentKind kind);
const char *scalarTypeName(ScalarType type);

struct ManifestArgument {
  ArgumentKind kind = ArgumentKind::Pointer;
  /// Name of a buffer, of a scalar, or of an axis, depending on `kind`; empty for Scratch.
  std::string name;
  /// Stride: 0 for rows (or the only axis), 1 for columns.
  int64_t dimension = 0;
  /// TensorMap: rows and columns of the tile that one copy brings.
  std::array<int64_t, 2> box = {0, 0};
  /// TensorMap: span of the shared memory swizzle in bytes: 0 (none), 32, 64 or 128.
  int64_t swizzle = 0;
  ScalarType scalarType = ScalarType::I64;

  bool operator==(const ManifestArgument &) const = default;
};

struct Manifest {
  std::string kernel;
  std::string target;
  std::string entry;
  /// Threads of a block; 0 on the CPU.
  int64_t threads = 0;
  /// Blocks of a cluster; 1: no cluster.
  int64_t cluster = 1;
  /// Blocks that the kernel must be launched with; 0: any number, the runtime chooses.
  int64_t blocks = 0;
  /// Whether the kernel itself waits for the one ahead of it in the stream, so that it may be launched before that has finished.
  bool overlaps = false;
  /// Dynamic shared memory of a block.
  int64_t sharedBytes = 0;
  /// CPU: private memory of a thread for the argument `scratch`.
  int64_t scratchBytes = 0;
  /// Elements of a tile by axis; for the CPU the granularity of begin/end.
  std::map<std::string, int64_t> tiles;
  std::vector<ManifestArgument> arguments;

  bool operator==(const Manifest &) const = default;

  /// Reads and checks JSON. Errors are CCE_INVALID_ARGUMENT and name the place, e.g.
  /// "manifest: arguments[2].kind: unknown kind 'pointr'".
  static Expected<Manifest> parse(std::string_view json);
  /// JSON with two spaces of indentation; parse(print()) gives the same manifest.
  std::string print() const;

  /// The tile of an axis, or `otherwise` if the manifest names none.
  int64_t tile(const std::string &axis, int64_t otherwise) const;
};

} // namespace cce::rt

#endif // CCE_RUNTIME_KERNELS_MANIFEST_H
