// The gradient of the bias: the column sums of G.

cce.kernel @grad_bias(%g: !cce.buffer<tokens x vocab x !cce.operand>, %alpha: !cce.buffer<f32>, %dbias: !cce.buffer<vocab x f32>) {
  cce.parallel %v over vocab {
    %none = cce.zero : !cce.tile<vocab x f32>
    %sum = cce.reduce %i over tokens from %some = %none : !cce.tile<vocab x f32> {
      %t = cce.load %g[%i, %v] : !cce.buffer<tokens x vocab x !cce.operand>
      %more = cce.accumulate %some, %t : !cce.tile<vocab x f32>, !cce.tile<tokens x vocab x f32>
      cce.yield %more : !cce.tile<vocab x f32>
    }
    %scale = cce.load %alpha[] : !cce.buffer<f32>
    %grad = cce.map %sum, %scale : !cce.tile<vocab x f32>, !cce.tile<f32> -> !cce.tile<vocab x f32> {
    ^bb0(%a: f32, %k: f32):
      %r = arith.mulf %a, %k : f32
      cce.yield %r : f32
    }
    cce.store %grad, %dbias[%v] : !cce.tile<vocab x f32>, !cce.buffer<vocab x f32>
  }
}
