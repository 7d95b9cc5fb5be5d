# What a filtered backward would keep under other thresholds and other orders of tokens, on the CPU, without the library.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: filter_study.py [--shape NAME --data peaked | --saved FOLDER] [--groups N] [--rules K] [--orders] [--passes]

A class is kept for a group of 128 tokens if one of them reaches its threshold for it, or has it as label. Prints the part of groups x
classes that is kept, without the places that heavy classes take in all lists, if thresholds came from

    final       the log-sum-exp itself, which the forward does not know in time
    bound       the log-sum-exp over all labels of the batch
    estimate    head and sample, as filter_threshold has them, and how many tokens it would miss (docs/filter.md)

with --rules for several rules for the estimate, each with K samples of other classes; and with --orders what is kept (threshold: final) if
the tokens were put into other groups:

    label       sorted by their label
    halves      halved six times at the median of their first principal component, within each half again
    pivots      sorted by which of 64 tokens they have the largest product with, after the mean has been subtracted

--passes: if thresholds came from a forward over every eighth tile of 256 classes, for the other seven: what of it is not the head, each term at most
`cap` epsilon, stands for eight times as much, less 0.02 in the logarithm and so many standard errors, by the sums of its tiles.
"""
import argparse
import math

import torch

from cce_bench import SHAPES, generate, load

EPSILON, OFTEN, PART, GROUP = 2.0**-12, 3, 128, 128


def logits(e, c, rows):
    return e[rows].float() @ c.float().T


class Estimate:
    """What filter_threshold knows of tokens with these logits, over the true sum. Of every `every` classes the one at `place` is in the sample."""

    def __init__(self, z, labels, lse, head, every, place):
        vocab, p = z.shape[1], torch.exp(z - lse[:, None])
        sample = torch.arange(vocab)[place::every]
        in_sample = torch.zeros(vocab, dtype=torch.bool)
        in_sample[sample] = True
        sample = sample[~head[sample]]
        self.weight = (vocab - int(head.sum())) / max(len(sample), 1)
        parts = p[:, sample].split(PART, 1)
        self.largest = torch.stack([part.amax(1) for part in parts], 1).clamp_min(1e-30)
        self.others = torch.stack([part.sum(1) for part in parts], 1) - self.largest
        own = p.gather(1, labels[:, None])[:, 0]
        self.certain = p[:, head].sum(1) + torch.where(head[labels], 0, own)
        self.known = p[:, head].sum(1) + torch.where(head[labels] | in_sample[labels], 0, own)

    def log(self, cap, margin, errors):
        """The largest term of a part stands for others up to cap times the geometric mean of all parts' largest; the estimate's logarithm is
        lowered by margin and so many standard errors."""
        capped = torch.minimum(self.largest, cap * self.largest.log().mean(1, keepdim=True).exp())
        stands, parts = self.others + capped, self.largest.shape[1]
        guess = self.known + self.weight * stands.sum(1) + (self.largest - capped).sum(1)
        squares = (parts * stands.var(1) if parts > 1 else 0) + (capped**2).sum(1)
        error = (self.weight * max(self.weight - 1, 0) * squares).sqrt() / guess
        return torch.maximum(self.certain.log() - 1e-3, guess.log() - margin - errors * error)


RULE = (1, 0.05, 1.2)  # of filter_threshold
RULES = {"the largest for itself, less 0.1": (0, 0.1, 0), "less 0.02, 1 error": (1, 0.02, 1), "less 0.02, 1.2 errors": (1, 0.02, 1.2),
         "less 0.03, 1.2 errors": (1, 0.03, 1.2), "less 0.05, 1 error": (1, 0.05, 1), "less 0.05, 1.2 errors": RULE,
         "cap 0.7, less 0.03, 1 error": (0.7, 0.03, 1), "cap 2, less 0.03, 1.5 errors": (2, 0.03, 1.5)}


def kept(reaches, labels):
    """The part of groups x classes, of bool [tokens, classes]."""
    marks = reaches.view(-1, GROUP, reaches.shape[1]).any(1)
    return marks.scatter_(1, labels.view(-1, GROUP), True).float().mean().item()


def thresholds(e, c, labels, groups, places):
    c, vocab = c.float(), c.shape[0]
    count = torch.bincount(labels, minlength=vocab)
    every = -(-vocab // (1024 if vocab < 160000 else 2048))
    chosen = torch.randperm(e.shape[0] // GROUP)[:groups]
    shares, misses, tokens = {}, {}, len(chosen) * GROUP
    samples = [(every * (2 * k + 1)) // (2 * places) for k in range(places)] if places else [every // 2]
    for group in chosen:
        rows = group * GROUP + torch.arange(GROUP)
        z, y = logits(e, c, rows), labels[rows]
        lse = torch.logsumexp(z, 1)
        bound = torch.maximum(torch.logsumexp(z[:, count > 0], 1), z.gather(1, y[:, None])[:, 0]) - 1e-3
        reach = lambda name, least: shares.setdefault(name, []).append(kept(z >= (least + math.log(EPSILON))[:, None], y))
        reach("final", lse)
        reach("bound", bound)
        for place in samples:
            estimate = Estimate(z, y, lse, count >= OFTEN, every, place)
            for name, rule in RULES.items() if places else [("estimate", RULE)]:
                off = estimate.log(*rule)
                reach(name, lse + off)
                misses.setdefault(name, {}).setdefault(place, []).append(int((off > -5e-4).sum()))
    share = lambda name: f"{sum(shares[name]) / len(shares[name]):.4f}"
    print(f"kept: final {share('final')}  bound {share('bound')}"
          + ("" if places else f"  estimate {share('estimate')}  missed {sum(misses['estimate'][samples[0]])} of {tokens} tokens"), flush=True)
    for name in RULES if places else ():
        print(f"{name:34} kept {share(name)}  missed {[sum(m) for m in misses[name].values()]} of {tokens} tokens", flush=True)


def passes(e, c, labels, groups, every=8, tile=256):
    c, vocab = c.float(), c.shape[0]
    head = torch.bincount(labels, minlength=vocab) >= OFTEN
    first = torch.arange(vocab) // tile % every == every // 2
    weight, results = vocab / int(first.sum()), {}
    chosen = torch.randperm(e.shape[0] // GROUP)[:groups]
    for group in chosen:
        rows = group * GROUP + torch.arange(GROUP)
        z, y = logits(e, c, rows), labels[rows]
        p = torch.exp(z - torch.logsumexp(z, 1, keepdim=True))
        known = head.expand(GROUP, -1).scatter(1, y[:, None], True)
        certain = (p * (known | first)).sum(1)
        for cap in (1, 4):
            terms = torch.where(known[:, first], 0, p[:, first].clamp_max(cap * EPSILON))
            tiles = torch.stack([part.sum(1) for part in terms.split(tile, 1)], 1)
            guess = certain + (weight - 1) * terms.sum(1)
            error = (weight - 1) * tiles.std(1) * tiles.shape[1]**0.5 / guess
            for errors in (0, 1.2):
                off = guess.log() - 0.02 - errors * error
                results.setdefault((cap, errors), []).append((kept(p >= EPSILON * off.exp()[:, None], y), int((off > -5e-4).sum())))
        results.setdefault("final", []).append(kept(p >= EPSILON, y))
    print(f"kept with the log-sum-exp itself {sum(results.pop('final')) / len(chosen):.4f}")
    for (cap, errors), each in results.items():
        share, missed = sum(k for k, _ in each) / len(each), sum(m for _, m in each)
        print(f"cap {cap} epsilon, less 0.02 and {errors} errors   kept {share:.4f}  missed {missed} of {len(chosen) * GROUP} tokens", flush=True)


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
    parser.add_argument("--rules", type=int, default=0, metavar="K", help="compare rules, over K samples")
    parser.add_argument("--orders", action="store_true")
    parser.add_argument("--passes", action="store_true")
    a = parser.parse_args()
    torch.manual_seed(0)
    e, c, y = load(a.saved, torch.bfloat16, "cpu") if a.saved else generate(*SHAPES[a.shape], a.data, torch.bfloat16, "cpu")
    if a.passes:
        return passes(e, c, y.long(), a.groups)
    thresholds(e, c, y.long(), a.groups, a.rules)
    if a.orders:
        orders(e, c, y.long())


if __name__ == "__main__":
    main()
