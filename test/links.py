#!/usr/bin/env python3
"""Checks that relative links in Markdown files lead to files: links.py <file.md>..."""
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os
import re
import sys

count, broken = 0, 0
for path in sys.argv[1:]:
    for target in re.findall(r"\]\(([^)#\s]+)", open(path, encoding="utf-8").read()):
        if "://" in target:
            continue
        count += 1
        if not os.path.exists(os.path.join(os.path.dirname(path), target)):
            broken += 1
            print(f"{path}: {target} does not exist")
print(f"{count} links, {broken} broken")
sys.exit(1 if broken or count == 0 else 0)
