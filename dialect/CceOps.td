//===- CceOps.td - operations of the cce dialect -----------*- tablegen -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef CCE_OPS_TD
#define CCE_OPS_TD

include "dialect/CceDialect.td"
include "dialect/CceTypes.td"
include "dialect/CceAttrs.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Cce_Op<string mnemonic, list<Trait> traits = []> : Op<Cce_Dialect, mnemonic, traits>;

//===----------------------------------------------------------------------===//
// Kernels and transforms
//===----------------------------------------------------------------------===//

def Cce_KernelOp : Cce_Op<"kernel", [Symbol, IsolatedFromAbove, NoTerminator, SingleBlock,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "a kernel over buffers and scalars";
  let description = [{
    The names of the arguments belong to the kernel: they are how the caller binds memory to it. The
    body is `cce.gather`s and other pure ops, then one `cce.parallel`.

    C1. arguments are buffers or scalars (f32, i1, i32).
    C2. the body holds exactly one `cce.parallel`, at its end.
    C3. as many names as arguments, all different.

    Example:
    ```mlir
    cce.kernel @scale(%x: !cce.buffer<tokens x f32>, %factor: f32, %y: !cce.buffer<tokens x f32>) {
      cce.parallel %i over tokens {
        %t = cce.load %x[%i] : !cce.buffer<tokens x f32>
        %r = cce.map %t, %factor : !cce.tile<tokens x f32>, f32 -> !cce.tile<tokens x f32> {
        ^bb0(%a: f32, %b: f32):
          %p = arith.mulf %a, %b : f32
          cce.yield %p : f32
        }
        cce.store %r, %y[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
      }
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$arg_names,
                       OptionalAttr<Cce_ConfigAttr>:$config);
  let regions = (region SizedRegion<1>:$body);
  // Custom: the names of the arguments in the text are kept, as an attribute.
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::Block *getBodyBlock() { return &getBody().front(); }
    /// The name of a kernel argument.
    ::llvm::StringRef getArgName(::mlir::BlockArgument arg);
    ParallelOp getParallel();
  }];
}

def Cce_TransformOp : Cce_Op<"transform", [Symbol, IsolatedFromAbove,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "an element-wise function of a logit";
  let description = [{
    A pure scalar function: `f(x, bias, param)` of the dot product x = E_i · C_v, of the bias of entry
    v and of a scalar that the caller passes (the softcap, say). Its body may use the ops of arith and math that
    `cce-derive-transforms` knows. Without a body it is a declaration: a hole that `cce-specialize`
    fills, and must be private.

    C1. arguments and result are f32, at least one argument.   C2. the body yields one f32.
    C3. only a private transform may lack a body.

    Example:
    ```mlir
    cce.transform @temperature(%x: f32, %bias: f32, %param: f32) -> f32 {
      %z = arith.divf %x, %param : f32
      cce.yield %z : f32
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<FunctionType>:$function_type,
                       OptionalAttr<StrAttr>:$sym_visibility);
  let regions = (region MaxSizedRegion<1>:$body);
  // Custom: a function signature with named arguments, and a body that may be missing.
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    bool isDeclaration() { return getBody().empty(); }
  }];
}

