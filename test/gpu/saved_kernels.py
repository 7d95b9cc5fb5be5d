# The kernel that makes gradients out of saved logits (kernels-src/nvptx/grad_from_saved.mlir) against a reference, on a GPU.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: saved_kernels.py FOLDER [--quick] [--times] | --list

FOLDER holds grad_from_saved_bf16.ptx and grad_from_saved_f16.ptx. Everything is compared with float64, up to one rounding to the result's
type; memory behind it must stay as it is. --times: also the time at the size of Gemma 2. Ends with 'N passed, N failed', or with
'skipped: ...' where there is no PyTorch or no GPU that runs the kernels.
"""
from kernel_tests import BF16, F16, I32, INF, NAN, Tests, close, full, i32, main, rand, randint, randn, same, suffix, torch, up

KERNELS = ("grad_from_saved_bf16", "grad_from_saved_f16")
STEPS, NOTHING, TILE = 2048, 65535, 256  # as cce.save
UNTOUCHED = 4242  # 16 bits behind the last row


class Saved:
    """Codes of `count` tokens and `classes` of a vocabulary that may be larger, and all that goes with them."""

    def __init__(self, dtype, count, classes, vocab=None, padded=None, spread=20.0):
        self.dtype, self.count, self.classes = dtype, count, classes
        n = max(count, 0)
        self.padded = padded or max(up(n, 256), 256)
        self.stride, self.tiles = up(classes, TILE), up(classes, TILE) // TILE
        shape = (self.padded, self.stride)
        codes = (rand(*shape) ** 3 * 70000).clamp_max(NOTHING).to(torch.int64)
        codes[:, classes:] = NOTHING
        self.codes = codes
        self.memory = full(self.padded * self.stride + 64, UNTOUCHED, torch.int16)
        self.memory[:self.padded * self.stride] = codes.to(torch.int16).view(-1)
        # Largest first: what is beyond the count may not be looked at.
        self.maxima = randn(self.tiles, self.padded) * 3
        self.lse = self.maxima.amax(0) + rand(self.padded) * spread
        self.label_logit = self.lse - rand(self.padded) * 5
        self.labels = randint(0, vocab or classes, self.padded).to(I32)
        self.prob_weight, self.label_weight = randn(self.padded) * 100, randn(self.padded) * 100
        for values in (self.lse, self.label_logit, self.prob_weight, self.label_weight):
            values[n:] = NAN
        self.maxima[:, n:] = NAN
        self.labels[n:] = -1

    def arguments(self, softcap=None):
        return [self.memory, ("i64", self.stride), self.maxima, ("i32", self.padded), ("i32", self.classes), i32([self.count]), self.labels,
                self.label_logit, self.lse, self.prob_weight, self.label_weight, ("f32", softcap or INF), ("i32", int(bool(softcap)))]

    def items(self):
        return self.padded // 8 * up(self.tiles, 4) // 4

    def expected(self, softcap=None):
        """Of the tokens that count, in float64."""
        n = max(self.count, 0)
        d = lambda t: t[:n, None].double()
        m = self.maxima[:, :n].T.double().repeat_interleave(TILE, 1)
        z = m - self.codes[:n].double() / STEPS
        p = torch.where(self.codes[:n] == NOTHING, 0.0, torch.exp(z - d(self.lse)))
        p = torch.where(d(self.lse).isnan(), NAN, p)
        slope = lambda z: 1 - (z / softcap) ** 2 if softcap else torch.ones_like(z)
        g = p * d(self.prob_weight) * torch.where(p == 0, 1.0, slope(z))
        z = d(self.label_logit)
        label = (torch.exp(z - d(self.lse)) * d(self.prob_weight) - d(self.label_weight)) * slope(z)
        columns = torch.arange(self.stride, device=g.device)[None]
        return torch.where((columns == self.labels[:n, None]) & (columns < self.classes), label, g)


class SavedTests(Tests):
    def grad_from_saved(self, name, saved, grid, softcap=None):
        entry = f"grad_from_saved_{suffix(saved.dtype)}"
        n, rows = max(saved.count, 0), min(up(max(saved.count, 0), 256), saved.padded)
        size = saved.padded * saved.stride
        before = saved.memory.clone()
        expected = saved.expected(softcap)
        self.launch(entry, grid, 256, saved.arguments(softcap))
        got = saved.memory[:size].view(saved.dtype).view(saved.padded, saved.stride)
        unit, floor = {"bf16": (2.0**-8, 2.0**-126), "f16": (2.0**-11, 2.0**-25)}[suffix(saved.dtype)]
        # Beside the rounding: 2^x in f32, and the distance from the logarithm of the sum.
        tolerance = 1.02 * unit * expected.abs() + floor + 2e-5 * expected.abs()
        self.report(f"{entry} {name} n {saved.count} classes {saved.classes} grid {grid} softcap {softcap}", [
            close("g", got[:n], expected, tolerance), same("g behind the tokens", got[n:rows].double(), 0.0),
            same("rows of no tile", saved.memory[rows * saved.stride:size], before[rows * saved.stride:size]),
            same("behind g", saved.memory[size:], UNTOUCHED)])


def run_tests(tests):
    few = ((1, 1), (8, 256), (300, 1000)) if tests.quick else ((1, 1), (1, 255), (8, 256), (129, 257), (300, 1000), (257, 1025), (500, 5000))
    for dtype in (BF16, F16):
        for count, classes in few:
            for grid, softcap in ((1, None), (7, None), (1000, 60.0)):
                if grid == 1 and count * classes > 1e5:
                    continue
                tests.grad_from_saved("plain", Saved(dtype, count, classes), grid, softcap)
        tests.grad_from_saved("labels of other classes", Saved(dtype, 300, 512, vocab=1500), 50)
        tests.grad_from_saved("probable labels", Saved(dtype, 40, 600, spread=0.01), 50)
        tests.grad_from_saved("room for more tokens", Saved(dtype, 100, 300, padded=640), 50)
        tests.grad_from_saved("tiles of 128 tokens", Saved(dtype, 100, 300, padded=128), 50)
        for count in (0, -1):
            tests.grad_from_saved("another path", Saved(dtype, count, 300), 50)
        # Tiles without a finite logit, a class that is masked, and logits that are no numbers.
        for softcap in (None, 60.0):
            saved = Saved(dtype, 60, 1300)
            if softcap is None:
                saved.codes[:, 256:512] = NOTHING
                saved.maxima[1] = -INF
            saved.codes[:, 7] = NOTHING
            saved.memory[:saved.codes.numel()] = saved.codes.to(torch.int16).view(-1)
            saved.lse[30] = NAN
            saved.labels[:60] = 600 + torch.arange(60, device=saved.labels.device)
            tests.grad_from_saved("masked", saved, 50, softcap)


def run_times(tests):
    n, classes = 8192, 256000
    for dtype in (BF16, F16):
        saved = Saved(dtype, n, 1024)
        saved.classes, saved.stride, saved.tiles = classes, classes, classes // TILE
        saved.memory = torch.zeros(n * classes, dtype=torch.int16, device=saved.memory.device)
        saved.maxima = full((saved.tiles, n), 0)
        for softcap in (None, 60.0):
            seconds = tests.launcher.time(tests.path(f"grad_from_saved_{suffix(dtype)}"), f"grad_from_saved_{suffix(dtype)}",
                                          5 * torch.cuda.get_device_properties(0).multi_processor_count, 256, saved.arguments(softcap))
            print(f"grad_from_saved_{suffix(dtype)} softcap {softcap}: {seconds * 1e3:.2f} ms, {4 * n * classes / seconds / 1e12:.2f} TB/s", flush=True)


if __name__ == "__main__":
    main(__doc__, KERNELS, SavedTests, run_tests, run_times)
