// A libFuzzer target for the kernels' entry points. The input chooses the configuration, the loaded tensors and
// their slots, and the texts. AddressSanitizer and UndefinedBehaviorSanitizer stop it at any access outside a
// block or a tensor.
#include <stdlib.h>
#include <string.h>
#include "encoder/encoder.h"

extern const AttuneKernels KERNELS;

typedef struct { const uint8_t *data; size_t left; } Input;

static uint8_t byte(Input *in) {
  if (in->left == 0) return 0;
  in->left--;
  return *in->data++;
}

// Mostly small numbers, which reach deep into the code; sometimes any number.
static int32_t pick(Input *in, int32_t usual) {
  const uint8_t kind = byte(in);
  if (kind < 240) return 1 + kind % usual;
  int32_t any = 0;
  for (int i = 0; i < 4; i++) any = (int32_t)((uint32_t)any << 8 | byte(in));
  return kind < 248 ? any : any % 4 - 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Input in = {data, size};
  AttuneConfig c = {.vocab_size = pick(&in, 40), .layers = pick(&in, 3), .heads = pick(&in, 4), .intermediate_size = pick(&in, 70),
                    .positions = pick(&in, 40), .types = pick(&in, 3), .rows = pick(&in, 60), .feed_forwards = 1};
  c.epsilon = c.other_epsilon = 1e-5f;
  c.hidden_size = byte(&in) < 250 && c.heads > 0 && c.heads < 100 ? c.heads * (1 + byte(&in) % 20) : pick(&in, 80);
  c.embedding_size = c.width = c.hidden_size;
  c.activation = byte(&in) % 4;
  c.weights = byte(&in) % 4;
  for (int i = 0; i < 3; i++) c.tables[i] = byte(&in) % 8 < 7 ? c.weights : byte(&in) % 4;
  c.pad_token = byte(&in) % 5 - 1;
  if (byte(&in) % 2) { // MobileBERT's parts
    c.flags = byte(&in) % 9;
    c.embedding_size = pick(&in, 30);
    c.feed_forwards = pick(&in, 4);
    c.attention = byte(&in) % 4;
    if (c.flags & ATTUNE_BOTTLENECK && byte(&in) % 4 && c.heads > 0 && c.heads < 100) c.width = c.heads * (1 + byte(&in) % 12);
  }
  const int64_t bytes = KERNELS.size(&c, 1);
  if (bytes < 0 || bytes > (1 << 24)) return 0;
  void *memory = aligned_alloc(64, (size_t)bytes);
  if (KERNELS.init(memset(memory, 0, bytes), (uint64_t)bytes, &c, 0) != ATTUNE_OK) abort();
  AttuneEncoder *e = memory;
  for (int calls = byte(&in) % 24; calls > 0; calls--) {
    // The values end where the buffer ends, so that the sanitizer notices a read past them.
    const int slot = byte(&in) % 70 - 2, layer = byte(&in) % 9 - 1, first = (int)((uint32_t)pick(&in, 9) - 1), count = pick(&in, 9);
    const int quantized = byte(&in) % 2, fits = byte(&in) % 8;
    const int widths[] = {c.hidden_size, c.hidden_size, c.intermediate_size, c.width, c.width, c.embedding_size, 3 * c.embedding_size};
    const size_t width = quantized ? 1 : byte(&in) % 2 ? sizeof(float) : sizeof(uint16_t), rows = count > 0 && count < 100 ? count : 1;
    const size_t length = fits == 7 ? (size_t)byte(&in) * (byte(&in) % 64) : rows * width * widths[fits];
    uint8_t *values = malloc(length + 1);
    for (size_t i = 0; i < length; i++) values[i] = byte(&in) % 61;
    float *scales = malloc((count > 0 && count < 100000 ? count : 1) * sizeof(float));
    for (int i = 0; count < 100000 && i < count; i++) scales[i] = 0.01f;
    if (count < 100000) KERNELS.load(e, slot, layer, first, count, values, length, quantized ? scales : 0);
    free(values);
    free(scales);
  }
  for (int calls = 1 + byte(&in) % 3; calls > 0; calls--) {
    const int texts = 1 + byte(&in) % 5, tokens = pick(&in, 60);
    if (tokens < 0 || tokens > 100000) continue;
    int32_t *ids = malloc(tokens * sizeof(int32_t) + 1), *lengths = malloc(texts * sizeof(int32_t));
    uint8_t *mask = malloc(tokens + 1);
    int rest = tokens;
    for (int i = 0; i < texts; i++) {
      lengths[i] = i == texts - 1 ? rest : pick(&in, tokens / texts + 1);
      rest = (int)((uint32_t)rest - (uint32_t)lengths[i]);
    }
    for (int i = 0; i < tokens; i++) {
      ids[i] = byte(&in) < 2 ? -1 : byte(&in) % (c.vocab_size < 255 ? c.vocab_size : 255);
      mask[i] = byte(&in) % 2;
    }
    KERNELS.embed(e, ids, tokens, lengths, texts, byte(&in) % 2 ? mask : 0);
    KERNELS.run(e, byte(&in) % 3, byte(&in) % 5);
    KERNELS.run(e, 0, c.layers);
    const uint64_t floats = (uint64_t)texts * c.hidden_size * 2;
    float *out = malloc(floats * sizeof(float));
    KERNELS.pool(e, byte(&in) % 4 - 1, out, byte(&in) % 2 ? floats : floats / 2);
    free(out);
    free(ids);
    free(lengths);
    free(mask);
  }
  free(memory);
  return 0;
}
