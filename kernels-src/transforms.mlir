// The built-in logit transforms: f(x, bias, param), x = E_i . C_v, param = the softcap.

cce.transform @identity(%x: f32, %bias: f32, %param: f32) -> f32 {
  cce.yield %x : f32
}

cce.transform @bias(%x: f32, %bias: f32, %param: f32) -> f32 {
  %z = arith.addf %x, %bias : f32
  cce.yield %z : f32
}

// Gemma 2: param * tanh(x / param)
cce.transform @softcap(%x: f32, %bias: f32, %param: f32) -> f32 {
  %u = arith.divf %x, %param : f32
  %t = math.tanh %u : f32
  %z = arith.mulf %t, %param : f32
  cce.yield %z : f32
}

cce.transform @bias_softcap(%x: f32, %bias: f32, %param: f32) -> f32 {
  %b = arith.addf %x, %bias : f32
  %u = arith.divf %b, %param : f32
  %t = math.tanh %u : f32
  %z = arith.mulf %t, %param : f32
  cce.yield %z : f32
}
