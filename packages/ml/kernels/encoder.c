// BERT's encoder in one call: embeddings, attention, feed-forward, pooling. Compiled once per instruction set, whose header ISA_HEADER names.
// The readable twin is packages/ml/src/encoder/bert.ts; source: Devlin et al. 2019 and Hugging Face Transformers' modeling_bert.py.
#include "encoder.h"
#include ISA_HEADER
#include "vector-math.h"
#include "gemm.h"
#include "encoder-memory.h"
#include "limit.h"

// x: (rows, in), rows ldx apart → y: (rows, out rounded up to TILE), rows ldy apart.
static void apply_linear(AttuneEncoder *e, const Linear *layer, const float *x, size_t ldx, float *y, size_t ldy) {
  const int rows = e->tokens;
  if (layer->floats) {
    multiply_float(x, ldx, rows, layer->floats, layer->in, layer->bias, layer->out, y, ldy);
    return;
  }
  const int padded = round_up(layer->in, QUANT_GROUP);
  const float limit = quant_limit(layer->in);
  for (int r = 0; r < rows; r++) {
    QuantX *to = e->quantized + (size_t)r * e->quant_stride;
    e->quant_rows[r] = quantize_row(x + r * ldx, layer->in, limit, to);
    for (int k = layer->in; k < padded; k++) to[k] = 0;
  }
  multiply_quantized(e->quantized, e->quant_stride, rows, e->quant_rows, layer->quantized, padded / QUANT_GROUP, layer->scale,
                     layer->sums, layer->bias, layer->out, y, ldy);
}

// x ← norm(x + added): (size), to mean 0 and variance 1 (biased), then scaled and shifted.
static void add_and_norm(float *x, const float *added, int size, const Norm *norm, float epsilon) {
  vf sums = vf_splat(0), squares = vf_splat(0);
  float sum = 0, square = 0;
  const int whole = size / LANES * LANES;
  if (added) {
    for (int i = 0; i < size; i++) x[i] += added[i];
  }
  for (int i = 0; i < whole; i += LANES) sums += vf_load(x + i);
  for (int i = whole; i < size; i++) sum += x[i];
  const float mean = (sum + vf_sum(sums)) / (float)size;
  for (int i = 0; i < whole; i += LANES) {
    vf centred = vf_load(x + i) - mean;
    squares = vf_fma(centred, centred, squares);
  }
  for (int i = whole; i < size; i++) square += (x[i] - mean) * (x[i] - mean);
  const float inverse = 1.0f / __builtin_sqrtf((square + vf_sum(squares)) / (float)size + epsilon);
  for (int i = 0; i < whole; i += LANES) {
    vf_store(x + i, vf_fma((vf_load(x + i) - mean) * inverse, vf_load(norm->weight + i), vf_load(norm->bias + i)));
  }
  for (int i = whole; i < size; i++) x[i] = (x[i] - mean) * inverse * norm->weight[i] + norm->bias[i];
}

static void activate(float *x, size_t count, int activation) { // count: a multiple of LANES
  if (activation == ATTUNE_GELU) {
    for (size_t i = 0; i < count; i += LANES) vf_store(x + i, vf_gelu(vf_load(x + i)));
  } else if (activation == ATTUNE_GELU_NEW) {
    for (size_t i = 0; i < count; i += LANES) vf_store(x + i, vf_gelu_new(vf_load(x + i)));
  } else {
    for (size_t i = 0; i < count; i += LANES) vf_store(x + i, vf_max(vf_load(x + i), vf_splat(0)));
  }
}

static void add_row(const Table *table, int row, int cols, float *x) {
  if (table->floats) {
    const float *from = table->floats + (size_t)row * cols;
    for (int i = 0; i < cols; i++) x[i] += from[i];
    return;
  }
  const int8_t *from = table->quantized + (size_t)row * cols;
  const float scale = table->scale[row];
  for (int i = 0; i < cols; i++) x[i] += from[i] * scale;
}

