// RUN: cce-opt %s --cce-inline-transforms --split-input-file --verify-diagnostics | FileCheck %s

// An application becomes a map with the body of the transform. The bias, which the body does not use, is not an input, and the
// load that fed it alone is gone; no transform is left.
// CHECK-NOT: cce.transform
// CHECK-LABEL: cce.kernel @unused_input(
// CHECK: %[[X:.*]] = cce.load %x[
// CHECK-NOT: cce.load
// CHECK: %[[Z:.*]] = cce.map %[[X]], %k : !cce.tile<tokens x vocab x f32>, f32 -> <tokens x vocab x f32> {
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[K:.*]]: f32):
// CHECK-NEXT: %[[P:.*]] = arith.mulf %[[A]], %[[K]]
// CHECK-NEXT: cce.yield %[[P]]
// CHECK: cce.store %[[Z]]
// CHECK-NOT: cce.transform
cce.transform @scale(%x: f32, %bias: f32, %param: f32) -> f32 {
  %z = arith.mulf %x, %param : f32
  cce.yield %z : f32
}
cce.kernel @unused_input(%x: !cce.buffer<tokens x vocab x f32>, %bias: !cce.buffer<vocab x f32>, %k: f32) {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %b = cce.load %bias[%v] : !cce.buffer<vocab x f32>
    %z = cce.apply @scale(%t, %b, %k) : (!cce.tile<tokens x vocab x f32>, !cce.tile<vocab x f32>, f32) -> !cce.tile<tokens x vocab x f32>
    cce.store %z, %x[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

// A bias that is gathered: the view goes with its only load.
// CHECK-LABEL: cce.kernel @unused_view(
// CHECK-NOT: cce.gather
// CHECK: cce.store
cce.transform @identity(%x: f32, %bias: f32) -> f32 {
  cce.yield %x : f32
}
cce.kernel @unused_view(%x: !cce.buffer<tokens x f32>, %bias: !cce.buffer<vocab x f32>, %labels: !cce.buffer<tokens x i32>) {
  %view = cce.gather %bias[%labels] : !cce.buffer<vocab x f32>, !cce.buffer<tokens x i32>
  cce.parallel %i over tokens {
    %t = cce.load %x[%i] : !cce.buffer<tokens x f32>
    %b = cce.load %view[%i] : !cce.buffer<tokens x f32>
    %z = cce.apply @identity(%t, %b) : (!cce.tile<tokens x f32>, !cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
    cce.store %z, %x[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}

// -----

// A kernel that applies nothing stays as it is.
// CHECK-LABEL: cce.kernel @does_nothing(
// CHECK: %[[T:.*]] = cce.load
// CHECK-NEXT: cce.store %[[T]]
cce.kernel @does_nothing(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %t = cce.load %x[%i] : !cce.buffer<tokens x f32>
    cce.store %t, %x[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}

// -----

// A hole that nothing has filled.
cce.transform private @logit(%x: f32) -> f32
cce.kernel @hole(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %t = cce.load %x[%i] : !cce.buffer<tokens x f32>
    // expected-error@below {{'cce.apply' op expected @logit to have a body}}
    %z = cce.apply @logit(%t) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
  }
}

// -----

// A derivative that nothing has made.
cce.transform @f(%x: f32) -> f32 {
  cce.yield %x : f32
}
cce.kernel @derivative(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %t = cce.load %x[%i] : !cce.buffer<tokens x f32>
    // expected-error@below {{'cce.apply' op expected derivatives to have been made by cce-derive-transforms}}
    %z = cce.apply derivative @f(%t) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
  }
}
