# What checks of gradients share: data, allowances, and cases that hold whatever a plan saves, filters or does in one call.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import faulthandler
import re

import torch

from cce_ctypes import Plan
from gradient_reference import BOUNDS, UNIT, grad_errors


def synchronize():
    """Waits for the GPU; where that takes five minutes a kernel hangs, and the process ends with a traceback."""
    if torch.cuda.is_available():
        faulthandler.dump_traceback_later(300, exit=True)
        torch.cuda.synchronize()
        faulthandler.cancel_dump_traceback_later()


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


def make_sawtooth(n, d, v, dtype, generator, top=200, period=1500):
    """Logits that rise by `top` over so many classes, again and again: what a split of several tiles has seen says nothing about what comes."""
    e, c, labels = make(n, d, v, torch.float32, "flat", generator)
    e[:, 0] = 64
    c[:, 0] = torch.arange(v, device=c.device) % period * (top / period / 64)
    return e.to(dtype), c.to(dtype), labels


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


def allow_sums(ref, plan):
    """Adds to the bounds what it may cost to cut sums of dE between two chunks of classes."""
    if "de_s" in ref:
        ref["de_s"] = ref["de_s"] + plan.class_cuts() * 2.0**-15 / UNIT[plan.e.dtype] * ref["de_u"]


def relative_error(actual, expected):
    return ((actual.double() - expected).norm() / expected.norm().clamp_min(1e-300)).item()


def judge(name, plan, ref, same, failures, results, reduction="mean", want=("lse", "de", "dc", "dbias"), **_):
    """Compares what a plan has computed with the reference; `same`: whether it had the same bits twice, and has written nowhere else."""
    loss_scale = ref["scale"] if reduction == "none" else ref["scale"].max()
    if reduction == "sum":
        loss_scale = loss_scale * ref["count"].clamp_min(1)
    worst = lambda a, x, s: ((a.double() - x).abs() / s).max().item()
    loss_error = worst(plan.loss, ref["loss"], loss_scale)
    lse_error = worst(plan.lse, ref["lse"], ref["scale"]) if "lse" in want else 0.0
    averages = min(ref["count"].item(), plan.c.shape[0]) >= 100 and plan.c.shape[1] >= 64
    nothing = (0.0, 0.0, 0.0, True)
    de, de_row, de_element, de_ok = grad_errors(plan.de, ref, "de", averages) if "de" in want else nothing
    dc, dc_row, dc_element, dc_ok = grad_errors(plan.dc, ref, "dc", averages) if "dc" in want else nothing
    db, db_ok = 0.0, True
    if plan.dbias is not None and "dbias" in want:
        db = relative_error(plan.dbias, ref["dbias"])
        db_ok = db <= max(BOUNDS[plan.e.dtype], BOUNDS[plan.dbias.dtype])
    ignored_zero = "de" not in want or bool((plan.de[~ref["valid"]] == 0).all())
    ok = loss_error <= 2e-6 and lse_error <= 2e-6 and de_ok and dc_ok and db_ok and same and ignored_zero
    if not averages:  # gradients that cancel to nothing have no relative error
        de = dc = de_row = dc_row = 0.0
    results.append(dict(name=name, ok=ok, loss=loss_error, lse=lse_error, de=de, dc=dc, dbias=db, de_row=de_row, dc_row=dc_row,
                        de_element=de_element, dc_element=dc_element))
    if not ok:
        failures.append(name)
        print(f"FAILED {name}: loss {loss_error:.1e} lse {lse_error:.1e} dE {de:.1e} (row/4 {de_row:.1e}, element/bound {de_element:.2f}) dC {dc:.1e} "
              f"(row/4 {dc_row:.1e}, {dc_element:.2f}) db {db:.1e} same bits, and nothing written elsewhere, {same} ignored zero {ignored_zero}", flush=True)


def expect(name, ok, failures, results):
    results.append(dict(name=name, ok=bool(ok), loss=0, lse=0, de=0, dc=0, dbias=0, de_row=0, dc_row=0, de_element=0, dc_element=0))
    if not ok:
        failures.append(name)
        print("FAILED", name)


def little_workspace(make_plan):
    """Room with which one call keeps logits in dC, if a few times what the library says that a backward needs at least has such a size: with others it is
    not worth its traffic, or chunks of tokens fit."""
    try:
        make_plan(workspace_limit=1).close()
        raise AssertionError("a workspace of one byte")
    except RuntimeError as error:
        least = int(re.search(r"needs at least (\d+) bytes", str(error))[1])
    for eighths in (9, 12, 16, 20, 24, 32, 40, 48, 64):
        plan = make_plan(workspace_limit=least * eighths // 8)
        found = plan.classes_in_dc > 0
        plan.close()
        if found:
            break
    return least * eighths // 8


def many_tokens(generator):
    """So many tokens and classes that the last split of the forward is shorter than the others, and that each class has the tally of some groups of
    tokens only; with fewer tokens that take part than either is planned for. (name, e, c, labels) one after the other."""
    for n, v in ((4096, 50257), (5120, 43000)):
        for ignored in (0, 0.1, 0.4, 0.9):
            e, c, y = make_sharp(n, 64, v, torch.bfloat16, generator)
            yield f"N{n} V{v}, {ignored} of them ignored", e, c, torch.where(torch.rand(n, generator=generator, device=y.device) < ignored, -100, y)


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


def many_steps(library, context, failures, results, generator, **options):
    """Steps of a narrow product, which nobody waits for, end, and leave the bits of the first. Its tiles take about as long as what follows their
    products, so that a warp that is late may find itself two tiles behind."""
    e, c, y = make_sharp(4096, 64, 50257, torch.bfloat16, generator)
    plan = Plan(library, context, e, c, y, **options)
    plan.outputs()
    plan.step()
    synchronize()
    outputs = (plan.loss, plan.lse, plan.de, plan.dc)
    expected = [t.clone() for t in outputs]
    for _ in range(200):
        plan.step()
    synchronize()
    same = all(torch.equal(x.view(torch.uint8), t.view(torch.uint8)) for x, t in zip(expected, outputs))
    expect("200 steps of a narrow product", same, failures, results)
    plan.close()


def graph(library, context, failures, results, generator, in_dc=False, **options):
    """Forward and backward captured into a CUDA graph give the bits of the plain calls, also on new data, which takes another path if
    there is a filter."""
    make_first = make_sharp if "filter_eps" in options else lambda *size: make(*size[:4], "peaked", size[4])
    size = (500, 256, 30000 if in_dc else 3000)
    e, c, y = make_first(*size, torch.bfloat16, generator)
    if in_dc:
        options["workspace_limit"] = little_workspace(lambda **limit: Plan(library, context, e, c, y, **(options | limit)))
    plan = Plan(library, context, e, c, y, **options)
    plan.outputs()
    plan.step()
    synchronize()
    recorded = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recorded):
        plan.step()
    e2, _, y2 = make(*size, torch.bfloat16, "flat", generator)
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
