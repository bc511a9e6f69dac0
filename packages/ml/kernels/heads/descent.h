// Epochs of SGD and Adam in float32. Twin: packages/ml/src/heads/mini-batch.ts. Classes lie across a vector's lanes,
// padded to a multiple of eight.
#pragma once

// LANES rows at a time need as many sums as the narrowest instruction set has registers for.
enum { VECTORS = ATTUNE_PADDING / LANES, GROUP = LANES, FEATURES = VECTORS == 1 ? 8 : 4 };
_Static_assert(VECTORS >= 1, "a vector holds more lanes than the padding");

// score[r] (8 classes) = Σ x[r][d] w[d] for `count` rows. w: rows ldw apart.
INLINE void score_rows(const int count, const float *const *x, int width, const float *w, size_t ldw, vf score[GROUP][VECTORS]) {
  for (int r = 0; r < count; r++) for (int c = 0; c < VECTORS; c++) score[r][c] = vf_splat(0);
  for (int d = 0; d < width; d++, w += ldw) {
    for (int r = 0; r < count; r++) for (int c = 0; c < VECTORS; c++)
      score[r][c] = vf_fma(vf_splat(x[r][d]), vf_load(w + c * LANES), score[r][c]);
  }
}

// gradient[k] (8 classes) = Σ x[order[i]][k] residual[i] for `count` features. residuals and gradient: rows ld apart.
INLINE void add_features(const int count, const float *x, int width, const int32_t *order, int rows, const float *residuals, size_t ld,
                         float *gradient) {
  vf sum[FEATURES][VECTORS];
  for (int k = 0; k < count; k++) for (int c = 0; c < VECTORS; c++) sum[k][c] = vf_splat(0);
  for (int i = 0; i < rows; i++) {
    const float *from = x + (size_t)order[i] * width;
    for (int k = 0; k < count; k++) for (int c = 0; c < VECTORS; c++)
      sum[k][c] = vf_fma(vf_splat(from[k]), vf_load(residuals + i * ld + c * LANES), sum[k][c]);
  }
  for (int k = 0; k < count; k++) for (int c = 0; c < VECTORS; c++) vf_store(gradient + k * ld + c * LANES, sum[k][c]);
}

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE __builtin_shufflevector
#else
#define SHUFFLE(A, B, ...) __builtin_shuffle(A, B, (vi){__VA_ARGS__})
#endif
#if LANES == 4
#define LOWER(A, B) SHUFFLE(A, B, 0, 4, 1, 5)
#define UPPER(A, B) SHUFFLE(A, B, 2, 6, 3, 7)
#else
#define LOWER(A, B) SHUFFLE(A, B, 0, 8, 1, 9, 2, 10, 3, 11)
#define UPPER(A, B) SHUFFLE(A, B, 4, 12, 5, 13, 6, 14, 7, 15)
#endif

// Lane r of the result is the sum of x[r]'s lanes. This takes half of the additions of one row after another, and no
// addition waits for another.
INLINE vf sums_of_rows(const vf x[LANES]) {
  vf sum[LANES];
  for (int r = 0; r < LANES; r++) sum[r] = x[r];
  for (int half = LANES / 2; half >= 1; half /= 2)
    for (int r = 0; r < half; r++) sum[r] = LOWER(sum[r], sum[r + half]) + UPPER(sum[r], sum[r + half]);
  return sum[0];
}

INLINE vf vf_absolute(vf x) { return (vf)((vi)x & 0x7fffffff); }

// Turns scores of LANES rows of up to eight classes into importance · softmax. It does not search for each row's
// largest score: below 80 no exponential overflows and no sum of exponentials is lost, and only a row beyond 80 is
// shifted. NaN and infinity pass into the weights, where `epoch` finds them.
INLINE void softmax_group(vf score[GROUP][VECTORS], const vf *mask, vf importance) {
  vf largest = vf_splat(0);
  for (int r = 0; r < LANES; r++) for (int c = 0; c < VECTORS; c++) largest = vf_max(largest, vf_absolute(score[r][c]));
  if (!(vf_largest(largest) < 80)) {
    for (int r = 0; r < LANES; r++) {
      vf high = vf_select((vi)(mask[0] > 0), score[r][0], vf_splat(-__builtin_inff()));
      for (int c = 1; c < VECTORS; c++) high = vf_max(high, vf_select((vi)(mask[c] > 0), score[r][c], vf_splat(-__builtin_inff())));
      const float shift = vf_largest(high);
      for (int c = 0; c < VECTORS; c++) score[r][c] = score[r][c] - shift;
    }
  }
  vf total[LANES];
  for (int r = 0; r < LANES; r++) {
    for (int c = 0; c < VECTORS; c++) score[r][c] = vf_exp(score[r][c]) * mask[c];
    total[r] = score[r][0];
    for (int c = 1; c < VECTORS; c++) total[r] = total[r] + score[r][c];
  }
  const vf scale = importance / sums_of_rows(total);
  for (int r = 0; r < LANES; r++) for (int c = 0; c < VECTORS; c++) score[r][c] = score[r][c] * scale[r];
}

