#!/usr/bin/env python3
"""Prints "passed failed skipped" for the JSON that lit --output wrote."""
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import sys

PASSED = {"PASS", "FLAKYPASS", "XFAIL"}
SKIPPED = {"UNSUPPORTED", "SKIPPED", "EXCLUDED"}

codes = [test["code"] for test in json.load(open(sys.argv[1]))["tests"]]
passed = sum(code in PASSED for code in codes)
skipped = sum(code in SKIPPED for code in codes)
print(passed, len(codes) - passed - skipped, skipped)
