//===- Manifest.h - what the runtime must know of a compiled kernel ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// Lowerings describe the entry point that they make in an attribute, `cce.manifest`, whose structure
// is that of the JSON manifest in docs/architecture.md. Building it as an attribute keeps it visible
// in the IR and testable with FileCheck.
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_MANIFEST_H
#define CCE_COMPILER_MANIFEST_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace mlir::cce {

/// Name of the attribute on the entry point.
inline constexpr llvm::StringLiteral manifestAttrName = "cce.manifest";

/// Collects the fields of a manifest. Arguments are appended in the order in which the entry point
/// takes them; each call returns the argument's position.
class ManifestBuilder {
public:
  ManifestBuilder(MLIRContext *context, StringRef kernel, StringRef target);

  unsigned tensorMap(StringRef buffer, ArrayRef<int64_t> box, int64_t swizzle);
  unsigned pointer(StringRef buffer);
  unsigned stride(StringRef buffer, int64_t dimension);
  unsigned extent(StringRef axis);
  unsigned extentPointer(StringRef axis);
  unsigned origin(StringRef axis);
  unsigned scalar(StringRef buffer, StringRef type);
  unsigned begin(StringRef axis);
  unsigned end(StringRef axis);
  unsigned scratch();

  /// Size of the tile along an axis: what the runtime's work is counted in.
  void tile(StringRef axis, int64_t size);
  /// "threads", "cluster", "shared_bytes", "scratch_bytes".
  void set(StringRef name, int64_t value);

  DictionaryAttr build() const;

private:
  unsigned argument(StringRef kind, ArrayRef<NamedAttribute> fields);
  NamedAttribute text(StringRef name, StringRef value);

  Builder builder;
  SmallVector<NamedAttribute> fields, tiles;
  SmallVector<Attribute> arguments;
};

/// The JSON text of a `cce.manifest`.
std::string printManifest(DictionaryAttr manifest);

} // namespace mlir::cce

#endif // CCE_COMPILER_MANIFEST_H
