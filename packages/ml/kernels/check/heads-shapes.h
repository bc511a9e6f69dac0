// For tests: an independent second list of the types and lengths of the arrays that a call of the head kernels takes.
#pragma once
#include "heads/call.h"

typedef struct { uint32_t type; double length; } HeadShape;
enum { F = ATTUNE_ARRAY_FLOAT32, D = ATTUNE_ARRAY_FLOAT64, I = ATTUNE_ARRAY_INT32 };

static double padded_to_eight(double n) { return __builtin_ceil(n / 8) * 8; }

// Returns the number of arrays; *numbers: the number of numbers.
static int head_shapes(int function, const double *n, HeadShape *s, int *numbers) {
  const double a = n[0], b = n[1], c = n[2], pb = padded_to_eight(b), pc = padded_to_eight(c);
  (void)pb;
#define SHAPES(NUMBERS, ...) { const HeadShape own[] = {__VA_ARGS__}; *numbers = NUMBERS; \
    __builtin_memcpy(s, own, sizeof own); return (int)(sizeof own / sizeof own[0]); }
  switch (function) {
    case ATTUNE_EPOCH: SHAPES(9, {F, a * b}, {I, a}, {F, a}, {I, a}, {F, b * pc}, {F, b * pc}, {F, 3 * b * pc + n[3] * pc})
    case ATTUNE_CROSS_ENTROPY: SHAPES(3, {F, a * b}, {I, a}, {D, a}, {D, b * c}, {D, b * c}, {D, 32 * c})
    case ATTUNE_SOFTMAX: SHAPES(3, {F, a * b}, {D, b * c}, {D, c}, {D, 32 * c}, {F, a * c})
    case ATTUNE_GRAM: SHAPES(2, {D, a * b}, {D, b * b})
    case ATTUNE_FACTORIZE: SHAPES(2, {D, a * a}, {D, a})
    case ATTUNE_SOLVE: SHAPES(2, {D, a * a}, {D, a}, {D, a * b}, {D, 8 * a})
    case ATTUNE_ACTIVATE: SHAPES(4, {F, a * b}, {F, b * pc}, {F, pc}, {D, a * c})
    case ATTUNE_SCORES: SHAPES(3, {D, a * b}, {D, b * c}, {D, a * c})
    case ATTUNE_CHANGE: SHAPES(7, {F, a * b}, {I, a}, {F, b * pc}, {F, pc}, {D, a * c}, {D, c * c}, {D, n[4] * c}, {D, c * c}, {D, c},
                               {D, n[4] * c}, {D, 2 * c + n[4]})
    case ATTUNE_ASCEND: SHAPES(5, {F, a * b}, {I, a}, {I, a}, {D, a}, {D, a * c}, {D, a * c}, {D, b}, {D, b * c}, {D, c},
                               {D, 16 * c + 5 * pc})
    default: SHAPES(3, {F, a * b}, {D, b}, {D, b}, {F, c == 0 ? 1 : b * c}, {F, c == 0 ? a * b : a * c}, {D, 8 * (b + c)})
  }
#undef SHAPES
}
