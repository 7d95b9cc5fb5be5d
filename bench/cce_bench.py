# Times and checks plans on generated data or on saved E, C and labels.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints a table and writes JSON. Times are medians; G is the time of the plain product E.C^T of the same data in the same run (cuBLAS
on a GPU, OpenBLAS's sgemm on the CPU). Gradients are compared with float64 in the same run.

    cce_bench.py build/release/lib/libcce.so --shapes gemma2-2b,llama3-8b --data peaked,flat --json result.json
    cce_bench.py build/release/lib/libcce.so --saved out/validation          E.bin, C0.bin.., Y.bin, meta.json of examples/text_lm
    cce_bench.py build/release/lib/libcce.so --device cpu --dtype f32 --size 1024x512x32768 --threads 2

peaked and broad are trained-like (Zipf unigrams and contextual peaks, ids shuffled), flat is an untrained head. --profile adds the time
of each kernel (torch.profiler). --tune tunes each plan first. --filter: a filtered backward, for which the forward finds out what is
needed; kept is the part of tokens x classes that it looked at, dropped the probability that a token leaves out on average, st the memory
between forward and backward. --save: the forward may keep logits for the backward, sv is the memory that they take; every backward then has a
forward of its own before it, and bw MiB is the workspace that it needs with them. --one-call: cce_loss_and_gradients instead of both, with a plan for
it; its time is all, and that of the backward, bw MiB its workspace, chunks how many chunks of tokens it takes, and in dC of how many classes it
keeps the logits there instead.
"""
import argparse
import ctypes as ct
import datetime
import glob
import itertools
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np
import torch

from cce_ctypes import Library, Plan
from gradient_reference import reference

SHAPES = {  # tokens, hidden, vocab
    "gemma2-2b": (8192, 2304, 256000), "llama3-8b": (8192, 4096, 128256), "qwen2.5-7b": (8192, 3584, 152064),
    "phi3.5": (8192, 3072, 32064), "gpt2": (8192, 768, 50257), "llama3-8b-1k": (1024, 4096, 128256)}
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


def generate(n, d, v, data, dtype, device):
    g = torch.Generator(device).manual_seed(0)
    rn = lambda *s: torch.randn(*s, generator=g, device=device)
    if data == "flat":
        return rn(n, d).to(dtype), (rn(v, d) * 0.02).to(dtype), torch.randint(0, v, (n,), generator=g, device=device)
    spread = {"peaked": 1.0, "broad": 2.0}[data]
    logp = -torch.log(torch.randperm(v, generator=g, device=device).float() + 1)
    y = torch.multinomial(torch.softmax(logp, 0), n, replacement=True, generator=g)
    u = rn(d)
    u /= u.norm()
    c = rn(v, d) / d**0.5
    c = c - (c @ u)[:, None] * u + (logp - logp.mean())[:, None] * u / 8
    noise = rn(n, d) * spread
    noise -= (noise @ u)[:, None] * u
    cy = c[y] - (c[y] @ u)[:, None] * u
    gain = 6 + 6 * torch.rand(n, 1, generator=g, device=device)
    return (8 * u + noise + gain * cy / cy.norm(dim=1, keepdim=True)).to(dtype), c.to(dtype), y


def by_frequency(c, y):
    """The same problem with classes in the order of how many tokens have them as label, the most frequent first."""
    order = torch.argsort(torch.bincount(y.long(), minlength=c.shape[0]), descending=True, stable=True)
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order), device=order.device)
    return c[order], place[y.long()].to(y.dtype)


def load(folder, dtype, device):
    """E.bin and C0.bin.. (bf16), Y.bin (int32), meta.json {"tokens", "hidden", "vocab"}."""
    meta = json.load(open(f"{folder}/meta.json"))
    read = lambda names: torch.from_numpy(np.concatenate([np.fromfile(f, np.int16) for f in names])).view(torch.bfloat16)
    parts = sorted(glob.glob(f"{folder}/C*.bin"), key=lambda f: int(os.path.basename(f)[1:-4]))
    e, c = read([f"{folder}/E.bin"]).view(meta["tokens"], -1), read(parts).view(meta["vocab"], -1)
    y = torch.from_numpy(np.fromfile(f"{folder}/Y.bin", np.int32))
    return e.to(device, dtype), c.to(device, dtype), y.to(device)


class CpuTimer:
    def __call__(self, work):
        start = time.perf_counter()
        work()
        return (time.perf_counter() - start) * 1e3


class CudaTimer:
    """Time on the device. It sleeps first, so that all launches of a short call are queued when its time begins: in a training step the host is
    ahead, too, and what it takes to call a plan through Python is not what is measured."""
    SLEEP_CYCLES = 1_000_000  # about half a millisecond

    def __call__(self, work):
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda._sleep(self.SLEEP_CYCLES)
        start.record()
        work()
        stop.record()
        torch.cuda.synchronize()
        return start.elapsed_time(stop)


def medians(timer, works, iterations, interleave, paired=False):
    """Milliseconds of each: one after the other, or in turns, so that all meet a device of the same heat. What ran just before counts as well, so turns
    have every order equally often (paired: only those in which the last comes right behind the one before). The first turns are left out, and there are as many as
    fill a second."""
    orders = list(itertools.permutations(range(len(works))))
    if paired:
        orders = [order for order in orders if (order.index(len(works) - 1) - order.index(len(works) - 2)) == 1]
    if not interleave:
        return [statistics.median([timer(work) for _ in range(iterations + 2)][2:]) for work in works]
    times = [[] for _ in works]
    start, turn, first = time.perf_counter(), 0, len(orders)
    while turn < first + iterations or turn % len(orders) or time.perf_counter() - start < 1:
        for i in orders[turn % len(orders)]:
            times[i].append(timer(works[i]))
        turn += 1
    return [statistics.median(each[first:]) for each in times]


def product(e, c, threads):
    """The plain product E.C^T, to call."""
    if e.is_cuda:
        out = torch.empty(e.shape[0], c.shape[0], dtype=e.dtype, device=e.device)
        return lambda: torch.matmul(e, c.T, out=out)
    blas = ct.CDLL("libopenblas.so.0")
    blas.openblas_set_num_threads(threads)
    ef, cf = e.float().contiguous(), c.float().contiguous()
    (n, d), v = ef.shape, cf.shape[0]
    out = torch.empty(n, v)
    pointer = lambda t: ct.c_void_p(t.data_ptr())
    one, zero = ct.c_float(1), ct.c_float(0)
    return lambda: blas.cblas_sgemm(101, 111, 112, n, v, d, one, pointer(ef), d, pointer(cf), d, zero, pointer(out), v)


def peak_memory():
    """Peak resident memory of this process so far, bytes (CPU)."""
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def relative(actual, expected):
    return ((actual.double() - expected).norm() / expected.norm()).item()


def kernel_times(plan):
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        plan.step()
        torch.cuda.synchronize()
    return {k.key: round(k.self_device_time_total / 1e3, 3) for k in profile.key_averages() if k.self_device_time_total > 0}


def measure(library, context, name, data, e, c, y, a):
    timer = CudaTimer() if e.is_cuda else CpuTimer()
    n, d, v = *e.shape, c.shape[0]
    row = dict(shape=name, data=data, tokens=n, hidden=d, vocab=v, dtype=a.dtype)
    start = time.perf_counter()
    plan = Plan(library, context, e, c, y, workspace_limit=a.workspace << 20, softcap=a.softcap,
                filter_eps=a.filter, filter_tail=a.filter_tail, saved_logits_limit=a.save << 20, one_call=a.one_call)
    if a.tune:
        library.check(library.lib.cce_plan_tune(plan.handle, None, None))
    row["plan_s"] = time.perf_counter() - start
    row["forward_mib"], row["backward_mib"] = plan.fw_bytes / 2**20, (plan.saved_bw_bytes if a.save else plan.bw_bytes) / 2**20
    plan.outputs()
    plain = product(e, c, a.threads)
    if a.one_call:
        row["forward_mib"], row["backward_mib"], row["forward_ms"] = 0.0, plan.gradients_bytes / 2**20, 0.0
        row["token_chunks"], row["classes_in_dc"] = plan.token_chunks(), plan.classes_in_dc
        row["product_ms"], row["backward_ms"] = medians(timer, [plain, plan.gradients], a.iterations, a.interleave)
    else:
        row["product_ms"], row["forward_ms"], row["backward_ms"] = medians(timer, [plain, plan.forward, plan.backward], a.iterations,
                                                                           a.interleave or plan.saved_bytes > 0, plan.saved_bytes > 0)
    del plain
    row["product_tflops"] = 2e-9 * n * d * v / row["product_ms"]
    total = row["forward_ms"] + row["backward_ms"]
    row["forward_g"], row["total_g"] = row["forward_ms"] / row["product_ms"], total / row["product_ms"]
    if a.filter:
        row["filter_eps"], row["filter_tail"], row["filter_state_mib"] = plan.p.filter_eps, a.filter_tail, plan.state_bytes / 2**20
        row["kept_fraction"] = plan.kept_fraction.item()
        row["dropped_mass"] = plan.dropped_mass.double().mean().item()
    if a.save:
        row["saved_mib"] = plan.saved_bytes / 2**20
    if a.check:
        ref = reference(e, c, y, softcap=a.softcap, noise=False)
        row["loss_error"] = abs(plan.loss.double() - ref["loss"]).item()
        row["lse_error"] = (plan.lse.double() - ref["lse"]).abs().max().item()
        row["de_error"], row["dc_error"] = relative(plan.de, ref["de"]), relative(plan.dc, ref["dc"])
    if a.profile and e.is_cuda:
        row["kernels_ms"] = kernel_times(plan)
    row["plan"] = plan.describe()
    plan.close()
    return row


def conditions(a, description):
    run = lambda *command: subprocess.run(command, capture_output=True, text=True).stdout.strip()
    c = dict(device=description, date=datetime.date.today().isoformat(), torch=torch.__version__,
             commit=a.commit or run("git", "rev-parse", "--short", "HEAD"),
             # Without the paths of this machine.
             command="cce_bench.py " + " ".join(x for x in sys.argv[1:] if not x.endswith((".so", ".json")) and x != "--json"))
    if a.device == "cuda":
        c["driver"] = run("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
        c["product"] = "cuBLAS " + str(torch.version.cuda) + " through torch.matmul"
    else:
        c["product"] = f"OpenBLAS cblas_sgemm, {a.threads} threads"
    return c


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library")
    parser.add_argument("--shapes", default="")
    parser.add_argument("--size", help="TOKENSxHIDDENxVOCAB")
    parser.add_argument("--saved", action="append", default=[], metavar="FOLDER")
    parser.add_argument("--data", default="peaked")
    parser.add_argument("--dtype", choices=DTYPES, default="bf16")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of the CPU target and of OpenBLAS")
    parser.add_argument("--workspace", type=int, default=0, metavar="MIB", help="limit for the backward; 0: the library's default")
    parser.add_argument("--softcap", type=float)
    parser.add_argument("--filter", type=lambda text: text if text == "auto" else float(text), default=0, metavar="EPS",
                        help="filtered backward: entries of p - onehot below EPS may be left out; auto: 2^-12 for bf16, 2^-15 for f16; 0: exact")
    parser.add_argument("--filter-tail", choices=("correct", "drop"), default="correct", help="what stands for what is left out")
    parser.add_argument("--save", type=int, default=0, metavar="MIB", help="memory for logits that the backward then need not compute again; 0: none")
    parser.add_argument("--one-call", action="store_true", help="loss and gradients in one call")
    parser.add_argument("--order", choices=("given", "frequency"), default="given", help="of the classes: frequency sorts them by their labels")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--interleave", action="store_true", help="product, forward and backward in turns: under a power limit what ran before counts")
    parser.add_argument("--no-check", dest="check", action="store_false")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--commit", default="", help="for the result file, where there is no git")
    a = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.set_num_threads(a.threads)
    library = Library(a.library)
    context = library.context(2 if a.device == "cuda" else 1, threads=a.threads)
    description = library.lib.cce_context_description(context).decode()
    result = dict(conditions=conditions(a, description), rows=[])
    print(json.dumps(result["conditions"], indent=1))
    print(f"{'shape':12} {'data':7} {'G ms':>8} {'TFLOP/s':>8} {'fw ms':>8} {'fw/G':>6} {'bw ms':>8} {'all/G':>6} {'fw MiB':>7} {'bw MiB':>7} "
          f"{'lse err':>8} {'dE err':>8} {'dC err':>8}" + (f" {'kept':>8} {'dropped':>8} {'st MiB':>7}" if a.filter else "") + (f" {'sv MiB':>7}" if a.save else "") +
          (f" {'chunks':>6} {'in dC':>7}" if a.one_call else ""))
    jobs = [(s, SHAPES[s], data) for s in a.shapes.split(",") if s for data in a.data.split(",")]
    if a.size:
        jobs += [(a.size, tuple(map(int, a.size.split("x"))), data) for data in a.data.split(",")]
    jobs += [(os.path.basename(os.path.normpath(folder)), None, folder) for folder in a.saved]
    for name, size, data in jobs:
        e, c, y = generate(*size, data, DTYPES[a.dtype], a.device) if size else load(data, DTYPES[a.dtype], a.device)
        if a.order == "frequency":
            c, y = by_frequency(c, y)
        row = measure(library, context, name, data if size else "saved", e, c, y, a)
        result["rows"].append(row)
        g = lambda key: f"{row[key]:8.1e}" if key in row else f"{'-':>8}"
        print(f"{name:12} {row['data']:7} {row['product_ms']:8.2f} {row['product_tflops']:8.2f} {row['forward_ms']:8.2f} {row['forward_g']:6.3f} "
              f"{row['backward_ms']:8.2f} {row['total_g']:6.2f} {row['forward_mib']:7.1f} {row['backward_mib']:7.1f} "
              f"{g('lse_error')} {g('de_error')} {g('dc_error')}" +
              (f" {row['kept_fraction']:8.4f} {g('dropped_mass')} {row['filter_state_mib']:7.1f}" if a.filter else "") +
              (f" {row['saved_mib']:7.1f}" if a.save else "") +
              (f" {row['token_chunks']:6} {row['classes_in_dc']:7}" if a.one_call else ""), flush=True)
        for kernel, ms in row.get("kernels_ms", {}).items():
            print(f"    {kernel:32} {ms:8.3f} ms")
        if a.json:  # after every row: an interrupted run loses nothing
            with open(a.json + ".tmp", "w") as file:
                json.dump(result, file, indent=1)
            os.replace(a.json + ".tmp", a.json)
        del e, c, y
        if a.device == "cuda":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
