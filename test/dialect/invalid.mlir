// One case for every numbered constraint: @<op>_cN breaks CN of <op>, and nothing else. Where a constraint has several parts, a
// letter follows. constraints.test checks that none is missing.
// RUN: cce-opt %s -split-input-file -verify-diagnostics

// An argument that is neither a buffer nor one of the three scalars.
// expected-error@+1 {{'cce.kernel' op expected argument 'x' to be a buffer, f32, i1 or i32, got 'f64'}}
cce.kernel @kernel_c1(%x: f64) {
  cce.parallel %i over tokens {
  }
}

// -----

// Two loops.
// expected-error@+1 {{'cce.kernel' op expected exactly one cce.parallel, got 2}}
cce.kernel @kernel_c2(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
  }
  cce.parallel %i over tokens {
  }
}

// -----

// No loop at all.
// expected-error@+1 {{'cce.kernel' op expected exactly one cce.parallel, got 0}}
cce.kernel @kernel_c2_none(%x: !cce.buffer<tokens x f32>) {
  %c = arith.constant 1.0 : f32
}

// -----

// Something after the loop.
// expected-error@+1 {{'cce.kernel' op expected the cce.parallel to be the last operation}}
cce.kernel @kernel_c2_last(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
  }
  %c = arith.constant 1.0 : f32
}

// -----

// Fewer names than arguments; only the generic syntax can say so.
// expected-error@+1 {{'cce.kernel' op expected one name per argument, got 1 names for 2 arguments}}
"cce.kernel"() <{arg_names = ["a"], sym_name = "kernel_c3"}> ({
^bb0(%a: f32, %b: f32):
  cce.parallel %i over tokens {
  }
}) : () -> ()

// -----

// The same name twice.
// expected-error@+1 {{'cce.kernel' op expected different names, got 'a' twice}}
"cce.kernel"() <{arg_names = ["a", "a"], sym_name = "kernel_c3_twice"}> ({
^bb0(%a: f32, %b: f32):
  cce.parallel %i over tokens {
  }
}) : () -> ()

// -----

// A transform of something else than f32.
// expected-error@+1 {{'cce.transform' op expected arguments and result to be f32, got '(f64) -> f32'}}
cce.transform private @transform_c1(%x: f64) -> f32

// -----

// A transform of nothing.
// expected-error@+1 {{'cce.transform' op expected at least one argument and one result, got '() -> f32'}}
cce.transform private @transform_c1_none() -> f32

// -----

// A body that yields two values.
// expected-error@+1 {{'cce.transform' op expected the body to yield one f32}}
cce.transform @transform_c2(%x: f32) -> f32 {
  cce.yield %x, %x : f32, f32
}

// -----

// A public declaration; MLIR's own rule for symbols finds it first.
// expected-error@+1 {{'cce.transform' op symbol declaration cannot have public visibility}}
cce.transform @transform_c3(%x: f32) -> f32

// -----

cce.kernel @parallel_c1(%x: !cce.buffer<tokens x f32>) {
  // The same axis twice.
  // expected-error@+1 {{'cce.parallel' op expected different axes, got "tokens" twice}}
  cce.parallel %i, %j over tokens, tokens {
  }
}

// -----

cce.kernel @parallel_c1_count(%x: !cce.buffer<tokens x f32>) {
  // Three axes.
  // expected-error@+1 {{'cce.parallel' op expected one or two axes, got 3}}
  cce.parallel %i, %j, %k over tokens, vocab, hidden {
  }
}

// -----

cce.kernel @parallel_c2(%x: !cce.buffer<tokens x f32>) {
  // One coordinate for two axes.
  // expected-error@+1 {{'cce.parallel' op expected one coordinate per axis, got 1 coordinates for 2 axes}}
  cce.parallel %i over tokens, vocab {
  }
}

// -----

cce.kernel @reduce_c1(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %none = cce.zero : !cce.tile<f32>
    // An axis whose tiles are at work at the same time can not be folded.
    // expected-error@+1 {{'cce.reduce' op expected an axis that the enclosing cce.parallel does not run over, got 'tokens'}}
    %all = cce.reduce %j over tokens from %some = %none : !cce.tile<f32> {
      cce.yield %some : !cce.tile<f32>
    }
  }
}

// -----

cce.kernel @reduce_c2(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %none = cce.zero : !cce.tile<vocab x f32>
    // A state that spans the axis which is folded away.
    // expected-error@+1 {{'cce.reduce' op expected a state that does not span 'vocab', got '!cce.tile<vocab x f32>'}}
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<vocab x f32> {
      cce.yield %some : !cce.tile<vocab x f32>
    }
  }
}

// -----

cce.kernel @reduce_c2_yield(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %none = cce.zero : !cce.tile<tokens x f32>
    // A body that yields something else than the state.
    // expected-error@+1 {{'cce.reduce' op expected the body to yield one '!cce.tile<tokens x f32>'}}
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x f32> {
      cce.yield %some, %some : !cce.tile<tokens x f32>, !cce.tile<tokens x f32>
    }
  }
}

// -----

cce.kernel @gather_c1(%x: !cce.buffer<f32>, %rows: !cce.buffer<tokens x i32>) {
  // A single value has no rows.
  // expected-error@+1 {{'cce.gather' op expected a source with an axis to index, got '!cce.buffer<f32>'}}
  %view = cce.gather %x[%rows] : !cce.buffer<f32>, !cce.buffer<tokens x i32>
  cce.parallel %i over tokens {
  }
}

// -----

cce.kernel @gather_c2(%x: !cce.buffer<positions x f32>, %rows: !cce.buffer<tokens x i64>) {
  // A list of another type than i32.
  // expected-error@+1 {{'cce.gather' op expected rows of rank 1 or 2 and i32, got '!cce.buffer<tokens x i64>'}}
  %view = cce.gather %x[%rows] : !cce.buffer<positions x f32>, !cce.buffer<tokens x i64>
  cce.parallel %i over tokens {
  }
}

// -----

cce.kernel @gather_c2_rank(%x: !cce.buffer<positions x f32>, %row: !cce.buffer<i32>) {
  // A single entry is no list.
  // expected-error@+1 {{'cce.gather' op expected rows of rank 1 or 2 and i32, got '!cce.buffer<i32>'}}
  %view = cce.gather %x[%row] : !cce.buffer<positions x f32>, !cce.buffer<i32>
  cce.parallel %i over tokens {
  }
}

// -----

