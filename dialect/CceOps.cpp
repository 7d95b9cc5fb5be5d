//===- CceOps.cpp - memory, products, reductions and element-wise ops -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "dialect/CceOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::cce;

#define GET_OP_CLASSES
#include "dialect/CceOps.cpp.inc"

static bool isFloat(Type type) { return isa<FloatType, OperandType>(type); }

/// What a tile holds of a buffer's element: floats are computed with as f32.
static Type valueType(Type element) {
  return isFloat(element) ? Float32Type::get(element.getContext()) : element;
}

/// One coordinate per axis of the buffer, in order.
static LogicalResult verifyCoords(Operation *op, BufferType buffer, ValueRange coords) {
  if (buffer.getRank() != static_cast<int64_t>(coords.size()))
    return op->emitOpError("expected ")
           << buffer.getRank() << " coordinates for " << buffer << ", got " << coords.size();
  for (auto [axis, coord] : llvm::zip(buffer.getAxes(), coords)) {
    StringAttr given = getAxis(coord);
    if (!given)
      return op->emitOpError("expected coordinates made by cce.parallel or cce.reduce");
    if (given != axis)
      return op->emitOpError("expected a coordinate of axis '")
             << axis.getValue() << "', got one of '" << given.getValue() << "'";
  }
  return success();
}

/// The state spans all axes of the value but one.
static LogicalResult verifyFold(Operation *op, TileType state, TileType value) {
  if (!value.getElementType().isF32())
    return op->emitOpError("expected the value to hold f32, got ") << value;
  bool fits = state.getRank() + 1 == value.getRank() && llvm::all_of(state.getAxes(), [&](auto a) {
                return llvm::is_contained(value.getAxes(), a);
              });
  if (!fits)
    return op->emitOpError("expected the state to span all axes of the value but one, got ")
           << state << " for " << value;
  return success();
}

/// Inputs of an element-wise op are scalars or tiles over axes of the result.
static LogicalResult verifyBroadcast(Operation *op, ValueRange inputs, TileType result) {
  for (Value input : inputs) {
    auto tile = dyn_cast<TileType>(input.getType());
    if (!tile)
      continue;
    for (StringAttr axis : tile.getAxes())
      if (!llvm::is_contained(result.getAxes(), axis))
        return op->emitOpError("expected inputs over axes of the result ")
               << result << ", got " << tile;
  }
  return success();
}

static Type elementOf(Type type) {
  auto tile = dyn_cast<TileType>(type);
  return tile ? tile.getElementType() : type;
}

//===----------------------------------------------------------------------===//
// GatherOp
//===----------------------------------------------------------------------===//

LogicalResult GatherOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                         ValueRange operands, DictionaryAttr, OpaqueProperties,
                                         RegionRange, SmallVectorImpl<Type> &results) {
  auto source = cast<BufferType>(operands[0].getType());
  auto rows = cast<BufferType>(operands[1].getType());
  // gather_c1
  if (source.getRank() < 1)
    return emitOptionalError(location, "'cce.gather' op expected a source with an axis to index, got ",
                             source);
  // gather_c2
  if (rows.getRank() < 1 || !rows.getElementType().isInteger(32))
    return emitOptionalError(location, "'cce.gather' op expected rows of rank 1 or 2 and i32, got ",
                             rows);
  SmallVector<StringAttr> axes(source.getAxes());
  axes[0] = rows.getAxes().back();
  if (axes.size() == 2 && axes[0] == axes[1])
    return emitOptionalError(location, "'cce.gather' op expected rows along another axis than '",
                             axes[1].getValue(), "'");
  results.push_back(BufferType::get(context, axes, source.getElementType()));
  return success();
}

LogicalResult GatherOp::verify() {
  if (isa_and_nonnull<GatherOp>(getSource().getDefiningOp()))
    return emitOpError("expected a source that is not itself gathered");
  return success();
}

