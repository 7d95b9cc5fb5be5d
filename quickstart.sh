#!/usr/bin/env bash
# One command from a bare Debian 12 to a trained language model whose loss is linear cross-entropy.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source scripts/setup.sh

usage() {
  cat <<'END'
Usage: ./quickstart.sh [<option of text_lm>...]

Installs the packages of Debian 12 that are missing (as root or with sudo), builds the compiler, the
runtime and the example into build/release, and trains a word-level language model on Debian's
dictionary into out/. A GPU is used if there is one that cce supports, else the CPU; nothing of CUDA
is needed to build. Options go to the program: build/release/bin/text_lm --help lists them, for
example

  ./quickstart.sh --steps 200          a shorter run
  ./quickstart.sh --text my_book.txt   another text
END
}

case "${1:-}" in
-h | --help)
  usage
  exit
  ;;
esac

# The program's own default differs from ours; the user's option, if there is one, wins.
out=out arguments=("$@")
for ((i = 1; i <= $#; ++i)); do
  case "${!i}" in
  --out) next=$((i + 1)) && out="${!next:-out}" ;;
  --out=*) out="${!i#--out=}" ;;
  esac
done
[[ " $* " == *" --out"* ]] || arguments+=(--out "$out")

install_packages "${build_packages[@]}" "${run_packages[@]}"
build release OFF text_lm cce_shared cce-compile cce-opt
say "training: build/release/bin/text_lm ${arguments[*]}"
build/release/bin/text_lm "${arguments[@]}"
say "done: $out/curve.svg shows the losses over the steps; README.md says how to use the library"
