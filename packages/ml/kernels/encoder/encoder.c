// The encoder of BERT, RoBERTa and MobileBERT: embeddings, attention, feed-forward, pooling. The file is compiled once
// per instruction set, whose header ISA_HEADER names. The readable twins are
// packages/ml/src/encoder/{bert,roberta,mobilebert}.ts. Sources: Devlin et al. 2019, Liu et al. 2019, Sun et al. 2020
// and Hugging Face Transformers' modeling files.
#include "encoder/encoder.h"
#include ISA_HEADER
#include "isa/vector-math.h"
#include "encoder/gemm.h"
#include "encoder/memory.h"
#include "encoder/load.h"
#include "encoder/attention.h"
#include "encoder/limit.h"

static inline float *row_of(Rows rows, int row) { return rows.at + row * rows.stride; }

// x: (size), rounded up to a whole vector. The row has room for that.
static void activate(float *x, int size, int activation) {
  if (activation == ATTUNE_GELU) {
    for (int i = 0; i < size; i += LANES) vf_store(x + i, vf_gelu(vf_load(x + i)));
  } else if (activation == ATTUNE_GELU_NEW) {
    for (int i = 0; i < size; i += LANES) vf_store(x + i, vf_gelu_new(vf_load(x + i)));
  } else if (activation == ATTUNE_RELU) {
    for (int i = 0; i < size; i += LANES) vf_store(x + i, vf_max(vf_load(x + i), vf_splat(0)));
  }
}

static const Part whole = {0, 0, 1};

static Part part_of(const AttuneEncoder *e, int index) { return (Part){e->team, index, e->team->threads}; }

static int has_threads(const AttuneEncoder *e) { return e->team && e->team->ready; }

// Decides by a feed-forward's product, the largest product. One thread computes small products alone,
// with the same result.
static int pays(const AttuneEncoder *e) {
  return has_threads(e) && (int64_t)e->tokens * e->config.width * e->config.intermediate_size >= e->team->least;
}

// The weights of a range of a layer's tiles.
static PackedWeights tiles_of(const Linear *layer, Range tiles) {
  const int n = tiles.first * TILE, end = tiles.end * TILE < layer->out ? tiles.end * TILE : layer->out, int8 = layer->format == ATTUNE_INT8;
  const char *weights = (const char *)layer->weights + (size_t)n * round_up(layer->in, int8 ? QUANT_GROUP : 1) * value_bytes(layer->format);
  return (PackedWeights){weights, layer->in, end - n, layer->bias + n, int8 ? layer->scale + n : 0, int8 ? layer->sums + n : 0};
}

// x: (tokens, in) → y: (tokens, out rounded up to TILE), its activation included. Threads share out the outputs here,
// and tokens elsewhere. So the threads meet before the product, when x is complete, and at the end.
static void apply_linear(AttuneEncoder *e, Part part, const Linear *layer, Rows x, Rows y) {
  const Range tiles = share_of((layer->out + TILE - 1) / TILE, part);
  const PackedWeights w = tiles_of(layer, tiles);
  const Scratch *scratch = &e->scratch[part.index];
  y.at += tiles.first * TILE;
  if (layer->format == ATTUNE_INT8) {
    const Range own = share_of(e->tokens, part);
    const float limit = quant_limit(layer->in);
    for (int t = own.first; t < own.end; t++) {
      e->quant_scales[t] = quantize_row(row_of(x, t), layer->in, limit, e->quantized + t * e->quant_stride);
    }
    meet(part);
    multiply_quantized((QuantRows){e->quantized, e->quant_stride, e->quant_scales}, e->tokens, w, y);
  } else {
    meet(part);
    if (layer->format == ATTUNE_FLOAT16) multiply_half(x, e->tokens, w, scratch->packed, scratch->panel, y);
    else multiply_float(x, e->tokens, w, scratch->packed, y);
  }
  for (int t = 0; t < e->tokens; t++) activate(row_of(y, t), w.out, layer->activation);
  meet(part);
}

