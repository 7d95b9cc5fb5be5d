// Algorithms 3 and 4, the gradient of the classifier: dC = G^T.E for the chunk of the vocabulary at hand, written once.

cce.kernel @grad_classifier(%g: !cce.buffer<tokens x vocab x !cce.operand>,
                            %e: !cce.buffer<positions x hidden x !cce.operand>, %rows: !cce.buffer<tokens x i32>,
                            %alpha: !cce.buffer<f32>, %dc: !cce.buffer<vocab x hidden x !cce.operand>) {
  %embedding = cce.gather %e[%rows] : !cce.buffer<positions x hidden x !cce.operand>, !cce.buffer<tokens x i32>
  cce.parallel %v, %d over vocab, hidden {
    %sum = cce.matmul %g[%v], %embedding[%d] : !cce.buffer<tokens x vocab x !cce.operand>, !cce.buffer<tokens x hidden x !cce.operand> -> !cce.tile<vocab x hidden x f32>
    %scale = cce.load %alpha[] : !cce.buffer<f32>
    %grad = cce.map %sum, %scale : !cce.tile<vocab x hidden x f32>, !cce.tile<f32> -> !cce.tile<vocab x hidden x f32> {
    ^bb0(%a: f32, %k: f32):
      %r = arith.mulf %a, %k : f32
      cce.yield %r : f32
    }
    cce.store %grad, %dc[%v, %d] : !cce.tile<vocab x hidden x f32>, !cce.buffer<vocab x hidden x !cce.operand>
  }
}
