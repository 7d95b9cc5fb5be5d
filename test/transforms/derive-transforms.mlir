// RUN: cce-opt %s --cce-derive-transforms --split-input-file --verify-diagnostics | FileCheck %s
// Whether the derivatives are right as numbers is tested with kernels that run (test/unit); here, that they have the terms that
// the rules of differentiation give and no others.

// The product rule; the application of the derivative becomes that of a new transform, and the old one stays.
// CHECK-LABEL: cce.transform @square(
// CHECK: arith.mulf
// CHECK-LABEL: cce.transform private @square.derivative(
// CHECK-SAME: %[[X:.*]]: f32) -> f32 {
// CHECK-DAG: %[[ONE:.*]] = arith.constant 1.000000e+00
// CHECK-DAG: %[[A:.*]] = arith.mulf %[[ONE]], %[[X]]
// CHECK-DAG: %[[B:.*]] = arith.mulf %[[ONE]], %[[X]]
// CHECK: %[[SUM:.*]] = arith.addf %[[A]], %[[B]]
// CHECK: cce.yield %[[SUM]]
// CHECK-LABEL: cce.kernel @product_rule(
// CHECK: cce.apply @square.derivative(%{{.*}}) :
// CHECK: cce.apply @square(%{{.*}}) :
// CHECK-NOT: derivative @
cce.transform @square(%x: f32) -> f32 {
  %z = arith.mulf %x, %x : f32
  cce.yield %z : f32
}
cce.kernel @product_rule(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %t = cce.load %x[%i] : !cce.buffer<tokens x f32>
    %d = cce.apply derivative @square(%t) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
    %z = cce.apply @square(%t) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
  }
}

// -----

// The softcap of Gemma 2: p.tanh(x / p) becomes (1 / p).(1 - tanh^2).p. The parameter is not differentiated by, so the quotient
// rule has one term; the tanh is that of the transform itself, computed once.
// CHECK-LABEL: cce.transform private @softcap.derivative(
// CHECK-SAME: %[[X:.*]]: f32, %[[P:.*]]: f32) -> f32 {
// CHECK: %[[ONE:.*]] = arith.constant 1.000000e+00
// CHECK: %[[U:.*]] = arith.divf %[[X]], %[[P]]
// CHECK: %[[DU:.*]] = arith.divf %[[ONE]], %[[P]]
// CHECK: %[[T:.*]] = math.tanh %[[U]]
// CHECK-NOT: math.tanh
// CHECK-DAG: %[[SQUARE:.*]] = arith.mulf %[[T]], %[[T]]
// CHECK: %[[SLOPE:.*]] = arith.subf %{{.*}}, %[[SQUARE]]
// CHECK: %[[DT:.*]] = arith.mulf %[[DU]], %[[SLOPE]]
// CHECK: %[[DZ:.*]] = arith.mulf %[[DT]], %[[P]]
// CHECK: cce.yield %[[DZ]]
cce.transform @softcap(%x: f32, %param: f32) -> f32 {
  %u = arith.divf %x, %param : f32
  %t = math.tanh %u : f32
  %z = arith.mulf %t, %param : f32
  cce.yield %z : f32
}
cce.kernel @softcap_kernel(%x: !cce.buffer<tokens x f32>, %p: f32) {
  cce.parallel %i over tokens {
    %t = cce.load %x[%i] : !cce.buffer<tokens x f32>
    %d = cce.apply derivative @softcap(%t, %p) : (!cce.tile<tokens x f32>, f32) -> !cce.tile<tokens x f32>
  }
}

// -----

// A comparison has no derivative, but what it chooses between has.
// CHECK-LABEL: cce.transform private @leaky.derivative(
// CHECK-SAME: %[[X:.*]]: f32) -> f32 {
// CHECK: %[[ONE:.*]] = arith.constant 1.000000e+00
// CHECK: %[[POSITIVE:.*]] = arith.cmpf ogt, %[[X]]
// CHECK: %[[LOW:.*]] = arith.mulf %[[ONE]], %{{.*}}
// CHECK: %[[D:.*]] = arith.select %[[POSITIVE]], %[[ONE]], %[[LOW]]
// CHECK: cce.yield %[[D]]
cce.transform @leaky(%x: f32) -> f32 {
  %zero = arith.constant 0.0 : f32
  %slope = arith.constant 0.1 : f32
  %positive = arith.cmpf ogt, %x, %zero : f32
  %low = arith.mulf %x, %slope : f32
  %z = arith.select %positive, %x, %low : f32
  cce.yield %z : f32
}
cce.kernel @leaky_kernel(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %t = cce.load %x[%i] : !cce.buffer<tokens x f32>
    %d = cce.apply derivative @leaky(%t) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
  }
}

// -----

// What does not depend on the first argument has the derivative zero, whatever it is made of.
// CHECK-LABEL: cce.transform private @flat.derivative(
// CHECK: math.rsqrt
// CHECK: %[[ZERO:.*]] = arith.constant 0.000000e+00
// CHECK: cce.yield %[[ZERO]]
cce.transform @flat(%x: f32, %bias: f32) -> f32 {
  %r = math.rsqrt %bias : f32
  cce.yield %r : f32
}
cce.kernel @flat_kernel(%x: !cce.buffer<tokens x f32>, %b: f32) {
  cce.parallel %i over tokens {
    %t = cce.load %x[%i] : !cce.buffer<tokens x f32>
    %d = cce.apply derivative @flat(%t, %b) : (!cce.tile<tokens x f32>, f32) -> !cce.tile<tokens x f32>
  }
}

// -----

// Two applications share one derivative.
// CHECK-LABEL: cce.transform @f(
// CHECK-LABEL: cce.transform private @f.derivative(
// CHECK-NOT: cce.transform
// CHECK-COUNT-2: cce.apply @f.derivative(
cce.transform @f(%x: f32) -> f32 {
  %z = math.exp %x : f32
  cce.yield %z : f32
}
cce.kernel @shared(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %t = cce.load %x[%i] : !cce.buffer<tokens x f32>
    %a = cce.apply derivative @f(%t) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
    %b = cce.apply derivative @f(%a) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
  }
}

// -----

// Without an application of a derivative nothing happens, even if the transform has none.
// CHECK-LABEL: cce.transform @no_derivative(
// CHECK-NOT: derivative(
// CHECK-LABEL: cce.kernel @does_nothing(
// CHECK: cce.apply @no_derivative(
cce.transform @no_derivative(%x: f32) -> f32 {
  %r = math.rsqrt %x : f32
  cce.yield %r : f32
}
cce.kernel @does_nothing(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %t = cce.load %x[%i] : !cce.buffer<tokens x f32>
    %d = cce.apply @no_derivative(%t) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
  }
}

// -----

// An op without a known derivative on the way from the first argument to the result: the error is at the op.
cce.transform @unknown(%x: f32) -> f32 {
  // expected-error@below {{'math.rsqrt' op expected an operation with a known derivative in a transform that is differentiated}}
  %r = math.rsqrt %x : f32
  cce.yield %r : f32
}
cce.kernel @unknown_kernel(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %t = cce.load %x[%i] : !cce.buffer<tokens x f32>
    %d = cce.apply derivative @unknown(%t) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
  }
}

// -----

// A declaration can not be differentiated; cce-specialize fills it first.
// expected-error@below {{'cce.transform' op expected a body to differentiate}}
cce.transform private @hole(%x: f32) -> f32
cce.kernel @hole_kernel(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %t = cce.load %x[%i] : !cce.buffer<tokens x f32>
    %d = cce.apply derivative @hole(%t) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
  }
}
