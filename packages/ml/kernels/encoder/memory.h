// An encoder's memory: the content of its block, its layout, and how it is filled. Sizes are checked here, and the
// forward in encoder.c relies on them.
#pragma once

enum { MAX_SIZE = 65536, MAX_LAYERS = 256, QUERY_BLOCK = 32, ALIGNMENT = 64, NO_ACTIVATION = -1 };

typedef struct {
  int in, out, format; // numbers of features
  int activation;      // applied to the output, or NO_ACTIVATION
  void *weights;       // packed in tiles: float32, float16 or int8
  float *scale, *bias; // (out rounded up to TILE), zero beyond out; scales for int8 alone
  int32_t *sums;       // sums of each output's int8 weights, where QUANT_SUMS demands them
} Linear;

typedef struct { float *weight, *bias, epsilon; } Norm;
typedef struct { int rows, cols, format; void *values; float *scale; } Table;
typedef struct { Linear linear; Norm norm; } NormedLinear;
typedef struct { Linear intermediate; NormedLinear output; } FeedForward;
typedef struct {
  Linear qkv;   // query, key and value side by side; query and key alone if value reads another input
  Linear value; // used if value reads another input
  NormedLinear attention_output;
  FeedForward *feed_forwards;
  NormedLinear into, shared, out_of; // bottlenecks
} Layer;

// Memory that each thread uses alone.
typedef struct {
  float *packed_keys, *packed_values, *scores, *score_bias;
  float *mixed;  // a block's values, weighted by its scores
  float *packed; // a linear layer's input as gemm.h's float tiles take it
  float *panel;  // a tile of float16 weights, widened
} Scratch;

struct AttuneEncoder {
  AttuneConfig config;
  AttuneTeam *team;
  Scratch *scratch; // one for each thread
  Table tables[3];
  Linear transformation;
  Norm norm;
  Layer *layers;
  // Working memory of a forward, with one row for each token, padded to whole tiles.
  Rows hidden, inside, context, qkv, inner;
  size_t quant_stride;
  QuantX *quantized;
  float *quant_scales;
  int32_t *lengths;
  uint8_t *mask;
  int tokens, texts;
};

static inline int largest_of(int x, int y) { return x > y ? x : y; }
static inline size_t value_bytes(int format) { return format == ATTUNE_INT8 ? 1 : format == ATTUNE_FLOAT16 ? 2 : 4; }

// MobileBERT's word embeddings (three side by side with trigrams) are transformed. BERT's embeddings are
// used as they are.
static inline int transformed(const AttuneConfig *c) { return c->flags & ATTUNE_TRIGRAMS || c->embedding_size != c->hidden_size; }
static inline int embedding_width(const AttuneConfig *c) { return c->embedding_size * (c->flags & ATTUNE_TRIGRAMS ? 3 : 1); }

// Hands out parts of one block. Without a block it only counts bytes.
typedef struct { char *base; uint64_t used; } Arena;

static void *take(Arena *arena, uint64_t bytes) {
  void *part = arena->base ? arena->base + arena->used : 0;
  arena->used += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  return part;
}

#define TAKE(ARENA, TYPE, COUNT) ((TYPE *)take(ARENA, (uint64_t)(COUNT) * sizeof(TYPE)))

static Linear take_linear(Arena *arena, int in, int out, int format) {
  const int padded = round_up(out, TILE);
  Linear layer = {.in = in, .out = out, .format = format, .activation = NO_ACTIVATION};
  layer.weights = take(arena, (uint64_t)padded * round_up(in, format == ATTUNE_INT8 ? QUANT_GROUP : 1) * value_bytes(format));
  if (format == ATTUNE_INT8) {
    layer.scale = TAKE(arena, float, padded);
    layer.sums = TAKE(arena, int32_t, padded);
  }
  layer.bias = TAKE(arena, float, padded);
  return layer;
}

static Norm take_norm(Arena *arena, int size, float epsilon) {
  float *weight = TAKE(arena, float, size);
  return (Norm){weight, TAKE(arena, float, size), epsilon};
}

