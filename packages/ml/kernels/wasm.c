// The WebAssembly build's exports. One instance holds one encoder, or works for heads; the host lays out its memory from __heap_base on.
#include "encoder.h"
#include "heads-call.h"

#define EXPORT(NAME) __attribute__((export_name(#NAME))) NAME
extern const AttuneKernels attune_kernels;
extern const AttuneHeadKernels attune_head_kernels;
extern unsigned char __heap_base;

void *EXPORT(heap_base)(void) { return &__heap_base; }
// Above 2 GiB the answer is BAD_CONFIG: a 32-bit memory would not hold it with its stack.
int EXPORT(encoder_size)(const AttuneConfig *config) {
  const int64_t bytes = attune_kernels.size(config, 1);
  return bytes > INT32_MAX ? ATTUNE_BAD_CONFIG : (int)bytes;
}
// `memory` of an instance that has computed nothing yet: WebAssembly's is zeros, of which only pages that are used come to be.
int EXPORT(encoder_init)(void *memory, uint32_t bytes, const AttuneConfig *config) { return attune_kernels.init(memory, bytes, config, 0); }
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

int EXPORT(head_call)(int function, const double *numbers, int number_count, const AttuneArray *arrays, int array_count, double *result) {
  return attune_head_call(&attune_head_kernels, function, numbers, number_count, arrays, array_count, result);
}