static void add_to(float *x, const float *added, int size) {
  for (int i = 0; i < size; i++) x[i] += added[i];
}

// x: (size). Normalises x to mean 0 and variance 1 (biased), then scales and shifts it.
static void layer_norm(float *x, int size, const Norm *norm) {
  vf sums = vf_splat(0), squares = vf_splat(0);
  float sum = 0, square = 0;
  const int whole = size / LANES * LANES;
  for (int i = 0; i < whole; i += LANES) sums += vf_load(x + i);
  for (int i = whole; i < size; i++) sum += x[i];
  const float mean = (sum + vf_sum(sums)) / (float)size;
  for (int i = 0; i < whole; i += LANES) {
    vf centred = vf_load(x + i) - mean;
    squares = vf_fma(centred, centred, squares);
  }
  for (int i = whole; i < size; i++) square += (x[i] - mean) * (x[i] - mean);
  const float inverse = 1.0f / __builtin_sqrtf((square + vf_sum(squares)) / (float)size + norm->epsilon);
  for (int i = 0; i < whole; i += LANES) {
    vf_store(x + i, vf_fma((vf_load(x + i) - mean) * inverse, vf_load(norm->weight + i), vf_load(norm->bias + i)));
  }
  for (int i = whole; i < size; i++) x[i] = (x[i] - mean) * inverse * norm->weight[i] + norm->bias[i];
}

// MobileBERT's NoNorm.
static void scale_and_shift(float *x, int size, const Norm *norm) {
  for (int i = 0; i < size; i++) x[i] = x[i] * norm->weight[i] + norm->bias[i];
}

// Every row of x ← norm(row + row of `added`).
static void add_and_norm(const AttuneEncoder *e, Part part, Rows x, const Rows *added, int size, const Norm *norm) {
  const Range own = share_of(e->tokens, part);
  for (int t = own.first; t < own.end; t++) {
    if (added) add_to(row_of(x, t), row_of(*added, t), size);
    if (e->config.flags & ATTUNE_NO_NORM) scale_and_shift(row_of(x, t), size, norm);
    else layer_norm(row_of(x, t), size, norm);
  }
}

static void add_embedding(const Table *table, int row, float *x) {
  const int cols = table->cols;
  const void *from = (const char *)table->values + (size_t)row * cols * value_bytes(table->format);
  if (table->format == ATTUNE_FLOAT32) {
    add_to(x, from, cols);
  } else if (table->format == ATTUNE_INT8) {
    const float scale = table->scale[row];
    for (int i = 0; i < cols; i++) x[i] += ((const int8_t *)from)[i] * scale;
  } else {
    for (int i = 0; i < cols; i += LANES) {
      const int some = cols - i < LANES ? cols - i : LANES;
      uint16_t halves[LANES] = {0};
      __builtin_memcpy(halves, (const uint16_t *)from + i, some * sizeof(uint16_t));
      const vf values = vf_from_half(halves);
      for (int k = 0; k < some; k++) x[i + k] += values[k];
    }
  }
}

// Adds the word embeddings of one text to rows of x that are zero. With trigrams, a row has each token's follower, the
// token and its predecessor side by side.
static void add_words(const AttuneEncoder *e, const int32_t *ids, int tokens, int start, Rows x) {
  const int width = e->config.embedding_size;
  for (int t = 0; t < tokens; t++) {
    float *row = row_of(x, start + t);
    if (!(e->config.flags & ATTUNE_TRIGRAMS)) {
      add_embedding(&e->tables[0], ids[t], row);
      continue;
    }
    if (t + 1 < tokens) add_embedding(&e->tables[0], ids[t + 1], row);
    add_embedding(&e->tables[0], ids[t], row + width);
    if (t > 0) add_embedding(&e->tables[0], ids[t - 1], row + 2 * width);
  }
}

