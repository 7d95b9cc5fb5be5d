//===- CceKernelOps.cpp - kernel, transform and the loops over axes ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "dialect/CceOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FunctionImplementation.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace mlir::cce;

/// The name that an argument has in the text, without the '%'.
static StringAttr nameOf(OpAsmParser &parser, const OpAsmParser::Argument &argument) {
  return parser.getBuilder().getStringAttr(argument.ssaName.name.drop_front());
}

//===----------------------------------------------------------------------===//
// KernelOp
//===----------------------------------------------------------------------===//

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  if (parser.parseSymbolName(name, SymbolTable::getSymbolAttrName(), result.attributes) ||
      parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren, /*allowType=*/true) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  SmallVector<Attribute> names;
  for (const OpAsmParser::Argument &argument : arguments)
    names.push_back(nameOf(parser, argument));
  result.addAttribute("arg_names", parser.getBuilder().getArrayAttr(names));
  return parser.parseRegion(*result.addRegion(), arguments);
}

void KernelOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printSymbolName(getSymName());
  printer << '(';
  llvm::interleaveComma(getBodyBlock()->getArguments(), printer,
                        [&](BlockArgument argument) { printer.printRegionArgument(argument); });
  printer << ')';
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {SymbolTable::getSymbolAttrName(), "arg_names"});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false, /*printBlockTerminators=*/false);
}

void KernelOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  for (auto [argument, name] : llvm::zip(region.getArguments(), getArgNames()))
    setName(argument, cast<StringAttr>(name).getValue());
}

StringRef KernelOp::getArgName(BlockArgument argument) {
  return cast<StringAttr>(getArgNames()[argument.getArgNumber()]).getValue();
}

ParallelOp KernelOp::getParallel() { return cast<ParallelOp>(getBodyBlock()->back()); }

LogicalResult KernelOp::verifyRegions() {
  Block *block = getBodyBlock();
  // kernel_c3
  if (block->getNumArguments() != getArgNames().size())
    return emitOpError("expected one name per argument, got ")
           << getArgNames().size() << " names for " << block->getNumArguments() << " arguments";
  llvm::SmallSet<StringRef, 16> seen;
  for (BlockArgument argument : block->getArguments()) {
    if (!seen.insert(getArgName(argument)).second)
      return emitOpError("expected different names, got '") << getArgName(argument) << "' twice";
    // kernel_c1
    Type type = argument.getType();
    if (!isa<BufferType>(type) && !type.isF32() && !type.isInteger(1) && !type.isInteger(32))
      return emitOpError("expected argument '")
             << getArgName(argument) << "' to be a buffer, f32, i1 or i32, got " << type;
  }
  // kernel_c2
  auto loops = block->getOps<ParallelOp>();
  int64_t count = std::distance(loops.begin(), loops.end());
  if (count != 1)
    return emitOpError("expected exactly one cce.parallel, got ") << count;
  if (!isa<ParallelOp>(block->back()))
    return emitOpError("expected the cce.parallel to be the last operation");
  return success();
}

//===----------------------------------------------------------------------===//
// TransformOp
//===----------------------------------------------------------------------===//

ParseResult TransformOp::parse(OpAsmParser &parser, OperationState &result) {
  if (succeeded(parser.parseOptionalKeyword("private")))
    result.addAttribute(getSymVisibilityAttrName(result.name),
                        parser.getBuilder().getStringAttr("private"));
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  Type resultType;
  if (parser.parseSymbolName(name, SymbolTable::getSymbolAttrName(), result.attributes) ||
      parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren, /*allowType=*/true) ||
      parser.parseArrow() || parser.parseType(resultType) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  SmallVector<Type> types;
  for (const OpAsmParser::Argument &argument : arguments)
    types.push_back(argument.type);
  result.addAttribute(getFunctionTypeAttrName(result.name),
                      TypeAttr::get(parser.getBuilder().getFunctionType(types, resultType)));
  OptionalParseResult body = parser.parseOptionalRegion(*result.addRegion(), arguments);
  return failure(body.has_value() && failed(*body));
}

/// Names of the arguments of a transform that has no body to hold them.
static constexpr StringLiteral transformArguments[] = {"x", "bias", "param"};

void TransformOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  if (getSymVisibility())
    printer << "private ";
  printer.printSymbolName(getSymName());
  printer << '(';
  if (isDeclaration()) {
    llvm::interleaveComma(llvm::enumerate(getFunctionType().getInputs()), printer, [&](auto input) {
      printer << '%';
      if (input.index() < std::size(transformArguments))
        printer << transformArguments[input.index()];
      else
        printer << "arg" << input.index();
      printer << ": " << input.value();
    });
  } else {
    llvm::interleaveComma(getBody().getArguments(), printer,
                          [&](BlockArgument argument) { printer.printRegionArgument(argument); });
  }
  printer << ") -> " << getFunctionType().getResult(0);
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {SymbolTable::getSymbolAttrName(),
                                            getFunctionTypeAttrName(), getSymVisibilityAttrName()});
  if (!isDeclaration()) {
    printer << ' ';
    printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
  }
}

void TransformOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  for (auto [argument, name] : llvm::zip(region.getArguments(), transformArguments))
    setName(argument, name);
}

