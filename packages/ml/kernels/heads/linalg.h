// Gram matrices and LDLᵀ factors in float64: solving with the factors, and keeping them current.
// Twins: packages/ml/src/linalg/gram.ts, cholesky.ts and packages/ml/src/heads/oselm.ts.
#pragma once

// gram (size, size), upper triangle, += xᵀ x for a few rows, which stay in the cache. Registers hold a tile of four
// columns by two vectors.
static void gram_of_few(const double *x, int rows, int size, double *out) {
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
        for (int k = 0; k < 4; k++) {
          const vd left = vd_splat(row[i + k]);
          sum[k][0] = vd_fma(left, right0, sum[k][0]);
          sum[k][1] = vd_fma(left, right1, sum[k][1]);
        }
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

static void gram(const double *x, int rows, int size, double *out) {
  for (int start = 0; start < rows; start += 16) gram_of_few(x + (size_t)start * size, rows - start < 16 ? rows - start : 16, size, out);
}

// own[k] -= Σ f[j] row_j[k] for `count` rows of U from `rows` on. It handles one or two rows of A at a time,
// from column `from` on.
INLINE void subtract_rows(const int owners, const int count, double *own, const double *rows, const double *f, size_t size, size_t from) {
  size_t k = from;
  for (; k + DOUBLES <= size; k += DOUBLES) {
    vd sum[2];
    for (int a = 0; a < owners; a++) sum[a] = vd_load(own + a * size + k);
    for (int j = 0; j < count; j++) {
      const vd row = vd_load(rows + j * size + k);
      for (int a = 0; a < owners; a++) sum[a] = sum[a] - row * f[a * 4 + j];
    }
    for (int a = 0; a < owners; a++) vd_store(own + a * size + k, sum[a]);
  }
  for (; k < size; k++) for (int a = 0; a < owners; a++) for (int j = 0; j < count; j++) own[a * size + k] -= rows[j * size + k] * f[a * 4 + j];
}

// Turns a row into a row of U, after the earlier rows were subtracted. Returns whether the row's
// pivot is safely positive.
static int finish_row(double *own, double *pivots, int i, int size, double smallest) {
  const double pivot = own[i];
  if (!(pivot > smallest) || pivot - pivot != 0) return 0;
  pivots[i] = pivot;
  own[i] = 1;
  for (int k = i + 1; k < size; k++) own[k] /= pivot;
  return 1;
}

// Two rows in each round share the loads of the earlier rows. Nothing below the diagonal is read.
static int factorize(double *upper, double *pivots, int size, double smallest) {
  const size_t ld = (size_t)size;
  for (int i = 0; i < size; i += 2) {
    const int owners = i + 1 < size ? 2 : 1;
    double *own = upper + i * ld, f[8];
    for (int j = 0; j < i; j += 4) {
      const double *rows = upper + j * ld;
      const int count = i - j < 4 ? i - j : 4;
      for (int a = 0; a < owners; a++) for (int b = 0; b < count; b++) f[a * 4 + b] = rows[b * ld + i + a] * pivots[j + b];
      if (owners == 2 && count == 4) subtract_rows(2, 4, own, rows, f, ld, i);
      else for (int a = 0; a < owners; a++) for (int b = 0; b < count; b++) subtract_rows(1, 1, own + a * ld, rows + b * ld, f + a * 4 + b, ld, i + a);
    }
    if (!finish_row(own, pivots, i, size, smallest)) return 1 + i;
    if (owners == 1) break;
    f[0] = own[i + 1] * pivots[i];
    subtract_rows(1, 1, own + ld, own, f, ld, i + 1);
    if (!finish_row(own + ld, pivots, i + 1, size, smallest)) return 2 + i;
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

static void scores(const double *h, int rows, int width, const double *weights, int classes, double *out) {
  for (int i = 0; i < rows; i++) for (int c = 0; c < classes; c++)
    out[(size_t)i * classes + c] = dot(h + (size_t)i * width, weights + (size_t)c * width, width);
}

// Eight right-hand sides lie across the lanes: x[j] holds the eight unknowns of row j.
enum { ACROSS = ATTUNE_PADDING / DOUBLES, SHARED = DOUBLES >= 4 ? 4 : 2 };

static void solve_eight(const double *upper, const double *pivots, int size, double *x) {
  const size_t ld = (size_t)size;
  int j = 0;
  for (; j < size; j += SHARED) {
    const int count = size - j < SHARED ? size - j : SHARED;
    const double *rows = upper + j * ld;
    double *known = x + (size_t)j * ATTUNE_PADDING;
    // Within a round, rows are eliminated one after the other; then all rows of the round are subtracted
    // from the rows below.
    for (int a = 0; a < count; a++) for (int r = a + 1; r < count; r++) for (int v = 0; v < ATTUNE_PADDING; v++)
      known[r * ATTUNE_PADDING + v] -= rows[a * ld + j + r] * known[a * ATTUNE_PADDING + v];
    if (count < SHARED) break;
    vd from[SHARED][ACROSS];
    for (int a = 0; a < SHARED; a++) for (int v = 0; v < ACROSS; v++) from[a][v] = -vd_load(known + a * ATTUNE_PADDING + v * DOUBLES);
    for (int r = j + SHARED; r < size; r++) {
      double *to = x + (size_t)r * ATTUNE_PADDING;
      vd sum[ACROSS];
      for (int v = 0; v < ACROSS; v++) sum[v] = vd_load(to + v * DOUBLES);
      for (int a = 0; a < SHARED; a++) for (int v = 0; v < ACROSS; v++) sum[v] = vd_fma(vd_splat(rows[a * ld + r]), from[a][v], sum[v]);
      for (int v = 0; v < ACROSS; v++) vd_store(to + v * DOUBLES, sum[v]);
    }
  }
  for (int k = 0; k < size; k++) for (int v = 0; v < ATTUNE_PADDING; v++) x[(size_t)k * ATTUNE_PADDING + v] /= pivots[k];
  // The same rounds run backwards; the last round may be short.
  for (j = (size - 1) / SHARED * SHARED; j >= 0; j -= SHARED) {
    const int count = size - j < SHARED ? size - j : SHARED;
    const double *rows = upper + j * ld;
    double *unknown = x + (size_t)j * ATTUNE_PADDING;
    if (count == SHARED) {
      vd sum[SHARED][ACROSS];
      for (int a = 0; a < SHARED; a++) for (int v = 0; v < ACROSS; v++) sum[a][v] = vd_load(unknown + a * ATTUNE_PADDING + v * DOUBLES);
      for (int r = j + SHARED; r < size; r++) {
        const double *from = x + (size_t)r * ATTUNE_PADDING;
        for (int a = 0; a < SHARED; a++) {
          const vd u = vd_splat(-rows[a * ld + r]);
          for (int v = 0; v < ACROSS; v++) sum[a][v] = vd_fma(u, vd_load(from + v * DOUBLES), sum[a][v]);
        }
      }
      for (int a = 0; a < SHARED; a++) for (int v = 0; v < ACROSS; v++) vd_store(unknown + a * ATTUNE_PADDING + v * DOUBLES, sum[a][v]);
    }
    for (int a = count - 1; a >= 0; a--) for (int r = a + 1; r < count; r++) for (int v = 0; v < ATTUNE_PADDING; v++)
      unknown[a * ATTUNE_PADDING + v] -= rows[a * ld + j + r] * unknown[r * ATTUNE_PADDING + v];
  }
}

static void solve(const double *upper, const double *pivots, int size, double *rhs, int count, double *scratch) {
  for (int start = 0; start < count; start += ATTUNE_PADDING) {
    const int sides = count - start < ATTUNE_PADDING ? count - start : ATTUNE_PADDING;
    double *own = rhs + (size_t)start * size;
    for (int j = 0; j < size; j++) for (int v = 0; v < ATTUNE_PADDING; v++)
      scratch[(size_t)j * ATTUNE_PADDING + v] = v < sides ? own[(size_t)v * size + j] : 0;
    solve_eight(upper, pivots, size, scratch);
    for (int j = 0; j < size; j++) for (int v = 0; v < sides; v++) own[(size_t)v * size + j] = scratch[(size_t)j * ATTUNE_PADDING + v];
  }
}

// Computes the factor of A + sign v vᵀ. residual: v, destroyed; gain: D'⁻¹ U'⁻ᵀ v sign. Source: Gill, Golub, Murray and
// Saunders 1974, method C1. Two rows in each round, so that the residual is loaded and stored once for both.
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
    const vd less0 = vd_splat(-p0), less1 = vd_splat(-p1), more0 = vd_splat(b0), more1 = vd_splat(b1);
    int r = j + 2;
    for (; r + DOUBLES <= size; r += DOUBLES) {
      const vd u0 = vd_load(row0 + r), u1 = vd_load(row1 + r);
      const vd after0 = vd_fma(less0, u0, vd_load(residual + r)), after1 = vd_fma(less1, u1, after0);
      vd_store(row0 + r, vd_fma(more0, after0, u0));
      vd_store(row1 + r, vd_fma(more1, after1, u1));
      vd_store(residual + r, after1);
    }
    for (; r < size; r++) {
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

// Whether A - v vᵀ is safely positive definite, judged by the factor by which the determinant would
// shrink. v is destroyed.
static int can_take_away(const double *upper, const double *pivots, int size, double *v) {
  double explained = 0;
  for (int j = 0; j < size; j++) {
    const double known = v[j], *row = upper + (size_t)j * size;
    explained += known * known / pivots[j];
    int r = j + 1;
    for (; r + DOUBLES <= size; r += DOUBLES) vd_store(v + r, vd_fma(vd_splat(-known), vd_load(row + r), vd_load(v + r)));
    for (; r < size; r++) v[r] -= known * row[r];
  }
  return 1 - explained > 1e-3;
}

static void add_scaled(double *to, const double *from, double factor, int count) {
  int i = 0;
  for (; i + DOUBLES <= count; i += DOUBLES) vd_store(to + i, vd_fma(vd_splat(factor), vd_load(from + i), vd_load(to + i)));
  for (; i < count; i++) to[i] += factor * from[i];
}

// gram += sign h hᵀ for one row. The result is exact on the grid, with or without fused operations.
static void add_outer_product(double *gram, const double *h, int size, double sign) {
  for (int i = 0; i < size; i++) add_scaled(gram + (size_t)i * size + i, h + i, sign * h[i], size - i);
}

// x ← U⁻¹ x, from the last unknown upwards. Four rows in each round share the loads of the known unknowns, and
// wait for them once.
static void solve_upper(const double *upper, int size, double *x) {
  const size_t ld = (size_t)size;
  int j = size;
  for (; j >= 4; j -= 4) {
    const double *rows = upper + (j - 4) * ld;
    double *unknown = x + j - 4, less[4];
    vd sum[4] = {{0}};
    int r = j;
    for (; r + DOUBLES <= size; r += DOUBLES) {
      const vd known = vd_load(x + r);
      for (int a = 0; a < 4; a++) sum[a] = vd_fma(vd_load(rows + a * ld + r), known, sum[a]);
    }
    for (int a = 0; a < 4; a++) {
      less[a] = vd_sum(sum[a]);
      for (int k = r; k < size; k++) less[a] += rows[a * ld + k] * x[k];
    }
    for (int a = 3; a >= 0; a--) {
      for (int k = a + 1; k < 4; k++) less[a] += rows[a * ld + j - 4 + k] * unknown[k];
      unknown[a] -= less[a];
    }
  }
  for (j--; j >= 0; j--) x[j] -= dot(upper + j * ld + j + 1, x + j + 1, size - j - 1);
}

// W ← W ± A⁻¹ h (y - W h), with A after the change.
static int follow_row(const AttuneOselm *o, int hidden, const double *h, int label, int sign) {
  double *residual = o->scratch, *gain = residual + hidden, *score = gain + hidden;
  if (sign < 0) {
    for (int j = 0; j < hidden; j++) residual[j] = h[j];
    if (!can_take_away(o->upper, o->pivots, hidden, residual)) return 0;
  }
  scores(h, 1, hidden, o->weights, o->classes, score);
  for (int j = 0; j < hidden; j++) residual[j] = h[j];
  rank_one(o->upper, o->pivots, hidden, sign, residual, gain);
  solve_upper(o->upper, hidden, gain);
  for (int c = 0; c < o->classes; c++) add_scaled(o->weights + (size_t)c * hidden, gain, (c == label) - score[c], hidden);
  return 1;
}

static int change(const AttuneOselm *o, int hidden, const double *h, const int32_t *labels, int rows, int sign, int follow) {
  for (int i = 0; i < rows; i++) add_scaled(o->moments + (size_t)labels[i] * hidden, h + (size_t)i * hidden, sign, hidden);
  // Adding a row at a time suits a few rows; the tiles of `gram` are faster from four rows on.
  if (sign > 0 && rows >= 4) gram(h, rows, hidden, o->gram);
  else for (int i = 0; i < rows; i++) add_outer_product(o->gram, h + (size_t)i * hidden, hidden, sign);
  int followed = 0;
  while (follow && followed < rows && follow_row(o, hidden, h + (size_t)followed * hidden, labels[followed], sign)) followed++;
  return followed;
}
