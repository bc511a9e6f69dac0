// The only entry to the head kernels for callers that hold arrays. Every number and every array's type and length is
// checked before any computation.
#pragma once
#include "heads/heads.h"

enum { ATTUNE_ARRAY_FLOAT32 = 0, ATTUNE_ARRAY_FLOAT64 = 1, ATTUNE_ARRAY_INT32 = 2 };
typedef struct { void *data; uint32_t type, length; } AttuneArray;

// The functions, with their numbers and arrays. A descent's weights are (width, padded classes); a layer's weights are
// (padded hidden / 8, input size, 8).
enum {
  // rows, width, classes, batch, optimizer, steps, learning rate, l2, bias l2; x, labels, importance (float32),
  // order, centre, weights, scratch: 3 weights, kept from epoch to epoch, and (batch, padded classes) → 1, or 0
  // when the weights diverged
  ATTUNE_EPOCH,
  ATTUNE_CROSS_ENTROPY, // rows, width, classes; x, labels, importance (float64), weights, gradient, residuals → the loss
  ATTUNE_SOFTMAX,       // rows, width, classes; x, weight, bias, scores, probabilities
  ATTUNE_GRAM,          // rows, size; x, gram
  ATTUNE_FACTORIZE,     // size, smallest; upper, pivots → 0, or 1 + the row that failed
  ATTUNE_SOLVE,         // size, count; upper, pivots, rhs, scratch
  ATTUNE_ACTIVATE,      // rows, input size, hidden, activation; x, weight, bias, h
  ATTUNE_SCORES,        // rows, width, classes; h, weights, scores
  // rows, input size, hidden, activation, classes, sign, follow; x, labels, weight, bias, h, gram, moments, upper, pivots, weights, scratch
  // → rows that the solution followed
  ATTUNE_CHANGE,
  ATTUNE_PROJECT, // rows, input size, output size; x, mean, scale, components, out, scratch
  // visits, width, classes, 1 / λ, 1 / bias precision; x, labels, first, importance (float64), offsets, shares, variances, sums, bias sums,
  // scratch → the largest change
  ATTUNE_ASCEND,
  ATTUNE_FUNCTIONS
};

enum { ATTUNE_MOST_NUMBERS = 9, ATTUNE_MOST_ARRAYS = 11 };
// The refusals of a call, of its numbers, and of a label, an order or a first visit. A refusal below ATTUNE_BAD_ARRAY is of
// array ATTUNE_BAD_ARRAY - refusal.
enum { ATTUNE_BAD_CALL = -1, ATTUNE_BAD_NUMBERS = -2, ATTUNE_BAD_LABELS = -3, ATTUNE_BAD_ARRAY = -10 };

// Returns 0, or a refusal, and touches nothing then. *result: the value that the function returns.
int attune_head_call(const AttuneHeadKernels *kernels, int function, const double *numbers, int number_count, const AttuneArray *arrays,
                     int array_count, double *result);
