# The kernels around chunks of tokens (kernels-src/nvptx: chunk_counts, finish_loss, token_weights) against a reference, on a GPU.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: chunk_kernels.py FOLDER [--quick] | --list

FOLDER holds chunk_counts.ptx, finish_loss.ptx and token_weights.ptx. Results are compared with float64; memory behind them must stay as it
is. Ends with 'N passed, N failed', or with 'skipped: ...' where there is no PyTorch or no GPU that runs the kernels.
"""
from kernel_tests import F64, I32, NAN, Tests, arange, close, full, i32, main, rand, randn, room, same, torch, untouched

KERNELS = ("chunk_counts", "finish_loss", "token_weights")
NONE, MEAN, SUM = 0, 1, 2
GOOD = -1  # position of the first bad label


class ChunkTests(Tests):
    def chunk_counts(self, n, size, chunks):
        counts = room(chunks, I32)
        self.launch("chunk_counts", 1, 128, [i32([n]), ("i32", size), ("i32", chunks), counts])
        expected = (n - size * arange(chunks)).clamp(0, size)
        self.report(f"chunk_counts n {n} size {size} chunks {chunks}", [same("counts", counts[:chunks], expected), untouched("counts", counts, chunks)])

    def finish_loss(self, n, size, splits, reduction, bad=GOOD):
        """All chunks of n tokens, one after the other."""
        chunks, positions = -(-n // size) + 1, 2 * n  # and one without tokens
        rows = torch.randperm(positions, device="cuda")[:n].sort()[0]
        states = torch.stack([randn(splits, n) * 5, rand(splits, n) + 0.5], 2)
        if splits > 1:
            states[0, ::3] = torch.tensor([-float("inf"), 0.0])  # a split without any class
        label_logit = randn(n)
        error = torch.tensor([bad, 0], device="cuda")
        lse, loss = room(positions), room(positions if reduction == NONE else 1)
        total, kept = i32([n]), torch.full((1,), NAN, dtype=F64, device="cuda")
        for chunk in range(chunks):
            first, count = min(chunk * size, n), max(min(n - chunk * size, size), 0)
            partial = full((splits, size, 2), NAN)
            partial[:, :count] = states[:, first:first + count]
            chunk_rows, chunk_logit = full(size, -1, I32), full(size, NAN)
            chunk_rows[:count], chunk_logit[:count] = rows[first:first + count], label_logit[first:first + count]
            self.launch("finish_loss", 1, 1024, [partial, ("i32", splits), ("i32", size), chunk_logit, chunk_rows, i32([count]), ("i32", reduction), error,
                                                 lse, loss, total, kept, ("i32", int(chunk > 0))])
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
            problems += [close("loss", loss[:1], whole[None], 1e-5 * n), untouched("loss", loss, 1)]
            problems += [close("sum", kept, nll.sum()[None], 1e-5 * n)]
        self.report(f"finish_loss n {n} size {size} splits {splits} reduction {reduction} bad {bad}", problems)

    def token_weights(self, n, total, reduction, padded, with_dlse):
        positions = 2 * padded
        rows = torch.randperm(positions, device="cuda")[:n].sort()[0]
        padded_rows = full(padded, -1, I32)
        padded_rows[:n] = rows
        dloss, dlse, lse = randn(positions if reduction == NONE else 1), randn(positions) if with_dlse else None, randn(positions)
        compact, prob, label, alpha = room(padded), room(padded), room(padded), room(1)
        self.launch("token_weights", 1, 1024, [dloss, dlse, lse, padded_rows, i32([n]), ("i32", padded), ("i32", reduction), compact, prob, label, alpha,
                                               i32([total])])
        g = (dloss[rows] if reduction == NONE else dloss.expand(n)).double() / (total if reduction == MEAN else 1)
        gh = g + (dlse[rows].double() if with_dlse else 0)
        scale = torch.maximum(g.abs(), gh.abs()).amax() / 256 if n else torch.zeros((), dtype=F64, device="cuda")
        filled = lambda values: torch.nn.functional.pad(values.double(), (0, padded - n))
        divide = lambda values: filled(values / scale if n else values)
        problems = [close("alpha", alpha[:1], scale[None], 1e-6 * scale), close("prob_weight", prob[:padded], divide(gh), 2e-4),
                    close("label_weight", label[:padded], divide(g), 2e-4), same("lse", compact[:padded], filled(lse[rows]))]
        problems += [untouched(name, memory, padded) for name, memory in (("prob_weight", prob), ("label_weight", label), ("lse", compact))]
        self.report(f"token_weights n {n} of {total} reduction {reduction} dlse {with_dlse}", problems)


def run_tests(tests):
    for n, size, chunks in ((0, 128, 3), (1, 128, 3), (127, 128, 1), (128, 128, 2), (300, 128, 3), (8192, 1408, 6), (5000, 128, 300)):
        tests.chunk_counts(n, size, chunks)
    for reduction in (NONE, MEAN, SUM):
        for n, size, splits in ((1, 128, 1), (300, 128, 3), (1500, 640, 12)) + (() if tests.quick else ((5000, 1408, 29),)):
            tests.finish_loss(n, size, splits, reduction)
        for n, total in ((0, 300), (1, 1), (100, 3000), (640, 640)):
            for with_dlse in (False, True):
                tests.token_weights(n, total, reduction, 640, with_dlse)
    tests.finish_loss(300, 128, 3, MEAN, bad=7)


if __name__ == "__main__":
    main(__doc__, KERNELS, ChunkTests, run_tests, lambda tests: None)
