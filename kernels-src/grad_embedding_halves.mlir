// Algorithms 3 and 4, the gradient of the embeddings: dE = G.C, where dE has 16 bits an element. The vocabulary comes in
// chunks, the sum over chunks is cut to 24 bits an element, and rounded by the last. Until then its upper 16 bits
// lie in dE itself, and the workspace holds the 8 below.

cce.kernel @grad_embedding_halves_partial(%g: !cce.buffer<tokens x vocab x !cce.operand>, %c: !cce.buffer<vocab x hidden x !cce.operand>,
                                          %has_sum: i1, %sum_lower: !cce.buffer<tokens x hidden x i8>,
                                          %rows: !cce.buffer<tokens x i32>, %de: !cce.buffer<positions x hidden x !cce.operand>) {
  %target = cce.gather %de[%rows] : !cce.buffer<positions x hidden x !cce.operand>, !cce.buffer<tokens x i32>
  cce.parallel %i, %d over tokens, hidden {
    %chunk = cce.matmul %g[%i], %c[%d] : !cce.buffer<tokens x vocab x !cce.operand>, !cce.buffer<vocab x hidden x !cce.operand> -> !cce.tile<tokens x hidden x f32>
    %before = cce.load_halves %target, %sum_lower[%i, %d] if %has_sum : !cce.buffer<tokens x hidden x !cce.operand>, !cce.buffer<tokens x hidden x i8>
    %after = cce.map %before, %chunk : !cce.tile<tokens x hidden x f32>, !cce.tile<tokens x hidden x f32> -> !cce.tile<tokens x hidden x f32> {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      cce.yield %s : f32
    }
    cce.store_halves %after, %target, %sum_lower[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x !cce.operand>, !cce.buffer<tokens x hidden x i8>
  }
}

cce.kernel @grad_embedding_halves(%g: !cce.buffer<tokens x vocab x !cce.operand>, %c: !cce.buffer<vocab x hidden x !cce.operand>,
                                  %has_sum: i1, %sum_lower: !cce.buffer<tokens x hidden x i8>, %alpha: !cce.buffer<f32>,
                                  %rows: !cce.buffer<tokens x i32>, %de: !cce.buffer<positions x hidden x !cce.operand>) {
  %target = cce.gather %de[%rows] : !cce.buffer<positions x hidden x !cce.operand>, !cce.buffer<tokens x i32>
  cce.parallel %i, %d over tokens, hidden {
    %chunk = cce.matmul %g[%i], %c[%d] : !cce.buffer<tokens x vocab x !cce.operand>, !cce.buffer<vocab x hidden x !cce.operand> -> !cce.tile<tokens x hidden x f32>
    %before = cce.load_halves %target, %sum_lower[%i, %d] if %has_sum : !cce.buffer<tokens x hidden x !cce.operand>, !cce.buffer<tokens x hidden x i8>
    %scale = cce.load %alpha[] : !cce.buffer<f32>
    %grad = cce.map %before, %chunk, %scale : !cce.tile<tokens x hidden x f32>, !cce.tile<tokens x hidden x f32>, !cce.tile<f32> -> !cce.tile<tokens x hidden x f32> {
    ^bb0(%a: f32, %b: f32, %k: f32):
      %s = arith.addf %a, %b : f32
      %r = arith.mulf %s, %k : f32
      cce.yield %r : f32
    }
    cce.store %grad, %target[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x !cce.operand>
  }
}
