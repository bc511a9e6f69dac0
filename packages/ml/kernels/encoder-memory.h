// An encoder's memory: what its block holds, how it is laid out and filled. Sizes are checked here; the forward in encoder.c relies on them.
#pragma once

enum { MAX_SIZE = 65536, MAX_LAYERS = 256, QUERY_BLOCK = 32, ALIGNMENT = 64 };

typedef struct {
  int in, out;      // features
  int8_t *quantized; // packed; or
  float *floats;    // packed
  float *scale, *bias; // (out rounded up to TILE), zero beyond out
  int32_t *sums;    // of each output's int8 weights
} Linear;

typedef struct { float *weight, *bias; } Norm;
typedef struct { int rows; float *floats; int8_t *quantized; float *scale; } Table;
typedef struct { Linear qkv, attention_output, intermediate, output; Norm attention_norm, output_norm; } Layer;

struct AttuneEncoder {
  AttuneConfig config;
  Table tables[3];
  Norm norm;
  Layer *layers;
  // What a forward works on; rows of width H, 3H or I are padded to whole tiles.
  int hidden_stride, qkv_stride, inner_stride, quant_stride;
  float *hidden, *qkv, *context, *inner, *packed_keys, *packed_values, *scores, *score_bias;
  QuantX *quantized;
  QuantRow *quant_rows;
  int32_t *lengths;
  uint8_t *mask;
  int tokens, texts;
};

static inline int round_up(int value, int to) { return (value + to - 1) / to * to; }

// Hands out parts of one block; without a block it only counts.
typedef struct { char *base; uint64_t used; } Arena;

static void *take(Arena *arena, uint64_t bytes) {
  void *part = arena->base ? arena->base + arena->used : 0;
  arena->used += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  return part;
}

#define TAKE(ARENA, TYPE, COUNT) ((TYPE *)take(ARENA, (uint64_t)(COUNT) * sizeof(TYPE)))

static Linear take_linear(Arena *arena, int in, int out, int quantized) {
  const int padded = round_up(out, TILE);
  Linear layer = {.in = in, .out = out};
  if (quantized) {
    layer.quantized = TAKE(arena, int8_t, (uint64_t)padded * round_up(in, QUANT_GROUP));
    layer.scale = TAKE(arena, float, padded);
    layer.sums = TAKE(arena, int32_t, padded);
  } else {
    layer.floats = TAKE(arena, float, (uint64_t)padded * in);
  }
  layer.bias = TAKE(arena, float, padded);
  return layer;
}

static Norm take_norm(Arena *arena, int size) {
  float *weight = TAKE(arena, float, size);
  return (Norm){weight, TAKE(arena, float, size)};
}

static Table take_table(Arena *arena, int rows, int cols, int quantized) {
  Table table = {.rows = rows};
  if (quantized) {
    table.quantized = TAKE(arena, int8_t, (uint64_t)rows * cols);
    table.scale = TAKE(arena, float, rows);
  } else {
    table.floats = TAKE(arena, float, (uint64_t)rows * cols);
  }
  return table;
}