LogicalResult TransformOp::verify() {
  // transform_c1
  FunctionType type = getFunctionType();
  if (type.getNumInputs() == 0 || type.getNumResults() != 1)
    return emitOpError("expected at least one argument and one result, got ") << type;
  for (Type each : llvm::concat<const Type>(type.getInputs(), type.getResults()))
    if (!each.isF32())
      return emitOpError("expected arguments and result to be f32, got ") << type;
  // transform_c3
  if (isDeclaration() && getSymVisibility() != "private")
    return emitOpError("expected a body, only a private transform may lack one");
  return success();
}

LogicalResult TransformOp::verifyRegions() {
  if (isDeclaration())
    return success();
  if (getBody().getArgumentTypes() != getFunctionType().getInputs())
    return emitOpError("expected the arguments of the body to be ") << getFunctionType().getInputs();
  // transform_c2
  auto yield = dyn_cast_or_null<YieldOp>(getBody().front().getTerminator());
  if (!yield || yield.getNumOperands() != 1 || !yield.getOperand(0).getType().isF32())
    return emitOpError("expected the body to yield one f32");
  return success();
}

//===----------------------------------------------------------------------===//
// ParallelOp
//===----------------------------------------------------------------------===//

static Type coordType(OpAsmParser &parser) { return CoordType::get(parser.getContext()); }

ParseResult ParallelOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::Argument> coords;
  if (parser.parseArgumentList(coords) || parser.parseKeyword("over"))
    return failure();
  SmallVector<Attribute> axes;
  auto parseAxis = [&]() -> ParseResult {
    StringRef axis;
    if (parser.parseKeyword(&axis))
      return failure();
    axes.push_back(parser.getBuilder().getStringAttr(axis));
    return success();
  };
  if (parser.parseCommaSeparatedList(parseAxis) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  result.addAttribute(getAxesAttrName(result.name), parser.getBuilder().getArrayAttr(axes));
  for (OpAsmParser::Argument &coord : coords)
    coord.type = coordType(parser);
  return parser.parseRegion(*result.addRegion(), coords);
}

void ParallelOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  llvm::interleaveComma(getBodyBlock()->getArguments(), printer);
  printer << " over ";
  llvm::interleaveComma(getAxes().getAsValueRange<StringAttr>(), printer);
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {getAxesAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false, /*printBlockTerminators=*/false);
}

/// Coordinates are called after their axes: %tokens, %vocab.
void ParallelOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  for (auto [coord, axis] : llvm::zip(region.getArguments(), getAxes()))
    setName(coord, cast<StringAttr>(axis).getValue());
}

LogicalResult ParallelOp::verify() {
  // parallel_c1
  size_t count = getAxes().size();
  if (count < 1 || count > 2)
    return emitOpError("expected one or two axes, got ") << count;
  if (count == 2 && getAxes()[0] == getAxes()[1])
    return emitOpError("expected different axes, got ") << getAxes()[0] << " twice";
  // parallel_c2
  if (getBodyBlock()->getNumArguments() != count)
    return emitOpError("expected one coordinate per axis, got ")
           << getBodyBlock()->getNumArguments() << " coordinates for " << count << " axes";
  return success();
}

//===----------------------------------------------------------------------===//
// ReduceOp
//===----------------------------------------------------------------------===//

ParseResult ReduceOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::Argument coord, state;
  OpAsmParser::UnresolvedOperand part, init;
  StringRef axis;
  Type type;
  if (parser.parseArgument(coord) || parser.parseKeyword("over") ||
      parser.parseKeyword(&axis))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("part"))) {
    if (parser.parseOperand(part) ||
        parser.resolveOperand(part, coordType(parser), result.operands))
      return failure();
  }
  if (parser.parseKeyword("from") || parser.parseArgument(state) || parser.parseEqual() ||
      parser.parseOperand(init) || parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(type) || parser.resolveOperand(init, type, result.operands))
    return failure();
  result.addAttribute(getAxisAttrName(result.name), parser.getBuilder().getStringAttr(axis));
  result.addTypes(type);
  coord.type = coordType(parser);
  state.type = type;
  return parser.parseRegion(*result.addRegion(), {coord, state});
}

void ReduceOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getCoord() << " over " << getAxis();
  if (getPart())
    printer << " part " << getPart();
  printer << " from " << getState() << " = " << getInit();
  printer.printOptionalAttrDict((*this)->getAttrs(), {getAxisAttrName()});
  printer << " : " << getInit().getType() << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

void ReduceOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  setName(region.getArgument(0), getAxis());
  setName(region.getArgument(1), "state");
}

YieldOp ReduceOp::getYield() { return cast<YieldOp>(getBodyBlock()->getTerminator()); }

LogicalResult ReduceOp::verifyRegions() {
  // reduce_c1
  auto parallel = cast<ParallelOp>((*this)->getParentOp());
  if (llvm::is_contained(parallel.getAxes(), getAxisAttr()))
    return emitOpError("expected an axis that the enclosing cce.parallel does not run over, got '")
           << getAxis() << "'";
  // reduce_c2
  TileType type = getInit().getType();
  if (llvm::is_contained(type.getAxes(), getAxisAttr()))
    return emitOpError("expected a state that does not span '") << getAxis() << "', got " << type;
  if (getResult().getType() != type || getBodyBlock()->getNumArguments() != 2 ||
      getState().getType() != type)
    return emitOpError("expected state and result to be ") << type;
  auto yield = dyn_cast<YieldOp>(getBodyBlock()->getTerminator());
  if (!yield || yield.getNumOperands() != 1 || yield.getOperand(0).getType() != type)
    return emitOpError("expected the body to yield one ") << type;
  return success();
}