cce.kernel @gather_same_axis(%x: !cce.buffer<positions x tokens x f32>, %rows: !cce.buffer<tokens x i32>) {
  // The view would span one axis twice.
  // expected-error@+1 {{'cce.gather' op expected rows along another axis than 'tokens'}}
  %view = cce.gather %x[%rows] : !cce.buffer<positions x tokens x f32>, !cce.buffer<tokens x i32>
  cce.parallel %i over tokens {
  }
}

// -----

cce.kernel @gather_same_axis_groups(%x: !cce.buffer<vocab x slots x f32>, %lists: !cce.buffer<groups x slots x i32>) {
  // Of a list per group the last axis is the view's, here the second of its source too.
  // expected-error@+1 {{'cce.gather' op expected rows along another axis than 'slots'}}
  %view = cce.gather %x[%lists] : !cce.buffer<vocab x slots x f32>, !cce.buffer<groups x slots x i32>
  cce.parallel %i over tokens {
  }
}

// -----

cce.kernel @gather_of_gather(%x: !cce.buffer<positions x f32>, %rows: !cce.buffer<tokens x i32>,
                             %again: !cce.buffer<vocab x i32>) {
  %view = cce.gather %x[%rows] : !cce.buffer<positions x f32>, !cce.buffer<tokens x i32>
  // A list of a list.
  // expected-error@+1 {{'cce.gather' op expected a source that is not itself gathered}}
  %both = cce.gather %view[%again] : !cce.buffer<tokens x f32>, !cce.buffer<vocab x i32>
  cce.parallel %i over tokens {
  }
}

// -----

cce.kernel @rows_c1(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    // A buffer as it is: there is no list that names its rows.
    // expected-error@+1 {{'cce.rows' op expected a view made by cce.gather}}
    %r = cce.rows %x[%i] : !cce.buffer<tokens x f32> -> !cce.tile<tokens x i32>
  }
}

// -----

cce.kernel @rows_c1_axis(%x: !cce.buffer<positions x hidden x f32>, %rows: !cce.buffer<tokens x i32>) {
  %view = cce.gather %x[%rows] : !cce.buffer<positions x hidden x f32>, !cce.buffer<tokens x i32>
  cce.parallel %i, %d over tokens, hidden {
    // A coordinate of the view's other axis.
    // expected-error@+1 {{'cce.rows' op expected a coordinate of axis 'tokens'}}
    %r = cce.rows %view[%d] : !cce.buffer<tokens x hidden x f32> -> !cce.tile<tokens x i32>
  }
}

// -----

cce.kernel @rows_c1_group(%x: !cce.buffer<vocab x f32>, %lists: !cce.buffer<groups x slots x i32>) {
  %view = cce.gather %x[%lists] : !cce.buffer<vocab x f32>, !cce.buffer<groups x slots x i32>
  cce.parallel %g, %s over groups, slots {
    // The axis of the groups: which list it is follows from the tile of tokens at hand, and is not asked for.
    // expected-error@+1 {{'cce.rows' op expected a coordinate of axis 'slots'}}
    %r = cce.rows %view[%g] : !cce.buffer<slots x f32> -> !cce.tile<slots x i32>
  }
}

// -----

cce.kernel @rows_c2(%x: !cce.buffer<positions x f32>, %rows: !cce.buffer<tokens x i32>) {
  %view = cce.gather %x[%rows] : !cce.buffer<positions x f32>, !cce.buffer<tokens x i32>
  cce.parallel %i over tokens {
    // Numbers of rows as floats.
    // expected-error@+1 {{'cce.rows' op expected the result to be '!cce.tile<tokens x i32>', got '!cce.tile<tokens x f32>'}}
    %r = cce.rows %view[%i] : !cce.buffer<tokens x f32> -> !cce.tile<tokens x f32>
  }
}

// -----

cce.kernel @rows_c2_axis(%x: !cce.buffer<positions x f32>, %rows: !cce.buffer<tokens x i32>) {
  %view = cce.gather %x[%rows] : !cce.buffer<positions x f32>, !cce.buffer<tokens x i32>
  cce.parallel %i over tokens {
    // The axis of the source instead of that of the list.
    // expected-error@+1 {{'cce.rows' op expected the result to be '!cce.tile<tokens x i32>', got '!cce.tile<positions x i32>'}}
    %r = cce.rows %view[%i] : !cce.buffer<tokens x f32> -> !cce.tile<positions x i32>
  }
}

// -----

cce.kernel @tally_c1(%x: !cce.buffer<tokens x f32>, %sums: !cce.buffer<tokens x i32>) {
  cce.parallel %i over tokens {
    %t = cce.load %x[%i] : !cce.buffer<tokens x f32>
    // A value without classes.
    // expected-error@+1 {{'cce.tally' op expected a value of rank 2 and f32, got '!cce.tile<tokens x f32>'}}
    cce.tally %t, %t, %sums tiles 16 : !cce.tile<tokens x f32>, !cce.tile<tokens x f32>, !cce.buffer<tokens x i32>
  }
}

// -----

cce.kernel @tally_c1_element(%x: !cce.buffer<tokens x vocab x i32>, %t: !cce.buffer<tokens x i32>, %sums: !cce.buffer<vocab x i32>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x i32>
    %most = cce.load %t[%i] : !cce.buffer<tokens x i32>
    // Values that are integers.
    // expected-error@+1 {{'cce.tally' op expected a value of rank 2 and f32, got '!cce.tile<tokens x vocab x i32>'}}
    cce.tally %z, %most, %sums tiles 16 : !cce.tile<tokens x vocab x i32>, !cce.tile<tokens x i32>, !cce.buffer<vocab x i32>
  }
}

// -----

cce.kernel @tally_c1_limit(%x: !cce.buffer<tokens x vocab x f32>, %t: !cce.buffer<vocab x f32>, %sums: !cce.buffer<vocab x i32>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %most = cce.load %t[%v] : !cce.buffer<vocab x f32>
    // A limit for each class instead of each token.
    // expected-error@+1 {{'cce.tally' op expected a limit of f32 over 'tokens', got '!cce.tile<vocab x f32>'}}
    cce.tally %z, %most, %sums tiles 16 : !cce.tile<tokens x vocab x f32>, !cce.tile<vocab x f32>, !cce.buffer<vocab x i32>
  }
}

// -----

cce.kernel @tally_c2(%x: !cce.buffer<tokens x vocab x f32>, %t: !cce.buffer<tokens x f32>, %sums: !cce.buffer<vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %most = cce.load %t[%i] : !cce.buffer<tokens x f32>
    // Sums that would depend on their order.
    // expected-error@+1 {{'cce.tally' op expected a target of i32 over 'vocab', got '!cce.buffer<vocab x f32>'}}
    cce.tally %z, %most, %sums tiles 16 : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<vocab x f32>
  }
}

