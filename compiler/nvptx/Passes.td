//===- Passes.td - lowering to NVIDIA GPUs -----------------*- tablegen -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef CCE_NVPTX_PASSES_TD
#define CCE_NVPTX_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerToNvvmPass : Pass<"cce-to-nvvm", "::mlir::ModuleOp"> {
  let summary = "lower kernels to Hopper (sm_90a), in the nvvm dialect";
  let description = [{
    Every `cce.kernel` becomes an `llvm.func` in a `gpu.module`, with its manifest (docs/architecture.md)
    as the attribute `cce.manifest`.

    *Kernels with a `cce.matmul`* are persistent and warp-specialised: one producer warp moves tiles of
    both operands by TMA into a ring of `stages` buffers guarded by mbarriers, two consumer warpgroups
    multiply them by wgmma, `tile_m` / 2 rows each, and run the rest of the body on the accumulator
    where it stands, in registers. Rows of a `cce.gather` are fetched one by one where the list is not
    contiguous, and in one box where it is.

    *Kernels with a `cce.dot`* take a warp per row. *Column sums* (`cce.accumulate` in a `cce.reduce`)
    take a block for 32 columns.

    Wants concrete element types (`cce-specialize`) and no transforms (`cce-inline-transforms`).

    Before (types shortened):
    ```mlir
    cce.kernel @k(%a: ..., %b: ..., %z: ...) {
      cce.parallel %i, %v over tokens, vocab {
        %t = cce.matmul %a[%i], %b[%v] : ...
        cce.store %t, %z[%i, %v] : ...
      }
    }
    ```
    After:
    ```mlir
    gpu.module @kernels {
      llvm.func @k(%a_map: !llvm.ptr {llvm.byval = ...}, ...) attributes {cce.manifest = {...}, nvvm.kernel, ...} {
        ... // barriers, then scf.if on the warpgroup: producer or consumer
      }
    }
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect", "::mlir::gpu::GPUDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect"];
}

def OverlapLaunchesPass : Pass<"cce-overlap-launches", "::mlir::gpu::GPUModuleOp"> {
  let summary = "let a kernel be launched before the one ahead of it has finished";
  let description = [{
    Every function with a `cce.manifest` begins with `griddepcontrol.wait`, which returns when the kernel ahead of it in the stream has finished
    and what it has written can be seen (PTX ISA, Parallel Synchronization and Communication Instructions), and then lets the kernel behind it be launched. Its manifest says so
    (`overlaps`), and the runtime allows it (programmatic stream serialization). What a launch takes then no longer stands between two
    kernels; blocks of the next one come up as those of this one leave.

    Before:
    ```mlir
    llvm.func @k(%p: !llvm.ptr<1>) attributes {cce.manifest = {...}, nvvm.kernel} {
      ...
    ```
    After:
    ```mlir
    llvm.func @k(%p: !llvm.ptr<1>) attributes {cce.manifest = {..., overlaps = 1 : i64}, nvvm.kernel} {
      llvm.inline_asm has_side_effects "griddepcontrol.wait;", "~{memory}" : () -> ()
      llvm.inline_asm has_side_effects "griddepcontrol.launch_dependents;", "~{memory}" : () -> ()
      ...
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // CCE_NVPTX_PASSES_TD
