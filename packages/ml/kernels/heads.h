// The head kernels' interface: training and linear algebra over arrays of the caller's, which checks their sizes. Twins in packages/ml/src/{heads,linalg}.
#pragma once
#include <stdint.h>

enum { ATTUNE_SGD = 0, ATTUNE_ADAM = 1 };

typedef struct {
  int32_t rows, width, classes, batch, optimizer; // width: the features and a constant 1, last
  int32_t steps;                                  // Adam's, counted by the kernel
  float learning_rate, l2, bias_l2;
} AttuneDescent;

// The arrays of a descent; weights and the like are (width, padded classes), zero in the padding.
typedef struct {
  const float *x;          // (rows, width)
  const int32_t *labels;   // (rows)
  const float *importance; // (rows)
  const float *centre;     // what l2 pulls towards
  float *weights, *gradient, *first, *second;
  float *residuals; // (batch, padded classes)
} AttuneDescentArrays;

typedef struct {
  int (*padded_classes)(int classes);
  // One epoch in the given order of rows. Returns the summed loss; not finite when the learning rate made the weights diverge.
  double (*epoch)(AttuneDescent *descent, const AttuneDescentArrays *arrays, const int32_t *order);
  // probabilities (rows, padded classes) ← softmax(x w).
  void (*predict)(const float *x, int rows, int width, const float *weights, int classes, float *probabilities);
  // gram (size, size), upper triangle, += xᵀ x; x: (rows, size).
  void (*gram)(const double *x, int rows, int size, double *gram);
  // upper (size, size): A by its upper triangle → U of A = Uᵀ D U. Returns 0, or 1 + the row whose pivot is at most `smallest`.
  int (*factorize)(double *upper, double *pivots, int size, double smallest);
  // rhs (count, size), each row ← A⁻¹ row.
  void (*solve)(const double *upper, const double *pivots, int size, double *rhs, int count);
  // The factor of A + sign v vᵀ; residual: v, destroyed; gain (size) ← A'⁻¹ v sign, before back substitution as in the twin.
  void (*rank_one)(double *upper, double *pivots, int size, double sign, double *residual, double *gain);
} AttuneHeadKernels;
