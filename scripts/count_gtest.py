#!/usr/bin/env python3
"""Prints "passed failed skipped" for the JSON of a gtest program and its exit status.

Names on standard error the tests that were skipped; the program itself has printed why. A program that ended before it wrote the file, or failed without
a failing test (a crash at exit), counts as one failure.
"""
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import sys

path, status = sys.argv[1], int(sys.argv[2])
try:
    suites = json.load(open(path))["testsuites"]
except (OSError, ValueError):
    print(f"no results: the program ended with status {status}", file=sys.stderr)
    print(0, 1, 0)
    sys.exit()

passed = failed = 0
skipped = []
for suite in suites:
    for test in suite["testsuite"]:
        if test["status"] != "RUN":
            continue
        if test.get("failures"):
            failed += 1
        elif test["result"] == "SKIPPED":
            skipped.append(f"{suite['name']}.{test['name']}")
        else:
            passed += 1
if status != 0 and failed == 0:
    print(f"the program ended with status {status}", file=sys.stderr)
    failed = 1
if skipped:
    print("skipped, for the reasons above:", ", ".join(skipped), file=sys.stderr)
print(passed, failed, len(skipped))
