// 64-bit Arm with the 8-bit dot product. An activation's 16 bits are two signed halves, level = 256 high + low + 128,
// and each half has its own sums. The result equals that of 16-bit products to the last bit.
#pragma once
#include "isa/neon-vectors.h"

#define ISA_NAME "neon-dot"
#define TILE_ROWS 6
#define TILE_VECTORS 2
#define PACK_ROWS 0

#define QUANT_GROUP 4
#define QUANT_LIMIT 32767
#define QUANT_SUMS 1
typedef int16_t QuantX; // a group of four activations: their high halves, then their low halves
typedef int8x8_t QuantGroup;
typedef struct { int32x4_t high, low; } QuantSum;
static inline QuantGroup quant_repeat(const QuantX *x) { return vld1_s8((const int8_t *)x); }
static inline vi quant_weights(const int8_t *w) { return (vi)vld1q_s8(w); }
static inline void quant_dot(QuantSum *sum, QuantGroup x, vi w) {
  sum->high = vdotq_lane_s32(sum->high, (int8x16_t)w, x, 0);
  sum->low = vdotq_lane_s32(sum->low, (int8x16_t)w, x, 1);
  KEEP(sum->high);
  KEEP(sum->low);
}
static inline vi quant_total(QuantSum sum, const int32_t *sums) {
  return (vi)vmlaq_n_s32(vaddq_s32(vshlq_n_s32(sum.high, 8), sum.low), vld1q_s32(sums), 128);
}
static inline void quant_store(QuantX *out, vi x) {
  const int16x4_t level = vqmovn_s32((int32x4_t)x);
  const int16x4_t high = vshr_n_s16(level, 8), low = vsub_s16(vand_s16(level, vdup_n_s16(255)), vdup_n_s16(128));
  vst1_s8((int8_t *)out, vmovn_s16(vcombine_s16(high, low)));
}