// -----

cce.kernel @tally_c2_axis(%x: !cce.buffer<tokens x vocab x f32>, %t: !cce.buffer<tokens x f32>, %sums: !cce.buffer<tokens x i32>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %most = cce.load %t[%i] : !cce.buffer<tokens x f32>
    // Sums of each token.
    // expected-error@+1 {{'cce.tally' op expected a target of i32 over 'vocab', got '!cce.buffer<tokens x i32>'}}
    cce.tally %z, %most, %sums tiles 16 : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<tokens x i32>
  }
}

// -----

cce.kernel @tally_c3(%x: !cce.buffer<tokens x vocab x f32>, %t: !cce.buffer<tokens x f32>, %sums: !cce.buffer<vocab x i32>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %most = cce.load %t[%i] : !cce.buffer<tokens x f32>
    // Of no tile.
    // expected-error@+1 {{'cce.tally' op expected tiles to be positive, got 0}}
    cce.tally %z, %most, %sums tiles 0 : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<vocab x i32>
  }
}

// -----

cce.kernel @mark_c1(%x: !cce.buffer<tokens x f32>, %bits: !cce.buffer<groups x tokens x i1>) {
  cce.parallel %i over tokens {
    %t = cce.load %x[%i] : !cce.buffer<tokens x f32>
    // A value without classes.
    // expected-error@+1 {{'cce.mark' op expected a value of rank 2 and f32, got '!cce.tile<tokens x f32>'}}
    cce.mark %t, %t, %bits : !cce.tile<tokens x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x tokens x i1>
  }
}

// -----

cce.kernel @mark_c1_element(%x: !cce.buffer<tokens x vocab x i32>, %t: !cce.buffer<tokens x i32>,
                            %bits: !cce.buffer<groups x vocab x i1>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x i32>
    %least = cce.load %t[%i] : !cce.buffer<tokens x i32>
    // Values that are integers.
    // expected-error@+1 {{'cce.mark' op expected a value of rank 2 and f32, got '!cce.tile<tokens x vocab x i32>'}}
    cce.mark %z, %least, %bits : !cce.tile<tokens x vocab x i32>, !cce.tile<tokens x i32>, !cce.buffer<groups x vocab x i1>
  }
}

// -----

cce.kernel @mark_c1_threshold(%x: !cce.buffer<tokens x vocab x f32>, %t: !cce.buffer<vocab x f32>,
                              %bits: !cce.buffer<groups x vocab x i1>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %least = cce.load %t[%v] : !cce.buffer<vocab x f32>
    // A threshold for each class instead of each token.
    // expected-error@+1 {{'cce.mark' op expected a threshold of f32 over 'tokens', got '!cce.tile<vocab x f32>'}}
    cce.mark %z, %least, %bits : !cce.tile<tokens x vocab x f32>, !cce.tile<vocab x f32>, !cce.buffer<groups x vocab x i1>
  }
}

// -----

cce.kernel @mark_c2(%x: !cce.buffer<tokens x vocab x f32>, %t: !cce.buffer<tokens x f32>,
                    %bits: !cce.buffer<groups x vocab x i32>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %least = cce.load %t[%i] : !cce.buffer<tokens x f32>
    // The words instead of the bits.
    // expected-error@+1 {{'cce.mark' op expected a target of i1 over groups and 'vocab', got '!cce.buffer<groups x vocab x i32>'}}
    cce.mark %z, %least, %bits : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x vocab x i32>
  }
}

// -----

cce.kernel @mark_c2_rank(%x: !cce.buffer<tokens x vocab x f32>, %t: !cce.buffer<tokens x f32>, %bits: !cce.buffer<vocab x i1>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %least = cce.load %t[%i] : !cce.buffer<tokens x f32>
    // No groups.
    // expected-error@+1 {{'cce.mark' op expected a target of i1 over groups and 'vocab', got '!cce.buffer<vocab x i1>'}}
    cce.mark %z, %least, %bits : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<vocab x i1>
  }
}

// -----

cce.kernel @mark_c2_last(%x: !cce.buffer<tokens x vocab x f32>, %t: !cce.buffer<tokens x f32>,
                         %bits: !cce.buffer<vocab x groups x i1>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %least = cce.load %t[%i] : !cce.buffer<tokens x f32>
    // The right axes, turned.
    // expected-error@+1 {{'cce.mark' op expected a target of i1 over groups and 'vocab', got '!cce.buffer<vocab x groups x i1>'}}
    cce.mark %z, %least, %bits : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<vocab x groups x i1>
  }
}

// -----

cce.kernel @mark_c2_groups(%x: !cce.buffer<tokens x vocab x f32>, %t: !cce.buffer<tokens x f32>,
                           %bits: !cce.buffer<tokens x vocab x i1>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %least = cce.load %t[%i] : !cce.buffer<tokens x f32>
    // A row for each token: the groups are another axis.
    // expected-error@+1 {{'cce.mark' op expected a target of i1 over groups and 'vocab', got '!cce.buffer<tokens x vocab x i1>'}}
    cce.mark %z, %least, %bits : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<tokens x vocab x i1>
  }
}

// -----

cce.kernel @mark_c3(%x: !cce.buffer<tokens x vocab x f32>, %t: !cce.buffer<tokens x f32>, %groups: !cce.buffer<tokens x f32>,
                    %bits: !cce.buffer<groups x vocab x i1>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %least = cce.load %t[%i] : !cce.buffer<tokens x f32>
    // Groups that are no integers.
    %g = cce.load %groups[%i] : !cce.buffer<tokens x f32>
    // expected-error@+1 {{'cce.mark' op expected groups of i32 over 'tokens', got '!cce.tile<tokens x f32>'}}
    cce.mark %z, %least, %bits by %g : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x vocab x i1>, !cce.tile<tokens x f32>
  }
}

// -----

cce.kernel @mark_c3_axis(%x: !cce.buffer<tokens x vocab x f32>, %t: !cce.buffer<tokens x f32>, %groups: !cce.buffer<vocab x i32>,
                         %bits: !cce.buffer<groups x vocab x i1>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %least = cce.load %t[%i] : !cce.buffer<tokens x f32>
    // A group for each class instead of each token.
    %g = cce.load %groups[%v] : !cce.buffer<vocab x i32>
    // expected-error@+1 {{'cce.mark' op expected groups of i32 over 'tokens', got '!cce.tile<vocab x i32>'}}
    cce.mark %z, %least, %bits by %g : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x vocab x i1>, !cce.tile<vocab x i32>
  }
}