LogicalResult RowsOp::verify() {
  // rows_c1
  auto gather = getView().getDefiningOp<GatherOp>();
  if (!gather)
    return emitOpError("expected a view made by cce.gather");
  StringAttr axis = gather.getRows().getType().getAxes().back();
  if (getAxis(getCoord()) != axis)
    return emitOpError("expected a coordinate of axis '") << axis.getValue() << "'";
  // rows_c2
  auto wanted = TileType::get(getContext(), axis, IntegerType::get(getContext(), 32));
  if (getType() != wanted)
    return emitOpError("expected the result to be ") << wanted << ", got " << getType();
  return success();
}

LogicalResult MarkOp::verify() {
  // mark_c1
  TileType value = getValue().getType(), threshold = getThreshold().getType();
  if (value.getRank() != 2 || !value.getElementType().isF32())
    return emitOpError("expected a value of rank 2 and f32, got ") << value;
  if (threshold != TileType::get(getContext(), value.getAxes()[0], value.getElementType()))
    return emitOpError("expected a threshold of f32 over '")
           << value.getAxes()[0].getValue() << "', got " << threshold;
  // mark_c2
  BufferType target = getTarget().getType();
  if (target.getRank() != 2 || !target.getElementType().isInteger(1) ||
      target.getAxes()[1] != value.getAxes()[1] || target.getAxes()[0] == value.getAxes()[0])
    return emitOpError("expected a target of i1 over groups and '")
           << value.getAxes()[1].getValue() << "', got " << target;
  // mark_c3
  if (Value groups = getGroups();
      groups && groups.getType() != TileType::get(getContext(), value.getAxes()[0],
                                                  IntegerType::get(getContext(), 32)))
    return emitOpError("expected groups of i32 over '")
           << value.getAxes()[0].getValue() << "', got " << groups.getType();
  return success();
}

//===----------------------------------------------------------------------===//
// TallyOp
//===----------------------------------------------------------------------===//

LogicalResult TallyOp::verify() {
  // tally_c1
  TileType value = getValue().getType(), limit = getLimit().getType();
  if (value.getRank() != 2 || !value.getElementType().isF32())
    return emitOpError("expected a value of rank 2 and f32, got ") << value;
  if (limit != TileType::get(getContext(), value.getAxes()[0], value.getElementType()))
    return emitOpError("expected a limit of f32 over '") << value.getAxes()[0].getValue() << "', got " << limit;
  // tally_c2
  BufferType target = getTarget().getType();
  if (target != BufferType::get(getContext(), value.getAxes()[1], IntegerType::get(getContext(), 32)))
    return emitOpError("expected a target of i32 over '") << value.getAxes()[1].getValue() << "', got " << target;
  // tally_c3
  if (int64_t tiles = getTiles(); tiles < 1)
    return emitOpError("expected tiles to be positive, got ") << tiles;
  return success();
}

//===----------------------------------------------------------------------===//
// PickOp
//===----------------------------------------------------------------------===//

LogicalResult PickOp::verify() {
  // pick_c1
  TileType value = getValue().getType(), labels = getLabels().getType();
  if (value.getRank() != 2 || !value.getElementType().isF32())
    return emitOpError("expected a value of rank 2 and f32, got ") << value;
  StringAttr rows = value.getAxes()[0];
  // pick_c2
  if (labels != TileType::get(getContext(), rows, IntegerType::get(getContext(), 32)))
    return emitOpError("expected labels of i32 over '") << rows.getValue() << "', got " << labels;
  // pick_c3
  BufferType target = getTarget().getType();
  if (target != BufferType::get(getContext(), rows, value.getElementType()))
    return emitOpError("expected a target of f32 over '") << rows.getValue() << "', got " << target;
  return success();
}

//===----------------------------------------------------------------------===//
// SaveOp
//===----------------------------------------------------------------------===//

