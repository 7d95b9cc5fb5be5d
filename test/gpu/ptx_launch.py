# Launches kernels of PTX files on torch tensors, through the CUDA driver.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
    launcher = Launcher()                                            in PyTorch's (primary) context
    launcher.launch("folder/NAME.ptx", "entry", grid, block, arguments)

arguments: a torch tensor (its pointer; types and strides are the caller's matter), None (a null pointer), ("i1", x), ("i32", x), ("i64", x),
("f32", x). grid and block: an int or (x, y, z). Errors of a kernel are raised by the call that launched it.
"""
import ctypes as ct
import os

import torch

SCALARS = {"i1": ct.c_bool, "i32": ct.c_int32, "i64": ct.c_int64, "f32": ct.c_float}
JIT_ERROR_LOG_BUFFER, JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 5, 6  # of CUjit_option
MAX_DYNAMIC_SHARED_SIZE_BYTES = 8  # of CUfunction_attribute


class Launcher:
    def __init__(self, device=0, emulator=None):
        self.emulated = bool(emulator)
        if emulator:
            os.environ["CCE_EMULATOR_ANY"] = "1"  # tensors are memory of the process
        else:
            torch.cuda.set_device(device)
            torch.empty(1, device="cuda")  # makes the primary context current
            torch.cuda.synchronize()
        self.cuda = ct.CDLL(emulator or "libcuda.so.1")
        self.modules, self.functions = {}, {}

    def check(self, result, what):
        if result:
            text = ct.c_char_p()
            self.cuda.cuGetErrorString(result, ct.byref(text))
            raise RuntimeError(f"{what}: {result} {(text.value or b'?').decode()}")

    def module(self, path):
        if path not in self.modules:
            with open(path, "rb") as file:
                image = ct.create_string_buffer(file.read().rstrip(b"\0"))  # adds the final 0
            log = ct.create_string_buffer(16384)
            options = (ct.c_int * 2)(JIT_ERROR_LOG_BUFFER, JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
            values = (ct.c_void_p * 2)(ct.addressof(log), len(log))  # numbers travel as pointers
            module = ct.c_void_p()
            result = self.cuda.cuModuleLoadDataEx(ct.byref(module), image, ct.c_uint(2), options, values)
            self.check(result, f"cuModuleLoadDataEx({path}): {log.value.decode(errors='replace')}")
            self.modules[path] = module
        return self.modules[path]

    def function(self, path, entry):
        if (path, entry) not in self.functions:
            function = ct.c_void_p()
            self.check(self.cuda.cuModuleGetFunction(ct.byref(function), self.module(path), entry.encode()), f"cuModuleGetFunction({entry})")
            self.functions[path, entry] = function
        return self.functions[path, entry]

    def launch(self, path, entry, grid, block, arguments, shared=0, synchronize=True):
        function = self.function(str(path), entry)
        values = []
        for argument in arguments:
            if argument is None:
                values.append(ct.c_void_p(0))
            elif isinstance(argument, torch.Tensor):
                assert argument.is_cuda != self.emulated, "a tensor on the GPU is wanted"
                values.append(ct.c_void_p(argument.data_ptr()))
            else:
                values.append(SCALARS[argument[0]](argument[1]))
        addresses = (ct.c_void_p * max(len(values), 1))(*[ct.addressof(value) for value in values])
        sizes = [(size, 1, 1) if isinstance(size, int) else tuple(size) for size in (grid, block)]
        if shared > 48 * 1024:
            self.check(self.cuda.cuFuncSetAttribute(function, MAX_DYNAMIC_SHARED_SIZE_BYTES, shared), "cuFuncSetAttribute")
        stream = ct.c_void_p(None if self.emulated else torch.cuda.current_stream().cuda_stream)
        result = self.cuda.cuLaunchKernel(function, *[ct.c_uint(x) for x in sizes[0] + sizes[1]], ct.c_uint(shared), stream, addresses, None)
        self.check(result, f"cuLaunchKernel({entry})")
        if synchronize:
            self.check(self.cuda.cuCtxSynchronize(), entry)

    def time(self, *launch_arguments, repeats=20, **options):
        """Seconds of one launch, the median of several with warm caches."""
        options["synchronize"] = False
        self.launch(*launch_arguments, **options)
        times = []
        for _ in range(repeats):
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            self.launch(*launch_arguments, **options)
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end) / 1000)
        return sorted(times)[len(times) // 2]
