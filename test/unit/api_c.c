/*===- api_c.c - cce.h is a C header ------------------------------*- C -*-===*
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *===----------------------------------------------------------------------===*/
#include "cce/cce.h"

/* Compiled as strict C99: that it compiles is the test. */
int cce_test_c_header(void);
int cce_test_c_header(void) {
  cce_problem problem;
  cce_problem_init(&problem);
  return problem.dtype == CCE_BF16;
}