static int embed(AttuneEncoder *e, const int32_t *ids, int tokens, const int32_t *lengths, int texts, const uint8_t *mask) {
  const AttuneConfig *c = &e->config;
  e->tokens = e->texts = 0;
  if (tokens < 1 || tokens > c->rows || texts < 1 || texts > tokens) return ATTUNE_BAD_INPUT;
  int total = 0;
  for (int i = 0; i < texts; i++) {
    if (lengths[i] < 1 || lengths[i] > c->positions - (c->pad_token + 1) || lengths[i] > tokens - total) return ATTUNE_BAD_INPUT;
    int real = mask == 0;
    for (int t = 0; mask && t < lengths[i]; t++) real |= mask[total + t] != 0;
    if (!real) return ATTUNE_BAD_INPUT;
    total += lengths[i];
  }
  if (total != tokens) return ATTUNE_BAD_INPUT;
  for (int t = 0; t < tokens; t++) {
    if (ids[t] < 0 || ids[t] >= c->vocab_size) return ATTUNE_BAD_INPUT;
    e->mask[t] = mask ? mask[t] != 0 : 1;
  }
  for (int i = 0, t = 0; i < texts; i++) {
    e->lengths[i] = lengths[i];
    for (int end = t + lengths[i], last = c->pad_token; t < end; t++) {
      const int position = c->pad_token >= 0 && ids[t] == c->pad_token ? c->pad_token : ++last;
      float *x = e->hidden + (size_t)t * e->hidden_stride;
      for (int k = 0; k < c->hidden_size; k++) x[k] = 0;
      add_row(&e->tables[0], ids[t], c->hidden_size, x);
      add_row(&e->tables[1], position, c->hidden_size, x);
      add_row(&e->tables[2], 0, c->hidden_size, x);
      add_and_norm(x, 0, c->hidden_size, &e->norm, c->epsilon);
    }
  }
  e->tokens = tokens;
  e->texts = texts;
  return ATTUNE_OK;
}

// A text's keys and values of one head, packed as weights: keys (tokens / TILE, width, TILE), values (width / TILE, tokens, TILE).
static void pack_head(AttuneEncoder *e, const float *qkv, int tokens, int first, int width) {
  const int h = e->config.hidden_size;
  const size_t ld = e->qkv_stride;
  for (int s = 0; s < round_up(tokens, TILE); s++) {
    float *to = e->packed_keys + (size_t)(s / TILE * TILE) * width + s % TILE;
    const float *key = qkv + s * ld + h + first;
    for (int k = 0; k < width; k++) to[(size_t)k * TILE] = s < tokens ? key[k] : 0;
  }
  for (int n = 0; n < width; n += TILE) {
    float *to = e->packed_values + (size_t)n * tokens;
    const int cols = width - n < TILE ? width - n : TILE;
    for (int s = 0; s < tokens; s++, to += TILE) {
      const float *value = qkv + s * ld + 2 * h + first + n;
      if (cols == TILE) {
        UNROLL for (int c = 0; c < TILE; c += LANES) vf_store(to + c, vf_load(value + c));
      } else {
        for (int c = 0; c < TILE; c++) to[c] = c < cols ? value[c] : 0;
      }
    }
  }
}

// scores: (rows, cols), cols a multiple of LANES, each row ← softmax(scaling * row + bias). Where the bias is -infinity the weight is exactly 0.
static void softmax(float *scores, int rows, int cols, float scaling, const float *bias) {
  for (int r = 0; r < rows; r++, scores += cols) {
    vf largest = vf_splat(-__builtin_inff()), total = vf_splat(0);
    for (int i = 0; i < cols; i += LANES) {
      vf score = vf_fma(vf_load(scores + i), vf_splat(scaling), vf_load(bias + i));
      largest = vf_max(largest, score);
      vf_store(scores + i, score);
    }
    const vf shift = vf_splat(vf_largest(largest));
    for (int i = 0; i < cols; i += LANES) {
      vf weight = vf_exp(vf_load(scores + i) - shift);
      total += weight;
      vf_store(scores + i, weight);
    }
    const float inverse = 1.0f / vf_sum(total);
    for (int i = 0; i < cols; i += LANES) vf_store(scores + i, vf_load(scores + i) * inverse);
  }
}

// One text's attention, head by head, from its rows of qkv into its rows of context.
static void attend(AttuneEncoder *e, const float *qkv, const uint8_t *mask, int tokens, float *context) {
  const int width = e->config.hidden_size / e->config.heads, cols = round_up(tokens, TILE);
  const float scaling = 1.0f / __builtin_sqrtf((float)width);
  for (int s = 0; s < cols; s++) e->score_bias[s] = s < tokens && mask[s] ? 0 : -__builtin_inff();
  for (int head = 0; head < e->config.heads; head++) {
    const int first = head * width;
    pack_head(e, qkv, tokens, first, width);
    for (int t = 0; t < tokens; t += QUERY_BLOCK) {
      const int rows = tokens - t < QUERY_BLOCK ? tokens - t : QUERY_BLOCK;
      multiply_float(qkv + (size_t)t * e->qkv_stride + first, e->qkv_stride, rows, e->packed_keys, width, 0, tokens, e->scores, cols);
      softmax(e->scores, rows, cols, scaling, e->score_bias);
      // Columns past this head's width hold zeros, and the next head overwrites them.
      multiply_float(e->scores, cols, rows, e->packed_values, tokens, 0, width, context + (size_t)t * e->hidden_stride + first, e->hidden_stride);
    }
  }
}

