/*===- cce.h - linear cross-entropy without logits --------------*- C -*-===*
 *
 * Part of the cce project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * Loss and gradients of the layer at the end of every language model,
 *
 *     z_iv   = cap(E_i . C_v + bias_v)         cap(x) = softcap * tanh(x / softcap), or x
 *     lse_i  = log sum_v exp(z_iv)
 *     nll_i  = lse_i - z_{i, label_i}
 *
 * for E (tokens x hidden) and C (vocab x hidden), without ever storing the logits
 * z (Wijmans et al., "Cut Your Losses in Large-Vocabulary Language Models", ICLR
 * 2025, arXiv 2411.09009; Algorithms 1 to 4, exactly unless cce_problem::filter_eps
 * says otherwise), except where cce_problem::saved_logits_limit grants memory for them.
 *
 * Life of a caller:
 *
 *     cce_context_create   once per device; finds the GPU or falls back to the CPU
 *     cce_plan_create      once per problem; checks every argument, compiles or
 *                          loads the kernels, fixes the algorithm and its workspace
 *     cce_forward          any number of times: loss and log-sum-exp
 *     cce_backward         any number of times: dE, dC, dbias, any subset
 *
 * or, where the upstream gradient is known before the loss, which is faster,
 *
 *     cce_loss_and_gradients   with a plan for it: cce_problem::one_call
 *
 * After cce_plan_create nothing allocates and nothing synchronises: on a GPU these
 * calls only enqueue work on the caller's stream and can be captured into a CUDA
 * graph. Results are deterministic: same inputs, same bits.
 *
 * Errors. Every function that can fail returns a cce_status. On failure nothing was
 * launched, and cce_last_error() tells this thread what was wrong, in words: the
 * argument, its value, what was expected. No function aborts or throws.
 *
 * Threads. A context and a plan may be used from several threads at once as long as
 * no two calls in flight share a workspace.
 *===----------------------------------------------------------------------===*/
#ifndef CCE_CCE_H
#define CCE_CCE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define CCE_API
#else
#define CCE_API __attribute__((visibility("default")))
#endif

/* ------------------------------------------------------------------ status */

/* The canonical status codes (the absl / gRPC set), so that they map 1:1. */
typedef enum cce_status {
  CCE_OK = 0,
  CCE_UNKNOWN = 2,
  CCE_INVALID_ARGUMENT = 3,     /* an argument is wrong whatever the state of the machine */
  CCE_NOT_FOUND = 5,            /* a file, a kernel or a device that does not exist */
  CCE_RESOURCE_EXHAUSTED = 8,   /* memory or a device limit; the message has both numbers */
  CCE_FAILED_PRECONDITION = 9,  /* right call at the wrong time */
  CCE_UNIMPLEMENTED = 12,       /* a valid request that this target does not support */
  CCE_INTERNAL = 13,            /* a fault of this library; please report it */
  CCE_UNAVAILABLE = 14          /* no driver, no GPU, or a driver that is too old */
} cce_status;

/* "INVALID_ARGUMENT" and so on; never NULL. */
CCE_API const char *cce_status_name(cce_status status);

/* What went wrong in this thread's last failing call; "" if none failed yet. Valid
 * until the next call of this library in the same thread. */
CCE_API const char *cce_last_error(void);

/* ----------------------------------------------------------------- context */

typedef enum cce_device {
  CCE_DEVICE_AUTO = 0, /* a supported GPU if there is one, else the CPU */
  CCE_DEVICE_CPU = 1,
  CCE_DEVICE_CUDA = 2
} cce_device;

typedef struct cce_context cce_context;

typedef struct cce_context_desc {
  size_t struct_size;     /* sizeof(cce_context_desc); set by cce_context_desc_init */
  cce_device device;      /* default CCE_DEVICE_AUTO */
  int32_t device_ordinal; /* CUDA device number, default 0 */
  int32_t cpu_threads;    /* threads of the CPU target; 0 (default): one per core */
  /* Folder of the on-disk cache of compiled kernels and tuning results. NULL
   * (default): $CCE_CACHE_DIR, else $XDG_CACHE_HOME/cce, else ~/.cache/cce. "": no
   * disk cache. A cache that can not be read or written is a warning, not an error. */
  const char *cache_dir;
} cce_context_desc;

CCE_API void cce_context_desc_init(cce_context_desc *desc);

