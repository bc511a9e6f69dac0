// Attention within one text, head by head: keys and values are packed as weights are, so that gemm.h's tiles multiply them.
#pragma once

// A text's keys and values of one head: keys (tokens / TILE, width, TILE), values (width / TILE, tokens, TILE).
static void pack_head(AttuneEncoder *e, const float *qkv, int tokens, int first, int width) {
  const int w = e->config.width;
  const size_t ld = e->qkv.stride;
  for (int s = 0; s < round_up(tokens, TILE); s++) {
    float *to = e->packed_keys + (size_t)(s / TILE * TILE) * width + s % TILE;
    const float *key = qkv + s * ld + w + first;
    for (int k = 0; k < width; k++) to[(size_t)k * TILE] = s < tokens ? key[k] : 0;
  }
  for (int n = 0; n < width; n += TILE) {
    float *to = e->packed_values + (size_t)n * tokens;
    const int cols = width - n < TILE ? width - n : TILE;
    for (int s = 0; s < tokens; s++, to += TILE) {
      const float *value = qkv + s * ld + 2 * w + first + n;
      if (cols == TILE) {
        UNROLL for (int c = 0; c < TILE; c += LANES) vf_store(to + c, vf_load(value + c));
      } else {
        for (int c = 0; c < TILE; c++) to[c] = c < cols ? value[c] : 0;
      }
    }
  }
}

// scores: (rows, cols), cols a multiple of LANES, each row ← softmax(scaling * row + bias). Where the bias is -infinity the weight is exactly 0, as
// is one below e^-60 of the largest: its product with a value could be a denormal, which takes ten times as long.
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
      const vf score = vf_load(scores + i) - shift;
      const vf weight = vf_select((vi)(score < -60.0f), vf_splat(0), vf_exp(score));
      total += weight;
      vf_store(scores + i, weight);
    }
    const float inverse = 1.0f / vf_sum(total);
    for (int i = 0; i < cols; i += LANES) vf_store(scores + i, vf_load(scores + i) * inverse);
  }
}

// The text of `tokens` rows from `start` on: from its rows of qkv into its rows of context.
static void attend(AttuneEncoder *e, int start, int tokens) {
  const int width = e->config.width / e->config.heads, cols = round_up(tokens, TILE);
  const float scaling = 1.0f / __builtin_sqrtf((float)width);
  const float *qkv = e->qkv.at + start * e->qkv.stride;
  for (int s = 0; s < cols; s++) e->score_bias[s] = s < tokens && e->mask[start + s] ? 0 : -__builtin_inff();
  for (int first = 0; first < e->config.width; first += width) {
    pack_head(e, qkv, tokens, first, width);
    const PackedWeights keys = {.weights = e->packed_keys, .in = width, .out = tokens};
    const PackedWeights values = {.weights = e->packed_values, .in = tokens, .out = width};
    for (int t = 0; t < tokens; t += QUERY_BLOCK) {
      const int rows = tokens - t < QUERY_BLOCK ? tokens - t : QUERY_BLOCK;
      const Rows query = {e->qkv.at + (start + t) * e->qkv.stride + first, e->qkv.stride}, scores = {e->scores, cols};
      multiply_float(query, rows, keys, e->packed, scores);
      softmax(e->scores, rows, cols, scaling, e->score_bias);
      // Columns past this head's width hold zeros, and the next head overwrites them.
      multiply_float(scores, rows, values, e->packed, (Rows){e->context.at + (start + t) * e->context.stride + first, e->context.stride});
    }
  }
}
