// The log-sum-exp over a list of classes only: the most frequent ones, and a sample of the others. An estimate of the whole, known before
// the forward proper begins, from which that decides what a filtered backward can leave out.

cce.transform private @logit(%x: f32, %bias: f32, %param: f32) -> f32

cce.kernel @lse_forward_classes(%e: !cce.buffer<positions x hidden x !cce.operand>, %rows: !cce.buffer<tokens x i32>,
                             %c: !cce.buffer<vocab x hidden x !cce.operand>, %classes: !cce.buffer<classes x i32>,
                             %bias: !cce.buffer<vocab x f32>, %param: f32,
                             %partial: !cce.buffer<splits x tokens x !cce.lse>) {
  %embedding = cce.gather %e[%rows] : !cce.buffer<positions x hidden x !cce.operand>, !cce.buffer<tokens x i32>
  %class = cce.gather %c[%classes] : !cce.buffer<vocab x hidden x !cce.operand>, !cce.buffer<classes x i32>
  %class_bias = cce.gather %bias[%classes] : !cce.buffer<vocab x f32>, !cce.buffer<classes x i32>
  cce.parallel %s, %i over splits, tokens {
    %empty = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %lse = cce.reduce %v over classes part %s from %state = %empty : !cce.tile<tokens x !cce.lse> {
      %x = cce.matmul %embedding[%i], %class[%v] : !cce.buffer<tokens x hidden x !cce.operand>, !cce.buffer<classes x hidden x !cce.operand> -> !cce.tile<tokens x classes x f32>
      %b = cce.load %class_bias[%v] : !cce.buffer<classes x f32>
      %z = cce.apply @logit(%x, %b, %param) : (!cce.tile<tokens x classes x f32>, !cce.tile<classes x f32>, f32) -> !cce.tile<tokens x classes x f32>
      %next = cce.lse_update %state, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x classes x f32>
      cce.yield %next : !cce.tile<tokens x !cce.lse>
    }
    cce.store %lse, %partial[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}