LogicalResult SaveOp::verify() {
  // save_c1
  TileType value = getValue().getType();
  if (value.getRank() != 2 || !value.getElementType().isF32())
    return emitOpError("expected a value of rank 2 and f32, got ") << value;
  ArrayRef<StringAttr> axes = value.getAxes();
  // save_c2
  BufferType codes = getCodes().getType();
  if (codes.getAxes() != axes || !codes.getElementType().isInteger(16))
    return emitOpError("expected codes of i16 over '")
           << axes[0].getValue() << "' and '" << axes[1].getValue() << "', got " << codes;
  // save_c3
  BufferType maxima = getMaxima().getType();
  if (maxima.getRank() != 2 || !maxima.getElementType().isF32() || maxima.getAxes()[1] != axes[0] ||
      maxima.getAxes()[0] == axes[1])
    return emitOpError("expected maxima of f32 over tiles and '")
           << axes[0].getValue() << "', got " << maxima;
  return success();
}

//===----------------------------------------------------------------------===//
// LoadOp, StoreOp
//===----------------------------------------------------------------------===//

LogicalResult LoadOp::inferReturnTypes(MLIRContext *context, std::optional<Location>,
                                       ValueRange operands, DictionaryAttr, OpaqueProperties,
                                       RegionRange, SmallVectorImpl<Type> &results) {
  auto source = cast<BufferType>(operands[0].getType());
  results.push_back(
      TileType::get(context, source.getAxes(), valueType(source.getElementType())));
  return success();
}

// load_c1
LogicalResult LoadOp::verify() { return verifyCoords(*this, getSource().getType(), getCoords()); }

LogicalResult StoreOp::verify() {
  // store_c1
  BufferType target = getTarget().getType();
  if (failed(verifyCoords(*this, target, getCoords())))
    return failure();
  // store_c2
  TileType value = getValue().getType();
  ArrayRef<StringAttr> axes = target.getAxes();
  bool allButFirst = !axes.empty() && value.getAxes() == axes.drop_front();
  if (value.getAxes() != axes && !allButFirst)
    return emitOpError("expected the tile to span the axes of ") << target << ", got " << value;
  // store_c3
  Type from = value.getElementType(), to = target.getElementType();
  if (from != to && !(isFloat(from) && isFloat(to)))
    return emitOpError("expected two floats or equal elements, got ") << from << " into " << to;
  return success();
}

//===----------------------------------------------------------------------===//
// LoadHalvesOp, StoreHalvesOp
//===----------------------------------------------------------------------===//

LogicalResult LoadHalvesOp::inferReturnTypes(MLIRContext *context, std::optional<Location>,
                                             ValueRange operands, DictionaryAttr, OpaqueProperties,
                                             RegionRange, SmallVectorImpl<Type> &results) {
  auto upper = cast<BufferType>(operands[0].getType());
  results.push_back(TileType::get(context, upper.getAxes(), Float32Type::get(context)));
  return success();
}

template <typename OpT>
static LogicalResult verifyHalves(OpT op) {
  // load_halves_c1, store_halves_c1
  BufferType upper = op.getUpper().getType(), lower = op.getLower().getType();
  if (upper.getRank() != 2 || upper.getAxes() != lower.getAxes())
    return op.emitOpError("expected two buffers over the same two axes, got ")
           << upper << " and " << lower;
  if (failed(verifyCoords(op, upper, op.getCoords())))
    return failure();
  // load_halves_c2, store_halves_c2
  Type element = upper.getElementType();
  bool hasHalf = isa<OperandType>(element) ||
                 (element.isIntOrFloat() && element.getIntOrFloatBitWidth() == 16);
  Type rest = lower.getElementType();
  if (!hasHalf || (!rest.isInteger(8) && !rest.isInteger(4)))
    return op.emitOpError("expected upper halves in elements of 16 bits and lower ones in i8 or i4, got ")
           << upper << " and " << lower;
  return success();
}

LogicalResult LoadHalvesOp::verify() { return verifyHalves(*this); }

