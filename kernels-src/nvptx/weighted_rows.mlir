// Weighted sums of every `every`-th row, one for every part of the rows, and the sums of the weights: of those rows and of all. A
// mean over many thousand rows is as good from a part of them, and reading them is all that this kernel does. It runs at the speed of memory: a thread has eight columns and loads
// eight rows before it uses the first; the columns are split evenly, so that all blocks have the same work.
// Weights and places of 256 rows at a time are staged in shared memory.
gpu.module @kernels {
  llvm.mlir.global internal @offsets() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<256 x i64>
  llvm.mlir.global internal @factors() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<256 x f32>
  llvm.mlir.global internal @sums() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<256 x f32>

  llvm.func @weighted_rows_bf16(%weights: !llvm.ptr<1>, %n: i32, %every: i32, %gate_or_null: !llvm.ptr<1>, %rows_or_null: !llvm.ptr<1>, %matrix: !llvm.ptr<1>, %stride: i64, %columns: i32, %parts: i32, %partial: !llvm.ptr<1>, %weight_sums: !llvm.ptr<1>, %all_sums: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, nvvm.minctasm = 3 : i32, cce.manifest = {
      kernel = "weighted_rows_bf16", target = "sm_90a", entry = "weighted_rows_bf16", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "weights"},
         {kind = "scalar", buffer = "n", type = "i32"},
         {kind = "scalar", buffer = "every", type = "i32"},
         {kind = "pointer", buffer = "gate_or_null"},
         {kind = "pointer", buffer = "rows_or_null"},
         {kind = "pointer", buffer = "matrix"},
         {kind = "scalar", buffer = "stride", type = "i64"},
         {kind = "scalar", buffer = "columns", type = "i32"},
         {kind = "scalar", buffer = "parts", type = "i32"},
         {kind = "pointer", buffer = "partial"},
         {kind = "pointer", buffer = "weight_sums"},
         {kind = "pointer", buffer = "all_sums"}]}} {
    %is_half = arith.constant false
    llvm.call @weighted_rows(%is_half, %weights, %n, %every, %gate_or_null, %rows_or_null, %matrix, %stride, %columns, %parts, %partial, %weight_sums, %all_sums) : (i1, !llvm.ptr<1>, i32, i32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, i64, i32, i32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>) -> ()
    llvm.return
  }

  llvm.func @weighted_rows_f16(%weights: !llvm.ptr<1>, %n: i32, %every: i32, %gate_or_null: !llvm.ptr<1>, %rows_or_null: !llvm.ptr<1>, %matrix: !llvm.ptr<1>, %stride: i64, %columns: i32, %parts: i32, %partial: !llvm.ptr<1>, %weight_sums: !llvm.ptr<1>, %all_sums: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, nvvm.minctasm = 3 : i32, cce.manifest = {
      kernel = "weighted_rows_f16", target = "sm_90a", entry = "weighted_rows_f16", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "weights"},
         {kind = "scalar", buffer = "n", type = "i32"},
         {kind = "scalar", buffer = "every", type = "i32"},
         {kind = "pointer", buffer = "gate_or_null"},
         {kind = "pointer", buffer = "rows_or_null"},
         {kind = "pointer", buffer = "matrix"},
         {kind = "scalar", buffer = "stride", type = "i64"},
         {kind = "scalar", buffer = "columns", type = "i32"},
         {kind = "scalar", buffer = "parts", type = "i32"},
         {kind = "pointer", buffer = "partial"},
         {kind = "pointer", buffer = "weight_sums"},
         {kind = "pointer", buffer = "all_sums"}]}} {
    %is_half = arith.constant true
    llvm.call @weighted_rows(%is_half, %weights, %n, %every, %gate_or_null, %rows_or_null, %matrix, %stride, %columns, %parts, %partial, %weight_sums, %all_sums) : (i1, !llvm.ptr<1>, i32, i32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, i64, i32, i32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>) -> ()
    llvm.return
  }

  // Eight elements of 16 bits, as f32.
  llvm.func internal @widen(%is_half: i1, %raw: vector<4xi32>) -> vector<8xf32> attributes {always_inline} {
    %wide = scf.if %is_half -> (vector<8xf32>) {
      %h = llvm.bitcast %raw : vector<4xi32> to vector<8xf16>
      %x = arith.extf %h : vector<8xf16> to vector<8xf32>
      scf.yield %x : vector<8xf32>
    } else {
      %h = llvm.bitcast %raw : vector<4xi32> to vector<8xbf16>
      %x = arith.extf %h : vector<8xbf16> to vector<8xf32>
      scf.yield %x : vector<8xf32>
    }
    llvm.return %wide : vector<8xf32>
  }

  llvm.func internal @splat(%x: f32) -> vector<8xf32> attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %none = llvm.mlir.undef : vector<8xf32>
    %one = llvm.insertelement %x, %none[%c0 : i32] : vector<8xf32>
    %all = llvm.shufflevector %one, %none [0, 0, 0, 0, 0, 0, 0, 0] : vector<8xf32>
    llvm.return %all : vector<8xf32>
  }

  // A row that is not there is the matrix' first, with its bits masked off, as anything may stand there.
  llvm.func internal @load_row(%columns: !llvm.ptr<1>, %offset: i64) -> vector<4xi32> attributes {always_inline} {
    %l0 = arith.constant 0 : i64
    %zeros = arith.constant dense<0> : vector<4xi32>
    %present = arith.cmpi sge, %offset, %l0 : i64
    %at = arith.maxsi %offset, %l0 : i64
    %p = llvm.getelementptr %columns[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
    %raw = llvm.load %p {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    %row = arith.select %present, %raw, %zeros : vector<4xi32>
    llvm.return %row : vector<4xi32>
  }

  llvm.func internal @add_row(%is_half: i1, %sum: vector<8xf32>, %raw: vector<4xi32>, %factor: f32) -> vector<8xf32> attributes {always_inline} {
    %x = llvm.call @widen(%is_half, %raw) : (i1, vector<4xi32>) -> vector<8xf32>
    %f = llvm.call @splat(%factor) : (f32) -> vector<8xf32>
    %more = llvm.intr.fma(%f, %x, %sum) : (vector<8xf32>, vector<8xf32>, vector<8xf32>) -> vector<8xf32>
    llvm.return %more : vector<8xf32>
  }

  llvm.func internal @weighted_rows(%is_half: i1, %weights: !llvm.ptr<1>, %n: i32, %every: i32, %gate_or_null: !llvm.ptr<1>, %rows_or_null: !llvm.ptr<1>, %matrix: !llvm.ptr<1>, %stride: i64, %columns: i32, %parts: i32, %partial: !llvm.ptr<1>, %weight_sums: !llvm.ptr<1>, %all_sums: !llvm.ptr<1>) attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c7 = arith.constant 7 : i32
    %c8 = arith.constant 8 : i32
    %c63 = arith.constant 63 : i32
    %cm64 = arith.constant -64 : i32
    %c128 = arith.constant 128 : i32
    %c256 = arith.constant 256 : i32
    %c2047 = arith.constant 2047 : i32
    %c2048 = arith.constant 2048 : i32
    %l1 = arith.constant 1 : i64
    %l15 = arith.constant 15 : i64
    %l0 = arith.constant 0 : i64
    %l256 = arith.constant 256 : i64
    %absent = arith.constant -1 : i64
    %zero = arith.constant 0.0 : f32
    %zeros = arith.constant dense<0.0> : vector<8xf32>
    %null = llvm.mlir.zero : !llvm.ptr<1>
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tid64 = arith.extui %tid : i32 to i64
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %grid = nvvm.read.ptx.sreg.nctaid.x : i32
    %offsets = llvm.mlir.addressof @offsets : !llvm.ptr<3>
    %factors = llvm.mlir.addressof @factors : !llvm.ptr<3>
    %my_offset = llvm.getelementptr %offsets[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
    %my_factor = llvm.getelementptr %factors[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    %has_gate = llvm.icmp "ne" %gate_or_null, %null : !llvm.ptr<1>
    %has_rows = llvm.icmp "ne" %rows_or_null, %null : !llvm.ptr<1>
    // A negative count: the other path was chosen.
    %gate = scf.if %has_gate -> (i32) {
      %k = llvm.load %gate_or_null : !llvm.ptr<1> -> i32
      scf.yield %k : i32
    } else {
      scf.yield %c0 : i32
    }
    %works = arith.cmpi sge, %gate, %c0 : i32
    scf.if %works {
      %n64 = arith.extui %n : i32 to i64
      %every64 = arith.extui %every : i32 to i64
      %t0 = arith.addi %n64, %every64 : i64
      %t1 = arith.subi %t0, %l1 : i64
      %number64 = arith.divui %t1, %every64 : i64
      %parts64 = arith.extui %parts : i32 to i64
      %columns64 = arith.extui %columns : i32 to i64
      %r0 = arith.addi %columns, %c2047 : i32
      %splits = arith.divui %r0, %c2048 : i32
      %r1 = arith.addi %columns, %splits : i32
      %r2 = arith.subi %r1, %c1 : i32
      %even = arith.divui %r2, %splits : i32
      %r3 = arith.addi %even, %c63 : i32
      %width = arith.andi %r3, %cm64 : i32
      // 16-byte stores need aligned rows of the result.
      %base = llvm.ptrtoint %partial : !llvm.ptr<1> to i64
      %low_bits = arith.andi %base, %l15 : i64
      %base_aligned = arith.cmpi eq, %low_bits, %l0 : i64
      %odd_columns = arith.andi %columns, %c7 : i32
      %even_columns = arith.cmpi eq, %odd_columns, %c0 : i32
      %vectors = arith.andi %base_aligned, %even_columns : i1
      %items = arith.muli %parts, %splits : i32
      scf.for %item = %block to %items step %grid : i32 {
        %part = arith.divui %item, %splits : i32
        %split = arith.remui %item, %splits : i32
        %part64 = arith.extui %part : i32 to i64
        %next64 = arith.addi %part64, %l1 : i64
        %m0 = arith.muli %part64, %number64 : i64
        %m1 = arith.muli %next64, %number64 : i64
        %begin = arith.divui %m0, %parts64 : i64
        %end = arith.divui %m1, %parts64 : i64
        %first_column = arith.muli %split, %width : i32
        %mine = arith.muli %tid, %c8 : i32
        %column = arith.addi %first_column, %mine : i32
        %column64 = arith.extui %column : i32 to i64
        %in_split = arith.cmpi slt, %mine, %width : i32
        %in_columns = arith.cmpi slt, %column, %columns : i32
        %active = arith.andi %in_split, %in_columns : i1
        %from = llvm.getelementptr %matrix[%column64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
        %sum:3 = scf.for %chunk = %begin to %end step %l256 iter_args(%acc = %zeros, %weight_acc = %zero, %all_acc = %zero) -> (vector<8xf32>, f32, f32) : i64 {
          %j = arith.addi %chunk, %tid64 : i64
          %inside = arith.cmpi slt, %j, %end : i64
          %first_row = arith.muli %j, %every64 : i64
          %staged:3 = scf.if %inside -> (i64, f32, f32) {
            %pw = llvm.getelementptr %weights[%first_row] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
            %w = llvm.load %pw : !llvm.ptr<1> -> f32
            %behind_group = arith.addi %first_row, %every64 : i64
            %group_end = arith.minsi %behind_group, %n64 : i64
            %second_row = arith.addi %first_row, %l1 : i64
            %all_of_group = scf.for %i = %second_row to %group_end step %l1 iter_args(%more = %w) -> (f32) : i64 {
              %pi = llvm.getelementptr %weights[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
              %wi = llvm.load %pi : !llvm.ptr<1> -> f32
              %added = arith.addf %more, %wi : f32
              scf.yield %added : f32
            }
            %row = scf.if %has_rows -> (i64) {
              %pr = llvm.getelementptr %rows_or_null[%first_row] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
              %r = llvm.load %pr : !llvm.ptr<1> -> i32
              %e = arith.extsi %r : i32 to i64
              scf.yield %e : i64
            } else {
              scf.yield %first_row : i64
            }
            %present = arith.cmpi sge, %row, %l0 : i64
            %place = arith.muli %row, %stride : i64
            %offset = arith.select %present, %place, %absent : i64
            %factor = arith.select %present, %w, %zero : f32
            scf.yield %offset, %factor, %all_of_group : i64, f32, f32
          } else {
            scf.yield %absent, %zero, %zero : i64, f32, f32
          }
          // Everyone is done with the last chunk.
          nvvm.barrier
          llvm.store %staged#0, %my_offset : i64, !llvm.ptr<3>
          llvm.store %staged#1, %my_factor : f32, !llvm.ptr<3>
          nvvm.barrier
          %left64 = arith.subi %end, %chunk : i64
          %some64 = arith.minsi %left64, %l256 : i64
          %some = arith.trunci %some64 : i64 to i32
          %next = scf.if %active -> (vector<8xf32>) {
            %all = scf.for %k = %c0 to %some step %c8 iter_args(%s0 = %acc) -> (vector<8xf32>) : i32 {
              %po0 = llvm.getelementptr %offsets[%k] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
              %pf0 = llvm.getelementptr %factors[%k] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
              %f0 = llvm.load %pf0 : !llvm.ptr<3> -> f32
              %o0 = llvm.load %po0 : !llvm.ptr<3> -> i64
              %po1 = llvm.getelementptr %po0[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
              %pf1 = llvm.getelementptr %pf0[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, f32
              %o1 = llvm.load %po1 : !llvm.ptr<3> -> i64
              %f1 = llvm.load %pf1 : !llvm.ptr<3> -> f32
              %po2 = llvm.getelementptr %po0[2] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
              %pf2 = llvm.getelementptr %pf0[2] : (!llvm.ptr<3>) -> !llvm.ptr<3>, f32
              %o2 = llvm.load %po2 : !llvm.ptr<3> -> i64
              %f2 = llvm.load %pf2 : !llvm.ptr<3> -> f32
              %po3 = llvm.getelementptr %po0[3] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
              %pf3 = llvm.getelementptr %pf0[3] : (!llvm.ptr<3>) -> !llvm.ptr<3>, f32
              %o3 = llvm.load %po3 : !llvm.ptr<3> -> i64
              %f3 = llvm.load %pf3 : !llvm.ptr<3> -> f32
              %po4 = llvm.getelementptr %po0[4] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
              %pf4 = llvm.getelementptr %pf0[4] : (!llvm.ptr<3>) -> !llvm.ptr<3>, f32
              %o4 = llvm.load %po4 : !llvm.ptr<3> -> i64
              %f4 = llvm.load %pf4 : !llvm.ptr<3> -> f32
              %po5 = llvm.getelementptr %po0[5] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
              %pf5 = llvm.getelementptr %pf0[5] : (!llvm.ptr<3>) -> !llvm.ptr<3>, f32
              %o5 = llvm.load %po5 : !llvm.ptr<3> -> i64
              %f5 = llvm.load %pf5 : !llvm.ptr<3> -> f32
              %po6 = llvm.getelementptr %po0[6] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
              %pf6 = llvm.getelementptr %pf0[6] : (!llvm.ptr<3>) -> !llvm.ptr<3>, f32
              %o6 = llvm.load %po6 : !llvm.ptr<3> -> i64
              %f6 = llvm.load %pf6 : !llvm.ptr<3> -> f32
              %po7 = llvm.getelementptr %po0[7] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
              %pf7 = llvm.getelementptr %pf0[7] : (!llvm.ptr<3>) -> !llvm.ptr<3>, f32
              %o7 = llvm.load %po7 : !llvm.ptr<3> -> i64
              %f7 = llvm.load %pf7 : !llvm.ptr<3> -> f32
              %x0 = llvm.call @load_row(%from, %o0) : (!llvm.ptr<1>, i64) -> vector<4xi32>
              %x1 = llvm.call @load_row(%from, %o1) : (!llvm.ptr<1>, i64) -> vector<4xi32>
              %x2 = llvm.call @load_row(%from, %o2) : (!llvm.ptr<1>, i64) -> vector<4xi32>
              %x3 = llvm.call @load_row(%from, %o3) : (!llvm.ptr<1>, i64) -> vector<4xi32>
              %x4 = llvm.call @load_row(%from, %o4) : (!llvm.ptr<1>, i64) -> vector<4xi32>
              %x5 = llvm.call @load_row(%from, %o5) : (!llvm.ptr<1>, i64) -> vector<4xi32>
              %x6 = llvm.call @load_row(%from, %o6) : (!llvm.ptr<1>, i64) -> vector<4xi32>
              %x7 = llvm.call @load_row(%from, %o7) : (!llvm.ptr<1>, i64) -> vector<4xi32>
              %s1 = llvm.call @add_row(%is_half, %s0, %x0, %f0) : (i1, vector<8xf32>, vector<4xi32>, f32) -> vector<8xf32>
              %s2 = llvm.call @add_row(%is_half, %s1, %x1, %f1) : (i1, vector<8xf32>, vector<4xi32>, f32) -> vector<8xf32>
              %s3 = llvm.call @add_row(%is_half, %s2, %x2, %f2) : (i1, vector<8xf32>, vector<4xi32>, f32) -> vector<8xf32>
              %s4 = llvm.call @add_row(%is_half, %s3, %x3, %f3) : (i1, vector<8xf32>, vector<4xi32>, f32) -> vector<8xf32>
              %s5 = llvm.call @add_row(%is_half, %s4, %x4, %f4) : (i1, vector<8xf32>, vector<4xi32>, f32) -> vector<8xf32>
              %s6 = llvm.call @add_row(%is_half, %s5, %x5, %f5) : (i1, vector<8xf32>, vector<4xi32>, f32) -> vector<8xf32>
              %s7 = llvm.call @add_row(%is_half, %s6, %x6, %f6) : (i1, vector<8xf32>, vector<4xi32>, f32) -> vector<8xf32>
              %s8 = llvm.call @add_row(%is_half, %s7, %x7, %f7) : (i1, vector<8xf32>, vector<4xi32>, f32) -> vector<8xf32>
              scf.yield %s8 : vector<8xf32>
            }
            scf.yield %all : vector<8xf32>
          } else {
            scf.yield %acc : vector<8xf32>
          }
          %weight_next = arith.addf %weight_acc, %staged#1 : f32
          %all_next = arith.addf %all_acc, %staged#2 : f32
          scf.yield %next, %weight_next, %all_next : vector<8xf32>, f32, f32
        }
        scf.if %active {
          %row = arith.muli %part64, %columns64 : i64
          %at = arith.addi %row, %column64 : i64
          %to = llvm.getelementptr %partial[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
          scf.if %vectors {
            %low = llvm.shufflevector %sum#0, %sum#0 [0, 1, 2, 3] : vector<8xf32>
            %high = llvm.shufflevector %sum#0, %sum#0 [4, 5, 6, 7] : vector<8xf32>
            %to_high = llvm.getelementptr %to[4] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
            llvm.store %low, %to {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
            llvm.store %high, %to_high {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
          } else {
            %behind = arith.subi %columns, %column : i32
            %elements = arith.minsi %behind, %c8 : i32
            %rest = scf.for %e = %c0 to %elements step %c1 iter_args(%values = %sum#0) -> (vector<8xf32>) : i32 {
              %p = llvm.getelementptr %to[%e] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
              %value = llvm.extractelement %values[%c0 : i32] : vector<8xf32>
              llvm.store %value, %p : f32, !llvm.ptr<1>
              %shifted = llvm.shufflevector %values, %values [1, 2, 3, 4, 5, 6, 7, 0] : vector<8xf32>
              scf.yield %shifted : vector<8xf32>
            }
          }
        }
        %is_first = arith.cmpi eq, %split, %c0 : i32
        scf.if %is_first {
          llvm.call @sum_over_threads(%sum#1, %weight_sums, %part64) : (f32, !llvm.ptr<1>, i64) -> ()
          llvm.call @sum_over_threads(%sum#2, %all_sums, %part64) : (f32, !llvm.ptr<1>, i64) -> ()
        }
      }
    }
    llvm.return
  }

  // As a tree; all threads take part.
  llvm.func internal @sum_over_threads(%value: f32, %results: !llvm.ptr<1>, %index: i64) attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c8 = arith.constant 8 : i32
    %c128 = arith.constant 128 : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %sums = llvm.mlir.addressof @sums : !llvm.ptr<3>
    %mine = llvm.getelementptr %sums[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    nvvm.barrier
    llvm.store %value, %mine : f32, !llvm.ptr<3>
    nvvm.barrier
    %last = scf.for %k = %c0 to %c8 step %c1 iter_args(%half = %c128) -> (i32) : i32 {
      %adds = arith.cmpi slt, %tid, %half : i32
      scf.if %adds {
        %other = arith.addi %tid, %half : i32
        %po = llvm.getelementptr %sums[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
        %a = llvm.load %mine : !llvm.ptr<3> -> f32
        %b = llvm.load %po : !llvm.ptr<3> -> f32
        %s = arith.addf %a, %b : f32
        llvm.store %s, %mine : f32, !llvm.ptr<3>
      }
      nvvm.barrier
      %smaller = arith.shrui %half, %c1 : i32
      scf.yield %smaller : i32
    }
    %leader = arith.cmpi eq, %tid, %c0 : i32
    scf.if %leader {
      %total = llvm.load %mine : !llvm.ptr<3> -> f32
      %p = llvm.getelementptr %results[%index] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      llvm.store %total, %p : f32, !llvm.ptr<1>
    }
    llvm.return
  }
}
