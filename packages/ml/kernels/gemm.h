// Matrix products over packed weights: register tiles of TILE_ROWS tokens by TILE_VECTORS vectors of outputs, float32 or quantized.
#pragma once

#define TILE (TILE_VECTORS * LANES)
#define PRAGMA(X) _Pragma(#X)
#if defined(__wasm__) // V8 unrolls such a loop itself, and better
#define UNROLL PRAGMA(unroll)
#define UNROLL_DEPTH PRAGMA(clang loop unroll(disable))
#elif defined(__clang__)
#define UNROLL PRAGMA(unroll)
#define UNROLL_DEPTH PRAGMA(clang loop unroll_count(4))
#else
#define UNROLL PRAGMA(GCC unroll 16)
#define UNROLL_DEPTH PRAGMA(GCC unroll 4)
#endif
// Integer sums may be reordered, and compilers do, until they no longer fit the registers: this pins one to its register.
#if defined(__x86_64__)
#define KEEP(SUM) __asm__("" : "+x"(SUM))
#elif defined(__aarch64__)
#define KEEP(SUM) __asm__("" : "+w"(SUM))
#else
#define KEEP(SUM) (void)(SUM)
#endif
// Weights come in order, but too fast for the processor to foresee: a large model's are read from memory in every forward.
#ifdef __wasm__
#define PREFETCH(ADDRESS)
#else
#define PREFETCH(ADDRESS) __builtin_prefetch(ADDRESS)
#endif
#define INLINE static inline __attribute__((always_inline))

// y = x w + bias. x: (rows, depth); w: packed (depth, TILE); bias: (TILE) or null; y: (rows, TILE).
INLINE void tile_float(const int rows, const float *x, size_t ldx, const float *w, int depth, const float *bias, float *y, size_t ldy) {
  vf sum[TILE_ROWS][TILE_VECTORS];
  const float *from[TILE_ROWS];
  UNROLL for (int r = 0; r < rows; r++) {
    from[r] = x + r * ldx;
    UNROLL for (int c = 0; c < TILE_VECTORS; c++) sum[r][c] = bias ? vf_load(bias + c * LANES) : vf_splat(0);
  }
  UNROLL_DEPTH for (int k = 0; k < depth; k++, w += TILE) {
    vf weights[TILE_VECTORS];
    PREFETCH(w + 24 * TILE);
    UNROLL for (int c = 0; c < TILE_VECTORS; c++) weights[c] = vf_load(w + c * LANES);
    UNROLL for (int r = 0; r < rows; r++) {
      vf value = vf_splat(*from[r]++);
      UNROLL for (int c = 0; c < TILE_VECTORS; c++) sum[r][c] = vf_fma(value, weights[c], sum[r][c]);
    }
  }
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int c = 0; c < TILE_VECTORS; c++)
    vf_store(y + r * ldy + c * LANES, sum[r][c]);
}

// A row of activations x ≈ scale * (q - zero).
typedef struct { float scale; int32_t zero; } QuantRow;

// The quantized twin. x: (rows, groups * QUANT_GROUP); w: packed (groups, TILE, QUANT_GROUP); scale, bias and sums (of each output's weights): (TILE).
INLINE void tile_quantized(const int rows, const QuantX *x, size_t ldx, const QuantRow *quant, const int8_t *w, int groups,
                           const float *scale, const int32_t *sums, const float *bias, float *y, size_t ldy) {
  vi sum[TILE_ROWS][TILE_VECTORS];
  const QuantX *from[TILE_ROWS];
  UNROLL for (int r = 0; r < rows; r++) {
    from[r] = x + r * ldx;
    UNROLL for (int c = 0; c < TILE_VECTORS; c++) sum[r][c] = (vi){0};
  }
  UNROLL_DEPTH for (int g = 0; g < groups; g++, w += TILE * QUANT_GROUP) {
    vi weights[TILE_VECTORS];
    PREFETCH(w + 32 * TILE * QUANT_GROUP);
    UNROLL for (int c = 0; c < TILE_VECTORS; c++) weights[c] = quant_weights(w + c * LANES * QUANT_GROUP);
    UNROLL for (int r = 0; r < rows; r++) {
      vi value = vi_splat_group(from[r]);
      from[r] += QUANT_GROUP;
      UNROLL for (int c = 0; c < TILE_VECTORS; c++) {
        sum[r][c] = quant_dot(sum[r][c], value, weights[c]);
        KEEP(sum[r][c]);
      }
    }
  }
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int c = 0; c < TILE_VECTORS; c++) {
    vi whole = sum[r][c];
    if (QUANT_UNSIGNED) whole -= quant[r].zero * *(const vi *)(sums + c * LANES);
    vf weight = vf_load(scale + c * LANES) * quant[r].scale;
    vf_store(y + r * ldy + c * LANES, vf_fma(vi_float(whole), weight, vf_load(bias + c * LANES)));
  }
}

