// RUN: cce-opt %s --pass-pipeline='builtin.module(gpu.module(cce-overlap-launches))' | FileCheck %s

// A kernel waits before it does anything, reads its arguments' memory above all, and lets the next one come.
// CHECK-LABEL: llvm.func @kernel(
// CHECK-SAME: cce.manifest = {entry = "kernel", overlaps = 1 : i64}
// CHECK-NEXT: llvm.inline_asm has_side_effects "griddepcontrol.wait;", "~{memory}"
// CHECK-NEXT: llvm.inline_asm has_side_effects "griddepcontrol.launch_dependents;", "~{memory}"
// CHECK-NEXT: llvm.load
// What a kernel calls, which has no manifest, does not.
// CHECK-LABEL: llvm.func @called(
// CHECK-NOT: griddepcontrol
gpu.module @kernels {
  llvm.func @kernel(%p: !llvm.ptr<1>) attributes {cce.manifest = {entry = "kernel"}, nvvm.kernel} {
    %x = llvm.load %p : !llvm.ptr<1> -> i32
    llvm.call @called(%x) : (i32) -> ()
    llvm.return
  }
  llvm.func @called(%x: i32) {
    llvm.return
  }
}