static void lay_out(Arena *arena, const AttuneConfig *c, AttuneEncoder *e) {
  const int h = c->hidden_size, rows = c->rows, positions = round_up(c->positions, TILE);
  e->config = *c;
  const int tables[3] = {c->vocab_size, c->positions, c->types};
  for (int i = 0; i < 3; i++) e->tables[i] = take_table(arena, tables[i], h, c->int8_tables >> i & 1);
  e->norm = take_norm(arena, h);
  Layer *layers = TAKE(arena, Layer, c->layers);
  e->layers = layers;
  for (int i = 0; i < c->layers; i++) {
    Layer layer;
    layer.qkv = take_linear(arena, h, 3 * h, c->int8_weights);
    layer.attention_output = take_linear(arena, h, h, c->int8_weights);
    layer.intermediate = take_linear(arena, h, c->intermediate_size, c->int8_weights);
    layer.output = take_linear(arena, c->intermediate_size, h, c->int8_weights);
    layer.attention_norm = take_norm(arena, h);
    layer.output_norm = take_norm(arena, h);
    if (layers) layers[i] = layer;
  }
  e->hidden_stride = round_up(h, TILE) + TILE; // the context's last head may spill over by a tile
  e->qkv_stride = round_up(3 * h, TILE);
  e->inner_stride = round_up(c->intermediate_size, TILE);
  e->quant_stride = round_up(h > c->intermediate_size ? h : c->intermediate_size, 16);
  e->hidden = TAKE(arena, float, (uint64_t)rows * e->hidden_stride);
  e->context = TAKE(arena, float, (uint64_t)rows * e->hidden_stride);
  e->qkv = TAKE(arena, float, (uint64_t)rows * e->qkv_stride);
  e->inner = TAKE(arena, float, (uint64_t)rows * e->inner_stride);
  const int width = round_up(h / c->heads, TILE);
  e->packed_keys = TAKE(arena, float, (uint64_t)positions * (h / c->heads));
  e->packed_values = TAKE(arena, float, (uint64_t)c->positions * width);
  e->scores = TAKE(arena, float, (uint64_t)QUERY_BLOCK * positions);
  e->score_bias = TAKE(arena, float, positions);
  e->quantized = TAKE(arena, QuantX, (uint64_t)rows * e->quant_stride);
  e->quant_rows = TAKE(arena, QuantRow, rows);
  e->lengths = TAKE(arena, int32_t, rows);
  e->mask = TAKE(arena, uint8_t, rows);
}

static int in_range(int32_t value, int32_t largest) { return value >= 1 && value <= largest; }

static int64_t size(const AttuneConfig *c) {
  const int good = in_range(c->vocab_size, 1 << 24) && in_range(c->hidden_size, MAX_SIZE / 3) && in_range(c->layers, MAX_LAYERS) &&
                   in_range(c->heads, c->hidden_size) && c->hidden_size % c->heads == 0 && in_range(c->intermediate_size, MAX_SIZE) &&
                   in_range(c->positions, MAX_SIZE) && in_range(c->types, MAX_SIZE) && in_range(c->rows, MAX_SIZE) &&
                   c->activation >= ATTUNE_GELU && c->activation <= ATTUNE_RELU && (c->int8_weights | 1) == 1 &&
                   c->int8_tables >= 0 && c->int8_tables <= 7 && c->pad_token >= -1 && c->pad_token < c->positions - 1 &&
                   c->epsilon > 0 && c->epsilon < 1;
  if (!good) return ATTUNE_BAD_CONFIG;
  Arena arena = {0, 0};
  AttuneEncoder encoder;
  take(&arena, sizeof(AttuneEncoder));
  lay_out(&arena, c, &encoder);
  return (int64_t)arena.used;
}

static int init(void *memory, uint64_t bytes, const AttuneConfig *c) {
  const int64_t needed = size(c);
  if (needed < 0 || !memory || (uintptr_t)memory % ALIGNMENT || bytes < (uint64_t)needed) return ATTUNE_BAD_CONFIG;
  const AttuneConfig config = *c; // `c` may lie inside the memory
  __builtin_memset(memory, 0, needed);
  Arena arena = {memory, 0};
  AttuneEncoder *e = take(&arena, sizeof(AttuneEncoder));
  lay_out(&arena, &config, e);
  return ATTUNE_OK;
}

