//===- cce-compile.cpp - compile a kernel ahead of time -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compiler/Compiler.h"
#include "compiler/KernelSources.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>

using namespace llvm;

static cl::OptionCategory category("cce-compile options");
static cl::opt<std::string> kernelOption(cl::Positional, cl::desc("<kernel>"), cl::Required,
                                   cl::cat(category));
static cl::opt<std::string> targetOption("target", cl::desc("sm_90a (default) or cpu"),
                                   cl::init("sm_90a"), cl::cat(category));
static cl::opt<std::string> operandOption("operand", cl::desc("bf16 (default), f16 or f32"),
                                    cl::init("bf16"), cl::cat(category));
static cl::opt<std::string> transformOption("transform",
                                      cl::desc("a built-in transform or a file with one"),
                                      cl::init("identity"), cl::cat(category));
static cl::list<std::string> configOption("config", cl::desc("name=number, e.g. tile_n=128,stages=5"),
                                    cl::CommaSeparated, cl::cat(category));
static cl::opt<std::string> outputOption("o", cl::desc("file for the code (default: standard output)"),
                                   cl::init("-"), cl::cat(category));
static cl::opt<std::string> manifestOption("manifest", cl::desc("file for the manifest"),
                                     cl::cat(category));
static cl::opt<int> repeatOption("time", cl::desc("compile this many times and print milliseconds"),
                           cl::init(0), cl::cat(category));

static int fail(const Twine &message) {
  errs() << "cce-compile: " << message << "\n";
  return 1;
}

static bool write(StringRef path, StringRef text) {
  std::error_code error;
  raw_fd_ostream stream(path, error);
  if (!error)
    stream << text;
  return !error;
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "compile a cce kernel\n");
  mlir::cce::CompileRequest request{kernelOption, targetOption, operandOption, transformOption, {}};
  if (sys::fs::exists(transformOption)) {
    auto file = MemoryBuffer::getFile(transformOption);
    if (!file)
      return fail(transformOption + ": " + file.getError().message());
    request.transform = (*file)->getBuffer().str();
  }
  for (StringRef item : configOption) {
    auto [name, value] = item.split('=');
    int64_t number;
    if (value.getAsInteger(10, number))
      return fail("expected name=number, got '" + item + "'");
    request.config[name.str()] = number;
  }
  mlir::cce::CompileResult result = mlir::cce::compileKernel(request);
  if (!result.ok)
    return fail("\n" + result.error);
  if (!write(outputOption, result.kernel.code) ||
      (!manifestOption.empty() && !write(manifestOption, result.kernel.manifest)))
    return fail("can not write the output");
  for (int i = 0; i < repeatOption; ++i) {
    auto start = std::chrono::steady_clock::now();
    mlir::cce::compileKernel(request);
    std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
    errs() << format("%.1f ms\n", elapsed.count());
  }
  return 0;
}
