#!/usr/bin/env python3
"""Checks that every constraint has a negative test.

    constraints.py <folder of the dialect> <invalid.mlir>

A constraint is a comment `// matmul_c3` in a .cpp file, or `C3.` in the description of an op or type in a .td file; its test is
a kernel or transform called matmul_c3, or matmul_c3_<more>.
"""
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import pathlib
import re
import sys

folder, tests = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).read_text(encoding="utf-8")
wanted = {}
for path in sorted(folder.glob("*.cpp")):
    for line in path.read_text(encoding="utf-8").splitlines():
        comment = re.match(r"\s*// ((?:[a-z_]+_c\d+(?:, )?)+)$", line)
        for name in comment[1].split(", ") if comment else []:
            wanted[name] = path.name
for path in sorted(folder.glob("*.td")):
    # Ops by their mnemonic; the two shaped types share their constraints.
    definitions = re.finditer(r'^def Cce_\w+ : Cce_(\w+)<(?:"\w+", )?"(\w+)"(.*?)^}', path.read_text(encoding="utf-8"), re.M | re.S)
    for kind, mnemonic, body in (match.groups() for match in definitions):
        name = "shape" if kind == "ShapedType" else mnemonic
        for number in re.findall(r"\bC(\d+)\. ", body):
            wanted[f"{name}_c{number}"] = path.name

missing = [name for name in sorted(wanted) if not re.search(rf'[@"]{name}(\b|_)', tests)]
for name in missing:
    print(f"{wanted[name]}: no case @{name} in {sys.argv[2]}")
print(f"{len(wanted)} constraints, {len(missing)} without a test")
sys.exit(1 if missing or len(wanted) < 30 else 0)