static NormedLinear take_normed(Arena *arena, int in, int out, int format, float epsilon) {
  Linear linear = take_linear(arena, in, out, format);
  return (NormedLinear){linear, take_norm(arena, out, epsilon)};
}

static Table take_table(Arena *arena, int rows, int cols, int format) {
  Table table = {.rows = rows, .cols = cols, .format = format};
  table.values = take(arena, (uint64_t)rows * cols * value_bytes(format));
  if (format == ATTUNE_INT8) table.scale = TAKE(arena, float, rows);
  return table;
}

static Layer take_layer(Arena *arena, const AttuneConfig *c) {
  const int h = c->hidden_size, w = c->width, shared = c->attention == ATTUNE_FROM_SHARED;
  Layer layer = {0};
  layer.qkv = take_linear(arena, w, shared ? 2 * w : 3 * w, c->weights);
  if (shared) layer.value = take_linear(arena, h, w, c->weights);
  layer.attention_output = take_normed(arena, w, w, c->weights, c->epsilon);
  layer.feed_forwards = TAKE(arena, FeedForward, c->feed_forwards);
  for (int i = 0; i < c->feed_forwards; i++) {
    const float epsilon = i == c->feed_forwards - 1 ? c->other_epsilon : c->epsilon;
    Linear intermediate = take_linear(arena, w, c->intermediate_size, c->weights);
    intermediate.activation = c->activation;
    FeedForward network = {intermediate, take_normed(arena, c->intermediate_size, w, c->weights, epsilon)};
    if (layer.feed_forwards) layer.feed_forwards[i] = network;
  }
  if (c->flags & ATTUNE_BOTTLENECK) {
    layer.into = take_normed(arena, h, w, c->weights, c->epsilon);
    layer.out_of = take_normed(arena, w, h, c->weights, c->epsilon);
    if (shared) layer.shared = take_normed(arena, h, w, c->weights, c->epsilon);
  }
  return layer;
}

static Rows take_rows(Arena *arena, int rows, int stride) { return (Rows){TAKE(arena, float, (uint64_t)rows * stride), stride}; }

// The widest input of a linear layer.
static int widest_of(const AttuneConfig *c) {
  return largest_of(largest_of(c->hidden_size, c->intermediate_size), embedding_width(c));
}

static Scratch take_scratch(Arena *arena, const AttuneConfig *c) {
  const int head = c->width / c->heads, positions = round_up(c->positions, TILE), widest = widest_of(c);
  Scratch scratch = {0};
  scratch.packed_keys = TAKE(arena, float, (uint64_t)positions * head);
  scratch.packed_values = TAKE(arena, float, (uint64_t)c->positions * round_up(head, TILE));
  scratch.scores = TAKE(arena, float, (uint64_t)QUERY_BLOCK * positions);
  scratch.score_bias = TAKE(arena, float, positions);
  scratch.mixed = TAKE(arena, float, (uint64_t)QUERY_BLOCK * round_up(head, TILE));
  // The scratch row must also hold a block of attention's queries and scores.
  const int64_t linear = c->weights == ATTUNE_INT8 ? 0 : (int64_t)c->rows * widest, block = QUERY_BLOCK * largest_of(head, positions);
  if (PACK_ROWS) scratch.packed = TAKE(arena, float, linear > block ? linear : block);
  if (c->weights == ATTUNE_FLOAT16) scratch.panel = TAKE(arena, float, (uint64_t)widest * TILE);
  return scratch;
}

