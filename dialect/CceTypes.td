//===- CceTypes.td - types of the cce dialect --------------*- tablegen -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef CCE_TYPES_TD
#define CCE_TYPES_TD

include "dialect/CceDialect.td"
include "mlir/IR/AttrTypeBase.td"

class Cce_Type<string name, string typeMnemonic> : TypeDef<Cce_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Cce_OperandType : Cce_Type<"Operand", "operand"> {
  let summary = "the element type of the caller's matrices, chosen by `cce-specialize`";
  let description = [{
    Stands for `bf16`, `f16` or `f32` in a kernel source that serves all three.
  }];
}

def Cce_LseType : Cce_Type<"Lse", "lse"> {
  let summary = "state of an online log-sum-exp";
  let description = [{
    Two f32: m, the maximum of the terms times log2 e seen so far, and the sum of 2^(term·log2 e − m).
    m may also be a lower number, as long as the sum is below 2^102, or a reference that is given (`cce.lse_update`).
    The empty state is (−inf, 0). In memory it is the two numbers in this order, 8 bytes.
  }];
}

def Cce_CoordType : Cce_Type<"Coord", "coord"> {
  let summary = "position of the tile at hand along an axis";
  let description = [{
    Made by `cce.parallel` and `cce.reduce` only, whose axis it belongs to.
  }];
}
def Cce_Coord : Type<CPred<"::llvm::isa<::mlir::cce::CoordType>($_self)">, "coordinate">,
                BuildableType<"$_builder.getType<::mlir::cce::CoordType>()">;

class Cce_ShapedType<string name, string mnemonic> : Cce_Type<name, mnemonic> {
  let parameters = (ins ArrayRefParameter<"StringAttr">:$axes, "Type":$elementType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Cce_BufferType : Cce_ShapedType<"Buffer", "buffer"> {
  let summary = "memory that spans named axes";
  let description = [{
    Rank 0 to 2. `!cce.buffer<vocab x hidden x bf16>` has a row per vocabulary entry. Extents and
    strides belong to the call, not to the type.

    C1. the rank is at most 2.   C2. no axis appears twice.
    C3. the element is an integer, a float, `!cce.operand` or `!cce.lse`.
  }];
  let extraClassDeclaration = [{
    int64_t getRank() const { return getAxes().size(); }
  }];
}

def Cce_TileType : Cce_ShapedType<"Tile", "tile"> {
  let summary = "the part of a plane at the coordinates of the enclosing loops, as a value";
  let description = [{
    `!cce.tile<tokens x vocab x f32>`; rank 0 is a single value. Same constraints as `!cce.buffer`.
  }];
  let extraClassDeclaration = [{
    int64_t getRank() const { return getAxes().size(); }
  }];
}

def Cce_Buffer : Type<CPred<"::llvm::isa<::mlir::cce::BufferType>($_self)">, "buffer", "::mlir::cce::BufferType">;
def Cce_Tile : Type<CPred<"::llvm::isa<::mlir::cce::TileType>($_self)">, "tile", "::mlir::cce::TileType">;
def Cce_Scalar : AnyTypeOf<[F32, I1, I32], "scalar">;

#endif // CCE_TYPES_TD
