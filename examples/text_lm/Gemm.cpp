//===- Gemm.cpp - matrix product on all cores -----------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/text_lm/Gemm.h"

#include "examples/text_lm/Threads.h"

#include <cblas.h>

namespace text_lm {

void gemm(int64_t m, int64_t n, int64_t k, float alpha, Factor a, Factor b, float beta, float *c) {
  // One thread a call and rows split here: OpenBLAS's own threads would go on spinning
  // after each product and take the cores from the loss layer.
  static const bool single = (openblas_set_num_threads(1), true);
  (void)single;
  int64_t lda = a.transposed ? m : k, ldb = b.transposed ? k : n;
  parallelFor(m, [&](int64_t begin, int64_t end) {
    cblas_sgemm(CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans,
                b.transposed ? CblasTrans : CblasNoTrans, static_cast<int>(end - begin),
                static_cast<int>(n), static_cast<int>(k), alpha,
                a.data + begin * (a.transposed ? 1 : lda), static_cast<int>(lda), b.data,
                static_cast<int>(ldb), beta, c + begin * n, static_cast<int>(n));
  });
}

} // namespace text_lm
