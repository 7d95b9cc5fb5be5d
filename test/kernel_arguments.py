#!/usr/bin/env python3
"""Checks that kernels written in upstream dialects get the arguments that others say they do.

    kernel_arguments.py <repository>

Their manifests are part of the sources; docs/architecture.md has a row for each of them, and the compiler that unit tests use instead of
the real one has those of optional paths.
"""
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])


def read(path):
    return (root / path).read_text(encoding="utf-8")


# Kernels of one file differ in their element type only.
kernels = {}
for path in sorted((root / "kernels-src/nvptx").glob("*.mlir")):
    manifest = re.search(r"arguments = \[(.*?)\]\}\}", path.read_text(encoding="utf-8"), re.S)[1]
    kernels[path.stem] = re.findall(r'buffer = "(\w+)"', manifest)

documented = {}
for line in read("docs/architecture.md").splitlines():
    row = re.fullmatch(r"\| `(\w+?)(?:_i32|_<.*?)?`[^|]*\|.*\| ([^|]+) \|", line)
    if row:
        names = re.sub(r"\([^)]*\)|\[[^]]*\]", "", row[2]).split(",")
        # "positions N": what the text calls it, too.
        documented[row[1]] = [name.split()[0] for name in names if name.split()]

fake = {}
table = re.search(r"optionalArguments = \{(.*?)\};", read("test/unit/FakeCompiler.cpp"), re.S)[1]
for name, strings in re.findall(r'\{"(\w+)",\s*((?:"[^"]*"\s*)+)\}', table):
    words = "".join(re.findall(r'"([^"]*)"', strings)).split()
    fake[name] = [word.split(":")[0] for word in words]

wrong = 0
for name, arguments in kernels.items():
    for place, found in (("docs/architecture.md", documented.get(name, [])), ("FakeCompiler.cpp", fake.get(name, arguments))):
        if found != arguments:
            wrong += 1
            print(f"{place}: {name} has the arguments {', '.join(arguments)}; found {', '.join(found)}")
print(f"{len(kernels)} kernels, {wrong} told wrongly")
sys.exit(1 if wrong or len(kernels) < 15 else 0)
