# Which of several builds or configurations is faster, in one process and in turns of random order.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: compare.py ARM ARM... [--shapes NAMES] [--data peaked|broad|flat | --saved FOLDER] [--mode step|forward] [--filter EPS] [--filter-tail TAIL]
                  [--one-call] [--workspace MIB] [--rounds N] [--device cuda|cpu] [--json FILE]

An arm is NAME=LIBRARY, or NAME=LIBRARY@KERNEL:KEY=NUMBER,...@KERNEL:... with configurations as a tuner would have found them, for example

    base=lib/libcce.so  alone=lib/libcce.so@lse_forward:cluster=1@grad_embedding:cluster=1,tile_n=192

For each shape the arms, and the plain product E.C^T beside them, take their turns in another order each round; what is printed is the median, the mean
of the ratio to the first arm by round with its standard error, and whether losses and gradients have the same bits as the first arm's.
"""
import argparse
import datetime
import json
import os
import random
import re
import statistics
import tempfile

import torch

from cce_bench import SHAPES, CpuTimer, CudaTimer, generate, load
from cce_ctypes import Library, Plan

FORMAT = 2  # of a tuning table (runtime/tuning/TuningTable.cpp)


def tuned_folder(text, description, problem):
    """A cache folder whose tuning table has only the configurations of an arm, for any of these problems."""
    name, driver = re.match(r"(.*) \(sm_90a, driver (.*)\)", description).groups()
    multiprocessors = torch.cuda.get_device_properties(0).multi_processor_count if torch.cuda.is_available() else 4
    kernels = {}
    for each in text:
        kernel, config = each.split(":")
        config = {key: int(value) for key, value in (pair.split("=") for pair in config.split(","))}
        kernels[kernel] = [dict(config=config, milliseconds=[1.0])]
    folder = tempfile.mkdtemp(prefix="cce-compare-")
    device = f"{name}, sm_90a, {multiprocessors} multiprocessors, driver {driver}"
    json.dump(dict(version=FORMAT, devices={device: {problem: kernels}}), open(os.path.join(folder, "tuning.json"), "w"))
    return folder


def make_plan(arm, e, c, y, a, gpu):
    _, _, spec = arm.partition("=")
    path, *configs = spec.split("@")
    library = Library(path)
    context = library.context(2 if gpu else 1)
    if configs:
        n, d, v = *e.shape, c.shape[0]
        problem = f"tokens={n} hidden={d} vocab={v} dtype=bf16 transform=identity workspace={a.workspace << 20}"
        folder = tuned_folder(configs, library.lib.cce_context_description(context).decode(), problem)
        context = library.context(2 if gpu else 1, cache_dir=folder)
    plan = Plan(library, context, e, c, y, workspace_limit=a.workspace << 20, filter_eps=a.filter, filter_tail=a.filter_tail, one_call=a.one_call)
    for config in configs:
        if config.split(":")[0] + ":" not in plan.describe() or "tuned" not in plan.describe():
            raise SystemExit(f"{arm}: the plan has not taken '{config}'\n{plan.describe()}")
    plan.outputs()
    return plan


def results(plan):
    return [t.clone() for t in (plan.loss, plan.lse, plan.de, plan.dc)]


def compare(name, e, c, y, a, gpu, timer):
    plans = [make_plan(arm, e, c, y, a, gpu) for arm in a.arms]
    works = [plan.forward if a.mode == "forward" else plan.step for plan in plans]
    logits = torch.empty(e.shape[0], c.shape[0], dtype=e.dtype, device=e.device)
    names = [arm.partition("=")[0] for arm in a.arms] + ["product"]
    works.append(lambda: torch.matmul(e, c.T, out=logits))
    first, same = None, []
    for plan, work in zip(plans, works):
        work()
        mine = results(plan)
        first = first or mine
        same.append([torch.equal(x.view(torch.uint8), z.view(torch.uint8)) for x, z in zip(mine, first)])
    times = [[] for _ in works]
    for round_number in range(a.rounds + 2):  # the first two warm up
        for i in random.sample(range(len(works)), len(works)):
            milliseconds = timer(works[i])
            if round_number >= 2:
                times[i].append(milliseconds)
    rows = []
    for i, label in enumerate(names):
        ratios = [mine / base for mine, base in zip(times[i], times[0])]
        error = statistics.stdev(ratios) / len(ratios) ** 0.5 if len(ratios) > 1 else float("nan")
        row = dict(shape=name, arm=label, median=statistics.median(times[i]), ratio=statistics.mean(ratios), error=error,
                   of_product=statistics.median(times[i]) / statistics.median(times[-1]))
        bits = ""
        if i < len(plans):
            row["same"] = same[i]
            row["kept"] = plans[i].kept_fraction.item() if a.filter and a.mode != "forward" else None
            bits = "same bits" if all(same[i]) else "other bits of " + ", ".join(n for n, s in zip(("loss", "lse", "dE", "dC"), same[i]) if not s)
        print(f"{name:14} {label:14} {row['median']:9.3f} ms  {row['of_product']:6.3f} G  {row['ratio']:.4f} +- {error:.4f}  {bits}", flush=True)
        rows.append(row)
    for plan in plans:
        plan.close()
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arms", nargs="+")
    parser.add_argument("--shapes", default="gemma2-2b", help="of cce_bench.py, or NxDxV, with commas between")
    parser.add_argument("--data", choices=("peaked", "broad", "flat"), default="peaked")
    parser.add_argument("--saved", metavar="FOLDER")
    parser.add_argument("--mode", choices=("step", "forward"), default="step")
    parser.add_argument("--filter", type=float, default=0, metavar="EPS")
    parser.add_argument("--filter-tail", choices=("correct", "drop"), default="correct")
    parser.add_argument("--one-call", action="store_true")
    parser.add_argument("--workspace", type=int, default=1024, metavar="MIB")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--emulator", help="a libcuda.so.1 that executes PTX on the CPU (test/emulator): shows that it runs, times mean nothing")
    parser.add_argument("--json")
    a = parser.parse_args()
    gpu = a.device == "cuda" or bool(a.emulator)
    if a.emulator:
        import ctypes
        os.environ["CCE_EMULATOR_ANY"] = "1"
        ctypes.CDLL(a.emulator, ctypes.RTLD_GLOBAL)
        a.device = "cpu"
    torch.manual_seed(0)
    random.seed(0)
    timer = CudaTimer() if a.device == "cuda" else CpuTimer()
    rows = []
    for shape in ["saved"] if a.saved else a.shapes.split(","):
        if a.saved:
            e, c, y = load(a.saved, torch.bfloat16, a.device)
        else:
            n, d, v = SHAPES.get(shape) or map(int, shape.split("x"))
            e, c, y = generate(n, d, v, a.data, torch.bfloat16, a.device)
        rows += compare(shape, e, c, y.to(torch.int64), a, gpu, timer)
    if a.json:
        device = torch.cuda.get_device_name(0) if a.device == "cuda" else "CPU"
        options = {k: v for k, v in vars(a).items() if k not in ("json", "arms")}
        json.dump(dict(device=device, date=datetime.date.today().isoformat(), arms=a.arms, options=options, rows=rows), open(a.json, "w"), indent=1)


if __name__ == "__main__":
    main()
