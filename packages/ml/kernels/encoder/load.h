// Fills an encoder's memory: copies a tensor's rows to their place, and linear weights into the
// tiles that gemm.h reads.
#pragma once

// Copies row `o` of a (out, in) weight to its place in the tiles.
static void pack_row(Linear *layer, int o, const void *values, const float *scale) {
  const int in = layer->in, lane = o % TILE;
  const size_t tile = o / TILE * TILE;
  if (layer->format == ATTUNE_FLOAT32) {
    float *to = (float *)layer->weights + tile * in + lane;
    for (int k = 0; k < in; k++) to[(size_t)k * TILE] = ((const float *)values)[k];
  } else if (layer->format == ATTUNE_FLOAT16) {
    uint16_t *to = (uint16_t *)layer->weights + tile * in + lane;
    for (int k = 0; k < in; k++) to[(size_t)k * TILE] = ((const uint16_t *)values)[k];
  } else {
    // This runs once for every weight before the first answer, in WebAssembly before the code is optimized. So it
    // copies whole groups, eight in each step.
    const int8_t *from = values;
    int8_t *to = (int8_t *)layer->weights + tile * round_up(in, QUANT_GROUP) + lane * QUANT_GROUP;
    const int whole = in / QUANT_GROUP * QUANT_GROUP;
    UNROLL_PACKING for (int k = 0; k < whole; k += QUANT_GROUP) __builtin_memcpy(to + k * TILE, from + k, QUANT_GROUP);
    if (whole < in) __builtin_memcpy(to + whole * TILE, from + whole, in - whole);
    layer->scale[o] = *scale;
    if (!QUANT_SUMS) return;
    layer->sums[o] = 0;
    for (int k = 0; k < in; k++) layer->sums[o] += from[k];
  }
}

// The content of a slot: `rows` rows of `cols` values, from row `offset` of a layer on.
typedef struct { int rows, cols; Linear *linear; int offset; Norm *norm; float *vector; Table *table; } Place;

static Place in_linear(Linear *linear) { return (Place){linear->out, linear->in, .linear = linear}; }
static Place in_norm(Norm *norm, int size) { return (Place){2, size, .norm = norm}; }

// The place of a linear layer's weight; it has no rows where the encoder has no such layer.
static Place linear_place(AttuneEncoder *e, int slot, Layer *layer, FeedForward *network) {
  const int w = e->config.width, shared = e->config.attention == ATTUNE_FROM_SHARED;
  switch (slot) {
    case ATTUNE_TRANSFORMATION: return in_linear(&e->transformation);
    case ATTUNE_QUERY: return (Place){w, w, .linear = &layer->qkv};
    case ATTUNE_KEY: return (Place){w, w, .linear = &layer->qkv, .offset = w};
    case ATTUNE_VALUE: return shared ? in_linear(&layer->value) : (Place){w, w, .linear = &layer->qkv, .offset = 2 * w};
    case ATTUNE_ATTENTION_OUTPUT: return in_linear(&layer->attention_output.linear);
    case ATTUNE_INTERMEDIATE: return in_linear(&network->intermediate);
    case ATTUNE_OUTPUT: return in_linear(&network->output.linear);
    case ATTUNE_INTO: return in_linear(&layer->into.linear);
    case ATTUNE_SHARED: return in_linear(&layer->shared.linear);
    case ATTUNE_OUT_OF: return in_linear(&layer->out_of.linear);
    default: return (Place){0};
  }
}

static Place place_of(AttuneEncoder *e, int slot, Layer *layer, FeedForward *network) {
  const int h = e->config.hidden_size, w = e->config.width;
  if (slot >= ATTUNE_BIAS) {
    const Place weight = linear_place(e, slot - ATTUNE_BIAS, layer, network);
    return weight.rows > 0 ? (Place){1, weight.rows, .vector = weight.linear->bias + weight.offset} : weight;
  }
  switch (slot) {
    case ATTUNE_WORDS: case ATTUNE_POSITIONS: case ATTUNE_TYPES:
      return (Place){e->tables[slot].rows, e->tables[slot].cols, .table = &e->tables[slot]};
    case ATTUNE_EMBEDDING_NORM: return in_norm(&e->norm, h);
    case ATTUNE_ATTENTION_NORM: return in_norm(&layer->attention_output.norm, w);
    case ATTUNE_OUTPUT_NORM: return in_norm(&network->output.norm, w);
    case ATTUNE_INTO_NORM: return in_norm(&layer->into.norm, layer->into.linear.out);
    case ATTUNE_SHARED_NORM: return in_norm(&layer->shared.norm, layer->shared.linear.out);
    case ATTUNE_OUT_OF_NORM: return in_norm(&layer->out_of.norm, layer->out_of.linear.out);
    default: return linear_place(e, slot, layer, network);
  }
}

static int load(AttuneEncoder *e, int slot, int index, int first, int count, const void *values, uint64_t bytes, const float *scales) {
  const int networks = e->config.feed_forwards;
  const int bare = slot >= ATTUNE_BIAS ? slot - ATTUNE_BIAS : slot;
  const int of_network = bare == ATTUNE_INTERMEDIATE || bare == ATTUNE_OUTPUT || bare == ATTUNE_OUTPUT_NORM;
  if (index < 0 || index >= e->config.layers * (of_network ? networks : 1) || !values) return ATTUNE_BAD_TENSOR;
  Layer *layer = &e->layers[of_network ? index / networks : index];
  const Place place = place_of(e, slot, layer, &layer->feed_forwards[of_network ? index % networks : 0]);
  if (first < 0 || count < 1 || place.cols < 1 || count > place.rows || first > place.rows - count) return ATTUNE_BAD_TENSOR;
  const int format = place.linear ? place.linear->format : place.table ? place.table->format : ATTUNE_FLOAT32;
  if ((scales != 0) != (format == ATTUNE_INT8)) return ATTUNE_BAD_TENSOR;
  const uint64_t row_bytes = place.cols * value_bytes(format);
  if (bytes != row_bytes * count) return ATTUNE_BAD_TENSOR;
  if (place.table) {
    __builtin_memcpy((char *)place.table->values + first * row_bytes, values, bytes);
    if (scales) __builtin_memcpy(place.table->scale + first, scales, count * sizeof(float));
    return ATTUNE_OK;
  }
  for (int i = 0; i < count; i++) {
    const char *row = (const char *)values + i * row_bytes;
    const int r = first + i;
    if (place.linear) {
      pack_row(place.linear, place.offset + r, row, scales ? scales + i : 0);
    } else {
      __builtin_memcpy(place.vector ? place.vector : r == 0 ? place.norm->weight : place.norm->bias, row, row_bytes);
    }
  }
  return ATTUNE_OK;
}
