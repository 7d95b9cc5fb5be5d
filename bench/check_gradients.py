# Checks losses and gradients of the library, on a GPU or on the CPU, against float64, over sizes, dtypes, data and options.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: check_gradients.py LIBRARY [--device cuda|cpu | --emulator LIBCUDA] [--quick | --sanitize | --large | --filter] [--saved | --one-call] [--json FILE]

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

On a GPU every element of dE may in addition be off by 2^-15 of the sum of magnitudes each time that a sum is cut between two chunks of classes.

With saved logits every element but the label's may in addition be off by what half a step of their codes does to it, 2^-12 in the logit, and
by all of it 32 below the largest of its tile; relative errors have to be as without. A backward that is not given them has to give the
bits of a plan that saves none.

In one call: what one_call_checks.py says.

With a filter: no entry of epsilon or more and no label may be missing among the classes that the forward has marked; gradients obey the
bounds above against float64 gradients that leave out what is not marked (and have the same correction, by the tally that the forward has left,
which has to be that of small probabilities), so nothing else is left out; the mass left out is that of the float64 probabilities; and on trained-like data the gradients are
within 2.5e-2 of the exact ones.
"""
import argparse
import ctypes
import datetime
import json
import os
import re
import sys

import torch

from cce_ctypes import Library, Plan
from gradient_cases import allow_sums, edge_cases, expect, graph, judge, make, make_sawtooth, make_sharp, many_steps, many_tokens, relative_error, synchronize
from gradient_reference import BOUNDS, UNIT, grad_errors, listed, reference
from one_call_checks import one_call_cases


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
    judge(name, plan, ref, same, failures, results, **options)
    plan.close()


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


def marks_and_tally(plan, tail):
    """What the forward has left in the filter's state: bits, groups of 128 tokens x classes, and what each class has below epsilon, in units of
    epsilon / 2^22; None if there is no correction."""
    (n, _), v = plan.e.shape, plan.c.shape[0]
    words = (v + 255) // 256 * 8
    up = lambda x, granule: (x + granule - 1) // granule * granule
    for granule in (128, 256, 512):  # of the tokens, with clusters
        groups = up(max(n, 1), granule) // 128
        of_tally = 128 * words if tail != "drop" else 0
        # Before it the states of a sample of the classes may be there (chooseFilter in runtime/plan/Layout.cpp).
        every = -(-v // (1024 if v < 160000 else 2048))
        states = 8 * (up(-(-(v - every // 2) // every), 256) // 128) * groups * 128
        of_tally = max(of_tally, states) if states <= of_tally * 9 // 8 else of_tally
        if up(4 * groups * words, 256) + up(of_tally, 256) + up(512 * groups, 256) + 256 == plan.state_bytes:
            break
    else:
        raise RuntimeError(f"a state of {plan.state_bytes} bytes does not fit {n} tokens and {v} classes")
    bits = plan.filter_state[:4 * groups * words].view(torch.int32).view(groups, words)
    shifts = torch.arange(32, dtype=torch.int32, device=bits.device)
    marks = ((bits[:, :, None] >> shifts) & 1).bool().view(groups, -1)[:, :v]
    if not of_tally:
        return marks, None
    start = up(4 * groups * words, 256)
    return marks, (plan.filter_state[start:start + 4 * v].view(torch.int32).long() & 0xffffffff).double()


def tally_problems(tally, ref, eps, averages):
    """Where a tally is not what small probabilities add up to, which it takes with estimates of the log-sum-exps."""
    unit, rows = eps / 2.0**22, ref["in_sample"]
    share = tally * unit
    off = ((share < ref["small_least"] - rows * unit) | (share > ref["small_most"] + rows * unit)).sum().item()
    problems = [f"the tally of {off} classes is off"] if off else []
    total, want = share.sum(), ref["small_sum"].sum()
    ratio = (total / want).item() if want > 0 else 1.0
    apart = ((share - ratio * ref["small_sum"]).abs().sum() / total).item() if total > 0 else 0.0
    if averages and want > 1e-3 and not (0.98 <= ratio <= 4 and apart <= 0.3):
        problems.append(f"the tally is {ratio:.3f} of the small probabilities, and {apart:.3f} of it elsewhere")
    return problems, ratio, apart


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
    marks, tally = marks_and_tally(plan, tail) if filtered_plan else (None, None)
    if not dense:
        part = listed(marks, e.shape[1])[0].double().mean().item()
        if abs(kept - part) > 1e-6:
            problems.append(f"{part:.5f} listed, said {kept:.5f}")
    ref = reference(e, c, labels, noise=noise, marks=marks, tally=tally, eps=eps, **known)
    if ref["missed"]:
        problems.append("an entry of epsilon or more, or a label, is not marked")
    averages = min(ref["count"].item(), c.shape[0]) >= 100 and c.shape[1] >= 64
    row = dict(de=0.0, dc=0.0, de_row=0.0, dc_row=0.0, de_element=0.0, dc_element=0.0)
    if tally is not None and not dense:
        off, row["tally_ratio"], row["tally_apart"] = tally_problems(tally, ref, eps, averages)
        problems += off
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


def check_filter(library, context, failures, results, generator, dtypes, a):
    """Filtered backwards. On the CPU, which has none, the same calls give exact gradients."""
    from cce_bench import generate  # needs numpy, as nothing else here

    gpu = a.gpu
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
                    if a.device == "cpu" and n * v * d > 1e8:
                        continue  # float64 on a few cores would take hours
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
            "none, dE only": (e, c, yi, few | dict(want=("de",), reduction="none", dloss=rnd(n))),
            "little workspace": (e, c, yi, dict(workspace_limit=5 << 19)),
            "hardly any workspace": (e, c, yi, dict(workspace_limit=1 << 20)),
            "flat": (*flat, dict(path="dense")), "flat, little workspace": (*flat, dict(workspace_limit=5 << 19, path="dense")),
            "strided": (torch.cat([e, e], 1)[:, :d], torch.cat([c, c[:, :8]], 1)[:, :d], yi, few),
            "copied": (e[:, :123].contiguous(), c[:, :123].contiguous(), yi, dict(path="dense")),
        }
        for name, (ee, cc, yy, options) in cases.items():
            run(f"{dtype} {name}", ee, cc, yy, **(dict(filter_eps=2.0**-8) | options))
    filter_edge_cases(library, context, failures, results, generator)
    if a.device == "cuda":
        graph(library, context, failures, results, generator, filter_eps=2.0**-8)
        if not a.sanitize:
            many_steps(library, context, failures, results, generator, filter_eps=2.0**-8)
        for name, e, c, y in many_tokens(generator) if not a.sanitize else ():
            run(name, e, c, y, filter_eps=2.0**-6)
    if a.sanitize or a.quick or a.device == "cpu":
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
    parser.add_argument("--emulator", help="a libcuda.so.1 that executes PTX on the CPU (test/emulator), instead of a GPU; for small cases")
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
    a.gpu = a.device == "cuda" or a.emulator
    if a.emulator:
        os.environ["CCE_EMULATOR_ANY"] = "1"  # tensors are memory of the process
        a.emulator = ctypes.CDLL(a.emulator, ctypes.RTLD_GLOBAL)  # which is found by its name then
        a.device = "cpu"
    if a.device == "cuda" and not torch.cuda.is_available():
        print("no CUDA device\n0 passed, 0 failed, 1 skipped")
        return
    torch.backends.cuda.matmul.allow_tf32 = False
    library = Library(a.library)
    context = library.context(2 if a.gpu else 1)
    a.description = library.lib.cce_context_description(context).decode()
    print(a.description, flush=True)
    if a.emulator and "emulated GPU" not in a.description:
        sys.exit("another driver has been loaded before")
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
    dtypes = [torch.bfloat16, torch.float16] + ([] if a.gpu else [torch.float32])
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
        if not a.sanitize:
            many_steps(library, context, failures, results, generator, **kept)
        for name, e, c, y in many_tokens(generator) if not a.sanitize else ():
            check(library, context, name, e, c, y, failures, results, saved="some" if a.saved else None)
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
        if not a.sanitize:
            e, c, y = make_sawtooth(300, 64, 60000 if a.quick or a.device == "cpu" else 120000, dtype, generator)
            for saved in saves(len(c)):
                check(library, context, f"{dtype} sawtooth", e, c, y, failures, results, saved=saved)
    finish(failures, results, a)


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
