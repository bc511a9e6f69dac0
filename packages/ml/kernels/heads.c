// The heads' training in one source: softmax descent in float32, Gram matrices and Cholesky factors in float64. Compiled once per instruction set.
// Twins: packages/ml/src/heads/mini-batch.ts and softmax.ts, packages/ml/src/linalg/gram.ts and cholesky.ts.
#include <stddef.h>
#include "heads.h"
#include ISA_HEADER
#include "vector-math.h"

typedef double vd __attribute__((vector_size(LANES * 4), aligned(8)));
// A block of classes: eight, or one vector of more.
enum { DOUBLES = LANES / 2, BLOCK = LANES > 8 ? LANES : 8, VECTORS = BLOCK / LANES, GROUP = VECTORS == 1 ? 8 : 4 };
#define INLINE static inline __attribute__((always_inline))

static inline vd vd_load(const double *p) { return *(const vd *)p; }
static inline void vd_store(double *p, vd x) { *(vd *)p = x; }

static int padded_classes(int classes) { return (classes + BLOCK - 1) / BLOCK * BLOCK; }

// scores[r] (BLOCK) = Σ x[r][d] w[d] for `count` rows; w: rows ldw apart.
INLINE void score_rows(const int count, const float *const *x, int width, const float *w, size_t ldw, float *scores, size_t lds) {
  vf sum[GROUP][VECTORS];
  for (int r = 0; r < count; r++) for (int c = 0; c < VECTORS; c++) sum[r][c] = vf_splat(0);
  for (int d = 0; d < width; d++, w += ldw) {
    for (int r = 0; r < count; r++) for (int c = 0; c < VECTORS; c++)
      sum[r][c] = vf_fma(vf_splat(x[r][d]), vf_load(w + c * LANES), sum[r][c]);
  }
  for (int r = 0; r < count; r++) for (int c = 0; c < VECTORS; c++) vf_store(scores + r * lds + c * LANES, sum[r][c]);
}

// gradient[k] (BLOCK) = Σ x[i][d + k] residual[i] for `count` features from d on.
INLINE void add_features(const int count, const float *x, size_t ldx, const int32_t *order, int rows, const float *residuals, size_t ldr,
                         float *gradient, size_t ldg) {
  vf sum[GROUP][VECTORS];
  for (int k = 0; k < count; k++) for (int c = 0; c < VECTORS; c++) sum[k][c] = vf_splat(0);
  for (int i = 0; i < rows; i++) {
    const float *from = x + (size_t)order[i] * ldx;
    for (int k = 0; k < count; k++) for (int c = 0; c < VECTORS; c++)
      sum[k][c] = vf_fma(vf_splat(from[k]), vf_load(residuals + i * ldr + c * LANES), sum[k][c]);
  }
  for (int k = 0; k < count; k++) for (int c = 0; c < VECTORS; c++) vf_store(gradient + k * ldg + c * LANES, sum[k][c]);
}

static void score(const float *x, int width, const int32_t *order, int first, int rows, const float *w, int padded, float *scores) {
  for (int block = 0; block < padded; block += BLOCK) {
    int i = 0;
    const float *from[GROUP];
    for (; i + GROUP <= rows; i += GROUP) {
      for (int r = 0; r < GROUP; r++) from[r] = x + (size_t)(order ? order[i + r] : first + i + r) * width;
      score_rows(GROUP, from, width, w + block, padded, scores + (size_t)i * padded + block, padded);
    }
    for (; i < rows; i++) {
      from[0] = x + (size_t)(order ? order[i] : first + i) * width;
      score_rows(1, from, width, w + block, padded, scores + (size_t)i * padded + block, padded);
    }
  }
}

// scores (classes) → probabilities, in place; returns log Σ e^score. Padding is left out and set to 0.
static float softmax(float *scores, int classes, int padded) {
  for (int c = classes; c < padded; c++) scores[c] = -__builtin_inff();
  vf largest = vf_load(scores), total = vf_splat(0);
  for (int c = LANES; c < padded; c += LANES) largest = vf_max(largest, vf_load(scores + c));
  const float shift = vf_largest(largest);
  for (int c = 0; c < padded; c += LANES) {
    vf e = vf_exp(vf_load(scores + c) - shift);
    total += e;
    vf_store(scores + c, e);
  }
  const float sum = vf_sum(total);
  for (int c = 0; c < padded; c += LANES) vf_store(scores + c, vf_load(scores + c) / sum);
  return shift - shift == 0 ? sum : __builtin_nanf("");
}