static void lay_out(Arena *arena, const AttuneConfig *c, int threads, AttuneEncoder *e) {
  const int h = c->hidden_size, w = c->width, rows = c->rows, widest = widest_of(c);
  e->config = *c;
  e->tables[0] = take_table(arena, c->vocab_size, c->embedding_size, c->tables[0]);
  e->tables[1] = take_table(arena, c->positions, h, c->tables[1]);
  e->tables[2] = take_table(arena, c->types, h, c->tables[2]);
  if (transformed(c)) e->transformation = take_linear(arena, embedding_width(c), h, c->weights);
  e->norm = take_norm(arena, h, c->other_epsilon);
  Layer *layers = TAKE(arena, Layer, c->layers);
  e->layers = layers;
  for (int i = 0; i < c->layers; i++) {
    Layer layer = take_layer(arena, c);
    if (layers) layers[i] = layer;
  }
  e->hidden = take_rows(arena, rows, round_up(h, TILE));
  e->context = take_rows(arena, rows, round_up(w, TILE));
  e->inside = c->flags & ATTUNE_BOTTLENECK ? take_rows(arena, rows, round_up(w, TILE)) : e->hidden;
  e->qkv = take_rows(arena, rows, largest_of(2 * w + round_up(w, TILE) + TILE, round_up(h, TILE)));
  e->inner = take_rows(arena, rows, round_up(widest, TILE));
  e->scratch = TAKE(arena, Scratch, threads);
  for (int i = 0; i < threads; i++) {
    const Scratch scratch = take_scratch(arena, c);
    if (e->scratch) e->scratch[i] = scratch;
  }
  if (c->weights == ATTUNE_INT8) {
    e->quant_stride = round_up(widest, 16);
    e->quantized = TAKE(arena, QuantX, rows * e->quant_stride);
    e->quant_scales = TAKE(arena, float, rows);
  }
  e->lengths = TAKE(arena, int32_t, rows);
  e->mask = TAKE(arena, uint8_t, rows);
}

static int in_range(int32_t value, int32_t largest) { return value >= 1 && value <= largest; }
static int is_format(int32_t format) { return format >= ATTUNE_FLOAT32 && format <= ATTUNE_FLOAT16; }

static int good_sizes(const AttuneConfig *c) {
  return in_range(c->vocab_size, 1 << 24) && in_range(c->hidden_size, MAX_SIZE / 3) && in_range(c->layers, MAX_LAYERS) &&
         in_range(c->heads, c->width) && c->width % c->heads == 0 && in_range(c->intermediate_size, MAX_SIZE) &&
         in_range(c->positions, MAX_SIZE) && in_range(c->types, MAX_SIZE) && in_range(c->rows, MAX_SIZE) &&
         in_range(c->embedding_size, MAX_SIZE / 3) && in_range(c->width, MAX_SIZE / 3) && in_range(c->feed_forwards, MAX_LAYERS);
}

static int64_t size(const AttuneConfig *c, int threads) {
  const int bottleneck = c->flags & ATTUNE_BOTTLENECK;
  const int good = good_sizes(c) && in_range(threads, ATTUNE_MOST_THREADS) && c->activation >= ATTUNE_GELU && c->activation <= ATTUNE_RELU && is_format(c->weights) &&
                   is_format(c->tables[0]) && is_format(c->tables[1]) && is_format(c->tables[2]) && c->pad_token >= -1 &&
                   c->pad_token < c->positions - 1 && c->flags >= 0 && c->flags < 8 && (bottleneck || c->width == c->hidden_size) &&
                   c->attention >= ATTUNE_FROM_INSIDE && c->attention <= ATTUNE_FROM_SHARED &&
                   (bottleneck || c->attention == ATTUNE_FROM_INSIDE) &&
                   (c->attention != ATTUNE_FROM_INPUT || c->width == c->hidden_size) && c->epsilon > 0 && c->epsilon < 1 &&
                   c->other_epsilon > 0 && c->other_epsilon < 1;
  if (!good) return ATTUNE_BAD_CONFIG;
  Arena arena = {0, 0};
  AttuneEncoder encoder = {0};
  take(&arena, sizeof(AttuneEncoder));
  lay_out(&arena, c, threads, &encoder);
  return (int64_t)arena.used;
}

static int init(void *memory, uint64_t bytes, const AttuneConfig *c, AttuneTeam *team) {
  const int threads = team ? team->threads : 1;
  const int64_t needed = size(c, threads);
  if (needed < 0 || !memory || (uintptr_t)memory % ALIGNMENT || bytes < (uint64_t)needed) return ATTUNE_BAD_CONFIG;
  const AttuneConfig config = *c; // `c` may lie inside the memory
  Arena arena = {memory, 0};
  AttuneEncoder *e = take(&arena, sizeof(AttuneEncoder));
  lay_out(&arena, &config, threads, e);
  e->team = team;
  return ATTUNE_OK;
}
