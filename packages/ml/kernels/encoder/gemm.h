// Matrix products over packed weights, in register tiles of TILE_ROWS tokens by TILE_VECTORS vectors of
// outputs, float32 or quantized.
#pragma once

#define TILE (TILE_VECTORS * LANES)
#define PRAGMA(X) _Pragma(#X)
#if defined(__wasm__) // V8 unrolls the quantized loop itself, with better results
#define UNROLL PRAGMA(unroll)
#define UNROLL_DEPTH PRAGMA(clang loop unroll(disable))
#define UNROLL_FLOAT PRAGMA(clang loop unroll_count(2))
#define UNROLL_PACKING PRAGMA(clang loop unroll_count(8))
#elif defined(__clang__)
#define UNROLL PRAGMA(unroll)
#define UNROLL_DEPTH PRAGMA(clang loop unroll_count(4))
#define UNROLL_FLOAT UNROLL_DEPTH
#define UNROLL_PACKING PRAGMA(clang loop unroll_count(8))
#else
#define UNROLL PRAGMA(GCC unroll 16)
#define UNROLL_DEPTH PRAGMA(GCC unroll 4)
#define UNROLL_FLOAT UNROLL_DEPTH
#define UNROLL_PACKING PRAGMA(GCC unroll 8)
#endif
// Weights come in order, but faster than the processor foresees. A large model's weights are read from
// memory in every forward.
#ifdef __wasm__
#define PREFETCH(ADDRESS)
#else
#define PREFETCH(ADDRESS) __builtin_prefetch(ADDRESS)
#endif
// Keeps clang from giving each unrolled step a pointer of its own: V8 would need more registers for these
// pointers than it has.
#ifdef __wasm__
#define ONE_POINTER(P) __asm__("" : "+r"(P))
#else
#define ONE_POINTER(P) (void)(P)
#endif
#define INLINE static inline __attribute__((always_inline))

// A matrix of floats. Its rows begin `stride` floats apart.
typedef struct { float *at; size_t stride; } Rows;
// Quantized activations with one scale for each row.
typedef struct { const QuantX *at; size_t stride; const float *scales; } QuantRows;
// A layer's weights: (out / TILE, in, TILE), int8 in groups of QUANT_GROUP inputs. bias: (out rounded up to TILE) or
// null. scale and sums (of each output's weights): as long as bias, for int8 alone.
typedef struct { const void *weights; int in, out; const float *bias, *scale; const int32_t *sums; } PackedWeights;

static inline int round_up(int value, int to) { return (value + to - 1) / to * to; }

// y = x w + bias. x: (rows, depth), or with PACK_ROWS (depth, rows); w: packed (depth, TILE); bias: (TILE) or null; y: (rows, TILE).
INLINE void tile_float(const int rows, const float *x, size_t ldx, const float *w, int depth, const float *bias, float *y, size_t ldy) {
  vf sum[TILE_ROWS][TILE_VECTORS];
  const float *from[TILE_ROWS];
  UNROLL for (int r = 0; r < rows; r++) {
    from[r] = x + r * ldx;
    UNROLL for (int c = 0; c < TILE_VECTORS; c++) sum[r][c] = bias ? vf_load(bias + c * LANES) : vf_splat(0);
  }
  UNROLL_FLOAT for (int k = 0; k < depth; k++, w += TILE) {
    vf weights[TILE_VECTORS];
    PREFETCH(w + 24 * TILE);
    ONE_POINTER(x);
    UNROLL for (int c = 0; c < TILE_VECTORS; c++) weights[c] = vf_load(w + c * LANES);
    UNROLL for (int r = 0; r < rows; r++) {
      vf value = vf_splat(PACK_ROWS ? x[r] : *from[r]++);
      UNROLL for (int c = 0; c < TILE_VECTORS; c++) sum[r][c] = vf_fma(value, weights[c], sum[r][c]);
    }
    if (PACK_ROWS) x += rows;
  }
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int c = 0; c < TILE_VECTORS; c++)
    vf_store(y + r * ldy + c * LANES, sum[r][c]);
}

