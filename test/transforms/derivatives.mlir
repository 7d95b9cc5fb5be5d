// RUN: cce-opt %s --cce-derive-transforms --canonicalize | FileCheck %s
// One case for every op that cce-derive-transforms knows: the part of the derivative that is the op's own.

// CHECK-LABEL: @exp.derivative(
// CHECK: %[[Y:.*]] = math.exp
// CHECK: cce.yield %[[Y]]
cce.transform @exp(%x: f32) -> f32 {
  %y = math.exp %x : f32
  cce.yield %y : f32
}

// The factor is ln 2.
// CHECK-LABEL: @exp2.derivative(
// CHECK: %[[LN2:.*]] = arith.constant 0.693147
// CHECK: %[[Y:.*]] = math.exp2
// CHECK: arith.mulf %[[Y]], %[[LN2]]
cce.transform @exp2(%x: f32) -> f32 {
  %y = math.exp2 %x : f32
  cce.yield %y : f32
}

// CHECK-LABEL: @log.derivative(%x: f32)
// CHECK: arith.divf %{{.*}}, %x
cce.transform @log(%x: f32) -> f32 {
  %y = math.log %x : f32
  cce.yield %y : f32
}

// CHECK-LABEL: @log1p.derivative(%x: f32)
// CHECK: %[[ONE:.*]] = arith.constant 1.0
// CHECK: %[[SUM:.*]] = arith.addf %x, %[[ONE]]
// CHECK: arith.divf %[[ONE]], %[[SUM]]
cce.transform @log1p(%x: f32) -> f32 {
  %y = math.log1p %x : f32
  cce.yield %y : f32
}

// CHECK-LABEL: @sqrt.derivative(
// CHECK: %[[Y:.*]] = math.sqrt
// CHECK: %[[TWICE:.*]] = arith.addf %[[Y]], %[[Y]]
// CHECK: arith.divf %{{.*}}, %[[TWICE]]
cce.transform @sqrt(%x: f32) -> f32 {
  %y = math.sqrt %x : f32
  cce.yield %y : f32
}

// CHECK-LABEL: @abs.derivative(%x: f32)
// CHECK: math.copysign %{{.*}}, %x
cce.transform @abs(%x: f32) -> f32 {
  %y = math.absf %x : f32
  cce.yield %y : f32
}

// The factor is 2 / sqrt(pi).
// CHECK-LABEL: @erf.derivative(%x: f32)
// CHECK: arith.constant 1.128379
// CHECK: %[[SQUARE:.*]] = arith.mulf %x, %x
// CHECK: %[[MINUS:.*]] = arith.negf %[[SQUARE]]
// CHECK: math.exp %[[MINUS]]
cce.transform @erf(%x: f32) -> f32 {
  %y = math.erf %x : f32
  cce.yield %y : f32
}

// CHECK-LABEL: @sin.derivative(%x: f32)
// CHECK: math.cos %x
cce.transform @sin(%x: f32) -> f32 {
  %y = math.sin %x : f32
  cce.yield %y : f32
}

// CHECK-LABEL: @cos.derivative(%x: f32)
// CHECK: %[[S:.*]] = math.sin %x
// CHECK: arith.negf %[[S]]
cce.transform @cos(%x: f32) -> f32 {
  %y = math.cos %x : f32
  cce.yield %y : f32
}

// The derivative of the larger is that of the one which is larger.
// CHECK-LABEL: @maximum.derivative(%x: f32, %bias: f32)
// CHECK: arith.cmpf oge, %x, %bias
cce.transform @maximum(%x: f32, %bias: f32) -> f32 {
  %y = arith.maximumf %x, %bias : f32
  cce.yield %y : f32
}

// CHECK-LABEL: @minimum.derivative(%x: f32, %bias: f32)
// CHECK: arith.cmpf ole, %x, %bias
cce.transform @minimum(%x: f32, %bias: f32) -> f32 {
  %y = arith.minnumf %x, %bias : f32
  cce.yield %y : f32
}

// The quotient rule where the divisor depends on x and the dividend does not: -(bias / x) / x.
// CHECK-LABEL: @inverse.derivative(%x: f32, %bias: f32)
// CHECK: %[[Q:.*]] = arith.divf %bias, %x
// CHECK: %[[MINUS:.*]] = arith.negf %[[Q]]
// CHECK: arith.divf %[[MINUS]], %x
cce.transform @inverse(%x: f32, %bias: f32) -> f32 {
  %y = arith.divf %bias, %x : f32
  cce.yield %y : f32
}

// Differences and signs: bias - x, and -x.
// CHECK-LABEL: @difference.derivative(
// CHECK: arith.constant -1.0
// CHECK-NOT: arith.subf
cce.transform @difference(%x: f32, %bias: f32) -> f32 {
  %y = arith.subf %bias, %x : f32
  cce.yield %y : f32
}

cce.kernel @all(%x: !cce.buffer<tokens x f32>, %b: f32, %out: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %t = cce.load %x[%i] : !cce.buffer<tokens x f32>
    %0 = cce.apply derivative @exp(%t) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
    %1 = cce.apply derivative @exp2(%0) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
    %2 = cce.apply derivative @log(%1) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
    %3 = cce.apply derivative @log1p(%2) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
    %4 = cce.apply derivative @sqrt(%3) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
    %5 = cce.apply derivative @abs(%4) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
    %6 = cce.apply derivative @erf(%5) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
    %7 = cce.apply derivative @sin(%6) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
    %8 = cce.apply derivative @cos(%7) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
    %9 = cce.apply derivative @maximum(%8, %b) : (!cce.tile<tokens x f32>, f32) -> !cce.tile<tokens x f32>
    %10 = cce.apply derivative @minimum(%9, %b) : (!cce.tile<tokens x f32>, f32) -> !cce.tile<tokens x f32>
    %11 = cce.apply derivative @inverse(%10, %b) : (!cce.tile<tokens x f32>, f32) -> !cce.tile<tokens x f32>
    %12 = cce.apply derivative @difference(%11, %b) : (!cce.tile<tokens x f32>, f32) -> !cce.tile<tokens x f32>
    cce.store %12, %out[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}