/* Opens a device. With CCE_DEVICE_AUTO this fails only if not even the CPU target
 * can be set up. desc may be NULL for the defaults. */
CCE_API cce_status cce_context_create(const cce_context_desc *desc, cce_context **context);

/* Frees the context. Plans of the context must have been destroyed before. */
CCE_API void cce_context_destroy(cce_context *context);

/* CCE_DEVICE_CPU or CCE_DEVICE_CUDA: what the context runs on. */
CCE_API cce_device cce_context_device(const cce_context *context);

/* One line for humans: "NVIDIA H100 80GB HBM3 (sm_90a, driver 13.0)" or
 * "CPU (AVX-512, 2 threads)"; with CCE_DEVICE_AUTO on the CPU also why no GPU. */
CCE_API const char *cce_context_description(const cce_context *context);

/* ------------------------------------------------------------------ memory
 * Small helpers for programs without a memory manager of their own (tests, tools,
 * examples). A trainer passes its own pointers instead. On the CPU target they are
 * malloc, free and memcpy, and `stream` is ignored. */

typedef enum cce_copy_kind { CCE_HOST_TO_DEVICE = 0, CCE_DEVICE_TO_HOST = 1 } cce_copy_kind;

/* `*memory` is 256-byte aligned and uninitialised. */
CCE_API cce_status cce_memory_alloc(cce_context *context, size_t bytes, void **memory);
CCE_API void cce_memory_free(cce_context *context, void *memory);
/* Enqueues the copy behind earlier work on the stream and waits for it. */
CCE_API cce_status cce_memory_copy(cce_context *context, void *destination, const void *source,
                                   size_t bytes, cce_copy_kind kind, void *stream);
/* Waits for all work enqueued on the stream (a CUstream / cudaStream_t; NULL: default). */
CCE_API cce_status cce_stream_synchronize(cce_context *context, void *stream);

/* ----------------------------------------------------------------- problem */

typedef enum cce_dtype {
  CCE_DTYPE_NONE = 0,
  CCE_F32 = 1,
  CCE_BF16 = 2,
  CCE_F16 = 3,
  CCE_I32 = 4,
  CCE_I64 = 5
} cce_dtype;

typedef enum cce_reduction {
  CCE_REDUCTION_NONE = 0, /* one loss per token, 0 where ignored */
  CCE_REDUCTION_MEAN = 1, /* over the tokens that are not ignored; NaN if there are none */
  CCE_REDUCTION_SUM = 2   /* 0 if there are no tokens that are not ignored */
} cce_reduction;

/* What a filtered backward does about the entries that it leaves out. */
typedef enum cce_filter_tail {
  /* Adds an estimate of their sum: what a token leaves out is taken to point in the mean
   * direction of all that is left out, in dE tilted along the token's own row, because classes
   * that are small for all tokens are larger for those that point their way (docs/filter.md).
   * It costs little and removes most of the filter's error. */
  CCE_FILTER_TAIL_CORRECT = 0,
  CCE_FILTER_TAIL_DROP = 1 /* nothing: they count as zero */
} cce_filter_tail;

/* What to compute. Fill with cce_problem_init, then set tokens, hidden, vocab and
 * what differs from the defaults. */
