// Tallies that sm_90a has no code for are refused at the op that does not fit.
// RUN: cce-opt %s --cce-to-nvvm --split-input-file --verify-diagnostics

cce.kernel @tally_of_another(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %limit: !cce.buffer<tokens x f32>,
                             %sums: !cce.buffer<vocab x i32>, %out: !cce.buffer<tokens x !cce.lse>) {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %x = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %z = cce.map %x : !cce.tile<tokens x vocab x f32> -> !cce.tile<tokens x vocab x f32> {
      ^bb0(%a: f32):
        %b = math.tanh %a : f32
        cce.yield %b : f32
      }
      %t = cce.load %limit[%i] : !cce.buffer<tokens x f32>
      // The product, where the log-sum-exp is of its tanh: columns beyond the vocabulary are -inf in that one only.
      // expected-error@below {{'cce.tally' op expected to tally what the log-sum-exp is taken of on sm_90a}}
      cce.tally %x, %t, %sums tiles 16 : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<vocab x i32>
      %more = cce.lse_update %some, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// -----

cce.kernel @tally_without_a_reduction(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>,
                                      %limit: !cce.buffer<tokens x f32>, %sums: !cce.buffer<vocab x i32>) {
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    %t = cce.load %limit[%i] : !cce.buffer<tokens x f32>
    // expected-error@below {{'cce.tally' op expected to tally a product that a reduction takes in, on sm_90a}}
    cce.tally %x, %t, %sums tiles 16 : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<vocab x i32>
  }
}
