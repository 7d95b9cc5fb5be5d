//===- CceDialect.h - the cce dialect, its types and attributes ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef CCE_DIALECT_CCEDIALECT_H
#define CCE_DIALECT_CCEDIALECT_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"

#include "dialect/CceDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialect/CceAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialect/CceTypes.h.inc"

namespace mlir::cce {

/// The axis that a coordinate (a block argument of cce.parallel or cce.reduce) belongs to.
StringAttr getAxis(Value coord);

} // namespace mlir::cce

#endif // CCE_DIALECT_CCEDIALECT_H
