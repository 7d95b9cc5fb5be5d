// RUN: cce-opt %s --canonicalize --cse | FileCheck %s

// What has no result and writes memory stays, however often it is said; what only tells something is gone when nobody asks, and
// told once.
// CHECK-LABEL: cce.kernel @effects(
// CHECK: %[[VIEW:.*]] = cce.gather
// CHECK: %[[ROWS:.*]] = cce.rows %[[VIEW]]
// CHECK-NOT: cce.rows
// CHECK-COUNT-2: cce.mark
// CHECK-COUNT-2: cce.tally
// CHECK-COUNT-2: cce.pick
// CHECK-COUNT-2: cce.save
// CHECK-NOT: cce.rows
// CHECK: cce.store %[[ROWS]]
// CHECK-NEXT: cce.store %[[ROWS]]
cce.kernel @effects(%z: !cce.buffer<positions x vocab x f32>, %rows: !cce.buffer<tokens x i32>, %threshold: !cce.buffer<tokens x f32>,
                    %bits: !cce.buffer<groups x vocab x i1>, %sums: !cce.buffer<vocab x i32>, %codes: !cce.buffer<tokens x vocab x i16>,
                    %maxima: !cce.buffer<tiles x tokens x f32>, %labels: !cce.buffer<tokens x i32>, %label_logit: !cce.buffer<tokens x f32>,
                    %one: !cce.buffer<tokens x i32>, %other: !cce.buffer<tokens x i32>) {
  %view = cce.gather %z[%rows] : !cce.buffer<positions x vocab x f32>, !cce.buffer<tokens x i32>
  cce.parallel %i, %v over tokens, vocab {
    %unused = cce.rows %view[%i] : !cce.buffer<tokens x vocab x f32> -> !cce.tile<tokens x i32>
    %r = cce.rows %view[%i] : !cce.buffer<tokens x vocab x f32> -> !cce.tile<tokens x i32>
    %x = cce.load %view[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %t = cce.load %threshold[%i] : !cce.buffer<tokens x f32>
    cce.mark %x, %t, %bits : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x vocab x i1>
    cce.mark %x, %t, %bits : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x vocab x i1>
    cce.tally %x, %t, %sums tiles 1 : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<vocab x i32>
    cce.tally %x, %t, %sums tiles 1 : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<vocab x i32>
    %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
    cce.pick %x, %y, %label_logit : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x i32>, !cce.buffer<tokens x f32>
    cce.pick %x, %y, %label_logit : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x i32>, !cce.buffer<tokens x f32>
    cce.save %x, %codes, %maxima : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x i16>, !cce.buffer<tiles x tokens x f32>
    cce.save %x, %codes, %maxima : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x i16>, !cce.buffer<tiles x tokens x f32>
    %again = cce.rows %view[%i] : !cce.buffer<tokens x vocab x f32> -> !cce.tile<tokens x i32>
    cce.store %r, %one[%i] : !cce.tile<tokens x i32>, !cce.buffer<tokens x i32>
    cce.store %again, %other[%i] : !cce.tile<tokens x i32>, !cce.buffer<tokens x i32>
  }
}

// Between two stores of halves the same load may give something else; one that nobody uses is gone.
// CHECK-LABEL: cce.kernel @halves(
// CHECK: %[[BEFORE:.*]] = cce.load_halves
// CHECK-NEXT: cce.store_halves %[[BEFORE]]
// CHECK-NEXT: %[[AFTER:.*]] = cce.load_halves
// CHECK-NEXT: cce.store_halves %[[AFTER]]
// CHECK-NOT: cce.load_halves
cce.kernel @halves(%upper: !cce.buffer<tokens x hidden x bf16>, %lower: !cce.buffer<tokens x hidden x i8>) {
  cce.parallel %i, %d over tokens, hidden {
    %a = cce.load_halves %upper, %lower[%i, %d] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
    cce.store_halves %a, %upper, %lower[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
    %b = cce.load_halves %upper, %lower[%i, %d] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
    cce.store_halves %b, %upper, %lower[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
    %c = cce.load_halves %upper, %lower[%i, %d] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<tokens x hidden x i8>
  }
}
