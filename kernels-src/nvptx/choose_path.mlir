// Dense or filtered, decided on the device: the kernels of the other path get a count of -1 and do nothing. Thread t adds up groups and tokens
// t, t + 1024, ..., in f64 (exact for the counts; a list that is too short counts as infinitely long), then the threads are added as a tree.
// The path is filtered only if everything is certain: a NaN (of a logit) takes the exact kernels, which pass it on.
gpu.module @kernels {
  llvm.mlir.global internal @needs() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1024 x f64>
  llvm.mlir.global internal @masses() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1024 x f64>

  llvm.func @choose_path(%counts: !llvm.ptr<1>, %groups: i32, %slots: i32, %limit: i64, %bound: !llvm.ptr<1>, %lse: !llvm.ptr<1>, %count: !llvm.ptr<1>, %vocab: i32, %least_head_mass: f32, %missed_count: !llvm.ptr<1>, %missed_capacity: i32, %count_dense: !llvm.ptr<1>, %count_filtered: !llvm.ptr<1>, %kept_or_null: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 1024, 1, 1>, cce.manifest = {
      kernel = "choose_path", target = "sm_90a", entry = "choose_path", threads = 1024 : i64, cluster = 1 : i64,
      shared_bytes = 0 : i64, tiles = {}, arguments = [
         {kind = "pointer", buffer = "counts"},
         {kind = "scalar", buffer = "groups", type = "i32"},
         {kind = "scalar", buffer = "slots", type = "i32"},
         {kind = "scalar", buffer = "limit", type = "i64"},
         {kind = "pointer", buffer = "bound"},
         {kind = "pointer", buffer = "lse"},
         {kind = "pointer", buffer = "count"},
         {kind = "scalar", buffer = "vocab", type = "i32"},
         {kind = "scalar", buffer = "least_head_mass", type = "f32"},
         {kind = "pointer", buffer = "missed_count"},
         {kind = "scalar", buffer = "missed_capacity", type = "i32"},
         {kind = "pointer", buffer = "count_dense"},
         {kind = "pointer", buffer = "count_filtered"},
         {kind = "pointer", buffer = "kept_or_null"}]}} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c10 = arith.constant 10 : i32
    %c512 = arith.constant 512 : i32
    %c1024 = arith.constant 1024 : i32
    %skip = arith.constant -1 : i32
    %log2e = arith.constant 1.44269502 : f32
    %zero64 = arith.constant 0.0 : f64
    %one64 = arith.constant 1.0 : f64
    %infinite = arith.constant 0x7FF0000000000000 : f64
    %null = llvm.mlir.zero : !llvm.ptr<1>
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %n = llvm.load %count : !llvm.ptr<1> -> i32
    %my_needs = scf.for %b = %tid to %groups step %c1024 iter_args(%sum = %zero64) -> (f64) : i32 {
      %p = llvm.getelementptr %counts[%b] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
      %c = llvm.load %p : !llvm.ptr<1> -> i32
      %fits = arith.cmpi sle, %c, %slots : i32
      %c64 = arith.sitofp %c : i32 to f64
      %need = arith.select %fits, %c64, %infinite : f64
      %more = arith.addf %sum, %need : f64
      scf.yield %more : f64
    }
    // How much of the softmax the head and the label are.
    %my_mass = scf.for %i = %tid to %n step %c1024 iter_args(%sum = %zero64) -> (f64) : i32 {
      %pt = llvm.getelementptr %bound[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
      %pl = llvm.getelementptr %lse[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
      %t = llvm.load %pt : !llvm.ptr<1> -> f32
      %l = llvm.load %pl : !llvm.ptr<1> -> f32
      %log_mass = arith.subf %t, %l : f32
      %to_base_2 = arith.mulf %log_mass, %log2e : f32
      %mass = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%to_base_2) : (f32) -> f32
      %wide = arith.extf %mass : f32 to f64
      %more = arith.addf %sum, %wide : f64
      scf.yield %more : f64
    }
    %needs = llvm.mlir.addressof @needs : !llvm.ptr<3>
    %masses = llvm.mlir.addressof @masses : !llvm.ptr<3>
    %need_slot = llvm.getelementptr %needs[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f64
    %mass_slot = llvm.getelementptr %masses[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f64
    llvm.store %my_needs, %need_slot : f64, !llvm.ptr<3>
    llvm.store %my_mass, %mass_slot : f64, !llvm.ptr<3>
    nvvm.barrier
    %last = scf.for %k = %c0 to %c10 step %c1 iter_args(%half = %c512) -> (i32) : i32 {
      %adds = arith.cmpi slt, %tid, %half : i32
      scf.if %adds {
        %other = arith.addi %tid, %half : i32
        %other_need = llvm.getelementptr %needs[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f64
        %other_mass = llvm.getelementptr %masses[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f64
        %a = llvm.load %need_slot : !llvm.ptr<3> -> f64
        %b = llvm.load %other_need : !llvm.ptr<3> -> f64
        %c = llvm.load %mass_slot : !llvm.ptr<3> -> f64
        %d = llvm.load %other_mass : !llvm.ptr<3> -> f64
        %ab = arith.addf %a, %b : f64
        %cd = arith.addf %c, %d : f64
        llvm.store %ab, %need_slot : f64, !llvm.ptr<3>
        llvm.store %cd, %mass_slot : f64, !llvm.ptr<3>
      }
      nvvm.barrier
      %smaller = arith.shrui %half, %c1 : i32
      scf.yield %smaller : i32
    }
    %leader = arith.cmpi eq, %tid, %c0 : i32
    scf.if %leader {
      %need = llvm.load %need_slot : !llvm.ptr<3> -> f64
      %mass = llvm.load %mass_slot : !llvm.ptr<3> -> f64
      %n64 = arith.sitofp %n : i32 to f64
      %limit64 = arith.sitofp %limit : i64 to f64
      %least = arith.extf %least_head_mass : f32 to f64
      %least_sum = arith.mulf %least, %n64 : f64
      %short_enough = arith.cmpf ole, %need, %limit64 : f64
      %seen_enough = arith.cmpf oge, %mass, %least_sum : f64
      %any = arith.cmpi sgt, %n, %c0 : i32
      // Else some marks are missing.
      %missed = llvm.load %missed_count : !llvm.ptr<1> -> i32
      %complete = arith.cmpi sle, %missed, %missed_capacity : i32
      %both = arith.andi %short_enough, %seen_enough : i1
      %three = arith.andi %both, %complete : i1
      %filtered = arith.andi %three, %any : i1
      %dense_n = arith.select %filtered, %skip, %n : i32
      %filtered_n = arith.select %filtered, %n, %skip : i32
      llvm.store %dense_n, %count_dense : i32, !llvm.ptr<1>
      llvm.store %filtered_n, %count_filtered : i32, !llvm.ptr<1>
      %wants_kept = llvm.icmp "ne" %kept_or_null, %null : !llvm.ptr<1>
      scf.if %wants_kept {
        %groups64 = arith.sitofp %groups : i32 to f64
        %vocab64 = arith.sitofp %vocab : i32 to f64
        %plane = arith.mulf %groups64, %vocab64 : f64
        %part = arith.divf %need, %plane : f64
        %kept = arith.select %filtered, %part, %one64 : f64
        %rounded = arith.truncf %kept : f64 to f32
        llvm.store %rounded, %kept_or_null : f32, !llvm.ptr<1>
      }
    }
    llvm.return
  }
}
