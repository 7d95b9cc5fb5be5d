//===- cce-lsp-server.cpp - kernels and transforms in an editor --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// The language server of MLIR (mlir-lsp-server) that knows our dialect: errors while typing, types
// on hover, go to definition. An editor's MLIR plug-in takes its path as that of the server.
//===----------------------------------------------------------------------===//
#include "compiler/pipelines/Registration.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::cce::registerDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
