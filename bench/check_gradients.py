# Checks losses and gradients of the library, on a GPU or on the CPU, against float64, over sizes, dtypes, data and options.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: check_gradients.py LIBRARY [--device cuda|cpu] [--quick | --sanitize | --large | --filter] [--saved | --one-call] [--json FILE]

--quick: fewer sizes. --large: planes and matrices of more than 2^31 elements. --sanitize: a handful of cases with the workspace left uninitialised, to run under compute-sanitizer.
--filter: filtered backwards instead of exact ones, with --sanitize a handful of them.
--saved: with logits saved by the forward, of all classes and of some, where the library saves any.
--one-call: loss and gradients in one call, with all tokens at once and in chunks of them, where the library can, and where it can not, also with
logits that stay in dC.

Bounds. Loss and lse per token: |d| <= 2e-6 (1 + |e_i| max |c_v|). Gradients: equal to float64 up to the rounding of G and of the
result to the dtype, u each, and to what f32 costs on the way, so for every element |d| <= 1.02 (u |x| + u sum |G||c| + f). Where
there are enough of them for rounding errors to average out (100 tokens, 100 classes, 64 columns) also the contract's relative
Frobenius error <= 3e-3 (bf16), 4e-4 (fp16), and 4 times that for every row whose norm is not negligible. f is the f32 evaluation of
p - onehot, underflow of p in f32 and of G in fp16, and half the smallest subnormal of the result. Ends with 'N passed, N failed'.

On a GPU every element of dE may in addition be off by 2^-16 of the sum of magnitudes for each rounding of a sum between two chunks of classes.

With saved logits every element but the label's may in addition be off by what half a step of their codes does to it, 2^-12 in the logit, and
by all of it 32 below the largest of its tile; relative errors have to be as without. A backward that is not given them has to give the
bits of a plan that saves none.

In one call every element may be off by what saved logits may cost, and those of dC by 2^-12 of the sum of magnitudes for each rounding of a
sum between two chunks of tokens. With two chunks or more exponentials are rounded once more where their row has its factor, and so are rows of E:
u of the sum of magnitudes for either. Where logits stay in dC, nothing around it may be written, and its address must not matter.

