// RUN: cce-opt %s | FileCheck %s
// RUN: cce-opt %s | cce-opt | FileCheck %s
// RUN: cce-opt %s --mlir-print-op-generic | cce-opt | FileCheck %s

// Buffers of rank 0 to 2 over named axes, and every kind of element, print as they are read.
// CHECK-LABEL: cce.kernel @buffers(
// CHECK-SAME: %{{.*}}: !cce.buffer<f32>,
// CHECK-SAME: %{{.*}}: !cce.buffer<tokens x i32>,
// CHECK-SAME: %{{.*}}: !cce.buffer<vocab x hidden x bf16>,
// CHECK-SAME: %{{.*}}: !cce.buffer<vocab x hidden x f16>,
// CHECK-SAME: %{{.*}}: !cce.buffer<vocab x hidden x !cce.operand>,
// CHECK-SAME: %{{.*}}: !cce.buffer<splits x tokens x !cce.lse>)
cce.kernel @buffers(%a: !cce.buffer<f32>, %b: !cce.buffer<tokens x i32>, %c: !cce.buffer<vocab x hidden x bf16>,
                    %d: !cce.buffer<vocab x hidden x f16>, %e: !cce.buffer<vocab x hidden x !cce.operand>,
                    %f: !cce.buffer<splits x tokens x !cce.lse>) {
  cce.parallel %i over tokens {
  }
}

// An axis may be called x, and a tile may have rank 0.
// CHECK-LABEL: cce.kernel @odd_names(
// CHECK-SAME: !cce.buffer<x x y x f32>
// CHECK: cce.zero : <f32>
cce.kernel @odd_names(%a: !cce.buffer<x x y x f32>) {
  cce.parallel %i over x {
    %z = cce.zero : !cce.tile<f32>
  }
}

// The configuration is an attribute of the kernel.
// CHECK-LABEL: cce.kernel @configured
// CHECK-SAME: attributes {config = #cce.config<tile_m = 128, tile_n = 256, tile_k = 64, stages = 4>}
cce.kernel @configured(%a: !cce.buffer<tokens x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 256, tile_k = 64, stages = 4>} {
  cce.parallel %i over tokens {
  }
}

// Blocks that share what they read: only a cluster of more than one is printed.
// CHECK-LABEL: cce.kernel @clustered
// CHECK-SAME: attributes {config = #cce.config<tile_m = 128, tile_n = 256, tile_k = 64, stages = 4, cluster = 2>}
cce.kernel @clustered(%a: !cce.buffer<tokens x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 256, tile_k = 64, stages = 4, cluster = 2>} {
  cce.parallel %i over tokens {
  }
}
// CHECK-LABEL: cce.kernel @short_part
// CHECK-SAME: attributes {config = #cce.config<tile_m = 128, tile_n = 256, tile_k = 64, stages = 4, last_part = 2>}
cce.kernel @short_part(%a: !cce.buffer<tokens x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 256, tile_k = 64, stages = 4, cluster = 1, last_part = 2>} {
  cce.parallel %i over tokens {
  }
}
// CHECK-LABEL: cce.kernel @alone
// CHECK-SAME: attributes {config = #cce.config<tile_m = 128, tile_n = 256, tile_k = 64, stages = 4>}
cce.kernel @alone(%a: !cce.buffer<tokens x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 256, tile_k = 64, stages = 4, cluster = 1>} {
  cce.parallel %i over tokens {
  }
}
