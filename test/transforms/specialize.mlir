// RUN: split-file %s %t

// RUN: cce-opt %t/kernel.mlir --cce-specialize="operand=bf16 transform=twice" | FileCheck %s --check-prefix=FILL
// RUN: cce-opt %t/kernel.mlir --cce-specialize="operand=f16" | FileCheck %s --check-prefix=F16
// RUN: cce-opt %t/kernel.mlir --cce-specialize="kernel=k" | FileCheck %s --check-prefix=KEEP
// RUN: cce-opt %t/kernel.mlir --cce-specialize="config='<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>'" | FileCheck %s --check-prefix=CONFIG
// RUN: cce-opt %t/kernel.mlir > %t/unchanged
// RUN: cce-opt %t/kernel.mlir --cce-specialize | diff - %t/unchanged
// RUN: cce-opt %t/no_hole.mlir > %t/unchanged
// RUN: cce-opt %t/no_hole.mlir --cce-specialize="operand=bf16 transform=twice" | diff - %t/unchanged

// RUN: cce-opt %t/kernel_none.mlir --cce-specialize="kernel=missing" -verify-diagnostics
// RUN: cce-opt %t/transform_none.mlir --cce-specialize="transform=missing" -verify-diagnostics
// RUN: cce-opt %t/transform_declared.mlir --cce-specialize="transform=logit" -verify-diagnostics
// RUN: cce-opt %t/transform_type.mlir --cce-specialize="transform=twice" -verify-diagnostics
// RUN: cce-opt %t/operand.mlir --cce-specialize="operand=f64" -verify-diagnostics
// RUN: not cce-opt %t/kernel.mlir --cce-specialize="config='<tile_m = 128>'" 2>&1 | FileCheck %s --check-prefix=BAD-CONFIG

// The hole gets a copy of the body, and operands their type, in arguments, views and ops alike.
// FILL-LABEL: cce.transform private @logit(%x: f32) -> f32 {
// FILL: %[[SUM:.*]] = arith.addf %x, %x
// FILL: cce.yield %[[SUM]]
// FILL-LABEL: cce.transform @twice(
// FILL-LABEL: cce.kernel @k(
// FILL-SAME: !cce.buffer<positions x bf16>
// FILL: cce.gather {{.*}} : <positions x bf16>, <tokens x i32>
// FILL: cce.load {{.*}} : <tokens x bf16>
// FILL-NOT: !cce.operand

// The element type without a transform: the hole stays open.
// F16: cce.transform private @logit(%x: f32) -> f32{{$}}
// F16: !cce.buffer<positions x f16>

// One kernel stays; transforms are not kernels.
// KEEP-NOT: cce.kernel @other
// KEEP: cce.transform @twice
// KEEP: cce.kernel @k
// KEEP-NOT: cce.kernel @other

// Every kernel gets the configuration.
// CONFIG: cce.kernel @k({{.*}} attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>}
// CONFIG: cce.kernel @other({{.*}} attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2>}

// A configuration that does not parse is quoted.
// BAD-CONFIG: expected 'config' to be the text of a #cce.config, got '<tile_m = 128>'

//--- kernel.mlir
cce.transform private @logit(%x: f32) -> f32
cce.transform @twice(%x: f32) -> f32 {
  %z = arith.addf %x, %x : f32
  cce.yield %z : f32
}
cce.kernel @k(%x: !cce.buffer<positions x !cce.operand>, %rows: !cce.buffer<tokens x i32>) {
  %view = cce.gather %x[%rows] : !cce.buffer<positions x !cce.operand>, !cce.buffer<tokens x i32>
  cce.parallel %i over tokens {
    %t = cce.load %view[%i] : !cce.buffer<tokens x !cce.operand>
    %z = cce.apply @logit(%t) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
  }
}
cce.kernel @other(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
  }
}

//--- no_hole.mlir
// A kernel with neither !cce.operand nor a transform named @logit stays as it is.
cce.kernel @other(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
  }
}

//--- kernel_none.mlir
// A kernel that is not there.
// expected-error@below {{expected a kernel named 'missing', found none}}
module {
}

//--- transform_none.mlir
// A transform that is not there.
// expected-error@below {{expected a transform with a body named 'missing', found none}}
module {
  cce.transform private @logit(%x: f32) -> f32
}

//--- transform_declared.mlir
// A transform without a body to copy.
// expected-error@below {{expected a transform with a body named 'logit', found a declaration}}
module {
  cce.transform private @logit(%x: f32) -> f32
}

//--- transform_type.mlir
// A transform with other arguments than the hole; the note shows the hole.
// expected-note@below {{@logit is declared here}}
cce.transform private @logit(%x: f32, %bias: f32) -> f32
// expected-error@below {{expected 'twice' to have the type of @logit, '(f32, f32) -> f32', got '(f32) -> f32'}}
cce.transform @twice(%x: f32) -> f32 {
  cce.yield %x : f32
}

//--- operand.mlir
// A type that matrices can not have.
// expected-error@below {{expected 'operand' to be bf16, f16 or f32, got 'f64'}}
module {
}
