//===- CceTypes.cpp - types of the cce dialect ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "dialect/CceDialect.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::cce;

#define GET_TYPEDEF_CLASSES
#include "dialect/CceTypes.cpp.inc"

void CceDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialect/CceTypes.cpp.inc"
      >();
}

/// `<` (axis `x`)* element `>`.
static ParseResult parseShape(AsmParser &parser, SmallVectorImpl<StringAttr> &axes, Type &element) {
  if (parser.parseLess())
    return failure();
  while (true) {
    OptionalParseResult isType = parser.parseOptionalType(element);
    if (isType.has_value())
      return failure(failed(*isType) || parser.parseGreater());
    StringRef axis;
    if (parser.parseKeyword(&axis))
      return failure();
    axes.push_back(StringAttr::get(parser.getContext(), axis));
    if (parser.parseKeyword("x"))
      return failure();
  }
}

static void printShape(AsmPrinter &printer, ArrayRef<StringAttr> axes, Type element) {
  printer << '<';
  for (StringAttr axis : axes)
    printer << axis.getValue() << " x ";
  printer << element << '>';
}

static LogicalResult verifyShape(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<StringAttr> axes, Type element) {
  // shape_c1
  if (axes.size() > 2)
    return emitError() << "expected at most 2 axes, got " << axes.size();
  // shape_c2
  if (axes.size() == 2 && axes[0] == axes[1])
    return emitError() << "expected different axes, got '" << axes[0].getValue() << "' twice";
  // shape_c3
  if (!isa<IntegerType, FloatType, OperandType, LseType>(element))
    return emitError() << "expected the element to be an integer, a float, !cce.operand or "
                          "!cce.lse, got "
                       << element;
  return success();
}

Type BufferType::parse(AsmParser &parser) {
  SmallVector<StringAttr> axes;
  Type element;
  if (parseShape(parser, axes, element))
    return {};
  return parser.getChecked<BufferType>(parser.getContext(), axes, element);
}

void BufferType::print(AsmPrinter &printer) const {
  printShape(printer, getAxes(), getElementType());
}

LogicalResult BufferType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<StringAttr> axes, Type element) {
  return verifyShape(emitError, axes, element);
}

Type TileType::parse(AsmParser &parser) {
  SmallVector<StringAttr> axes;
  Type element;
  if (parseShape(parser, axes, element))
    return {};
  return parser.getChecked<TileType>(parser.getContext(), axes, element);
}

void TileType::print(AsmPrinter &printer) const {
  printShape(printer, getAxes(), getElementType());
}

LogicalResult TileType::verify(function_ref<InFlightDiagnostic()> emitError,
                               ArrayRef<StringAttr> axes, Type element) {
  return verifyShape(emitError, axes, element);
}