static void run_layer(AttuneEncoder *e, const Layer *layer) {
  const AttuneConfig *c = &e->config;
  const size_t ld = e->hidden_stride;
  apply_linear(e, &layer->qkv, e->hidden, ld, e->qkv, e->qkv_stride);
  for (int i = 0, t = 0; i < e->texts; t += e->lengths[i++]) {
    attend(e, e->qkv + (size_t)t * e->qkv_stride, e->mask + t, e->lengths[i], e->context + t * ld);
  }
  // qkv is free again: the two outputs go where it was.
  apply_linear(e, &layer->attention_output, e->context, ld, e->qkv, e->qkv_stride);
  for (int t = 0; t < e->tokens; t++) {
    add_and_norm(e->hidden + t * ld, e->qkv + (size_t)t * e->qkv_stride, c->hidden_size, &layer->attention_norm, c->epsilon);
  }
  apply_linear(e, &layer->intermediate, e->hidden, ld, e->inner, e->inner_stride);
  activate(e->inner, (size_t)e->tokens * e->inner_stride, c->activation);
  apply_linear(e, &layer->output, e->inner, e->inner_stride, e->qkv, e->qkv_stride);
  for (int t = 0; t < e->tokens; t++) {
    add_and_norm(e->hidden + t * ld, e->qkv + (size_t)t * e->qkv_stride, c->hidden_size, &layer->output_norm, c->epsilon);
  }
}

static int is_finite(const AttuneEncoder *e) {
  vf sum = vf_splat(0); // 0 times a finite number is 0, times infinity or NaN it is NaN
  float rest = 0;
  const int size = e->config.hidden_size;
  for (int t = 0; t < e->tokens; t++) {
    const float *x = e->hidden + (size_t)t * e->hidden_stride;
    int i = 0;
    for (; i + LANES <= size; i += LANES) sum += vf_load(x + i) * 0.0f;
    for (; i < size; i++) rest += x[i] * 0.0f;
  }
  return vf_sum(sum) + rest == 0;
}

static int run(AttuneEncoder *e, int first, int last) {
  if (first < 0 || last > e->config.layers || first > last || e->tokens == 0) return ATTUNE_BAD_INPUT;
  for (int i = first; i < last; i++) run_layer(e, &e->layers[i]);
  return is_finite(e) ? ATTUNE_OK : ATTUNE_NOT_FINITE;
}

static const float *hidden(const AttuneEncoder *e, int *stride) {
  *stride = e->hidden_stride;
  return e->hidden;
}

static void pool_text(const AttuneEncoder *e, int start, int tokens, int pooling, float *out) {
  const int size = e->config.hidden_size;
  const float *x = e->hidden + (size_t)start * e->hidden_stride;
  if (pooling == ATTUNE_CLS) {
    __builtin_memcpy(out, x, size * sizeof(float));
    return;
  }
  for (int i = 0; i < size; i++) {
    double sum = 0;
    float largest = -__builtin_inff();
    int real = 0;
    for (int t = 0; t < tokens; t++) {
      if (!e->mask[start + t]) continue;
      const float value = x[(size_t)t * e->hidden_stride + i];
      sum += value;
      largest = value > largest ? value : largest;
      real++;
    }
    out[i] = (float)(sum / real);
    if (pooling == ATTUNE_MEAN_MAX) out[size + i] = largest;
  }
}

static int pool(const AttuneEncoder *e, int pooling, float *out, uint64_t floats) {
  const int width = e->config.hidden_size * (pooling == ATTUNE_MEAN_MAX ? 2 : 1);
  if (pooling < ATTUNE_CLS || pooling > ATTUNE_MEAN_MAX || e->tokens == 0 || floats != (uint64_t)e->texts * width) return ATTUNE_BAD_INPUT;
  for (int i = 0, t = 0; i < e->texts; t += e->lengths[i++]) pool_text(e, t, e->lengths[i], pooling, out + (size_t)i * width);
  return ATTUNE_OK;
}

const AttuneKernels KERNELS = {ISA_NAME, size, init, load, embed, run, hidden, pool, spin};
