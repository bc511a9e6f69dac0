// Prints what the kernels compute for a few encoders of fixed pseudo-random weights, one number a line: run on two builds, the outputs are
// compared (another processor under an emulator, or with sanitizers).
#include <stdio.h>
#include <stdlib.h>
#include "encoder.h"

extern const AttuneKernels KERNELS;

static uint32_t state = 1;
static float next(void) { // xorshift32 in [-1, 1)
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return (float)(state >> 8) / 8388608.0f - 1.0f;
}

static void must(int code, const char *what) {
  if (code == ATTUNE_OK) return;
  fprintf(stderr, "%s: code %d\n", what, code);
  exit(1);
}

static void fill(AttuneEncoder *e, int slot, int layer, int rows, int cols, int quantized) {
  const int norm = slot == ATTUNE_EMBEDDING_NORM || slot == ATTUNE_ATTENTION_NORM || slot == ATTUNE_OUTPUT_NORM;
  const size_t count = (size_t)rows * cols;
  float *floats = malloc(count * sizeof(float)), *scales = malloc(rows * sizeof(float));
  int8_t *bytes = malloc(count);
  for (size_t i = 0; i < count; i++) {
    floats[i] = norm ? 1 + 0.1f * next() : next() * (cols > 1 ? 1.2f : 1) / __builtin_sqrtf((float)cols);
    bytes[i] = (int8_t)(next() * 127);
  }
  for (int i = 0; i < rows; i++) scales[i] = 1.2f / 127 / __builtin_sqrtf((float)cols);
  if (quantized) must(KERNELS.load(e, slot, layer, 0, rows, bytes, count, scales), "load int8");
  else must(KERNELS.load(e, slot, layer, 0, rows, floats, count * sizeof(float), 0), "load float32");
  free(floats);
  free(scales);
  free(bytes);
}

static void check(AttuneConfig c) {
  const int64_t size = KERNELS.size(&c);
  void *memory = size > 0 ? aligned_alloc(64, (size_t)size) : 0;
  must(memory ? KERNELS.init(memory, size, &c) : ATTUNE_BAD_CONFIG, "init");
  AttuneEncoder *e = memory;
  const int h = c.hidden_size, f = c.intermediate_size;
  fill(e, ATTUNE_WORDS, 0, c.vocab_size, h, c.int8_tables & 1);
  fill(e, ATTUNE_POSITIONS, 0, c.positions, h, c.int8_tables >> 1 & 1);
  fill(e, ATTUNE_TYPES, 0, c.types, h, c.int8_tables >> 2 & 1);
  fill(e, ATTUNE_EMBEDDING_NORM, 0, 2, h, 0);
  for (int layer = 0; layer < c.layers; layer++) {
    for (int slot = ATTUNE_QUERY; slot <= ATTUNE_OUTPUT; slot++) {
      const int rows = slot == ATTUNE_INTERMEDIATE ? f : h, cols = slot == ATTUNE_OUTPUT ? f : h;
      if (slot == ATTUNE_ATTENTION_NORM) continue;
      fill(e, slot, layer, rows, cols, c.int8_weights);
      fill(e, slot + ATTUNE_BIAS, layer, 1, rows, 0);
    }
    fill(e, ATTUNE_ATTENTION_NORM, layer, 2, h, 0);
    fill(e, ATTUNE_OUTPUT_NORM, layer, 2, h, 0);
  }
  const int32_t lengths[] = {1, 2, 3, 5, 7, 13, 31, 33, 64, 100};
  for (int i = 0; i < 10; i++) {
    int32_t ids[128];
    uint8_t mask[128];
    for (int t = 0; t < lengths[i]; t++) {
      ids[t] = (int32_t)((next() + 1) / 2 * (float)(c.vocab_size - 1));
      mask[t] = t == 0 || next() < 0.4f;
    }
    float *pooled = malloc(2 * h * sizeof(float));
    must(KERNELS.embed(e, ids, lengths[i], &lengths[i], 1, mask), "embed");
    must(KERNELS.run(e, 0, c.layers), "run");
    must(KERNELS.pool(e, ATTUNE_MEAN_MAX, pooled, 2 * h), "pool");
    for (int k = 0; k < 2 * h; k++) printf("%.7g\n", pooled[k]);
    free(pooled);
  }
  free(memory);
}

int main(void) {
  for (int quantized = 0; quantized <= 1; quantized++) {
    const int tables = quantized ? 7 : 0;
    check((AttuneConfig){50, 128, 2, 2, 512, 128, 2, ATTUNE_GELU, quantized, tables, 128, -1, 1e-12f});
    check((AttuneConfig){50, 33, 1, 3, 77, 128, 2, ATTUNE_GELU_NEW, quantized, tables, 128, -1, 1e-12f});
    check((AttuneConfig){50, 65, 2, 5, 30, 130, 1, ATTUNE_RELU, quantized, tables, 128, 1, 1e-5f});
  }
  return 0;
}
