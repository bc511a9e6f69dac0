// Checks that a call's numbers and arrays fit the function, then runs the function.
#include <stddef.h>
#include "heads/call.h"

static const struct { int numbers, arrays; } counts[ATTUNE_FUNCTIONS] = {
    [ATTUNE_EPOCH] = {9, 7},   [ATTUNE_CROSS_ENTROPY] = {3, 6}, [ATTUNE_SOFTMAX] = {3, 5},  [ATTUNE_GRAM] = {2, 2},    [ATTUNE_FACTORIZE] = {2, 2},
    [ATTUNE_SOLVE] = {2, 4},   [ATTUNE_ACTIVATE] = {4, 4},      [ATTUNE_SCORES] = {3, 3},   [ATTUNE_CHANGE] = {7, 11}, [ATTUNE_PROJECT] = {3, 6},
    [ATTUNE_ASCEND] = {5, 10},
};

typedef struct { const double *numbers; const AttuneArray *arrays; int refusal; double result; } Call;

// Reads a whole number from `least` to `most`. A double holds products of three such numbers exactly enough to
// compare them with lengths.
static __attribute__((noinline)) int whole(Call *call, int at, int least, int most) {
  const double value = call->numbers[at];
  if (value >= least && value <= most && value == (double)(int)value) return (int)value;
  call->refusal = ATTUNE_BAD_NUMBERS;
  return 1;
}

static __attribute__((noinline)) double real(Call *call, int at) {
  const double value = call->numbers[at];
  if (value - value != 0) call->refusal = ATTUNE_BAD_NUMBERS;
  return value;
}

static __attribute__((noinline)) void *array(Call *call, int at, uint32_t type, double length) {
  const AttuneArray *a = &call->arrays[at];
  const uintptr_t unit = type == ATTUNE_ARRAY_FLOAT64 ? 8 : 4;
  if (call->refusal == 0 && (!a->data || a->type != type || (double)a->length != length || (uintptr_t)a->data % unit != 0))
    call->refusal = ATTUNE_BAD_ARRAY - at;
  return a->data;
}

static __attribute__((noinline)) void below(Call *call, const int32_t *values, int count, int limit) {
  for (int i = 0; call->refusal == 0 && i < count; i++)
    if (values[i] < 0 || values[i] >= limit) call->refusal = ATTUNE_BAD_LABELS;
}

enum { MOST = 1 << 24 };

static __attribute__((noinline)) AttuneRows rows_of(Call *call) {
  return (AttuneRows){.rows = whole(call, 0, 1, MOST), .width = whole(call, 1, 1, MOST), .classes = whole(call, 2, 1, MOST)};
}

static __attribute__((noinline)) AttuneLayer layer_of(Call *call, int weight) {
  AttuneLayer layer = {.input_size = whole(call, 1, 1, MOST), .hidden = whole(call, 2, 1, MOST), .activation = whole(call, 3, 0, 1)};
  layer.weight = array(call, weight, ATTUNE_ARRAY_FLOAT32, (double)layer.input_size * attune_padded(layer.hidden));
  layer.bias = array(call, weight + 1, ATTUNE_ARRAY_FLOAT32, attune_padded(layer.hidden));
  return layer;
}

static void epoch(const AttuneHeadKernels *kernels, Call *call) {
  AttuneDescent d = {.rows = whole(call, 0, 1, MOST), .width = whole(call, 1, 1, MOST), .classes = whole(call, 2, 1, MOST)};
  d.batch = whole(call, 3, 1, d.rows);
  d.optimizer = whole(call, 4, 0, 1);
  d.steps = whole(call, 5, 0, INT32_MAX);
  d.learning_rate = (float)real(call, 6), d.l2 = (float)real(call, 7), d.bias_l2 = (float)real(call, 8);
  const double padded = attune_padded(d.classes), weights = d.width * padded;
  d.x = array(call, 0, ATTUNE_ARRAY_FLOAT32, (double)d.rows * d.width);
  d.labels = array(call, 1, ATTUNE_ARRAY_INT32, d.rows);
  d.importance = array(call, 2, ATTUNE_ARRAY_FLOAT32, d.rows);
  d.order = array(call, 3, ATTUNE_ARRAY_INT32, d.rows);
  d.centre = array(call, 4, ATTUNE_ARRAY_FLOAT32, weights);
  d.weights = array(call, 5, ATTUNE_ARRAY_FLOAT32, weights);
  d.gradient = array(call, 6, ATTUNE_ARRAY_FLOAT32, 3 * weights + d.batch * padded);
  below(call, d.labels, d.rows, d.classes);
  below(call, d.order, d.rows, d.rows);
  if (call->refusal != 0) return;
  d.first = d.gradient + (size_t)weights;
  d.second = d.first + (size_t)weights;
  d.residuals = d.second + (size_t)weights;
  call->result = kernels->epoch(&d);
}