LogicalResult StoreHalvesOp::verify() {
  if (failed(verifyHalves(*this)))
    return failure();
  // store_halves_c1
  TileType value = getValue().getType();
  if (value.getAxes() != getUpper().getType().getAxes())
    return emitOpError("expected the tile to span the axes of ")
           << getUpper().getType() << ", got " << value;
  // store_halves_c3
  if (!value.getElementType().isF32())
    return emitOpError("expected a tile of f32, got ") << value;
  return success();
}

//===----------------------------------------------------------------------===//
// MatmulOp, DotOp
//===----------------------------------------------------------------------===//

/// The axis of a rank-2 buffer that is not `axis`, or null.
static StringAttr otherAxis(BufferType buffer, StringAttr axis) {
  if (buffer.getRank() != 2)
    return {};
  ArrayRef<StringAttr> axes = buffer.getAxes();
  return axis == axes[0] ? axes[1] : axis == axes[1] ? axes[0] : StringAttr();
}

template <typename OpT>
static LogicalResult verifyProductOperands(OpT op) {
  // matmul_c1, dot_c1
  BufferType lhs = op.getLhs().getType(), rhs = op.getRhs().getType();
  if (lhs.getRank() != 2 || rhs.getRank() != 2)
    return op.emitOpError("expected operands of rank 2, got ") << lhs << " and " << rhs;
  if (!isFloat(lhs.getElementType()) || lhs.getElementType() != rhs.getElementType())
    return op.emitOpError("expected operands of the same float element, got ")
           << lhs << " and " << rhs;
  // matmul_c2, dot_c2
  for (auto [name, coord, buffer] : {std::tuple("lhs", op.getLhsCoord(), lhs),
                                     std::tuple("rhs", op.getRhsCoord(), rhs)}) {
    StringAttr axis = getAxis(coord);
    if (!axis || !otherAxis(buffer, axis))
      return op.emitOpError("expected the coordinate of '")
             << name << "' to be of an axis of " << buffer << ", got one of "
             << (axis ? axis.getValue() : StringRef("no axis"));
  }
  return success();
}

/// The result is a tile of `element` over `axes`.
static LogicalResult verifyResult(Operation *op, ArrayRef<StringAttr> axes, Type element) {
  auto wanted = TileType::get(op->getContext(), axes, element);
  if (op->getResult(0).getType() != wanted)
    return op->emitOpError("expected the result to be ")
           << wanted << ", got " << op->getResult(0).getType();
  return success();
}

StringAttr MatmulOp::getContractedAxis() {
  return otherAxis(getLhs().getType(), getAxis(getLhsCoord()));
}

LogicalResult MatmulOp::verify() {
  if (failed(verifyProductOperands(*this)))
    return failure();
  // matmul_c3
  StringAttr left = getAxis(getLhsCoord()), right = getAxis(getRhsCoord());
  if (left == right)
    return emitOpError("expected coordinates of different axes, got two of '")
           << left.getValue() << "'";
  StringAttr contracted = otherAxis(getRhs().getType(), right);
  if (getContractedAxis() != contracted)
    return emitOpError("expected the operands to share the axis to contract, got '")
           << getContractedAxis().getValue() << "' and '" << contracted.getValue() << "'";
  // matmul_c4
  return verifyResult(*this, {left, right}, Float32Type::get(getContext()));
}

StringAttr DotOp::getContractedAxis() {
  return otherAxis(getLhs().getType(), getAxis(getLhsCoord()));
}