// -----

cce.kernel @pick_c1(%z: !cce.buffer<tokens x f32>, %labels: !cce.buffer<tokens x i32>, %out: !cce.buffer<tokens x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.load %z[%i] : !cce.buffer<tokens x f32>
    %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
    // A value without classes.
    // expected-error@+1 {{'cce.pick' op expected a value of rank 2 and f32, got '!cce.tile<tokens x f32>'}}
    cce.pick %x, %y, %out : !cce.tile<tokens x f32>, !cce.tile<tokens x i32>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @pick_c1_element(%z: !cce.buffer<tokens x vocab x i32>, %labels: !cce.buffer<tokens x i32>, %out: !cce.buffer<tokens x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x i32>
    %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
    // Values that are integers.
    // expected-error@+1 {{'cce.pick' op expected a value of rank 2 and f32, got '!cce.tile<tokens x vocab x i32>'}}
    cce.pick %x, %y, %out : !cce.tile<tokens x vocab x i32>, !cce.tile<tokens x i32>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @pick_c2(%z: !cce.buffer<tokens x vocab x f32>, %labels: !cce.buffer<tokens x i64>, %out: !cce.buffer<tokens x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %y = cce.load %labels[%i] : !cce.buffer<tokens x i64>
    // Labels of another type.
    // expected-error@+1 {{'cce.pick' op expected labels of i32 over 'tokens', got '!cce.tile<tokens x i64>'}}
    cce.pick %x, %y, %out : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x i64>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @pick_c2_axis(%z: !cce.buffer<tokens x vocab x f32>, %labels: !cce.buffer<vocab x i32>, %out: !cce.buffer<tokens x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %y = cce.load %labels[%v] : !cce.buffer<vocab x i32>
    // A label for each class instead of each token.
    // expected-error@+1 {{'cce.pick' op expected labels of i32 over 'tokens', got '!cce.tile<vocab x i32>'}}
    cce.pick %x, %y, %out : !cce.tile<tokens x vocab x f32>, !cce.tile<vocab x i32>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @pick_c3(%z: !cce.buffer<tokens x vocab x f32>, %labels: !cce.buffer<tokens x i32>, %out: !cce.buffer<tokens x bf16>) {
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
    // A target that would round.
    // expected-error@+1 {{'cce.pick' op expected a target of f32 over 'tokens', got '!cce.buffer<tokens x bf16>'}}
    cce.pick %x, %y, %out : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x i32>, !cce.buffer<tokens x bf16>
  }
}

// -----

cce.kernel @pick_c3_axis(%z: !cce.buffer<tokens x vocab x f32>, %labels: !cce.buffer<tokens x i32>, %out: !cce.buffer<vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
    // An entry for each class instead of each token.
    // expected-error@+1 {{'cce.pick' op expected a target of f32 over 'tokens', got '!cce.buffer<vocab x f32>'}}
    cce.pick %x, %y, %out : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x i32>, !cce.buffer<vocab x f32>
  }
}

// -----

cce.kernel @pick_c3_rank(%z: !cce.buffer<tokens x vocab x f32>, %labels: !cce.buffer<tokens x i32>, %out: !cce.buffer<tokens x vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
    // A target of the rank of the value.
    // expected-error@+1 {{'cce.pick' op expected a target of f32 over 'tokens', got '!cce.buffer<tokens x vocab x f32>'}}
    cce.pick %x, %y, %out : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x i32>, !cce.buffer<tokens x vocab x f32>
  }
}

// -----

cce.kernel @save_c1(%x: !cce.buffer<tokens x f32>, %codes: !cce.buffer<tokens x i16>, %maxima: !cce.buffer<tiles x tokens x f32>) {
  cce.parallel %i over tokens {
    %t = cce.load %x[%i] : !cce.buffer<tokens x f32>
    // A value without classes.
    // expected-error@+1 {{'cce.save' op expected a value of rank 2 and f32, got '!cce.tile<tokens x f32>'}}
    cce.save %t, %codes, %maxima : !cce.tile<tokens x f32>, !cce.buffer<tokens x i16>, !cce.buffer<tiles x tokens x f32>
  }
}

// -----

cce.kernel @save_c1_element(%x: !cce.buffer<tokens x vocab x i32>, %codes: !cce.buffer<tokens x vocab x i16>,
                            %maxima: !cce.buffer<tiles x tokens x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x i32>
    // Values that are integers.
    // expected-error@+1 {{'cce.save' op expected a value of rank 2 and f32, got '!cce.tile<tokens x vocab x i32>'}}
    cce.save %z, %codes, %maxima : !cce.tile<tokens x vocab x i32>, !cce.buffer<tokens x vocab x i16>, !cce.buffer<tiles x tokens x f32>
  }
}

// -----

cce.kernel @save_c2(%x: !cce.buffer<tokens x vocab x f32>, %codes: !cce.buffer<tokens x vocab x f16>,
                    %maxima: !cce.buffer<tiles x tokens x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    // Logits that are only rounded.
    // expected-error@+1 {{'cce.save' op expected codes of i16 over 'tokens' and 'vocab', got '!cce.buffer<tokens x vocab x f16>'}}
    cce.save %z, %codes, %maxima : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f16>, !cce.buffer<tiles x tokens x f32>
  }
}

// -----

cce.kernel @save_c2_axes(%x: !cce.buffer<tokens x vocab x f32>, %codes: !cce.buffer<vocab x tokens x i16>,
                         %maxima: !cce.buffer<tiles x tokens x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    // The right axes, turned.
    // expected-error@+1 {{'cce.save' op expected codes of i16 over 'tokens' and 'vocab', got '!cce.buffer<vocab x tokens x i16>'}}
    cce.save %z, %codes, %maxima : !cce.tile<tokens x vocab x f32>, !cce.buffer<vocab x tokens x i16>, !cce.buffer<tiles x tokens x f32>
  }
}

// -----

cce.kernel @save_c3(%x: !cce.buffer<tokens x vocab x f32>, %codes: !cce.buffer<tokens x vocab x i16>,
                    %maxima: !cce.buffer<tiles x tokens x bf16>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    // Maxima that are rounded: all codes of a row would be off.
    // expected-error@+1 {{'cce.save' op expected maxima of f32 over tiles and 'tokens', got '!cce.buffer<tiles x tokens x bf16>'}}
    cce.save %z, %codes, %maxima : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x i16>, !cce.buffer<tiles x tokens x bf16>
  }
}

// -----

