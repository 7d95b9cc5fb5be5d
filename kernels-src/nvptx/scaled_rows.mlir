// The rows of a chunk's tokens, each times a factor, rounded: scaled[i] = factor_i * e[rows i]. Rows behind the tokens are zero as far as the
// product reads that contracts over them, blocks of 64. Rows of whole pieces of 16 bytes, and of the result one behind the other. A warp
// has a row.
gpu.module @kernels {
  llvm.func @scaled_rows_bf16(%count: !llvm.ptr<1>, %rows: !llvm.ptr<1>, %factor: !llvm.ptr<1>, %padded: i32, %e: !llvm.ptr<1>, %stride: i64, %columns: i32, %scaled: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "scaled_rows_bf16", target = "sm_90a", entry = "scaled_rows_bf16", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "count"},
         {kind = "pointer", buffer = "rows"},
         {kind = "pointer", buffer = "factor"},
         {kind = "scalar", buffer = "padded", type = "i32"},
         {kind = "pointer", buffer = "e"},
         {kind = "scalar", buffer = "stride", type = "i64"},
         {kind = "scalar", buffer = "columns", type = "i32"},
         {kind = "pointer", buffer = "scaled"}]}} {
    %is_half = arith.constant false
    llvm.call @scaled_rows(%is_half, %count, %rows, %factor, %padded, %e, %stride, %columns, %scaled) : (i1, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, i32, !llvm.ptr<1>, i64, i32, !llvm.ptr<1>) -> ()
    llvm.return
  }

  llvm.func @scaled_rows_f16(%count: !llvm.ptr<1>, %rows: !llvm.ptr<1>, %factor: !llvm.ptr<1>, %padded: i32, %e: !llvm.ptr<1>, %stride: i64, %columns: i32, %scaled: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "scaled_rows_f16", target = "sm_90a", entry = "scaled_rows_f16", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "count"},
         {kind = "pointer", buffer = "rows"},
         {kind = "pointer", buffer = "factor"},
         {kind = "scalar", buffer = "padded", type = "i32"},
         {kind = "pointer", buffer = "e"},
         {kind = "scalar", buffer = "stride", type = "i64"},
         {kind = "scalar", buffer = "columns", type = "i32"},
         {kind = "pointer", buffer = "scaled"}]}} {
    %is_half = arith.constant true
    llvm.call @scaled_rows(%is_half, %count, %rows, %factor, %padded, %e, %stride, %columns, %scaled) : (i1, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, i32, !llvm.ptr<1>, i64, i32, !llvm.ptr<1>) -> ()
    llvm.return
  }

  llvm.func internal @scaled_rows(%is_half: i1, %count: !llvm.ptr<1>, %rows: !llvm.ptr<1>, %factor: !llvm.ptr<1>, %padded: i32, %e: !llvm.ptr<1>, %stride: i64, %columns: i32, %scaled: !llvm.ptr<1>) attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c3 = arith.constant 3 : i32
    %c5 = arith.constant 5 : i32
    %c8 = arith.constant 8 : i32
    %c31 = arith.constant 31 : i32
    %c32 = arith.constant 32 : i32
    %c63 = arith.constant 63 : i32
    %whole_blocks = arith.constant -64 : i32
    %zeros = arith.constant dense<0> : vector<4xi32>
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %grid = nvvm.read.ptx.sreg.nctaid.x : i32
    %lane = arith.andi %tid, %c31 : i32
    %warp = arith.shrui %tid, %c5 : i32
    %block_row = arith.muli %block, %c8 : i32
    %first = arith.addi %block_row, %warp : i32
    %step = arith.muli %grid, %c8 : i32
    %n = llvm.load %count : !llvm.ptr<1> -> i32
    %raised = arith.addi %n, %c63 : i32
    %read_rows = arith.andi %raised, %whole_blocks : i32
    %end = arith.minsi %read_rows, %padded : i32
    %pieces = arith.shrui %columns, %c3 : i32
    %columns64 = arith.extui %columns : i32 to i64
    scf.for %i = %first to %end step %step : i32 {
      %i64 = arith.extui %i : i32 to i64
      %start = arith.muli %i64, %columns64 : i64
      %to = llvm.getelementptr %scaled[%start] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
      %inside = arith.cmpi slt, %i, %n : i32
      scf.if %inside {
        %pr = llvm.getelementptr %rows[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
        %pf = llvm.getelementptr %factor[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %row = llvm.load %pr : !llvm.ptr<1> -> i32
        %k = llvm.load %pf : !llvm.ptr<1> -> f32
        %row64 = arith.extui %row : i32 to i64
        %source = arith.muli %row64, %stride : i64
        %from = llvm.getelementptr %e[%source] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
        %undef = llvm.mlir.undef : vector<8xf32>
        %one = llvm.insertelement %k, %undef[%c0 : i32] : vector<8xf32>
        %factors = llvm.shufflevector %one, %undef [0, 0, 0, 0, 0, 0, 0, 0] : vector<8xf32>
        scf.for %piece = %lane to %pieces step %c32 : i32 {
          %piece64 = arith.extui %piece : i32 to i64
          %p = llvm.getelementptr %from[%piece64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, !llvm.array<8 x i16>
          %q = llvm.getelementptr %to[%piece64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, !llvm.array<8 x i16>
          %raw = llvm.load %p {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
          %result = scf.if %is_half -> (vector<4xi32>) {
            %h = llvm.bitcast %raw : vector<4xi32> to vector<8xf16>
            %x = arith.extf %h : vector<8xf16> to vector<8xf32>
            %y = arith.mulf %x, %factors : vector<8xf32>
            %r = arith.truncf %y : vector<8xf32> to vector<8xf16>
            %w = llvm.bitcast %r : vector<8xf16> to vector<4xi32>
            scf.yield %w : vector<4xi32>
          } else {
            %h = llvm.bitcast %raw : vector<4xi32> to vector<8xbf16>
            %x = arith.extf %h : vector<8xbf16> to vector<8xf32>
            %y = arith.mulf %x, %factors : vector<8xf32>
            %r = arith.truncf %y : vector<8xf32> to vector<8xbf16>
            %w = llvm.bitcast %r : vector<8xbf16> to vector<4xi32>
            scf.yield %w : vector<4xi32>
          }
          llvm.store %result, %q {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
        }
      } else {
        scf.for %piece = %lane to %pieces step %c32 : i32 {
          %piece64 = arith.extui %piece : i32 to i64
          %q = llvm.getelementptr %to[%piece64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, !llvm.array<8 x i16>
          llvm.store %zeros, %q {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
        }
      }
    }
    llvm.return
  }
}
