// Algorithm 1 of "Cut Your Losses in Large-Vocabulary Language Models" (arXiv 2411.09009): the logit of each token's label.

cce.transform private @logit(%x: f32, %bias: f32, %param: f32) -> f32

cce.kernel @indexed_matmul(%e: !cce.buffer<positions x hidden x !cce.operand>, %rows: !cce.buffer<tokens x i32>,
                           %c: !cce.buffer<vocab x hidden x !cce.operand>, %labels: !cce.buffer<tokens x i32>,
                           %bias: !cce.buffer<vocab x f32>, %param: f32,
                           %label_logit: !cce.buffer<tokens x f32>) {
  %embedding = cce.gather %e[%rows] : !cce.buffer<positions x hidden x !cce.operand>, !cce.buffer<tokens x i32>
  %class = cce.gather %c[%labels] : !cce.buffer<vocab x hidden x !cce.operand>, !cce.buffer<tokens x i32>
  %class_bias = cce.gather %bias[%labels] : !cce.buffer<vocab x f32>, !cce.buffer<tokens x i32>
  cce.parallel %i over tokens {
    %x = cce.dot %embedding[%i], %class[%i] : !cce.buffer<tokens x hidden x !cce.operand>, !cce.buffer<tokens x hidden x !cce.operand> -> !cce.tile<tokens x f32>
    %b = cce.load %class_bias[%i] : !cce.buffer<tokens x f32>
    %z = cce.apply @logit(%x, %b, %param) : (!cce.tile<tokens x f32>, !cce.tile<tokens x f32>, f32) -> !cce.tile<tokens x f32>
    cce.store %z, %label_logit[%i] : !cce.tile<tokens x f32>, !cce.buffer<tokens x f32>
  }
}
