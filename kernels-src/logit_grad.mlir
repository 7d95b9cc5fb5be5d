// The recomputation of Algorithms 3 and 4: the gradient of the loss with respect to a chunk of the logits,
// g = (p * prob_weight - [v = label] * label_weight) * logit'(x) with p = exp(z - lse).

cce.transform private @logit(%x: f32, %bias: f32, %param: f32) -> f32

cce.kernel @logit_grad(%e: !cce.buffer<positions x hidden x !cce.operand>, %rows: !cce.buffer<tokens x i32>,
                       %c: !cce.buffer<vocab x hidden x !cce.operand>,
                       %bias: !cce.buffer<vocab x f32>, %param: f32,
                       %labels: !cce.buffer<tokens x i32>, %lse: !cce.buffer<tokens x f32>,
                       %prob_weight: !cce.buffer<tokens x f32>, %label_weight: !cce.buffer<tokens x f32>,
                       %g: !cce.buffer<tokens x vocab x !cce.operand>) {
  %embedding = cce.gather %e[%rows] : !cce.buffer<positions x hidden x !cce.operand>, !cce.buffer<tokens x i32>
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.matmul %embedding[%i], %c[%v] : !cce.buffer<tokens x hidden x !cce.operand>, !cce.buffer<vocab x hidden x !cce.operand> -> !cce.tile<tokens x vocab x f32>
    %b = cce.load %bias[%v] : !cce.buffer<vocab x f32>
    %z = cce.apply @logit(%x, %b, %param) : (!cce.tile<tokens x vocab x f32>, !cce.tile<vocab x f32>, f32) -> !cce.tile<tokens x vocab x f32>
    %slope = cce.apply derivative @logit(%x, %b, %param) : (!cce.tile<tokens x vocab x f32>, !cce.tile<vocab x f32>, f32) -> !cce.tile<tokens x vocab x f32>
    %label = cce.load %labels[%i] : !cce.buffer<tokens x i32>
    %hit = cce.onehot %label, %v : !cce.tile<tokens x i32> -> !cce.tile<tokens x vocab x i1>
    %l = cce.load %lse[%i] : !cce.buffer<tokens x f32>
    %pw = cce.load %prob_weight[%i] : !cce.buffer<tokens x f32>
    %lw = cce.load %label_weight[%i] : !cce.buffer<tokens x f32>
    %gz = cce.map %z, %slope, %hit, %l, %pw, %lw : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x vocab x i1>,
                  !cce.tile<tokens x f32>, !cce.tile<tokens x f32>, !cce.tile<tokens x f32> -> !cce.tile<tokens x vocab x f32> {
    ^bb0(%logit: f32, %d: f32, %is_label: i1, %log_sum: f32, %prob_w: f32, %label_w: f32):
      %log_p = arith.subf %logit, %log_sum : f32
      %p = math.exp %log_p : f32
      %none = arith.constant 0.0 : f32
      %down = arith.select %is_label, %label_w, %none : f32
      %minus = arith.negf %down : f32
      %gl = math.fma %p, %prob_w, %minus : f32
      %gx = arith.mulf %gl, %d : f32
      cce.yield %gx : f32
    }
    cce.store %gz, %g[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x !cce.operand>
  }
}
