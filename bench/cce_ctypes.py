# The C API (runtime/include/cce/cce.h) over ctypes, for checks and timings with torch tensors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import ctypes as ct
import os
import re

import torch

F32, BF16, F16, I32, I64 = 1, 2, 3, 4, 5
DTYPES = {torch.float32: F32, torch.bfloat16: BF16, torch.float16: F16, torch.int32: I32, torch.int64: I64, None: 0}
REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}
FILTER_TAILS = {"correct": 0, "drop": 1}
AUTO_EPS = {torch.float32: 2.0**-28, torch.bfloat16: 2.0**-12, torch.float16: 2.0**-15}  # a 32nd of the epsilon of the type


class Problem(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_size_t), ("tokens", ct.c_int64), ("hidden", ct.c_int64), ("vocab", ct.c_int64),
        ("dtype", ct.c_int), ("label_dtype", ct.c_int), ("bias_dtype", ct.c_int),
        ("e_strides", ct.c_int64 * 2), ("c_strides", ct.c_int64 * 2),
        ("de_strides", ct.c_int64 * 2), ("dc_strides", ct.c_int64 * 2),
        ("reduction", ct.c_int), ("ignore_index", ct.c_int64), ("shift", ct.c_int64), ("sequence", ct.c_int64),
        ("softcap", ct.c_float), ("transform", ct.c_char_p), ("workspace_limit", ct.c_size_t), ("check_labels", ct.c_int32),
        ("filter_eps", ct.c_float), ("filter_tail", ct.c_int), ("saved_logits_limit", ct.c_uint64),
        ("one_call", ct.c_int32)]


class ForwardArgs(ct.Structure):
    _fields_ = [("struct_size", ct.c_size_t)] + [
        (n, ct.c_void_p) for n in ("e", "c", "bias", "labels", "loss", "lse", "label_error", "filter_state", "saved_logits", "workspace")] + [
        ("workspace_bytes", ct.c_size_t)]


class BackwardArgs(ct.Structure):
    _fields_ = [("struct_size", ct.c_size_t)] + [
        (n, ct.c_void_p) for n in ("e", "c", "bias", "labels", "lse", "dloss", "dlse", "de", "dc", "dbias", "filter_state", "saved_logits",
                                   "dropped_mass", "kept_fraction", "workspace")] + [
        ("workspace_bytes", ct.c_size_t)]


class GradientsArgs(ct.Structure):
    _fields_ = [("struct_size", ct.c_size_t)] + [
        (n, ct.c_void_p) for n in ("e", "c", "bias", "labels", "dloss", "dlse", "loss", "lse", "label_error", "de", "dc", "dbias", "workspace")] + [
        ("workspace_bytes", ct.c_size_t)]


class ContextDesc(ct.Structure):
    _fields_ = [("struct_size", ct.c_size_t), ("device", ct.c_int), ("device_ordinal", ct.c_int32),
                ("cpu_threads", ct.c_int32), ("cache_dir", ct.c_char_p)]


class Library:
    def __init__(self, path):
        self.lib = lib = ct.CDLL(os.path.abspath(path))
        lib.cce_last_error.restype = ct.c_char_p
        lib.cce_context_description.restype = ct.c_char_p
        lib.cce_plan_describe.restype = ct.c_char_p
        for name in ("cce_plan_forward_workspace", "cce_plan_backward_workspace", "cce_plan_gradients_workspace", "cce_plan_filter_state",
                     "cce_plan_saved_logits", "cce_plan_saved_backward_workspace"):
            getattr(lib, name).restype = ct.c_size_t
            getattr(lib, name).argtypes = [ct.c_void_p]
        lib.cce_plan_classes_saved_in_dc.restype = ct.c_int64
        lib.cce_plan_classes_saved_in_dc.argtypes = [ct.c_void_p]
        lib.cce_context_description.argtypes = lib.cce_plan_describe.argtypes = [ct.c_void_p]
        for name in ("cce_plan_destroy", "cce_context_destroy"):
            getattr(lib, name).argtypes = [ct.c_void_p]
        self.check = self._check

    def _check(self, status):
        if status:
            raise RuntimeError(f"status {status}: {self.lib.cce_last_error().decode()}")

    def context(self, device=2, cache_dir=None, threads=0):
        desc = ContextDesc()
        self.lib.cce_context_desc_init(ct.byref(desc))
        desc.device, desc.cpu_threads = device, threads
        desc.cache_dir = cache_dir.encode() if cache_dir is not None else None
        context = ct.c_void_p()
        self._check(self.lib.cce_context_create(ct.byref(desc), ct.byref(context)))
        return context


