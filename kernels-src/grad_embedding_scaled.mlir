// Algorithms 3 and 4, the gradient of the embeddings where a chunk of tokens has all classes: dE = scale.(G.C), each row with a scale of
// its own.

cce.kernel @grad_embedding_scaled(%g: !cce.buffer<tokens x vocab x !cce.operand>, %c: !cce.buffer<vocab x hidden x !cce.operand>,
                                  %scale: !cce.buffer<tokens x f32>,
                                  %rows: !cce.buffer<tokens x i32>, %de: !cce.buffer<positions x hidden x !cce.operand>) {
  %target = cce.gather %de[%rows] : !cce.buffer<positions x hidden x !cce.operand>, !cce.buffer<tokens x i32>
  cce.parallel %i, %d over tokens, hidden {
    %sum = cce.matmul %g[%i], %c[%d] : !cce.buffer<tokens x vocab x !cce.operand>, !cce.buffer<vocab x hidden x !cce.operand> -> !cce.tile<tokens x hidden x f32>
    %k = cce.load %scale[%i] : !cce.buffer<tokens x f32>
    %grad = cce.map %sum, %k : !cce.tile<tokens x hidden x f32>, !cce.tile<tokens x f32> -> !cce.tile<tokens x hidden x f32> {
    ^bb0(%a: f32, %b: f32):
      %r = arith.mulf %a, %b : f32
      cce.yield %r : f32
    }
    cce.store %grad, %target[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x !cce.operand>
  }
}
