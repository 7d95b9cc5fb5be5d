# Configuration of the lit tests: how a test runs, and what it may ask for with REQUIRES.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os
import shutil

import lit.formats

config.name = "cce"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "unit"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.cce_binary_dir, "test")

# Our tools before LLVM's, and both before anything that is installed.
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.cce_binary_dir, "bin"), config.llvm_tools_dir, os.environ["PATH"]]
)
# A leak report at exit, when LLVM's own statics are not ours to free, would fail every test.
# LLVM's libraries are not built with it, so memory that our code hands to an allocator of theirs stays poisoned when they use it again.
config.environment["ASAN_OPTIONS"] = "detect_leaks=0:allow_user_poisoning=0"
# Captures of one function must not serve another.
config.environment["FILECHECK_OPTS"] = "--enable-var-scope --dump-input=never"

config.substitutions += [
    ("%{src}", config.cce_source_dir),
    ("%{build}", config.cce_binary_dir),
    ("%{python}", '"%s"' % config.python),
    ("%{mlir-include}", '"%s"' % config.tablegen_includes),
    ("%{cxx}", '"%s"' % config.cxx),
    ("%{sanitize}", "-fsanitize=" + config.sanitize if config.sanitize else ""),
]

# Has the CPU code generator been built?
if config.cpu_target:
    config.available_features.add("cpu-target")
# Is the CUDA assembler there? Tests that need a GPU skip, with a reason, where there is none.
if shutil.which("ptxas"):
    config.available_features.add("ptxas")
# Is libcce.so a plain library that any program can load?
if not config.sanitize:
    config.available_features.add("no-sanitizer")
if config.tablegen_includes and shutil.which("mlir-tblgen", path=config.llvm_tools_dir):
    config.available_features.add("mlir-tblgen")