// Row `o` of a (out, in) weight into its place in the tiles.
static void pack_row(Linear *layer, int o, const void *values, const float *scale) {
  const int in = layer->in, tile = o / TILE * TILE, lane = o % TILE;
  if (layer->floats) {
    float *to = layer->floats + (size_t)tile * in + lane;
    for (int k = 0; k < in; k++) to[(size_t)k * TILE] = ((const float *)values)[k];
    return;
  }
  const int padded = round_up(in, QUANT_GROUP);
  int8_t *to = layer->quantized + (size_t)tile * padded + lane * QUANT_GROUP;
  int32_t sum = 0;
  for (int k = 0; k < in; k++) {
    const int8_t value = ((const int8_t *)values)[k];
    to[(size_t)(k / QUANT_GROUP) * TILE * QUANT_GROUP + k % QUANT_GROUP] = value;
    sum += value;
  }
  layer->scale[o] = *scale;
  layer->sums[o] = sum;
}

// What a slot takes: `rows` rows of `cols` values.
typedef struct { int rows, cols; Linear *linear; int offset; Norm *norm; float *vector; Table *table; } Place;

static Place place_of(AttuneEncoder *e, int slot, Layer *layer) {
  const int h = e->config.hidden_size, inner = e->config.intermediate_size;
  const int bias = slot >= ATTUNE_BIAS;
  Place place = {0};
  switch (bias ? slot - ATTUNE_BIAS : slot) {
    case ATTUNE_QUERY: place = (Place){h, h, .linear = &layer->qkv, .offset = 0}; break;
    case ATTUNE_KEY: place = (Place){h, h, .linear = &layer->qkv, .offset = h}; break;
    case ATTUNE_VALUE: place = (Place){h, h, .linear = &layer->qkv, .offset = 2 * h}; break;
    case ATTUNE_ATTENTION_OUTPUT: place = (Place){h, h, .linear = &layer->attention_output}; break;
    case ATTUNE_INTERMEDIATE: place = (Place){inner, h, .linear = &layer->intermediate}; break;
    case ATTUNE_OUTPUT: place = (Place){h, inner, .linear = &layer->output}; break;
    default: break;
  }
  if (bias) {
    if (place.linear) place = (Place){1, place.rows, .vector = place.linear->bias + place.offset};
    return place;
  }
  switch (slot) {
    case ATTUNE_WORDS: case ATTUNE_POSITIONS: case ATTUNE_TYPES: return (Place){e->tables[slot].rows, h, .table = &e->tables[slot]};
    case ATTUNE_EMBEDDING_NORM: return (Place){2, h, .norm = &e->norm};
    case ATTUNE_ATTENTION_NORM: return (Place){2, h, .norm = &layer->attention_norm};
    case ATTUNE_OUTPUT_NORM: return (Place){2, h, .norm = &layer->output_norm};
    default: return place;
  }
}

static int load(AttuneEncoder *e, int slot, int index, int first, int count, const void *values, uint64_t bytes, const float *scales) {
  if (index < 0 || index >= e->config.layers || !values) return ATTUNE_BAD_TENSOR;
  const Place place = place_of(e, slot, &e->layers[index]);
  if (first < 0 || count < 1 || count > place.rows || first > place.rows - count) return ATTUNE_BAD_TENSOR;
  const int quantized = (place.linear && place.linear->quantized) || (place.table && place.table->quantized);
  if ((scales != 0) != quantized) return ATTUNE_BAD_TENSOR;
  const uint64_t row_bytes = (uint64_t)place.cols * (quantized ? sizeof(int8_t) : sizeof(float));
  if (bytes != row_bytes * count) return ATTUNE_BAD_TENSOR;
  for (int i = 0; i < count; i++) {
    const char *row = (const char *)values + i * row_bytes;
    const int r = first + i;
    if (place.linear) {
      pack_row(place.linear, place.offset + r, row, scales ? scales + i : 0);
    } else if (place.table && quantized) {
      __builtin_memcpy(place.table->quantized + (size_t)r * place.cols, row, row_bytes);
      place.table->scale[r] = scales[i];
    } else {
      float *to = place.table ? place.table->floats + (size_t)r * place.cols : place.vector ? place.vector : r == 0 ? place.norm->weight : place.norm->bias;
      __builtin_memcpy(to, row, row_bytes);
    }
  }
  return ATTUNE_OK;
}