cce.kernel @save_c3_rank(%x: !cce.buffer<tokens x vocab x f32>, %codes: !cce.buffer<tokens x vocab x i16>,
                         %maxima: !cce.buffer<tokens x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    // One maximum for all tiles.
    // expected-error@+1 {{'cce.save' op expected maxima of f32 over tiles and 'tokens', got '!cce.buffer<tokens x f32>'}}
    cce.save %z, %codes, %maxima : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x i16>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @save_c3_last(%x: !cce.buffer<tokens x vocab x f32>, %codes: !cce.buffer<tokens x vocab x i16>,
                         %maxima: !cce.buffer<tokens x tiles x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    // The right axes, turned.
    // expected-error@+1 {{'cce.save' op expected maxima of f32 over tiles and 'tokens', got '!cce.buffer<tokens x tiles x f32>'}}
    cce.save %z, %codes, %maxima : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x i16>, !cce.buffer<tokens x tiles x f32>
  }
}

// -----

cce.kernel @save_c3_tiles(%x: !cce.buffer<tokens x vocab x f32>, %codes: !cce.buffer<tokens x vocab x i16>,
                          %maxima: !cce.buffer<vocab x tokens x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    // A row for each class: the tiles are another axis.
    // expected-error@+1 {{'cce.save' op expected maxima of f32 over tiles and 'tokens', got '!cce.buffer<vocab x tokens x f32>'}}
    cce.save %z, %codes, %maxima : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x i16>, !cce.buffer<vocab x tokens x f32>
  }
}

// -----

cce.kernel @load_c1(%x: !cce.buffer<vocab x f32>) {
  cce.parallel %i over tokens {
    // A coordinate of another axis.
    // expected-error@+1 {{'cce.load' op expected a coordinate of axis 'vocab', got one of 'tokens'}}
    %t = cce.load %x[%i] : !cce.buffer<vocab x f32>
  }
}

// -----

cce.kernel @load_c1_count(%x: !cce.buffer<tokens x vocab x f32>) {
  cce.parallel %i over tokens {
    // Too few coordinates.
    // expected-error@+1 {{'cce.load' op expected 2 coordinates for '!cce.buffer<tokens x vocab x f32>', got 1}}
    %t = cce.load %x[%i] : !cce.buffer<tokens x vocab x f32>
  }
}

// -----

cce.kernel @store_c1(%x: !cce.buffer<vocab x f32>) {
  cce.parallel %i over tokens {
    %z = cce.zero : !cce.tile<vocab x f32>
    // A coordinate of another axis.
    // expected-error@+1 {{'cce.store' op expected a coordinate of axis 'vocab', got one of 'tokens'}}
    cce.store %z, %x[%i] : !cce.tile<vocab x f32>, !cce.buffer<vocab x f32>
  }
}

// -----

cce.kernel @store_c2(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %z = cce.zero : !cce.tile<vocab x f32>
    // A tile over another axis than the buffer's.
    // expected-error@+1 {{'cce.store' op expected the tile to span the axes of '!cce.buffer<tokens x f32>', got '!cce.tile<vocab x f32>'}}
    cce.store %z, %x[%i] : !cce.tile<vocab x f32>, !cce.buffer<tokens x f32>
  }
}

// -----

cce.kernel @store_c3(%x: !cce.buffer<tokens x i32>) {
  cce.parallel %i over tokens {
    %z = cce.zero : !cce.tile<tokens x f32>
    // A float into integers.
    // expected-error@+1 {{'cce.store' op expected two floats or equal elements, got 'f32' into 'i32'}}
    cce.store %z, %x[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x i32>
  }
}

// -----

cce.kernel @matmul_c1(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x f16>) {
  cce.parallel %i, %v over tokens, vocab {
    // Operands of different elements.
    // expected-error@+1 {{'cce.matmul' op expected operands of the same float element, got '!cce.buffer<tokens x hidden x bf16>' and '!cce.buffer<vocab x hidden x f16>'}}
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x f16> -> !cce.tile<tokens x vocab x f32>
  }
}

// -----

cce.kernel @matmul_c1_rank(%a: !cce.buffer<tokens x f32>, %b: !cce.buffer<vocab x hidden x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    // A vector.
    // expected-error@+1 {{'cce.matmul' op expected operands of rank 2, got '!cce.buffer<tokens x f32>' and '!cce.buffer<vocab x hidden x f32>'}}
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x f32>, !cce.buffer<vocab x hidden x f32> -> !cce.tile<tokens x vocab x f32>
  }
}

// -----

cce.kernel @matmul_c2(%a: !cce.buffer<tokens x hidden x f32>, %b: !cce.buffer<vocab x hidden x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    // A coordinate of an axis that the operand does not have.
    // expected-error@+1 {{'cce.matmul' op expected the coordinate of 'lhs' to be of an axis of '!cce.buffer<tokens x hidden x f32>', got one of vocab}}
    %t = cce.matmul %a[%v], %b[%v] : !cce.buffer<tokens x hidden x f32>, !cce.buffer<vocab x hidden x f32> -> !cce.tile<tokens x vocab x f32>
  }
}

// -----

cce.kernel @matmul_c3(%a: !cce.buffer<tokens x hidden x f32>, %b: !cce.buffer<vocab x positions x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    // Nothing to contract.
    // expected-error@+1 {{'cce.matmul' op expected the operands to share the axis to contract, got 'hidden' and 'positions'}}
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x f32>, !cce.buffer<vocab x positions x f32> -> !cce.tile<tokens x vocab x f32>
  }
}

// -----

cce.kernel @matmul_c3_same(%a: !cce.buffer<tokens x hidden x f32>, %b: !cce.buffer<tokens x hidden x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    // Both operands at the same axis: that is a cce.dot.
    // expected-error@+1 {{'cce.matmul' op expected coordinates of different axes, got two of 'tokens'}}
    %t = cce.matmul %a[%i], %b[%i] : !cce.buffer<tokens x hidden x f32>, !cce.buffer<tokens x hidden x f32> -> !cce.tile<tokens x f32>
  }
}

// -----