With a filter: no entry of epsilon or more and no label may be missing among the classes that the forward has marked; gradients obey the
bounds above against float64 gradients that leave out what is not marked (and have the same correction, within the rounding of its
sample), so nothing else is left out; the mass left out is that of the float64 probabilities; and on trained-like data the gradients are
within 2.5e-2 of the exact ones.
"""
import argparse
import datetime
import json
import re
import sys

import torch

from cce_ctypes import Library, Plan
from gradient_reference import BOUNDS, UNIT, grad_errors, listed, reference


def synchronize():
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def make(n, d, v, dtype, data, generator):
    device = generator.device
    rn = lambda *s: torch.randn(*s, generator=generator, device=device)
    labels = torch.randint(0, v, (n,), generator=generator, device=device)
    if data == "flat":
        e, c = rn(n, d), rn(v, d) * 0.02
    elif data == "peaked":
        c = rn(v, d) / d**0.5
        e = rn(n, d) + 10 * c[labels] / c[labels].norm(dim=1, keepdim=True).clamp_min(1e-6)
    else:  # adversarial: large logits of both signs, rows of zeros, one huge row
        e, c = rn(n, d) * 4, rn(v, d) * 4
        e[::7] = 0
        c[::5] = 0
        e[n // 2] *= 8
    return e.to(dtype), c.to(dtype), labels


def allow_sums(ref, plan):
    """Adds to the bounds what it may cost to round sums of dE between two chunks of classes."""
    if "de_s" in ref:
        ref["de_s"] = ref["de_s"] + plan.class_roundings() * 2.0**-16 / UNIT[plan.e.dtype] * ref["de_u"]


def check(library, context, name, e, c, labels, failures, results, dloss=None, dlse=None, poison=True, noise=True, saved=None, **options):
    """saved: "all" or "some" classes, if any can be."""
    plan = Plan(library, context, e, c, labels, saved_logits_limit=1 << 60 if saved else 0, **options)
    saved_classes = 0
    if saved:
        room = plan.saved_bytes
        if saved == "some" and room:
            plan.close()
            plan = Plan(library, context, e, c, labels, saved_logits_limit=room * 3 // 5, **options)
        if not plan.saved_bytes:
            return plan.close()
        saved_classes = int(re.search(r"saved logits: of (\d+) of", plan.describe())[1])
        name = f"{name}, {saved_classes} classes saved"
        expect(name, (saved_classes == c.shape[0]) == (saved == "all"), failures, results)
        if poison:
            plan.saved_logits.fill_(0xff)
    if poison:
        plan.workspace.fill_(0xff)  # NaN in every format: nothing may be read that was not written
    loss, lse = plan.forward()
    plan.outputs()
    if poison:
        plan.workspace.fill_(0xff)
    plan.backward(dloss, dlse)
    synchronize()
    first = [t.clone() for t in (loss, lse, plan.de, plan.dc)]
    plan.forward()
    plan.backward(dloss, dlse)
    synchronize()
    same = all(torch.equal(a.view(torch.uint8), b.view(torch.uint8)) for a, b in zip(first, (plan.loss, plan.lse, plan.de, plan.dc)))
    if saved:
        same = same and same_without(library, context, plan, e, c, labels, dloss, dlse, options)
        plan.de, plan.dc = first[2:]
    keys = ("bias", "softcap", "ignore_index", "reduction", "shift", "sequence")
    ref = reference(e, c, labels, dloss=dloss, dlse=dlse, noise=noise, saved=saved_classes, **{k: v for k, v in options.items() if k in keys})
    allow_sums(ref, plan)
    loss_scale = ref["scale"] if options.get("reduction") == "none" else ref["scale"].max()
    if options.get("reduction") == "sum":
        loss_scale = loss_scale * ref["count"].clamp_min(1)
    worst = lambda a, x, s: ((a.double() - x).abs() / s).max().item()
    loss_error, lse_error = worst(loss, ref["loss"], loss_scale), worst(lse, ref["lse"], ref["scale"])
    averages = min(ref["count"].item(), c.shape[0]) >= 100 and c.shape[1] >= 64
    de, de_row, de_element, de_ok = grad_errors(plan.de, ref, "de", averages)
    dc, dc_row, dc_element, dc_ok = grad_errors(plan.dc, ref, "dc", averages)
    db, db_ok = 0.0, True
    if plan.dbias is not None:
        a, x = plan.dbias.double(), ref["dbias"]
        db = ((a - x).norm() / x.norm()).item()
        db_ok = db <= max(BOUNDS[e.dtype], BOUNDS[plan.dbias.dtype])
    ignored_zero = bool((plan.de[~ref["valid"]] == 0).all())
    ok = loss_error <= 2e-6 and lse_error <= 2e-6 and de_ok and dc_ok and db_ok and same and ignored_zero
    if not averages:  # gradients that cancel to nothing have no relative error
        de = dc = de_row = dc_row = 0.0
    results.append(dict(name=name, ok=ok, loss=loss_error, lse=lse_error, de=de, dc=dc, dbias=db, de_row=de_row, dc_row=dc_row,
                        de_element=de_element, dc_element=dc_element))
    if not ok:
        failures.append(name)
        print(f"FAILED {name}: loss {loss_error:.1e} lse {lse_error:.1e} dE {de:.1e} (row/4 {de_row:.1e}, element/bound {de_element:.2f}) dC {dc:.1e} "
              f"(row/4 {dc_row:.1e}, {dc_element:.2f}) db {db:.1e} same bits {same} ignored zero {ignored_zero}", flush=True)
    plan.close()


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
        roundings = count if exponentials else count - 1  # and one when elements of labels are restored
        ref["dc_s"] = ref["dc_s"] + (roundings * 2.0**-12 / UNIT[e.dtype] + 2 * exponentials) * ref["dc_u"]
        ref["de_s"] = ref["de_s"] + exponentials * ref["de_u"]
    elif not by_chunks:
        allow_sums(ref, plan)
    loss_scale = ref["scale"] if options.get("reduction") == "none" else ref["scale"].max()
    if options.get("reduction") == "sum":
        loss_scale = loss_scale * ref["count"].clamp_min(1)
    worst = lambda a, x, s: ((a.double() - x).abs() / s).max().item()
    loss_error = worst(plan.loss, ref["loss"], loss_scale)
    lse_error = worst(plan.lse, ref["lse"], ref["scale"]) if "lse" in want else 0.0
    averages = min(ref["count"].item(), c.shape[0]) >= 100 and c.shape[1] >= 64
    nothing = (0.0, 0.0, 0.0, True)
    de, de_row, de_element, de_ok = grad_errors(plan.de, ref, "de", averages) if "de" in want else nothing
    dc, dc_row, dc_element, dc_ok = grad_errors(plan.dc, ref, "dc", averages) if "dc" in want else nothing
    db, db_ok = 0.0, True
    if plan.dbias is not None and "dbias" in want:
        db = relative_error(plan.dbias, ref["dbias"])
        db_ok = db <= max(BOUNDS[e.dtype], BOUNDS[plan.dbias.dtype])
    ignored_zero = "de" not in want or bool((plan.de[~ref["valid"]] == 0).all())
    ok = loss_error <= 2e-6 and lse_error <= 2e-6 and de_ok and dc_ok and db_ok and same and ignored_zero
    if not averages:
        de = dc = de_row = dc_row = 0.0
    results.append(dict(name=name, ok=ok, loss=loss_error, lse=lse_error, de=de, dc=dc, dbias=db, de_row=de_row, dc_row=dc_row,
                        de_element=de_element, dc_element=dc_element))
    if not ok:
        failures.append(name)
        print(f"FAILED {name}: loss {loss_error:.1e} lse {lse_error:.1e} dE {de:.1e} (row/4 {de_row:.1e}, element/bound {de_element:.2f}) dC {dc:.1e} "
              f"(row/4 {dc_row:.1e}, {dc_element:.2f}) db {db:.1e} same bits, and none around dC, {same} ignored zero {ignored_zero}", flush=True)
    plan.close()


def check_not_finite(library, context, name, e, c, labels, failures, results, **options):
    """In one call in chunks: what is no number, and what is one, as with all tokens at once."""
    outcomes = []
    for limit in (1 << 40, 2):
        try:
            plan = Plan(library, context, e, c, labels, one_call=True, workspace_limit=limit if limit > 2 else room * 2 // 5 + c.numel() // 2, **options)
        except RuntimeError:  # a backward of its own would not fit
            return
        room = plan.gradients_bytes
        chunks = re.search(r"in (\d+) chunks", re.search(r"loss and gradients in one call: .*", plan.describe())[0])
        plan.workspace.fill_(0xff)
        plan.outputs()
        plan.gradients(None, None, ("lse", "de", "dc"))
        synchronize()
        outcomes.append([t.double() for t in (plan.loss, plan.lse, plan.de, plan.dc)])
        plan.close()
    if not chunks:
        return
    problems = []
    for key, a, b in zip(("loss", "lse", "de", "dc"), *outcomes):
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


def little_workspace(make_plan):
    """What the library says that a backward needs at least, and an eighth: with more it may not be worth its traffic to save anything."""
    try:
        make_plan(workspace_limit=1).close()
    except RuntimeError as error:
        return int(re.search(r"needs at least (\d+) bytes", str(error))[1]) * 9 // 8
    raise AssertionError("a workspace of one byte")


SHIFT = 8  # elements: 16 bytes are all that the address of dC has to be a multiple of


def shift_dc(plan):
    """Puts dC between two margins of sevens, which are returned with it."""
    size = plan.c.numel()
    around = torch.full((SHIFT + size + 128,), 7, dtype=plan.c.dtype, device=plan.c.device)
    plan.dc = around[SHIFT:SHIFT + size].view(plan.c.shape)
    plan.dc.fill_(float("nan"))
    return around


def one_call_cases(library, context, failures, results, generator, dtypes, a):
    run = lambda *case, **options: [check_one_call(library, context, *case, failures, results, poison=not a.sanitize, chunks=chunks, **options)
                                    for chunks in ("all", "some", "none")]
    sizes = [(1, 64, 2), (1, 64, 1000), (129, 256, 600), (129, 512, 3001), (300, 768, 5003), (1300, 192, 3001), (1300, 123, 1000), (2100, 320, 1000), (2500, 64, 257)]
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
    rnd = lambda *s: torch.randn(*s, generator=generator, device=a.device)
    # The second size for logits in dC.
    for dtype, (n, d, v) in ((dtype, size) for dtype in dtypes for size in ((1300, 128, 1500), (300, 768, 5003))):
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


def same_without(library, context, plan, e, c, labels, dloss, dlse, options):
    """Whether a second backward of the same forward, with no saved logits left, gives the bits of a plan that saves none."""
    dbias = plan.dbias.clone() if plan.dbias is not None else None
    plain = Plan(library, context, e, c, labels, **options)
    plain.lse.copy_(plan.lse)  # its own comes from other splits if some classes are saved
    for each in (plan, plain):
        each.outputs()
        each.backward(dloss, dlse)
    synchronize()
    pairs = [(plan.de, plain.de), (plan.dc, plain.dc)] + ([(plan.dbias, plain.dbias)] if dbias is not None else [])
    plain.close()
    plan.dbias = dbias
    return all(torch.equal(a.view(torch.uint8), b.view(torch.uint8)) for a, b in pairs)


def relative_error(actual, expected):
    return ((actual.double() - expected).norm() / expected.norm().clamp_min(1e-300)).item()


def marks_of(plan):
    """The bits that the forward has left in the filter's state: groups of 128 tokens x classes."""
    (n, _), v = plan.e.shape, plan.c.shape[0]
    words = (v + 255) // 256 * 8
    up = lambda x, granule: (x + granule - 1) // granule * granule
    for granule in (128, 256, 512):  # of the tokens, with clusters
        groups = up(max(n, 1), granule) // 128
        if up(4 * groups * words, 256) + up(512 * groups, 256) + 256 == plan.state_bytes:
            break
    else:
        raise RuntimeError(f"a state of {plan.state_bytes} bytes does not fit {n} tokens and {v} classes")
    bits = plan.filter_state[:4 * groups * words].view(torch.int32).view(groups, words)
    shifts = torch.arange(32, dtype=torch.int32, device=bits.device)
    return ((bits[:, :, None] >> shifts) & 1).bool().view(groups, -1)[:, :v]