// residuals (rows, 8) of a batch of at most eight classes; scores stay in the registers. A group's first row stands
// in for missing rows.
static void residuals_of_few(const AttuneDescent *d, const int32_t *order, int rows) {
  vf mask[VECTORS] = {0};
  for (int c = 0; c < ATTUNE_PADDING; c++) mask[c / LANES][c % LANES] = c < d->classes;
  for (int i = 0; i < rows; i += GROUP) {
    const int count = rows - i < GROUP ? rows - i : GROUP;
    const float *from[GROUP];
    vf score[GROUP][VECTORS];
    vf importance = {0};
    for (int r = 0; r < GROUP; r++) {
      const int row = order[i + (r < count ? r : 0)];
      from[r] = d->x + (size_t)row * d->width;
      importance[r] = d->importance[row];
    }
    score_rows(GROUP, from, d->width, d->weights, ATTUNE_PADDING, score);
    softmax_group(score, mask, importance);
    for (int r = 0; r < count; r++) {
      float *to = d->residuals + (size_t)(i + r) * ATTUNE_PADDING;
      for (int c = 0; c < VECTORS; c++) vf_store(to + c * LANES, score[r][c]);
      to[d->labels[order[i + r]]] -= importance[r];
    }
  }
}

// As residuals_of_few for any number of classes, with scores in memory.
static void residuals_of_many(const AttuneDescent *d, const int32_t *order, int rows) {
  const int padded = attune_padded(d->classes);
  for (int i = 0; i < rows; i++) {
    const float *x = d->x + (size_t)order[i] * d->width;
    float *to = d->residuals + (size_t)i * padded;
    for (int block = 0; block < padded; block += ATTUNE_PADDING) {
      vf score[GROUP][VECTORS];
      score_rows(1, &x, d->width, d->weights + block, padded, score);
      for (int c = 0; c < VECTORS; c++) vf_store(to + block + c * LANES, score[0][c]);
    }
    for (int c = d->classes; c < padded; c++) to[c] = -__builtin_inff();
    vf largest = vf_load(to), total = vf_splat(0);
    for (int c = LANES; c < padded; c += LANES) largest = vf_max(largest, vf_load(to + c));
    const float shift = vf_largest(largest), importance = d->importance[order[i]];
    for (int c = 0; c < padded; c += LANES) {
      const vf e = vf_exp(vf_load(to + c) - shift);
      total = total + e;
      vf_store(to + c, e);
    }
    const float scale = importance / vf_sum(total);
    for (int c = 0; c < padded; c += LANES) vf_store(to + c, vf_load(to + c) * scale);
    to[d->labels[order[i]]] -= importance;
  }
}

static void step(const AttuneDescent *d, float inverse, float scale1, float scale2) {
  const int padded = attune_padded(d->classes);
  const size_t features = (size_t)(d->width - 1) * padded, all = (size_t)d->width * padded;
  float *w = d->weights;
  for (size_t k = 0; k < all; k += LANES) {
    const vf now = vf_load(w + k);
    vf g = vf_load(d->gradient + k) * inverse + (now - vf_load(d->centre + k)) * (k < features ? d->l2 : d->bias_l2);
    if (d->optimizer == ATTUNE_ADAM) {
      const vf first = vf_load(d->first + k) * 0.9f + g * 0.1f, second = vf_load(d->second + k) * 0.999f + g * g * 0.001f;
      vf_store(d->first + k, first);
      vf_store(d->second + k, second);
      vf deviation = second * scale2;
      for (int i = 0; i < LANES; i++) deviation[i] = __builtin_sqrtf(deviation[i]);
      g = first * scale1 / (deviation + 1e-8f);
    }
    vf_store(w + k, now - g * d->learning_rate);
  }
}

static int epoch(const AttuneDescent *d) {
  const int padded = attune_padded(d->classes), width = d->width;
  double power1 = 1, power2 = 1;
  for (int i = 0; d->optimizer == ATTUNE_ADAM && i < d->steps && i < 40000; i++) power1 *= 0.9, power2 *= 0.999;
  for (int start = 0; start < d->rows; start += d->batch) {
    const int rows = d->rows - start < d->batch ? d->rows - start : d->batch;
    const int32_t *order = d->order + start;
    if (padded == ATTUNE_PADDING) residuals_of_few(d, order, rows);
    else residuals_of_many(d, order, rows);
    for (int block = 0; block < padded; block += ATTUNE_PADDING) {
      const float *from = d->residuals + block;
      int k = 0;
      for (; k + FEATURES <= width; k += FEATURES)
        add_features(FEATURES, d->x + k, width, order, rows, from, padded, d->gradient + (size_t)k * padded + block);
      for (; k < width; k++) add_features(1, d->x + k, width, order, rows, from, padded, d->gradient + (size_t)k * padded + block);
    }
    power1 *= 0.9, power2 *= 0.999;
    step(d, 1.0f / (float)rows, (float)(1 / (1 - power1)), (float)(1 / (1 - power2)));
  }
  vf zero = vf_splat(0);
  for (int k = 0; k < width * padded; k += LANES) zero = zero + (vf_load(d->weights + k) - vf_load(d->weights + k));
  return vf_sum(zero) == 0;
}