def Cce_YieldOp : Cce_Op<"yield", [Pure, Terminator, ReturnLike]> {
  let summary = "ends a region and gives its results";
  let description = [{
    Terminates `cce.reduce`, `cce.map` and `cce.transform`; the enclosing op checks the types.

    Example:
    ```mlir
    cce.transform @identity(%x: f32) -> f32 {
      cce.yield %x : f32
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$results);
  let assemblyFormat = "attr-dict ($results^ `:` type($results))?";
}

//===----------------------------------------------------------------------===//
// Loops over axes
//===----------------------------------------------------------------------===//

def Cce_ParallelOp : Cce_Op<"parallel", [NoTerminator, SingleBlock, HasParent<"KernelOp">,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "runs its body once for every tile of the plane that its axes span";
  let description = [{
    In any order and at the same time; the body gets the coordinates of its tile.

    C1. one or two axes, all different.   C2. one coordinate per axis.

    Example:
    ```mlir
    cce.kernel @zero(%g: !cce.buffer<tokens x vocab x f32>) {
      cce.parallel %i, %v over tokens, vocab {
        %z = cce.zero : !cce.tile<tokens x vocab x f32>
        cce.store %z, %g[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
      }
    }
    ```
  }];
  let arguments = (ins StrArrayAttr:$axes);
  let regions = (region SizedRegion<1>:$body);
  // Custom: coordinates are block arguments that stand beside their axes.
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::Block *getBodyBlock() { return &getBody().front(); }
  }];
}

def Cce_ReduceOp : Cce_Op<"reduce", [HasParent<"ParallelOp">, SingleBlock,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "folds the tiles of an axis into a state";
  let description = [{
    Runs its body for every tile of `axis`, in ascending order, with the state that the previous one
    yielded. With `part %s` of an axis made by the enclosing `cce.parallel`, only for the s-th of as
    many equal parts as that axis is long, so that several may work at the same time; the last of them
    is shorter if `#cce.config` says so (`last_part`).

    C1. the axis is not one of the enclosing `cce.parallel`.   C2. the state is a tile that does not
    span the axis, and the body yields its type.

    Example:
    ```mlir
    cce.kernel @row_sums(%g: !cce.buffer<tokens x vocab x f32>, %sums: !cce.buffer<tokens x f32>) {
      cce.parallel %i over tokens {
        %none = cce.zero : !cce.tile<tokens x f32>
        %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x f32> {
          %t = cce.load %g[%i, %v] : !cce.buffer<tokens x vocab x f32>
          %more = cce.accumulate %some, %t : !cce.tile<tokens x f32>, !cce.tile<tokens x vocab x f32>
          cce.yield %more : !cce.tile<tokens x f32>
        }
        cce.store %all, %sums[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
      }
    }
    ```
  }];
  let arguments = (ins StrAttr:$axis, Optional<Cce_Coord>:$part, Cce_Tile:$init);
  let results = (outs Cce_Tile:$result);
  let regions = (region SizedRegion<1>:$body);
  // Custom: as cce.parallel, and the state is a block argument bound to its first value.
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::Block *getBodyBlock() { return &getBody().front(); }
    ::mlir::BlockArgument getCoord() { return getBodyBlock()->getArgument(0); }
    ::mlir::BlockArgument getState() { return getBodyBlock()->getArgument(1); }
    YieldOp getYield();
  }];
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

def Cce_GatherOp : Cce_Op<"gather", [Pure, DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "a view of the rows that a list names";
  let description = [{
    Row k of the view is row `rows[k]` of `source`; nothing moves until the view is used. A negative
    entry names no row: loads give zero, stores do nothing.

    | value | type |
    |---|---|
    | source | `!cce.buffer<a x b x T>` or `!cce.buffer<a x T>` |
    | rows | `!cce.buffer<k x i32>` or `!cce.buffer<g x k x i32>` |
    | result | `!cce.buffer<k x b x T>` or `!cce.buffer<k x T>` |

    With rows of rank 2 there is a list for each group of tokens, one tile of them, and each list has a
    length of its own: the view is that of the tile of tokens at hand.

    C1. the source has an axis to index.   C2. rows has rank 1 or 2 and element i32.

    Example:
    ```mlir
    cce.kernel @copy(%x: !cce.buffer<positions x f32>, %rows: !cce.buffer<tokens x i32>,
                     %y: !cce.buffer<tokens x f32>) {
      %view = cce.gather %x[%rows] : !cce.buffer<positions x f32>, !cce.buffer<tokens x i32>
      cce.parallel %i over tokens {
        %t = cce.load %view[%i] : !cce.buffer<tokens x f32>
        cce.store %t, %y[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
      }
    }
    ```
  }];
  let arguments = (ins Cce_Buffer:$source, Cce_Buffer:$rows);
  let results = (outs Cce_Buffer:$result);
  let assemblyFormat = "$source `[` $rows `]` attr-dict `:` type($source) `,` type($rows)";
  let hasVerifier = 1;
}