def check_filtered(library, context, name, e, c, labels, failures, results, path=None, dloss=None, dlse=None, poison=True, noise=True,
                   limit=None, want=("de", "dc"), **options):
    """path: "filtered" or "dense", if it has to be that one. limit: for the relative errors against exact gradients."""
    plan = Plan(library, context, e, c, labels, **options)
    filtered_plan = plan.state_bytes > 0

    def run():
        if poison:
            plan.workspace.fill_(0xff)
            if filtered_plan:
                plan.filter_state.fill_(0xff)
        plan.forward()
        plan.outputs()
        plan.dropped_mass.fill_(float("nan"))
        if poison:
            plan.workspace.fill_(0xff)
        plan.backward(dloss, dlse, want=want)
        synchronize()
        return [t.clone() for t in (plan.loss, plan.lse, plan.de, plan.dc, plan.dropped_mass, plan.kept_fraction)]

    first, second = run(), run()
    problems = [] if all(torch.equal(a.view(torch.uint8), b.view(torch.uint8)) for a, b in zip(first, second)) else ["not the same bits twice"]
    keys = ("bias", "softcap", "ignore_index", "reduction", "shift", "sequence")
    known = dict(dloss=dloss, dlse=dlse, **{k: v for k, v in options.items() if k in keys})
    eps, tail, kept = plan.p.filter_eps, options.get("filter_tail", "correct"), plan.kept_fraction.item()
    dense = kept == 1
    if path and path != ("dense" if dense else "filtered"):
        problems.append(f"not on the {path} path")
    marks = marks_of(plan) if filtered_plan else None
    if not dense:
        part = listed(marks, e.shape[1])[0].double().mean().item()
        if abs(kept - part) > 1e-6:
            problems.append(f"{part:.5f} listed, said {kept:.5f}")
    ref = reference(e, c, labels, noise=noise, marks=marks, eps=eps, tail=tail, **known)
    if ref["missed"]:
        problems.append("an entry of epsilon or more, or a label, is not marked")
    allowed = torch.zeros_like(ref["mass"]) if dense else ref["mass"]
    mass_error = ((plan.dropped_mass.double() - allowed).abs() / ref["scale"]).max().item() if len(allowed) else 0
    if not mass_error <= (0 if dense else 4e-6):
        problems.append(f"mass left out is wrong by {mass_error:.1e}")
    exact = ref if dense and marks is None else reference(e, c, labels, noise=noise and dense, **known)
    if dense:
        ref = exact
        allow_sums(ref, plan)
    loss_scale = ref["scale"] if options.get("reduction") == "none" else ref["scale"].max()
    if options.get("reduction") == "sum":
        loss_scale = loss_scale * ref["count"].clamp_min(1)
    worst = lambda a, x, s: ((a.double() - x).abs() / s).max().item()
    loss_error, lse_error = worst(plan.loss, ref["loss"], loss_scale), worst(plan.lse, ref["lse"], ref["scale"])
    if not (loss_error <= 2e-6 and lse_error <= 2e-6):
        problems.append(f"loss {loss_error:.1e} lse {lse_error:.1e}")
    averages = min(ref["count"].item(), c.shape[0]) >= 100 and c.shape[1] >= 64
    row = dict(de=0.0, dc=0.0, de_row=0.0, dc_row=0.0, de_element=0.0, dc_element=0.0)
    for key in want:
        if key == "dbias":
            # A label's probability is close to one here, so f32 evaluates p - onehot to this much of it.
            error = relative_error(plan.dbias, ref["dbias"])
            if not error <= max(BOUNDS[e.dtype], BOUNDS[plan.dbias.dtype], 2e-6 * ref["scale"].max().item()):
                problems.append(f"dbias {error:.1e}")
            continue
        total, worst_row, element, ok = grad_errors(getattr(plan, key), ref, key, averages) if noise or dense else (0.0, 0.0, 0.0, True)
        to_exact = relative_error(getattr(plan, key), exact[key])
        ok = ok and (limit is None or to_exact <= limit)
        row |= {key: total if averages else 0.0, key + "_row": worst_row if averages else 0.0, key + "_element": element, key + "_to_exact": to_exact}
        if not ok:
            problems.append(f"{key} {total:.1e} (row/4 {worst_row:.1e}, element/bound {element:.2f}), {to_exact:.1e} from exact")
    if "de" in want:
        if not bool((plan.de[~ref["valid"]] == 0).all()):
            problems.append("dE of ignored tokens is not zero")
        if tail == "drop" and noise and not dense:  # whatever was left out, it can not weigh more than its mass
            known_weight = (ref["mass"] * exact["upstream"].abs()) * c.double().norm(dim=1).max()
            rounding = 1.02 * (UNIT[e.dtype] * ref["de"].norm(dim=1) + (ref["de_u"] + ref["de_f"]).norm(dim=1)) + 1e-30
            if not bool(((plan.de.double() - exact["de"]).norm(dim=1) <= known_weight + rounding).all()):
                problems.append("dE is further from exact than the mass left out allows")
    results.append(dict(name=name, ok=not problems, loss=loss_error, lse=lse_error, dbias=0.0, kept=kept, mass=plan.dropped_mass.mean().item(),
                        **row))
    if problems:
        failures.append(name)
        print(f"FAILED {name} ({'dense' if dense else f'kept {kept:.4f}'}): {'; '.join(problems)}", flush=True)
    plan.close()
    return results[-1]


