// Algorithm 2 where the label's logit is known before: exp(logit - reference) of all classes, the reference 40 above the label's logit, is
// what the sum is made of and what is stored, times the derivative of the logit. It is the gradient of the token but for a factor, which
// is known when the sum is, and but for the label's element.

cce.transform private @logit(%x: f32, %bias: f32, %param: f32) -> f32

cce.kernel @lse_forward_exp(%e: !cce.buffer<positions x hidden x !cce.operand>, %rows: !cce.buffer<tokens x i32>,
                            %c: !cce.buffer<vocab x hidden x !cce.operand>,
                            %bias: !cce.buffer<vocab x f32>, %param: f32,
                            %label_logit: !cce.buffer<tokens x f32>,
                            %g: !cce.buffer<tokens x vocab x !cce.operand>,
                            %partial: !cce.buffer<splits x tokens x !cce.lse>) {
  %embedding = cce.gather %e[%rows] : !cce.buffer<positions x hidden x !cce.operand>, !cce.buffer<tokens x i32>
  cce.parallel %s, %i over splits, tokens {
    %empty = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %lse = cce.reduce %v over vocab part %s from %state = %empty : !cce.tile<tokens x !cce.lse> {
      %x = cce.matmul %embedding[%i], %c[%v] : !cce.buffer<tokens x hidden x !cce.operand>, !cce.buffer<vocab x hidden x !cce.operand> -> !cce.tile<tokens x vocab x f32>
      %b = cce.load %bias[%v] : !cce.buffer<vocab x f32>
      %z = cce.apply @logit(%x, %b, %param) : (!cce.tile<tokens x vocab x f32>, !cce.tile<vocab x f32>, f32) -> !cce.tile<tokens x vocab x f32>
      %slope = cce.apply derivative @logit(%x, %b, %param) : (!cce.tile<tokens x vocab x f32>, !cce.tile<vocab x f32>, f32) -> !cce.tile<tokens x vocab x f32>
      %l = cce.load %label_logit[%i] : !cce.buffer<tokens x f32>
      %reference = cce.map %l : !cce.tile<tokens x f32> -> !cce.tile<tokens x f32> {
      ^bb0(%label: f32):
        %room = arith.constant 40.0 : f32
        %above = arith.addf %label, %room : f32
        cce.yield %above : f32
      }
      %p = cce.map %z, %slope, %reference : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32> -> !cce.tile<tokens x vocab x f32> {
      ^bb0(%logit: f32, %d: f32, %r: f32):
        %below = arith.subf %logit, %r : f32
        %q = math.exp %below : f32
        %gx = arith.mulf %q, %d : f32
        cce.yield %gx : f32
      }
      cce.store %p, %g[%i, %v] : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x !cce.operand>
      %next = cce.lse_update %state, %z at %reference : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>
      cce.yield %next : !cce.tile<tokens x !cce.lse>
    }
    cce.store %lse, %partial[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}
