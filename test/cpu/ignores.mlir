// What is not a kernel stays as it is.
// REQUIRES: cpu-target
// RUN: cce-opt %s --cce-to-cpu --cce-expand-vector-math | FileCheck %s

// CHECK: module {
// CHECK-NEXT: cce.transform @f(%x: f32) -> f32 {
// CHECK-NEXT: %0 = math.exp %x : f32
// CHECK-NEXT: cce.yield %0 : f32
// CHECK-NEXT: }
// CHECK-NEXT: llvm.func @g(%arg0: vector<16xf32>) -> vector<16xf32> {
// CHECK-NEXT: %0 = math.log %arg0 : vector<16xf32>
// CHECK-NEXT: llvm.return %0 : vector<16xf32>
// CHECK-NEXT: }
// CHECK-NEXT: }
cce.transform @f(%x: f32) -> f32 {
  %0 = math.exp %x : f32
  cce.yield %0 : f32
}
llvm.func @g(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.log %x : vector<16xf32>
  llvm.return %0 : vector<16xf32>
}
