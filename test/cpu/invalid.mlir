// Kernels of a structure that the CPU target does not lower are refused at the op that does not fit.
// REQUIRES: cpu-target
// RUN: cce-opt %s --cce-to-cpu --split-input-file --verify-diagnostics

cce.kernel @two_products(%a: !cce.buffer<tokens x hidden x f32>, %b: !cce.buffer<vocab x hidden x f32>,
                         %z: !cce.buffer<tokens x vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %s = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x f32>, !cce.buffer<vocab x hidden x f32> -> !cce.tile<tokens x vocab x f32>
    // expected-error @below {{expected at most one product in a kernel for the CPU}}
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x f32>, !cce.buffer<vocab x hidden x f32> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

cce.transform @f(%x: f32) -> f32 {
  cce.yield %x : f32
}
cce.kernel @not_inlined(%x: !cce.buffer<tokens x f32>, %y: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %a = cce.load %x[%i] : !cce.buffer<tokens x f32>
    // expected-error @below {{expected an operation that the CPU target lowers}}
    %b = cce.apply @f(%a) : (!cce.tile<tokens x f32>) -> !cce.tile<tokens x f32>
    cce.store %b, %y[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @not_specialised(%x: !cce.buffer<tokens x !cce.operand>, %y: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    // expected-error @below {{expected elements of f32, bf16, f16 or i32, got '!cce.operand'}}
    %a = cce.load %x[%i] : !cce.buffer<tokens x !cce.operand>
    cce.store %a, %y[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @not_a_plane(%x: !cce.buffer<tokens x f32>, %y: !cce.buffer<tokens x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %a = cce.load %x[%i] : !cce.buffer<tokens x f32>
    // expected-error @below {{expected a store that spans all axes of cce.parallel}}
    cce.store %a, %y[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @other_yield(%g: !cce.buffer<tokens x vocab x f32>, %sums: !cce.buffer<vocab x f32>) {
  cce.parallel %v over vocab {
    %none = cce.zero : !cce.tile<vocab x f32>
    // expected-error @below {{expected the body to yield one cce.accumulate or cce.lse_update of its state}}
    %all = cce.reduce %i over tokens from %some = %none : !cce.tile<vocab x f32> {
      %t = cce.load %g[%i, %v] : !cce.buffer<tokens x vocab x f32>
      %more = cce.accumulate %some, %t : !cce.tile<vocab x f32>, !cce.tile<tokens x vocab x f32>
      %most = cce.accumulate %more, %t : !cce.tile<vocab x f32>, !cce.tile<tokens x vocab x f32>
      cce.yield %most : !cce.tile<vocab x f32>
    }
    cce.store %all, %sums[%v] : !cce.tile<vocab x f32>, !cce.buffer<vocab x f32>
  }
}

// -----

// expected-error @below {{expected 'tile_n' to be a multiple of 64 up to 4096, got 100}}
cce.kernel @odd_tile(%x: !cce.buffer<tokens x f32>, %y: !cce.buffer<tokens x f32>)
    attributes {config = #cce.config<tile_m = 128, tile_n = 100, tile_k = 64, stages = 1>} {
  cce.parallel %i over tokens {
    %a = cce.load %x[%i] : !cce.buffer<tokens x f32>
    cce.store %a, %y[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @store_in_reduce(%g: !cce.buffer<tokens x vocab x f32>, %h: !cce.buffer<tokens x vocab x f32>,
                            %sums: !cce.buffer<vocab x f32>) {
  cce.parallel %v over vocab {
    %none = cce.zero : !cce.tile<vocab x f32>
    %all = cce.reduce %i over tokens from %some = %none : !cce.tile<vocab x f32> {
      %t = cce.load %g[%i, %v] : !cce.buffer<tokens x vocab x f32>
      // expected-error @below {{expected no store in a cce.reduce}}
      cce.store %t, %h[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
      %more = cce.accumulate %some, %t : !cce.tile<vocab x f32>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<vocab x f32>
    }
    cce.store %all, %sums[%v] : !cce.tile<vocab x f32>, !cce.buffer<vocab x f32>
  }
}

// -----

// What a filtered backward is made of, which the CPU has not got: it computes all classes.
cce.kernel @mark(%z: !cce.buffer<tokens x vocab x f32>, %threshold: !cce.buffer<tokens x f32>, %bits: !cce.buffer<groups x vocab x i1>,
                 %out: !cce.buffer<tokens x !cce.lse>) {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
      %t = cce.load %threshold[%i] : !cce.buffer<tokens x f32>
      // expected-error @below {{'cce.mark' op expected an operation that the CPU target lowers}}
      cce.mark %x, %t, %bits : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x vocab x i1>
      %more = cce.lse_update %some, %x : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// -----

// What a backward without a recomputation is made of, which the CPU has not got either.
cce.kernel @save(%z: !cce.buffer<tokens x vocab x f32>, %codes: !cce.buffer<tokens x vocab x i16>, %maxima: !cce.buffer<tiles x tokens x f32>,
                 %out: !cce.buffer<tokens x !cce.lse>) {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
      // expected-error @below {{'cce.save' op expected an operation that the CPU target lowers}}
      cce.save %x, %codes, %maxima : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x i16>, !cce.buffer<tiles x tokens x f32>
      %more = cce.lse_update %some, %x : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// -----

cce.kernel @pick_without_log_sum_exp(%z: !cce.buffer<tokens x vocab x f32>, %labels: !cce.buffer<tokens x i32>, %label_logit: !cce.buffer<tokens x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
    // expected-error @below {{'cce.pick' op expected to pick from what a log-sum-exp is taken of}}
    cce.pick %x, %y, %label_logit : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x i32>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @pick_of_another(%z: !cce.buffer<tokens x vocab x f32>, %w: !cce.buffer<tokens x vocab x f32>, %labels: !cce.buffer<tokens x i32>,
                            %label_logit: !cce.buffer<tokens x f32>, %out: !cce.buffer<tokens x !cce.lse>) {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
      %u = cce.load %w[%i, %v] : !cce.buffer<tokens x vocab x f32>
      %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
      // expected-error @below {{'cce.pick' op expected to pick from what a log-sum-exp is taken of}}
      cce.pick %u, %y, %label_logit : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x i32>, !cce.buffer<tokens x f32>
      %more = cce.lse_update %some, %x : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// -----

// A row of the value is not one of the state.
cce.kernel @pick_of_columns(%z: !cce.buffer<vocab x tokens x f32>, %labels: !cce.buffer<vocab x i32>, %picked: !cce.buffer<vocab x f32>,
                            %out: !cce.buffer<tokens x !cce.lse>) {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %x = cce.load %z[%v, %i] : !cce.buffer<vocab x tokens x f32>
      %y = cce.load %labels[%v] : !cce.buffer<vocab x i32>
      // expected-error @below {{'cce.pick' op expected rows along the axis of the state, 'tokens'}}
      cce.pick %x, %y, %picked : !cce.tile<vocab x tokens x f32>, !cce.tile<vocab x i32>, !cce.buffer<vocab x f32>
      %more = cce.lse_update %some, %x : !cce.tile<tokens x !cce.lse>, !cce.tile<vocab x tokens x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// -----

cce.kernel @pick_to_a_view(%z: !cce.buffer<tokens x vocab x f32>, %labels: !cce.buffer<tokens x i32>, %rows: !cce.buffer<tokens x i32>,
                           %loss: !cce.buffer<positions x f32>, %out: !cce.buffer<tokens x !cce.lse>) {
  %view = cce.gather %loss[%rows] : !cce.buffer<positions x f32>, !cce.buffer<tokens x i32>
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
      %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
      // expected-error @below {{'cce.pick' op expected the target to be a kernel argument}}
      cce.pick %x, %y, %view : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x i32>, !cce.buffer<tokens x f32>
      %more = cce.lse_update %some, %x : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// -----

cce.kernel @rows(%x: !cce.buffer<positions x f32>, %list: !cce.buffer<tokens x i32>, %y: !cce.buffer<tokens x i32>) {
  %view = cce.gather %x[%list] : !cce.buffer<positions x f32>, !cce.buffer<tokens x i32>
  cce.parallel %i over tokens {
    // expected-error @below {{'cce.rows' op expected an operation that the CPU target lowers}}
    %r = cce.rows %view[%i] : !cce.buffer<tokens x f32> -> !cce.tile<tokens x i32>
    cce.store %r, %y[%i] : !cce.tile<tokens x i32>, !cce.buffer<tokens x i32>
  }
}

// -----

cce.kernel @lists(%e: !cce.buffer<tokens x hidden x f32>, %c: !cce.buffer<vocab x hidden x f32>,
                  %lists: !cce.buffer<groups x slots x i32>, %z: !cce.buffer<tokens x slots x f32>) {
  %class = cce.gather %c[%lists] : !cce.buffer<vocab x hidden x f32>, !cce.buffer<groups x slots x i32>
  cce.parallel %i, %s over tokens, slots {
    // expected-error @below {{expected operands that are kernel arguments or gathered from them}}
    %t = cce.matmul %e[%i], %class[%s] : !cce.buffer<tokens x hidden x f32>, !cce.buffer<slots x hidden x f32> -> !cce.tile<tokens x slots x f32>
    cce.store %t, %z[%i, %s] : !cce.tile<tokens x slots x f32>, !cce.buffer<tokens x slots x f32>
  }
}

// -----

cce.kernel @halves_in_a_reduce(%u: !cce.buffer<tokens x vocab x bf16>, %l: !cce.buffer<tokens x vocab x i4>, %y: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %none = cce.zero : !cce.tile<tokens x f32>
    %sum = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x f32> {
      // expected-error @below {{'cce.load_halves' op expected no halves in a cce.reduce}}
      %t = cce.load_halves %u, %l[%i, %v] : !cce.buffer<tokens x vocab x bf16>, !cce.buffer<tokens x vocab x i4>
      %more = cce.accumulate %some, %t : !cce.tile<tokens x f32>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x f32>
    }
    cce.store %sum, %y[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @gathered_lower_halves(%u: !cce.buffer<tokens x hidden x bf16>, %l: !cce.buffer<positions x hidden x i8>, %rows: !cce.buffer<tokens x i32>) {
  %view = cce.gather %l[%rows] : !cce.buffer<positions x hidden x i8>, !cce.buffer<tokens x i32>
  cce.parallel %i, %d over tokens, hidden {
    // expected-error @below {{'cce.load_halves' op expected halves outside of a cce.reduce, the lower ones in a kernel argument}}
    %t = cce.load_halves %u, %view[%i, %d] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
    cce.store_halves %t, %u, %view[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
  }
}