static int good_input(const AttuneConfig *c, const int32_t *ids, int tokens, const int32_t *lengths, int texts, const uint8_t *mask) {
  if (tokens < 1 || tokens > c->rows || texts < 1 || texts > tokens) return 0;
  int total = 0;
  for (int i = 0; i < texts; i++) {
    if (lengths[i] < 1 || lengths[i] > c->positions - (c->pad_token + 1) || lengths[i] > tokens - total) return 0;
    int real = mask == 0;
    for (int t = 0; mask && t < lengths[i]; t++) real |= mask[total + t] != 0;
    if (!real) return 0;
    total += lengths[i];
  }
  for (int t = 0; t < tokens; t++) {
    if (ids[t] < 0 || ids[t] >= c->vocab_size) return 0;
  }
  return total == tokens;
}

static void transform_part(void *context, int index) {
  AttuneEncoder *e = context;
  apply_linear(e, part_of(e, index), &e->transformation, e->inner, e->hidden);
}

static int embed(AttuneEncoder *e, const int32_t *ids, int tokens, const int32_t *lengths, int texts, const uint8_t *mask) {
  const AttuneConfig *c = &e->config;
  e->tokens = e->texts = 0;
  if (!good_input(c, ids, tokens, lengths, texts, mask)) return ATTUNE_BAD_INPUT;
  e->tokens = tokens;
  e->texts = texts;
  const Rows words = transformed(c) ? e->inner : e->hidden;
  for (int t = 0; t < tokens; t++) {
    e->mask[t] = mask ? mask[t] != 0 : 1;
    __builtin_memset(row_of(words, t), 0, embedding_width(c) * sizeof(float));
  }
  for (int i = 0, t = 0; i < texts; t += lengths[i++]) {
    e->lengths[i] = lengths[i];
    add_words(e, ids + t, lengths[i], t, words);
  }
  if (transformed(c) && pays(e)) e->team->run(e->team, transform_part, e);
  else if (transformed(c)) apply_linear(e, whole, &e->transformation, words, e->hidden);
  for (int i = 0, t = 0; i < texts; i++) {
    for (int end = t + lengths[i], last = c->pad_token; t < end; t++) {
      const int position = c->pad_token >= 0 && ids[t] == c->pad_token ? c->pad_token : ++last;
      add_embedding(&e->tables[1], position, row_of(e->hidden, t));
      add_embedding(&e->tables[2], 0, row_of(e->hidden, t));
    }
  }
  add_and_norm(e, whole, e->hidden, 0, c->hidden_size, &e->norm);
  return ATTUNE_OK;
}

// to ← norm(linear(from))
static void apply_normed(AttuneEncoder *e, Part part, const NormedLinear *layer, Rows from, Rows to) {
  apply_linear(e, part, &layer->linear, from, to);
  add_and_norm(e, part, to, 0, layer->linear.out, &layer->norm);
}

// x ← norm(x + linear(from)), through qkv, which is free then.
static void add_normed(AttuneEncoder *e, Part part, const NormedLinear *layer, Rows from, Rows x) {
  apply_linear(e, part, &layer->linear, from, e->qkv);
  add_and_norm(e, part, x, &e->qkv, layer->linear.out, &layer->norm);
}

// Heads are dealt out one by one, because a batch's texts take unequal times.
static void attend_all(AttuneEncoder *e, Part part) {
  int dealt = 0;
  for (int i = 0, t = 0; i < e->texts; t += e->lengths[i++]) {
    for (int head = 0; head < e->config.heads; head++) {
      if (dealt++ % part.count == part.index) attend(e, &e->scratch[part.index], t, e->lengths[i], head);
    }
  }
  meet(part);
}

