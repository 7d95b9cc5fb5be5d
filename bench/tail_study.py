# How well the dropped tail is stood for, by directions from different samples and limits of entries of dC, on the CPU, without the library.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: tail_study.py [--shape NAME --data peaked | --saved FOLDER] [--tokens N] [--tilt]

Relative errors of dE and dC of a filtered backward (docs/filter.md), of the mean loss and in f32, if the tail is

    dropped     left out
    tokens      128 tokens, spread evenly: what their groups do not list
    tally       what small entries of about 16 blocks of eight tokens add up to for each class, as far as it is not listed: what is done
    all         all tokens: what their groups do not list

each with dC of the entries of listed classes that are epsilon or more; then the tally with smaller limits for these. Thresholds are those of
filter_threshold. With --tilt also dE with the tally and, for each token, what its own row adds to first order, for exp(z) is not the same
for all tokens that a class is small for (docs/filter.md): its mass times its row, less the mean of rows, times

    a number    the same in all directions
    all         the covariance of the rows of C
    sample      that of 1024 of them, and
    shrunk      half of that and half of its mean in all directions

times the factor that is best, which is printed; and

    as done     7/8 of the number by 256 classes
"""
import argparse

import torch

from cce_bench import SHAPES, generate, load
from filter_study import EPSILON, GROUP, OFTEN, RULE, Estimate, logits
from gradient_reference import listed, spread, tallied


def relative(x, reference):
    return f"{((x - reference).norm() / reference.norm()).item():.2e}"


def covariance(rows):
    centred = rows - rows.mean(0)
    return centred.T @ centred / rows.shape[0]


def tilts(e, c, mass, tail, direction, de):
    """tail: of dE what lists leave out."""
    mean = direction / direction.sum() @ c
    missing, x = tail - mass[:, None] * mean, mass[:, None] * (e - (mass @ e) / mass.sum())
    sample = covariance(c[torch.randperm(c.shape[0])[:1024]])
    round_part = sample.diagonal().mean()
    for name, y in (("a number", x), ("all", x @ covariance(c)), ("sample", x @ sample), ("shrunk", x @ sample / 2 + x * round_part / 2)):
        factor = (y * missing).sum() / (y * y).sum()
        print(f"tally, tilted, {name:13} dE {relative(de - missing + factor * y, de)}  factor {factor:.3g}", flush=True)
    y = spread(c, direction, mean) * x
    print(f"tally, tilted, as done       dE {relative(de - missing + y, de)}", flush=True)


def study(e, c, labels, tilted):
    n, vocab = e.shape[0] // GROUP * GROUP, c.shape[0]
    e, c, labels = e[:n].float(), c.float(), labels[:n]
    every = -(-vocab // (1024 if vocab < 160000 else 2048))
    head = torch.bincount(labels, minlength=vocab) >= OFTEN
    p, factor = torch.empty(n, vocab), torch.empty(n, 1)  # the latter of probabilities with the estimated log-sum-exp
    for i in range(0, n, 256):
        s = slice(i, min(i + 256, n))
        z = logits(e, c, s)
        lse = torch.logsumexp(z, 1)
        factor[s, 0] = torch.exp(-Estimate(z, labels[s], lse, head, every, every // 2).log(*RULE))
        p[s] = torch.exp(z - lse[:, None])
    token, groups = torch.arange(n), n // GROUP
    marks = (p * factor >= EPSILON).view(groups, GROUP, vocab).any(1).scatter_(1, labels.view(groups, GROUP), True)
    lists, heavy = listed(marks, e.shape[1])
    exact = p.clone()
    exact[token, labels] -= 1
    de, dc = exact @ c, exact.T @ e
    del exact
    left = p * ~lists.repeat_interleave(GROUP, 0)
    mass, rest = left.sum(1), de - left @ c

    def left_of_dc(share):
        small = (p < EPSILON * share) & ~heavy
        small[token, labels] = False
        return dc - (p * small).T @ e

    def report(name, direction, of_dc):
        if direction is None:
            return print(f"{name:28} dE {relative(rest, de)}  dC {relative(of_dc, dc)}", flush=True)
        q = direction / direction.sum()
        print(f"{name:28} dE {relative(rest + mass[:, None] * (q @ c), de)}  dC {relative(of_dc + q[:, None] * (mass @ e), dc)}", flush=True)

    print(f"listed {lists.float().mean():.4f}  heavy {int(heavy.sum())}  mass {mass.mean():.3f}", flush=True)
    of_dc = left_of_dc(1)
    report("dropped", None, of_dc)
    report("tokens", left[token[:128] * n // 128].sum(0), of_dc)
    with_limit, apart = tallied(n, e.device)
    rows = with_limit.nonzero()[:, 0]
    estimated = p[rows] * factor[rows]
    group = (rows // GROUP)[:, None]
    takes_part = (group + group // apart + torch.arange(vocab) // 256) % apart == 0
    tally = torch.where((estimated < EPSILON) & takes_part & ~heavy, estimated, 0).sum(0) * (groups - lists.sum(0))
    report("tally", tally, of_dc)
    report("all", left.sum(0), of_dc)
    if tilted:
        tilts(e, c, mass, left @ c, tally, de)
    del left
    for parts in (2, 3, 4):
        report(f"tally, epsilon / {parts} for dC", tally, left_of_dc(1 / parts))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="gpt2")
    parser.add_argument("--data", choices=("peaked", "broad"), default="peaked")
    parser.add_argument("--saved", metavar="FOLDER")
    parser.add_argument("--tokens", type=int, default=4096, help="of generated data")
    parser.add_argument("--tilt", action="store_true")
    a = parser.parse_args()
    n, d, v = SHAPES[a.shape]
    torch.manual_seed(0)
    e, c, y = load(a.saved, torch.bfloat16, "cpu") if a.saved else generate(min(a.tokens, n), d, v, a.data, torch.bfloat16, "cpu")
    print(a.saved.rstrip("/").split("/")[-1] if a.saved else f"{a.shape} {a.data}", f"{e.shape[0]} tokens")
    study(e, c, y.long(), a.tilt)


if __name__ == "__main__":
    main()