def pointer(tensor):
    return tensor.data_ptr() if tensor is not None else None


class Plan:
    """A plan for given tensors; see cce.h for the options. filter_eps: a number, or "auto" for what is usual for the dtype. After backward,
    dropped_mass and kept_fraction tell what the filter has left out (None without a filter). saved_logits_limit: bytes that forward may fill
    with logits; the first backward after it uses them up. one_call: a plan for cce_loss_and_gradients, which is
    what step() calls, with a workspace for that."""

    def __init__(self, library, context, e, c, labels, bias=None, reduction="mean", softcap=None, ignore_index=-100,
                 shift=0, sequence=0, workspace_limit=0, transform=None, check_labels=0, filter_eps=0, filter_tail="correct", saved_logits_limit=0,
                 one_call=False):
        self.library, self.lib = library, library.lib
        p = Problem()
        self.lib.cce_problem_init(ct.byref(p))
        p.tokens, p.hidden, p.vocab = e.shape[0], e.shape[1], c.shape[0]
        p.dtype, p.label_dtype = DTYPES[e.dtype], DTYPES[labels.dtype]
        p.bias_dtype = DTYPES[bias.dtype if bias is not None else None]
        p.e_strides[:] = e.stride()
        p.c_strides[:] = c.stride()
        p.reduction, p.ignore_index, p.shift, p.sequence = REDUCTIONS[reduction], ignore_index, shift, sequence
        p.workspace_limit, p.check_labels = workspace_limit, check_labels
        p.filter_eps = AUTO_EPS[e.dtype] if filter_eps == "auto" else filter_eps
        p.filter_tail = FILTER_TAILS[filter_tail]
        p.saved_logits_limit, p.one_call = saved_logits_limit, one_call
        if softcap is not None:
            p.softcap = softcap
        if transform is not None:
            p.transform = transform.encode()
        self.p, self.e, self.c, self.labels, self.bias, self.reduction = p, e, c, labels, bias, reduction
        self.handle = ct.c_void_p()
        library.check(self.lib.cce_plan_create(context, ct.byref(p), ct.byref(self.handle)))
        self.fw_bytes = self.lib.cce_plan_forward_workspace(self.handle)
        self.bw_bytes = self.lib.cce_plan_backward_workspace(self.handle)
        self.state_bytes = self.lib.cce_plan_filter_state(self.handle)
        self.saved_bytes = self.lib.cce_plan_saved_logits(self.handle)
        self.saved_bw_bytes = self.lib.cce_plan_saved_backward_workspace(self.handle)
        self.one_call = one_call
        self.gradients_bytes = self.lib.cce_plan_gradients_workspace(self.handle)
        self.classes_in_dc = self.lib.cce_plan_classes_saved_in_dc(self.handle)
        device = e.device
        self.workspace = self.memory(max(self.gradients_bytes, 1) if one_call else max(self.fw_bytes, self.bw_bytes, 1))
        self.filter_state = self.memory(self.state_bytes) if self.state_bytes else None
        self.saved_logits = self.memory(self.saved_bytes) if self.saved_bytes else None
        self.saved_are_fresh = False
        n = e.shape[0]
        filtered = p.filter_eps > 0
        self.dropped_mass = torch.full((n,), float("nan"), device=device) if filtered else None
        self.kept_fraction = torch.full((1,), float("nan"), device=device) if filtered else None
        self.loss = torch.full((n if reduction == "none" else 1,), float("nan"), device=device)
        self.lse = torch.full((n,), float("nan"), device=device)
        self.label_error = torch.zeros(2, dtype=torch.int64, device=device)

    def memory(self, size):
        """Uninitialised bytes, 256-byte aligned."""
        memory = torch.empty(size + 256, dtype=torch.uint8, device=self.e.device)
        return memory[-memory.data_ptr() % 256:][:size]

    def describe(self):
        return self.lib.cce_plan_describe(self.handle).decode()

    def token_chunks(self):
        """In how many chunks of tokens one call goes; 0: it is a forward and a backward."""
        told = re.search(r"loss and gradients in one call: .*", self.describe())[0]
        found = re.search(r"tokens in (\d+) chunks", told)
        return int(found[1]) if found else int("all tokens at once" in told)

    def class_cuts(self):
        """How often sums of dE are cut to 24 bits between chunks of classes, at most; on the CPU they are f32."""
        told = self.describe()
        chunks = int(re.search(r"backward: .*, vocabulary in (\d+) chunk", told)[1])
        others = re.findall(r"(?:the others in|computed again in) (\d+) chunk", told)  # behind one whose logits have been kept
        return 0 if re.search("^on CPU", told, re.M) else max([chunks - 1, *map(int, others)])

    def stream(self):
        return ct.c_void_p(torch.cuda.current_stream().cuda_stream if self.e.is_cuda else 0)

    def forward(self):
        a = ForwardArgs()
        self.lib.cce_forward_args_init(ct.byref(a))
        a.e, a.c, a.bias, a.labels = pointer(self.e), pointer(self.c), pointer(self.bias), pointer(self.labels)
        a.loss, a.lse, a.label_error = pointer(self.loss), pointer(self.lse), pointer(self.label_error)
        a.filter_state, a.saved_logits = pointer(self.filter_state), pointer(self.saved_logits)
        a.workspace, a.workspace_bytes = pointer(self.workspace), self.workspace.numel()
        self.library.check(self.lib.cce_forward(self.handle, ct.byref(a), self.stream()))
        self.saved_are_fresh = True
        return self.loss, self.lse

    def outputs(self):
        """Gradients, poisoned so that an element that is not written shows."""
        fill = lambda t: torch.full(t.shape, float("nan"), dtype=t.dtype, device=t.device)
        self.de, self.dc = fill(self.e), fill(self.c)
        self.dbias = fill(self.bias) if self.bias is not None else None

    def outputs_poison(self):
        for tensor in (self.loss, self.lse, self.de, self.dc):
            tensor.fill_(float("nan"))

    def backward(self, dloss=None, dlse=None, want=("de", "dc", "dbias")):
        a = BackwardArgs()
        self.lib.cce_backward_args_init(ct.byref(a))
        a.e, a.c, a.bias, a.labels = pointer(self.e), pointer(self.c), pointer(self.bias), pointer(self.labels)
        a.lse, a.dloss, a.dlse = pointer(self.lse), pointer(dloss), pointer(dlse)
        for name in want:
            setattr(a, name, pointer(getattr(self, name)))
        a.filter_state, a.dropped_mass, a.kept_fraction = pointer(self.filter_state), pointer(self.dropped_mass), pointer(self.kept_fraction)
        a.saved_logits = pointer(self.saved_logits) if self.saved_are_fresh else None
        a.workspace, a.workspace_bytes = pointer(self.workspace), self.saved_bw_bytes if a.saved_logits else self.workspace.numel()
        self.saved_are_fresh = False
        self.library.check(self.lib.cce_backward(self.handle, ct.byref(a), self.stream()))

    def gradients(self, dloss=None, dlse=None, want=("lse", "de", "dc", "dbias")):
        """Loss and gradients in one call."""
        a = GradientsArgs()
        self.lib.cce_gradients_args_init(ct.byref(a))
        a.e, a.c, a.bias, a.labels = pointer(self.e), pointer(self.c), pointer(self.bias), pointer(self.labels)
        a.dloss, a.dlse = pointer(dloss), pointer(dlse)
        a.loss, a.label_error = pointer(self.loss), pointer(self.label_error)
        for name in want:
            setattr(a, name, pointer(getattr(self, name)))
        a.workspace, a.workspace_bytes = pointer(self.workspace), self.workspace.numel()
        self.library.check(self.lib.cce_loss_and_gradients(self.handle, ct.byref(a), self.stream()))

    def step(self, dloss=None, dlse=None, **wanted):
        if self.one_call:
            return self.gradients(dloss, dlse, **wanted)
        self.forward()
        self.backward(dloss, dlse, **wanted)

    def close(self):
        self.lib.cce_plan_destroy(self.handle)
