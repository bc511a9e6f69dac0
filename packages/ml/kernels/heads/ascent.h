// Visits of dual coordinate ascent, several at a time. Twins: packages/ml/src/heads/reference-ascent.ts and
// row-problem.ts.
//
// A visit needs its row's scores after the visits before it. A block of visits computes all scores from the sums at its
// start, and the rows' products with each other. A visit's change c then adds product · c to the scores of later
// visits. So the sums are read and written once for each block, and every visit has the scores that it would have alone.
#pragma once

enum { MAX_STEPS = 60 };

// A row's problem, in arrays of `padded` numbers. The padding's scores are so low that its exponentials do not count.
typedef struct {
  int classes, padded, label;
  double pull;
  double *scores, *z, *trial, *step, *residual;
} RowProblem;

// residual ← one-hot(label) - softmax(z). Returns the objective at z if it is `wanted`.
static double row_objective(const RowProblem *p, const double *z, int wanted) {
  double shift = z[0], sum = 0, distance = 0;
  for (int c = 1; c < p->classes; c++) shift = z[c] > shift ? z[c] : shift;
  for (int c = 0; c < p->classes; c++) {
    const double apart = z[c] - p->scores[c];
    p->residual[c] = z[c] - shift;
    distance += apart * apart;
  }
  for (int c = p->classes; c < p->padded; c++) p->residual[c] = -700;
  for (int c = 0; c < p->padded; c += DOUBLES) vd_store(p->residual + c, vd_exp(vd_load(p->residual + c)));
  for (int c = 0; c < p->classes; c++) sum += p->residual[c];
  const double scale = -1 / sum;
  for (int c = 0; c < p->classes; c++) p->residual[c] *= scale;
  p->residual[p->label] += 1;
  return wanted ? distance / 2 + p->pull * (shift + logarithm(sum) - z[p->label]) : 0;
}

// residual ← the solution of z = scores + pull · (one-hot(label) - softmax(z)), by damped Newton steps from the residual
// that is given.
static void solve_row(const RowProblem *p) {
  const int classes = p->classes;
  const double pull = p->pull;
  double *z = p->z, *residual = p->residual, *step = p->step;
  for (int c = 0; c < classes; c++) z[c] = p->scores[c] + pull * residual[c];
  double value = row_objective(p, z, 1);
  for (int turn = 0; turn < MAX_STEPS; turn++) {
    double largest = 0, along = 0, rest = 0, slope = 0;
    for (int c = 0; c < classes; c++) {
      const double share = (c == p->label) - residual[c], gradient = z[c] - p->scores[c] - pull * residual[c];
      const double size = gradient < 0 ? -gradient : gradient, curvature = 1 / (1 + pull * share);
      largest = size > largest ? size : largest;
      step[c] = gradient * curvature;
      along += share * step[c];
      rest += share * curvature;
    }
    if (!(largest > 1e-14 * (1 + pull))) return;
    for (int c = 0; c < classes; c++) {
      const double share = (c == p->label) - residual[c];
      step[c] += pull * share * along / ((1 + pull * share) * rest);
      slope += step[c] * (z[c] - p->scores[c] - pull * residual[c]);
    }
    // Rounding hides a smaller descent from the comparison below, so the last step is taken unseen.
    const int last = slope <= 1e-13 * (1 + (value < 0 ? -value : value));
    for (double length = 1;; length /= 2) {
      for (int c = 0; c < classes; c++) p->trial[c] = z[c] - length * step[c];
      const double next = row_objective(p, p->trial, !last);
      if (last || next <= value - 1e-4 * length * slope || length < 1e-12) {
        value = next;
        break;
      }
    }
    for (int c = 0; c < classes; c++) z[c] = p->trial[c];
    if (last) return;
  }
}