def Cce_RowsOp : Cce_Op<"rows", [Pure]> {
  let summary = "which rows of its source a gathered view shows";
  let description = [{
    The entries of the list behind a `cce.gather`, for the tile at hand.

    C1. the view is made by a `cce.gather`, and the coordinate is of the axis of its list.
    C2. the result is a tile of i32 over that axis.

    Example:
    ```mlir
    cce.kernel @positions(%x: !cce.buffer<positions x f32>, %rows: !cce.buffer<tokens x i32>,
                          %y: !cce.buffer<tokens x i32>) {
      %view = cce.gather %x[%rows] : !cce.buffer<positions x f32>, !cce.buffer<tokens x i32>
      cce.parallel %i over tokens {
        %p = cce.rows %view[%i] : !cce.buffer<tokens x f32> -> !cce.tile<tokens x i32>
        cce.store %p, %y[%i] : !cce.tile<tokens x i32>, !cce.buffer<tokens x i32>
      }
    }
    ```
  }];
  let arguments = (ins Cce_Buffer:$view, Cce_Coord:$coord);
  let results = (outs Cce_Tile:$result);
  let assemblyFormat = "$view `[` $coord `]` attr-dict `:` type($view) `->` type($result)";
  let hasVerifier = 1;
}

def Cce_MarkOp : Cce_Op<"mark"> {
  let summary = "remembers for which classes some token reaches its threshold";
  let description = [{
    Sets bit (g, b) where value[a, b] >= threshold[a] for any row a of group g: rows of one tile are a
    group, or, with `by`, row a is of group groups[a]. Other bits stay. This is how the forward decides
    what a filtered backward must look at.

    C1. the value is a tile of f32 of rank 2, the threshold one of f32 over its first axis.
    C2. the target has rank 2 and element i1 (32 bits in a word), its last axis is the last of the value,
    its first is another than the value's axes.
    C3. groups, if given, are a tile of i32 over the value's first axis.

    Example:
    ```mlir
    cce.kernel @needed(%z: !cce.buffer<tokens x vocab x f32>, %threshold: !cce.buffer<tokens x f32>,
                       %bits: !cce.buffer<groups x vocab x i1>) {
      cce.parallel %i, %v over tokens, vocab {
        %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
        %t = cce.load %threshold[%i] : !cce.buffer<tokens x f32>
        cce.mark %x, %t, %bits : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x vocab x i1>
      }
    }
    ```
  }];
  let arguments = (ins Cce_Tile:$value, Cce_Tile:$threshold, Arg<Cce_Buffer, "", [MemWrite]>:$target,
                       Optional<Cce_Tile>:$groups);
  let assemblyFormat = "$value `,` $threshold `,` $target (`by` $groups^)? attr-dict `:` type($value) `,` "
                       "type($threshold) `,` type($target) (`,` type($groups)^)?";
  let hasVerifier = 1;
}

def Cce_TallyOp : Cce_Op<"tally"> {
  let summary = "adds up for every class what lies below a limit";
  let description = [{
    target[b] += sum over rows a with value[a, b] < limit[a] of round(2^22 exp(value[a, b] - limit[a])): how
    much of a softmax's tail each class has, in units of which the limit has 2^22. Sums of integers do not depend on
    their order, so tiles of any rows can add at the same time. Rows to be left out have a limit of -inf. Every class
    takes part of the rows alone, so that all tiles have about as much to do with it: with s = whole tiles of rows / `tiles`,
    rounded down and at least 1, the i-th tile of rows and the j-th of columns take part if i + i / s + j is a multiple of s.
    So twice `tiles` of them add to a sum at most, for which there is room if they have 1023 rows with a limit.

    C1. the value is a tile of f32 of rank 2, the limit one of f32 over its first axis.
    C2. the target is i32 over the value's last axis.   C3. `tiles` is positive.

    Example:
    ```mlir
    cce.kernel @tail(%z: !cce.buffer<tokens x vocab x f32>, %limit: !cce.buffer<tokens x f32>,
                     %sums: !cce.buffer<vocab x i32>) {
      cce.parallel %i, %v over tokens, vocab {
        %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
        %t = cce.load %limit[%i] : !cce.buffer<tokens x f32>
        cce.tally %x, %t, %sums tiles 16 : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<vocab x i32>
      }
    }
    ```
  }];
  let arguments = (ins Cce_Tile:$value, Cce_Tile:$limit, Arg<Cce_Buffer, "", [MemRead, MemWrite]>:$target,
                       I64Attr:$tiles);
  let assemblyFormat = "$value `,` $limit `,` $target `tiles` $tiles attr-dict `:` type($value) `,` type($limit) `,` type($target)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Binary digits of a sum's unit below the limit.
    static constexpr int64_t digits = 22;
  }];
}