typedef struct cce_problem {
  size_t struct_size;      /* sizeof(cce_problem) */
  int64_t tokens;          /* N >= 0: rows of E, all sequences of the batch together */
  int64_t hidden;          /* D >= 1: columns of E and of C */
  int64_t vocab;           /* V >= 1: rows of C */
  cce_dtype dtype;         /* of E, C, dE and dC: CCE_F32, CCE_BF16 (default), CCE_F16 */
  cce_dtype label_dtype;   /* CCE_I32 or CCE_I64 (default) */
  cce_dtype bias_dtype;    /* CCE_DTYPE_NONE (default): no bias; else CCE_F32, CCE_BF16, CCE_F16 */
  /* Of rows and columns, in elements; {0, 0} (default): contiguous. On a GPU the rows of E, with
   * what lies between them, take less than 64 GiB. */
  int64_t e_strides[2];
  int64_t c_strides[2];
  int64_t de_strides[2];
  int64_t dc_strides[2];
  cce_reduction reduction; /* default CCE_REDUCTION_MEAN */
  int64_t ignore_index;    /* label of tokens to leave out; default -100 */
  /* E row t of a sequence is paired with label t + shift of the same sequence; the
   * last `shift` rows of each sequence are treated as ignored. 0 <= shift < sequence. */
  int64_t shift;           /* default 0 */
  int64_t sequence;        /* tokens per sequence, divides tokens; 0 (default): one sequence */
  float softcap;           /* > 0; INFINITY (default): none */
  /* MLIR text of a `cce.transform` that replaces bias and softcap as the element-wise
   * function of a logit; its derivative is derived. NULL (default): bias and softcap.
   * docs/transforms.md has the rules and examples. `softcap` is its scalar parameter.
   * dbias sums the derivative with respect to the product, which is that with respect to
   * the bias for every function of their sum. */
  const char *transform;
  /* Limit for the workspace of cce_backward, and of cce_loss_and_gradients, in bytes; more is
   * faster, up to a point.
   * 0 (default): 256 MiB. Too small for the smallest plan: CCE_RESOURCE_EXHAUSTED. */
  size_t workspace_limit;
  /* Checking mode: cce_forward waits for the device and returns CCE_INVALID_ARGUMENT
   * with the position and value of the first label that is neither in [0, vocab) nor
   * ignore_index. 0 (default): no wait; the loss and lse of such a token are NaN, its
   * gradient is zero, and cce_forward_args::label_error tells. */
  int32_t check_labels;
  /* 0 (default): exact gradients. Larger: entries of p - onehot (p the softmax) below it
   * may be left out of the backward, which then is several times faster where the softmax
   * is peaked; never one that is as large, and never the one of the label (where a softcap
   * has a slope below 1/4, dC may lack entries up to filter_eps / (4 slope): docs/filter.md).
   * Finite and < 1; 2^-12 is usual for bf16, 2^-15 for f16. Needs
   * cce_forward_args::filter_state. The exact path, which keeps the same promise, runs where
   * it is faster (the device decides, call by call), on the CPU, for dbias, where E or C have
   * to be copied because of their strides, where C has 64 GiB or more, and where
   * workspace_limit is too small; cce_plan_describe says so. */
  float filter_eps;
  cce_filter_tail filter_tail; /* default CCE_FILTER_TAIL_CORRECT */
  /* Bytes of device memory that cce_forward may fill with logits, 2 bytes each, which
   * cce_backward then need not compute again: of all classes if that is enough for them,
   * else of the first ones. 0 (default): none. The loss is the same, and gradients are as
   * accurate: a saved logit is off by at most 2^-12, which is less than what rounding to
   * dtype costs, and that of the label is exact. Nothing is saved on the CPU, with filter_eps > 0,
   * with a transform or with bias and softcap together, and where E or C have to be copied
   * because of their strides; cce_plan_describe says so. */
  uint64_t saved_logits_limit;
  /* Not 0: the plan is for cce_loss_and_gradients, and has the kernels that take the tokens in
   * chunks, or keep logits in dc, where that is possible. 0 (default): that call works too, as a
   * forward and a backward, and cce_plan_describe says that chunks were not asked for. cce_forward
   * and cce_backward do the same with either. */
  int32_t one_call;
} cce_problem;

CCE_API void cce_problem_init(cce_problem *problem);

/* -------------------------------------------------------------------- plan */

typedef struct cce_plan cce_plan;

CCE_API cce_status cce_plan_create(cce_context *context, const cce_problem *problem,
                                   cce_plan **plan);
CCE_API void cce_plan_destroy(cce_plan *plan);

/* Bytes of workspace that cce_forward and cce_backward need; device memory on a GPU,
 * 256-byte aligned, contents need not be kept between calls. */
CCE_API size_t cce_plan_forward_workspace(const cce_plan *plan);
CCE_API size_t cce_plan_backward_workspace(const cce_plan *plan);

/* The same for cce_loss_and_gradients: at most cce_problem::workspace_limit, or what cce_forward
 * needs and 4 bytes a token if that is more. */
CCE_API size_t cce_plan_gradients_workspace(const cce_plan *plan);
/* Of how many classes, the first ones, cce_loss_and_gradients keeps the logits in dc from its
 * forward to its backward, if dc is wanted; 0: of none, or the tokens come in chunks. */
CCE_API int64_t cce_plan_classes_saved_in_dc(const cce_plan *plan);

