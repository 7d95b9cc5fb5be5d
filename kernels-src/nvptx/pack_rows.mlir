// A matrix of 16-bit elements with any strides, copied to rows that TMA takes: a block per row, zeros behind the last column.
gpu.module @kernels {
  llvm.func @pack_rows(%source: !llvm.ptr<1>, %row_stride: i64, %column_stride: i64, %rows: i64, %columns: i64, %destination: !llvm.ptr<1>, %destination_row_stride: i64)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "pack_rows", target = "sm_90a", entry = "pack_rows", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "source"},
         {kind = "scalar", buffer = "row_stride", type = "i64"},
         {kind = "scalar", buffer = "column_stride", type = "i64"},
         {kind = "scalar", buffer = "rows", type = "i64"},
         {kind = "scalar", buffer = "columns", type = "i64"},
         {kind = "pointer", buffer = "destination"},
         {kind = "scalar", buffer = "destination_row_stride", type = "i64"}]}} {
    %c256 = arith.constant 256 : i64
    %zero = arith.constant 0 : i16
    %tid32 = nvvm.read.ptx.sreg.tid.x : i32
    %block32 = nvvm.read.ptx.sreg.ctaid.x : i32
    %blocks32 = nvvm.read.ptx.sreg.nctaid.x : i32
    %tid = arith.extui %tid32 : i32 to i64
    %block = arith.extui %block32 : i32 to i64
    %blocks = arith.extui %blocks32 : i32 to i64
    scf.for %row = %block to %rows step %blocks : i64 {
      %from = arith.muli %row, %row_stride : i64
      %to = arith.muli %row, %destination_row_stride : i64
      scf.for %column = %tid to %destination_row_stride step %c256 : i64 {
        %inside = arith.cmpi slt, %column, %columns : i64
        %value = scf.if %inside -> (i16) {
          %along = arith.muli %column, %column_stride : i64
          %at = arith.addi %from, %along : i64
          %p = llvm.getelementptr %source[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
          %x = llvm.load %p : !llvm.ptr<1> -> i16
          scf.yield %x : i16
        } else {
          scf.yield %zero : i16
        }
        %at = arith.addi %to, %column : i64
        %q = llvm.getelementptr %destination[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
        llvm.store %value, %q : i16, !llvm.ptr<1>
      }
    }
    llvm.return
  }
}