def Cce_PickOp : Cce_Op<"pick"> {
  let summary = "keeps of every row the entry that its label names";
  let description = [{
    target[a] = value[a, labels[a]], where labels count from the start of the whole axis, as those of
    `cce.onehot` do. Of the tiles of an axis, also where several kernels have a chunk of it each, one has
    the label's entry, and that one stores it; a label that is no entry of the axis, -1, say, stores
    nothing. So the indexed matmul of Algorithm 1 comes out of the tiles that Algorithm 2 goes through.

    C1. the value is a tile of f32 of rank 2.   C2. labels are a tile of i32 over the value's first axis.
    C3. the target is f32 over that axis.

    Example:
    ```mlir
    cce.kernel @label_logits(%z: !cce.buffer<tokens x vocab x f32>, %labels: !cce.buffer<tokens x i32>,
                             %label_logit: !cce.buffer<tokens x f32>) {
      cce.parallel %i, %v over tokens, vocab {
        %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
        %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
        cce.pick %x, %y, %label_logit : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x i32>, !cce.buffer<tokens x f32>
      }
    }
    ```
  }];
  let arguments = (ins Cce_Tile:$value, Cce_Tile:$labels, Arg<Cce_Buffer, "", [MemWrite]>:$target);
  let assemblyFormat = "$value `,` $labels `,` $target attr-dict `:` type($value) `,` type($labels) `,` "
                       "type($target)";
  let hasVerifier = 1;
}

def Cce_SaveOp : Cce_Op<"save"> {
  let summary = "keeps a tile of logits in 16 bits each";
  let description = [{
    So that a later kernel need not compute them again. Of every row of the tile the largest value m goes
    to `maxima`, at the entry of the tile, and how far the others lie below it to `codes`, as unsigned
    multiples of 1/2048:

        codes[a, b] = min(round((m - value[a, b])·2048), 65535)

    exp(value) then comes back within a factor of 1 ± 2^-12. Code 65535 stands for nothing: for -inf,
    for columns beyond the extent of their axis, and for what lies 32 or more below the maximum, e^-32
    times it at most. Buffers of codes hold whole tiles.

    C1. the value is a tile of f32 of rank 2.   C2. the codes span its axes, in the same order, and have
    element i16.   C3. the maxima are f32 over an axis of tiles, other than the value's, and its first.

    Example:
    ```mlir
    cce.kernel @keep(%z: !cce.buffer<tokens x vocab x f32>, %codes: !cce.buffer<tokens x vocab x i16>,
                     %maxima: !cce.buffer<tiles x tokens x f32>) {
      cce.parallel %i, %v over tokens, vocab {
        %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
        cce.save %x, %codes, %maxima : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x i16>, !cce.buffer<tiles x tokens x f32>
      }
    }
    ```
  }];
  let arguments = (ins Cce_Tile:$value, Arg<Cce_Buffer, "", [MemWrite]>:$codes,
                       Arg<Cce_Buffer, "", [MemWrite]>:$maxima);
  let assemblyFormat = "$value `,` $codes `,` $maxima attr-dict `:` type($value) `,` type($codes) `,` "
                       "type($maxima)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Codes to 1 of the logits, and the one that stands for -inf.
    static constexpr int64_t steps = 2048, nothing = 65535;
  }];
}

def Cce_LoadOp : Cce_Op<"load", [AttrSizedOperandSegments, DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "reads the tile at the given coordinates";
  let description = [{
    A float element becomes f32, other elements stay what they are. With `if %condition` memory is
    not touched when the condition is false, and the tile is zero.

    C1. one coordinate per axis of the buffer, each of that axis.

    Example:
    ```mlir
    cce.kernel @take(%x: !cce.buffer<tokens x bf16>, %wanted: i1, %y: !cce.buffer<tokens x f32>) {
      cce.parallel %i over tokens {
        %t = cce.load %x[%i] if %wanted : !cce.buffer<tokens x bf16>
        cce.store %t, %y[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
      }
    }
    ```
  }];
  let arguments = (ins Arg<Cce_Buffer, "", [MemRead]>:$source, Variadic<Cce_Coord>:$coords,
                       Optional<I1>:$condition);
  let results = (outs Cce_Tile:$result);
  let assemblyFormat =
      "$source `[` $coords `]` (`if` $condition^)? attr-dict `:` type($source)";
  let hasVerifier = 1;
}