/* Bytes of device memory, 256-byte aligned, that carry what the filter has found from
 * cce_forward to cce_backward; 0 if this plan has no filtered path. */
CCE_API size_t cce_plan_filter_state(const cce_plan *plan);

/* Bytes of device memory, 256-byte aligned, that carry logits from cce_forward to
 * cce_backward, at most cce_problem::saved_logits_limit; 0 if this plan saves none. */
CCE_API size_t cce_plan_saved_logits(const cce_plan *plan);
/* What is enough of cce_plan_backward_workspace() for calls that get saved_logits: little if
 * all classes are saved. */
CCE_API size_t cce_plan_saved_backward_workspace(const cce_plan *plan);

/* The plan in words: kernels, tile sizes, chunks, workspace and why; valid as long
 * as the plan. */
CCE_API const char *cce_plan_describe(const cce_plan *plan);

/* Times tile configurations for this plan's problem on this device with generated
 * data, keeps the fastest in the plan and all timings in the context's tuning file
 * (cache_dir/tuning.json), where later plans for the same problem find it. Takes
 * seconds; allocates and synchronises. No other call may use the plan meanwhile, and its
 * workspace sizes may have changed afterwards. `progress` (may be NULL) is called before each
 * trial and may return non-zero to stop early, keeping the best so far. */
typedef int (*cce_tune_progress)(int done, int total, const char *what, void *user);
CCE_API cce_status cce_plan_tune(cce_plan *plan, cce_tune_progress progress, void *user);

/* ----------------------------------------------------------------- forward */

/* Pointers are device memory on a GPU. */
typedef struct cce_forward_args {
  size_t struct_size;     /* sizeof(cce_forward_args) */
  const void *e;          /* tokens x hidden */
  const void *c;          /* vocab x hidden */
  const void *bias;       /* vocab; NULL exactly if the problem has no bias */
  const void *labels;     /* tokens */
  float *loss;            /* tokens for CCE_REDUCTION_NONE, else 1 */
  float *lse;             /* tokens, 0 where ignored; may be NULL if not wanted */
  /* Optional, 2 numbers: position and label of the first bad label, or {-1, 0}. */
  int64_t *label_error;
  /* cce_plan_filter_state() bytes, 256-byte aligned, to be kept for cce_backward; not used
   * if that is 0. NULL: the filter finds nothing, and the backward has to be exact. */
  void *filter_state;
  /* cce_plan_saved_logits() bytes, 256-byte aligned, to be kept for cce_backward; not used
   * if that is 0. NULL: nothing is saved. */
  void *saved_logits;
  void *workspace;
  size_t workspace_bytes; /* at least cce_plan_forward_workspace() */
} cce_forward_args;

CCE_API void cce_forward_args_init(cce_forward_args *args);
CCE_API cce_status cce_forward(cce_plan *plan, const cce_forward_args *args, void *stream);

/* ---------------------------------------------------------------- backward */

/* Results must not share memory with each other or with anything that is read. */

typedef struct cce_backward_args {
  size_t struct_size;
  const void *e;
  const void *c;
  const void *bias;
  const void *labels;
  const float *lse;       /* tokens, as cce_forward wrote it */
  /* Upstream gradients, f32. dloss: tokens for CCE_REDUCTION_NONE, else 1; NULL: ones.
   * dlse: tokens; NULL: zeros. */
  const float *dloss;
  const float *dlse;
  /* Results; NULL for those not wanted, whose work is then not done. Every element is
   * written; until then a contiguous dc holds intermediate results, which makes room for larger
   * chunks of classes. dbias has bias_dtype. */
  void *de;               /* tokens x hidden */
  void *dc;               /* vocab x hidden */
  void *dbias;            /* vocab */
  /* As cce_forward wrote it, for the same E, C, bias and labels. NULL: exact. Wanting dbias
   * makes all of the call exact too. */
  const void *filter_state;
  /* As cce_forward wrote it, for the same E, C, bias and labels. OVERWRITTEN: it can serve
   * one backward only; another one of the same forward passes NULL. NULL: all logits are
   * computed again. Left alone if no gradient is wanted. */
  void *saved_logits;
  /* What the filter has left out; both optional. dropped_mass: tokens; by token the part of
   * its probability that the entries left out have together (with CCE_FILTER_TAIL_CORRECT
   * an estimate stands for them), at most 1; 0 on the exact path and for tokens that take
   * no part. kept_fraction: 1 number; the part of all tokens x vocab entries that was
   * looked at, in whole columns of 128 tokens; 1 on the exact path. */
  float *dropped_mass;
  float *kept_fraction;
  void *workspace;
  /* At least cce_plan_backward_workspace(), with saved_logits cce_plan_saved_backward_workspace(). */
  size_t workspace_bytes;
} cce_backward_args;