// Calls BODY with a constant R, so that each count of rows has its own unrolled tile.
#if TILE_ROWS == 4
#define FOR_ROWS(count, BODY) switch (count) { case 1: BODY(1); break; case 2: BODY(2); break; case 3: BODY(3); break; default: BODY(4); }
#elif TILE_ROWS == 6
#define FOR_ROWS(count, BODY) switch (count) { case 1: BODY(1); break; case 2: BODY(2); break; case 3: BODY(3); break; \
  case 4: BODY(4); break; case 5: BODY(5); break; default: BODY(6); }
#else
#define FOR_ROWS(count, BODY) switch (count) { case 1: BODY(1); break; case 2: BODY(2); break; case 3: BODY(3); break; \
  case 4: BODY(4); break; case 5: BODY(5); break; case 6: BODY(6); break; case 7: BODY(7); break; default: BODY(8); }
#endif

// Rows are shared out evenly: 32 rows in tiles of at most 6 are 6 6 5 5 5 5, since a short tile waits on its own sums.
#define FOR_TILES(rows, R, COUNT)                                                                                      \
  for (int tiles_ = ((rows) + TILE_ROWS - 1) / TILE_ROWS, t_ = 0, R = 0, COUNT = 0;                                    \
       t_ < tiles_ && (COUNT = (rows) / tiles_ + (t_ < (rows) % tiles_), 1); R += COUNT, t_++)

// y (rows, outputs rounded up to TILE) = x (rows, depth) w + bias; w: packed (outputs / TILE, depth, TILE). Output tiles go outermost: each is read from memory once.
static void multiply_float(const float *x, size_t ldx, int rows, const float *w, int depth, const float *bias, int outputs, float *y, size_t ldy) {
  for (int n = 0; n < outputs; n += TILE, w += (size_t)depth * TILE) {
    const float *b = bias ? bias + n : 0;
    FOR_TILES(rows, r, count) {
#define BODY(R) tile_float(R, x + r * ldx, ldx, w, depth, b, y + r * ldy + n, ldy)
      FOR_ROWS(count, BODY)
#undef BODY
    }
  }
}

static void multiply_quantized(const QuantX *x, size_t ldx, int rows, const QuantRow *quant, const int8_t *w, int groups,
                               const float *scale, const int32_t *sums, const float *bias, int outputs, float *y, size_t ldy) {
  for (int n = 0; n < outputs; n += TILE, w += (size_t)groups * TILE * QUANT_GROUP) {
    FOR_TILES(rows, r, count) {
#define BODY(R) tile_quantized(R, x + r * ldx, ldx, quant + r, w, groups, scale + n, sums + n, bias + n, y + r * ldy + n, ldy)
      FOR_ROWS(count, BODY)
#undef BODY
    }
  }
}

// Which of the levels -127…127 (the weights' and at most 127 * depth * limit in an int32 sum) the activations may use.
static inline float quant_limit(int depth) {
  int64_t limit = INT32_MAX / (127 * (int64_t)depth);
  return (float)(limit < QUANT_LIMIT ? limit : QUANT_LIMIT);
}

// One row of `cols` activations to QuantX; signed and symmetric, or unsigned with a zero point. A row too small to scale becomes zeros; one
// that has overflowed keeps a scale of NaN, so that the result is known to be none.
static QuantRow quantize_row(const float *x, int cols, float limit, QuantX *out) {
  float low = 0, high = 0;
  int i = 0;
  vf lows = vf_splat(0), highs = vf_splat(0);
  for (; i + LANES <= cols; i += LANES) {
    vf value = vf_load(x + i);
    lows = vf_min(lows, value);
    highs = vf_max(highs, value);
  }
  high = vf_largest(highs);
  low = -vf_largest(-lows);
  for (; i < cols; i++) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  float range = QUANT_UNSIGNED ? high - low : (high > -low ? high : -low);
  if (!(range > 1e-30f && range < 1e38f)) {
    for (i = 0; i < cols; i++) out[i] = 0;
    return (QuantRow){range <= 1e-30f ? 0 : __builtin_nanf(""), 0};
  }
  float scale = range / limit, inverse = limit / range;
  int32_t zero = 0;
  if (QUANT_UNSIGNED) zero = (int32_t)(-low * inverse + 0.5f);
  const float least = QUANT_UNSIGNED ? 0 : -limit;
  for (i = 0; i + LANES <= cols; i += LANES) {
    vf level = vi_float(vf_round(vf_load(x + i) * inverse) + zero);
    quant_store(out + i, vf_round(vf_max(vf_min(level, vf_splat(limit)), vf_splat(least))));
  }
  for (; i < cols; i++) {
    float level = __builtin_rintf(x[i] * inverse) + (float)zero;
    level = level < least ? least : level > limit ? limit : level;
    out[i] = (QuantX)level;
  }
  return (QuantRow){scale, zero};
}