def Cce_StoreOp : Cce_Op<"store"> {
  let summary = "writes the tile at the given coordinates";
  let description = [{
    A float is rounded once, to nearest even, to the element of the buffer. Elements beyond the extent
    of an axis are not written, with one exception: the axis `tokens`, of which buffers hold whole
    tiles, whose elements beyond the extent are written as zero (a later product may read them).

    C1. one coordinate per axis of the buffer, each of that axis.   C2. the tile spans the axes of the
    buffer, in the same order, or all but the first, which is then written at one entry.   C3. both elements are floats, or they are equal.

    Example:
    ```mlir
    cce.kernel @zero(%x: !cce.buffer<vocab x bf16>) {
      cce.parallel %v over vocab {
        %z = cce.zero : !cce.tile<vocab x f32>
        cce.store %z, %x[%v] : !cce.tile<vocab x f32>, !cce.buffer<vocab x bf16>
      }
    }
    ```
  }];
  let arguments = (ins Cce_Tile:$value, Arg<Cce_Buffer, "", [MemWrite]>:$target,
                       Variadic<Cce_Coord>:$coords);
  let assemblyFormat =
      "$value `,` $target `[` $coords `]` attr-dict `:` type($value) `,` type($target)";
  let hasVerifier = 1;
}

def Cce_LoadHalvesOp : Cce_Op<"load_halves", [AttrSizedOperandSegments, DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "reads a tile of f32 whose halves lie in two buffers";
  let description = [{
    The upper 16 bits of every element come from one buffer and those below from the other, which has 8 of them, or 4,
    two elements a byte: so a sum can be kept in 24 or 20 bits between two kernels where there is only room for 16,
    and memory for a little more. The bits that are missing repeat those of the lower half, which is right on the
    average, and keeps zero, infinity and numbers of few bits what they are.
    With `if %condition` memory is not touched when the condition is false, and the tile is zero.

    Where in the two buffers the halves of an element lie is the target's choice, and follows from the extents of
    the axes too. They mean nothing to other ops, and only `cce.store_halves` to the same two buffers with the same
    extents, in a kernel of the same configuration, makes them. On sm_90a lower halves of i4 take whole strips of 16
    rows, of which the last one may have rows beyond the extent.

    C1. both buffers span the same two axes, and there is a coordinate for each.
    C2. the elements of the lower halves are i8 or i4, those of the upper ones have 16 bits.

    Example:
    ```mlir
    cce.kernel @widen(%upper: !cce.buffer<tokens x hidden x bf16>, %lower: !cce.buffer<tokens x hidden x i8>,
                      %y: !cce.buffer<tokens x hidden x f32>) {
      cce.parallel %i, %d over tokens, hidden {
        %t = cce.load_halves %upper, %lower[%i, %d] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
        cce.store %t, %y[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x f32>
      }
    }
    ```
  }];
  let arguments = (ins Arg<Cce_Buffer, "", [MemRead]>:$upper, Arg<Cce_Buffer, "", [MemRead]>:$lower,
                       Variadic<Cce_Coord>:$coords, Optional<I1>:$condition);
  let results = (outs Cce_Tile:$result);
  let assemblyFormat = "$upper `,` $lower `[` $coords `]` (`if` $condition^)? attr-dict `:` "
                       "type($upper) `,` type($lower)";
  let hasVerifier = 1;
}

