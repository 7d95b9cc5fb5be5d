// Algorithms 1 and 2 as in lse_forward, and the logits in 16 bits each for a backward that then need not compute them again: grad_from_saved makes the
// gradients of the logits out of them, in their place.

cce.transform private @logit(%x: f32, %bias: f32, %param: f32) -> f32

cce.kernel @lse_forward_save(%e: !cce.buffer<positions x hidden x !cce.operand>, %rows: !cce.buffer<tokens x i32>,
                             %c: !cce.buffer<vocab x hidden x !cce.operand>, %labels: !cce.buffer<tokens x i32>,
                             %bias: !cce.buffer<vocab x f32>, %param: f32,
                             %codes: !cce.buffer<tokens x vocab x i16>, %maxima: !cce.buffer<tiles x tokens x f32>,
                             %label_logit: !cce.buffer<tokens x f32>, %partial: !cce.buffer<splits x tokens x !cce.lse>) {
  %embedding = cce.gather %e[%rows] : !cce.buffer<positions x hidden x !cce.operand>, !cce.buffer<tokens x i32>
  cce.parallel %s, %i over splits, tokens {
    %empty = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %lse = cce.reduce %v over vocab part %s from %state = %empty : !cce.tile<tokens x !cce.lse> {
      %x = cce.matmul %embedding[%i], %c[%v] : !cce.buffer<tokens x hidden x !cce.operand>, !cce.buffer<vocab x hidden x !cce.operand> -> !cce.tile<tokens x vocab x f32>
      %b = cce.load %bias[%v] : !cce.buffer<vocab x f32>
      %z = cce.apply @logit(%x, %b, %param) : (!cce.tile<tokens x vocab x f32>, !cce.tile<vocab x f32>, f32) -> !cce.tile<tokens x vocab x f32>
      cce.save %z, %codes, %maxima : !cce.tile<tokens x vocab x f32>, !cce.buffer<tokens x vocab x i16>, !cce.buffer<tiles x tokens x f32>
      %label = cce.load %labels[%i] : !cce.buffer<tokens x i32>
      cce.pick %z, %label, %label_logit : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x i32>, !cce.buffer<tokens x f32>
      %next = cce.lse_update %state, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %next : !cce.tile<tokens x !cce.lse>
    }
    cce.store %lse, %partial[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}
