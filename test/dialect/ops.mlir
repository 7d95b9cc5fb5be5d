// RUN: cce-opt %s | FileCheck %s
// RUN: cce-opt %s | cce-opt | FileCheck %s
// RUN: cce-opt %s --mlir-print-op-generic | cce-opt | FileCheck %s

// A declaration of a transform is private and keeps its signature; one with a body keeps that too.
// CHECK: cce.transform private @logit(%x: f32, %bias: f32, %param: f32) -> f32{{$}}
cce.transform private @logit(%x: f32, %bias: f32, %param: f32) -> f32
// CHECK-LABEL: cce.transform @twice(
// CHECK-SAME: %[[X:.*]]: f32) -> f32 {
// CHECK: %[[SUM:.*]] = arith.addf %[[X]], %[[X]] : f32
// CHECK: cce.yield %[[SUM]] : f32
cce.transform @twice(%x: f32) -> f32 {
  %y = arith.addf %x, %x : f32
  cce.yield %y : f32
}

// The arguments of a kernel keep their names, which the caller binds memory to; coordinates are called after their axes.
// CHECK-LABEL: cce.kernel @names(
// CHECK-SAME: %first: !cce.buffer<tokens x vocab x f32>, %scale: f32, %flag: i1, %number: i32) {
// CHECK: cce.parallel %tokens, %vocab over tokens, vocab {
cce.kernel @names(%first: !cce.buffer<tokens x vocab x f32>, %scale: f32, %flag: i1, %number: i32) {
  cce.parallel %i, %v over tokens, vocab {
  }
}

