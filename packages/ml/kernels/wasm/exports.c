// The WebAssembly builds' exports for encoders. One memory holds one encoder; the host divides the
// memory from __heap_base on.
#include "encoder/encoder.h"

#define EXPORT(NAME) __attribute__((export_name(#NAME))) NAME
extern const AttuneKernels attune_kernels;
extern unsigned char __heap_base;

void *EXPORT(heap_base)(void) { return &__heap_base; }
// For a size above 2 GiB the answer is BAD_CONFIG: a 32-bit memory would not hold the encoder and its stack.
int EXPORT(encoder_size)(const AttuneConfig *config, int threads) {
  const int64_t bytes = attune_kernels.size(config, threads);
  return bytes > INT32_MAX ? ATTUNE_BAD_CONFIG : (int)bytes;
}
// `memory` must lie where nothing was computed yet: WebAssembly's memory is zeros, of which only used
// pages take real memory.
int EXPORT(encoder_init)(void *memory, uint32_t bytes, const AttuneConfig *config, AttuneTeam *team) {
  return attune_kernels.init(memory, bytes, config, team);
}
int EXPORT(encoder_load)(AttuneEncoder *e, int slot, int layer, int first, int count, const void *values, uint32_t bytes, const float *scales) {
  return attune_kernels.load(e, slot, layer, first, count, values, bytes, scales);
}
int EXPORT(encoder_embed)(AttuneEncoder *e, const int32_t *ids, int tokens, const int32_t *lengths, int texts, const uint8_t *mask) {
  return attune_kernels.embed(e, ids, tokens, lengths, texts, mask);
}
int EXPORT(encoder_run)(AttuneEncoder *e, int first, int last) { return attune_kernels.run(e, first, last); }
const float *EXPORT(encoder_hidden)(const AttuneEncoder *e, int *stride) { return attune_kernels.hidden(e, stride); }
int EXPORT(encoder_pool)(const AttuneEncoder *e, int pooling, float *out, uint32_t floats) { return attune_kernels.pool(e, pooling, out, floats); }
double EXPORT(spin)(int quantized, int rounds, float *sink) { return attune_kernels.spin(quantized, rounds, sink); }