def Cce_StoreHalvesOp : Cce_Op<"store_halves"> {
  let summary = "writes a tile of f32 in halves to two buffers";
  let description = [{
    What `cce.load_halves` reads. Elements are cut: of an f32 the lower 8 bits are left out, or with lower halves of
    i4 the lower 12. A NaN has to have one of the other bits of its fraction set, as those of arithmetic have. Of a row
    that a list does not name neither half is kept; elements beyond the extents have no upper halves, and lower ones
    at most in the last strip of rows.

    C1. both buffers span the axes of the tile, in the same order, and there is a coordinate for each.
    C2. the elements of the lower halves are i8 or i4, those of the upper ones have 16 bits.
    C3. the tile holds f32.

    Example:
    ```mlir
    cce.kernel @keep_24_bits(%x: !cce.buffer<tokens x hidden x f32>, %upper: !cce.buffer<tokens x hidden x bf16>,
                             %lower: !cce.buffer<tokens x hidden x i8>) {
      cce.parallel %i, %d over tokens, hidden {
        %t = cce.load %x[%i, %d] : !cce.buffer<tokens x hidden x f32>
        cce.store_halves %t, %upper, %lower[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
      }
    }
    cce.kernel @keep_20_bits(%x: !cce.buffer<vocab x hidden x f32>, %upper: !cce.buffer<vocab x hidden x bf16>,
                             %lower: !cce.buffer<vocab x hidden x i4>) {
      cce.parallel %v, %d over vocab, hidden {
        %t = cce.load %x[%v, %d] : !cce.buffer<vocab x hidden x f32>
        cce.store_halves %t, %upper, %lower[%v, %d] : !cce.tile<vocab x hidden x f32>, !cce.buffer<vocab x hidden x bf16>, !cce.buffer<vocab x hidden x i4>
      }
    }
    ```
  }];
  let arguments = (ins Cce_Tile:$value, Arg<Cce_Buffer, "", [MemWrite]>:$upper,
                       Arg<Cce_Buffer, "", [MemWrite]>:$lower, Variadic<Cce_Coord>:$coords);
  let assemblyFormat = "$value `,` $upper `,` $lower `[` $coords `]` attr-dict `:` type($value) `,` "
                       "type($upper) `,` type($lower)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Products and reductions
//===----------------------------------------------------------------------===//

class Cce_ProductOp<string mnemonic> : Cce_Op<mnemonic> {
  let arguments = (ins Arg<Cce_Buffer, "", [MemRead]>:$lhs, Cce_Coord:$lhsCoord,
                       Arg<Cce_Buffer, "", [MemRead]>:$rhs, Cce_Coord:$rhsCoord);
  let results = (outs Cce_Tile:$result);
  let assemblyFormat = "$lhs `[` $lhsCoord `]` `,` $rhs `[` $rhsCoord `]` attr-dict `:` "
                       "type($lhs) `,` type($rhs) `->` type($result)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The axis that the product sums over.
    ::mlir::StringAttr getContractedAxis();
  }];
}

def Cce_MatmulOp : Cce_ProductOp<"matmul"> {
  let summary = "the tile of a matrix product, contracted over the axis that its operands share";
  let description = [{
    result[a, b] = Σ_k lhs[a, k]·rhs[b, k] where a and b are the axes of the two coordinates and k the
    other axis of both operands, whichever way round they store it. Products of 16-bit floats are
    exact and everything is summed in f32.

    C1. both operands have rank 2 and the same float element.   C2. each coordinate is of an axis of
    its operand.   C3. the remaining axes are the same, and the two coordinates' axes differ.
    C4. the result is a tile of f32 over the two coordinates' axes, in order.

    Example:
    ```mlir
    cce.kernel @logits(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>,
                       %z: !cce.buffer<tokens x vocab x f32>) {
      cce.parallel %i, %v over tokens, vocab {
        %t = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
        cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
      }
    }
    ```
  }];
}

def Cce_DotOp : Cce_ProductOp<"dot"> {
  let summary = "row by row dot products";
  let description = [{
    result[a] = Σ_k lhs[a, k]·rhs[a, k], in f32: the indexed matmul of Algorithm 1 when one operand is
    a `cce.gather`.

    C1. both operands have rank 2 and the same float element.   C2. each coordinate is of an axis of
    its operand.   C3. the operands span the same two axes, and the coordinates are the same.
    C4. the result is a tile of f32 over the coordinate's axis.

    Example:
    ```mlir
    cce.kernel @pairs(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<tokens x hidden x bf16>,
                      %z: !cce.buffer<tokens x f32>) {
      cce.parallel %i over tokens {
        %t = cce.dot %a[%i], %b[%i] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x bf16> -> !cce.tile<tokens x f32>
        cce.store %t, %z[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
      }
    }
    ```
  }];
}

