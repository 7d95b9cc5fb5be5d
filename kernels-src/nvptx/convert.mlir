// Element-wise conversions, for bias and its gradient.
gpu.module @kernels {
  llvm.func @convert_bf16_to_f32(%source: !llvm.ptr<1>, %destination: !llvm.ptr<1>, %n: i64)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "convert_bf16_to_f32", target = "sm_90a", entry = "convert_bf16_to_f32", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "source"},
         {kind = "pointer", buffer = "destination"},
         {kind = "scalar", buffer = "n", type = "i64"}]}} {
    %c256 = arith.constant 256 : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %blocks = nvvm.read.ptx.sreg.nctaid.x : i32
    %first32 = arith.muli %block, %c256 : i32
    %start32 = arith.addi %first32, %tid : i32
    %step32 = arith.muli %blocks, %c256 : i32
    %start = arith.extui %start32 : i32 to i64
    %step = arith.extui %step32 : i32 to i64
    scf.for %i = %start to %n step %step : i64 {
      %p = llvm.getelementptr %source[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, bf16
      %q = llvm.getelementptr %destination[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %x = llvm.load %p : !llvm.ptr<1> -> bf16
      %y = arith.extf %x : bf16 to f32
      llvm.store %y, %q : f32, !llvm.ptr<1>
    }
    llvm.return
  }

  llvm.func @convert_f16_to_f32(%source: !llvm.ptr<1>, %destination: !llvm.ptr<1>, %n: i64)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "convert_f16_to_f32", target = "sm_90a", entry = "convert_f16_to_f32", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "source"},
         {kind = "pointer", buffer = "destination"},
         {kind = "scalar", buffer = "n", type = "i64"}]}} {
    %c256 = arith.constant 256 : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %blocks = nvvm.read.ptx.sreg.nctaid.x : i32
    %first32 = arith.muli %block, %c256 : i32
    %start32 = arith.addi %first32, %tid : i32
    %step32 = arith.muli %blocks, %c256 : i32
    %start = arith.extui %start32 : i32 to i64
    %step = arith.extui %step32 : i32 to i64
    scf.for %i = %start to %n step %step : i64 {
      %p = llvm.getelementptr %source[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f16
      %q = llvm.getelementptr %destination[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %x = llvm.load %p : !llvm.ptr<1> -> f16
      %y = arith.extf %x : f16 to f32
      llvm.store %y, %q : f32, !llvm.ptr<1>
    }
    llvm.return
  }

  llvm.func @convert_f32_to_bf16(%source: !llvm.ptr<1>, %destination: !llvm.ptr<1>, %n: i64)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "convert_f32_to_bf16", target = "sm_90a", entry = "convert_f32_to_bf16", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "source"},
         {kind = "pointer", buffer = "destination"},
         {kind = "scalar", buffer = "n", type = "i64"}]}} {
    %c256 = arith.constant 256 : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %blocks = nvvm.read.ptx.sreg.nctaid.x : i32
    %first32 = arith.muli %block, %c256 : i32
    %start32 = arith.addi %first32, %tid : i32
    %step32 = arith.muli %blocks, %c256 : i32
    %start = arith.extui %start32 : i32 to i64
    %step = arith.extui %step32 : i32 to i64
    scf.for %i = %start to %n step %step : i64 {
      %p = llvm.getelementptr %source[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %q = llvm.getelementptr %destination[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, bf16
      %x = llvm.load %p : !llvm.ptr<1> -> f32
      %y = arith.truncf %x : f32 to bf16
      llvm.store %y, %q : bf16, !llvm.ptr<1>
    }
    llvm.return
  }

  llvm.func @convert_f32_to_f16(%source: !llvm.ptr<1>, %destination: !llvm.ptr<1>, %n: i64)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256, 1, 1>, cce.manifest = {
      kernel = "convert_f32_to_f16", target = "sm_90a", entry = "convert_f32_to_f16", threads = 256 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "source"},
         {kind = "pointer", buffer = "destination"},
         {kind = "scalar", buffer = "n", type = "i64"}]}} {
    %c256 = arith.constant 256 : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %blocks = nvvm.read.ptx.sreg.nctaid.x : i32
    %first32 = arith.muli %block, %c256 : i32
    %start32 = arith.addi %first32, %tid : i32
    %step32 = arith.muli %blocks, %c256 : i32
    %start = arith.extui %start32 : i32 to i64
    %step = arith.extui %step32 : i32 to i64
    scf.for %i = %start to %n step %step : i64 {
      %p = llvm.getelementptr %source[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %q = llvm.getelementptr %destination[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f16
      %x = llvm.load %p : !llvm.ptr<1> -> f32
      %y = arith.truncf %x : f32 to f16
      llvm.store %y, %q : f16, !llvm.ptr<1>
    }
    llvm.return
  }
}
