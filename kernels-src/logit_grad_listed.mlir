// As logit_grad, on the classes that the filter has kept: every group of tokens has a list of its own, and slot s of g belongs to
// its s-th class. What the probabilities kept add up to tells how much mass was left out.

cce.transform private @logit(%x: f32, %bias: f32, %param: f32) -> f32

cce.kernel @logit_grad_listed(%e: !cce.buffer<positions x hidden x !cce.operand>, %rows: !cce.buffer<tokens x i32>,
                              %c: !cce.buffer<vocab x hidden x !cce.operand>, %lists: !cce.buffer<groups x slots x i32>,
                              %bias: !cce.buffer<vocab x f32>, %param: f32,
                              %labels: !cce.buffer<tokens x i32>, %lse: !cce.buffer<tokens x f32>,
                              %prob_weight: !cce.buffer<tokens x f32>, %label_weight: !cce.buffer<tokens x f32>,
                              %g: !cce.buffer<tokens x slots x !cce.operand>, %kept: !cce.buffer<slots x tokens x f32>) {
  %embedding = cce.gather %e[%rows] : !cce.buffer<positions x hidden x !cce.operand>, !cce.buffer<tokens x i32>
  %class = cce.gather %c[%lists] : !cce.buffer<vocab x hidden x !cce.operand>, !cce.buffer<groups x slots x i32>
  %class_bias = cce.gather %bias[%lists] : !cce.buffer<vocab x f32>, !cce.buffer<groups x slots x i32>
  cce.parallel %i, %s over tokens, slots {
    %x = cce.matmul %embedding[%i], %class[%s] : !cce.buffer<tokens x hidden x !cce.operand>, !cce.buffer<slots x hidden x !cce.operand> -> !cce.tile<tokens x slots x f32>
    %b = cce.load %class_bias[%s] : !cce.buffer<slots x f32>
    %z = cce.apply @logit(%x, %b, %param) : (!cce.tile<tokens x slots x f32>, !cce.tile<slots x f32>, f32) -> !cce.tile<tokens x slots x f32>
    %slope = cce.apply derivative @logit(%x, %b, %param) : (!cce.tile<tokens x slots x f32>, !cce.tile<slots x f32>, f32) -> !cce.tile<tokens x slots x f32>
    %id = cce.rows %class[%s] : !cce.buffer<slots x hidden x !cce.operand> -> !cce.tile<slots x i32>
    %label = cce.load %labels[%i] : !cce.buffer<tokens x i32>
    %l = cce.load %lse[%i] : !cce.buffer<tokens x f32>
    %pw = cce.load %prob_weight[%i] : !cce.buffer<tokens x f32>
    %lw = cce.load %label_weight[%i] : !cce.buffer<tokens x f32>
    // Slots behind the end of a list have a negative class.
    %p = cce.map %z, %l, %id : !cce.tile<tokens x slots x f32>, !cce.tile<tokens x f32>, !cce.tile<slots x i32> -> !cce.tile<tokens x slots x f32> {
    ^bb0(%logit: f32, %log_sum: f32, %class_id: i32):
      %none = arith.constant 0 : i32
      %zero = arith.constant 0.0 : f32
      %is_class = arith.cmpi sge, %class_id, %none : i32
      %log_p = arith.subf %logit, %log_sum : f32
      %exp = math.exp %log_p : f32
      %masked = arith.select %is_class, %exp, %zero : f32
      cce.yield %masked : f32
    }
    %gz = cce.map %p, %slope, %id, %label, %pw, %lw : !cce.tile<tokens x slots x f32>, !cce.tile<tokens x slots x f32>, !cce.tile<slots x i32>,
                  !cce.tile<tokens x i32>, !cce.tile<tokens x f32>, !cce.tile<tokens x f32> -> !cce.tile<tokens x slots x f32> {
    ^bb0(%prob: f32, %d: f32, %class_id: i32, %label_id: i32, %prob_w: f32, %label_w: f32):
      %is_label = arith.cmpi eq, %class_id, %label_id : i32
      %none = arith.constant 0.0 : f32
      %down = arith.select %is_label, %label_w, %none : f32
      %minus = arith.negf %down : f32
      %gl = math.fma %prob, %prob_w, %minus : f32
      %gx = arith.mulf %gl, %d : f32
      cce.yield %gx : f32
    }
    cce.store %gz, %g[%i, %s] : !cce.tile<tokens x slots x f32>, !cce.buffer<tokens x slots x !cce.operand>
    %none = cce.zero : !cce.tile<tokens x f32>
    %mass = cce.accumulate %none, %p : !cce.tile<tokens x f32>, !cce.tile<tokens x slots x f32>
    cce.store %mass, %kept[%s, %i] : !cce.tile<tokens x f32>, !cce.buffer<slots x tokens x f32>
  }
}
