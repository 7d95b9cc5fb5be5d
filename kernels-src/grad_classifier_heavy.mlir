// dC of the classes that nearly all groups of tokens have kept: they stand first in every list, so their columns of g are a matrix over
// all tokens, and the gradient is the dense product.

cce.kernel @grad_classifier_heavy(%g: !cce.buffer<tokens x classes x !cce.operand>,
                                  %e: !cce.buffer<positions x hidden x !cce.operand>, %rows: !cce.buffer<tokens x i32>,
                                  %heavy: !cce.buffer<classes x i32>, %alpha: !cce.buffer<f32>,
                                  %dc: !cce.buffer<vocab x hidden x !cce.operand>) {
  %embedding = cce.gather %e[%rows] : !cce.buffer<positions x hidden x !cce.operand>, !cce.buffer<tokens x i32>
  %target = cce.gather %dc[%heavy] : !cce.buffer<vocab x hidden x !cce.operand>, !cce.buffer<classes x i32>
  cce.parallel %v, %d over classes, hidden {
    %sum = cce.matmul %g[%v], %embedding[%d] : !cce.buffer<tokens x classes x !cce.operand>, !cce.buffer<tokens x hidden x !cce.operand> -> !cce.tile<classes x hidden x f32>
    %scale = cce.load %alpha[] : !cce.buffer<f32>
    %grad = cce.map %sum, %scale : !cce.tile<classes x hidden x f32>, !cce.tile<f32> -> !cce.tile<classes x hidden x f32> {
    ^bb0(%a: f32, %k: f32):
      %r = arith.mulf %a, %k : f32
      cce.yield %r : f32
    }
    cce.store %grad, %target[%v, %d] : !cce.tile<classes x hidden x f32>, !cce.buffer<classes x hidden x !cce.operand>
  }
}
