// Algorithm 2, and on the way the answer to what Algorithm 4 asks of every tile again: which classes have an entry of
// p - onehot that is not negligible. Threshold i is log epsilon plus an estimate of token i's log-sum-exp that is a little low, so a
// logit below it does not belong to a probability of epsilon or more; where it is too high, mark_missed makes up for it. And of some
// tokens, those that have a limit, what is below is added up for each class: the shape of what will be left out. 16 tiles
// of tokens for a class, which have one block of eight tokens with a limit each, or all 128 of them if there are few (filter_threshold), are less than the 1023
// rows that a sum has room for.

cce.transform private @logit(%x: f32, %bias: f32, %param: f32) -> f32

cce.kernel @lse_forward_filter(%e: !cce.buffer<positions x hidden x !cce.operand>, %rows: !cce.buffer<tokens x i32>,
                               %c: !cce.buffer<vocab x hidden x !cce.operand>,
                               %bias: !cce.buffer<vocab x f32>, %param: f32,
                               %threshold: !cce.buffer<tokens x f32>, %needed: !cce.buffer<groups x vocab x i1>,
                               %limit: !cce.buffer<tokens x f32>, %tally: !cce.buffer<vocab x i32>,
                               %partial: !cce.buffer<splits x tokens x !cce.lse>) {
  %embedding = cce.gather %e[%rows] : !cce.buffer<positions x hidden x !cce.operand>, !cce.buffer<tokens x i32>
  cce.parallel %s, %i over splits, tokens {
    %empty = cce.lse_init : !cce.tile<tokens x !cce.lse>
    %lse = cce.reduce %v over vocab part %s from %state = %empty : !cce.tile<tokens x !cce.lse> {
      %x = cce.matmul %embedding[%i], %c[%v] : !cce.buffer<tokens x hidden x !cce.operand>, !cce.buffer<vocab x hidden x !cce.operand> -> !cce.tile<tokens x vocab x f32>
      %b = cce.load %bias[%v] : !cce.buffer<vocab x f32>
      %z = cce.apply @logit(%x, %b, %param) : (!cce.tile<tokens x vocab x f32>, !cce.tile<vocab x f32>, f32) -> !cce.tile<tokens x vocab x f32>
      %t = cce.load %threshold[%i] : !cce.buffer<tokens x f32>
      cce.mark %z, %t, %needed : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x vocab x i1>
      %below = cce.load %limit[%i] : !cce.buffer<tokens x f32>
      cce.tally %z, %below, %tally tiles 16 : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<vocab x i32>
      %next = cce.lse_update %state, %z : !cce.tile<tokens x !cce.lse>, !cce.tile<tokens x vocab x f32>
      cce.yield %next : !cce.tile<tokens x !cce.lse>
    }
    cce.store %lse, %partial[%s, %i] : !cce.tile<tokens x !cce.lse>, !cce.buffer<splits x tokens x !cce.lse>
  }
}
