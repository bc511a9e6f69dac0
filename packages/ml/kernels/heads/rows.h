// Work over rows in float64: products, softmax regression, prediction, projection, hidden layers.
// Twins: packages/ml/src/heads/softmax.ts and hidden-layer.ts, packages/ml/src/features/pca.ts.
#pragma once

// out[r][c] = Σ x[r][d] w[c][d]. Rows of w and of x are `width` apart. Two rows by four columns share six loads.
INLINE void products_tile(const int rows, const int cols, const float *x, const double *w, int width, double *out, size_t ldo) {
  vd sum[2][4];
  for (int r = 0; r < rows; r++) for (int c = 0; c < cols; c++) sum[r][c] = vd_splat(0);
  int d = 0;
  for (; d + DOUBLES <= width; d += DOUBLES) {
    vd own[2];
    for (int r = 0; r < rows; r++) own[r] = vd_widen(x + (size_t)r * width + d);
    for (int c = 0; c < cols; c++) {
      const vd weight = vd_load(w + (size_t)c * width + d);
      for (int r = 0; r < rows; r++) sum[r][c] = vd_fma(own[r], weight, sum[r][c]);
    }
  }
  for (int r = 0; r < rows; r++) for (int c = 0; c < cols; c++) {
    double total = vd_sum(sum[r][c]);
    for (int k = d; k < width; k++) total += x[(size_t)r * width + k] * w[(size_t)c * width + k];
    out[r * ldo + c] = total;
  }
}

// out (rows, cols) = x wᵀ. x: (rows, width); w: (cols, width); rows of out are ldo apart.
static void products(const float *x, int rows, int width, const double *w, int cols, double *out, size_t ldo) {
  for (int r = 0; r < rows; r += 2, x += 2 * (size_t)width) {
    double *to = out + r * ldo;
    int c = 0;
#define TILE(ROWS, COLS) products_tile(ROWS, COLS, x, w + (size_t)c * width, width, to + c, ldo)
    if (r + 1 < rows) {
      for (; c + 4 <= cols; c += 4) TILE(2, 4);
      if (cols - c == 3) TILE(2, 3);
      else for (; c < cols; c++) TILE(2, 1);
    } else {
      for (; c + 4 <= cols; c += 4) TILE(1, 4);
      for (; c < cols; c++) TILE(1, 1);
    }
#undef TILE
  }
}

// gradient[c][d …] += variance[d …] Σ residual[i][c] x[i][d …] for `cols` classes and `vectors` vectors of features.
// Without variances they are 1.
INLINE void outer_tile(const int cols, const int vectors, const float *x, int rows, int width, const double *residuals, int classes,
                       const double *variances, double *gradient) {
  vd sum[4][2];
  for (int c = 0; c < cols; c++) for (int v = 0; v < vectors; v++) sum[c][v] = vd_splat(0);
  for (int i = 0; i < rows; i++, x += width, residuals += classes) {
    vd own[2];
    for (int v = 0; v < vectors; v++) own[v] = vd_widen(x + v * DOUBLES);
    for (int c = 0; c < cols; c++) {
      const vd residual = vd_splat(residuals[c]);
      for (int v = 0; v < vectors; v++) sum[c][v] = vd_fma(residual, own[v], sum[c][v]);
    }
  }
  for (int v = 0; v < vectors; v++) {
    const vd variance = variances ? vd_load(variances + v * DOUBLES) : vd_splat(1);
    for (int c = 0; c < cols; c++) {
      double *to = gradient + (size_t)c * width + v * DOUBLES;
      vd_store(to, vd_fma(variance, sum[c][v], vd_load(to)));
    }
  }
}

// gradient (classes, width) += residualsᵀ x variances; x: (rows, width), residuals: (rows, classes).
static void add_outer(const float *x, int rows, int width, const double *residuals, int classes, const double *variances, double *gradient) {
  int d = 0;
#define TILE(COLS, WIDE) \
  outer_tile(COLS, WIDE, x + d, rows, width, residuals + c, classes, variances ? variances + d : NULL, gradient + (size_t)c * width + d)
  for (; d + DOUBLES <= width; d += d + 2 * DOUBLES <= width ? 2 * DOUBLES : DOUBLES) {
    const int both = d + 2 * DOUBLES <= width;
    int c = 0;
    for (; c + 4 <= classes; c += 4) {
      if (both) TILE(4, 2);
      else TILE(4, 1);
    }
    if (both && classes - c == 3) TILE(3, 2);
    else for (; c < classes; c++) {
      if (both) TILE(1, 2);
      else TILE(1, 1);
    }
  }
#undef TILE
  for (; d < width; d++) for (int i = 0; i < rows; i++) {
    const double own = x[(size_t)i * width + d] * (variances ? variances[d] : 1);
    for (int c = 0; c < classes; c++) gradient[(size_t)c * width + d] += residuals[(size_t)i * classes + c] * own;
  }
}