def make_sharp(n, d, v, dtype, generator, gain=(11, 14)):
    """Probable labels, and a long tail that is left out."""
    device = generator.device
    rn = lambda *s: torch.randn(*s, generator=generator, device=device)
    labels = (torch.rand(n, generator=generator, device=device) ** 3 * v).long()
    c = rn(v, d) / d**0.5
    gains = gain[0] + (gain[1] - gain[0]) * torch.rand(n, 1, generator=generator, device=device)
    e = rn(n, d)
    cy = c[labels] / c[labels].norm(dim=1, keepdim=True).clamp_min(1e-6)
    e = e - (e * cy).sum(1, keepdim=True) * cy + gains * cy
    return e.to(dtype), c.to(dtype), labels


def check_filter(library, context, failures, results, generator, dtypes, a):
    """Filtered backwards. On the CPU, which has none, the same calls give exact gradients."""
    from cce_bench import generate  # which imports this file

    gpu = a.device == "cuda"
    filtered = "filtered" if gpu else "dense"
    run = lambda name, e, c, y, **options: check_filtered(library, context, name, e, c, y, failures, results, poison=not a.sanitize, **options)
    ns, vs, ds = (1, 127, 129, 1000), (1, 2, 255, 257, 3001, 50257), (8, 64, 136, 776)
    if a.quick:
        ns, vs, ds = (1, 129, 300), (2, 257, 3001), (8, 136)
    if a.sanitize:
        ns, vs, ds = (129,), (3001,), (72,)
    for dtype in dtypes:
        # A column counts if one of 128 tokens needs it, so a large epsilon makes small problems sparse enough.
        for n in ns:
            for v in vs:
                for d in ds:
                    if not gpu and n * v * d > 1e8:
                        continue  # float64 on a few cores would take hours, and all of it is exact
                    for eps in (2.0**-12, 2.0**-6):
                        for tail in ("correct", "drop"):
                            e, c, y = make_sharp(n, d, v, dtype, generator)
                            sparse = v >= 3001 and n > 1 and eps == 2.0**-6 and d >= 64
                            run(f"{dtype} N{n} V{v} D{d} eps {eps:.0e} {tail}", e, c, y, reduction="sum", filter_eps=eps, filter_tail=tail,
                                path=filtered if sparse else None)
                    if not a.sanitize:
                        for data in ("flat", "adversarial"):
                            e, c, y = make(n, d, v, dtype, data, generator)
                            run(f"{dtype} N{n} V{v} D{d} {data}", e, c, y, reduction="sum", filter_eps="auto",
                                path="dense" if data == "flat" and min(n, v) > 100 and d >= 64 else None)
        print(f"{dtype}: {len(results)} cases, {len(failures)} failed", flush=True)
        n, d, v = 300, 136, 3001
        e, c, y = make_sharp(n, d, v, dtype, generator)
        rnd = lambda *s: torch.randn(*s, generator=generator, device=a.device)
        yi = torch.where(torch.rand(n, generator=generator, device=a.device) < 0.3, -100, y)
        # Some tokens get each other's label, which is improbable then: less than epsilon, and yet never left out.
        swapped = torch.arange(0, n, 5, device=a.device)
        ys = y.clone()
        ys[swapped] = y[swapped.flip(0)]
        flat = make(n, d, v, dtype, "flat", generator)
        bias = rnd(v)
        few = dict(path=filtered)
        cases = {
            "mean": (e, c, y, few), "ignored": (e, c, yi, few), "int32 labels": (e, c, yi.int(), few),
            "improbable labels": (e, c, ys, few), "improbable labels, dropped": (e, c, ys, few | dict(filter_tail="drop")),
            "all but one ignored": (e, c, torch.where(torch.arange(n, device=a.device) == 200, y, -100), few),
            "tail ignored": (e, c, torch.where(torch.arange(n, device=a.device) < 100, y, -100), few),
            "sum": (e, c, yi, few | dict(reduction="sum", dloss=rnd(1))),
            "none": (e, c, yi, few | dict(reduction="none", dloss=rnd(n))),
            "lse gradient": (e, c, yi, few | dict(reduction="none", dloss=rnd(n), dlse=rnd(n))),
            "mean with lse gradient": (e, c, yi, few | dict(dlse=rnd(n) / n)),
            "softcap": (e, c, yi, few | dict(softcap=20.0)), "bias": (e, c, yi, few | dict(bias=bias)),
            "bf16 bias and softcap": (e, c, yi, dict(bias=bias.bfloat16(), softcap=30.0)),
            "bias gradient": (e, c, yi, dict(bias=bias, want=("de", "dc", "dbias"), path="dense")),
            "shift": (e, c, yi, dict(shift=1, sequence=100)),
            "dE only": (e, c, yi, few | dict(want=("de",))), "dC only": (e, c, yi, few | dict(want=("dc",))),
            "dropped": (e, c, yi, few | dict(filter_tail="drop")),
            "little workspace": (e, c, yi, dict(workspace_limit=5 << 19)),
            "hardly any workspace": (e, c, yi, dict(workspace_limit=1 << 20)),
            "flat": (*flat, dict(path="dense")), "flat, little workspace": (*flat, dict(workspace_limit=5 << 19, path="dense")),
            "strided": (torch.cat([e, e], 1)[:, :d], torch.cat([c, c[:, :8]], 1)[:, :d], yi, few),
            "copied": (e[:, :123].contiguous(), c[:, :123].contiguous(), yi, dict(path="dense")),
        }
        for name, (ee, cc, yy, options) in cases.items():
            run(f"{dtype} {name}", ee, cc, yy, **(dict(filter_eps=2.0**-8) | options))
    filter_edge_cases(library, context, failures, results, generator)
    if gpu:
        graph(library, context, failures, results, generator, filter_eps=2.0**-8)
    if a.sanitize or a.quick or not gpu:
        return
    for n, d, v in ((2048, 512, 32768), (1000, 768, 50257), (4096, 2304, 65536)):
        for data in ("peaked", "broad"):
            for dtype in dtypes:
                e, c, y = generate(n, d, v, data, dtype, a.device)
                row = run(f"{dtype} N{n} D{d} V{v} {data}", e, c, y, filter_eps=2.0**-12, noise=False, limit=2.5e-2)
                print({k: f"{row[k]:.1e}" for k in ("kept", "mass", "de_to_exact", "dc_to_exact")}, row["name"], flush=True)


