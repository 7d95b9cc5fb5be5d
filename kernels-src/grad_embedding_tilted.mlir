// As grad_embedding_listed, but the direction of what a token has left out is tilted along the token's own row: classes that are small
// for all are a little larger for tokens that point their way (docs/filter.md). `tail` is the direction of a token whose row is zero, `tilt`
// how far the classes that are left out spread in every direction. One product, so the sum is rounded once.

cce.kernel @grad_embedding_tilted(%g: !cce.buffer<tokens x slots x !cce.operand>, %c: !cce.buffer<vocab x hidden x !cce.operand>,
                                  %lists: !cce.buffer<groups x slots x i32>,
                                  %mass: !cce.buffer<tokens x f32>, %tail: !cce.buffer<hidden x f32>, %alpha: !cce.buffer<f32>,
                                  %tilt: !cce.buffer<f32>, %e: !cce.buffer<positions x hidden x !cce.operand>,
                                  %rows: !cce.buffer<tokens x i32>, %de: !cce.buffer<positions x hidden x !cce.operand>) {
  %class = cce.gather %c[%lists] : !cce.buffer<vocab x hidden x !cce.operand>, !cce.buffer<groups x slots x i32>
  %embedding = cce.gather %e[%rows] : !cce.buffer<positions x hidden x !cce.operand>, !cce.buffer<tokens x i32>
  %target = cce.gather %de[%rows] : !cce.buffer<positions x hidden x !cce.operand>, !cce.buffer<tokens x i32>
  cce.parallel %i, %d over tokens, hidden {
    %kept = cce.matmul %g[%i], %class[%d] : !cce.buffer<tokens x slots x !cce.operand>, !cce.buffer<slots x hidden x !cce.operand> -> !cce.tile<tokens x hidden x f32>
    %m = cce.load %mass[%i] : !cce.buffer<tokens x f32>
    %t = cce.load %tail[%d] : !cce.buffer<hidden x f32>
    %scale = cce.load %alpha[] : !cce.buffer<f32>
    %spread = cce.load %tilt[] : !cce.buffer<f32>
    %x = cce.load %embedding[%i, %d] : !cce.buffer<tokens x hidden x !cce.operand>
    %grad = cce.map %kept, %m, %t, %scale, %spread, %x : !cce.tile<tokens x hidden x f32>, !cce.tile<tokens x f32>, !cce.tile<hidden x f32>, !cce.tile<f32>, !cce.tile<f32>,
                    !cce.tile<tokens x hidden x f32> -> !cce.tile<tokens x hidden x f32> {
    ^bb0(%a: f32, %left_out: f32, %direction: f32, %k: f32, %tilted: f32, %own: f32):
      %along = math.fma %tilted, %own, %direction : f32
      %b = arith.mulf %left_out, %along : f32
      %s = arith.addf %a, %b : f32
      %r = arith.mulf %s, %k : f32
      cce.yield %r : f32
    }
    cce.store %grad, %target[%i, %d] : !cce.tile<tokens x hidden x f32>, !cce.buffer<tokens x hidden x !cce.operand>
  }
}
