//===- CceAttrs.td - attributes of the cce dialect ---------*- tablegen -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef CCE_ATTRS_TD
#define CCE_ATTRS_TD

include "dialect/CceDialect.td"
include "mlir/IR/AttrTypeBase.td"

def Cce_ConfigAttr : AttrDef<Cce_Dialect, "Config"> {
  let mnemonic = "config";
  let summary = "how a kernel is cut for the machine: the tuning knobs";
  let description = [{
    `tile_m` and `tile_n` are the sides of the output tile of a product (rows of its first and of its
    second operand), `tile_k` the depth of one step of the contraction, all in elements; `stages` the
    number of steps that are in flight between memory and the multipliers; `cluster` the number of
    blocks, on neighbouring rows of the first operand, that share what they read of the second;
    `last_part` how often the last of the parts of a reduction fits into one of the others, 1 if all have the
    same length. Which values a target takes is checked by its lowering.

    Example: `#cce.config<tile_m = 128, tile_n = 256, tile_k = 64, stages = 4>`
  }];
  let parameters = (ins "int64_t":$tileM, "int64_t":$tileN, "int64_t":$tileK, "int64_t":$stages,
                        DefaultValuedParameter<"int64_t", "1">:$cluster,
                        DefaultValuedParameter<"int64_t", "1">:$lastPart);
  let assemblyFormat = [{
    `<` `tile_m` `=` $tileM `,` `tile_n` `=` $tileN `,` `tile_k` `=` $tileK `,` `stages` `=`
        custom<StagesAndMore>($stages, $cluster, $lastPart) `>`
  }];
  let genVerifyDecl = 1;
}

#endif // CCE_ATTRS_TD
