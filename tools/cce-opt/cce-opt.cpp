//===- cce-opt.cpp - run passes and pipelines on kernels ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/pipelines/Registration.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::cce::registerDialects(registry);
  mlir::cce::registerPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "cce optimizer driver\n", registry));
}
