//===- Passes.td - passes of the CPU target ----------------*- tablegen -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef CCE_CPU_PASSES_TD
#define CCE_CPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerToCpuPass : Pass<"cce-to-cpu", "::mlir::ModuleOp"> {
  let summary = "lower kernels to loops over vectors";
  let description = [{
    Every `cce.kernel` becomes a function `void kernel(const uint64_t *slots)` of llvm, scf, arith, math
    and vector ops with a `cce.manifest` that says what the slots hold. A product is computed as in
    BLIS: blocks of both operands are packed as f32 (whatever their element type, strides and gathered
    rows), a micro-kernel accumulates a block of the result in scratch memory, and maps, reductions and
    stores then run over that block, a vector of elements at a time. Packing and micro-kernels are
    internal functions that the kernels of a module share.

    The rows of the plane of tiles are walked in groups, within a group the columns in ascending order:
    the state of a `cce.reduce` is a vector in scratch memory. Nothing depends on the range of tiles
    that a call works on, so results are the same for any number of threads.

    Wants element types to be fixed (`cce-specialize`) and transforms inlined (`cce-inline-transforms`).
    A kernel of another structure than one product or none, maps, at most one `cce.reduce` and stores is
    an error at the op that does not fit. Other ops than kernels are left alone.

    Before:
    ```mlir
    cce.kernel @twice(%x: !cce.buffer<tokens x f32>, %y: !cce.buffer<tokens x f32>) {
      cce.parallel %i over tokens {
        %t = cce.load %x[%i] : !cce.buffer<tokens x f32>
        %r = cce.map %t : !cce.tile<tokens x f32> -> !cce.tile<tokens x f32> {
        ^bb0(%a: f32):
          %s = arith.addf %a, %a : f32
          cce.yield %s : f32
        }
        cce.store %r, %y[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
      }
    }
    ```
    After:
    ```mlir
    llvm.func @twice(%slots: !llvm.ptr) attributes {cce.manifest = {entry = "twice", ...}} {
      ...
      scf.for %start = %begin to %end step %c256_i64 : i64 {
        llvm.call @cce_transpose_f32(...)             // the tile of x to scratch memory
        scf.for %c = %c0_i64 to %columns step %c16_i64 : i64 {
          %a = llvm.load ... : !llvm.ptr -> vector<16xf32>
          %s = arith.addf %a, %a : vector<16xf32>
          llvm.store %s, ... : vector<16xf32>, !llvm.ptr
        }
        llvm.call @cce_write_f32(...)
      }
      llvm.return
    }
    ```
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "int64_t", "512",
           "width of the machine's vector registers: 256 or 512; decides the micro-kernel's shape">
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect",
                           "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

def ExpandVectorMathPass : Pass<"cce-expand-vector-math"> {
  let summary = "replace exp, exp2, tanh and log1p of vectors of f32 by arithmetic";
  let description = [{
    LLVM has no vector code for the first three and would call libm once per lane. The polynomials are within
    2 ulp, and infinities, NaNs and results below the normal range are right. `log1p` becomes a corrected
    logarithm, where the lowering to LLVM would take the logarithm of 1 + x. Other functions and scalars stay
    as they are.

    Before:
    ```mlir
    %y = math.exp2 %x : vector<16xf32>
    ```
    After, shortened:
    ```mlir
    %n = arith.addf %x, %magic : vector<16xf32>      // round to an integer in the low bits
    %f = ...                                          // x - n, in [-0.5, 0.5]
    %p = vector.fma %f, %q, %c0 : vector<16xf32>      // six of them
    %y = arith.mulf %p, %scale : vector<16xf32>       // 2^n
    ```
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "int64_t", "256",
           "with 512, p * 2^n of 16 lanes is one instruction of AVX-512">
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

#endif // CCE_CPU_PASSES_TD
