# What quickstart.sh and test.sh share: Debian's packages, configuring and building.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# To be sourced, with the repository root as working directory. Needs no GPU and no CUDA.

say() { printf '\n== %s\n' "$*"; }

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# To build: compiler, linker, build system, LLVM and MLIR, and the libraries of the runtime
# (nlohmann-json, xxhash) and of the example (zlib, CLI11, OpenBLAS).
build_packages=(
  clang-22 lld-22 cmake ninja-build ccache
  llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools
  nlohmann-json3-dev libxxhash-dev zlib1g-dev libcli11-dev libopenblas-dev
)
# To test: lit is a Python program, and the sanitizers' runtime is a package of its own.
test_packages=(libgtest-dev libgmock-dev python3 libclang-rt-22-dev)
# The text that the example learns from.
run_packages=(dict-gcide)

# install_packages <name>...: those that are not there yet, by apt.
install_packages() {
  command -v dpkg-query >/dev/null ||
    die "this is for Debian 12; elsewhere install LLVM/MLIR 22.1 and see scripts/setup.sh for the rest"
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then
    say "packages: all there"
    return
  fi
  say "packages: installing ${missing[*]}"
  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "not root and no sudo; as root: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -qq || die "apt-get update failed"
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    die "apt-get could not install ${missing[*]}; LLVM 22 is in Debian 12's security and backports archives"
}

# build <preset> <ON or OFF: with tests> [<target>...]: configures and builds into build/<preset>.
build() {
  local preset=$1 tests=$2
  shift 2
  local targets=()
  (($# == 0)) || targets=(--target "$@")
  say "configuring the preset '$preset'"
  cmake --preset "$preset" -DCCE_TESTS="$tests" >"build-$preset.log" 2>&1 ||
    { cat "build-$preset.log" >&2; die "cmake failed"; }
  grep -- '^-- .*\(LLVM\|skipped\)' "build-$preset.log" || true
  mv "build-$preset.log" "build/$preset/configure.log"
  say "building into build/$preset with $(nproc) processes"
  cmake --build "build/$preset" -j "$(nproc)" "${targets[@]}" || die "the build failed"
}