static void cross_entropy(const AttuneHeadKernels *kernels, Call *call) {
  AttuneRows d = rows_of(call);
  const double weights = (double)d.width * d.classes;
  d.x = array(call, 0, ATTUNE_ARRAY_FLOAT32, (double)d.rows * d.width);
  d.labels = array(call, 1, ATTUNE_ARRAY_INT32, d.rows);
  d.importance = array(call, 2, ATTUNE_ARRAY_FLOAT64, d.rows);
  const double *w = array(call, 3, ATTUNE_ARRAY_FLOAT64, weights);
  double *gradient = array(call, 4, ATTUNE_ARRAY_FLOAT64, weights);
  double *residuals = array(call, 5, ATTUNE_ARRAY_FLOAT64, (double)ATTUNE_BLOCK_ROWS * d.classes);
  below(call, d.labels, d.rows, d.classes);
  if (call->refusal == 0) call->result = kernels->cross_entropy(&d, w, gradient, residuals);
}

static void softmax(const AttuneHeadKernels *kernels, Call *call) {
  AttuneRows d = rows_of(call);
  d.x = array(call, 0, ATTUNE_ARRAY_FLOAT32, (double)d.rows * d.width);
  const double *weight = array(call, 1, ATTUNE_ARRAY_FLOAT64, (double)d.width * d.classes), *bias = array(call, 2, ATTUNE_ARRAY_FLOAT64, d.classes);
  double *scores = array(call, 3, ATTUNE_ARRAY_FLOAT64, (double)ATTUNE_BLOCK_ROWS * d.classes);
  float *probabilities = array(call, 4, ATTUNE_ARRAY_FLOAT32, (double)d.rows * d.classes);
  if (call->refusal == 0) kernels->softmax(&d, weight, bias, scores, probabilities);
}

static void gram(const AttuneHeadKernels *kernels, Call *call) {
  const int rows = whole(call, 0, 1, MOST), size = whole(call, 1, 1, MOST);
  const double *x = array(call, 0, ATTUNE_ARRAY_FLOAT64, (double)rows * size);
  double *sums = array(call, 1, ATTUNE_ARRAY_FLOAT64, (double)size * size);
  if (call->refusal == 0) kernels->gram(x, rows, size, sums);
}

static void factorize(const AttuneHeadKernels *kernels, Call *call) {
  const int size = whole(call, 0, 1, MOST);
  const double smallest = real(call, 1);
  double *upper = array(call, 0, ATTUNE_ARRAY_FLOAT64, (double)size * size), *pivots = array(call, 1, ATTUNE_ARRAY_FLOAT64, size);
  if (call->refusal == 0) call->result = kernels->factorize(upper, pivots, size, smallest);
}

static void solve(const AttuneHeadKernels *kernels, Call *call) {
  const int size = whole(call, 0, 1, MOST), count = whole(call, 1, 1, MOST);
  const double *upper = array(call, 0, ATTUNE_ARRAY_FLOAT64, (double)size * size), *pivots = array(call, 1, ATTUNE_ARRAY_FLOAT64, size);
  double *rhs = array(call, 2, ATTUNE_ARRAY_FLOAT64, (double)size * count), *scratch = array(call, 3, ATTUNE_ARRAY_FLOAT64, (double)size * ATTUNE_PADDING);
  if (call->refusal == 0) kernels->solve(upper, pivots, size, rhs, count, scratch);
}

static void activate(const AttuneHeadKernels *kernels, Call *call) {
  const int rows = whole(call, 0, 1, MOST);
  const AttuneLayer layer = layer_of(call, 1);
  const float *x = array(call, 0, ATTUNE_ARRAY_FLOAT32, (double)rows * layer.input_size);
  double *h = array(call, 3, ATTUNE_ARRAY_FLOAT64, (double)rows * layer.hidden);
  if (call->refusal == 0) kernels->activate(&layer, x, rows, h);
}

static void scores(const AttuneHeadKernels *kernels, Call *call) {
  const AttuneRows d = rows_of(call);
  const double *h = array(call, 0, ATTUNE_ARRAY_FLOAT64, (double)d.rows * d.width), *weights = array(call, 1, ATTUNE_ARRAY_FLOAT64, (double)d.width * d.classes);
  double *out = array(call, 2, ATTUNE_ARRAY_FLOAT64, (double)d.rows * d.classes);
  if (call->refusal == 0) kernels->scores(h, d.rows, d.width, weights, d.classes, out);
}