def filter_edge_cases(library, context, failures, results, generator):
    """No token takes part; an empty batch; a label that is no class; a state that is not given."""
    e, c, y = make_sharp(300, 136, 3001, torch.bfloat16, generator)
    options = dict(filter_eps=2.0**-8)
    for n, labels in ((300, torch.full_like(y, -100)), (0, y[:0])):
        for reduction in ("mean", "sum", "none"):
            plan = Plan(library, context, e[:n], c, labels[:n], reduction=reduction, **options)
            plan.forward()
            plan.outputs()
            plan.backward()
            synchronize()
            loss_ok = bool(torch.isnan(plan.loss).all()) if reduction == "mean" else bool((plan.loss == 0).all())
            zeros = all(bool((t == 0).all()) for t in (plan.de, plan.dc, plan.lse, plan.dropped_mass))
            expect(f"{n} ignored tokens, {reduction}, filter", loss_ok and zeros and plan.kept_fraction.item() == 1, failures, results)
            plan.close()
    labels = torch.where(torch.arange(300, device=y.device) == 42, 3001, y)
    good = torch.where(torch.arange(300, device=y.device) == 42, -100, y)
    runs = []
    for each in (labels, good):
        plan = Plan(library, context, e, c, each, reduction="none", **options)
        plan.forward()
        plan.outputs()
        plan.backward()
        synchronize()
        runs.append([t.clone() for t in (plan.de, plan.dc, plan.dropped_mass)])
        plan.close()
    expect("label 3001, filter", all(torch.equal(x, t) for x, t in zip(*runs)), failures, results)
    plan = Plan(library, context, e, c, y, **options)
    plain = Plan(library, context, e, c, y)
    plan.filter_state = None
    for each in (plan, plain):
        each.forward()
        each.outputs()
        each.backward()
    synchronize()
    same = all(torch.equal(x, t) for x, t in ((plan.loss, plain.loss), (plan.lse, plain.lse), (plan.de, plain.de), (plan.dc, plain.dc)))
    expect("no state", same and plan.kept_fraction.item() == 1 and bool((plan.dropped_mass == 0).all()), failures, results)
    plan.close()
    plain.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--dtypes", help="of bf16, f16 and, on the CPU, f32; default: all")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--sanitize", action="store_true")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--filter", action="store_true")
    parser.add_argument("--saved", action="store_true")
    parser.add_argument("--one-call", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--commit", default="", help="for the result file")
    a = parser.parse_args()
    if a.device == "cuda" and not torch.cuda.is_available():
        print("no CUDA device\n0 passed, 0 failed, 1 skipped")
        return
    torch.backends.cuda.matmul.allow_tf32 = False
    library = Library(a.library)
    context = library.context(2 if a.device == "cuda" else 1)
    a.description = library.lib.cce_context_description(context).decode()
    print(a.description, flush=True)
    generator = torch.Generator(a.device).manual_seed(0)
    failures, results = [], []
    ns, vs, ds = (1, 127, 129, 1000), (1, 2, 127, 129, 1000, 50257), (1, 7, 64, 123, 256, 257, 768, 2304)
    if a.quick:
        ns, vs, ds = (1, 129), (2, 129, 1000), (7, 64, 257)
    if a.large:
        ns = ()
    if a.large and not a.one_call:
        for n, d, v in ((8192, 64, 300000), (1000000, 2200, 512), (512, 2200, 1000000)):
            e, c, y = make(n, d, v, torch.bfloat16, "flat", generator)
            for saved in ("all", "some") if a.saved else (None,):
                check(library, context, f"N{n} D{d} V{v}", e, c, y, failures, results, noise=False, saved=saved, workspace_limit=12 << 30)
            print(results[-1], flush=True)
            torch.cuda.empty_cache()
    if a.sanitize:
        ns, vs, ds = (129,), (600,), (72, 123)
    dtypes = [torch.bfloat16, torch.float16] + ([torch.float32] if a.device == "cpu" else [])
    if a.sanitize:
        dtypes = dtypes[:1]
    if a.dtypes:
        dtypes = [{"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}[name] for name in a.dtypes.split(",")]
    if a.one_call:
        one_call_cases(library, context, failures, results, generator, dtypes, a)
        return finish(failures, results, a)
    if a.filter:
        check_filter(library, context, failures, results, generator, dtypes, a)
        return finish(failures, results, a)
    # A tile of classes is the least that is saved.
    saves = lambda v: ((("all", "some") if v > 256 else ("all",)) if a.saved else (None,))
    for dtype in dtypes:
        for n in ns:
            for v in vs:
                for d in ds:
                    for data in ("flat", "peaked", "adversarial"):
                        if a.device == "cpu" and n * v * d > 3e9 and data != "peaked":
                            continue  # float64 on a few cores would take hours
                        e, c, y = make(n, d, v, dtype, data, generator)
                        for saved in saves(v):
                            check(library, context, f"{dtype} N{n} V{v} D{d} {data}", e, c, y, failures, results, poison=not a.sanitize,
                                  saved=saved, reduction="sum")
        print(f"{dtype}: {len(results)} cases, {len(failures)} failed", flush=True)
    if a.large:
        return finish(failures, results, a)
    kept = dict(saved_logits_limit=1 << 60) if a.saved else {}
    edge_cases(library, context, failures, results, generator, **kept)
    if a.device == "cuda":
        graph(library, context, failures, results, generator, **kept)
    # Options, on one awkward size.
    n, d, v = 300, 136, 3001
    for dtype in dtypes:
        e, c, y = make(n, d, v, dtype, "peaked", generator)
        yi = torch.where(torch.rand(n, generator=generator, device=a.device) < 0.3, -100, y)
        bias = torch.randn(v, generator=generator, device=a.device)
        masked = bias.clone()
        masked[256:768] = float("-inf")
        y_unmasked = torch.where((y >= 256) & (y < 768), 5, y)
        rnd = lambda *s: torch.randn(*s, generator=generator, device=a.device)
        cases = {
            "mean": (e, c, y, {}), "ignored": (e, c, yi, {}), "int32 labels": (e, c, yi.int(), {}),
            "all but one ignored": (e, c, torch.where(torch.arange(n, device=a.device) == 200, y, -100), {}),
            "sum": (e, c, yi, dict(reduction="sum", dloss=rnd(1))),
            "none": (e, c, yi, dict(reduction="none", dloss=rnd(n))),
            "lse gradient": (e, c, yi, dict(reduction="none", dloss=rnd(n), dlse=rnd(n))),
            "mean with lse gradient": (e, c, yi, dict(dlse=rnd(n) / n)),
            "softcap": (e, c, yi, dict(softcap=5.0)), "bias": (e, c, yi, dict(bias=bias)),
            "bf16 bias": (e, c, yi, dict(bias=bias.bfloat16())), "bias and softcap": (e, c, yi, dict(bias=bias, softcap=20.0)),
            "masked classes": (e, c, y_unmasked, dict(bias=masked)),
            "shift": (e, c, yi, dict(shift=1, sequence=100)), "shift 3": (e, c, yi, dict(shift=3, sequence=50)),
            "many chunks": (e, c, yi, dict(workspace_limit=1 << 20)), "many chunks, bias": (e, c, yi, dict(workspace_limit=1 << 20, bias=bias)),
            "tail ignored": (e, c, torch.where(torch.arange(n, device=a.device) < 256, y, -100), {}),
            "strided": (rnd(n, 2 * d).to(dtype)[:, :d], rnd(v, d + 8).to(dtype)[:, :d], yi, {}),
            "transposed": (rnd(d, n).to(dtype).T, rnd(d, v).to(dtype).T, yi, {}),
        }
        for name, (ee, cc, yy, options) in cases.items():
            for saved in saves(v):
                check(library, context, f"{dtype} {name}", ee, cc, yy, failures, results, poison=not a.sanitize, saved=saved, **options)
    finish(failures, results, a)


def expect(name, ok, failures, results):
    results.append(dict(name=name, ok=bool(ok), loss=0, lse=0, de=0, dc=0, dbias=0, de_row=0, dc_row=0, de_element=0, dc_element=0))
    if not ok:
        failures.append(name)
        print("FAILED", name)


def edge_cases(library, context, failures, results, generator, vocab=1001, in_dc=False, **options):
    """No token takes part; an empty batch; labels that are no class. in_dc: with a workspace so small that one call keeps logits in dC."""

    def run(e, c, y, reduction):
        plan = Plan(library, context, e, c, y, reduction=reduction, **options)
        plan.outputs()
        plan.step()
        synchronize()
        return plan

    e, c, y = make(300, 136, vocab, torch.bfloat16, "peaked", generator)
    if in_dc:
        options["workspace_limit"] = little_workspace(lambda **limit: Plan(library, context, e, c, y, **(options | limit)))
    nan = lambda t: bool(torch.isnan(t).all())
    for n, labels in ((300, torch.full_like(y, -100)), (0, y[:0])):
        for reduction in ("mean", "sum", "none"):
            plan = run(e[:n], c, labels[:n], reduction)
            loss_ok = nan(plan.loss) if reduction == "mean" else bool((plan.loss == 0).all())
            zeros = bool((plan.de == 0).all() and (plan.dc == 0).all() and (plan.lse == 0).all())
            expect(f"{n} ignored tokens, {reduction}", loss_ok and zeros, failures, results)
            plan.close()
    good = run(e, c, torch.where(torch.arange(300, device=y.device) % 100 == 42, -100, y), "none")
    expect(f"classes in dC: {good.classes_in_dc}", (good.classes_in_dc > 0) == in_dc, failures, results)
    for bad in (vocab, -5, 2**40):
        labels = torch.where(torch.arange(300, device=y.device) % 100 == 42, bad, y)
        plan = run(e, c, labels, "none")
        is_bad = labels == bad
        same = torch.equal(plan.loss[~is_bad], good.loss[~is_bad]) and torch.equal(plan.dc, good.dc) and torch.equal(plan.de, good.de)
        expect(f"label {bad}", nan(plan.loss[is_bad]) and nan(plan.lse[is_bad]) and same and plan.label_error.tolist() == [42, bad],
               failures, results)
        plan.close()
        plan = run(e, c, labels, "mean")
        expect(f"label {bad}, mean", nan(plan.loss), failures, results)
        plan.close()
        checked = Plan(library, context, e, c, labels, check_labels=1, **options)
        checked.outputs()
        try:
            checked.step()
            expect(f"label {bad}, checked", False, failures, results)
        except RuntimeError as error:
            expect(f"label {bad}, checked", f"at position 42, got {bad}" in str(error), failures, results)
        checked.close()
    good.close()


def graph(library, context, failures, results, generator, in_dc=False, **options):
    """Forward and backward captured into a CUDA graph give the bits of the plain calls, also on new data, which takes another path if
    there is a filter."""
    make_first = make_sharp if "filter_eps" in options else lambda *size: make(*size[:4], "peaked", size[4])
    e, c, y = make_first(500, 256, 3000, torch.bfloat16, generator)
    if in_dc:
        options["workspace_limit"] = little_workspace(lambda **limit: Plan(library, context, e, c, y, **(options | limit)))
    plan = Plan(library, context, e, c, y, **options)
    plan.outputs()
    plan.step()
    synchronize()
    recorded = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recorded):
        plan.step()
    e2, _, y2 = make(500, 256, 3000, torch.bfloat16, "flat", generator)
    e.copy_(e2)
    y.copy_(torch.where(y2 % 3 == 0, -100, y2))
    plan.step()
    expected = [t.clone() for t in (plan.loss, plan.lse, plan.de, plan.dc)]
    plan.outputs_poison()
    recorded.replay()
    synchronize()
    ok = all(torch.equal(x.view(torch.uint8), t.view(torch.uint8)) for x, t in zip(expected, (plan.loss, plan.lse, plan.de, plan.dc)))
    expect(f"CUDA graph, {plan.classes_in_dc} classes in dC", ok and (plan.classes_in_dc > 0) == in_dc, failures, results)
    plan.close()


def finish(failures, results, a):
    worst = {k: max((r[k] for r in results if r["ok"]), default=0) for k in ("loss", "lse", "de", "dc", "de_row", "dc_row", "de_element", "dc_element")}
    print("worst of those that passed:", {k: f"{v:.2e}" for k, v in worst.items()})
    if a.json:
        summary = dict(device=a.description, torch=torch.__version__, date=datetime.date.today().isoformat(), commit=a.commit,
                       passed=len(results) - len(failures), failed=failures, worst=worst)
        json.dump(summary, open(a.json, "w"), indent=1)
    print(f"{len(results) - len(failures)} passed, {len(failures)} failed")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
