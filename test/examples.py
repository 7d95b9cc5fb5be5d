#!/usr/bin/env python3
"""Runs the examples of documentation.

Takes every fenced block of a language out of files (Markdown, or descriptions in TableGen) and gives each to a command, in which
{} stands for a file with the block:

    examples.py --language mlir --at-least 10 --run 'cce-opt {} -o /dev/null' dialect/CceOps.td

A block marked as in "```mlir fails" must make the command fail, and the command must print every line of the block of language
"text" that follows it.
"""
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import os
import re
import shlex
import subprocess
import sys
import textwrap

FENCE = re.compile(r"^[ \t]*```([\w+-]*)([^\n`]*)\n(.*?)^[ \t]*```[ \t]*$", re.MULTILINE | re.DOTALL)


def blocks(path):
    """Yields (line, language, words after it, text) of every fenced block."""
    content = open(path, encoding="utf-8").read()
    for match in FENCE.finditer(content):
        line = content.count("\n", 0, match.start()) + 1
        yield line, match[1], match[2].split(), textwrap.dedent(match[3])


def run(command, path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    words = [word.replace("{}", path) for word in shlex.split(command)]
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+")
    parser.add_argument("--language", required=True)
    parser.add_argument("--run", required=True, help="command; {} is the file with the example")
    parser.add_argument("--output", required=True, help="folder for the examples")
    parser.add_argument("--at-least", type=int, default=1, help="fail if there are fewer examples")
    options = parser.parse_args()
    os.makedirs(options.output, exist_ok=True)

    count, wrong = 0, 0
    for source in options.files:
        found = list(blocks(source))
        for index, (line, language, words, text) in enumerate(found):
            if language != options.language:
                continue
            count += 1
            where = f"{source}:{line}"
            path = os.path.join(options.output, f"example{count}.{language}")
            result = run(options.run, path, text)
            expected = []
            if "fails" in words:
                following = found[index + 1] if index + 1 < len(found) else (0, "", [], "")
                if following[1] != "text":
                    sys.exit(f"{where}: a failing example wants a block of language text behind it, with what is printed")
                expected = [each.strip() for each in following[3].splitlines() if each.strip()]
            if (result.returncode != 0) != ("fails" in words):
                wrong += 1
                print(f"{where}: the command ended with status {result.returncode}:\n{result.stdout}")
            for each in expected:
                if each not in result.stdout:
                    wrong += 1
                    print(f"{where}: expected the output to have\n  {each}\ngot\n{result.stdout}")
    if count < options.at_least:
        sys.exit(f"expected at least {options.at_least} examples, got {count}")
    print(f"{count} examples, {wrong} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
