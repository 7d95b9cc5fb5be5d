// The gradients of the logits out of the saved ones (cce.save), in their place: code u of class v becomes
//     g = (p * prob_weight - [v = label] * label_weight) * slope,   p = exp(m - u / 2048 - lse),
// as logit_grad has it; 65535 stands for p = 0. The label's entry, where p and 1 may cancel, is made of its logit in f32. A warp has
// 1024 classes of a token at a time, of four tiles: each lane 16 bytes of every tile. Tokens beyond the count get zeros as far as
// tiles of tokens are read.
gpu.module @kernels {
  llvm.func @grad_from_saved_bf16(%saved: !llvm.ptr<1>, %stride: i64, %maxima: !llvm.ptr<1>, %padded: i32, %classes: i32, %count: !llvm.ptr<1>, %labels: !llvm.ptr<1>, %label_logit: !llvm.ptr<1>, %lse: !llvm.ptr<1>, %prob_weight: !llvm.ptr<1>, %label_weight: !llvm.ptr<1>, %softcap: f32, %capped: i32)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "grad_from_saved_bf16", target = "sm_90a", entry = "grad_from_saved_bf16", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "saved"},
         {kind = "scalar", buffer = "stride", type = "i64"},
         {kind = "pointer", buffer = "maxima"},
         {kind = "scalar", buffer = "padded", type = "i32"},
         {kind = "scalar", buffer = "classes", type = "i32"},
         {kind = "pointer", buffer = "count"},
         {kind = "pointer", buffer = "labels"},
         {kind = "pointer", buffer = "label_logit"},
         {kind = "pointer", buffer = "lse"},
         {kind = "pointer", buffer = "prob_weight"},
         {kind = "pointer", buffer = "label_weight"},
         {kind = "scalar", buffer = "softcap", type = "f32"},
         {kind = "scalar", buffer = "capped", type = "i32"}]}} {
    %is_half = arith.constant false
    llvm.call @grad_from_saved(%is_half, %saved, %stride, %maxima, %padded, %classes, %count, %labels, %label_logit, %lse, %prob_weight, %label_weight, %softcap, %capped) : (i1, !llvm.ptr<1>, i64, !llvm.ptr<1>, i32, i32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, f32, i32) -> ()
    llvm.return
  }

  llvm.func @grad_from_saved_f16(%saved: !llvm.ptr<1>, %stride: i64, %maxima: !llvm.ptr<1>, %padded: i32, %classes: i32, %count: !llvm.ptr<1>, %labels: !llvm.ptr<1>, %label_logit: !llvm.ptr<1>, %lse: !llvm.ptr<1>, %prob_weight: !llvm.ptr<1>, %label_weight: !llvm.ptr<1>, %softcap: f32, %capped: i32)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "grad_from_saved_f16", target = "sm_90a", entry = "grad_from_saved_f16", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "saved"},
         {kind = "scalar", buffer = "stride", type = "i64"},
         {kind = "pointer", buffer = "maxima"},
         {kind = "scalar", buffer = "padded", type = "i32"},
         {kind = "scalar", buffer = "classes", type = "i32"},
         {kind = "pointer", buffer = "count"},
         {kind = "pointer", buffer = "labels"},
         {kind = "pointer", buffer = "label_logit"},
         {kind = "pointer", buffer = "lse"},
         {kind = "pointer", buffer = "prob_weight"},
         {kind = "pointer", buffer = "label_weight"},
         {kind = "scalar", buffer = "softcap", type = "f32"},
         {kind = "scalar", buffer = "capped", type = "i32"}]}} {
    %is_half = arith.constant true
    llvm.call @grad_from_saved(%is_half, %saved, %stride, %maxima, %padded, %classes, %count, %labels, %label_logit, %lse, %prob_weight, %label_weight, %softcap, %capped) : (i1, !llvm.ptr<1>, i64, !llvm.ptr<1>, i32, i32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, f32, i32) -> ()
    llvm.return
  }

  // 1 - tanh^2, where z = softcap * tanh.
  llvm.func internal @slope_of(%z: f32, %inverse_cap: f32) -> f32 attributes {always_inline} {
    %one = arith.constant 1.0 : f32
    %t = arith.mulf %z, %inverse_cap : f32
    %minus = arith.negf %t : f32
    %slope = llvm.intr.fma(%minus, %t, %one) : (f32, f32, f32) -> f32
    llvm.return %slope : f32
  }

  // One code, which is in the low bits of 2^23 + code: %base is (m - lse) * log2 e, %none what 2^x is 0 of (or NaN if that is).
  llvm.func internal @gradient_of(%capped: i1, %bits: i32, %m: f32, %base: f32, %none: f32, %weight: f32, %inverse_cap: f32) -> f32 attributes {always_inline} {
    %magic = arith.constant 8388608.0 : f32
    %nothing = arith.constant 65535.0 : f32
    // -1 / 2048, and times log2 e.
    %step = arith.constant -4.8828125e-4 : f32
    %step2 = arith.constant -7.04439572e-4 : f32
    %shifted = llvm.bitcast %bits : i32 to f32
    %u = arith.subf %shifted, %magic : f32
    %log_p = llvm.intr.fma(%u, %step2, %base) : (f32, f32, f32) -> f32
    %is_nothing = arith.cmpf oeq, %u, %nothing : f32
    %x = arith.select %is_nothing, %none, %log_p : f32
    %p = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%x) : (f32) -> f32
    %up = arith.mulf %p, %weight : f32
    %g = scf.if %capped -> (f32) {
      %z = llvm.intr.fma(%u, %step, %m) : (f32, f32, f32) -> f32
      %slope = llvm.call @slope_of(%z, %inverse_cap) : (f32, f32) -> f32
      %gx = arith.mulf %up, %slope : f32
      scf.yield %gx : f32
    } else {
      scf.yield %up : f32
    }
    llvm.return %g : f32
  }

  llvm.func internal @round_pair(%is_half: i1, %a: f32, %b: f32) -> i32 attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %none = llvm.mlir.undef : vector<2xf32>
    %first = llvm.insertelement %a, %none[%c0 : i32] : vector<2xf32>
    %both = llvm.insertelement %b, %first[%c1 : i32] : vector<2xf32>
    %word = scf.if %is_half -> (i32) {
      %h = arith.truncf %both : vector<2xf32> to vector<2xf16>
      %w = llvm.bitcast %h : vector<2xf16> to i32
      scf.yield %w : i32
    } else {
      %h = arith.truncf %both : vector<2xf32> to vector<2xbf16>
      %w = llvm.bitcast %h : vector<2xbf16> to i32
      scf.yield %w : i32
    }
    llvm.return %word : i32
  }

  // Eight neighbours.
  llvm.func internal @gradients_of(%is_half: i1, %capped: i1, %codes: vector<4xi32>, %m: f32, %lse: f32, %weight: f32, %inverse_cap: f32) -> vector<4xi32> attributes {always_inline} {
    %c16 = arith.constant 16 : i32
    %low_half = arith.constant 65535 : i32
    // The bits of 2^23.
    %magic = arith.constant 1258291200 : i32
    %log2e = arith.constant 1.44269504 : f32
    %minus_infinity = arith.constant 0xFF800000 : f32
    %distance = arith.subf %m, %lse : f32
    %base = arith.mulf %distance, %log2e : f32
    %none = arith.addf %base, %minus_infinity : f32
    %undef = llvm.mlir.undef : vector<4xi32>
    %i0 = arith.constant 0 : i32
    %word0 = llvm.extractelement %codes[%i0 : i32] : vector<4xi32>
    %low0 = arith.andi %word0, %low_half : i32
    %high0 = arith.shrui %word0, %c16 : i32
    %a0 = arith.ori %low0, %magic : i32
    %b0 = arith.ori %high0, %magic : i32
    %ga0 = llvm.call @gradient_of(%capped, %a0, %m, %base, %none, %weight, %inverse_cap) : (i1, i32, f32, f32, f32, f32, f32) -> f32
    %gb0 = llvm.call @gradient_of(%capped, %b0, %m, %base, %none, %weight, %inverse_cap) : (i1, i32, f32, f32, f32, f32, f32) -> f32
    %g0 = llvm.call @round_pair(%is_half, %ga0, %gb0) : (i1, f32, f32) -> i32
    %r0 = llvm.insertelement %g0, %undef[%i0 : i32] : vector<4xi32>
    %i1 = arith.constant 1 : i32
    %word1 = llvm.extractelement %codes[%i1 : i32] : vector<4xi32>
    %low1 = arith.andi %word1, %low_half : i32
    %high1 = arith.shrui %word1, %c16 : i32
    %a1 = arith.ori %low1, %magic : i32
    %b1 = arith.ori %high1, %magic : i32
    %ga1 = llvm.call @gradient_of(%capped, %a1, %m, %base, %none, %weight, %inverse_cap) : (i1, i32, f32, f32, f32, f32, f32) -> f32
    %gb1 = llvm.call @gradient_of(%capped, %b1, %m, %base, %none, %weight, %inverse_cap) : (i1, i32, f32, f32, f32, f32, f32) -> f32
    %g1 = llvm.call @round_pair(%is_half, %ga1, %gb1) : (i1, f32, f32) -> i32
    %r1 = llvm.insertelement %g1, %r0[%i1 : i32] : vector<4xi32>
    %i2 = arith.constant 2 : i32
    %word2 = llvm.extractelement %codes[%i2 : i32] : vector<4xi32>
    %low2 = arith.andi %word2, %low_half : i32
    %high2 = arith.shrui %word2, %c16 : i32
    %a2 = arith.ori %low2, %magic : i32
    %b2 = arith.ori %high2, %magic : i32
    %ga2 = llvm.call @gradient_of(%capped, %a2, %m, %base, %none, %weight, %inverse_cap) : (i1, i32, f32, f32, f32, f32, f32) -> f32
    %gb2 = llvm.call @gradient_of(%capped, %b2, %m, %base, %none, %weight, %inverse_cap) : (i1, i32, f32, f32, f32, f32, f32) -> f32
    %g2 = llvm.call @round_pair(%is_half, %ga2, %gb2) : (i1, f32, f32) -> i32
    %r2 = llvm.insertelement %g2, %r1[%i2 : i32] : vector<4xi32>
    %i3 = arith.constant 3 : i32
    %word3 = llvm.extractelement %codes[%i3 : i32] : vector<4xi32>
    %low3 = arith.andi %word3, %low_half : i32
    %high3 = arith.shrui %word3, %c16 : i32
    %a3 = arith.ori %low3, %magic : i32
    %b3 = arith.ori %high3, %magic : i32
    %ga3 = llvm.call @gradient_of(%capped, %a3, %m, %base, %none, %weight, %inverse_cap) : (i1, i32, f32, f32, f32, f32, f32) -> f32
    %gb3 = llvm.call @gradient_of(%capped, %b3, %m, %base, %none, %weight, %inverse_cap) : (i1, i32, f32, f32, f32, f32, f32) -> f32
    %g3 = llvm.call @round_pair(%is_half, %ga3, %gb3) : (i1, f32, f32) -> i32
    %r3 = llvm.insertelement %g3, %r2[%i3 : i32] : vector<4xi32>
    llvm.return %r3 : vector<4xi32>
  }

  // The four tiles of a token from %first on, of %tiles; %place is the lane's piece of the first.
  llvm.func internal @convert(%is_half: i1, %capped: i1, %place: !llvm.ptr<1>, %row_maxima: !llvm.ptr<1>, %padded64: i64, %first: i32, %tiles: i32, %lse: f32, %weight: f32, %inverse_cap: f32) attributes {always_inline} {
    %c1 = arith.constant 1 : i32
    %last = arith.subi %tiles, %c1 : i32
    // Of tiles beyond the last one it is the last that is read: loads that no branch is in front of go out together.
    %c0t = arith.constant 0 : i32
    %tile0 = arith.addi %first, %c0t : i32
    %read0 = arith.minsi %tile0, %last : i32
    %step0 = arith.subi %read0, %first : i32
    %step64_0 = arith.extui %step0 : i32 to i64
    %read64_0 = arith.extui %read0 : i32 to i64
    %entry0 = arith.muli %read64_0, %padded64 : i64
    %pc0 = llvm.getelementptr %place[%step64_0] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, !llvm.array<256 x i16>
    %pm0 = llvm.getelementptr %row_maxima[%entry0] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
    %codes0 = llvm.load %pc0 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    %m0 = llvm.load %pm0 : !llvm.ptr<1> -> f32
    %c1t = arith.constant 1 : i32
    %tile1 = arith.addi %first, %c1t : i32
    %exists1 = arith.cmpi slt, %tile1, %tiles : i32
    %read1 = arith.minsi %tile1, %last : i32
    %step1 = arith.subi %read1, %first : i32
    %step64_1 = arith.extui %step1 : i32 to i64
    %read64_1 = arith.extui %read1 : i32 to i64
    %entry1 = arith.muli %read64_1, %padded64 : i64
    %pc1 = llvm.getelementptr %place[%step64_1] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, !llvm.array<256 x i16>
    %pm1 = llvm.getelementptr %row_maxima[%entry1] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
    %codes1 = llvm.load %pc1 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    %m1 = llvm.load %pm1 : !llvm.ptr<1> -> f32
    %c2t = arith.constant 2 : i32
    %tile2 = arith.addi %first, %c2t : i32
    %exists2 = arith.cmpi slt, %tile2, %tiles : i32
    %read2 = arith.minsi %tile2, %last : i32
    %step2 = arith.subi %read2, %first : i32
    %step64_2 = arith.extui %step2 : i32 to i64
    %read64_2 = arith.extui %read2 : i32 to i64
    %entry2 = arith.muli %read64_2, %padded64 : i64
    %pc2 = llvm.getelementptr %place[%step64_2] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, !llvm.array<256 x i16>
    %pm2 = llvm.getelementptr %row_maxima[%entry2] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
    %codes2 = llvm.load %pc2 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    %m2 = llvm.load %pm2 : !llvm.ptr<1> -> f32
    %c3t = arith.constant 3 : i32
    %tile3 = arith.addi %first, %c3t : i32
    %exists3 = arith.cmpi slt, %tile3, %tiles : i32
    %read3 = arith.minsi %tile3, %last : i32
    %step3 = arith.subi %read3, %first : i32
    %step64_3 = arith.extui %step3 : i32 to i64
    %read64_3 = arith.extui %read3 : i32 to i64
    %entry3 = arith.muli %read64_3, %padded64 : i64
    %pc3 = llvm.getelementptr %place[%step64_3] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, !llvm.array<256 x i16>
    %pm3 = llvm.getelementptr %row_maxima[%entry3] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
    %codes3 = llvm.load %pc3 {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    %m3 = llvm.load %pm3 : !llvm.ptr<1> -> f32
    %g0 = llvm.call @gradients_of(%is_half, %capped, %codes0, %m0, %lse, %weight, %inverse_cap) : (i1, i1, vector<4xi32>, f32, f32, f32, f32) -> vector<4xi32>
    llvm.store %g0, %pc0 {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
    scf.if %exists1 {
      %g = llvm.call @gradients_of(%is_half, %capped, %codes1, %m1, %lse, %weight, %inverse_cap) : (i1, i1, vector<4xi32>, f32, f32, f32, f32) -> vector<4xi32>
      llvm.store %g, %pc1 {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
    }
    scf.if %exists2 {
      %g = llvm.call @gradients_of(%is_half, %capped, %codes2, %m2, %lse, %weight, %inverse_cap) : (i1, i1, vector<4xi32>, f32, f32, f32, f32) -> vector<4xi32>
      llvm.store %g, %pc2 {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
    }
    scf.if %exists3 {
      %g = llvm.call @gradients_of(%is_half, %capped, %codes3, %m3, %lse, %weight, %inverse_cap) : (i1, i1, vector<4xi32>, f32, f32, f32, f32) -> vector<4xi32>
      llvm.store %g, %pc3 {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
    }
    llvm.return
  }

  llvm.func internal @grad_from_saved(%is_half: i1, %saved: !llvm.ptr<1>, %stride: i64, %maxima: !llvm.ptr<1>, %padded: i32, %classes: i32, %count: !llvm.ptr<1>, %labels: !llvm.ptr<1>, %label_logit: !llvm.ptr<1>, %lse: !llvm.ptr<1>, %prob_weight: !llvm.ptr<1>, %label_weight: !llvm.ptr<1>, %softcap: f32, %capped: i32) attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c3 = arith.constant 3 : i32
    %c4 = arith.constant 4 : i32
    %c5 = arith.constant 5 : i32
    %c8 = arith.constant 8 : i32
    %c31 = arith.constant 31 : i32
    %c255 = arith.constant 255 : i32
    %whole_tiles = arith.constant -256 : i32
    %zeros = arith.constant dense<0> : vector<4xi32>
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %true = arith.constant true
    %false = arith.constant false
    %log2e = arith.constant 1.44269504 : f32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %grid = nvvm.read.ptx.sreg.nctaid.x : i32
    %lane = arith.andi %tid, %c31 : i32
    %warp = arith.shrui %tid, %c5 : i32
    %is_capped = arith.cmpi ne, %capped, %c0 : i32
    %inverse_cap = arith.divf %one, %softcap : f32
    %padded64 = arith.extui %padded : i32 to i64
    // Products read tiles of 128 tokens, in pairs at most. Of a negative count there are none.
    %n = llvm.load %count : !llvm.ptr<1> -> i32
    %raised = arith.addi %n, %c255 : i32
    %read_rows = arith.andi %raised, %whole_tiles : i32
    %rows = arith.minsi %read_rows, %padded : i32
    %bands = arith.shrui %rows, %c3 : i32
    %more_classes = arith.addi %classes, %c255 : i32
    %tiles = arith.shrui %more_classes, %c8 : i32
    %more_tiles = arith.addi %tiles, %c3 : i32
    %parts = arith.divui %more_tiles, %c4 : i32
    %items = arith.muli %bands, %parts : i32
    scf.for %item = %block to %items step %grid : i32 {
      // Eight neighbours a block, a warp each: their maxima are neighbours too.
      %band = arith.divui %item, %parts : i32
      %before = arith.muli %band, %parts : i32
      %part = arith.subi %item, %before : i32
      %band_row = arith.muli %band, %c8 : i32
      %row = arith.addi %band_row, %warp : i32
      %row64 = arith.extui %row : i32 to i64
      %first = arith.muli %part, %c4 : i32
      %row_start = arith.muli %row64, %stride : i64
      %first64 = arith.extui %first : i32 to i64
      %lane64 = arith.extui %lane : i32 to i64
      %prow = llvm.getelementptr %saved[%row_start] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
      %pfirst = llvm.getelementptr %prow[%first64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, !llvm.array<256 x i16>
      %place = llvm.getelementptr %pfirst[%lane64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, !llvm.array<8 x i16>
      %inside = arith.cmpi slt, %row, %n : i32
      scf.if %inside {
        %p0 = llvm.getelementptr %lse[%row64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %p1 = llvm.getelementptr %prob_weight[%row64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %p2 = llvm.getelementptr %labels[%row64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
        %row_maxima = llvm.getelementptr %maxima[%row64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %l = llvm.load %p0 : !llvm.ptr<1> -> f32
        %weight = llvm.load %p1 : !llvm.ptr<1> -> f32
        %label = llvm.load %p2 : !llvm.ptr<1> -> i32
        scf.if %is_capped {
          llvm.call @convert(%is_half, %true, %place, %row_maxima, %padded64, %first, %tiles, %l, %weight, %inverse_cap) : (i1, i1, !llvm.ptr<1>, !llvm.ptr<1>, i64, i32, i32, f32, f32, f32) -> ()
        } else {
          llvm.call @convert(%is_half, %false, %place, %row_maxima, %padded64, %first, %tiles, %l, %weight, %inverse_cap) : (i1, i1, !llvm.ptr<1>, !llvm.ptr<1>, i64, i32, i32, f32, f32, f32) -> ()
        }
        // The label's entry, if it is here, over what stands there, by the lane that has just written it.
        %has_label = arith.cmpi ult, %label, %classes : i32
        %label_tile = arith.shrui %label, %c8 : i32
        %behind = arith.subi %label_tile, %first : i32
        %here = arith.cmpi ult, %behind, %c4 : i32
        %label_piece = arith.shrui %label, %c3 : i32
        %label_lane = arith.andi %label_piece, %c31 : i32
        %mine = arith.cmpi eq, %label_lane, %lane : i32
        %mine_here = arith.andi %here, %mine : i1
        %writes = arith.andi %mine_here, %has_label : i1
        scf.if %writes {
          %p3 = llvm.getelementptr %label_logit[%row64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
          %p4 = llvm.getelementptr %label_weight[%row64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
          %z = llvm.load %p3 : !llvm.ptr<1> -> f32
          %lw = llvm.load %p4 : !llvm.ptr<1> -> f32
          %log_p = arith.subf %z, %l : f32
          %x = arith.mulf %log_p, %log2e : f32
          %p = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%x) : (f32) -> f32
          %up = arith.mulf %p, %weight : f32
          %down = arith.subf %up, %lw : f32
          %bent = llvm.call @slope_of(%z, %inverse_cap) : (f32, f32) -> f32
          %slope = arith.select %is_capped, %bent, %one : f32
          %g = arith.mulf %down, %slope : f32
          %word = llvm.call @round_pair(%is_half, %g, %zero) : (i1, f32, f32) -> i32
          %short = arith.trunci %word : i32 to i16
          %label64 = arith.extui %label : i32 to i64
          %pg = llvm.getelementptr %prow[%label64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
          llvm.store %short, %pg : i16, !llvm.ptr<1>
        }
      } else {
        scf.for %t = %c0 to %c4 step %c1 : i32 {
          %tile = arith.addi %first, %t : i32
          %exists = arith.cmpi slt, %tile, %tiles : i32
          scf.if %exists {
            %pz = llvm.getelementptr %place[%t] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, !llvm.array<256 x i16>
            llvm.store %zeros, %pz {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
          }
        }
      }
    }
    llvm.return
  }
}