def Cce_ZeroOp : Cce_Op<"zero", [Pure]> {
  let summary = "a tile of zeros";
  let description = [{
    The neutral element of `cce.accumulate`. C1. the element is f32.

    Example:
    ```mlir
    cce.kernel @zero(%x: !cce.buffer<vocab x f32>) {
      cce.parallel %v over vocab {
        %z = cce.zero : !cce.tile<vocab x f32>
        cce.store %z, %x[%v] : !cce.tile<vocab x f32>, !cce.buffer<vocab x f32>
      }
    }
    ```
  }];
  let results = (outs Cce_Tile:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Cce_AccumulateOp : Cce_Op<"accumulate", [Pure, AllTypesMatch<["state", "result"]>]> {
  let summary = "adds up a tile along the axes that the state does not span";
  let description = [{
    result[a] = state[a] + Σ_b value[a, b].

    C1. the state spans all axes of the value but one; both elements are f32.

    Example: see `cce.reduce`.
    ```mlir
    cce.kernel @column_sums(%g: !cce.buffer<tokens x vocab x bf16>, %sums: !cce.buffer<vocab x f32>) {
      cce.parallel %v over vocab {
        %none = cce.zero : !cce.tile<vocab x f32>
        %all = cce.reduce %i over tokens from %some = %none : !cce.tile<vocab x f32> {
          %t = cce.load %g[%i, %v] : !cce.buffer<tokens x vocab x bf16>
          %more = cce.accumulate %some, %t : !cce.tile<vocab x f32>, !cce.tile<tokens x vocab x f32>
          cce.yield %more : !cce.tile<vocab x f32>
        }
        cce.store %all, %sums[%v] : !cce.tile<vocab x f32>, !cce.buffer<vocab x f32>
      }
    }
    ```
  }];
  let arguments = (ins Cce_Tile:$state, Cce_Tile:$value);
  let results = (outs Cce_Tile:$result);
  let assemblyFormat = "$state `,` $value attr-dict `:` type($state) `,` type($value)";
  let hasVerifier = 1;
}

def Cce_LseInitOp : Cce_Op<"lse_init", [Pure]> {
  let summary = "the log-sum-exp of nothing";
  let description = [{
    A tile of empty states, (−inf, 0). C1. the element is `!cce.lse`.

    Example: see `cce.lse_update`.
    ```mlir
    cce.kernel @empty(%x: !cce.buffer<tokens x !cce.lse>) {
      cce.parallel %i over tokens {
        %s = cce.lse_init : !cce.tile<tokens x !cce.lse>
        cce.store %s, %x[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
      }
    }
    ```
  }];
  let results = (outs Cce_Tile:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Cce_LseUpdateOp : Cce_Op<"lse_update", [Pure, AllTypesMatch<["state", "result"]>]> {
  let summary = "takes a tile of logits into the states of its rows";
  let description = [{
    The online log-sum-exp of Algorithm 2: with t = value·log2 e,
    m' = max(m, max_b t[a, b]) and s' = s·2^(m − m') + Σ_b 2^(t[a, b] − m'). A logit of −inf (a masked
    class) adds nothing, also when a whole tile or all so far are −inf; NaN and +inf come through.

    With `at` the exponent is known before any logit is: m' = reference[a]·log2 e and s' = s·2^(m − m') + Σ_b 2^(t[a, b] − m').
    A reduction has the same reference from its first tile to its last, so that nothing has to be scaled again; that sums neither
    vanish nor overflow is the caller's matter.

    C1. the state has element `!cce.lse` and spans all axes of the value but one; the value is f32.   C2. the reference
    is f32 over the axes of the state.

    Example:
    ```mlir
    cce.kernel @lse(%z: !cce.buffer<tokens x vocab x f32>, %out: !cce.buffer<tokens x !cce.lse>) {
      cce.parallel %i over tokens {
        %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
        %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
          %t = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
          %more = cce.lse_update %some, %t : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
          cce.yield %more : !cce.tile<tokens x !cce.lse>
        }
        cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
      }
    }
    ```
  }];
  let arguments = (ins Cce_Tile:$state, Cce_Tile:$value, Optional<Cce_Tile>:$reference);
  let results = (outs Cce_Tile:$result);
  let assemblyFormat = "$state `,` $value (`at` $reference^)? attr-dict `:` type($state) `,` type($value) (`,` type($reference)^)?";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Element-wise
//===----------------------------------------------------------------------===//

def Cce_MapOp : Cce_Op<"map", [Pure, SingleBlock]> {
  let summary = "applies scalar code to every element";
  let description = [{
    A tile among the inputs that lacks an axis of the result is repeated along it; a scalar is
    repeated along all. The region is pure.

    C1. inputs are scalars or tiles over axes of the result.   C2. the region takes one element of
    each input and yields one element of the result.

    Example: see `cce.kernel`.
    ```mlir
    cce.kernel @outer(%x: !cce.buffer<tokens x f32>, %y: !cce.buffer<vocab x f32>,
                      %z: !cce.buffer<tokens x vocab x f32>) {
      cce.parallel %i, %v over tokens, vocab {
        %a = cce.load %x[%i] : !cce.buffer<tokens x f32>
        %b = cce.load %y[%v] : !cce.buffer<vocab x f32>
        %c = cce.map %a, %b : !cce.tile<tokens x f32>, !cce.tile<vocab x f32> -> !cce.tile<tokens x vocab x f32> {
        ^bb0(%p: f32, %q: f32):
          %r = arith.addf %p, %q : f32
          cce.yield %r : f32
        }
        cce.store %c, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
      }
    }
    ```
  }];
  let arguments = (ins Variadic<AnyTypeOf<[Cce_Tile, Cce_Scalar]>>:$inputs);
  let results = (outs Cce_Tile:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$inputs attr-dict `:` type($inputs) `->` type($result) $body";
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::Block *getBodyBlock() { return &getBody().front(); }
  }];
}

def Cce_ApplyOp : Cce_Op<"apply", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "applies a transform, or its derivative, to every element";
  let description = [{
    As a `cce.map` with the body of the transform; with `derivative`, of its derivative with respect to the
    first argument, which `cce-derive-transforms` makes.

    C1. inputs are scalars or tiles over axes of the result, all f32, as many as the transform takes.
    C2. the symbol names a `cce.transform`.

    Example:
    ```mlir
    cce.transform @double(%x: f32) -> f32 {
      %y = arith.addf %x, %x : f32
      cce.yield %y : f32
    }
    cce.kernel @twice(%x: !cce.buffer<tokens x f32>, %y: !cce.buffer<tokens x f32>) {
      cce.parallel %i over tokens {
        %a = cce.load %x[%i] : !cce.buffer<tokens x f32>
        %b = cce.apply @double(%a) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
        cce.store %b, %y[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
      }
    }
    ```
  }];
  let arguments = (ins UnitAttr:$derivative, FlatSymbolRefAttr:$transform,
                       Variadic<AnyTypeOf<[Cce_Tile, F32]>>:$inputs);
  let results = (outs Cce_Tile:$result);
  let assemblyFormat = "(`derivative` $derivative^)? $transform `(` $inputs `)` attr-dict `:` "
                       "functional-type($inputs, $result)";
  let hasVerifier = 1;
}

def Cce_OnehotOp : Cce_Op<"onehot", [Pure]> {
  let summary = "where an axis passes the entry that each row names";
  let description = [{
    result[a, b] = (labels[a] == b), b counted from the start of the whole axis also when the kernel
    works on a chunk of it.

    C1. labels is a tile of rank 1 of i32, over another axis than the coordinate's.
    C2. the result is a tile of i1 over the labels' axis and the coordinate's, in either order.

    Example:
    ```mlir
    cce.kernel @hits(%labels: !cce.buffer<tokens x i32>, %g: !cce.buffer<tokens x vocab x f32>) {
      cce.parallel %i, %v over tokens, vocab {
        %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
        %hit = cce.onehot %y, %v : !cce.tile<tokens x i32> -> !cce.tile<tokens x vocab x i1>
        %one = cce.map %hit : !cce.tile<tokens x vocab x i1> -> !cce.tile<tokens x vocab x f32> {
        ^bb0(%h: i1):
          %f = arith.uitofp %h : i1 to f32
          cce.yield %f : f32
        }
        cce.store %one, %g[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
      }
    }
    ```
  }];
  let arguments = (ins Cce_Tile:$labels, Cce_Coord:$coord);
  let results = (outs Cce_Tile:$result);
  let assemblyFormat = "$labels `,` $coord attr-dict `:` type($labels) `->` type($result)";
  let hasVerifier = 1;
}

#endif // CCE_OPS_TD
