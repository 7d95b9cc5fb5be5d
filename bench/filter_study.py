# What a filtered backward would keep under other thresholds and other orders of tokens, on the CPU, without the library.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: filter_study.py [--shape NAME --data peaked | --saved FOLDER] [--groups N] [--orders]

A class is kept for a group of 128 tokens if one of them reaches its threshold for it, or has it as label. Prints the part of groups x
classes that is kept, without the places that heavy classes take in all lists, if thresholds came from

    final       the log-sum-exp itself, which the forward does not know in time
    bound       the log-sum-exp over all labels of the batch
    estimate    head and sample, as filter_threshold has them, and how many tokens it would miss (docs/filter.md)

and with --orders what is kept (threshold: final) if the tokens were put into other groups:

    label       sorted by their label
    halves      halved six times at the median of their first principal component, within each half again
    pivots      sorted by which of 64 tokens they have the largest product with, after the mean has been subtracted
"""
import argparse
import math

import torch

from cce_bench import SHAPES, generate, load

EPSILON, MARGIN, OFTEN, PART, GROUP = 2.0**-12, 0.1, 3, 128, 128


def logits(e, c, rows):
    return e[rows].float() @ c.float().T


def estimate(z, labels, lse, head, every):
    """Log of the estimate over the true sum, for tokens with these logits."""
    vocab = z.shape[1]
    p = torch.exp(z - lse[:, None])
    sample = torch.arange(vocab)[every // 2::every]
    in_sample = torch.zeros(vocab, dtype=torch.bool)
    in_sample[sample] = True
    sample = sample[~head[sample]]
    weight = (vocab - int(head.sum())) / max(len(sample), 1)
    terms = p[:, sample]
    largest = torch.stack([part.amax(1) for part in terms.split(PART, 1)], 1).sum(1)
    own = torch.where(head[labels] | in_sample[labels], 0, p.gather(1, labels[:, None])[:, 0])
    certain = p[:, head].sum(1) + torch.where(head[labels], 0, p.gather(1, labels[:, None])[:, 0])
    guess = p[:, head].sum(1) + own + weight * (terms.sum(1) - largest) + largest
    return torch.maximum(certain.log() - 1e-3, guess.log() - MARGIN)


def kept(reaches, labels):
    """The part of groups x classes, of bool [tokens, classes]."""
    marks = reaches.view(-1, GROUP, reaches.shape[1]).any(1)
    return marks.scatter_(1, labels.view(-1, GROUP), True).float().mean().item()


def thresholds(e, c, labels, groups):
    vocab = c.shape[0]
    count = torch.bincount(labels, minlength=vocab)
    chosen = torch.randperm(e.shape[0] // GROUP)[:groups]
    rows = (chosen[:, None] * GROUP + torch.arange(GROUP)).view(-1)
    z, y = logits(e, c, rows), labels[rows]
    lse = torch.logsumexp(z, 1)
    bound = torch.maximum(torch.logsumexp(z[:, count > 0], 1), z.gather(1, y[:, None])[:, 0]) - 1e-3
    off = estimate(z, y, lse, count >= OFTEN, max(vocab // (1024 if vocab < 160000 else 2048), 1))
    reach = lambda least: kept(z >= (least + math.log(EPSILON))[:, None], y)
    print(f"kept: final {reach(lse):.4f}  bound {reach(bound):.4f}  estimate {reach(lse + off):.4f}"
          f"  missed {int((off > -5e-4).sum())} of {len(rows)} tokens")


def halves(x, index, depth):
    if depth == 0:
        return [index]
    part = x[index] - x[index].mean(0)
    direction = torch.svd_lowrank(part, q=2)[2][:, 0]
    order = index[torch.argsort(part @ direction)]
    middle = len(order) // 2
    return halves(x, order[:middle], depth - 1) + halves(x, order[middle:], depth - 1)


def orders(e, c, labels):
    n = e.shape[0] // GROUP * GROUP
    reaches = torch.empty(n, c.shape[0], dtype=torch.bool)
    for i in range(0, n, 256):
        z = logits(e, c, slice(i, min(i + 256, n)))
        reaches[i:i + 256] = z >= torch.logsumexp(z, 1, keepdim=True) + math.log(EPSILON)
    x = e[:n].float()
    x -= x.mean(0)
    pivots = (x @ x[torch.randperm(n)[:64]].T).argmax(1)
    for name, order in (("given", torch.arange(n)), ("label", torch.argsort(labels[:n], stable=True)),
                        ("halves", torch.cat(halves(x, torch.arange(n), 6))), ("pivots", torch.argsort(pivots, stable=True))):
        print(f"order {name:7} kept {kept(reaches[order], labels[order]):.4f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="phi3.5")
    parser.add_argument("--data", choices=("peaked", "broad", "flat"), default="peaked")
    parser.add_argument("--saved", metavar="FOLDER")
    parser.add_argument("--groups", type=int, default=16, help="how many groups to look at")
    parser.add_argument("--orders", action="store_true")
    a = parser.parse_args()
    torch.manual_seed(0)
    e, c, y = load(a.saved, torch.bfloat16, "cpu") if a.saved else generate(*SHAPES[a.shape], a.data, torch.bfloat16, "cpu")
    thresholds(e, c, y.long(), a.groups)
    if a.orders:
        orders(e, c, y.long())


if __name__ == "__main__":
    main()