// The quantized twin of tile_float. x: (rows, groups * QUANT_GROUP); w: packed (groups, TILE, QUANT_GROUP); `of` holds
// the other arrays from this tile's first output on.
INLINE void tile_quantized(const int rows, const QuantX *x, size_t ldx, const float *x_scales, const int8_t *w, int groups,
                           const PackedWeights of, float *y, size_t ldy) {
  QuantSum sum[TILE_ROWS][TILE_VECTORS];
  const QuantX *from[TILE_ROWS];
  UNROLL for (int r = 0; r < rows; r++) {
    from[r] = x + r * ldx;
    UNROLL for (int c = 0; c < TILE_VECTORS; c++) sum[r][c] = (QuantSum){0};
  }
  UNROLL_DEPTH for (int g = 0; g < groups; g++, w += TILE * QUANT_GROUP) {
    vi weights[TILE_VECTORS];
    PREFETCH(w + 32 * TILE * QUANT_GROUP);
    UNROLL for (int c = 0; c < TILE_VECTORS; c++) weights[c] = quant_weights(w + c * LANES * QUANT_GROUP);
    UNROLL for (int r = 0; r < rows; r++) {
      QuantGroup value = quant_repeat(from[r]);
      from[r] += QUANT_GROUP;
      UNROLL for (int c = 0; c < TILE_VECTORS; c++) quant_dot(&sum[r][c], value, weights[c]);
    }
  }
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int c = 0; c < TILE_VECTORS; c++) {
    vf whole = vi_float(quant_total(sum[r][c], of.sums + c * LANES));
    vf_store(y + r * ldy + c * LANES, vf_fma(whole, vf_load(of.scale + c * LANES) * x_scales[r], vf_load(of.bias + c * LANES)));
  }
}

// Calls BODY with a constant R, so that each number of rows has its own unrolled tile.
#if TILE_ROWS == 4
#define FOR_ROWS(count, BODY) switch (count) { case 1: BODY(1); break; case 2: BODY(2); break; case 3: BODY(3); break; default: BODY(4); }
#elif TILE_ROWS == 6
#define FOR_ROWS(count, BODY) switch (count) { case 1: BODY(1); break; case 2: BODY(2); break; case 3: BODY(3); break; \
  case 4: BODY(4); break; case 5: BODY(5); break; default: BODY(6); }
#else
#define FOR_ROWS(count, BODY) switch (count) { case 1: BODY(1); break; case 2: BODY(2); break; case 3: BODY(3); break; \
  case 4: BODY(4); break; case 5: BODY(5); break; case 6: BODY(6); break; case 7: BODY(7); break; default: BODY(8); }
#endif

// Rows are shared out evenly, because a short tile waits for its own sums: 32 rows in tiles of at most 6 become 6 6
// 5 5 5 5.
#define FOR_TILES(rows, R, COUNT)                                                                                      \
  for (int tiles_ = ((rows) + TILE_ROWS - 1) / TILE_ROWS, t_ = 0, R = 0, COUNT = 0;                                    \
       t_ < tiles_ && (COUNT = (rows) / tiles_ + (t_ < (rows) % tiles_), 1); R += COUNT, t_++)

// With PACK_ROWS, `packed` holds each tile's rows of x side by side, so that one pointer walks along all rows: V8 has
// no registers for four pointers.
static Rows pack_rows(Rows x, int rows, int depth, float *packed) {
  if (!PACK_ROWS) return x;
  FOR_TILES(rows, first, count) {
    for (int r = 0; r < count; r++) {
      const float *from = x.at + (first + r) * x.stride;
      float *to = packed + (size_t)first * depth + r;
      for (int k = 0; k < depth; k++) to[(size_t)k * count] = from[k];
    }
  }
  return (Rows){packed, depth};
}

static void multiply_panel(Rows x, int rows, const float *w, int depth, const float *bias, Rows y) {
  FOR_TILES(rows, r, count) {
#define BODY(R) tile_float(R, x.at + r * x.stride, x.stride, w, depth, bias, y.at + r * y.stride, y.stride)
    FOR_ROWS(count, BODY)
#undef BODY
  }
}