static void exponentials(double *x, int count) {
  int i = 0;
  for (; i + DOUBLES <= count; i += DOUBLES) vd_store(x + i, vd_exp(vd_load(x + i)));
  for (; i < count; i++) x[i] = vd_exp(vd_splat(x[i]))[0];
}

// log x for normal x ≥ 1. The bits give it within 1e-6; then one step of Halley's method on e^y = x cubes the error.
static double logarithm(double x) {
  union { double f; int64_t i; } bits = {x};
  const int64_t exponent = (bits.i >> 52) - 1023;
  bits.i = (bits.i & 0xfffffffffffff) | 0x3ff0000000000000;
  const double m = (bits.f - 1) / (bits.f + 1), s = m * m; // log f = 2 atanh m
  const double y = (double)exponent * 0.6931471805599453 + 2 * m * (1 + s * (1.0 / 3 + s * (1.0 / 5 + s * (1.0 / 7 + s * (1.0 / 9)))));
  const double e = vd_exp(vd_splat(y))[0];
  return y + 2 * (x - e) / (x + e);
}

// Turns each row of scores into e^(score - the row's largest score), and writes its shift and sum to the arrays.
static void shifted_exponentials(double *scores, int rows, int classes, double *shift, double *sum) {
  for (int i = 0; i < rows; i++) {
    double *own = scores + (size_t)i * classes;
    shift[i] = own[0];
    for (int c = 1; c < classes; c++) shift[i] = own[c] > shift[i] ? own[c] : shift[i];
    for (int c = 0; c < classes; c++) own[c] -= shift[i];
  }
  exponentials(scores, rows * classes);
  for (int i = 0; i < rows; i++) {
    sum[i] = 0;
    for (int c = 0; c < classes; c++) sum[i] += scores[(size_t)i * classes + c];
  }
}

static double cross_entropy(const AttuneRows *d, const double *weights, double *gradient, double *residuals) {
  const int width = d->width, classes = d->classes;
  double loss = 0, shift[ATTUNE_BLOCK_ROWS], sum[ATTUNE_BLOCK_ROWS], own[ATTUNE_BLOCK_ROWS];
  for (size_t k = 0; k < (size_t)classes * width; k++) gradient[k] = 0;
  for (int start = 0; start < d->rows; start += ATTUNE_BLOCK_ROWS) {
    const int rows = d->rows - start < ATTUNE_BLOCK_ROWS ? d->rows - start : ATTUNE_BLOCK_ROWS;
    const float *x = d->x + (size_t)start * width;
    products(x, rows, width, weights, classes, residuals, classes);
    for (int i = 0; i < rows; i++) own[i] = residuals[(size_t)i * classes + d->labels[start + i]];
    shifted_exponentials(residuals, rows, classes, shift, sum);
    for (int i = 0; i < rows; i++) {
      double *r = residuals + (size_t)i * classes;
      const double importance = d->importance[start + i], scale = importance / sum[i];
      loss += importance * (shift[i] + logarithm(sum[i]) - own[i]);
      for (int c = 0; c < classes; c++) r[c] *= scale;
      r[d->labels[start + i]] -= importance;
    }
    add_outer(x, rows, width, residuals, classes, NULL, gradient);
  }
  return loss;
}

static void softmax(const AttuneRows *d, const double *weight, const double *bias, double *scores, float *probabilities) {
  const int classes = d->classes;
  double shift[ATTUNE_BLOCK_ROWS], sum[ATTUNE_BLOCK_ROWS];
  for (int start = 0; start < d->rows; start += ATTUNE_BLOCK_ROWS) {
    const int rows = d->rows - start < ATTUNE_BLOCK_ROWS ? d->rows - start : ATTUNE_BLOCK_ROWS;
    products(d->x + (size_t)start * d->width, rows, d->width, weight, classes, scores, classes);
    for (int i = 0; i < rows; i++) for (int c = 0; c < classes; c++) scores[(size_t)i * classes + c] += bias[c];
    shifted_exponentials(scores, rows, classes, shift, sum);
    for (int i = 0; i < rows; i++) for (int c = 0; c < classes; c++)
      probabilities[(size_t)(start + i) * classes + c] = (float)(scores[(size_t)i * classes + c] / sum[i]);
  }
}