// -log p, from the bits of p: the loss is watched, not differentiated, so 1e-6 will do.
static float negative_log(float p) {
  union { float f; int32_t i; } bits = {p < 1e-37f ? 1e-37f : p};
  const int exponent = (bits.i >> 23) - 127;
  bits.i = (bits.i & 0x7fffff) | 0x3f800000;
  const float m = (bits.f - 1) / (bits.f + 1), s = m * m; // log f = 2 atanh m
  return -((float)exponent * 0.693147181f + 2 * m * (1 + s * (1.0f / 3 + s * (0.2f + s * (1.0f / 7 + s * (1.0f / 9))))));
}

static void step(AttuneDescent *d, const AttuneDescentArrays *a, int padded, float inverse) {
  const float lr = d->learning_rate;
  const size_t features = (size_t)(d->width - 1) * padded, all = (size_t)d->width * padded;
  float *w = a->weights;
  if (d->optimizer == ATTUNE_SGD) {
    for (size_t k = 0; k < features; k++) w[k] -= lr * (a->gradient[k] * inverse + d->l2 * (w[k] - a->centre[k]));
    for (size_t k = features; k < all; k++) w[k] -= lr * (a->gradient[k] * inverse + d->bias_l2 * (w[k] - a->centre[k]));
    return;
  }
  d->steps++;
  double power1 = 1, power2 = 1;
  for (int i = 0; i < d->steps && i < 40000; i++) power1 *= 0.9, power2 *= 0.999;
  const float scale1 = (float)(1 / (1 - power1)), scale2 = (float)(1 / (1 - power2));
  for (size_t k = 0; k < all; k++) {
    const float g = a->gradient[k] * inverse + (k < features ? d->l2 : d->bias_l2) * (w[k] - a->centre[k]);
    a->first[k] = 0.9f * a->first[k] + 0.1f * g;
    a->second[k] = 0.999f * a->second[k] + 0.001f * g * g;
    w[k] -= lr * (a->first[k] * scale1) / (__builtin_sqrtf(a->second[k] * scale2) + 1e-8f);
  }
}

static double epoch(AttuneDescent *d, const AttuneDescentArrays *a, const int32_t *order) {
  const int padded = padded_classes(d->classes), width = d->width;
  double loss = 0;
  for (int start = 0; start < d->rows; start += d->batch, order += d->batch) {
    const int rows = d->rows - start < d->batch ? d->rows - start : d->batch;
    score(a->x, width, order, 0, rows, a->weights, padded, a->residuals);
    for (int i = 0; i < rows; i++) {
      float *r = a->residuals + (size_t)i * padded;
      const int label = a->labels[order[i]];
      const float importance = a->importance[order[i]], sum = softmax(r, d->classes, padded);
      loss += importance * (sum == sum ? negative_log(r[label]) : sum);
      r[label] -= 1;
      for (int c = 0; c < padded; c += LANES) vf_store(r + c, vf_load(r + c) * importance);
    }
    for (int block = 0; block < padded; block += BLOCK) {
      int k = 0;
      for (; k + GROUP <= width; k += GROUP)
        add_features(GROUP, a->x + k, width, order, rows, a->residuals + block, padded, a->gradient + (size_t)k * padded + block, padded);
      for (; k < width; k++)
        add_features(1, a->x + k, width, order, rows, a->residuals + block, padded, a->gradient + (size_t)k * padded + block, padded);
    }
    step(d, a, padded, 1.0f / (float)rows);
  }
  return loss;
}

static void predict(const float *x, int rows, int width, const float *weights, int classes, float *probabilities) {
  const int padded = padded_classes(classes);
  score(x, width, 0, 0, rows, weights, padded, probabilities);
  for (int i = 0; i < rows; i++) softmax(probabilities + (size_t)i * padded, classes, padded);
}

// A tile of four columns by two vectors stays in registers over all the rows.
static void gram(const double *x, int rows, int size, double *out) {
  enum { WIDE = 2 * DOUBLES };
  int i = 0;
  for (; i + 4 <= size; i += 4) {
    int j = i;
    for (; j + WIDE <= size; j += WIDE) {
      vd sum[4][2];
      for (int k = 0; k < 4; k++) for (int v = 0; v < 2; v++) sum[k][v] = vd_load(out + (size_t)(i + k) * size + j + v * DOUBLES);
      const double *row = x;
      for (int n = 0; n < rows; n++, row += size) {
        const vd right0 = vd_load(row + j), right1 = vd_load(row + j + DOUBLES);
        for (int k = 0; k < 4; k++) sum[k][0] += row[i + k] * right0, sum[k][1] += row[i + k] * right1;
      }
      for (int k = 0; k < 4; k++) for (int v = 0; v < 2; v++) vd_store(out + (size_t)(i + k) * size + j + v * DOUBLES, sum[k][v]);
    }
    for (; j < size; j++) for (int k = 0; k < 4; k++) {
      double sum = 0;
      for (int n = 0; n < rows; n++) sum += x[(size_t)n * size + i + k] * x[(size_t)n * size + j];
      out[(size_t)(i + k) * size + j] += sum;
    }
  }
  for (; i < size; i++) for (int j = i; j < size; j++) {
    double sum = 0;
    for (int n = 0; n < rows; n++) sum += x[(size_t)n * size + i] * x[(size_t)n * size + j];
    out[(size_t)i * size + j] += sum;
  }
}

