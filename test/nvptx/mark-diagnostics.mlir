// Marks that sm_90a has no code for are refused at the op that does not fit.
// RUN: cce-opt %s --cce-to-nvvm --split-input-file --verify-diagnostics

cce.kernel @mark_of_another(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %threshold: !cce.buffer<tokens x f32>,
                            %bits: !cce.buffer<groups x vocab x i1>, %out: !cce.buffer<tokens x !cce.lse>) {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %x = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %z = cce.map %x : !cce.tile<tokens x vocab x f32> -> !cce.tile<tokens x vocab x f32> {
      ^bb0(%a: f32):
        %b = math.tanh %a : f32
        cce.yield %b : f32
      }
      %t = cce.load %threshold[%i] : !cce.buffer<tokens x f32>
      // The product, where the log-sum-exp is of its tanh, whose terms are at hand.
      // expected-error@below {{'cce.mark' op expected to mark what the log-sum-exp is taken of on sm_90a}}
      cce.mark %x, %t, %bits : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x vocab x i1>
      %more = cce.lse_update %some, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// -----

cce.kernel @mark_beside_a_save(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %threshold: !cce.buffer<tokens x f32>,
                               %bits: !cce.buffer<groups x vocab x i1>, %codes: !cce.buffer<tokens x vocab x i16>,
                               %maxima: !cce.buffer<tiles x tokens x f32>, %out: !cce.buffer<tokens x !cce.lse>) {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %t = cce.load %threshold[%i] : !cce.buffer<tokens x f32>
      // Which words have marks, sums below a maximum tell that is known before the tile; a save has that of the tile.
      // expected-error@below {{'cce.mark' op expected neither cce.save nor a gathered second operand in its reduction on sm_90a}}
      cce.mark %z, %t, %bits : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x vocab x i1>
      cce.save %z, %codes, %maxima : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x i16>, !cce.buffer<tiles x tokens x f32>
      %more = cce.lse_update %some, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// -----

cce.kernel @mark_of_a_list(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>, %rows: !cce.buffer<classes x i32>,
                           %threshold: !cce.buffer<tokens x f32>, %bits: !cce.buffer<groups x classes x i1>, %out: !cce.buffer<tokens x !cce.lse>) {
  %some = cce.gather %c[%rows] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<classes x i32>
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over classes from %before = %none : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %e[%i], %some[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<classes x hidden x bf16> -> !cce.tile<tokens x classes x f32>
      %t = cce.load %threshold[%i] : !cce.buffer<tokens x f32>
      // The maximum of a list of classes is kept.
      // expected-error@below {{'cce.mark' op expected neither cce.save nor a gathered second operand in its reduction on sm_90a}}
      cce.mark %z, %t, %bits : !cce.tile<tokens x classes x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x classes x i1>
      %more = cce.lse_update %before, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x classes x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// -----

cce.kernel @rows_name_groups_beside_a_reduction(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<vocab x hidden x bf16>,
                                                %threshold: !cce.buffer<tokens x f32>, %group: !cce.buffer<tokens x i32>,
                                                %bits: !cce.buffer<groups x vocab x i1>, %out: !cce.buffer<tokens x !cce.lse>) {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %z = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
      %t = cce.load %threshold[%i] : !cce.buffer<tokens x f32>
      %g = cce.load %group[%i] : !cce.buffer<tokens x i32>
      // A warp puts the bits of its rows together before they go out, so they are of one group.
      // expected-error@below {{'cce.mark' op expected the rows of a tile to be a group beside a reduction on sm_90a}}
      cce.mark %z, %t, %bits by %g : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x vocab x i1>, !cce.tile<tokens x i32>
      %more = cce.lse_update %some, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// -----

cce.kernel @mark_without_reduction(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>,
                                   %threshold: !cce.buffer<tokens x f32>, %bits: !cce.buffer<groups x vocab x i1>, %z: !cce.buffer<tokens x vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    %t = cce.load %threshold[%i] : !cce.buffer<tokens x f32>
    // A tile without a reduction: which group its rows are of, nobody has said.
    // expected-error@below {{'cce.mark' op expected rows that name their groups where no reduction takes the product in, on sm_90a}}
    cce.mark %x, %t, %bits : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x vocab x i1>
    cce.store %x, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

cce.kernel @mark_of_columns(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>, %turned: !cce.buffer<vocab x tokens x f32>,
                            %threshold: !cce.buffer<vocab x f32>, %group: !cce.buffer<vocab x i32>, %bits: !cce.buffer<groups x tokens x i1>,
                            %z: !cce.buffer<tokens x vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<tokens x vocab x f32>
    %w = cce.load %turned[%v, %i] : !cce.buffer<vocab x tokens x f32>
    %t = cce.load %threshold[%v] : !cce.buffer<vocab x f32>
    %g = cce.load %group[%v] : !cce.buffer<vocab x i32>
    // Words of bits lie along the columns of the product.
    // expected-error@below {{'cce.mark' op expected groups of rows of the product, 'tokens', on sm_90a}}
    cce.mark %w, %t, %bits by %g : !cce.tile<vocab x tokens x f32>, !cce.tile<vocab x f32>, !cce.buffer<groups x tokens x i1>, !cce.tile<vocab x i32>
    cce.store %x, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

cce.kernel @mark_without_product(%g: !cce.buffer<tokens x vocab x bf16>, %threshold: !cce.buffer<tokens x f32>,
                                 %bits: !cce.buffer<groups x vocab x i1>, %sums: !cce.buffer<vocab x f32>) {
  cce.parallel %v over vocab {
    %none = cce.zero : !cce.tile<vocab x f32>
    %sum = cce.reduce %i over tokens from %some = %none : !cce.tile<vocab x f32> {
      %x = cce.load %g[%i, %v] : !cce.buffer<tokens x vocab x bf16>
      %t = cce.load %threshold[%i] : !cce.buffer<tokens x f32>
      // expected-error@below {{'cce.mark' op expected a mark of a product, on sm_90a}}
      cce.mark %x, %t, %bits : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x vocab x i1>
      %more = cce.accumulate %some, %x : !cce.tile<vocab x f32>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<vocab x f32>
    }
    cce.store %sum, %sums[%v] : !cce.tile<vocab x f32>, !cce.buffer<vocab x f32>
  }
}
