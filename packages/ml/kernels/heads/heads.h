// The head kernels' interface: training and linear algebra over the caller's arrays, which call.c checks.
// Twins are in packages/ml/src/heads, packages/ml/src/linalg and packages/ml/src/features.
#pragma once
#include <stdint.h>

enum { ATTUNE_SGD = 0, ATTUNE_ADAM = 1 };
enum { ATTUNE_SIGMOID = 0, ATTUNE_TANH = 1 };
// Classes of a descent and units of a hidden layer are padded to a multiple of ATTUNE_PADDING. Float64 work takes
// blocks of ATTUNE_BLOCK_ROWS rows.
enum { ATTUNE_PADDING = 8, ATTUNE_BLOCK_ROWS = 32 };

static inline int attune_padded(int count) { return (count + ATTUNE_PADDING - 1) / ATTUNE_PADDING * ATTUNE_PADDING; }

typedef struct {
  int rows, width, classes, batch, optimizer; // width: the features, then a constant 1
  int steps;                                  // steps of earlier epochs, for Adam
  float learning_rate, l2, bias_l2;
  const float *x;          // (rows, width)
  const int32_t *labels;   // (rows)
  const float *importance; // (rows)
  const int32_t *order;    // (rows)
  const float *centre;     // l2 pulls towards it; like all weights (width, padded classes), zero in the padding
  float *weights, *gradient, *first, *second;
  float *residuals; // (batch, padded classes)
} AttuneDescent;

typedef struct {
  int rows, width, classes;
  const float *x;           // (rows, width)
  const int32_t *labels;    // (rows)
  const double *importance; // (rows)
} AttuneRows;

typedef struct {
  int hidden, input_size, activation;
  const float *weight; // (padded hidden / 8, input_size, 8)
  const float *bias;   // (padded hidden)
} AttuneLayer;

// The memory of an OSELM head: sums over rows, and their solution.
typedef struct {
  int classes;
  double *gram, *moments;           // (hidden, hidden) upper triangle, (classes, hidden)
  double *upper, *pivots, *weights; // the factor of gram + l2 I, and (classes, hidden)
  double *scratch;                  // 2 hidden + classes
} AttuneOselm;

// Visits to rows of an online head, in their order. x and the other arrays of rows hold a row for each visit.
typedef struct {
  int visits, width, classes;
  double per_lambda, per_bias;
  const float *x;           // (visits, width)
  const int32_t *labels;    // (visits)
  const int32_t *first;     // (visits): the first visit to the same row, which holds the row's share
  const double *importance; // (visits)
  const double *offsets;    // (visits, classes): scores besides those of the sums
  double *shares;           // (visits, classes)
  const double *variances;  // (width)
  double *sums, *bias_sums; // (classes, width), (classes)
  double *scratch;          // 2 ATTUNE_PADDING classes + 5 padded classes
} AttuneAscent;

typedef struct {
  // One epoch in the given order of rows. Returns 0 when the learning rate made the weights diverge.
  int (*epoch)(const AttuneDescent *descent);
  // gradient (classes, width) ← gradient of Σ importance · cross-entropy; returns that
  // sum. residuals: (ATTUNE_BLOCK_ROWS, classes).
  double (*cross_entropy)(const AttuneRows *rows, const double *weights, double *gradient, double *residuals);
  // probabilities (rows, classes) ← softmax(x weightᵀ + bias). scores: (ATTUNE_BLOCK_ROWS, classes).
  void (*softmax)(const AttuneRows *rows, const double *weight, const double *bias, double *scores, float *probabilities);
  // gram (size, size), upper triangle, += xᵀ x; x: (rows, size).
  void (*gram)(const double *x, int rows, int size, double *gram);
  // upper (size, size): the upper triangle of A → U of A = Uᵀ D U. Returns 0, or 1 + the row whose pivot
  // is at most `smallest`.
  int (*factorize)(double *upper, double *pivots, int size, double smallest);
  // rhs (count, size), each row ← A⁻¹ row. scratch: (size, ATTUNE_PADDING).
  void (*solve)(const double *upper, const double *pivots, int size, double *rhs, int count, double *scratch);
  // h (rows, hidden) ← the layer's outputs on their grid, equal to the twin's to the last bit. x: (rows, input_size).
  void (*activate)(const AttuneLayer *layer, const float *x, int rows, double *h);
  // scores (rows, classes) ← h weightsᵀ; h: (rows, width).
  void (*scores)(const double *h, int rows, int width, const double *weights, int classes, double *scores);
  // Adds rows to the sums (sign 1) or takes them away (-1). With `follow` the solution follows. Returns the number of
  // rows that it followed: a downdate that is not safely positive definite leaves the solution of the rows before.
  int (*change)(const AttuneOselm *oselm, int hidden, const double *h, const int32_t *labels, int rows, int sign, int follow);
  // out (rows, output_size) ← components (output_size, input_size) · (x - mean) / scale; with output_size 0, (x - mean)
  // / scale alone. scratch: ATTUNE_PADDING · (input_size + output_size).
  void (*project)(const float *x, int rows, int input_size, const double *mean, const double *scale, const float *components, int output_size,
                  float *out, double *scratch);
  // Sets each visited row's share to its optimum while all else stays. Returns the largest change of a share.
  double (*ascend)(const AttuneAscent *ascent);
} AttuneHeadKernels;