// y (rows, out rounded up to TILE) = x (rows, in) w + bias. Output tiles are the outermost loop, so each is read from
// memory once. packed: (rows, in).
static void multiply_float(Rows x, int rows, const PackedWeights w, float *packed, Rows y) {
  const float *tile = w.weights;
  x = pack_rows(x, rows, w.in, packed);
  for (int n = 0; n < w.out; n += TILE, tile += (size_t)w.in * TILE) {
    multiply_panel(x, rows, tile, w.in, w.bias ? w.bias + n : 0, (Rows){y.at + n, y.stride});
  }
}

// As multiply_float, with float16 weights. A tile of weights is widened once for all rows. panel: (in, TILE).
static void multiply_half(Rows x, int rows, const PackedWeights w, float *packed, float *panel, Rows y) {
  const uint16_t *tile = w.weights;
  x = pack_rows(x, rows, w.in, packed);
  for (int n = 0; n < w.out; n += TILE, tile += (size_t)w.in * TILE) {
    for (int i = 0; i < w.in * TILE; i += TILE) {
      PREFETCH(tile + i + 48 * TILE);
      UNROLL for (int c = 0; c < TILE; c += LANES) vf_store(panel + i + c, vf_from_half(tile + i + c));
    }
    multiply_panel(x, rows, panel, w.in, w.bias + n, (Rows){y.at + n, y.stride});
  }
}

static void multiply_quantized(QuantRows x, int rows, const PackedWeights w, Rows y) {
  const int groups = (w.in + QUANT_GROUP - 1) / QUANT_GROUP;
  const int8_t *tile = w.weights;
  for (int n = 0; n < w.out; n += TILE, tile += (size_t)groups * TILE * QUANT_GROUP) {
    const PackedWeights of = {.bias = w.bias + n, .scale = w.scale + n, .sums = w.sums + n};
    FOR_TILES(rows, r, count) {
#define BODY(R) tile_quantized(R, x.at + r * x.stride, x.stride, x.scales + r, tile, groups, of, y.at + r * y.stride + n, y.stride)
      FOR_ROWS(count, BODY)
#undef BODY
    }
  }
}

// The largest level that activations may use. Weights use -127…127, and a sum of `depth` products must fit an int32: at
// most 127 * depth * limit.
static inline float quant_limit(int depth) {
  int64_t limit = INT32_MAX / (127 * (int64_t)depth);
  return (float)(limit < QUANT_LIMIT ? limit : QUANT_LIMIT);
}

// Turns one row of `cols` activations into levels of the returned scale; zeros fill the last group of 16. A row too
// small to scale becomes zeros. A row that has overflowed gets the scale NaN, so that the result is not finite either.
static float quantize_row(const float *x, int cols, float limit, QuantX *out) {
  const int whole = cols / LANES * LANES;
  float rest[LANES] = {0};
  for (int i = whole; i < cols; i++) rest[i - whole] = x[i];
  vf low = vf_load(rest), high = low, poison = low * 0.0f; // NaN and infinity times 0 are NaN, which stays
  for (int i = 0; i < whole; i += LANES) {
    const vf value = vf_load(x + i);
    low = vf_min(low, value);
    high = vf_max(high, value);
    poison = vf_fma(value, vf_splat(0), poison);
  }
  const float range = vf_largest(vf_max(high, -low)) + vf_sum(poison);
  const int good = range > 1e-30f && range < 1e38f;
  const vf inverse = vf_splat(good ? limit / range : 0);
  for (int i = 0; i < whole; i += LANES) quant_store(out + i, vf_round(vf_load(x + i) * inverse));
  for (int i = whole; i < round_up(cols, 16); i += LANES) quant_store(out + i, i < cols ? vf_round(vf_load(rest) * inverse) : (vi){0});
  return good ? range / limit : range <= 1e-30f ? 0 : __builtin_nanf("");
}
