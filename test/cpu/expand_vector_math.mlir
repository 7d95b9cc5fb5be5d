// REQUIRES: cpu-target
// RUN: cce-opt %s --cce-expand-vector-math | FileCheck %s
// RUN: cce-opt %s --cce-expand-vector-math=vector-bits=512 | FileCheck %s --check-prefix=AVX512

// AVX512-LABEL: llvm.func @exp2(
// AVX512-NOT: arith.shrsi
// AVX512: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"
// AVX512-LABEL: llvm.func @exp(
// AVX512-NOT: llvm.call_intrinsic
// AVX512: arith.shrsi
// AVX512-LABEL: llvm.func @tanh(
// AVX512: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"

// CHECK-LABEL: llvm.func @exp2(
// CHECK-NOT: math.
// CHECK: arith.cmpf olt
// CHECK: arith.cmpf ogt
// CHECK-COUNT-6: vector.fma
// CHECK-NOT: vector.fma
// CHECK: arith.shrsi
// CHECK: llvm.return
llvm.func @exp2(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.exp2 %x : vector<16xf32>
  llvm.return %0 : vector<16xf32>
}

// Eight: two take n ln 2 off.
// CHECK-LABEL: llvm.func @exp(
// CHECK-NOT: math.
// CHECK-COUNT-8: vector.fma {{.*}} : vector<8xf32>
// CHECK-NOT: vector.fma
// CHECK: llvm.return
llvm.func @exp(%x: vector<8xf32>) -> vector<8xf32> {
  %0 = math.exp %x : vector<8xf32>
  llvm.return %0 : vector<8xf32>
}

// CHECK-LABEL: llvm.func @tanh(
// CHECK-NOT: math.tanh
// CHECK: arith.divf
// CHECK: math.copysign
// CHECK: llvm.return
llvm.func @tanh(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.tanh %x : vector<16xf32>
  llvm.return %0 : vector<16xf32>
}

// CHECK-LABEL: llvm.func @log1p(
// CHECK-NOT: math.log1p
// CHECK: math.log %
// CHECK: llvm.return
llvm.func @log1p(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.log1p %x : vector<16xf32>
  llvm.return %0 : vector<16xf32>
}

// CHECK-LABEL: llvm.func @others(
// CHECK: math.exp2 {{.*}} : f32
// CHECK: math.exp2 {{.*}} : vector<16xf64>
// CHECK: math.erf {{.*}} : vector<16xf32>
llvm.func @others(%x: f32, %y: vector<16xf64>, %z: vector<16xf32>) {
  %0 = math.exp2 %x : f32
  %1 = math.exp2 %y : vector<16xf64>
  %2 = math.erf %z : vector<16xf32>
  llvm.return
}