CCE_API void cce_backward_args_init(cce_backward_args *args);
CCE_API cce_status cce_backward(cce_plan *plan, const cce_backward_args *args, void *stream);

/* ------------------------------------------------- loss and gradients at once */

/* What cce_forward and cce_backward compute, in one call, with exact gradients whatever
 * filter_eps is. The upstream gradient has to be known before the loss: usually it is 1, or the
 * scale of the loss.
 *
 * With cce_problem::one_call, and where that is possible, the tokens are taken in chunks as large
 * as the workspace has room for: the logits of a chunk, in 16 bits each, are computed once and
 * become its gradients, where a backward of its own would compute them again. dC is the sum over
 * the chunks; between two of them it is cut to 20 bits of an f32, of which 16 lie in dc and 4
 * in the workspace, which takes vocab x hidden / 2 bytes. So this call reads and writes dc as
 * often as there are chunks. A chunk of n tokens takes about 2 n x (vocab + hidden) bytes of the
 * workspace. In bf16, without dlse, a label of a logit 100 below others (or NaN among the logits)
 * makes the device compute those of its chunk a second time, if there is more than one.
 *
 * The call is a forward and a backward, as those functions would run them, without one_call, on
 * the CPU, where dbias is wanted and there would be chunks, with a transform or with bias and
 * softcap together, where E or C have to be copied because of their strides, and where
 * workspace_limit has no room for all tokens or for chunks of 512 of them; for more than one
 * chunk hidden has to be a multiple of 64 and rows of dc have to be multiples of 16 bytes apart.
 *
 * Of a forward and a backward in one call with one_call the forward keeps logits in dc, which
 * takes no memory: those of the first S classes, in 16 bits each, in the rows of the other
 * classes, which the backward writes last, S = about vocab * hidden / (hidden + tokens). The
 * backward then computes only the logits of the other classes again. Chunks may be possible,
 * too, and expected to take longer. No logits are kept where dc is not wanted or its rows are
 * not contiguous, with filter_eps > 0, and where one call is a forward and a backward for one
 * of the reasons above other than memory. cce_plan_describe tells which it is and why. */
typedef struct cce_gradients_args {
  size_t struct_size;     /* sizeof(cce_gradients_args) */
  const void *e;          /* tokens x hidden, problem.dtype */
  const void *c;          /* vocab x hidden, problem.dtype */
  const void *bias;       /* vocab, problem.bias_dtype; NULL exactly if the problem has no bias */
  const void *labels;     /* tokens, problem.label_dtype */
  /* Upstream gradients, f32, known beforehand. dloss: tokens for CCE_REDUCTION_NONE, else 1;
   * NULL: ones. dlse: tokens; NULL: zeros. */
  const float *dloss;
  const float *dlse;
  /* Results. The loss is always wanted; of the others those that are NULL are not, and their
   * work is then not done. Every element is written. */
  float *loss;            /* tokens for CCE_REDUCTION_NONE, else 1 */
  float *lse;             /* tokens, 0 where ignored */
  int64_t *label_error;   /* 2 numbers: position and label of the first bad label, or {-1, 0} */
  void *de;               /* tokens x hidden, problem.dtype */
  void *dc;               /* vocab x hidden, problem.dtype; until it is written it holds intermediate results */
  void *dbias;            /* vocab, problem.bias_dtype */
  void *workspace;
  size_t workspace_bytes; /* at least cce_plan_gradients_workspace() */
} cce_gradients_args;

CCE_API void cce_gradients_args_init(cce_gradients_args *args);
/* Errors as those of cce_forward and cce_backward, named by the members of args. With
 * check_labels a bad label is reported after all has been enqueued, and the gradients are then
 * those of the other tokens. */
CCE_API cce_status cce_loss_and_gradients(cce_plan *plan, const cce_gradients_args *args,
                                          void *stream);

/* "0.1.0" */
CCE_API const char *cce_version(void);

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CCE_CCE_H */