cce.kernel @matmul_c4(%a: !cce.buffer<tokens x hidden x bf16>, %b: !cce.buffer<vocab x hidden x bf16>) {
  cce.parallel %i, %v over tokens, vocab {
    // A result in the order of neither coordinate.
    // expected-error@+1 {{'cce.matmul' op expected the result to be '!cce.tile<tokens x vocab x f32>', got '!cce.tile<vocab x tokens x f32>'}}
    %t = cce.matmul %a[%i], %b[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<vocab x hidden x bf16> -> !cce.tile<vocab x tokens x f32>
  }
}

// -----

cce.kernel @dot_c1(%a: !cce.buffer<tokens x hidden x i32>, %b: !cce.buffer<tokens x hidden x i32>) {
  cce.parallel %i over tokens {
    // Integers.
    // expected-error@+1 {{'cce.dot' op expected operands of the same float element, got '!cce.buffer<tokens x hidden x i32>' and '!cce.buffer<tokens x hidden x i32>'}}
    %t = cce.dot %a[%i], %b[%i] : !cce.buffer<tokens x hidden x i32>, !cce.buffer<tokens x hidden x i32> -> !cce.tile<tokens x f32>
  }
}

// -----

cce.kernel @dot_c2(%a: !cce.buffer<tokens x hidden x f32>, %b: !cce.buffer<tokens x hidden x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    // A coordinate of an axis that the operand does not have.
    // expected-error@+1 {{'cce.dot' op expected the coordinate of 'rhs' to be of an axis of '!cce.buffer<tokens x hidden x f32>', got one of vocab}}
    %t = cce.dot %a[%i], %b[%v] : !cce.buffer<tokens x hidden x f32>, !cce.buffer<tokens x hidden x f32> -> !cce.tile<tokens x f32>
  }
}

// -----

cce.kernel @dot_c3(%a: !cce.buffer<tokens x hidden x f32>, %b: !cce.buffer<tokens x hidden x f32>) {
  cce.parallel %i, %d over tokens, hidden {
    // Different coordinates.
    // expected-error@+1 {{'cce.dot' op expected both operands at the same coordinate}}
    %t = cce.dot %a[%i], %b[%d] : !cce.buffer<tokens x hidden x f32>, !cce.buffer<tokens x hidden x f32> -> !cce.tile<tokens x f32>
  }
}

// -----

cce.kernel @dot_c3_axes(%a: !cce.buffer<tokens x hidden x f32>, %b: !cce.buffer<tokens x vocab x f32>) {
  cce.parallel %i over tokens {
    // Nothing to contract.
    // expected-error@+1 {{'cce.dot' op expected the operands to share the axis to contract, got 'hidden' and 'vocab'}}
    %t = cce.dot %a[%i], %b[%i] : !cce.buffer<tokens x hidden x f32>, !cce.buffer<tokens x vocab x f32> -> !cce.tile<tokens x f32>
  }
}

// -----

cce.kernel @dot_c4(%a: !cce.buffer<tokens x hidden x f32>, %b: !cce.buffer<tokens x hidden x f32>) {
  cce.parallel %i over tokens {
    // A result of bf16.
    // expected-error@+1 {{'cce.dot' op expected the result to be '!cce.tile<tokens x f32>', got '!cce.tile<tokens x bf16>'}}
    %t = cce.dot %a[%i], %b[%i] : !cce.buffer<tokens x hidden x f32>, !cce.buffer<tokens x hidden x f32> -> !cce.tile<tokens x bf16>
  }
}

// -----

cce.kernel @zero_c1(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    // Zeros of integers.
    // expected-error@+1 {{'cce.zero' op expected a tile of f32, got '!cce.tile<tokens x i32>'}}
    %z = cce.zero : !cce.tile<tokens x i32>
  }
}

// -----

cce.kernel @accumulate_c1(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %z = cce.zero : !cce.tile<tokens x f32>
    // A value without an axis to add up along.
    // expected-error@+1 {{'cce.accumulate' op expected the state to span all axes of the value but one, got '!cce.tile<tokens x f32>' for '!cce.tile<tokens x f32>'}}
    %s = cce.accumulate %z, %z : !cce.tile<tokens x f32>, !cce.tile<tokens x f32>
  }
}

// -----

cce.kernel @accumulate_c1_state(%x: !cce.buffer<tokens x i32>, %y: !cce.buffer<tokens x vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %z = cce.load %x[%i] : !cce.buffer<tokens x i32>
    %t = cce.load %y[%i, %v] : !cce.buffer<tokens x vocab x f32>
    // A state of integers.
    // expected-error@+1 {{'cce.accumulate' op expected the state to hold f32, got '!cce.tile<tokens x i32>'}}
    %s = cce.accumulate %z, %t : !cce.tile<tokens x i32>, !cce.tile<tokens x vocab x f32>
  }
}

// -----

cce.kernel @lse_init_c1(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    // A tile of something else.
    // expected-error@+1 {{'cce.lse_init' op expected a tile of !cce.lse, got '!cce.tile<tokens x f32>'}}
    %s = cce.lse_init : !cce.tile<tokens x f32>
  }
}

// -----

cce.kernel @lse_update_c1(%x: !cce.buffer<tokens x vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %s = cce.zero : !cce.tile<tokens x f32>
    %t = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    // A state that is no log-sum-exp.
    // expected-error@+1 {{'cce.lse_update' op expected the state to hold !cce.lse, got '!cce.tile<tokens x f32>'}}
    %n = cce.lse_update %s, %t : !cce.tile<tokens x f32>, !cce.tile<tokens x vocab x f32>
  }
}

// -----

cce.kernel @lse_update_c1_value(%x: !cce.buffer<tokens x vocab x i32>) {
  cce.parallel %i, %v over tokens, vocab {
    %s = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %t = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x i32>
    // Logits that are integers.
    // expected-error@+1 {{'cce.lse_update' op expected the value to hold f32, got '!cce.tile<tokens x vocab x i32>'}}
    %n = cce.lse_update %s, %t : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x i32>
  }
}

// -----

cce.kernel @lse_update_c2(%x: !cce.buffer<tokens x vocab x f32>, %y: !cce.buffer<vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %s = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %t = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %r = cce.load %y[%v] : !cce.buffer<vocab x f32>
    // A reference of each column, not of each row.
    // expected-error@+1 {{'cce.lse_update' op expected the reference to be '!cce.tile<tokens x f32>', got '!cce.tile<vocab x f32>'}}
    %n = cce.lse_update %s, %t at %r : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>, !cce.tile<vocab x f32>
  }
}

// -----

cce.kernel @map_c1(%x: !cce.buffer<vocab x f32>) {
  cce.parallel %v over vocab {
    %t = cce.load %x[%v] : !cce.buffer<vocab x f32>
    // An input over an axis that the result lacks.
    // expected-error@+1 {{'cce.map' op expected inputs over axes of the result '!cce.tile<tokens x f32>', got '!cce.tile<vocab x f32>'}}
    %r = cce.map %t : !cce.tile<vocab x f32> -> !cce.tile<tokens x f32> {
    ^bb0(%a: f32):
      cce.yield %a : f32
    }
  }
}

// -----

