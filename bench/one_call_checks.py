# Checks of loss and gradients in one call, for check_gradients.py --one-call.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""In one call every element may be off by what saved logits may cost, and those of dC by 2^-11 of the sum of magnitudes each time that a
sum is cut between two chunks of tokens. With two chunks or more exponentials are rounded once more where their row has its factor, and so are rows of E:
u of the sum of magnitudes for either. Where logits stay in dC, nothing around it may be written, and its address must not matter.
"""
import re

import torch

from cce_ctypes import Plan
from gradient_cases import allow_sums, edge_cases, expect, graph, judge, little_workspace, make, many_steps, relative_error, synchronize
from gradient_reference import BOUNDS, UNIT, reference


def check_one_call(library, context, name, e, c, labels, failures, results, dloss=None, dlse=None, poison=True, noise=True, chunks="all",
                   want=("lse", "de", "dc", "dbias"), **options):
    """chunks: "all" tokens at once, "some" at a time, "none", with logits of some classes in dC, or as the options have it (None)."""
    make_plan = lambda **limits: Plan(library, context, e, c, labels, one_call=True, **(limits | options))
    if chunks == "none":
        plan = make_plan(workspace_limit=little_workspace(make_plan))
        if not plan.classes_in_dc:
            return plan.close()
    else:
        plan = make_plan(workspace_limit=1 << 40 if e.is_cuda else 0)
    if chunks == "some":
        if plan.token_chunks() != 1:
            return plan.close()
        # Room for two fifths of the tokens and for the sums of dC.
        limit = plan.gradients_bytes * 2 // 5 + c.numel() // 2
        plan.close()
        try:
            plan = make_plan(workspace_limit=limit)
        except RuntimeError:  # a backward of its own would not fit
            return
    count = plan.token_chunks()
    if chunks == "some" and count < 2:
        return plan.close()
    by_chunks = count > 0 and not (plan.bias is not None and "dbias" in want)
    in_dc = plan.classes_in_dc if "dc" in want else 0
    name = f"{name}, one call, {f'{count} chunks' if by_chunks else f'{in_dc} classes in dC' if in_dc else 'in turn'}"
    runs, untouched = [], True
    for shifted in (False, True):
        if poison:
            plan.workspace.fill_(0xff)
        plan.outputs()
        around = shift_dc(plan) if shifted else None
        plan.gradients(dloss, dlse, want)
        synchronize()
        runs.append([t.clone() for t in (plan.loss, plan.lse, plan.de, plan.dc)])
        untouched = around is None or bool((around[:SHIFT] == 7).all() and (around[SHIFT + c.numel():] == 7).all())
    same = untouched and all(torch.equal(a.view(torch.uint8), b.view(torch.uint8)) for a, b in zip(*runs))
    keys = ("bias", "softcap", "ignore_index", "reduction", "shift", "sequence")
    ref = reference(e, c, labels, dloss=dloss, dlse=dlse, noise=noise, saved=c.shape[0] if by_chunks else in_dc,
                    **{k: v for k, v in options.items() if k in keys})
    if noise and by_chunks:
        exponentials = count > 1 and e.dtype == torch.bfloat16 and dlse is None
        cuts = count if exponentials else count - 1  # and one when elements of labels are restored
        ref["dc_s"] = ref["dc_s"] + (cuts * 2.0**-11 / UNIT[e.dtype] + 2 * exponentials) * ref["dc_u"]
        ref["de_s"] = ref["de_s"] + exponentials * ref["de_u"]
    elif not by_chunks:
        allow_sums(ref, plan)
    judge(name, plan, ref, same, failures, results, want=want, **options)
    plan.close()


SHIFT = 8  # elements: 16 bytes are all that the address of dC has to be a multiple of


def shift_dc(plan):
    """Puts dC between two margins of sevens, which are returned with it."""
    size = plan.c.numel()
    around = torch.full((SHIFT + size + 128,), 7, dtype=plan.c.dtype, device=plan.c.device)
    plan.dc = around[SHIFT:SHIFT + size].view(plan.c.shape)
    plan.dc.fill_(float("nan"))
    return around


def check_not_finite(library, context, name, e, c, labels, failures, results, **options):
    """In one call in chunks: what is no number, and what is one, as with all tokens at once."""
    def outcome(limit):
        plan = Plan(library, context, e, c, labels, one_call=True, workspace_limit=limit, **options)
        chunks = re.search(r"in (\d+) chunks", re.search(r"loss and gradients in one call: .*", plan.describe())[0])
        plan.workspace.fill_(0xff)
        plan.outputs()
        plan.gradients(None, None, ("lse", "de", "dc"))
        synchronize()
        values, room = [t.double() for t in (plan.loss, plan.lse, plan.de, plan.dc)], plan.gradients_bytes
        plan.close()
        return values, chunks, room

    at_once, _, room = outcome(1 << 40)
    try:
        in_chunks, chunks, _ = outcome(room * 2 // 5 + c.numel() // 2)
    except RuntimeError:  # a backward of its own would not fit
        return
    if not chunks:
        return
    problems = []
    for key, a, b in zip(("loss", "lse", "de", "dc"), at_once, in_chunks):
        if not torch.equal(a.isfinite(), b.isfinite()) or not torch.equal(a.isnan(), b.isnan()):
            problems.append(f"{key}: {int(a.isfinite().sum())} and {int(b.isfinite().sum())} finite, {int(a.isnan().sum())} and {int(b.isnan().sum())} NaN")
        both = a.isfinite() & b.isfinite()
        if relative_error(b[both], a[both]) > 2 * BOUNDS[e.dtype]:
            problems.append(f"{key}: {relative_error(b[both], a[both]):.1e} apart")
    name = f"{name}, one call, {chunks[1]} chunks as one"
    results.append(dict(name=name, ok=not problems, loss=0.0, lse=0.0, de=0.0, dc=0.0, dbias=0.0, de_row=0.0, dc_row=0.0, de_element=0.0, dc_element=0.0))
    if problems:
        failures.append(name)
        print(f"FAILED {name}: {'; '.join(problems)}", flush=True)


def far_labels(e, c, y, tokens, distance, generator):
    """E whose tokens of these positions have a class with a logit so far above their label's."""
    e = e.clone()
    for t in tokens:
        other = int(torch.randint(0, c.shape[0], (1,), generator=generator, device=c.device))
        if other == int(y[t]):
            other = (other + 1) % c.shape[0]
        towards = c[other].double() - c[int(y[t])].double()
        e[t] = (towards * (distance / towards.norm() ** 2)).to(e.dtype)
    return e