LogicalResult DotOp::verify() {
  if (failed(verifyProductOperands(*this)))
    return failure();
  // dot_c3
  if (getLhsCoord() != getRhsCoord())
    return emitOpError("expected both operands at the same coordinate");
  StringAttr axis = getAxis(getLhsCoord());
  StringAttr contracted = otherAxis(getRhs().getType(), axis);
  if (getContractedAxis() != contracted)
    return emitOpError("expected the operands to share the axis to contract, got '")
           << getContractedAxis().getValue() << "' and '" << contracted.getValue() << "'";
  // dot_c4
  return verifyResult(*this, axis, Float32Type::get(getContext()));
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

LogicalResult ZeroOp::verify() {
  // zero_c1
  if (!getType().getElementType().isF32())
    return emitOpError("expected a tile of f32, got ") << getType();
  return success();
}

LogicalResult AccumulateOp::verify() {
  // accumulate_c1
  if (!getState().getType().getElementType().isF32())
    return emitOpError("expected the state to hold f32, got ") << getState().getType();
  return verifyFold(*this, getState().getType(), getValue().getType());
}

LogicalResult LseInitOp::verify() {
  // lse_init_c1
  if (!isa<LseType>(getType().getElementType()))
    return emitOpError("expected a tile of !cce.lse, got ") << getType();
  return success();
}

LogicalResult LseUpdateOp::verify() {
  // lse_update_c1
  if (!isa<LseType>(getState().getType().getElementType()))
    return emitOpError("expected the state to hold !cce.lse, got ") << getState().getType();
  if (failed(verifyFold(*this, getState().getType(), getValue().getType())))
    return failure();
  // lse_update_c2
  auto wanted = TileType::get(getContext(), getState().getType().getAxes(), Float32Type::get(getContext()));
  if (getReference() && getReference().getType() != wanted)
    return emitOpError("expected the reference to be ") << wanted << ", got " << getReference().getType();
  return success();
}

//===----------------------------------------------------------------------===//
// Element-wise
//===----------------------------------------------------------------------===//

LogicalResult MapOp::verifyRegions() {
  // map_c1
  if (failed(verifyBroadcast(*this, getInputs(), getType())))
    return failure();
  // map_c2
  Block *block = getBodyBlock();
  if (block->getNumArguments() != getInputs().size())
    return emitOpError("expected the region to take ")
           << getInputs().size() << " arguments, got " << block->getNumArguments();
  for (auto [input, argument] : llvm::zip(getInputs(), block->getArguments()))
    if (elementOf(input.getType()) != argument.getType())
      return emitOpError("expected argument ")
             << argument.getArgNumber() << " of the region to be " << elementOf(input.getType())
             << ", got " << argument.getType();
  auto yield = dyn_cast<YieldOp>(block->getTerminator());
  Type element = getType().getElementType();
  if (!yield || yield.getNumOperands() != 1 || yield.getOperand(0).getType() != element)
    return emitOpError("expected the region to yield one ") << element;
  for (Operation &op : block->without_terminator())
    if (!isPure(&op))
      return emitOpError("expected a pure region, got '") << op.getName() << "'";
  return success();
}

LogicalResult ApplyOp::verify() {
  // apply_c1
  for (Type type : llvm::concat<const Type>(getInputs().getTypes(), TypeRange(getType())))
    if (!elementOf(type).isF32())
      return emitOpError("expected inputs and result to hold f32, got ") << type;
  return verifyBroadcast(*this, getInputs(), getType());
}

LogicalResult ApplyOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // apply_c2
  auto transform = symbols.lookupNearestSymbolFrom<TransformOp>(*this, getTransformAttr());
  if (!transform)
    return emitOpError("expected ") << getTransformAttr() << " to name a cce.transform";
  // apply_c1
  size_t wanted = transform.getFunctionType().getNumInputs();
  if (wanted != getInputs().size())
    return emitOpError("expected ") << wanted << " inputs for " << getTransformAttr() << ", got "
                                    << getInputs().size();
  return success();
}

LogicalResult OnehotOp::verify() {
  // onehot_c1
  TileType labels = getLabels().getType();
  if (labels.getRank() != 1 || !labels.getElementType().isInteger(32))
    return emitOpError("expected labels of rank 1 and i32, got ") << labels;
  StringAttr row = labels.getAxes()[0], axis = getAxis(getCoord());
  if (!axis || row == axis)
    return emitOpError("expected a coordinate of another axis than '") << row.getValue() << "'";
  // onehot_c2
  Type bit = IntegerType::get(getContext(), 1);
  if (getType() == TileType::get(getContext(), {axis, row}, bit))
    return success();
  return verifyResult(*this, {row, axis}, bit);
}