cce.kernel @map_c2(%x: !cce.buffer<vocab x f32>) {
  cce.parallel %v over vocab {
    %t = cce.load %x[%v] : !cce.buffer<vocab x f32>
    // A region that takes more than there is.
    // expected-error@+1 {{'cce.map' op expected the region to take 1 arguments, got 2}}
    %r = cce.map %t : !cce.tile<vocab x f32> -> !cce.tile<vocab x f32> {
    ^bb0(%a: f32, %b: f32):
      cce.yield %a : f32
    }
  }
}

// -----

cce.kernel @map_c2_type(%x: !cce.buffer<vocab x i32>) {
  cce.parallel %v over vocab {
    %t = cce.load %x[%v] : !cce.buffer<vocab x i32>
    // A region that takes another element than the input has.
    // expected-error@+1 {{'cce.map' op expected argument 0 of the region to be 'i32', got 'f32'}}
    %r = cce.map %t : !cce.tile<vocab x i32> -> !cce.tile<vocab x f32> {
    ^bb0(%a: f32):
      cce.yield %a : f32
    }
  }
}

// -----

cce.kernel @map_c2_yield(%x: !cce.buffer<vocab x i32>) {
  cce.parallel %v over vocab {
    %t = cce.load %x[%v] : !cce.buffer<vocab x i32>
    // A region that yields another element than the result has.
    // expected-error@+1 {{'cce.map' op expected the region to yield one 'f32'}}
    %r = cce.map %t : !cce.tile<vocab x i32> -> !cce.tile<vocab x f32> {
    ^bb0(%a: i32):
      cce.yield %a : i32
    }
  }
}

// -----

cce.kernel @map_pure(%x: !cce.buffer<vocab x f32>) {
  cce.parallel %v over vocab {
    %t = cce.load %x[%v] : !cce.buffer<vocab x f32>
    // A region with a side effect.
    // expected-error@+1 {{'cce.map' op expected a pure region, got 'gpu.barrier'}}
    %r = cce.map %t : !cce.tile<vocab x f32> -> !cce.tile<vocab x f32> {
    ^bb0(%a: f32):
      gpu.barrier
      cce.yield %a : f32
    }
  }
}

// -----

cce.transform @twice(%x: f32) -> f32 {
  cce.yield %x : f32
}
cce.kernel @apply_c1(%x: !cce.buffer<vocab x i32>) {
  cce.parallel %v over vocab {
    %t = cce.load %x[%v] : !cce.buffer<vocab x i32>
    // Integers for a transform of f32.
    // expected-error@+1 {{'cce.apply' op expected inputs and result to hold f32, got '!cce.tile<vocab x i32>'}}
    %r = cce.apply @twice(%t) : (!cce.tile<vocab x i32>) -> !cce.tile<vocab x f32>
  }
}

// -----

cce.transform @twice(%x: f32) -> f32 {
  cce.yield %x : f32
}
cce.kernel @apply_c1_count(%x: !cce.buffer<vocab x f32>) {
  cce.parallel %v over vocab {
    %t = cce.load %x[%v] : !cce.buffer<vocab x f32>
    // More inputs than the transform takes.
    // expected-error@+1 {{'cce.apply' op expected 1 inputs for @twice, got 2}}
    %r = cce.apply @twice(%t, %t) : (!cce.tile<vocab x f32>, !cce.tile<vocab x f32>) -> !cce.tile<vocab x f32>
  }
}

// -----

cce.kernel @apply_c2(%x: !cce.buffer<vocab x f32>) {
  cce.parallel %v over vocab {
    %t = cce.load %x[%v] : !cce.buffer<vocab x f32>
    // The name of a kernel.
    // expected-error@+1 {{'cce.apply' op expected @apply_c2 to name a cce.transform}}
    %r = cce.apply @apply_c2(%t) : (!cce.tile<vocab x f32>) -> !cce.tile<vocab x f32>
  }
}

// -----

cce.kernel @onehot_c1(%labels: !cce.buffer<tokens x i64>) {
  cce.parallel %i, %v over tokens, vocab {
    %y = cce.load %labels[%i] : !cce.buffer<tokens x i64>
    // Labels of another type than i32.
    // expected-error@+1 {{'cce.onehot' op expected labels of rank 1 and i32, got '!cce.tile<tokens x i64>'}}
    %hit = cce.onehot %y, %v : !cce.tile<tokens x i64> -> !cce.tile<tokens x vocab x i1>
  }
}

// -----

cce.kernel @onehot_c1_axis(%labels: !cce.buffer<tokens x i32>) {
  cce.parallel %i, %v over tokens, vocab {
    %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
    // The labels' own axis.
    // expected-error@+1 {{'cce.onehot' op expected a coordinate of another axis than 'tokens'}}
    %hit = cce.onehot %y, %i : !cce.tile<tokens x i32> -> !cce.tile<tokens x vocab x i1>
  }
}

// -----

cce.kernel @onehot_c2(%labels: !cce.buffer<tokens x i32>) {
  cce.parallel %i, %v over tokens, vocab {
    %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
    // A result that does not hold bits.
    // expected-error@+1 {{'cce.onehot' op expected the result to be '!cce.tile<tokens x vocab x i1>', got '!cce.tile<tokens x vocab x f32>'}}
    %hit = cce.onehot %y, %v : !cce.tile<tokens x i32> -> !cce.tile<tokens x vocab x f32>
  }
}

// -----

// Three axes.
// expected-error@+1 {{expected at most 2 axes, got 3}}
cce.kernel @shape_c1(%x: !cce.buffer<tokens x vocab x hidden x f32>) {
  cce.parallel %i over tokens {
  }
}

// -----

// The same axis twice.
// expected-error@+1 {{expected different axes, got 'tokens' twice}}
cce.kernel @shape_c2(%x: !cce.buffer<tokens x tokens x f32>) {
  cce.parallel %i over tokens {
  }
}

// -----

// An element that is no number.
// expected-error@+1 {{expected the element to be an integer, a float, !cce.operand or !cce.lse, got 'index'}}
cce.kernel @shape_c3(%x: !cce.buffer<tokens x index>) {
  cce.parallel %i over tokens {
  }
}

// -----

cce.kernel @shape_c1_of_a_tile(%x: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    // The constraints of buffers hold for tiles too.
    // expected-error@+1 {{expected different axes, got 'tokens' twice}}
    %z = cce.zero : !cce.tile<tokens x tokens x f32>
  }
}

// -----