// A layer's weights lie in panels of eight units, so that a tile reads memory in order.
enum { PER_PANEL = ATTUNE_PADDING / DOUBLES };

// Sums follow the order of the inputs, and products of two floats are exact. So the sums equal the twin's to the last
// bit, fused or not.
INLINE void activate_tile(const int rows, const int panels, const AttuneLayer *layer, const float *x, int unit, double *h) {
  const size_t panel = (size_t)layer->input_size * ATTUNE_PADDING;
  const int vectors = panels * PER_PANEL;
  vd sum[2][8];
  for (int r = 0; r < rows; r++) for (int v = 0; v < vectors; v++) sum[r][v] = vd_widen(layer->bias + unit + v * DOUBLES);
  const float *w = layer->weight + (size_t)unit * layer->input_size;
  for (int d = 0; d < layer->input_size; d++, w += ATTUNE_PADDING) {
    for (int v = 0; v < vectors; v++) {
      const vd weight = vd_widen(w + v / PER_PANEL * panel + v % PER_PANEL * DOUBLES);
      for (int r = 0; r < rows; r++) sum[r][v] = vd_fma(vd_splat(x[(size_t)r * layer->input_size + d]), weight, sum[r][v]);
    }
  }
  for (int r = 0; r < rows; r++) for (int v = 0; v < vectors; v++) vd_store(h + r * 64 + v * DOUBLES, sum[r][v]);
}

// Turns sums into outputs on the grid, in place.
static void activate_sums(double *sums, int count, int activation) {
  for (int k = 0; k < count; k += DOUBLES) {
    const vd sum = vd_load(sums + k);
    const vd s = 1.0 / (1.0 + vd_exp(activation == ATTUNE_TANH ? -2 * sum : -sum));
    vd_store(sums + k, ((activation == ATTUNE_TANH ? 2 * s - 1 : s) * 65536 + ROUNDING - ROUNDING) / 65536);
  }
}

static void activate(const AttuneLayer *layer, const float *x, int rows, double *h) {
  enum { PANELS = 8 / PER_PANEL };
  const int padded = attune_padded(layer->hidden);
  for (int i = 0; i < rows; i += 2) {
    const int both = i + 1 < rows;
    const float *from = x + (size_t)i * layer->input_size;
    for (int unit = 0; unit < padded;) {
      double sums[2 * 64];
      const int panels = unit + PANELS * ATTUNE_PADDING <= padded && (!both || PER_PANEL < 4) ? PANELS : 1, units = panels * ATTUNE_PADDING;
      if (both && panels == 1) activate_tile(2, 1, layer, from, unit, sums);
      else if (both) activate_tile(2, PANELS, layer, from, unit, sums);
      else if (panels == 1) activate_tile(1, 1, layer, from, unit, sums);
      else activate_tile(1, PANELS, layer, from, unit, sums);
      for (int r = 0; r <= both; r++) {
        activate_sums(sums + r * 64, units, layer->activation);
        double *to = h + (size_t)(i + r) * layer->hidden + unit;
        for (int k = 0; k < units && unit + k < layer->hidden; k++) to[k] = sums[r * 64 + k];
      }
      unit += units;
    }
  }
}

static void project(const float *x, int rows, int input_size, const double *mean, const double *scale, const float *components, int output_size,
                    float *out, double *scratch) {
  if (output_size == 0) {
    for (int i = 0; i < rows; i++) for (int d = 0; d < input_size; d++) {
      const size_t k = (size_t)i * input_size + d;
      out[k] = (float)((x[k] - mean[d]) / scale[d]);
    }
    return;
  }
  double *found = scratch + (size_t)ATTUNE_PADDING * input_size;
  for (int start = 0; start < rows; start += ATTUNE_PADDING) {
    const int count = rows - start < ATTUNE_PADDING ? rows - start : ATTUNE_PADDING;
    for (int i = 0; i < count; i++) for (int d = 0; d < input_size; d++)
      scratch[(size_t)i * input_size + d] = (x[(size_t)(start + i) * input_size + d] - mean[d]) / scale[d];
    products(components, output_size, input_size, scratch, count, found, ATTUNE_PADDING);
    for (int i = 0; i < count; i++) for (int k = 0; k < output_size; k++)
      out[(size_t)(start + i) * output_size + k] = (float)found[(size_t)k * ATTUNE_PADDING + i];
  }
}
