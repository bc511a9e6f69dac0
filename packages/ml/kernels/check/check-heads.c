// Prints the head kernels' results on fixed pseudo-random arrays, one number in each line. The outputs of
// two builds are compared.
#include <stdio.h>
#include <stdlib.h>
#include "check/heads-shapes.h"

extern const AttuneHeadKernels HEAD_KERNELS;

static uint32_t state = 1;
static double next(void) { // xorshift32 in [-1, 1)
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return (double)(state >> 8) / 8388608.0 - 1.0;
}

static void *make(HeadShape shape, int limit) {
  void *data = malloc((size_t)shape.length * 8);
  for (int k = 0; k < (int)shape.length; k++) {
    if (shape.type == D) ((double *)data)[k] = next();
    else if (shape.type == F) ((float *)data)[k] = (float)next();
    else ((int32_t *)data)[k] = (int32_t)((next() + 1) / 2 * limit);
  }
  return data;
}

// Strengthens the diagonal so that the matrix has a factor, or makes the pivots positive.
static void strengthen(AttuneArray *matrix, AttuneArray *pivots, int size) {
  for (int i = 0; i < size; i++) ((double *)matrix->data)[i * size + i] += size;
  for (int i = 0; pivots && i < size; i++) ((double *)pivots->data)[i] = 1 + i % 3;
}

static void check(int function, const double *n) {
  HeadShape shapes[ATTUNE_MOST_ARRAYS];
  AttuneArray arrays[ATTUNE_MOST_ARRAYS];
  int numbers;
  const int count = head_shapes(function, n, shapes, &numbers);
  const int classes = (int)(function == ATTUNE_CHANGE ? n[4] : n[2]);
  for (int i = 0; i < count; i++) {
    const int order = (function == ATTUNE_EPOCH && i == 3) || (function == ATTUNE_ASCEND && i == 2);
    arrays[i] = (AttuneArray){make(shapes[i], order ? (int)n[0] : classes), shapes[i].type, (uint32_t)shapes[i].length};
  }
  if (function == ATTUNE_EPOCH) for (uint32_t k = 0; k < arrays[6].length; k++) ((float *)arrays[6].data)[k] = 0.01f;
  if (function == ATTUNE_FACTORIZE) strengthen(&arrays[0], NULL, (int)n[0]);
  if (function == ATTUNE_SOLVE) for (int i = 0; i < (int)n[0]; i++) ((double *)arrays[1].data)[i] += 2;
  if (function == ATTUNE_CHANGE) strengthen(&arrays[7], &arrays[8], (int)n[2]);
  if (function == ATTUNE_PROJECT) for (int i = 0; i < (int)n[1]; i++) ((double *)arrays[2].data)[i] += 1.5;
  if (function == ATTUNE_ASCEND) for (int i = 3; i < 7; i += 3) for (uint32_t k = 0; k < arrays[i].length; k++) ((double *)arrays[i].data)[k] += 1.5;
  double answer = 0;
  const int refusal = attune_head_call(&HEAD_KERNELS, function, n, numbers, arrays, count, &answer);
  if (refusal != 0) {
    fprintf(stderr, "function %d refused its arrays (%d)\n", function, refusal);
    exit(1);
  }
  printf("%.12g\n", answer);
  // Hidden outputs and the sums over them are equal to the last bit. Other results are rounded to the precision that
  // float32 or the order of sums allows.
  const int below = function == ATTUNE_FACTORIZE;
  for (int i = 0; i < count; i++) for (uint32_t k = 0; k < arrays[i].length; k++) {
    const int scratch = (function == ATTUNE_EPOCH && i == 6) || (function == ATTUNE_CROSS_ENTROPY && i == 5) ||
                        (function == ATTUNE_SOFTMAX && i == 3) || (function == ATTUNE_SOLVE && i == 3) ||
                        (function == ATTUNE_PROJECT && i == 5) || (function == ATTUNE_CHANGE && i == 10) ||
                        (function == ATTUNE_ASCEND && i == 9);
    const uint32_t size = (uint32_t)n[0];
    if (scratch || (below && i == 0 && k % size < k / size)) continue;
    if (arrays[i].type == D) printf("%.17g\n", ((double *)arrays[i].data)[k]);
    else if (arrays[i].type == F) printf("%.9g\n", ((float *)arrays[i].data)[k]);
  }
  for (int i = 0; i < count; i++) free(arrays[i].data);
}

int main(void) {
  check(ATTUNE_ACTIVATE, (double[9]){5, 13, 37, ATTUNE_TANH});
  check(ATTUNE_ACTIVATE, (double[9]){70, 30, 64, ATTUNE_SIGMOID});
  puts("inexact");
  check(ATTUNE_EPOCH, (double[9]){77, 19, 7, 16, ATTUNE_SGD, 0, 0.01, 1e-3, 1e-4});
  check(ATTUNE_EPOCH, (double[9]){40, 33, 12, 40, ATTUNE_ADAM, 3, 0.001, 1e-3, 1e-4});
  check(ATTUNE_CROSS_ENTROPY, (double[9]){50, 23, 7});
  check(ATTUNE_SOFTMAX, (double[9]){50, 23, 9});
  check(ATTUNE_GRAM, (double[9]){37, 21});
  check(ATTUNE_FACTORIZE, (double[9]){33, 1e-9});
  check(ATTUNE_SOLVE, (double[9]){13, 9});
  check(ATTUNE_SCORES, (double[9]){20, 31, 5});
  check(ATTUNE_CHANGE, (double[9]){3, 11, 30, ATTUNE_TANH, 5, 1, 1});
  check(ATTUNE_PROJECT, (double[9]){11, 29, 7});
  check(ATTUNE_PROJECT, (double[9]){11, 29, 0});
  check(ATTUNE_ASCEND, (double[9]){21, 13, 7, 0.3, 0.5});
  check(ATTUNE_ASCEND, (double[9]){9, 1, 28, 0.01, 1});
  return 0;
}