static int factorize(double *upper, double *pivots, int size, double smallest) {
  for (int i = 0; i < size; i++) {
    double *own = upper + (size_t)i * size;
    int j = 0;
    for (; j + 4 <= i; j += 4) {
      const double *r = upper + (size_t)j * size;
      const double f0 = r[i] * pivots[j], f1 = r[size + i] * pivots[j + 1], f2 = r[2 * size + i] * pivots[j + 2], f3 = r[3 * size + i] * pivots[j + 3];
      for (int k = i; k < size; k++) own[k] -= f0 * r[k] + f1 * r[size + k] + f2 * r[2 * size + k] + f3 * r[3 * size + k];
    }
    for (; j < i; j++) {
      const double *r = upper + (size_t)j * size;
      const double f = r[i] * pivots[j];
      for (int k = i; k < size; k++) own[k] -= f * r[k];
    }
    const double pivot = own[i];
    if (!(pivot > smallest) || pivot - pivot != 0) return 1 + i;
    pivots[i] = pivot;
    own[i] = 1;
    for (int k = i + 1; k < size; k++) own[k] /= pivot;
  }
  return 0;
}

static double dot(const double *x, const double *y, int count) {
  vd sum0 = {0}, sum1 = {0};
  int i = 0;
  for (; i + 2 * DOUBLES <= count; i += 2 * DOUBLES) {
    sum0 += vd_load(x + i) * vd_load(y + i);
    sum1 += vd_load(x + i + DOUBLES) * vd_load(y + i + DOUBLES);
  }
  sum0 += sum1;
  double sum = 0;
  for (int k = 0; k < DOUBLES; k++) sum += sum0[k];
  for (; i < count; i++) sum += x[i] * y[i];
  return sum;
}

static void solve(const double *upper, const double *pivots, int size, double *rhs, int count) {
  for (double *x = rhs; count > 0; count--, x += size) {
    for (int j = 0; j < size; j++) {
      const double known = x[j], *row = upper + (size_t)j * size;
      for (int r = j + 1; r < size; r++) x[r] -= known * row[r];
    }
    for (int j = 0; j < size; j++) x[j] /= pivots[j];
    for (int j = size - 2; j >= 0; j--) x[j] -= dot(upper + (size_t)j * size + j + 1, x + j + 1, size - j - 1);
  }
}

// Gill, Golub, Murray and Saunders 1974, method C1; two rows a round, so that the residual is loaded and stored once for both.
static void rank_one(double *upper, double *pivots, int size, double sign, double *restrict residual, double *gain) {
  double alpha = sign;
  int j = 0;
  for (; j + 1 < size; j += 2) {
    double *restrict row0 = upper + (size_t)j * size, *restrict row1 = row0 + size;
    const double p0 = residual[j], pivot0 = pivots[j] + alpha * p0 * p0, b0 = alpha * p0 / pivot0;
    alpha *= pivots[j] / pivot0;
    pivots[j] = pivot0;
    gain[j] = b0;
    const double p1 = residual[j + 1] - p0 * row0[j + 1];
    row0[j + 1] += b0 * p1;
    const double pivot1 = pivots[j + 1] + alpha * p1 * p1, b1 = alpha * p1 / pivot1;
    alpha *= pivots[j + 1] / pivot1;
    pivots[j + 1] = pivot1;
    gain[j + 1] = b1;
    for (int r = j + 2; r < size; r++) {
      const double u0 = row0[r], u1 = row1[r], after0 = residual[r] - p0 * u0, after1 = after0 - p1 * u1;
      row0[r] = u0 + b0 * after0;
      row1[r] = u1 + b1 * after1;
      residual[r] = after1;
    }
  }
  if (j < size) {
    const double p = residual[j], pivot = pivots[j] + alpha * p * p;
    gain[j] = alpha * p / pivot;
    pivots[j] = pivot;
  }
}

const AttuneHeadKernels HEAD_KERNELS = {padded_classes, epoch, predict, gram, factorize, solve, rank_one};
