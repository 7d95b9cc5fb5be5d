// What cce-to-nvvm does not take, each with its message at the op to change.
// RUN: cce-opt %s --cce-to-nvvm -split-input-file -verify-diagnostics

// An element type that is still open.
// expected-error@below {{'cce.kernel' op expected element types fixed by cce-specialize, got !cce.operand for 'b'}}
cce.kernel @operand(%a: !cce.buffer<tokens x f32>, %b: !cce.buffer<tokens x !cce.operand>) {
  cce.parallel %i over tokens {
  }
}

// -----

// A tile of rows that two consumer warpgroups do not have.
// expected-error@below {{'cce.kernel' op expected tile_m to be 128 on sm_90a, got 64}}
cce.kernel @tile_m(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x vocab x f32>)
    attributes {config = #cce.config<tile_m = 64, tile_n = 64, tile_k = 64, stages = 2>} {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

// A last part of what has no parts.
// expected-error@below {{'cce.kernel' op expected last_part to be 1 without parts of a reduction, on sm_90a, got 2}}
cce.kernel @last_part(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x vocab x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2, last_part = 2>} {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

// More columns than an instruction has.
// expected-error@below {{'cce.kernel' op expected tile_n to be 64, 128, 192 or 256 on sm_90a, got 320}}
cce.kernel @tile_n(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x vocab x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 320, tile_k = 64, stages = 2>} {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

// A step that is not one swizzled row.
// expected-error@below {{'cce.kernel' op expected tile_k to be 64 on sm_90a, got 32}}
cce.kernel @tile_k(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x vocab x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 32, stages = 2>} {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

// More stages than shared memory holds: both numbers are in the message.
// expected-error@below {{'cce.kernel' op expected at least 2 stages that fit into 232448 bytes of shared memory, got 8 stages of 394240 bytes in all}}
cce.kernel @stages(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x vocab x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 256, tile_k = 64, stages = 8>} {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

// A cluster whose blocks would copy parts of B that are no whole panels.
// expected-error@below {{'cce.kernel' op expected cluster to be 1, or 2 with a tile_n of 128 or 256, on sm_90a, got 2 with a tile_n of 64}}
cce.kernel @cluster(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x vocab x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 2, cluster = 2>} {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

cce.kernel @f32(%a: !cce.buffer<tokens x hidden x f32>, %b: !cce.buffer<vocab x hidden x f32>, %z: !cce.buffer<tokens x vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    // Tensor cores take 16-bit operands.
    // expected-error@below {{'cce.matmul' op expected operands of bf16 or f16 on sm_90a, got 'f32'}}
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x f32>, !cce.buffer<vocab x hidden x f32> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

cce.kernel @two_products(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %s = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    // Two products in one kernel.
    // expected-error@below {{'cce.matmul' op expected one product per kernel, in its innermost loop, on sm_90a}}
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

cce.kernel @list(%a: !cce.buffer<tokens x hidden x bf16>, %classes: !cce.buffer<vocab x i32>, %b: !cce.buffer<positions x hidden x bf16>,
                 %z: !cce.buffer<tokens x vocab x f32>) {
  // The lists of the library are padded to whole tiles, and their lengths are on the device; others need not be.
  // expected-error@below {{'cce.gather' op expected a list along 'tokens' or 'classes' on sm_90a}}
  %view = cce.gather %b[%classes] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<vocab x i32>
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %view[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

cce.kernel @two_reductions(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %out: !cce.buffer<tokens x !cce.lse>) {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %more = cce.lse_update %some, %t : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    // A second reduction.
    // expected-error@below {{'cce.reduce' op expected one reduction per kernel on sm_90a}}
    %again = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      cce.yield %some : !cce.tile<tokens x !cce.lse>
    }
  }
}

// -----

cce.kernel @sum_of_products(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %out: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %none = cce.zero : !cce.tile<tokens x f32>
    // A product that is added up instead of taken into a log-sum-exp.
    // expected-error@below {{'cce.reduce' op expected a reduction of products to end in a cce.lse_update of its state on sm_90a}}
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x f32> {
      %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %more = cce.accumulate %some, %t : !cce.tile<tokens x f32>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x f32>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @reduced_rows(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %out: !cce.buffer<tokens x !cce.lse>) {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    // The reduced axis is the first operand's.
    // expected-error@below {{'cce.reduce' op expected a reduction over the axis of the second operand, 'tokens', on sm_90a}}
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %t = cce.matmul %b[%v], %a[%i] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<tokens x hidden x bf16> -> !cce.tile<vocab x tokens x f32>
      %more = cce.lse_update %some, %t : !cce.tile<tokens x !cce.lse>, !cce.tile<vocab x tokens x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// -----

cce.kernel @other_store(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %out: !cce.buffer<tokens x !cce.lse>) {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %more = cce.lse_update %some, %t : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    // Something else than what was reduced.
    // expected-error@below {{'cce.store' op expected the result of the reduction to be stored as it is on sm_90a}}
    cce.store %none, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// -----

cce.kernel @lse_of_positions(%a: !cce.buffer<positions x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %out: !cce.buffer<positions x !cce.lse>) {
  cce.parallel %i over positions {
    %none = cce.lse_init : !cce.tile<positions x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<positions x !cce.lse> {
      %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<positions x vocab x f32>
      %more = cce.lse_update %some, %t : !cce.tile<positions x !cce.lse>, !cce.tile<positions x vocab x f32>
      cce.yield %more : !cce.tile<positions x !cce.lse>
    }
    // States of another axis than tokens, whose buffers need not hold whole tiles.
    // expected-error@below {{'cce.store' op expected the state to be stored over the part's axis and 'tokens' on sm_90a, got '!cce.buffer<positions x !cce.lse>'}}
    cce.store %all, %out[%i] : !cce.tile<positions x !cce.lse>, !cce.buffer<positions x !cce.lse>
  }
}

// -----

cce.kernel @other_axis(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %out: !cce.buffer<splits x tokens x !cce.lse>) {
  // A loop over an axis that neither the product nor the reduction has.
  // expected-error@below {{'cce.parallel' op expected the axes of the product, got 'splits'}}
  cce.parallel %s, %i over splits, tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %more = cce.lse_update %some, %t : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}

// -----

cce.kernel @turned_store(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %y: !cce.buffer<vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    %l = cce.load %y[%v] : !cce.buffer<vocab x f32>
    // A store beside the plane of the product.
    // expected-error@below {{'cce.store' op expected a store over the axes of the product on sm_90a, 'tokens' and 'vocab'}}
    cce.store %l, %y[%v] : !cce.tile<vocab x f32>, !cce.buffer<vocab x f32>
  }
}

// -----

cce.kernel @function(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    %r = cce.map %t : !cce.tile<tokens x vocab x f32> -> !cce.tile<tokens x vocab x f32> {
    ^bb0(%x: f32):
      // A function that has no expansion.
      // expected-error@below {{'math.acosh' op expected an operation that sm_90a supports in element-wise regions}}
      %y = math.acosh %x : f32
      cce.yield %y : f32
    }
    cce.store %r, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

cce.transform @f(%x: f32) -> f32 {
  cce.yield %x : f32
}
cce.kernel @transform(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    // A transform that has not been inlined.
    // expected-error@below {{expected the element-wise part of a product kernel to be made of cce.load, cce.load_halves, cce.map, cce.rows, cce.zero and cce.onehot on sm_90a}}
    %r = cce.apply @f(%t) : (!cce.tile<tokens x vocab x f32>) -> !cce.tile<tokens x vocab x f32>
    cce.store %r, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

cce.kernel @conditional(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %has: i1, %y: !cce.buffer<tokens x vocab x bf16>,
                        %z: !cce.buffer<tokens x vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    // The instruction that loads two neighbours or zeros is for f32.
    // expected-error@below {{'cce.load' op expected a conditional load of rank 2 to be of f32 on sm_90a}}
    %l = cce.load %y[%i, %v] if %has : !cce.buffer<tokens x vocab x bf16>
    %r = cce.map %t, %l : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x vocab x f32> -> !cce.tile<tokens x vocab x f32> {
    ^bb0(%p: f32, %q: f32):
      %s = arith.addf %p, %q : f32
      cce.yield %s : f32
    }
    cce.store %r, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

// Two dot products in one kernel.
// expected-error@below {{'cce.kernel' op expected one cce.dot per kernel on sm_90a}}
cce.kernel @two_dots(%a: !cce.buffer<tokens x hidden x bf16>, %z: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %s = cce.dot %a[%i], %a[%i] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x bf16> -> !cce.tile<tokens x f32>
    %t = cce.dot %a[%i], %a[%i] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x bf16> -> !cce.tile<tokens x f32>
    cce.store %t, %z[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @dot_of_f32(%a: !cce.buffer<tokens x hidden x f32>, %z: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    // Rows are read 8 elements of 16 bits at a time.
    // expected-error@below {{'cce.dot' op expected operands of bf16 or f16 on sm_90a, got 'f32'}}
    %t = cce.dot %a[%i], %a[%i] : !cce.buffer<tokens x hidden x f32>, !cce.buffer<tokens x hidden x f32> -> !cce.tile<tokens x f32>
    cce.store %t, %z[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @dot_of_columns(%a: !cce.buffer<hidden x tokens x bf16>, %z: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    // Columns are not contiguous.
    // expected-error@below {{'cce.dot' op expected the contracted axis to be the last of both operands on sm_90a}}
    %t = cce.dot %a[%i], %a[%i] : !cce.buffer<hidden x tokens x bf16>, !cce.buffer<hidden x tokens x bf16> -> !cce.tile<tokens x f32>
    cce.store %t, %z[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @dot_stored_as_bf16(%a: !cce.buffer<tokens x hidden x bf16>, %z: !cce.buffer<tokens x bf16>) {
  cce.parallel %i over tokens {
    %t = cce.dot %a[%i], %a[%i] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x bf16> -> !cce.tile<tokens x f32>
    // A result that is rounded.
    // expected-error@below {{'cce.store' op expected a store to a rank-1 buffer of f32 on sm_90a}}
    cce.store %t, %z[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x bf16>
  }
}

// -----

cce.kernel @dot_and_zero(%a: !cce.buffer<tokens x hidden x bf16>, %z: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %t = cce.dot %a[%i], %a[%i] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x bf16> -> !cce.tile<tokens x f32>
    // An op that a warp per row has no code for.
    // expected-error@below {{'cce.zero' op expected a cce.load, cce.map or cce.dot in a kernel of dot products on sm_90a}}
    %zero = cce.zero : !cce.tile<tokens x f32>
    cce.store %zero, %z[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}

// -----

// Neither a product nor a reduction: on GPUs such kernels are written in upstream dialects.
// expected-error@below {{'cce.kernel' op expected a kernel without product to be one reduction and one store on sm_90a}}
cce.kernel @elementwise(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %t = cce.load %x[%i] : !cce.buffer<tokens x f32>
    cce.store %t, %x[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @row_sums(%g: !cce.buffer<tokens x vocab x f32>, %sums: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %none = cce.zero : !cce.tile<tokens x f32>
    // Sums along the last axis.
    // expected-error@below {{'cce.reduce' op expected the reduction to accumulate a loaded tile along its first axis on sm_90a}}
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x f32> {
      %t = cce.load %g[%i, %v] : !cce.buffer<tokens x vocab x f32>
      %more = cce.accumulate %some, %t : !cce.tile<tokens x f32>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x f32>
    }
    cce.store %all, %sums[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @from_something(%g: !cce.buffer<tokens x vocab x f32>, %sums: !cce.buffer<vocab x f32>) {
  cce.parallel %v over vocab {
    %before = cce.load %sums[%v] : !cce.buffer<vocab x f32>
    // Sums that go on from earlier ones.
    // expected-error@below {{'cce.reduce' op expected the reduction to start from cce.zero on sm_90a}}
    %all = cce.reduce %i over tokens from %some = %before : !cce.tile<vocab x f32> {
      %t = cce.load %g[%i, %v] : !cce.buffer<tokens x vocab x f32>
      %more = cce.accumulate %some, %t : !cce.tile<vocab x f32>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<vocab x f32>
    }
    cce.store %all, %sums[%v] : !cce.tile<vocab x f32>, !cce.buffer<vocab x f32>
  }
}

// -----

cce.kernel @other_than_the_sum(%g: !cce.buffer<tokens x vocab x f32>, %bias: !cce.buffer<vocab x f32>, %sums: !cce.buffer<vocab x f32>) {
  cce.parallel %v over vocab {
    %none = cce.zero : !cce.tile<vocab x f32>
    %all = cce.reduce %i over tokens from %some = %none : !cce.tile<vocab x f32> {
      %t = cce.load %g[%i, %v] : !cce.buffer<tokens x vocab x f32>
      %more = cce.accumulate %some, %t : !cce.tile<vocab x f32>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<vocab x f32>
    }
    // A tile that is neither the sum nor a single value.
    // expected-error@below {{expected a map of the sum on sm_90a}}
    %b = cce.load %bias[%v] : !cce.buffer<vocab x f32>
    cce.store %b, %sums[%v] : !cce.tile<vocab x f32>, !cce.buffer<vocab x f32>
  }
}

// -----

// Stages that would fit, had results of 16 bits no room of their own beside them: the bytes are those of the message above and 16384.
// expected-error@below {{'cce.kernel' op expected at least 2 stages that fit into 232448 bytes of shared memory, got 7 stages of 246784 bytes in all}}
cce.kernel @stages_and_staging(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %z: !cce.buffer<tokens x vocab x bf16>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 128, tile_k = 64, stages = 7>} {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x bf16>
  }
}

// -----

cce.kernel @lists_of_the_first(%c: !cce.buffer<vocab x hidden x bf16>, %lists: !cce.buffer<groups x slots x i32>,
                               %e: !cce.buffer<tokens x hidden x bf16>, %z: !cce.buffer<slots x tokens x f32>) {
  // The tiles of the first operand's rows are the groups, so it can not be the one that differs from group to group.
  // expected-error@below {{'cce.gather' op expected lists per group of tokens for the second operand of a product on sm_90a}}
  %class = cce.gather %c[%lists] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<groups x slots x i32>
  cce.parallel %s, %i over slots, tokens {
    %t = cce.matmul %class[%s], %e[%i] : !cce.buffer<slots x hidden x bf16>, !cce.buffer<tokens x hidden x bf16> -> !cce.tile<slots x tokens x f32>
    cce.store %t, %z[%s, %i] : !cce.tile<slots x tokens x f32>, !cce.buffer<slots x tokens x f32>
  }
}

// -----

cce.kernel @lists_of_others(%e: !cce.buffer<positions x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>,
                            %lists: !cce.buffer<groups x slots x i32>, %z: !cce.buffer<positions x slots x f32>) {
  %class = cce.gather %c[%lists] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<groups x slots x i32>
  cce.parallel %i, %s over positions, slots {
    // Groups of something else than tokens.
    // expected-error@below {{'cce.matmul' op expected rows of 'tokens' where each group of them has a list on sm_90a}}
    %t = cce.matmul %e[%i], %class[%s] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<slots x hidden x bf16> -> !cce.tile<positions x slots x f32>
    cce.store %t, %z[%i, %s] : !cce.tile<positions x slots x f32>, !cce.buffer<positions x slots x f32>
  }
}

// -----

// Two blocks with a list each, and one tile of the second operand for both.
// expected-error@below {{'cce.kernel' op expected cluster to be 1 where each group of tokens has a list, because blocks of a cluster share the second operand}}
cce.kernel @lists_in_clusters(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>,
                              %lists: !cce.buffer<groups x slots x i32>, %z: !cce.buffer<tokens x slots x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 128, tile_k = 64, stages = 2, cluster = 2>} {
  %class = cce.gather %c[%lists] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<groups x slots x i32>
  cce.parallel %i, %s over tokens, slots {
    %t = cce.matmul %e[%i], %class[%s] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<slots x hidden x bf16> -> !cce.tile<tokens x slots x f32>
    cce.store %t, %z[%i, %s] : !cce.tile<tokens x slots x f32>, !cce.buffer<tokens x slots x f32>
  }
}

// -----

cce.kernel @rows_of_tokens(%e: !cce.buffer<positions x hidden x bf16>, %rows: !cce.buffer<tokens x i32>, %c: !cce.buffer<vocab x hidden x bf16>,
                           %z: !cce.buffer<tokens x vocab x f32>) {
  %view = cce.gather %e[%rows] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<tokens x i32>
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %view[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    // The list of the first operand: there is code for that of the second only.
    // expected-error@below {{expected the element-wise part of a product kernel to be made of cce.load, cce.load_halves, cce.map, cce.rows, cce.zero and cce.onehot on sm_90a}}
    %r = cce.rows %view[%i] : !cce.buffer<tokens x hidden x bf16> -> !cce.tile<tokens x i32>
    %both = cce.map %t, %r : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x i32> -> !cce.tile<tokens x vocab x f32> {
    ^bb0(%x: f32, %row: i32):
      %y = arith.sitofp %row : i32 to f32
      %sum = arith.addf %x, %y : f32
      cce.yield %sum : f32
    }
    cce.store %both, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

cce.kernel @save_of_another(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %codes: !cce.buffer<tokens x vocab x i16>,
                            %maxima: !cce.buffer<tiles x tokens x f32>, %out: !cce.buffer<tokens x !cce.lse>) {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %x = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %z = cce.map %x : !cce.tile<tokens x vocab x f32> -> !cce.tile<tokens x vocab x f32> {
      ^bb0(%a: f32):
        %b = math.tanh %a : f32
        cce.yield %b : f32
      }
      // The product, where the log-sum-exp is of its tanh: columns beyond the vocabulary are -inf in that one only.
      // expected-error@below {{'cce.save' op expected to save what the log-sum-exp is taken of on sm_90a}}
      cce.save %x, %codes, %maxima : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x i16>, !cce.buffer<tiles x tokens x f32>
      %more = cce.lse_update %some, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// -----

cce.kernel @save_beside_a_reference(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %codes: !cce.buffer<tokens x vocab x i16>,
                                    %maxima: !cce.buffer<tiles x tokens x f32>, %reference: !cce.buffer<tokens x f32>, %out: !cce.buffer<tokens x !cce.lse>) {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      cce.save %z, %codes, %maxima : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x i16>, !cce.buffer<tiles x tokens x f32>
      %r = cce.load %reference[%i] : !cce.buffer<tokens x f32>
      // Codes are below the maximum of a whole tile, and here there is a panel of it at a time.
      // expected-error@below {{'cce.lse_update' op expected none of cce.mark, cce.tally and cce.save beside a reference on sm_90a}}
      %more = cce.lse_update %some, %z at %r : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// -----

// The ring of stages alone would fit.
// expected-error@below {{'cce.kernel' op expected at least 2 stages that fit into 232448 bytes of shared memory, got 7 stages of 246784 bytes in all}}
cce.kernel @no_room_to_save(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %codes: !cce.buffer<tokens x vocab x i16>,
                            %maxima: !cce.buffer<tiles x tokens x f32>, %out: !cce.buffer<tokens x !cce.lse>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 128, tile_k = 64, stages = 7>} {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      cce.save %z, %codes, %maxima : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x i16>, !cce.buffer<tiles x tokens x f32>
      %more = cce.lse_update %some, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// -----

cce.kernel @more_than_the_tile(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %before: !cce.buffer<tokens x f32>,
                               %z: !cce.buffer<tokens x vocab x f32>, %sums: !cce.buffer<vocab x tokens x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
    %some = cce.load %before[%i] : !cce.buffer<tokens x f32>
    %sum = cce.accumulate %some, %t : !cce.tile<tokens x f32>, !cce.tile<tokens x vocab x f32>
    // Sums that go on from earlier ones, which every tile would add again.
    // expected-error@below {{'cce.store' op expected sums of the tile at hand, stored as f32 over tiles and 'tokens' on sm_90a, got '!cce.buffer<vocab x tokens x f32>'}}
    cce.store %sum, %sums[%v, %i] : !cce.tile<tokens x f32>, !cce.buffer<vocab x tokens x f32>
  }
}

// -----

cce.kernel @sums_of_all_tiles(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>,
                              %z: !cce.buffer<tokens x vocab x f32>, %sums: !cce.buffer<tokens x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
    %none = cce.zero : !cce.tile<tokens x f32>
    %sum = cce.accumulate %none, %t : !cce.tile<tokens x f32>, !cce.tile<tokens x vocab x f32>
    // One place for the sums of all tiles.
    // expected-error@below {{'cce.store' op expected sums of the tile at hand, stored as f32 over tiles and 'tokens' on sm_90a, got '!cce.buffer<tokens x f32>'}}
    cce.store %sum, %sums[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @rounded_sums(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>,
                         %z: !cce.buffer<tokens x vocab x f32>, %sums: !cce.buffer<vocab x tokens x bf16>) {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
    %none = cce.zero : !cce.tile<tokens x f32>
    %sum = cce.accumulate %none, %t : !cce.tile<tokens x f32>, !cce.tile<tokens x vocab x f32>
    // Sums that are rounded.
    // expected-error@below {{'cce.store' op expected sums of the tile at hand, stored as f32 over tiles and 'tokens' on sm_90a, got '!cce.buffer<vocab x tokens x bf16>'}}
    cce.store %sum, %sums[%v, %i] : !cce.tile<tokens x f32>, !cce.buffer<vocab x tokens x bf16>
  }
}

// -----

cce.kernel @sums_of_columns(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>,
                            %z: !cce.buffer<tokens x vocab x f32>, %sums: !cce.buffer<tokens x vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
    %none = cce.zero : !cce.tile<vocab x f32>
    %sum = cce.accumulate %none, %t : !cce.tile<vocab x f32>, !cce.tile<tokens x vocab x f32>
    // Sums across the warps.
    // expected-error@below {{'cce.store' op expected sums of the tile at hand, stored as f32 over tiles and 'tokens' on sm_90a, got '!cce.buffer<tokens x vocab x f32>'}}
    cce.store %sum, %sums[%i, %v] : !cce.tile<vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

cce.kernel @sums_of_positions(%a: !cce.buffer<positions x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>,
                              %z: !cce.buffer<positions x vocab x f32>, %sums: !cce.buffer<vocab x positions x f32>) {
  cce.parallel %i, %v over positions, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<positions x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<positions x vocab x f32>, !cce.buffer<positions x vocab x f32>
    %none = cce.zero : !cce.tile<positions x f32>
    %sum = cce.accumulate %none, %t : !cce.tile<positions x f32>, !cce.tile<positions x vocab x f32>
    // Rows whose buffers need not hold whole tiles.
    // expected-error@below {{'cce.store' op expected sums of the tile at hand, stored as f32 over tiles and 'tokens' on sm_90a, got '!cce.buffer<vocab x positions x f32>'}}
    cce.store %sum, %sums[%v, %i] : !cce.tile<positions x f32>, !cce.buffer<vocab x positions x f32>
  }
}

// -----

cce.kernel @sums_alone(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %sums: !cce.buffer<vocab x tokens x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    %none = cce.zero : !cce.tile<tokens x f32>
    %sum = cce.accumulate %none, %t : !cce.tile<tokens x f32>, !cce.tile<tokens x vocab x f32>
    // Sums are taken on the way to a store, and there is none.
    // expected-error@below {{'cce.store' op expected a store of a whole tile beside the sums of its rows on sm_90a}}
    cce.store %sum, %sums[%v, %i] : !cce.tile<tokens x f32>, !cce.buffer<vocab x tokens x f32>
  }
}

// -----

cce.kernel @save_without_reduction(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>,
                                   %codes: !cce.buffer<tokens x vocab x i16>, %maxima: !cce.buffer<tiles x tokens x f32>, %z: !cce.buffer<tokens x vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    // expected-error@below {{'cce.save' op expected a save of a product that a reduction takes in, on sm_90a}}
    cce.save %x, %codes, %maxima : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x i16>, !cce.buffer<tiles x tokens x f32>
    cce.store %x, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

cce.kernel @list_of_a_dot(%a: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>,
                          %lists: !cce.buffer<groups x tokens x i32>, %z: !cce.buffer<tokens x f32>) {
  // expected-error@below {{'cce.gather' op expected a list per group of tokens beside a product, on sm_90a}}
  %class = cce.gather %c[%lists] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<groups x tokens x i32>
  cce.parallel %i over tokens {
    %x = cce.dot %a[%i], %class[%i] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x bf16> -> !cce.tile<tokens x f32>
    cce.store %x, %z[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @list_of_rows(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %x: !cce.buffer<positions x f32>,
                         %lists: !cce.buffer<groups x tokens x i32>, %z: !cce.buffer<tokens x vocab x f32>) {
  // expected-error@below {{'cce.gather' op expected lists per group of tokens along the second operand's axis that they gather, on sm_90a}}
  %view = cce.gather %x[%lists] : !cce.buffer<positions x f32>, !cce.buffer<groups x tokens x i32>
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    %r = cce.load %view[%i] : !cce.buffer<tokens x f32>
    %s = cce.map %t, %r : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32> -> !cce.tile<tokens x vocab x f32> {
    ^bb0(%p: f32, %q: f32):
      %m = arith.mulf %p, %q : f32
      cce.yield %m : f32
    }
    cce.store %s, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

// Halves have places that only the threads know which hold the elements, so there is one pair of buffers.
cce.kernel @two_pairs(%g: !cce.buffer<tokens x vocab x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %u: !cce.buffer<tokens x hidden x bf16>, %l: !cce.buffer<tokens x hidden x i8>,
                      %other: !cce.buffer<tokens x hidden x bf16>) {
  cce.parallel %i, %d over tokens, hidden {
    %t = cce.matmul %g[%i], %c[%d] : !cce.buffer<tokens x vocab x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x hidden x f32>
    %s = cce.load_halves %u, %l[%i, %d] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
    %r = cce.map %t, %s : !cce.tile<tokens x hidden x f32>, !cce.tile<tokens x hidden x f32> -> !cce.tile<tokens x hidden x f32> {
    ^bb0(%a: f32, %b: f32):
      %x = arith.addf %a, %b : f32
      cce.yield %x : f32
    }
    // expected-error@+1 {{'cce.store_halves' op expected one pair of halves per kernel, not beside a reduction, on sm_90a}}
    cce.store_halves %r, %other, %l[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
  }
}

// -----

// The last kernel of a sum writes over the upper halves, and nowhere else.
cce.kernel @elsewhere(%g: !cce.buffer<tokens x vocab x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %u: !cce.buffer<tokens x hidden x bf16>, %l: !cce.buffer<tokens x hidden x i8>,
                      %other: !cce.buffer<tokens x hidden x bf16>) {
  cce.parallel %i, %d over tokens, hidden {
    %t = cce.matmul %g[%i], %c[%d] : !cce.buffer<tokens x vocab x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x hidden x f32>
    %s = cce.load_halves %u, %l[%i, %d] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
    %r = cce.map %t, %s : !cce.tile<tokens x hidden x f32>, !cce.tile<tokens x hidden x f32> -> !cce.tile<tokens x hidden x f32> {
    ^bb0(%a: f32, %b: f32):
      %x = arith.addf %a, %b : f32
      cce.yield %x : f32
    }
    // expected-error@+1 {{'cce.store' op expected no store beside halves but to the upper ones on sm_90a}}
    cce.store %r, %other[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x bf16>
  }
}

// -----

// The workspace has a row for every token.
cce.kernel @gathered_lower(%g: !cce.buffer<tokens x vocab x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %u: !cce.buffer<tokens x hidden x bf16>, %l: !cce.buffer<positions x hidden x i8>,
                           %rows: !cce.buffer<tokens x i32>) {
  %view = cce.gather %l[%rows] : !cce.buffer<positions x hidden x i8>, !cce.buffer<tokens x i32>
  cce.parallel %i, %d over tokens, hidden {
    %t = cce.matmul %g[%i], %c[%d] : !cce.buffer<tokens x vocab x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x hidden x f32>
    // expected-error@+1 {{'cce.store_halves' op expected lower halves that no list gathers on sm_90a}}
    cce.store_halves %t, %u, %view[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
  }
}

// -----

// Of other axes than 'tokens' buffers do not hold whole tiles.
cce.kernel @halves_of_classes(%g: !cce.buffer<tokens x vocab x bf16>, %e: !cce.buffer<tokens x hidden x bf16>,
                              %u: !cce.buffer<vocab x hidden x bf16>, %l: !cce.buffer<vocab x hidden x i8>) {
  cce.parallel %v, %d over vocab, hidden {
    %t = cce.matmul %g[%v], %e[%d] : !cce.buffer<tokens x vocab x bf16>, !cce.buffer<tokens x hidden x bf16> -> !cce.tile<vocab x hidden x f32>
    // expected-error@+1 {{'cce.store_halves' op expected lower halves of i8 where rows are 'tokens', and of i4 where they are not, on sm_90a}}
    cce.store_halves %t, %u, %l[%v, %d] : !cce.tile<vocab x hidden x f32>, !cce.buffer<vocab x hidden x bf16>, !cce.buffer<vocab x hidden x i8>
  }
}

// -----

cce.kernel @quarters_of_tokens(%g: !cce.buffer<tokens x vocab x bf16>, %c: !cce.buffer<vocab x hidden x bf16>,
                               %u: !cce.buffer<tokens x hidden x bf16>, %l: !cce.buffer<tokens x hidden x i4>) {
  cce.parallel %i, %d over tokens, hidden {
    %t = cce.matmul %g[%i], %c[%d] : !cce.buffer<tokens x vocab x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x hidden x f32>
    // expected-error@+1 {{'cce.store_halves' op expected lower halves of i8 where rows are 'tokens', and of i4 where they are not, on sm_90a}}
    cce.store_halves %t, %u, %l[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i4>
  }
}

// -----

cce.kernel @gathered_quarters(%g: !cce.buffer<tokens x classes x bf16>, %e: !cce.buffer<tokens x hidden x bf16>, %list: !cce.buffer<classes x i32>,
                              %u: !cce.buffer<vocab x hidden x bf16>, %l: !cce.buffer<classes x hidden x i4>) {
  %view = cce.gather %u[%list] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<classes x i32>
  cce.parallel %k, %d over classes, hidden {
    %t = cce.matmul %g[%k], %e[%d] : !cce.buffer<tokens x classes x bf16>, !cce.buffer<tokens x hidden x bf16> -> !cce.tile<classes x hidden x f32>
    // expected-error@+1 {{'cce.store_halves' op expected halves that no list gathers where the lower ones are of i4 on sm_90a}}
    cce.store_halves %t, %view, %l[%k, %d] : !cce.tile<classes x hidden x f32>, !cce.buffer<classes x hidden x bf16>, !cce.buffer<classes x hidden x i4>
  }
}

// -----

// Rows of the halves are columns of the product.
cce.kernel @transposed_halves(%g: !cce.buffer<tokens x vocab x bf16>, %e: !cce.buffer<tokens x hidden x bf16>,
                              %u: !cce.buffer<hidden x vocab x bf16>, %l: !cce.buffer<hidden x vocab x i4>) {
  cce.parallel %v, %d over vocab, hidden {
    %t = cce.matmul %g[%v], %e[%d] : !cce.buffer<tokens x vocab x bf16>, !cce.buffer<tokens x hidden x bf16> -> !cce.tile<vocab x hidden x f32>
    %z = cce.zero : !cce.tile<hidden x vocab x f32>
    // expected-error@+1 {{'cce.store_halves' op expected halves over the axes of the product on sm_90a, 'vocab' and 'hidden'}}
    cce.store_halves %z, %u, %l[%d, %v] : !cce.tile<hidden x vocab x f32>, !cce.buffer<hidden x vocab x bf16>, !cce.buffer<hidden x vocab x i4>
  }
}
