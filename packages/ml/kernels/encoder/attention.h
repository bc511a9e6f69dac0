// Attention of one head within one text. Keys and values are packed as weights are, so that
// gemm.h's tiles multiply them.
#pragma once

// Packs one head's keys and values of a text: keys (tokens / TILE, width, TILE), values (width / TILE, tokens, TILE).
static void pack_head(const AttuneEncoder *e, const Scratch *scratch, const float *qkv, int tokens, int first, int width) {
  const int w = e->config.width;
  const size_t ld = e->qkv.stride;
  for (int s = 0; s < round_up(tokens, TILE); s++) {
    float *to = scratch->packed_keys + (size_t)(s / TILE * TILE) * width + s % TILE;
    const float *key = qkv + s * ld + w + first;
    for (int k = 0; k < width; k++) to[(size_t)k * TILE] = s < tokens ? key[k] : 0;
  }
  for (int n = 0; n < width; n += TILE) {
    float *to = scratch->packed_values + (size_t)n * tokens;
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

// scores: (rows, cols), cols a multiple of LANES. Each row ← softmax(scaling * row + bias). A bias of -infinity gives a
// weight of exactly 0. So does a weight below e^-60 of the largest: its product with a value could be a denormal, which
// takes ten times as long.
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

// Computes one head for the text of `tokens` rows from `start` on, from the head's columns of qkv into its columns of
// context. Not inlined: clang would make two copies, and each of the function's tiles takes a kilobyte.
__attribute__((noinline)) static void attend(const AttuneEncoder *e, const Scratch *scratch, int start, int tokens, int head) {
  const int width = e->config.width / e->config.heads, cols = round_up(tokens, TILE), first = head * width;
  const float scaling = 1.0f / __builtin_sqrtf((float)width);
  for (int s = 0; s < cols; s++) scratch->score_bias[s] = s < tokens && e->mask[start + s] ? 0 : -__builtin_inff();
  pack_head(e, scratch, e->qkv.at + start * e->qkv.stride, tokens, first, width);
  const PackedWeights keys = {.weights = scratch->packed_keys, .in = width, .out = tokens};
  const PackedWeights values = {.weights = scratch->packed_values, .in = tokens, .out = width};
  const Rows scores = {scratch->scores, cols}, mixed = {scratch->mixed, round_up(width, TILE)};
  for (int t = start; t < start + tokens; t += QUERY_BLOCK) {
    const int left = start + tokens - t, rows = left < QUERY_BLOCK ? left : QUERY_BLOCK;
    multiply_float((Rows){e->qkv.at + t * e->qkv.stride + first, e->qkv.stride}, rows, keys, scratch->packed, scores);
    softmax(scratch->scores, rows, cols, scaling, scratch->score_bias);
    multiply_float(scores, rows, values, scratch->packed, mixed);
    // The results are not written there directly: whole tiles may reach into the next head's columns, which another
    // thread may be writing.
    for (int r = 0; r < rows; r++) {
      __builtin_memcpy(e->context.at + (t + r) * e->context.stride + first, mixed.at + r * mixed.stride, width * sizeof(float));
    }
  }
}
