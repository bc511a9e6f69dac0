// 64-bit Arm: int8 weights are widened to int16 for the multiply-accumulate into 32 bits.
#pragma once
#include "isa/neon-vectors.h"

#define ISA_NAME "neon"
#define TILE_ROWS 6
#define TILE_VECTORS 4
#define PACK_ROWS 0

#define QUANT_GROUP 1
#define QUANT_LIMIT 32767
#define QUANT_SUMS 0
typedef int16_t QuantX;
typedef vi QuantGroup, QuantSum;
static inline QuantGroup quant_repeat(const QuantX *x) { return (vi)vdupq_n_s16(*x); }
static inline vi quant_weights(const int8_t *w) {
  int32_t four;
  __builtin_memcpy(&four, w, sizeof four);
  return (vi)vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)));
}
static inline void quant_dot(QuantSum *sum, QuantGroup x, vi w) {
  *sum = (vi)vmlal_s16((int32x4_t)*sum, vget_low_s16((int16x8_t)x), vget_low_s16((int16x8_t)w));
  KEEP(*sum);
}
static inline vi quant_total(QuantSum sum, const int32_t *sums) { return (void)sums, sum; }
static inline void quant_store(QuantX *out, vi x) { vst1_s16(out, vqmovn_s32((int32x4_t)x)); }
