# The kernels around chunks of tokens (kernels-src/nvptx; KERNELS below) against a reference, on a GPU.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: chunk_kernels.py FOLDER [--quick] [--times] | --list

FOLDER holds the .ptx of all. Results are compared with float64; memory behind them must stay as it is. --times: also times at the size of Gemma 2. Ends with 'N passed, N failed', or with 'skipped: ...' where there is no PyTorch or no GPU that runs the kernels.
"""
from kernel_tests import (BF16, DEVICE, F16, F32, F64, I32, INF, NAN, Tests, arange, close, full, i32, main, rand, randint, randn, room, same, suffix, torch,
                          untouched, up)

KERNELS = ("chunk_counts", "finish_loss", "token_weights", "check_sums", "label_scales", "scaled_rows_bf16", "scaled_rows_f16", "sort_labels",
           "restore_labels")
NONE, MEAN, SUM = 0, 1, 2
GOOD = -1  # position of the first bad label
ROOM = 40  # of a reference above the label's logit
LEAST, MOST = -41, 60  # logarithms of what sums may be

def to_20_bits(x):
    """f32 without its last 12 bits, as bits; instead of them the last 4 that are kept, three times."""
    bits = (x.to(F32).view(I32).to(torch.int64) & 0xFFFFFFFF) >> 12
    return bits << 12 | (bits & 15) * 0x111


def from_bits(bits):
    return torch.where(bits >= 1 << 31, bits - (1 << 32), bits).to(I32).view(F32)


def places_of_sums(classes, hidden):
    """Where cce.store_halves keeps sums whose lower halves have 4 bits, for each element: the index of the upper half in dC without a stride, that of
    the byte with the lower half, and how many bits up it is (compiler/nvptx/FragmentHalves.cpp)."""
    row, column = arange(classes)[:, None], arange(hidden)[None]
    strip, half, r = row // 16, row // 8 % 2, row % 8
    panel, j, i, q, k = column // 64, column // 32 % 2, column // 8 % 4, column // 2 % 4, column % 2
    whole = strip * 16 + 16 <= classes
    upper_row = torch.where(whole, strip * 16 + 8 * half + 4 * j + r // 2, row)
    upper_column = 64 * panel + torch.where(whole, r % 2, j) * 32 + 8 * q + 2 * i + k
    byte = strip * 8 * hidden + 512 * panel + 64 * r + 16 * q + 8 * half + 4 * j + 2 * (i % 2) + k
    return upper_row * hidden + upper_column, byte, torch.where(i < 2, 4, 0)


def split_sums(bits):
    """Upper halves of rows of 20 bits as int16, and bytes of lower ones, of whole strips."""
    upper_at, byte_at, shift = places_of_sums(*bits.shape)
    upper = torch.empty(bits.numel(), dtype=torch.int64, device=bits.device)
    upper[upper_at.flatten()] = bits.flatten() >> 16
    lower = torch.zeros(lower_bytes(*bits.shape), dtype=torch.int64, device=bits.device)
    lower.index_add_(0, byte_at.flatten(), ((bits >> 12 & 15) << shift).flatten())
    return upper.view(bits.shape).to(torch.int16), lower.to(torch.int8)


def lower_bytes(classes, hidden):
    return up(classes, 16) * hidden // 2


def join_sums(upper, lower):
    upper_at, byte_at, shift = places_of_sums(*upper.shape)
    upper, lower = upper.to(torch.int64).flatten() & 0xFFFF, lower.to(torch.int64) & 0xFF
    return upper[upper_at] << 16 | (lower[byte_at] >> shift & 15) * 0x1111


def sum_in_order(values):
    """As finish_loss adds, in f64: token i goes to thread i % 1024 of block i / 1024 % 8."""
    rounds = up(len(values), 8192) // 8192
    sums = torch.zeros(8, 1024, dtype=F64, device=values.device)
    for each in torch.nn.functional.pad(values.double(), (0, rounds * 8192 - len(values))).view(rounds, 8, 1024):
        sums = sums + each
    while sums.shape[1] > 1:
        half = sums.shape[1] // 2
        sums = sums[:, :half] + sums[:, half:]
    total = torch.zeros(1, dtype=F64, device=values.device)
    for of_block in sums:
        total = total + of_block
    return total


class ChunkTests(Tests):
    def chunk_counts(self, n, size, chunks, exponentials=1):
        counts = [room(chunks, I32) for _ in range(3)]
        self.launch("chunk_counts", 1, 128, [i32([n]), ("i32", size), ("i32", chunks), ("i32", exponentials), *counts])
        expected = (n - size * arange(chunks)).clamp(0, size)
        none = full(chunks, -1, I32)
        problems = []
        for name, got, wanted in zip(("all", "exp", "saved"), counts, (expected, *((expected, none) if exponentials else (none, expected)))):
            problems += [same(name, got[:chunks], wanted), untouched(name, got, chunks)]
        self.report(f"chunk_counts n {n} size {size} chunks {chunks} exponentials {exponentials}", problems)

    def check_sums(self, n, padded, splits, grid, total=None, reference=None):
        """total, reference: of one token, the logarithm of its sum and where this lies."""
        partial = full((splits, padded, 2), NAN)
        references = randn(n) * 30
        logarithms = rand(n) * (MOST - LEAST - 0.1) + LEAST + 0.05
        if total is not None:
            logarithms[n // 2] = total
        if reference is not None:
            references[n // 2] = reference
        shares = rand(splits, n) + 1e-3
        partial[:, :n, 0] = references
        partial[:, :n, 1] = shares / shares.sum(0) * logarithms.exp()
        exp, saved = i32([n]), i32([-1])
        self.launch("check_sums", grid, 256, [partial, ("i32", splits), ("i32", padded), i32([n]), exp, saved])
        good = (total is None or LEAST <= total <= MOST) and (reference is None or abs(reference) < INF)
        self.report(f"check_sums n {n} splits {splits} grid {grid} total {total} reference {reference}",
                    [same("exp", exp, i32([n if good else -1])), same("saved", saved, i32([-1 if good else n]))])

    def label_scales(self, n, padded, stride, grid, softcap=None, exponentials=True, alpha=3e-4):
        labels = full(padded, -1, I32)
        labels[:n] = randint(0, stride, n)
        lse, logit, weight = full(padded, NAN), full(padded, NAN), full(padded, NAN)
        lse[:n] = randn(n) * 5 if softcap is None else rand(n) * 3 + 1
        nll = rand(n) ** 3 * (90 if softcap is None else 20)
        nll[::7] = 0  # the label is certain
        nll[1::7] *= 1e-5
        logit[:n], weight[:n] = lse[:n] - nll, rand(n) * 256
        weight[3:n:50] = 0
        codes = randint(0, 100, padded * stride).to(torch.int16)
        before = codes.clone()
        results = [room(padded) for _ in range(4)]
        self.launch("label_scales", grid, 256, [i32([n]), i32([n if exponentials else -1]), ("i32", padded), labels, logit, lse, weight,
                                                torch.tensor([alpha], device=lse.device), ("f32", softcap or INF), ("i32", int(bool(softcap))),
                                                codes, ("i64", stride), *results])
        filled = lambda values: torch.nn.functional.pad(values, (0, padded - n))
        places = arange(n) * stride + labels[:n]
        name = f"label_scales n {n} stride {stride} grid {grid} softcap {softcap} exponentials {exponentials}"
        problems = [untouched(what, result, padded) for what, result in zip(("factor", "scale", "exact", "stored"), results)]
        factor, scale, exact, stored = (result[:padded] for result in results)
        if not exponentials:
            ones = filled(torch.ones(n, device=lse.device))
            return self.report(name, problems + [same("factor", factor, ones), same("scale", scale, ones * torch.tensor(alpha)), same("exact", exact, 0.0),
                                                 same("stored", stored, 0.0), same("codes", codes, before)])
        z, log_sum, w = logit[:n].double(), lse[:n].double(), weight[:n].double()
        slope = 1 - (z / softcap) ** 2 if softcap else torch.ones_like(z)
        gradient = torch.expm1(z - log_sum) * slope
        s = torch.exp((logit[:n] + ROOM).double() - log_sum)
        element = codes[places].view(BF16).double()
        shares = element != 0
        # Near 1 - p is what f32 leaves of it, and so is the slope.
        error = 1e-5 * gradient.abs() + 3e-6 * slope
        exact_k = torch.where(shares, w * gradient / torch.where(shares, element, 1.0), w * s)
        others = before.clone()
        others[places] = codes[places]
        problems += [same("other codes", codes, others), close("element", element, gradient / s, (2.0**-8 + 1e-5) * (gradient / s).abs() + error / s),
                     close("factor", factor, filled(exact_k), filled((1e-5 * exact_k.abs() + torch.where(shares, w * error / element.abs().clamp_min(1e-300), 0.0)))),
                     close("scale", scale, factor.double() * alpha, 1e-6 * factor.abs() * alpha),
                     close("exact", exact, filled(w * gradient * alpha), filled((1e-6 * gradient.abs() + error) * w * alpha + 1e-37)),
                     close("stored", stored, filled(element * alpha), filled(1e-6 * element.abs() * alpha + 1e-37)),
                     # The label's element is what it should be, whatever the others are.
                     close("label", factor[:n].double() * element * alpha, torch.where(shares, exact[:n].double(), 0.0), 1e-6 * exact[:n].abs() + 1e-37)]
        self.report(name, problems)

    def scaled_rows(self, dtype, n, padded, columns, grid, stride=None):
        stride = stride or columns
        positions = 2 * padded
        e = full((positions, stride), NAN, dtype)
        e[:, :columns] = randn(positions, columns)
        rows, factor = full(padded, -1, I32), full(padded, NAN)
        rows[:n] = torch.randperm(positions, device=e.device)[:n]
        factor[:n] = torch.exp(randn(n) * (20 if dtype == BF16 else 1))
        factor[:n:3] = 1
        scaled = room(padded * columns, torch.int16)
        self.launch(f"scaled_rows_{suffix(dtype)}", grid, 256, [i32([n]), rows, factor, ("i32", padded), e, ("i64", stride), ("i32", columns), scaled])
        got, end = scaled[:padded * columns].view(padded, columns), min(up(n, 64), padded)
        wanted = torch.zeros(end, columns, dtype=dtype, device=e.device)
        wanted[:n] = (e[rows[:n].long(), :columns].float() * factor[:n, None]).to(dtype)
        self.report(f"scaled_rows {suffix(dtype)} n {n} columns {columns} grid {grid}",
                    [same("rows", got[:end], wanted.view(torch.int16)), same("rows behind", got[end:], full((padded - end, columns), -7, torch.int16)),
                     untouched("rows", scaled, padded * columns)])

    def sort_labels(self, labels, grid):
        n = len(labels)
        padded = max(up(n, 128), 128)
        given = full(padded, -1, I32)
        given[:n] = labels
        order, ordered = room(padded, I32), room(padded, I32)
        self.launch("sort_labels", grid, 256, [given, i32([n]), order, ordered])
        wanted, where = torch.sort(labels, stable=True)
        self.report(f"sort_labels n {n} grid {grid}", [same("order", order[:n], where), same("sorted", ordered[:n], wanted),
                                                       untouched("order", order, n), untouched("sorted", ordered, n)])

    def restore_labels(self, name, labels, classes, hidden, grid, dc_stride=None, with_nan=False):
        n, positions = len(labels), 2 * len(labels) + 1
        dc_stride = dc_stride or hidden
        e = full((positions, hidden + 8), NAN, BF16)
        e[:, :hidden] = randn(positions, hidden)
        rows = torch.randperm(positions, device=e.device)[:n].to(I32)
        factor, exact = torch.exp(randn(n) * 5), randn(n)
        stored = exact / factor * (1 + randn(n) * 1e-3)
        without = arange(n) % 5 == 2  # another way was taken: nothing is read of the row either
        exact[without] = stored[without] = 0
        e[rows[without].long()] = NAN
        ordered, order = torch.sort(labels, stable=True)
        sums = to_20_bits(randn(classes, hidden))
        if with_nan:
            sums[labels[0]] = 0x7FC00000
        upper, lower = split_sums(sums)
        dc = full((classes, dc_stride), -7, torch.int16)
        dc[:, :hidden] = upper
        sum_lower = room(len(lower), torch.int8)
        sum_lower[:len(lower)] = lower
        self.launch("restore_labels", grid, 512, [order.to(I32), ordered.to(I32), i32([n]), rows, factor, exact, stored, e, ("i64", hidden + 8), ("i32", hidden),
                                                  sum_lower, dc, ("i64", dc_stride), ("i32", classes)])
        x = e[rows.long(), :hidden]
        y = (x.float() * factor[:, None]).to(BF16)
        terms = exact.double()[:, None] * x.double() - stored.double()[:, None] * y.double()
        terms[without] = 0
        wanted = from_bits(sums).double().index_add(0, labels, terms)
        size = from_bits(sums).double().abs().index_add(0, labels, (exact.double()[:, None] * x.double()).abs().nan_to_num())
        got = from_bits(join_sums(dc[:, :hidden], sum_lower[:len(lower)]))
        others = torch.ones(classes, dtype=torch.bool, device=e.device)
        others[labels] = False
        self.report(f"restore_labels {name} n {n} classes {classes} hidden {hidden} grid {grid}", [
            close("sums", got, wanted, 2.0**-11 * wanted.abs() + 1e-6 * size + 1e-30), same("other classes", got[others], from_bits(sums)[others]),
            same("behind the rows", dc[:, hidden:], full((classes, dc_stride - hidden), -7, torch.int16)),
            untouched("lower halves", sum_lower, len(lower))])

    def finish_loss(self, n, size, splits, reduction, bad=GOOD, below=0.0):
        """All chunks of n tokens, one after the other. below: maxima are this far above what counts, as those of a reference."""
        chunks, positions = -(-n // size) + 1, 2 * n  # and one without tokens
        rows = torch.randperm(positions, device=DEVICE)[:n].sort()[0]
        states = torch.stack([randn(splits, n) * 5, rand(splits, n) + 0.5], 2)
        states[:, :, 0] += below
        states[:, :, 1] *= 2.0**-below
        if splits > 1:
            states[0, ::3] = torch.tensor([-float("inf"), 0.0])  # a split without any class
        label_logit = randn(n)
        error = torch.tensor([bad, 0], device=DEVICE)
        lse, loss, losses = room(positions), room(positions if reduction == NONE else 1), room(positions)
        total, kept = i32([n]), torch.full((1,), NAN, dtype=F64, device=DEVICE)
        in_order = torch.zeros_like(kept)
        for chunk in range(chunks):
            first, count = min(chunk * size, n), max(min(n - chunk * size, size), 0)
            partial = full((splits, size, 2), NAN)
            partial[:, :count] = states[:, first:first + count]
            chunk_rows, chunk_logit = full(size, -1, I32), full(size, NAN)
            chunk_rows[:count], chunk_logit[:count] = rows[first:first + count], label_logit[first:first + count]
            # The second time for the losses, whose sum is the first.
            for of, what in ((reduction, (lse, loss, total, kept)), (NONE, (None, losses, total, None))):
                self.launch("finish_loss", 8, 1024, [partial, ("i32", splits), ("i32", size), chunk_logit, chunk_rows, i32([count]), ("i32", of), error,
                                                     *what, ("i32", int(chunk > 0))])
            in_order += sum_in_order(losses[chunk_rows[:count].long()])
        maximum = states[:, :, 0].double().amax(0)
        sums = (states[:, :, 1].double() * torch.exp2(states[:, :, 0].double() - maximum)).sum(0)
        expected = (maximum + torch.log2(sums)) * 0.6931471805599453
        nll = expected - label_logit.double()
        wanted = full(positions, -7, F64)
        wanted[rows] = expected
        problems = [close("lse", lse[:positions], wanted, 1e-5), untouched("lse", lse, positions)]
        if reduction == NONE:
            wanted[rows] = nll
            problems += [close("loss", loss[:positions], wanted, 1e-5), untouched("loss", loss, positions)]
        else:
            whole = nll.sum() / (n if reduction == MEAN else 1)
            whole = whole * NAN if bad != GOOD else whole
            problems += [close("loss", loss[:1], whole[None], 1e-5 * (n if reduction == SUM else 1)), untouched("loss", loss, 1)]
            problems += [close("sum", kept, nll.sum()[None], 1e-5 * n), same("sum in order", kept, in_order)]
        self.report(f"finish_loss n {n} size {size} splits {splits} reduction {reduction} bad {bad} below {below}", problems)

    def token_weights(self, n, total, reduction, padded, with_dlse):
        positions = 2 * padded
        rows = torch.randperm(positions, device=DEVICE)[:n].sort()[0]
        padded_rows = full(padded, -1, I32)
        padded_rows[:n] = rows
        dloss, dlse, lse = randn(positions if reduction == NONE else 1), randn(positions) if with_dlse else None, randn(positions)
        compact, prob, label, alpha = room(padded), room(padded), room(padded), room(1)
        self.launch("token_weights", 1, 1024, [dloss, dlse, lse, padded_rows, i32([n]), ("i32", padded), ("i32", reduction), compact, prob, label, alpha,
                                               i32([total])])
        g = (dloss[rows] if reduction == NONE else dloss.expand(n)).double() / (total if reduction == MEAN else 1)
        gh = g + (dlse[rows].double() if with_dlse else 0)
        scale = torch.maximum(g.abs(), gh.abs()).amax() / 256 if n else torch.zeros((), dtype=F64, device=DEVICE)
        filled = lambda values: torch.nn.functional.pad(values.double(), (0, padded - n))
        divide = lambda values: filled(values / scale if n else values)
        problems = [close("alpha", alpha[:1], scale[None], 1e-6 * scale), close("prob_weight", prob[:padded], divide(gh), 2e-4),
                    close("label_weight", label[:padded], divide(g), 2e-4), same("lse", compact[:padded], filled(lse[rows]))]
        problems += [untouched(name, memory, padded) for name, memory in (("prob_weight", prob), ("label_weight", label), ("lse", compact))]
        self.report(f"token_weights n {n} of {total} reduction {reduction} dlse {with_dlse}", problems)


def run_tests(tests):
    for n, size, chunks in ((0, 128, 3), (1, 128, 3), (127, 128, 1), (128, 128, 2), (300, 128, 3), (8192, 1408, 6), (5000, 128, 300)):
        for exponentials in (0, 1):
            tests.chunk_counts(n, size, chunks, exponentials)
    for n, padded, splits, grid in ((1, 128, 1, 1), (127, 128, 3, 4), (300, 384, 33, 7), (300, 384, 40, 100)):
        tests.check_sums(n, padded, splits, grid)
        for total in (LEAST - 0.01, LEAST + 0.01, MOST - 0.01, MOST + 0.01, INF, NAN):
            tests.check_sums(n, padded, splits, grid, total=total)
        for reference in (INF, -INF, NAN):
            tests.check_sums(n, padded, splits, grid, reference=reference)
    for n, padded, stride, grid in ((1, 128, 256, 1), (300, 384, 512, 1), (384, 384, 1024, 9), (0, 128, 256, 1)):
        for softcap in (None, 30.0):
            for exponentials in (True, False):
                tests.label_scales(n, padded, stride, grid, softcap, exponentials)
    for dtype in (BF16, F16):
        for n, padded, columns, grid in ((1, 128, 64, 1), (64, 128, 128, 3), (65, 128, 2304, 16), (128, 128, 320, 4), (0, 128, 64, 1)):
            tests.scaled_rows(dtype, n, padded, columns, grid)
        tests.scaled_rows(dtype, 100, 256, 192, 8, stride=200)
    for n in (1, 2, 31, 128, 129) + (() if tests.quick else (3000,)):
        for classes in (1, 7, 100000):
            tests.sort_labels(randint(0, classes, n), 3 if n < 200 else 300)
    for n, classes, hidden, grid in ((1, 3, 64, 1), (40, 200, 64, 2), (100, 20, 576, 3), (300, 9, 1088, 5), (257, 500, 512, 40)):
        tests.restore_labels("random", randint(0, classes, n), classes, hidden, grid)
        tests.restore_labels("few", randint(0, min(classes, 3), n), classes, hidden, grid)
    for n in (31, 32, 33, 34, 64, 65, 513, 1100):
        tests.restore_labels("one class", torch.full((n,), 2, device=i32([0]).device), 4, 128, 4)
        tests.restore_labels("one class in front and behind", torch.cat([torch.full((n,), k, device=i32([0]).device) for k in (0, 3, 4)]), 6, 64, 3)
    tests.restore_labels("strides", randint(0, 50, 200), 60, 192, 7, dc_stride=200)
    tests.restore_labels("not a number", randint(0, 50, 200), 60, 192, 7, with_nan=True)
    for reduction in (NONE, MEAN, SUM):
        for n, size, splits in ((0, 128, 3), (1, 128, 1), (300, 128, 3), (700, 768, 5), (1500, 640, 12), (8192, 8192, 33), (20000, 9088, 3)) + (
                () if tests.quick else ((5000, 1408, 29),)):
            tests.finish_loss(n, size, splits, reduction)
        for n, total in ((0, 300), (1, 1), (100, 3000), (640, 640)):
            for with_dlse in (False, True):
                tests.token_weights(n, total, reduction, 640, with_dlse)
    tests.finish_loss(300, 128, 3, MEAN, bad=7)
    for below in (57.7, -80.0):
        tests.finish_loss(300, 128, 3, NONE, below=below)


def run_times(tests):
    n, size, hidden, classes = 8192, 1408, 2304, 256000
    blocks = lambda items: min(items, 4 * torch.cuda.get_device_properties(0).multi_processor_count)

    def show(entry, grid, block, arguments, what=""):
        seconds = tests.launcher.time(tests.path(entry), entry, grid, block, arguments)
        print(f"{entry} {what}: {seconds * 1e6:.0f} us", flush=True)

    e, rows, ones = randn(n, hidden, dtype=BF16), arange(n).to(I32), full(n, 1.0)
    partial = full((12, size, 2), 1.0)
    counts = i32([size]), i32([size]), i32([-1])
    show("check_sums", size // 8, 256, [partial, ("i32", 12), ("i32", size), *counts])
    show("scaled_rows_bf16", size // 8, 256, [counts[0], rows, ones, ("i32", size), e, ("i64", hidden), ("i32", hidden), full(size * hidden, 0, torch.int16)])
    states, error, loss = full((33, n, 2), 1.0), torch.tensor([GOOD, 0], device=DEVICE), room(1)
    show("finish_loss", 8, 1024, [states, ("i32", 33), ("i32", n), ones, rows, i32([n]), ("i32", MEAN), error, room(n), loss, i32([n]), None, ("i32", 0)])
    sum_lower, dc = full(lower_bytes(classes, hidden), 0, torch.int8), full((classes, hidden), 0, torch.int16)
    for what, labels in (("uniform labels", randint(0, classes, n)), ("skewed labels", (rand(n) ** 8 * classes).long()),
                         ("half of one label", torch.where(rand(n) < 0.5, 7, randint(0, classes, n))), ("one label", torch.full_like(arange(n), 7))):
        order, ordered = full(n, 0, I32), full(n, 0, I32)
        show("sort_labels", blocks(n // 8), 256, [labels.to(I32), i32([n]), order, ordered], what)
        show("restore_labels", blocks(n * 5 // 16), 512, [order, ordered, i32([n]), rows, ones, ones, ones, e, ("i64", hidden), ("i32", hidden), sum_lower, dc,
                                                          ("i64", hidden), ("i32", classes)], what)


if __name__ == "__main__":
    main(__doc__, KERNELS, ChunkTests, run_tests, run_times)
