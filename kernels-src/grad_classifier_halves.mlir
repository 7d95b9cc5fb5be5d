// Algorithms 3 and 4, the gradient of the classifier where the tokens come in chunks: dC = sum of alpha.(G^T.E), E the rows of the chunk's
// tokens, each times a factor of its own (scaled_rows). The sum over chunks is cut to 20 bits an element, and rounded by the
// last. Until then its upper 16 bits lie in dC itself, and the workspace holds the 4 below.

cce.kernel @grad_classifier_halves_partial(%g: !cce.buffer<tokens x vocab x !cce.operand>,
                                           %scaled: !cce.buffer<tokens x hidden x !cce.operand>,
                                           %has_sum: i1, %sum_lower: !cce.buffer<vocab x hidden x i4>,
                                           %alpha: !cce.buffer<f32>, %dc: !cce.buffer<vocab x hidden x !cce.operand>) {
  cce.parallel %v, %d over vocab, hidden {
    %chunk = cce.matmul %g[%v], %scaled[%d] : !cce.buffer<tokens x vocab x !cce.operand>, !cce.buffer<tokens x hidden x !cce.operand> -> !cce.tile<vocab x hidden x f32>
    %before = cce.load_halves %dc, %sum_lower[%v, %d] if %has_sum : !cce.buffer<vocab x hidden x !cce.operand>, !cce.buffer<vocab x hidden x i4>
    %scale = cce.load %alpha[] : !cce.buffer<f32>
    %after = cce.map %before, %chunk, %scale : !cce.tile<vocab x hidden x f32>, !cce.tile<vocab x hidden x f32>, !cce.tile<f32> -> !cce.tile<vocab x hidden x f32> {
    ^bb0(%a: f32, %b: f32, %k: f32):
      %r = arith.mulf %b, %k : f32
      %s = arith.addf %a, %r : f32
      cce.yield %s : f32
    }
    cce.store_halves %after, %dc, %sum_lower[%v, %d] : !cce.tile<vocab x hidden x f32>, !cce.buffer<vocab x hidden x !cce.operand>, !cce.buffer<vocab x hidden x i4>
  }
}

cce.kernel @grad_classifier_halves(%g: !cce.buffer<tokens x vocab x !cce.operand>,
                                   %scaled: !cce.buffer<tokens x hidden x !cce.operand>,
                                   %has_sum: i1, %sum_lower: !cce.buffer<vocab x hidden x i4>,
                                   %alpha: !cce.buffer<f32>, %dc: !cce.buffer<vocab x hidden x !cce.operand>) {
  cce.parallel %v, %d over vocab, hidden {
    %chunk = cce.matmul %g[%v], %scaled[%d] : !cce.buffer<tokens x vocab x !cce.operand>, !cce.buffer<tokens x hidden x !cce.operand> -> !cce.tile<vocab x hidden x f32>
    %before = cce.load_halves %dc, %sum_lower[%v, %d] if %has_sum : !cce.buffer<vocab x hidden x !cce.operand>, !cce.buffer<vocab x hidden x i4>
    %scale = cce.load %alpha[] : !cce.buffer<f32>
    %grad = cce.map %before, %chunk, %scale : !cce.tile<vocab x hidden x f32>, !cce.tile<vocab x hidden x f32>, !cce.tile<f32> -> !cce.tile<vocab x hidden x f32> {
    ^bb0(%a: f32, %b: f32, %k: f32):
      %r = arith.mulf %b, %k : f32
      %s = arith.addf %a, %r : f32
      cce.yield %s : f32
    }
    cce.store %grad, %dc[%v, %d] : !cce.tile<vocab x hidden x f32>, !cce.buffer<vocab x hidden x !cce.operand>
  }
}
