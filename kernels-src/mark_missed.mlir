// What lse_forward_filter marks, once more for the tokens whose threshold turned out to be too high. They are few, and of any group.

cce.transform private @logit(%x: f32, %bias: f32, %param: f32) -> f32

cce.kernel @mark_missed(%e: !cce.buffer<positions x hidden x !cce.operand>, %rows: !cce.buffer<tokens x i32>,
                        %c: !cce.buffer<vocab x hidden x !cce.operand>,
                        %bias: !cce.buffer<vocab x f32>, %param: f32, %threshold: !cce.buffer<tokens x f32>,
                        %group: !cce.buffer<tokens x i32>, %needed: !cce.buffer<groups x vocab x i1>) {
  %embedding = cce.gather %e[%rows] : !cce.buffer<positions x hidden x !cce.operand>, !cce.buffer<tokens x i32>
  cce.parallel %i, %v over tokens, vocab {
    %x = cce.matmul %embedding[%i], %c[%v] : !cce.buffer<tokens x hidden x !cce.operand>, !cce.buffer<vocab x hidden x !cce.operand> -> !cce.tile<tokens x vocab x f32>
    %b = cce.load %bias[%v] : !cce.buffer<vocab x f32>
    %z = cce.apply @logit(%x, %b, %param) : (!cce.tile<tokens x vocab x f32>, !cce.tile<vocab x f32>, f32) -> !cce.tile<tokens x vocab x f32>
    %t = cce.load %threshold[%i] : !cce.buffer<tokens x f32>
    %own = cce.load %group[%i] : !cce.buffer<tokens x i32>
    cce.mark %z, %t, %needed by %own : !cce.tile<tokens x vocab x f32>, !cce.tile<tokens x f32>, !cce.buffer<groups x vocab x i1>, !cce.tile<tokens x i32>
  }
}