// out[r][c] = Σ x[r][d] variance[d] y[c][d] for two by four rows, `width` apart.
INLINE void overlap_tile(const int rows, const int cols, const float *x, const float *y, const double *variances, int width, double *out) {
  vd sum[2][4];
  for (int r = 0; r < rows; r++) for (int c = 0; c < cols; c++) sum[r][c] = vd_splat(0);
  int d = 0;
  for (; d + DOUBLES <= width; d += DOUBLES) {
    vd own[2];
    const vd variance = vd_load(variances + d);
    for (int r = 0; r < rows; r++) own[r] = vd_widen(x + (size_t)r * width + d) * variance;
    for (int c = 0; c < cols; c++) {
      const vd other = vd_widen(y + (size_t)c * width + d);
      for (int r = 0; r < rows; r++) sum[r][c] = vd_fma(own[r], other, sum[r][c]);
    }
  }
  for (int r = 0; r < rows; r++) for (int c = 0; c < cols; c++) {
    double total = vd_sum(sum[r][c]);
    for (int k = d; k < width; k++) total += x[(size_t)r * width + k] * variances[k] * y[(size_t)c * width + k];
    out[r * ATTUNE_PADDING + c] = total;
  }
}

// Visits rows `start` to `start + count`, at most ATTUNE_PADDING. Returns the largest change.
static double ascend_block(const AttuneAscent *a, int start, int count) {
  const int width = a->width, classes = a->classes, padded = attune_padded(classes);
  const float *x = a->x + (size_t)start * width;
  double *base = a->scratch, *changes = base + (size_t)ATTUNE_PADDING * classes;
  double *problem = changes + (size_t)ATTUNE_PADDING * classes, overlaps[ATTUNE_PADDING * ATTUNE_PADDING], largest = 0;
  for (int i = 0; i < count; i += 2) for (int j = 0; j <= i + 1 && j < count;) {
    const float *own = x + (size_t)i * width, *other = x + (size_t)j * width;
    double *to = overlaps + i * ATTUNE_PADDING + j;
    if (i + 1 == count) overlap_tile(1, 1, own, other, a->variances, width, to), j++;
    else if (j + 4 <= i + 2) overlap_tile(2, 4, own, other, a->variances, width, to), j += 4;
    else overlap_tile(2, 2, own, other, a->variances, width, to), j += 2;
  }
  products(x, count, width, a->sums, classes, base, classes);
  RowProblem p = {.classes = classes, .padded = padded, .scores = problem, .z = problem + padded, .trial = problem + 2 * padded};
  p.step = problem + 3 * padded, p.residual = problem + 4 * padded;
  for (int i = 0; i < count; i++) {
    const double *own = overlaps + i * ATTUNE_PADDING, weight = a->importance[start + i], gain = own[i] * a->per_lambda + a->per_bias;
    double *share = a->shares + (size_t)a->first[start + i] * classes, *change = changes + (size_t)i * classes;
    const double *offset = a->offsets + (size_t)(start + i) * classes;
    for (int c = 0; c < classes; c++) {
      double score = base[(size_t)i * classes + c];
      for (int j = 0; j < i; j++) score += own[j] * changes[(size_t)j * classes + c];
      p.residual[c] = weight > 0 ? share[c] / weight : 0;
      p.scores[c] = offset[c] + score * a->per_lambda + a->bias_sums[c] * a->per_bias - gain * share[c];
    }
    p.label = a->labels[start + i], p.pull = gain * weight;
    solve_row(&p);
    for (int c = 0; c < classes; c++) {
      change[c] = weight * p.residual[c] - share[c];
      share[c] += change[c];
      a->bias_sums[c] += change[c];
      const double size = change[c] < 0 ? -change[c] : change[c];
      largest = size > largest ? size : largest;
    }
  }
  if (largest > 0) add_outer(x, count, width, changes, classes, a->variances, a->sums);
  return largest;
}

static double ascend(const AttuneAscent *a) {
  double largest = 0;
  for (int start = 0; start < a->visits; start += ATTUNE_PADDING) {
    const int count = a->visits - start < ATTUNE_PADDING ? a->visits - start : ATTUNE_PADDING;
    const double change = ascend_block(a, start, count);
    largest = change > largest ? change : largest;
  }
  return largest;
}