// A gathered view stands for its source in loads and stores, and takes the axis of the list.
// CHECK-LABEL: cce.kernel @memory(
// CHECK: %[[VIEW:.*]] = cce.gather %x[%rows] : <positions x hidden x bf16>, <tokens x i32>
// CHECK: cce.parallel %[[I:.*]], %[[D:.*]] over tokens, hidden
// CHECK: %[[T:.*]] = cce.load %[[VIEW]][%[[I]], %[[D]]] : <tokens x hidden x bf16>
// CHECK: %[[U:.*]] = cce.load %y[%[[I]], %[[D]]] if %wanted : <tokens x hidden x f32>
// CHECK: cce.store %[[T]], %y[%[[I]], %[[D]]] : <tokens x hidden x f32>, <tokens x hidden x f32>
cce.kernel @memory(%x: !cce.buffer<positions x hidden x bf16>, %rows: !cce.buffer<tokens x i32>, %wanted: i1,
                   %y: !cce.buffer<tokens x hidden x f32>) {
  %view = cce.gather %x[%rows] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<tokens x i32>
  cce.parallel %i, %d over tokens, hidden {
    %t = cce.load %view[%i, %d] : !cce.buffer<tokens x hidden x bf16>
    %u = cce.load %y[%i, %d] if %wanted : !cce.buffer<tokens x hidden x f32>
    cce.store %t, %y[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x f32>
  }
}

// An f32 in two buffers, of 16 and of 8 bits: together they have one coordinate for each axis.
// CHECK-LABEL: cce.kernel @halves(
// CHECK: %[[VIEW:.*]] = cce.gather %de[%rows]
// CHECK: %[[T:.*]] = cce.load_halves %[[VIEW]], %low[%[[I:.*]], %[[D:.*]]] if %wanted : <tokens x hidden x !cce.operand>, <tokens x hidden x i8>
// CHECK: cce.store_halves %[[T]], %[[VIEW]], %low[%[[I]], %[[D]]] : <tokens x hidden x f32>, <tokens x hidden x !cce.operand>, <tokens x hidden x i8>
cce.kernel @halves(%de: !cce.buffer<positions x hidden x !cce.operand>, %rows: !cce.buffer<tokens x i32>, %wanted: i1,
                   %low: !cce.buffer<tokens x hidden x i8>) {
  %view = cce.gather %de[%rows] : !cce.buffer<positions x hidden x !cce.operand>, !cce.buffer<tokens x i32>
  cce.parallel %i, %d over tokens, hidden {
    %t = cce.load_halves %view, %low[%i, %d] if %wanted : !cce.buffer<tokens x hidden x !cce.operand>, !cce.buffer<tokens x hidden x i8>
    cce.store_halves %t, %view, %low[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x !cce.operand>, !cce.buffer<tokens x hidden x i8>
  }
}

// The same with 4 bits below.
// CHECK-LABEL: cce.kernel @quarters(
// CHECK: %[[T:.*]] = cce.load_halves %dc, %low[%[[V:.*]], %[[D:.*]]] : <vocab x hidden x bf16>, <vocab x hidden x i4>
// CHECK: cce.store_halves %[[T]], %dc, %low[%[[V]], %[[D]]] : <vocab x hidden x f32>, <vocab x hidden x bf16>, <vocab x hidden x i4>
cce.kernel @quarters(%dc: !cce.buffer<vocab x hidden x bf16>, %low: !cce.buffer<vocab x hidden x i4>) {
  cce.parallel %v, %d over vocab, hidden {
    %t = cce.load_halves %dc, %low[%v, %d] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<vocab x hidden x i4>
    cce.store_halves %t, %dc, %low[%v, %d] : !cce.tile<vocab x hidden x f32>, !cce.buffer<vocab x hidden x bf16>, !cce.buffer<vocab x hidden x i4>
  }
}

// A list for each group: the view takes the last axis of the lists, whichever group they are of. What the view shows can be asked
// for, of either kind of list.
// CHECK-LABEL: cce.kernel @lists(
// CHECK: %[[VIEW:.*]] = cce.gather %x[%rows] : <positions x hidden x bf16>, <tokens x i32>
// CHECK: %[[LISTED:.*]] = cce.gather %c[%lists] : <vocab x hidden x bf16>, <groups x slots x i32>
// CHECK: %[[BIAS:.*]] = cce.gather %bias[%lists] : <vocab x f32>, <groups x slots x i32>
// CHECK: cce.parallel %[[I:.*]], %[[S:.*]] over tokens, slots
// CHECK: cce.matmul %[[VIEW]][%[[I]]], %[[LISTED]][%[[S]]] : <tokens x hidden x bf16>, <slots x hidden x bf16> -> <tokens x slots x f32>
// CHECK: cce.load %[[BIAS]][%[[S]]] : <slots x f32>
// CHECK: cce.rows %[[VIEW]][%[[I]]] : <tokens x hidden x bf16> -> <tokens x i32>
// CHECK: cce.rows %[[LISTED]][%[[S]]] : <slots x hidden x bf16> -> <slots x i32>
cce.kernel @lists(%x: !cce.buffer<positions x hidden x bf16>, %rows: !cce.buffer<tokens x i32>,
                  %c: !cce.buffer<vocab x hidden x bf16>, %bias: !cce.buffer<vocab x f32>, %lists: !cce.buffer<groups x slots x i32>) {
  %view = cce.gather %x[%rows] : !cce.buffer<positions x hidden x bf16>, !cce.buffer<tokens x i32>
  %listed = cce.gather %c[%lists] : !cce.buffer<vocab x hidden x bf16>, !cce.buffer<groups x slots x i32>
  %listed_bias = cce.gather %bias[%lists] : !cce.buffer<vocab x f32>, !cce.buffer<groups x slots x i32>
  cce.parallel %i, %s over tokens, slots {
    %t = cce.matmul %view[%i], %listed[%s] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<slots x hidden x bf16> -> !cce.tile<tokens x slots x f32>
    %b = cce.load %listed_bias[%s] : !cce.buffer<slots x f32>
    %p = cce.rows %view[%i] : !cce.buffer<tokens x hidden x bf16> -> !cce.tile<tokens x i32>
    %class = cce.rows %listed[%s] : !cce.buffer<slots x hidden x bf16> -> !cce.tile<slots x i32>
  }
}

// A logit that reaches its token's threshold marks its class for the group; the op has no result.
// CHECK-LABEL: cce.kernel @mark(
// CHECK: %[[Z:.*]] = cce.load %z[%[[I:.*]], %[[V:.*]]] : <tokens x vocab x f32>
// CHECK: %[[T:.*]] = cce.load %threshold[%[[I]]] : <tokens x f32>
// CHECK: cce.mark %[[Z]], %[[T]], %bits : <tokens x vocab x f32>, <tokens x f32>, <groups x vocab x i1>
cce.kernel @mark(%z: !cce.buffer<tokens x vocab x f32>, %threshold: !cce.buffer<tokens x f32>, %bits: !cce.buffer<groups x vocab x i1>) {
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %t = cce.load %threshold[%i] : !cce.buffer<tokens x f32>
    cce.mark %x, %t, %bits : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x vocab x i1>
  }
}

// Rows may name their groups.
// CHECK-LABEL: cce.kernel @mark_by(
// CHECK: %[[Z:.*]] = cce.load %z[%[[I:.*]], %[[V:.*]]] : <tokens x vocab x f32>
// CHECK: %[[T:.*]] = cce.load %threshold[%[[I]]] : <tokens x f32>
// CHECK: %[[G:.*]] = cce.load %group[%[[I]]] : <tokens x i32>
// CHECK: cce.mark %[[Z]], %[[T]], %bits by %[[G]] : <tokens x vocab x f32>, <tokens x f32>, <groups x vocab x i1>, !cce.tile<tokens x i32>
cce.kernel @mark_by(%z: !cce.buffer<tokens x vocab x f32>, %threshold: !cce.buffer<tokens x f32>, %group: !cce.buffer<tokens x i32>,
                    %bits: !cce.buffer<groups x vocab x i1>) {
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %t = cce.load %threshold[%i] : !cce.buffer<tokens x f32>
    %g = cce.load %group[%i] : !cce.buffer<tokens x i32>
    cce.mark %x, %t, %bits by %g : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x vocab x i1>, !cce.tile<tokens x i32>
  }
}

