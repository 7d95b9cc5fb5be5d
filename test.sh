#!/usr/bin/env bash
# Builds everything and runs all tests; the last line is their count. Needs no GPU.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source scripts/setup.sh

usage() {
  cat <<'END'
Usage: ./test.sh [--asan] [--no-install]

Installs the packages of Debian 12 that are missing (as root or with sudo), builds, runs the lit
tests of compiler and tools and the unit tests, and ends with one line

  N passed, N failed, N skipped

The exit status is 0 if nothing failed. Tests that need what is not there (ptxas, a GPU) are skipped
and say why.

  --asan        build and test with AddressSanitizer and UBSan, in build/asan
  --no-install  do not look at packages
END
}

preset=release install=1
for option in "$@"; do
  case "$option" in
  --asan) preset=asan ;;
  --no-install) install=0 ;;
  -h | --help) usage && exit ;;
  *) usage >&2 && exit 2 ;;
  esac
done

((install == 0)) || install_packages "${build_packages[@]}" "${test_packages[@]}"
# Our own code frees what it allocates; LLVM's statics, and CUDA's, are not ours.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

build "$preset" ON
root=build/$preset
passed=0 failed=0 skipped=0

# add <passed> <failed> <skipped>
add() { passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3)); }

say "lit tests"
lit=$(llvm-config-22 --bindir)/lit
results=$root/test/lit.json
rm -f "$results"
"$lit" -v "$root/test" --output "$results"
if [[ -s $results ]]; then
  # shellcheck disable=SC2046 # three numbers
  add $(python3 scripts/count_lit.py "$results")
else
  echo "lit did not run" >&2
  add 0 1 0
fi

# Every gtest program writes what it did as JSON. One that dies counts as a failure.
while read -r binary; do
  say "$binary"
  results=$PWD/$binary.json
  rm -f "$results"
  (cd "$root" && "$OLDPWD/$binary" --gtest_brief=1 --gtest_output="json:$results")
  status=$?
  # shellcheck disable=SC2046 # three numbers
  add $(python3 scripts/count_gtest.py "$results" "$status")
done < <(find "$root" -type f -perm -u+x \( -name '*-tests' -o -name '*_test' -o -name '*_tests' -o -name '*-test' \) | sort)

say "result"
summary="$passed passed, $failed failed"
((skipped == 0)) || summary+=", $skipped skipped"
echo "$summary"
((failed == 0 && passed > 0))
