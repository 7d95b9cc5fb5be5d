//===- CceDialect.td - the cce dialect ---------------------*- tablegen -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef CCE_DIALECT_TD
#define CCE_DIALECT_TD

include "mlir/IR/OpBase.td"

def Cce_Dialect : Dialect {
  let name = "cce";
  let cppNamespace = "::mlir::cce";
  let summary = "tiles of matrix products over named axes, with reductions";
  let description = [{
    Kernels of linear cross-entropy, written for a tile of logits and for no machine in particular.

    *Axes are named.* A buffer says which axes it spans (`!cce.buffer<tokens x hidden x bf16>`), a
    loop says over which axis it runs, and a product contracts the axis that its two operands share
    and that no loop has fixed. Extents, tile sizes, memory spaces, pipelines and threads are not in
    the kernel: extents come from the caller, the rest from `#cce.config` and the passes.

    *Tiles are values.* `!cce.tile<tokens x vocab x f32>` is the part of a plane at the coordinates
    of the enclosing loops; it has no address and need never be stored. Elements of a tile beyond the
    extent of an axis (the last tile of an axis is usually not full) have no value: no op may let
    them influence an element within, which is what lowerings mask for.

    A kernel is one `cce.parallel` over output axes, in it optionally one `cce.reduce`, products,
    element-wise `cce.map`s and stores. docs/RationaleCce.md says why these ops and no others.
  }];
  let dependentDialects = ["arith::ArithDialect", "math::MathDialect"];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerTypes();
  }];
}

#endif // CCE_DIALECT_TD