// What lies below the limits is added up for each class; the op has no result.
// CHECK-LABEL: cce.kernel @tally(
// CHECK: %[[Z:.*]] = cce.load %z[%[[I:.*]], %[[V:.*]]] : <tokens x vocab x f32>
// CHECK: %[[T:.*]] = cce.load %limit[%[[I]]] : <tokens x f32>
// CHECK: cce.tally %[[Z]], %[[T]], %sums tiles 16 : <tokens x vocab x f32>, <tokens x f32>, <vocab x i32>
cce.kernel @tally(%z: !cce.buffer<tokens x vocab x f32>, %limit: !cce.buffer<tokens x f32>, %sums: !cce.buffer<vocab x i32>) {
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %t = cce.load %limit[%i] : !cce.buffer<tokens x f32>
    cce.tally %x, %t, %sums tiles 16 : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<vocab x i32>
  }
}

// The logit of each token's label is kept; the op has no result.
// CHECK-LABEL: cce.kernel @pick(
// CHECK: %[[Z:.*]] = cce.load %z[%[[I:.*]], %[[V:.*]]] : <tokens x vocab x f32>
// CHECK: %[[Y:.*]] = cce.load %labels[%[[I]]] : <tokens x i32>
// CHECK: cce.pick %[[Z]], %[[Y]], %label_logit : <tokens x vocab x f32>, <tokens x i32>, <tokens x f32>
cce.kernel @pick(%z: !cce.buffer<tokens x vocab x f32>, %labels: !cce.buffer<tokens x i32>, %label_logit: !cce.buffer<tokens x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
    cce.pick %x, %y, %label_logit : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x i32>, !cce.buffer<tokens x f32>
  }
}

// Logits are kept as codes below the maximum of their row in the tile; the op has no result.
// CHECK-LABEL: cce.kernel @save(
// CHECK: %[[Z:.*]] = cce.load %z[%{{.*}}, %{{.*}}] : <tokens x vocab x f32>
// CHECK: cce.save %[[Z]], %codes, %maxima : <tokens x vocab x f32>, <tokens x vocab x i16>, <tiles x tokens x f32>
cce.kernel @save(%z: !cce.buffer<tokens x vocab x f32>, %codes: !cce.buffer<tokens x vocab x i16>, %maxima: !cce.buffer<tiles x tokens x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
    cce.save %x, %codes, %maxima : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x i16>, !cce.buffer<tiles x tokens x f32>
  }
}

// A product contracts the axis that both operands have, wherever they have it.
// CHECK-LABEL: cce.kernel @matmul(
// CHECK: %[[T:.*]] = cce.matmul %e[%tokens], %c[%vocab] : <tokens x hidden x bf16>, <hidden x vocab x bf16> -> <tokens x vocab x f32>
// CHECK: cce.store %[[T]]
cce.kernel @matmul(%e: !cce.buffer<tokens x hidden x bf16>, %c: !cce.buffer<hidden x vocab x bf16>,
                   %z: !cce.buffer<tokens x vocab x f32>) {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.matmul %e[%i], %c[%v] : !cce.buffer<tokens x hidden x bf16>, !cce.buffer<hidden x vocab x bf16> -> !cce.tile<tokens x vocab x f32>
    cce.store %t, %z[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x f32>
  }
}

