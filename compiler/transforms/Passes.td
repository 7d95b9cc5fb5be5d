//===- Passes.td - target-independent passes ---------------*- tablegen -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef CCE_TRANSFORMS_PASSES_TD
#define CCE_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def SpecializePass : Pass<"cce-specialize", "::mlir::ModuleOp"> {
  let summary = "fix the element type, the logit transform and the configuration of kernels";
  let description = [{
    A kernel source serves every element type and transform; this pass makes the one that a call
    needs. `!cce.operand` becomes the type of `operand`, the declaration of `@logit` gets the body of
    `transform`, every kernel gets `config`, and kernels other than `kernel`, if that is given, are
    dropped. Options that are not given leave their part as it is.

    Before, with `operand=bf16 transform=twice`:
    ```mlir
    cce.transform @twice(%x: f32, %bias: f32, %param: f32) -> f32 {
      %z = arith.addf %x, %x : f32
      cce.yield %z : f32
    }
    cce.transform private @logit(%x: f32, %bias: f32, %param: f32) -> f32
    cce.kernel @k(%x: !cce.buffer<tokens x !cce.operand>) {...}
    ```
    After:
    ```mlir
    cce.transform private @logit(%x: f32, %bias: f32, %param: f32) -> f32 {
      %z = arith.addf %x, %x : f32
      cce.yield %z : f32
    }
    cce.kernel @k(%x: !cce.buffer<tokens x bf16>) {...}
    ```
  }];
  let options = [
    Option<"kernel", "kernel", "std::string", "", "the kernel to keep">,
    Option<"operand", "operand", "std::string", "", "bf16, f16 or f32">,
    Option<"transform", "transform", "std::string", "", "the transform that becomes @logit">,
    Option<"config", "config", "std::string", "", "a #cce.config, its text after '#cce.config'">
  ];
  let dependentDialects = ["::mlir::cce::CceDialect"];
}

def DeriveTransformsPass : Pass<"cce-derive-transforms", "::mlir::ModuleOp"> {
  let summary = "make the derivatives of transforms";
  let description = [{
    For every `cce.apply derivative @f` adds `@f.derivative`, the derivative of f with respect to its
    first argument, by forward-mode differentiation of its body, and applies that instead. Knows
    arith.{addf, subf, mulf, divf, negf, maximumf, minimumf, maxnumf, minnumf, select, cmpf, constant}
    and math.{exp, log, tanh, sqrt, absf, log1p, exp2, erf, sin, cos}; any other op on a path from the
    first argument to the result is an error at that op.

    Before:
    ```mlir
    cce.transform @square(%x: f32) -> f32 {
      %z = arith.mulf %x, %x : f32
      cce.yield %z : f32
    }
    ... cce.apply derivative @square(%t) ...
    ```
    After (and `@square` as before):
    ```mlir
    cce.transform @square.derivative(%x: f32) -> f32 {
      %z = arith.addf %x, %x : f32
      cce.yield %z : f32
    }
    ... cce.apply @square.derivative(%t) ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

def InlineTransformsPass : Pass<"cce-inline-transforms", "::mlir::ModuleOp"> {
  let summary = "replace applications of transforms by maps";
  let description = [{
    Every `cce.apply` becomes a `cce.map` with the body of its transform; inputs that the body does not use are
    left out, so that what fed them alone (the bias of a transform without bias) disappears. Transforms without
    users are dropped. Afterwards no transform is left. Wants derivatives to have been made.

    Before:
    ```mlir
    cce.transform @twice(%x: f32, %bias: f32) -> f32 {
      %z = arith.addf %x, %x : f32
      cce.yield %z : f32
    }
    %z = cce.apply @twice(%x, %b) : (!cce.tile<vocab x f32>, !cce.tile<vocab x f32>) -> !cce.tile<vocab x f32>
    ```
    After:
    ```mlir
    %z = cce.map %x : !cce.tile<vocab x f32> -> !cce.tile<vocab x f32> {
    ^bb0(%a: f32):
      %0 = arith.addf %a, %a : f32
      cce.yield %0 : f32
    }
    ```
  }];
}

#endif // CCE_TRANSFORMS_PASSES_TD
