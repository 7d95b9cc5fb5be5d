# How long a process takes to its first launch, with an empty and with a warm cache.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: startup.py LIBRARY [--json FILE]

Starts three processes on the same cache folder, empty for the first: the driver's own cache of compiled PTX lies in it too. Each
prints the milliseconds of opening the context behind an initialised driver, of planning (compiling or loading every kernel of forward
and backward), and of the first forward."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import torch

from cce_ctypes import Library, Plan


def child(path):
    torch.empty(1, device="cuda")  # driver and primary context
    torch.cuda.synchronize()
    e, c = (torch.randn(rows, 2304, device="cuda").bfloat16() for rows in (1024, 32000))
    y = torch.randint(0, 32000, (1024,), device="cuda")
    torch.cuda.synchronize()
    times = [time.perf_counter()]
    library = Library(path)
    times.append(time.perf_counter())
    context = library.context()
    times.append(time.perf_counter())
    plan = Plan(library, context, e, c, y)
    times.append(time.perf_counter())
    plan.forward()
    times.append(time.perf_counter())
    torch.cuda.synchronize()
    times.append(time.perf_counter())
    names = ("load_library", "context", "plan", "first_forward_enqueued", "first_forward_done")
    print(json.dumps({name: round((b - a) * 1e3, 2) for name, a, b in zip(names, times, times[1:])}))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library")
    parser.add_argument("--child", action="store_true")
    parser.add_argument("--json")
    a = parser.parse_args()
    if a.child:
        return child(a.library)
    if not torch.cuda.is_available():
        print("skipped: no CUDA device")
        return
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, CCE_CACHE_DIR=folder + "/cce", CUDA_CACHE_PATH=folder + "/driver")
        rows = []
        for cache in ("empty", "warm", "warm"):
            run = subprocess.run([sys.executable, __file__, a.library, "--child"], env=environment, capture_output=True, text=True)
            if run.returncode:
                sys.exit(run.stderr)
            rows.append(dict(cache=cache, milliseconds=json.loads(run.stdout)))
            print(rows[-1], flush=True)
    if a.json:
        json.dump(dict(gpu=torch.cuda.get_device_name(), rows=rows), open(a.json, "w"), indent=1)


main()