def one_call_cases(library, context, failures, results, generator, dtypes, a):
    run = lambda *case, **options: [check_one_call(library, context, *case, failures, results, poison=not a.sanitize, chunks=chunks, **options)
                                    for chunks in ("all", "some", "none")]
    sizes = [(1, 64, 2), (1, 64, 1000), (129, 256, 600), (129, 512, 3001), (300, 768, 5003), (1300, 192, 3001), (1300, 123, 1000), (2100, 320, 1000), (2500, 64, 257), (3700, 192, 3001)]
    if a.sanitize:
        sizes = [(1300, 64, 600), (300, 136, 3001)]
    elif not a.quick:
        sizes += [(1000, 768, 50257), (1300, 1024, 6000), (3000, 896, 10000), (4096, 2304, 20000)]
    if a.large:
        sizes = []
        # The last of them with logits in dC.
        for n, d, v, limit in ((8192, 64, 300000, 1 << 30), (1000000, 2200, 512, 1 << 30), (16384, 2304, 256000, 1 << 30), (8192, 2304, 256000, 1 << 28)):
            e, c, y = make(n, d, v, torch.bfloat16, "flat", generator)
            check_one_call(library, context, f"N{n} D{d} V{v}", e, c, y, failures, results, noise=False, chunks=None, workspace_limit=limit)
            print(results[-1], flush=True)
            torch.cuda.empty_cache()
        return
    for dtype in dtypes:
        for n, d, v in sizes:
            for data in ("flat", "peaked", "adversarial"):
                e, c, y = make(n, d, v, dtype, data, generator)
                run(f"{dtype} N{n} V{v} D{d} {data}", e, c, y, reduction="sum")
        print(f"{dtype}: {len(results)} cases, {len(failures)} failed", flush=True)
    edge_cases(library, context, failures, results, generator, one_call=True)
    if a.device == "cuda":
        edge_cases(library, context, failures, results, generator, vocab=3001, in_dc=True, one_call=True)
        graph(library, context, failures, results, generator, one_call=True)
        graph(library, context, failures, results, generator, in_dc=True, one_call=True)
        if not a.sanitize:
            many_steps(library, context, failures, results, generator, one_call=True)
    rnd = lambda *s: torch.randn(*s, generator=generator, device=a.device)
    # The second size for logits in dC.
    for dtype, (n, d, v) in ((dtype, size) for dtype in dtypes for size in ((1300, 128, 1500), (300, 512, 5003))):
        e, c, y = make(n, d, v, dtype, "peaked", generator)
        position = torch.arange(n, device=a.device)
        yi = torch.where(torch.rand(n, generator=generator, device=a.device) < 0.3, -100, y)
        bias = rnd(v)
        masked = bias.clone()
        masked[256:768] = float("-inf")
        cases = {
            "mean": {}, "ignored": dict(y=yi), "int32 labels": dict(y=yi.int()),
            # Chunks without a token, in front of others and behind.
            "all but one ignored": dict(y=torch.where(position == n - 100, y, -100)),
            "tail ignored": dict(y=torch.where(position < 256, y, -100)), "some of the second chunk": dict(y=torch.where(position < 700, y, -100)),
            "sum": dict(y=yi, reduction="sum", dloss=rnd(1)), "none": dict(y=yi, reduction="none", dloss=rnd(n)),
            # Weights of very different size in different chunks.
            "uneven": dict(y=yi, reduction="none", dloss=rnd(n) * torch.where(position < 640, 1e-3, 1.0)),
            "only some weigh": dict(y=yi, reduction="none", dloss=torch.where(position < 640, 0.0, 1.0)),
            "lse gradient": dict(y=yi, dloss=rnd(1), dlse=rnd(n) / n), "softcap": dict(y=yi, softcap=5.0),
            "bias": dict(y=yi, bias=bias, want=("lse", "de", "dc")), "bias gradient": dict(y=yi, bias=bias),
            "bf16 bias": dict(y=yi, bias=bias.bfloat16(), want=("lse", "de", "dc")), "bias and softcap": dict(y=yi, bias=bias, softcap=20.0),
            "masked classes": dict(y=torch.where((y >= 256) & (y < 768), 5, y), bias=masked, want=("lse", "de", "dc")),
            "shift": dict(y=yi, shift=1, sequence=100), "no lse": dict(y=yi, want=("de", "dc", "dbias")),
            "no lse, bias gradient": dict(y=yi, bias=bias, want=("de", "dc", "dbias")),
            "dE only": dict(y=yi, want=("lse", "de")), "dC only": dict(y=yi, want=("lse", "dc")), "loss only": dict(y=yi, want=()),
            "strided": dict(e=rnd(n, 2 * d).to(dtype)[:, :d], c=rnd(v, d + 8).to(dtype)[:, :d], y=yi),
        }
        skewed = torch.where(torch.rand(n, generator=generator, device=a.device) < 0.6, 7, y)
        some, middle = range(3, n, 50), n * 7 // 13
        cases |= {
            # More than 32 tokens of a class, and more than 512, in all chunks.
            "skewed labels": dict(y=skewed), "one label": dict(y=torch.full_like(y, 7)), "skewed labels, ignored": dict(y=torch.where(yi < 0, yi, skewed)),
            "skewed labels, uneven": dict(y=skewed, reduction="none", dloss=rnd(n) * torch.where(position < 640, 1e-3, 1.0)),
            # Exponentials are stored up to 100 above the label's logit: some labels within, one beyond it, in one chunk or in all.
            "far labels": dict(e=far_labels(e, c, y, some, 70.0, generator)), "farther labels": dict(e=far_labels(e, c, y, some, 95.0, generator)),
            "one label too far": dict(e=far_labels(e, c, y, [middle], 140.0, generator)),
            "one label too far, skewed": dict(e=far_labels(e, c, skewed, [middle], 140.0, generator), y=skewed),
            "labels too far": dict(e=far_labels(e, c, y, some, 140.0, generator)),
            "label too far, softcap": dict(e=far_labels(e, c, y, [100], 200.0, generator), softcap=150.0),
            "masked class": dict(bias=torch.where(torch.arange(v, device=a.device) == int(yi.max()) - 1, -200.0, bias), y=yi, want=("lse", "de", "dc")),
        }
        for name, options in cases.items():
            options = dict(options)
            run(f"{dtype} N{n} {name}", options.pop("e", e), options.pop("c", c), options.pop("y", y), **options)
        for value in (float("nan"), float("inf"), -float("inf")):
            spoiled = e.clone()
            spoiled[middle, 3] = value
            check_not_finite(library, context, f"{dtype} {value} in E", spoiled, c, y, failures, results)
            check_not_finite(library, context, f"{dtype} {value} in E of an ignored token", spoiled, c, torch.where(position == middle, -100, y), failures, results)
            spoiled = c.clone()
            spoiled[int(y[middle]), 3] = value
            check_not_finite(library, context, f"{dtype} {value} in C", e, spoiled, y, failures, results)
            check_not_finite(library, context, f"{dtype} {value} as a bias", e, c, y, failures, results,
                             bias=torch.where(torch.arange(v, device=a.device) == int(y[3]), value, bias))
    if a.device == "cuda" and not a.sanitize:
        in_dc = sum(re.search(r"[1-9]\d* classes in dC", result["name"]) is not None for result in results)
        expect(f"{in_dc} cases with logits in dC are at least 20", in_dc >= 20, failures, results)