static void change(const AttuneHeadKernels *kernels, Call *call) {
  const int rows = whole(call, 0, 1, MOST), sign = whole(call, 5, -1, 1), follow = whole(call, 6, 0, 1);
  const AttuneLayer layer = layer_of(call, 2);
  AttuneOselm o = {.classes = whole(call, 4, 1, MOST)};
  const double hidden = layer.hidden;
  const float *x = array(call, 0, ATTUNE_ARRAY_FLOAT32, (double)rows * layer.input_size);
  const int32_t *labels = array(call, 1, ATTUNE_ARRAY_INT32, rows);
  double *h = array(call, 4, ATTUNE_ARRAY_FLOAT64, rows * hidden);
  o.gram = array(call, 5, ATTUNE_ARRAY_FLOAT64, hidden * hidden);
  o.moments = array(call, 6, ATTUNE_ARRAY_FLOAT64, o.classes * hidden);
  o.upper = array(call, 7, ATTUNE_ARRAY_FLOAT64, hidden * hidden);
  o.pivots = array(call, 8, ATTUNE_ARRAY_FLOAT64, hidden);
  o.weights = array(call, 9, ATTUNE_ARRAY_FLOAT64, o.classes * hidden);
  o.scratch = array(call, 10, ATTUNE_ARRAY_FLOAT64, 2 * hidden + o.classes);
  if (sign == 0 && call->refusal == 0) call->refusal = ATTUNE_BAD_NUMBERS;
  below(call, labels, rows, o.classes);
  if (call->refusal != 0) return;
  kernels->activate(&layer, x, rows, h);
  call->result = kernels->change(&o, layer.hidden, h, labels, rows, sign, follow);
}

static void project(const AttuneHeadKernels *kernels, Call *call) {
  const int rows = whole(call, 0, 1, MOST), input_size = whole(call, 1, 1, MOST), output_size = whole(call, 2, 0, MOST);
  const float *x = array(call, 0, ATTUNE_ARRAY_FLOAT32, (double)rows * input_size);
  const double *mean = array(call, 1, ATTUNE_ARRAY_FLOAT64, input_size), *scale = array(call, 2, ATTUNE_ARRAY_FLOAT64, input_size);
  // Without components, the call passes one number in their place, which is never read.
  const float *components = array(call, 3, ATTUNE_ARRAY_FLOAT32, output_size == 0 ? 1 : (double)output_size * input_size);
  float *out = array(call, 4, ATTUNE_ARRAY_FLOAT32, (double)rows * (output_size == 0 ? input_size : output_size));
  double *scratch = array(call, 5, ATTUNE_ARRAY_FLOAT64, ATTUNE_PADDING * ((double)input_size + output_size));
  if (call->refusal == 0) kernels->project(x, rows, input_size, mean, scale, components, output_size, out, scratch);
}

static void ascend(const AttuneHeadKernels *kernels, Call *call) {
  AttuneAscent a = {.visits = whole(call, 0, 1, MOST), .width = whole(call, 1, 1, MOST), .classes = whole(call, 2, 1, MOST)};
  a.per_lambda = real(call, 3), a.per_bias = real(call, 4);
  const double scores = (double)a.visits * a.classes;
  a.x = array(call, 0, ATTUNE_ARRAY_FLOAT32, (double)a.visits * a.width);
  a.labels = array(call, 1, ATTUNE_ARRAY_INT32, a.visits);
  a.first = array(call, 2, ATTUNE_ARRAY_INT32, a.visits);
  a.importance = array(call, 3, ATTUNE_ARRAY_FLOAT64, a.visits);
  a.offsets = array(call, 4, ATTUNE_ARRAY_FLOAT64, scores);
  a.shares = array(call, 5, ATTUNE_ARRAY_FLOAT64, scores);
  a.variances = array(call, 6, ATTUNE_ARRAY_FLOAT64, a.width);
  a.sums = array(call, 7, ATTUNE_ARRAY_FLOAT64, (double)a.classes * a.width);
  a.bias_sums = array(call, 8, ATTUNE_ARRAY_FLOAT64, a.classes);
  a.scratch = array(call, 9, ATTUNE_ARRAY_FLOAT64, 2.0 * ATTUNE_PADDING * a.classes + 5.0 * attune_padded(a.classes));
  below(call, a.labels, a.visits, a.classes);
  below(call, a.first, a.visits, a.visits);
  if (call->refusal == 0) call->result = kernels->ascend(&a);
}

int attune_head_call(const AttuneHeadKernels *kernels, int function, const double *numbers, int number_count, const AttuneArray *arrays,
                     int array_count, double *result) {
  static void (*const functions[ATTUNE_FUNCTIONS])(const AttuneHeadKernels *, Call *) = {
      [ATTUNE_EPOCH] = epoch, [ATTUNE_CROSS_ENTROPY] = cross_entropy, [ATTUNE_SOFTMAX] = softmax, [ATTUNE_GRAM] = gram,
      [ATTUNE_FACTORIZE] = factorize, [ATTUNE_SOLVE] = solve, [ATTUNE_ACTIVATE] = activate, [ATTUNE_SCORES] = scores,
      [ATTUNE_CHANGE] = change, [ATTUNE_PROJECT] = project, [ATTUNE_ASCEND] = ascend,
  };
  if (function < 0 || function >= ATTUNE_FUNCTIONS || counts[function].numbers != number_count || counts[function].arrays != array_count)
    return ATTUNE_BAD_CALL;
  Call call = {numbers, arrays, 0, 0};
  functions[function](kernels, &call);
  *result = call.result;
  return call.refusal;
}