// Takes e->hidden through one layer. BERT's layer works on it directly; MobileBERT's layer works on a narrower copy
// and adds its result.
static void run_layer(AttuneEncoder *e, Part part, const Layer *layer) {
  const AttuneConfig *c = &e->config;
  const int bottleneck = c->flags & ATTUNE_BOTTLENECK;
  if (bottleneck) apply_normed(e, part, &layer->into, e->hidden, e->inside);
  if (c->attention == ATTUNE_FROM_SHARED) {
    apply_normed(e, part, &layer->shared, e->hidden, e->context);
    apply_linear(e, part, &layer->qkv, e->context, e->qkv);
    apply_linear(e, part, &layer->value, e->hidden, (Rows){e->qkv.at + 2 * c->width, e->qkv.stride});
  } else {
    apply_linear(e, part, &layer->qkv, c->attention == ATTUNE_FROM_INPUT ? e->hidden : e->inside, e->qkv);
  }
  attend_all(e, part);
  add_normed(e, part, &layer->attention_output, e->context, e->inside);
  for (int i = 0; i < c->feed_forwards; i++) {
    apply_linear(e, part, &layer->feed_forwards[i].intermediate, e->inside, e->inner);
    add_normed(e, part, &layer->feed_forwards[i].output, e->inner, e->inside);
  }
  if (bottleneck) add_normed(e, part, &layer->out_of, e->inside, e->hidden);
}

static int is_finite(const AttuneEncoder *e) {
  vf sum = vf_splat(0); // 0 times a finite number is 0; 0 times infinity or NaN is NaN
  float rest = 0;
  const int size = e->config.hidden_size;
  for (int t = 0; t < e->tokens; t++) {
    const float *x = row_of(e->hidden, t);
    int i = 0;
    for (; i + LANES <= size; i += LANES) sum += vf_load(x + i) * 0.0f;
    for (; i < size; i++) rest += x[i] * 0.0f;
  }
  return vf_sum(sum) + rest == 0;
}

typedef struct { AttuneEncoder *e; int first, last; } Span; // of layers

static void run_part(void *context, int index) {
  const Span *span = context;
  for (int i = span->first; i < span->last; i++) run_layer(span->e, part_of(span->e, index), &span->e->layers[i]);
}

// An encoder that sees only the texts whose first token falls into this share of all tokens.
static AttuneEncoder texts_of(const AttuneEncoder *e, int index, int count) {
  AttuneEncoder own = *e;
  own.team = 0;
  own.scratch += index;
  own.tokens = own.texts = 0;
  for (int i = 0, t = 0; i < e->texts; t += e->lengths[i++]) {
    if ((int64_t)t * count / e->tokens != index) continue;
    if (own.texts++ == 0) {
      Rows *rows[] = {&own.hidden, &own.inside, &own.context, &own.qkv, &own.inner};
      for (int k = 0; k < 5; k++) rows[k]->at += t * rows[k]->stride;
      if (own.quantized) own.quantized += t * own.quant_stride, own.quant_scales += t;
      own.lengths += i;
      own.mask += t;
    }
    own.tokens += e->lengths[i];
  }
  return own;
}

// Each thread takes some of many texts. No thread waits for another thread or reads its results.
static void run_texts(void *context, int index) {
  const Span *span = context;
  AttuneEncoder own = texts_of(span->e, index, span->e->team->threads);
  for (int i = span->first; own.texts > 0 && i < span->last; i++) run_layer(&own, whole, &own.layers[i]);
}

static int run(AttuneEncoder *e, int first, int last) {
  if (first < 0 || last > e->config.layers || first > last || e->tokens == 0) return ATTUNE_BAD_INPUT;
  Span span = {e, first, last};
  if (has_threads(e) && e->texts >= 4 * e->team->threads) e->team->run(e->team, run_texts, &span);
  else if (pays(e)) e->team->run(e->team, run_part, &span);
  else for (int i = first; i < last; i++) run_layer(e, whole, &e->layers[i]);
  return is_finite(e) ? ATTUNE_OK : ATTUNE_NOT_FINITE;
}

static const float *hidden(const AttuneEncoder *e, int *stride) {
  *stride = (int)e->hidden.stride;
  return e->hidden.at;
}

static void pool_text(const AttuneEncoder *e, int start, int tokens, int pooling, float *out) {
  const int size = e->config.hidden_size;
  const float *x = row_of(e->hidden, start);
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
      const float value = x[t * e->hidden.stride + i];
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
