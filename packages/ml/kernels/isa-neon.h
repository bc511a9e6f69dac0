// 64-bit Arm: 4 lanes, int8 weights widened to int16 for the multiply-accumulate into 32 bits.
#pragma once
#include <arm_neon.h>
#include <stdint.h>
#include "keep.h"

#define ISA_NAME "neon"
#define LANES 4
#define TILE_ROWS 6
#define TILE_VECTORS 4
typedef float vf __attribute__((vector_size(16), aligned(4)));
typedef int32_t vi __attribute__((vector_size(16), aligned(4)));

static inline vf vf_splat(float x) { return (vf)vdupq_n_f32(x); }
static inline vf vf_fma(vf a, vf b, vf c) { return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
static inline vf vf_max(vf a, vf b) { return (vf)vmaxq_f32((float32x4_t)a, (float32x4_t)b); }
static inline vf vf_min(vf a, vf b) { return (vf)vminq_f32((float32x4_t)a, (float32x4_t)b); }
static inline vi vf_round(vf x) { return (vi)vcvtnq_s32_f32((float32x4_t)x); }
static inline vf vi_float(vi x) { return (vf)vcvtq_f32_s32((int32x4_t)x); }
static inline vf vf_from_half(const uint16_t *x) { return (vf)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x))); }

#define QUANT_GROUP 1
#define QUANT_LIMIT 32767
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
