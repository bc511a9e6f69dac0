// Vectors of 64-bit Arm: 4 lanes.
#pragma once
#include <arm_neon.h>
#include <stdint.h>
#include "isa/keep.h"

#define LANES 4
typedef float vf __attribute__((vector_size(16), aligned(4)));
typedef int32_t vi __attribute__((vector_size(16), aligned(4)));

static inline vf vf_splat(float x) { return (vf)vdupq_n_f32(x); }
static inline vf vf_fma(vf a, vf b, vf c) { return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
static inline vf vf_max(vf a, vf b) { return (vf)vmaxq_f32((float32x4_t)a, (float32x4_t)b); }
static inline vf vf_min(vf a, vf b) { return (vf)vminq_f32((float32x4_t)a, (float32x4_t)b); }
static inline vi vf_round(vf x) { return (vi)vcvtnq_s32_f32((float32x4_t)x); }
static inline vf vi_float(vi x) { return (vf)vcvtq_f32_s32((int32x4_t)x); }
static inline vf vf_from_half(const uint16_t *x) { return (vf)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x))); }
