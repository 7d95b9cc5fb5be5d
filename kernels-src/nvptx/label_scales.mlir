// What turns the exponentials q = exp(z - reference) * slope of a chunk of tokens into gradients: g = k * q, where k = weight * exp(reference - lse)
// but for rounding. The label's element is L = (p - 1) * slope instead. l = L / exp(reference - lse), rounded to 16 bits, is stored
// in its place, and the token's factor becomes k = weight * L / l: then the label's element is exact, and the others have the rounding of l
// in common. Where l is zero, or L no number, k is what it was. A thread has a token:
//     factor = k;  scale = k * alpha, of the row of dE;  exact = alpha * weight * L and stored = alpha * l, for restore_labels.
// Where the other way was taken, codes are gradients already: factor 1, and nothing to restore. Behind the tokens all is zero.
gpu.module @kernels {
  llvm.func @label_scales(%count: !llvm.ptr<1>, %count_exp: !llvm.ptr<1>, %padded: i32, %labels: !llvm.ptr<1>, %label_logit: !llvm.ptr<1>, %lse: !llvm.ptr<1>, %prob_weight: !llvm.ptr<1>, %alpha: !llvm.ptr<1>, %softcap: f32, %capped: i32, %codes: !llvm.ptr<1>, %stride: i64, %factor: !llvm.ptr<1>, %scale: !llvm.ptr<1>, %exact: !llvm.ptr<1>, %stored: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "label_scales", target = "sm_90a", entry = "label_scales", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "count"},
         {kind = "pointer", buffer = "count_exp"},
         {kind = "scalar", buffer = "padded", type = "i32"},
         {kind = "pointer", buffer = "labels"},
         {kind = "pointer", buffer = "label_logit"},
         {kind = "pointer", buffer = "lse"},
         {kind = "pointer", buffer = "prob_weight"},
         {kind = "pointer", buffer = "alpha"},
         {kind = "scalar", buffer = "softcap", type = "f32"},
         {kind = "scalar", buffer = "capped", type = "i32"},
         {kind = "pointer", buffer = "codes"},
         {kind = "scalar", buffer = "stride", type = "i64"},
         {kind = "pointer", buffer = "factor"},
         {kind = "pointer", buffer = "scale"},
         {kind = "pointer", buffer = "exact"},
         {kind = "pointer", buffer = "stored"}]}} {
    %c0 = arith.constant 0 : i32
    %c256 = arith.constant 256 : i32
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    // As lse_forward_exp has it.
    %room = arith.constant 40.0 : f32
    %log2e = arith.constant 1.44269504 : f32
    %infinity = arith.constant 0x7F800000 : f32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %grid = nvvm.read.ptx.sreg.nctaid.x : i32
    %block_token = arith.muli %block, %c256 : i32
    %first = arith.addi %block_token, %tid : i32
    %step = arith.muli %grid, %c256 : i32
    %n = llvm.load %count : !llvm.ptr<1> -> i32
    %n_exp = llvm.load %count_exp : !llvm.ptr<1> -> i32
    %a = llvm.load %alpha : !llvm.ptr<1> -> f32
    %is_exp = arith.cmpi sge, %n_exp, %c0 : i32
    %is_capped = arith.cmpi ne, %capped, %c0 : i32
    %inverse_cap = arith.divf %one, %softcap : f32
    scf.for %i = %first to %padded step %step : i32 {
      %i64 = arith.extui %i : i32 to i64
      %inside = arith.cmpi slt, %i, %n : i32
      %computes = arith.andi %inside, %is_exp : i1
      %values:4 = scf.if %computes -> (f32, f32, f32, f32) {
        %pl = llvm.getelementptr %labels[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
        %pz = llvm.getelementptr %label_logit[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %ps = llvm.getelementptr %lse[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %pw = llvm.getelementptr %prob_weight[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %label = llvm.load %pl : !llvm.ptr<1> -> i32
        %z = llvm.load %pz : !llvm.ptr<1> -> f32
        %log_sum = llvm.load %ps : !llvm.ptr<1> -> f32
        %w = llvm.load %pw : !llvm.ptr<1> -> f32
        %log_p = arith.subf %z, %log_sum : f32
        %log2_p = arith.mulf %log_p, %log2e : f32
        %p = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%log2_p) : (f32) -> f32
        %reference = arith.addf %z, %room : f32
        %log_s = arith.subf %reference, %log_sum : f32
        %log2_s = arith.mulf %log_s, %log2e : f32
        %s = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%log2_s) : (f32) -> f32
        // 1 - tanh^2, where z = softcap * tanh.
        %t = arith.mulf %z, %inverse_cap : f32
        %minus_t = arith.negf %t : f32
        %bent = llvm.intr.fma(%minus_t, %t, %one) : (f32, f32, f32) -> f32
        %slope = arith.select %is_capped, %bent, %one : f32
        %difference = arith.subf %p, %one : f32
        %gradient = arith.mulf %difference, %slope : f32
        %q = arith.divf %gradient, %s : f32
        %rounded = arith.truncf %q : f32 to bf16
        %l = arith.extf %rounded : bf16 to f32
        %label64 = arith.extui %label : i32 to i64
        %row = arith.muli %i64, %stride : i64
        %at = arith.addi %row, %label64 : i64
        %pc = llvm.getelementptr %codes[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
        llvm.store %rounded, %pc : bf16, !llvm.ptr<1>
        %magnitude = llvm.intr.fabs(%gradient) : (f32) -> f32
        %is_number = arith.cmpf olt, %magnitude, %infinity : f32
        %is_some = arith.cmpf une, %l, %zero : f32
        %shares = arith.andi %is_number, %is_some : i1
        %wanted = arith.mulf %w, %gradient : f32
        %k_label = arith.divf %wanted, %l : f32
        %k_plain = arith.mulf %w, %s : f32
        %k = arith.select %shares, %k_label, %k_plain : f32
        %k_row = arith.mulf %k, %a : f32
        %exactly = arith.mulf %wanted, %a : f32
        %as_stored = arith.mulf %l, %a : f32
        scf.yield %k, %k_row, %exactly, %as_stored : f32, f32, f32, f32
      } else {
        %k = arith.select %inside, %one, %zero : f32
        %k_row = arith.select %inside, %a, %zero : f32
        scf.yield %k, %k_row, %zero, %zero : f32, f32, f32, f32
      }
      %p0 = llvm.getelementptr %factor[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %p1 = llvm.getelementptr %scale[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %p2 = llvm.getelementptr %exact[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %p3 = llvm.getelementptr %stored[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      llvm.store %values#0, %p0 : f32, !llvm.ptr<1>
      llvm.store %values#1, %p1 : f32, !llvm.ptr<1>
      llvm.store %values#2, %p2 : f32, !llvm.ptr<1>
      llvm.store %values#3, %p3 : f32, !llvm.ptr<1>
    }
    llvm.return
  }
}
