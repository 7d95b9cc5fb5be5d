//===- Evaluator.h - tiles as vectors of elements -----------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// Tiles of maps are never stored: their elements are computed where they are needed, a vector at a
// time, from those that are in scratch memory (loads, products, states).
//===----------------------------------------------------------------------===//
#ifndef CCE_COMPILER_CPU_EVALUATOR_H
#define CCE_COMPILER_CPU_EVALUATOR_H

#include "compiler/cpu/Emitter.h"
#include "dialect/CceOps.h"

namespace mlir::cce::cpu {

/// `lanes` elements of a tile: of one entry of the scalar axis, along the vector axis. Indices
/// count from the first entry in scratch memory, which is entry `start` of the axis.
struct Position {
  StringAttr vectorAxis;
  Value vectorIndex, vectorStart;
  StringAttr scalarAxis; ///< null on a line
  Value scalarIndex, scalarStart;
};

using Cache = DenseMap<Value, Value>;

class Evaluator {
public:
  explicit Evaluator(Emitter &e) : e(e) {}

  /// The tile is one number.
  void bindScalar(Value tile, Value scalar) { scalars[tile] = scalar; }
  /// The tile lies along its axis.
  void bindLine(Value tile, Value base) { lines[tile] = base; }
  /// The tile lies in rows (scalar axis) of so many elements; its first row is row `firstRow`.
  void bindPlane(Value tile, Value base, int64_t pitch, Value firstRow) {
    planes[tile] = {base, pitch, firstRow};
  }
  /// Index of the first entry of the call's chunk of an axis (for cce.onehot and cce.pick).
  void bindOrigin(StringAttr axis, Value origin) { origins[axis] = origin; }
  Value originOf(StringAttr axis) { return origins.lookup(axis); }

  /// The elements at a position. What the cache knows is taken from it and what is computed goes
  /// there.
  Value evaluate(Value tile, const Position &at, Cache &cache);
  /// Computes those parts of a tile that do not vary along the vector axis.
  void hoist(Value tile, const Position &at, Cache &cache);
  /// Whether some tile could not be evaluated; it has been diagnosed.
  bool hasFailed() const { return failed; }

private:
  struct Plane {
    Value base;
    int64_t pitch;
    Value firstRow;
  };

  Value compute(Value tile, const Position &at, Cache &cache);
  Value load(Value tile, Value base, const Position &at);
  Value map(MapOp op, const Position &at, Cache &cache);
  Value onehot(OnehotOp op, const Position &at, Cache &cache);

  Emitter &e;
  DenseMap<Value, Value> scalars, lines;
  DenseMap<Value, Plane> planes;
  DenseMap<StringAttr, Value> origins;
  bool failed = false;
};

} // namespace mlir::cce::cpu

#endif // CCE_COMPILER_CPU_EVALUATOR_H
