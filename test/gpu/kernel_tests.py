# What tests of single kernels on a GPU share: PTX of each in a folder, results against a reference.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import os
import sys

try:
    import torch
except ImportError:
    torch = None
    BF16 = F16 = F32 = F64 = I32 = None
else:
    BF16, F16, F32, F64, I32 = torch.bfloat16, torch.float16, torch.float32, torch.float64, torch.int32

EMULATOR = next((argument.partition("=")[2] for argument in sys.argv if argument.startswith("--emulator=")), None)
DEVICE = "cpu" if EMULATOR else "cuda"
NAN, INF = float("nan"), float("inf")
UNTOUCHED = -7  # what is in memory before a kernel writes to it
TAIL = 64  # elements behind every result


def up(x, granule):
    return -(-x // granule) * granule


def suffix(dtype):
    return {BF16: "bf16", F16: "f16"}[dtype]


def full(shape, value, dtype=None):
    return torch.full(shape if isinstance(shape, tuple) else (shape,), value, device=DEVICE, dtype=dtype or F32)


def room(n, dtype=None):
    """n elements for a result, and a tail."""
    return full(n + TAIL, UNTOUCHED, dtype)


def i32(values):
    return torch.as_tensor(values, device=DEVICE, dtype=I32)


def rand(*shape):
    return torch.rand(*shape, device=DEVICE)


def randn(*shape, dtype=None):
    return torch.randn(*shape, device=DEVICE).to(dtype or F32)


def randint(low, high, *shape):
    return torch.randint(low, high, shape, device=DEVICE)


def arange(n):
    return torch.arange(n, device=DEVICE)


def close(what, got, want, tolerance):
    """|got - want| <= tolerance, everywhere; NaN only where it is wanted."""
    got, want = got.to(F64), want.to(F64)
    bad = ~((got - want).abs() <= tolerance) & ~(got.isnan() & want.isnan()) & ~(got == want)
    if not bad.any():
        return ""
    at = tuple(bad.nonzero()[0].tolist())
    return f"{what}: {int(bad.sum())} of {bad.numel()} wrong, first at {list(at)}: {got[at].item()} instead of {want[at].item()}"


def same(what, got, want):
    return close(what, got, torch.as_tensor(want, device=DEVICE).expand_as(got), 0)


def untouched(what, memory, n):
    return same(f"behind {what}", memory[n:], UNTOUCHED)


class Tests:
    def __init__(self, launcher, folder, quick):
        self.launcher, self.folder, self.quick = launcher, folder, quick
        self.passed = self.failed = 0

    def path(self, entry):
        return os.path.join(self.folder, entry + ".ptx")

    def launch(self, entry, grid, block, arguments):
        self.launcher.launch(self.path(entry), entry, grid, block, arguments)

    def report(self, name, problems):
        problems = [problem for problem in problems if problem]
        self.passed += not problems
        self.failed += bool(problems)
        if problems:
            print(f"FAILED {name}: {'; '.join(problems)}", flush=True)


def main(doc, kernels, make_tests, run_tests, run_times):
    """The command line of a script: usage and what it ends with are in `doc`."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--times", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--emulator", metavar="LIBCUDA", help="--emulator=PATH: a libcuda.so.1 that executes PTX on the CPU (test/emulator); with --quick")
    a = parser.parse_args()
    if a.list:
        print("\n".join(kernels))
        return
    if not a.folder:
        parser.error("expected a folder of PTX files")
    missing = [name for name in kernels if not os.path.exists(os.path.join(a.folder, name + ".ptx"))]
    if missing:
        sys.exit(f"{a.folder}: expected {missing[0]}.ptx" + (f" and {len(missing) - 1} others" if missing[1:] else ""))
    if torch is None:
        print("skipped: no PyTorch")
        return
    if not EMULATOR and not torch.cuda.is_available():
        print("skipped: no CUDA device")
        return
    if not EMULATOR and torch.cuda.get_device_capability() != (9, 0):
        print(f"skipped: the kernels are for sm_90a, {torch.cuda.get_device_name()} is another")
        return
    from ptx_launch import Launcher

    torch.manual_seed(1)
    tests = make_tests(Launcher(emulator=EMULATOR), a.folder, a.quick)
    run_tests(tests)
    if a.times:
        run_times(tests)
    print(f"{tests.passed} passed, {tests.failed} failed")
    sys.exit(bool(tests.failed))
