# Losses and gradients in float64, and how far from them those of the library may be.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import torch

UNIT = {torch.bfloat16: 2.0**-8, torch.float16: 2.0**-11, torch.float32: 2.0**-24}
TALLY_FACTORS = (0.9, 16.0)  # of an estimated probability over the true one
BOUNDS = {torch.bfloat16: 3e-3, torch.float16: 4e-4, torch.float32: 2e-6}


def listed(marks, hidden):
    """What is computed: what is marked, and in every group the heavy classes, marked in so many of them (runtime/plan/FilteredRun.cpp)."""
    heavy = marks.sum(0) >= max(2, -(-marks.shape[0] * (2 if hidden < 1024 else 3) // 4))
    return marks | heavy, heavy


def tallied(count, device):
    """Which of so many tokens have a limit below which their probabilities are added up for each class (kernels-src/nvptx/filter_threshold.mlir),
    and of how many groups of tokens each tile of 256 classes takes one (cce.tally)."""
    block, apart = torch.arange(count, device=device) // 8, min(max(count // 8 // 16, 1), 16)
    return block % apart == block // apart % apart, max(count // 128 // 16, 1)


def spread(c, direction, mean_class):
    """How far the classes of the tail spread in every direction, by 256 of them (kernels-src/nvptx/tail_tilt.mlir)."""
    some = (2 * torch.arange(256, device=c.device) + 1) * c.shape[0] // 512
    squares, weights = direction[some] @ c[some].square().sum(1), direction[some].sum()
    return 7 / 8 * ((squares / weights - mean_class.square().sum()) / c.shape[1]).clamp_min(0) if weights > 0 else weights


def reference(e, c, labels, bias=None, softcap=None, ignore_index=-100, reduction="mean", dloss=None, dlse=None, shift=0,
              sequence=0, rows=512, noise=True, marks=None, tally=None, eps=0, saved=0):
    """Loss (per token), lse and gradients in float64, in blocks of rows; all on the exactly rounded inputs. With `noise` also, for every
    element of the gradients, what rounding G (_u) and evaluating it in f32 (_f) may cost. With `marks` (groups of 128 tokens x classes)
    what is not listed is left out and stood for by its mean direction, in dE tilted along the token's own row, which the classes' `tally` of small entries gives, or,
    without, by nothing. With `saved` classes whose logits are saved, also what
    that may cost (_s)."""
    n, v = e.shape[0], c.shape[0]
    t = sequence or n
    position = torch.arange(n, device=e.device)
    in_range = position % t + shift < t
    y = torch.where(in_range, labels.long()[(position + shift).clamp_max(n - 1)], ignore_index)
    valid = y != ignore_index
    count = valid.sum()
    g = torch.ones(n, dtype=torch.float64, device=e.device) if dloss is None else dloss.double().expand(n).clone()
    if reduction == "mean":
        g = g / count
    g = torch.where(valid, g, 0)
    h = torch.zeros_like(g) if dlse is None else torch.where(valid, dlse.double(), 0)
    ed, cd = e.double(), c.double()
    loss, lse = torch.zeros_like(g), torch.zeros_like(g)
    de, dc, db = torch.zeros_like(ed), torch.zeros_like(cd), torch.zeros(v, dtype=torch.float64, device=e.device)
    if noise:
        de_u, dc_u, de_f, dc_f = (torch.zeros_like(t) for t in (ed, cd, ed, cd))
        ea, ca = ed.abs(), cd.abs()
        de_s, dc_s = torch.zeros_like(ed), torch.zeros_like(cd)
    # The smallest step of G: f32 underflow of p, or fp16 subnormals, at the scale where the largest weight is 256.
    step = 2.0**-126 if e.dtype != torch.float16 else 2.0**-25 / 256
    step = step * (g.abs() + h.abs()).max() if n else 0
    scale = 1 + ed.norm(dim=1) * cd.norm(dim=1).max()
    mass, missed = torch.zeros_like(g), False
    if marks is not None:
        lists, heavy = listed(marks, e.shape[1])
        group = ((valid.cumsum(0) - 1) // 128).clamp_min(0)
        taken = valid.nonzero()[:, 0]
        in_sample = torch.zeros_like(valid)
        with_limit, every = tallied(len(taken), e.device)
        in_sample[taken[with_limit]] = True
        strip = torch.arange(v, device=e.device) // 256
        small_sum, small_least, small_most = (torch.zeros_like(cd[:, 0]) for _ in range(3))
    for i in range(0, n, rows):
        s = slice(i, i + rows)
        x = ed[s] @ cd.T
        if bias is not None:
            x = x + bias.double()
        z = softcap * torch.tanh(x / softcap) if softcap else x
        l = torch.logsumexp(z, 1)
        yi = y[s].clamp(0, v - 1)[:, None]
        loss[s] = torch.where(valid[s], l - z.gather(1, yi)[:, 0], 0)
        lse[s] = torch.where(valid[s], l, 0)
        prob = torch.exp(z - l[:, None])
        p = prob * (g[s] + h[s])[:, None]
        parts = p.abs().scatter_add_(1, yi, g[s].abs()[:, None])  # before p - onehot cancels
        p.scatter_add_(1, yi, -g[s][:, None])
        p = torch.where(valid[s][:, None], p, 0)
        slope = 1 - (z / softcap) ** 2 if softcap else 1
        p, parts = p * slope, parts * slope
        if marks is not None:
            kept, here = lists[group[s]], valid[s][:, None]
            significant = (prob >= eps * (1 + 4e-6 * scale[s][:, None])).scatter_(1, yi, True)
            missed = missed or bool((significant & ~marks[group[s]] & here).any())
            left = torch.where(kept | ~here, 0, prob)
            mass[s] = left.sum(1)
            # Their log-sum-exps are estimates then, mostly a little low.
            its_group = group[s][in_sample[s]][:, None]
            takes_part = (its_group + its_group // every + strip) % every == 0
            sampled = torch.where(takes_part, prob[in_sample[s]], 0)
            small_sum += torch.where(sampled < eps, sampled, 0).sum(0)
            small_least += torch.where(sampled * TALLY_FACTORS[1] < eps, sampled * TALLY_FACTORS[0], 0).sum(0)
            small_most += torch.where(sampled * TALLY_FACTORS[0] < eps, (sampled * TALLY_FACTORS[1]).clamp_max(eps), 0).sum(0)
            p, parts = torch.where(kept, p, 0), torch.where(kept, parts, 0)
            if noise:  # of what is listed for other tokens, dC leaves these out too; G has the slope of the cap in it
                least = 1.01 * eps / 4 if softcap else 1.01 * eps / 3 if e.shape[1] < 1024 else eps
                small = ((p.abs() < least * (g[s] + h[s]).abs()[:, None]) & ~heavy).scatter_(1, yi, False)
                dc_f += torch.where(small, p.abs(), 0).T @ ea[s]
        if noise:
            # f32 evaluates p to about 2e-6 (1 + |x|) of the parts that it is the difference of.
            f = torch.where(valid[s][:, None], parts * 2e-6 * scale[s][:, None] + step, 0)
            rounding = p.abs() * UNIT[e.dtype]
            if saved:
                off = code_errors(z, prob * (g[s] + h[s]).abs()[:, None], slope, saved, softcap).scatter_(1, yi, 0)
                off = torch.where(valid[s][:, None], off, 0)
                de_s[s] = off @ ca
                dc_s += off.T @ ea[s]
            de_u[s], de_f[s] = rounding @ ca, f @ ca
            dc_u += rounding.T @ ea[s]
            dc_f += f.T @ ea[s]
        de[s] = p @ cd
        dc += p.T @ ed[s]
        db += p.sum(0)
    in_use = -(-int(count) // 128)
    q = torch.where(heavy, 0, tally * (in_use - lists.sum(0))) if tally is not None else torch.zeros_like(cd[:, 0])
    if marks is not None and q.sum() > 0:
        weight, direction = mass * (g + h), q / q.sum()
        some = slice(None, None, min(max(v // 16384, 1), 8))  # as runtime/plan/FilteredRun.cpp
        mean_class, row = q[some] @ cd[some] / q[some].sum(), weight @ ed
        along = mean_class.expand_as(ed)
        along = along + spread(cd, direction, mean_class) * (ed - (mass @ ed / mass.sum() if mass.sum() > 0 else 0))
        de += weight[:, None] * along
        dc += direction[:, None] * row
        if noise:
            # What the tally has got is added up in f32; the mass is one minus a sum in f32.
            off = 4e-6 * direction
            weight_off = torch.where(valid, 4e-6 * scale * (g + h).abs(), 0)
            reach = weight.abs() + weight_off
            # A tilt and the mean row are sums in f32 over many terms.
            de_f += reach[:, None] * (off @ ca) + weight_off[:, None] * along.abs() + reach[:, None] * 1e-5 * (along - mean_class).abs()
            dc_f += off[:, None] * (reach @ ea) + direction[:, None] * (weight_off @ ea)
    total = loss.sum() / count if reduction == "mean" else loss.sum()
    result = dict(loss=loss if reduction == "none" else total[None], lse=lse, de=de, dc=dc, dbias=db, scale=scale, valid=valid, count=count,
                  upstream=g + h, mass=mass, missed=missed)
    if marks is not None:
        result |= dict(small_sum=small_sum, small_least=small_least, small_most=small_most, in_sample=int(in_sample.sum()))
    return result | dict(de_u=de_u, de_f=de_f, de_s=de_s, dc_u=dc_u, dc_f=dc_f, dc_s=dc_s) if noise else result


def code_errors(z, p, slope, saved, softcap):
    """What the codes of saved logits (cce.save) may cost p * slope of the first `saved` classes, where p is weighted."""
    step = 0.51 / 2048  # half of one, and its evaluation in f32
    tiles = torch.nn.functional.pad(z[:, :saved], (0, -saved % 256), value=-float("inf")).unflatten(1, (-1, 256))
    largest = tiles.amax(2).repeat_interleave(256, 1)[:, :saved]
    bend = 2 * z[:, :saved].abs() / softcap**2 if softcap else 0
    slope = slope[:, :saved] if softcap else 1.0
    off = p[:, :saved] * torch.where(z[:, :saved] < largest - 31.99, slope, step * (slope + bend))
    return torch.nn.functional.pad(off, (0, z.shape[1] - saved))


def grad_errors(actual, ref, name, averages):
    """(relative Frobenius error, worst row error / 4, worst element error / its bound, ok)"""
    bound, unit = BOUNDS[actual.dtype], UNIT[actual.dtype]
    a, x = actual.double(), ref[name]
    if not torch.isfinite(a).all():
        return float("nan"), float("nan"), float("nan"), False
    if name + "_u" not in ref:  # a matrix too large for the bounds of its elements
        total = ((a - x).norm() / x.norm()).item()
        return total, 0.0, 0.0, total <= bound
    rounding = ref[name + "_u"]
    floor = ref[name + "_f"] + (2.0**-25 if actual.dtype == torch.float16 else 2.0**-126)
    element = ((a - x).abs() / (1.02 * (unit * x.abs() + rounding + floor + ref[name + "_s"]))).max().item()
    norms, floors, errors = x.norm(dim=1), floor.norm(dim=1), (a - x).norm(dim=1)
    big = norms > 0.1 * norms.max()
    total = (errors.norm() / norms.norm().clamp_min(1e-300)).item()
    row = (errors / norms.clamp_min(1e-300))[big].max().item() / 4 if big.any() else 0.0
    ok = element <= 1
    if averages:
        ok = ok and errors.norm() <= bound * norms.norm() + floors.norm()
        ok = ok and bool((errors <= 4 * bound * norms + floors)[big].all())
    return total, row, element, ok
