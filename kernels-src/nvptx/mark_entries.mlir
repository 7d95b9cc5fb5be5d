// Which entries of the listed columns of G count, as bits: of every slot of a group 128, one a token. An entry counts if it reaches
// the limit, scaled by its token's weight, or belongs to the label. Reading G along its rows here is what lets grad_classes, which goes
// along columns, touch nothing else. A thread has two neighbouring slots; heavy slots are left out.
gpu.module @kernels {
  llvm.mlir.global internal @limits() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<128 x f32>
  llvm.mlir.global internal @token_labels() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<128 x i32>

  llvm.func @mark_entries_bf16(%g: !llvm.ptr<1>, %g_stride: i64, %lists: !llvm.ptr<1>, %slots: i32, %counts: !llvm.ptr<1>, %groups: i32, %heavy_count: !llvm.ptr<1>, %labels: !llvm.ptr<1>, %prob_weight: !llvm.ptr<1>, %count_filtered: !llvm.ptr<1>, %limit: f32, %entries: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>, cce.manifest = {
      kernel = "mark_entries_bf16", target = "sm_90a", entry = "mark_entries_bf16", threads = 128 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "g"},
         {kind = "scalar", buffer = "g_stride", type = "i64"},
         {kind = "pointer", buffer = "lists"},
         {kind = "scalar", buffer = "slots", type = "i32"},
         {kind = "pointer", buffer = "counts"},
         {kind = "scalar", buffer = "groups", type = "i32"},
         {kind = "pointer", buffer = "heavy_count"},
         {kind = "pointer", buffer = "labels"},
         {kind = "pointer", buffer = "prob_weight"},
         {kind = "pointer", buffer = "count_filtered"},
         {kind = "scalar", buffer = "limit", type = "f32"},
         {kind = "pointer", buffer = "entries"}]}} {
    %is_half = arith.constant false
    llvm.call @mark_entries(%is_half, %g, %g_stride, %lists, %slots, %counts, %groups, %heavy_count, %labels, %prob_weight, %count_filtered, %limit, %entries) : (i1, !llvm.ptr<1>, i64, !llvm.ptr<1>, i32, !llvm.ptr<1>, i32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, f32, !llvm.ptr<1>) -> ()
    llvm.return
  }

  llvm.func @mark_entries_f16(%g: !llvm.ptr<1>, %g_stride: i64, %lists: !llvm.ptr<1>, %slots: i32, %counts: !llvm.ptr<1>, %groups: i32, %heavy_count: !llvm.ptr<1>, %labels: !llvm.ptr<1>, %prob_weight: !llvm.ptr<1>, %count_filtered: !llvm.ptr<1>, %limit: f32, %entries: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>, cce.manifest = {
      kernel = "mark_entries_f16", target = "sm_90a", entry = "mark_entries_f16", threads = 128 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "g"},
         {kind = "scalar", buffer = "g_stride", type = "i64"},
         {kind = "pointer", buffer = "lists"},
         {kind = "scalar", buffer = "slots", type = "i32"},
         {kind = "pointer", buffer = "counts"},
         {kind = "scalar", buffer = "groups", type = "i32"},
         {kind = "pointer", buffer = "heavy_count"},
         {kind = "pointer", buffer = "labels"},
         {kind = "pointer", buffer = "prob_weight"},
         {kind = "pointer", buffer = "count_filtered"},
         {kind = "scalar", buffer = "limit", type = "f32"},
         {kind = "pointer", buffer = "entries"}]}} {
    %is_half = arith.constant true
    llvm.call @mark_entries(%is_half, %g, %g_stride, %lists, %slots, %counts, %groups, %heavy_count, %labels, %prob_weight, %count_filtered, %limit, %entries) : (i1, !llvm.ptr<1>, i64, !llvm.ptr<1>, i32, !llvm.ptr<1>, i32, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, !llvm.ptr<1>, f32, !llvm.ptr<1>) -> ()
    llvm.return
  }

  llvm.func internal @mark_entries(%is_half: i1, %g: !llvm.ptr<1>, %g_stride: i64, %lists: !llvm.ptr<1>, %slots: i32, %counts: !llvm.ptr<1>, %groups: i32, %heavy_count: !llvm.ptr<1>, %labels: !llvm.ptr<1>, %prob_weight: !llvm.ptr<1>, %count_filtered: !llvm.ptr<1>, %limit: f32, %entries: !llvm.ptr<1>) attributes {always_inline} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c4 = arith.constant 4 : i32
    %c5 = arith.constant 5 : i32
    %c8 = arith.constant 8 : i32
    %c32 = arith.constant 32 : i32
    %c128 = arith.constant 128 : i32
    %c256 = arith.constant 256 : i32
    %none = arith.constant -1 : i32
    %zero = arith.constant 0.0 : f32
    %infinity = arith.constant 0x7F800000 : f32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %block = nvvm.read.ptx.sreg.ctaid.x : i32
    %grid = nvvm.read.ptx.sreg.nctaid.x : i32
    %limits = llvm.mlir.addressof @limits : !llvm.ptr<3>
    %token_labels = llvm.mlir.addressof @token_labels : !llvm.ptr<3>
    %my_limit = llvm.getelementptr %limits[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    %my_label = llvm.getelementptr %token_labels[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %n = llvm.load %count_filtered : !llvm.ptr<1> -> i32
    %works = arith.cmpi sge, %n, %c0 : i32
    scf.if %works {
      %heavy = llvm.load %heavy_count : !llvm.ptr<1> -> i32
      %tiles = arith.shrui %slots, %c8 : i32
      %items = arith.muli %tiles, %groups : i32
      %slots64 = arith.extui %slots : i32 to i64
      scf.for %item = %block to %items step %grid : i32 {
        %b = arith.divui %item, %tiles : i32
        %tile = arith.remui %item, %tiles : i32
        %first_slot = arith.muli %tile, %c256 : i32
        %behind = arith.addi %first_slot, %c256 : i32
        %pc = llvm.getelementptr %counts[%b] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
        %count = llvm.load %pc : !llvm.ptr<1> -> i32
        %has_listed = arith.cmpi slt, %first_slot, %count : i32
        %has_light = arith.cmpi sgt, %behind, %heavy : i32
        %looks = arith.andi %has_listed, %has_light : i1
        scf.if %looks {
          %first_token = arith.muli %b, %c128 : i32
          %token = arith.addi %first_token, %tid : i32
          %exists = arith.cmpi slt, %token, %n : i32
          %token64 = arith.extui %token : i32 to i64
          %staged:2 = scf.if %exists -> (f32, i32) {
            %pw = llvm.getelementptr %prob_weight[%token64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
            %weight = llvm.load %pw : !llvm.ptr<1> -> f32
            %size = llvm.intr.fabs(%weight) : (f32) -> f32
            %least = arith.mulf %limit, %size : f32
            %pl = llvm.getelementptr %labels[%token64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
            %label = llvm.load %pl : !llvm.ptr<1> -> i32
            scf.yield %least, %label : f32, i32
          } else {
            scf.yield %infinity, %none : f32, i32
          }
          // Everyone is done with the last item.
          nvvm.barrier
          llvm.store %staged#0, %my_limit : f32, !llvm.ptr<3>
          llvm.store %staged#1, %my_label : i32, !llvm.ptr<3>
          nvvm.barrier
          %along = arith.muli %tid, %c2 : i32
          %slot = arith.addi %first_slot, %along : i32
          %slot64 = arith.extui %slot : i32 to i64
          %b64 = arith.extui %b : i32 to i64
          %list_start = arith.muli %b64, %slots64 : i64
          %place = arith.addi %list_start, %slot64 : i64
          %pv = llvm.getelementptr %lists[%place] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
          %classes = llvm.load %pv {alignment = 8 : i64} : !llvm.ptr<1> -> vector<2xi32>
          %class0 = llvm.extractelement %classes[%c0 : i32] : vector<2xi32>
          %class1 = llvm.extractelement %classes[%c1 : i32] : vector<2xi32>
          %first64 = arith.extui %first_token : i32 to i64
          %row_start = arith.muli %first64, %g_stride : i64
          %at = arith.addi %row_start, %slot64 : i64
          %pg = llvm.getelementptr %g[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
          %pm = llvm.getelementptr %entries[%place] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, !llvm.array<4 x i32>
          scf.for %w = %c0 to %c4 step %c1 : i32 {
            %first_row = arith.shli %w, %c5 : i32
            %bits:2 = scf.for %r = %c0 to %c32 step %c1 iter_args(%bits0 = %c0, %bits1 = %c0) -> (i32, i32) : i32 {
              %row = arith.addi %first_row, %r : i32
              %row64 = arith.extui %row : i32 to i64
              %down = arith.muli %row64, %g_stride : i64
              %p = llvm.getelementptr %pg[%down] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
              %pair = llvm.load %p {alignment = 4 : i64} : !llvm.ptr<1> -> i32
              %pl = llvm.getelementptr %limits[%row] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
              %least = llvm.load %pl : !llvm.ptr<3> -> f32
              %pt = llvm.getelementptr %token_labels[%row] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
              %label = llvm.load %pt : !llvm.ptr<3> -> i32
              %x = scf.if %is_half -> (vector<2xf32>) {
                %h = llvm.bitcast %pair : i32 to vector<2xf16>
                %f = arith.extf %h : vector<2xf16> to vector<2xf32>
                scf.yield %f : vector<2xf32>
              } else {
                %h = llvm.bitcast %pair : i32 to vector<2xbf16>
                %f = arith.extf %h : vector<2xbf16> to vector<2xf32>
                scf.yield %f : vector<2xf32>
              }
              %x0 = llvm.extractelement %x[%c0 : i32] : vector<2xf32>
              %x1 = llvm.extractelement %x[%c1 : i32] : vector<2xf32>
              %size0 = llvm.intr.fabs(%x0) : (f32) -> f32
              %size1 = llvm.intr.fabs(%x1) : (f32) -> f32
              // NaN counts.
              %large0 = arith.cmpf uge, %size0, %least : f32
              %large1 = arith.cmpf uge, %size1, %least : f32
              %is_label0 = arith.cmpi eq, %class0, %label : i32
              %is_label1 = arith.cmpi eq, %class1, %label : i32
              %either0 = arith.ori %large0, %is_label0 : i1
              %either1 = arith.ori %large1, %is_label1 : i1
              // A token of weight 0 has a limit of 0.
              %not_zero0 = arith.cmpf une, %x0, %zero : f32
              %not_zero1 = arith.cmpf une, %x1, %zero : f32
              %counts0 = arith.andi %either0, %not_zero0 : i1
              %counts1 = arith.andi %either1, %not_zero1 : i1
              %one0 = arith.extui %counts0 : i1 to i32
              %one1 = arith.extui %counts1 : i1 to i32
              %bit0 = arith.shli %one0, %r : i32
              %bit1 = arith.shli %one1, %r : i32
              %more0 = arith.ori %bits0, %bit0 : i32
              %more1 = arith.ori %bits1, %bit1 : i32
              scf.yield %more0, %more1 : i32, i32
            }
            %q0 = llvm.getelementptr %pm[%w] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
            %q1 = llvm.getelementptr %q0[4] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
            llvm.store %bits#0, %q0 : i32, !llvm.ptr<1>
            llvm.store %bits#1, %q1 : i32, !llvm.ptr<1>
          }
        }
      }
    }
    llvm.return
  }
}
