#!/bin/sh
# compile-and-run.sh <compiler> <include folder> <library folder> <source>: what README.md says, and the output in <source>.out.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
set -e
"$1" -std=c++17 -Wall -Wextra -Werror -I "$2" "$4" -L "$3" -lcce "-Wl,-rpath,$3" -o "$4.exe"
"$4.exe" | tee "$4.out"