// Row by row products, with a map between them and the store.
// CHECK-LABEL: cce.kernel @dot(
// CHECK: %[[T:.*]] = cce.dot %a[%[[I:.*]]], %b[%[[I]]] : <tokens x hidden x f16>, <tokens x hidden x f16> -> <tokens x f32>
// CHECK: %[[R:.*]] = cce.map %[[T]], %k : !cce.tile<tokens x f32>, f32 -> <tokens x f32> {
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[K:.*]]: f32):
// CHECK: cce.yield
// CHECK: cce.store %[[R]]
cce.kernel @dot(%a: !cce.buffer<tokens x hidden x f16>, %b: !cce.buffer<tokens x hidden x f16>, %k: f32,
                %z: !cce.buffer<tokens x f32>) {
  cce.parallel %i over tokens {
    %t = cce.dot %a[%i], %b[%i] : !cce.buffer<tokens x hidden x f16>, !cce.buffer<tokens x hidden x f16> -> !cce.tile<tokens x f32>
    %r = cce.map %t, %k : !cce.tile<tokens x f32>, f32 -> !cce.tile<tokens x f32> {
    ^bb0(%x: f32, %y: f32):
      %p = arith.mulf %x, %y : f32
      cce.yield %p : f32
    }
    cce.store %r, %z[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}

// A reduction over a part of an axis, folding logits into log-sum-exp states.
// CHECK-LABEL: cce.kernel @lse(
// CHECK: cce.parallel %[[S:.*]], %[[I:.*]] over splits, tokens
// CHECK: %[[NONE:.*]] = cce.lse_init : <tokens x !cce.lse>
// CHECK: %[[ALL:.*]] = cce.reduce %[[V:.*]] over vocab part %[[S]] from %[[STATE:.*]] = %[[NONE]] : !cce.tile<tokens x !cce.lse> {
// CHECK: %[[T:.*]] = cce.load %z[%[[I]], %[[V]]]
// CHECK: %[[NEXT:.*]] = cce.lse_update %[[STATE]], %[[T]] : <tokens x !cce.lse>, <tokens x vocab x f32>
// CHECK: cce.yield %[[NEXT]] : !cce.tile<tokens x !cce.lse>
// CHECK: cce.store %[[ALL]], %out[%[[S]], %[[I]]]
cce.kernel @lse(%z: !cce.buffer<tokens x vocab x f32>, %out: !cce.buffer<splits x tokens x !cce.lse>) {
  cce.parallel %s, %i over splits, tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab part %s from %some = %none : !cce.tile<tokens x !cce.lse> {
      %t = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
      %more = cce.lse_update %some, %t : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}

// Below a reference that is known before, with a store of what is made of it.
// CHECK-LABEL: cce.kernel @lse_at(
// CHECK: %[[R:.*]] = cce.load %reference
// CHECK: cce.store %[[T:.*]], %g[
// CHECK: cce.lse_update %{{.*}}, %[[T]] at %[[R]] : <tokens x !cce.lse>, <tokens x vocab x f32>, !cce.tile<tokens x f32>
cce.kernel @lse_at(%z: !cce.buffer<tokens x vocab x f32>, %reference: !cce.buffer<tokens x f32>, %g: !cce.buffer<tokens x vocab x bf16>,
                   %out: !cce.buffer<tokens x !cce.lse>) {
  cce.parallel %i over tokens {
    %none = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %all = cce.reduce %v over vocab from %some = %none : !cce.tile<tokens x !cce.lse> {
      %t = cce.load %z[%i, %v] : !cce.buffer<tokens x vocab x f32>
      %r = cce.load %reference[%i] : !cce.buffer<tokens x f32>
      cce.store %t, %g[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x bf16>
      %more = cce.lse_update %some, %t at %r : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>
      cce.yield %more : !cce.tile<tokens x !cce.lse>
    }
    cce.store %all, %out[%i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<tokens x !cce.lse>
  }
}

// A reduction over the whole of an axis, adding up tiles.
// CHECK-LABEL: cce.kernel @sums(
// CHECK: %[[NONE:.*]] = cce.zero : <vocab x f32>
// CHECK: cce.reduce %[[I:.*]] over tokens from %[[STATE:.*]] = %[[NONE]] : !cce.tile<vocab x f32> {
// CHECK: cce.accumulate %[[STATE]], %{{.*}} : <vocab x f32>, <tokens x vocab x f32>
cce.kernel @sums(%g: !cce.buffer<tokens x vocab x bf16>, %sums: !cce.buffer<vocab x f32>) {
  cce.parallel %v over vocab {
    %none = cce.zero : !cce.tile<vocab x f32>
    %all = cce.reduce %i over tokens from %some = %none : !cce.tile<vocab x f32> {
      %t = cce.load %g[%i, %v] : !cce.buffer<tokens x vocab x bf16>
      %more = cce.accumulate %some, %t : !cce.tile<vocab x f32>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<vocab x f32>
    }
    cce.store %all, %sums[%v] : !cce.tile<vocab x f32>, !cce.buffer<vocab x f32>
  }
}

// A transform and its derivative, applied to a tile, a tile that is repeated along an axis and a scalar.
// CHECK-LABEL: cce.kernel @apply(
// CHECK: %[[B:.*]] = cce.load %bias[%vocab]
// CHECK: cce.apply @logit(%[[X:.*]], %[[B]], %k) : (!cce.tile<tokens x vocab x f32>, !cce.tile<vocab x f32>, f32) -> !cce.tile<tokens x vocab x f32>
// CHECK: cce.apply derivative @logit(%[[X]], %[[B]], %k) :
cce.kernel @apply(%x: !cce.buffer<tokens x vocab x f32>, %bias: !cce.buffer<vocab x f32>, %k: f32) {
  cce.parallel %i, %v over tokens, vocab {
    %t = cce.load %x[%i, %v] : !cce.buffer<tokens x vocab x f32>
    %b = cce.load %bias[%v] : !cce.buffer<vocab x f32>
    %z = cce.apply @logit(%t, %b, %k) : (!cce.tile<tokens x vocab x f32>, !cce.tile<vocab x f32>, f32) -> !cce.tile<tokens x vocab x f32>
    %d = cce.apply derivative @logit(%t, %b, %k) : (!cce.tile<tokens x vocab x f32>, !cce.tile<vocab x f32>, f32) -> !cce.tile<tokens x vocab x f32>
  }
}

// Labels become a tile of bits, in either order of the axes.
// CHECK-LABEL: cce.kernel @onehot(
// CHECK: cce.onehot %[[L:.*]], %vocab : <tokens x i32> -> <tokens x vocab x i1>
// CHECK: cce.onehot %[[L]], %vocab : <tokens x i32> -> <vocab x tokens x i1>
cce.kernel @onehot(%labels: !cce.buffer<tokens x i32>) {
  cce.parallel %i, %v over tokens, vocab {
    %y = cce.load %labels[%i] : !cce.buffer<tokens x i32>
    %hit = cce.onehot %y, %v : !cce.tile<tokens x i32> -> !cce.tile<tokens x vocab x i1>
    %turned = cce.onehot %y, %v : !cce.tile<tokens x i32> -> !cce.tile<vocab x tokens x i1>
  }
}

// Attributes that no op knows are kept, on every op with a syntax of its own.
// CHECK-LABEL: cce.transform @attributes(
// CHECK-SAME: attributes {note = "t"}
cce.transform @attributes(%x: f32) -> f32 attributes {note = "t"} {
  cce.yield %x : f32
}
// CHECK-LABEL: cce.kernel @attributes_of_loops(
// CHECK-SAME: attributes {note = "k"}
// CHECK: cce.parallel {{.*}} attributes {note = "p"}
// CHECK: cce.reduce {{.*}} {note = "r"} : !cce.tile<tokens x f32>
cce.kernel @attributes_of_loops(%x: !cce.buffer<tokens x f32>) attributes {note = "k"} {
  cce.parallel %i over tokens attributes {note = "p"} {
    %none = cce.zero : !cce.tile<tokens x f32>
    %all = cce.reduce %v over vocab from %some = %none {note = "r"} : !cce.tile<tokens x f32> {
      cce.yield %some : !cce.tile<tokens x f32>
    }
  }
}