// A side of nothing.
cce.kernel @config(%x: !cce.buffer<tokens x f32>)
    // expected-error@+1 {{expected 'tile_n' to be at least 1, got 0}}
    attributes {config = #cce.config<tile_m = 128, tile_n = 0, tile_k = 64, stages = 4>} {
  cce.parallel %i over tokens {
  }
}

// -----

// A part that fits into the others as often as not at all.
cce.kernel @config_last_part(%x: !cce.buffer<tokens x f32>)
    // expected-error@+1 {{expected 'last_part' to be at least 1, got 0}}
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 4, last_part = 0>} {
  cce.parallel %i over tokens {
  }
}

// -----

cce.kernel @config_unknown(%x: !cce.buffer<tokens x f32>)
    // expected-error@+1 {{expected 'cluster' or 'last_part'}}
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 4, colour = 3>} {
  cce.parallel %i over tokens {
  }
}

// -----

// A cluster of no block.
cce.kernel @config_cluster(%x: !cce.buffer<tokens x f32>)
    // expected-error@+1 {{expected 'cluster' to be at least 1, got 0}}
    attributes {config = #cce.config<tile_m = 128, tile_n = 64, tile_k = 64, stages = 4, cluster = 0>} {
  cce.parallel %i over tokens {
  }
}

// -----

cce.kernel @load_halves_c1(%u: !cce.buffer<tokens x hidden x bf16>, %l: !cce.buffer<tokens x vocab x i8>) {
  cce.parallel %i, %d over tokens, hidden {
    // Halves over different axes.
    // expected-error@+1 {{'cce.load_halves' op expected two buffers over the same two axes, got '!cce.buffer<tokens x hidden x bf16>' and '!cce.buffer<tokens x vocab x i8>'}}
    %t = cce.load_halves %u, %l[%i, %d] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x vocab x i8>
  }
}

// -----

cce.kernel @load_halves_c1_rank(%u: !cce.buffer<tokens x bf16>, %l: !cce.buffer<tokens x i8>) {
  cce.parallel %i, %d over tokens, hidden {
    // A row instead of a plane.
    // expected-error@+1 {{'cce.load_halves' op expected two buffers over the same two axes, got '!cce.buffer<tokens x bf16>' and '!cce.buffer<tokens x i8>'}}
    %t = cce.load_halves %u, %l[%i] : !cce.buffer<tokens x bf16>, !cce.buffer<tokens x i8>
  }
}

// -----

cce.kernel @load_halves_c1_coords(%u: !cce.buffer<tokens x hidden x bf16>, %l: !cce.buffer<tokens x hidden x i8>) {
  cce.parallel %i, %d over tokens, hidden {
    // Coordinates in another order.
    // expected-error@+1 {{'cce.load_halves' op expected a coordinate of axis 'tokens', got one of 'hidden'}}
    %t = cce.load_halves %u, %l[%d, %i] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
  }
}

// -----

cce.kernel @load_halves_c2(%u: !cce.buffer<tokens x hidden x f32>, %l: !cce.buffer<tokens x hidden x i8>) {
  cce.parallel %i, %d over tokens, hidden {
    // Upper halves in 32 bits.
    // expected-error@+1 {{'cce.load_halves' op expected upper halves in elements of 16 bits and lower ones in i8 or i4, got '!cce.buffer<tokens x hidden x f32>' and '!cce.buffer<tokens x hidden x i8>'}}
    %t = cce.load_halves %u, %l[%i, %d] : !cce.buffer<tokens x hidden x f32>, !cce.buffer<tokens x hidden x i8>
  }
}

// -----

cce.kernel @load_halves_c2_lower(%u: !cce.buffer<tokens x hidden x bf16>, %l: !cce.buffer<tokens x hidden x bf16>) {
  cce.parallel %i, %d over tokens, hidden {
    // Lower halves that look like numbers.
    // expected-error@+1 {{'cce.load_halves' op expected upper halves in elements of 16 bits and lower ones in i8 or i4, got '!cce.buffer<tokens x hidden x bf16>' and '!cce.buffer<tokens x hidden x bf16>'}}
    %t = cce.load_halves %u, %l[%i, %d] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x bf16>
  }
}

// -----

cce.kernel @store_halves_c1(%u: !cce.buffer<tokens x hidden x bf16>, %l: !cce.buffer<tokens x vocab x i8>) {
  cce.parallel %i, %d over tokens, hidden {
    %z = cce.zero : !cce.tile<tokens x hidden x f32>
    // Halves over different axes.
    // expected-error@+1 {{'cce.store_halves' op expected two buffers over the same two axes, got '!cce.buffer<tokens x hidden x bf16>' and '!cce.buffer<tokens x vocab x i8>'}}
    cce.store_halves %z, %u, %l[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x vocab x i8>
  }
}

// -----

cce.kernel @store_halves_c1_tile(%u: !cce.buffer<tokens x hidden x bf16>, %l: !cce.buffer<tokens x hidden x i8>) {
  cce.parallel %i, %d over tokens, hidden {
    %z = cce.zero : !cce.tile<hidden x f32>
    // A tile that lacks an axis.
    // expected-error@+1 {{'cce.store_halves' op expected the tile to span the axes of '!cce.buffer<tokens x hidden x bf16>', got '!cce.tile<hidden x f32>'}}
    cce.store_halves %z, %u, %l[%i, %d] : !cce.tile<hidden x f32>, !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
  }
}

// -----

cce.kernel @store_halves_c2(%u: !cce.buffer<tokens x hidden x bf16>, %l: !cce.buffer<tokens x hidden x i16>) {
  cce.parallel %i, %d over tokens, hidden {
    %z = cce.zero : !cce.tile<tokens x hidden x f32>
    // Lower halves in 16 bits.
    // expected-error@+1 {{'cce.store_halves' op expected upper halves in elements of 16 bits and lower ones in i8 or i4, got '!cce.buffer<tokens x hidden x bf16>' and '!cce.buffer<tokens x hidden x i16>'}}
    cce.store_halves %z, %u, %l[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i16>
  }
}

// -----

cce.kernel @store_halves_c3(%u: !cce.buffer<tokens x hidden x bf16>, %l: !cce.buffer<tokens x hidden x i8>, %x: !cce.buffer<tokens x hidden x i32>) {
  cce.parallel %i, %d over tokens, hidden {
    %z = cce.load %x[%i, %d] : !cce.buffer<tokens x hidden x i32>
    // A tile of integers.
    // expected-error@+1 {{'cce.store_halves' op expected a tile of f32, got '!cce.tile<tokens x hidden x i32>'}}
    cce.store_halves %z, %u, %l[%i, %d] : !cce.tile<tokens x hidden x i32>, !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
  }
}
