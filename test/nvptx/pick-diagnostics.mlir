// Picks that sm_90a has no code for are refused at the op that does not fit.
// RUN: cce-opt %s --cce-to-nvvm --split-input-file --verify-diagnostics

cce.kernel @pick_of_another(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %labels: !cce.buffer<tokens x i32>,
                            %label_logit: !cce.buffer<tokens x f32>, %out: !cce.buffer<tokens x !cce.lse>) {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %x = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %z = cce.map %x : !cce.tile<tokens x vocab x f32> -> !cce.tile<tokens x vocab x f32> {
      ^bb0(%a: f32):
        %b = math.tanh %a : f32
        cce.yield %b : f32
      }
      %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
      // The product, where the log-sum-exp is of its tanh, which is what threads have at hand.
      // expected-error@below {{'cce.pick' op expected to pick from what the log-sum-exp is taken of on sm_90a}}
      cce.pick %x, %y, %label_logit : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x i32>, !cce.buffer<tokens x f32>
      %more = cce.lse_update %some, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// -----

cce.kernel @gathered_target(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %labels: !cce.buffer<tokens x i32>,
                            %rows: !cce.buffer<tokens x i32>, %loss: !cce.buffer<positions x f32>, %out: !cce.buffer<tokens x !cce.lse>) {
  %view = cce.gather %loss[%rows] : !cce.buffer<positions x f32>, !cce.buffer<tokens x i32>
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
      // expected-error@below {{'cce.pick' op expected a target that no list gathers on sm_90a}}
      cce.pick %z, %y, %view : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x i32>, !cce.buffer<tokens x f32>
      %more = cce.lse_update %some, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// -----

cce.kernel @rows_of_no_tokens(%e: !cce.buffer<positions x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %labels: !cce.buffer<positions x i32>,
                              %label_logit: !cce.buffer<positions x f32>, %out: !cce.buffer<positions x !cce.lse>) {
  cce.parallel %i over positions {
    %none = cce.lse_init : !cce.tile<positions x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<positions x !cce.lse> {
      %z = cce.matmul %e[%i], %c[%v] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<positions x vocab x f32>
      %y = cce.load %labels[%i] : !cce.buffer<positions x i32>
      // Behind the last row a tile has others, with labels of nobody.
      // expected-error@below {{'cce.pick' op expected rows of the product, of 'tokens', on sm_90a}}
      cce.pick %z, %y, %label_logit : !cce.tile<positions x vocab x f32>, !cce.tile<positions x i32>, !cce.buffer<positions x f32>
      %more = cce.lse_update %some, %z : !cce.tile<positions x !cce.lse>, !cce.tile<positions x vocab x f32>
      cce.yield %more : !cce.tile<positions x !cce.lse>
    }
    // expected-error@below {{expected the state to be stored over the part's axis and 'tokens' on sm_90a}}
    cce.store %all, %out[%i] : !cce.tile<positions x !cce.lse>, !cce.buffer<positions x !cce.lse>
  }
}

// -----

cce.kernel @pick_without_reduction(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %labels: !cce.buffer<tokens x i32>,
                                   %label_logit: !cce.buffer<tokens x f32>, %z: !cce.buffer<tokens x vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
    // expected-error@below {{'cce.pick' op expected to pick from a product that a reduction takes in, on sm_90a}}
    cce.pick %x, %y, %label_logit : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x i32>, !cce.buffer<tokens x f32>
    cce.store %x, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

cce.kernel @pick_without_product(%g: !cce.buffer<tokens x vocab x bf16>, %labels: !cce.buffer<tokens x i32>, %label_logit: !cce.buffer<tokens x f32>,
                                 %sums: !cce.buffer<vocab x f32>) {
  cce.parallel %v over vocab {
    %none = cce.zero : !cce.tile<vocab x f32>
    %sum = cce.reduce %i over tokens from %some = %none : !cce.tile<vocab x f32> {
      %x = cce.load %g[%i, %v] : !cce.buffer<tokens x vocab x bf16>
      %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
      // expected-error@below {{'cce.pick' op expected to pick from a product that a reduction takes in, on sm_90a}}
      cce.pick %x, %y, %label_logit : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x i32>, !cce.buffer<tokens x f32>
      %more = cce.accumulate %some, %x : !cce.tile<vocab x f32>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<vocab x f32>
    }
    cce.store %sum, %sums[%v] : !cce.tile<vocab x f32>, !cce.buffer<vocab x f32>
  }
}
