//===- CceDialect.cpp - the cce dialect -------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "dialect/CceDialect.h"

#include "dialect/CceOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::cce;

#include "dialect/CceDialect.cpp.inc"

/// The number of stages, and what is not 1: `4, cluster = 2, last_part = 2`.
static ParseResult parseStagesAndMore(AsmParser &parser, int64_t &stages, int64_t &cluster, int64_t &lastPart) {
  cluster = lastPart = 1;
  if (parser.parseInteger(stages))
    return failure();
  int64_t *values[] = {&cluster, &lastPart};
  StringRef names[] = {"cluster", "last_part"};
  size_t next = 0;
  while (succeeded(parser.parseOptionalComma())) {
    while (next < 2 && failed(parser.parseOptionalKeyword(names[next])))
      ++next;
    if (next == 2)
      return parser.emitError(parser.getCurrentLocation(), "expected 'cluster' or 'last_part'");
    if (parser.parseEqual() || parser.parseInteger(*values[next++]))
      return failure();
  }
  return success();
}

static void printStagesAndMore(AsmPrinter &printer, int64_t stages, int64_t cluster, int64_t lastPart) {
  printer << stages;
  if (cluster != 1)
    printer << ", cluster = " << cluster;
  if (lastPart != 1)
    printer << ", last_part = " << lastPart;
}

#define GET_ATTRDEF_CLASSES
#include "dialect/CceAttrs.cpp.inc"

void CceDialect::initialize() {
  registerTypes();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/CceAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/CceOps.cpp.inc"
      >();
}

LogicalResult ConfigAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t tileM,
                                 int64_t tileN, int64_t tileK, int64_t stages, int64_t cluster,
                                 int64_t lastPart) {
  auto positive = [&](StringRef name, int64_t value) -> LogicalResult {
    if (value >= 1)
      return success();
    return emitError() << "expected '" << name << "' to be at least 1, got " << value;
  };
  return success(succeeded(positive("tile_m", tileM)) && succeeded(positive("tile_n", tileN)) &&
                 succeeded(positive("tile_k", tileK)) && succeeded(positive("stages", stages)) &&
                 succeeded(positive("cluster", cluster)) && succeeded(positive("last_part", lastPart)));
}

StringAttr mlir::cce::getAxis(Value coord) {
  auto arg = dyn_cast<BlockArgument>(coord);
  if (!arg)
    return {};
  Operation *parent = arg.getOwner()->getParentOp();
  if (auto parallel = dyn_cast_or_null<ParallelOp>(parent))
    return cast<StringAttr>(parallel.getAxes()[arg.getArgNumber()]);
  if (auto reduce = dyn_cast_or_null<ReduceOp>(parent); reduce && arg.getArgNumber() == 0)
    return reduce.getAxisAttr();
  return {};
}
