// x86-64 with AVX-512 (F, BW, VL) and VNNI: 16 lanes. Int8 weights are widened to int16 for the
// accumulating 16x16→32 dot product.
#pragma once
#include <immintrin.h>
#include <stdint.h>
#include "isa/keep.h"

#define ISA_NAME "avx512-vnni"
#define LANES 16
#define TILE_ROWS 8
#define TILE_VECTORS 2
#define PACK_ROWS 0
typedef float vf __attribute__((vector_size(64), aligned(4)));
typedef int32_t vi __attribute__((vector_size(64), aligned(4)));

static inline vf vf_splat(float x) { return (vf)_mm512_set1_ps(x); }
static inline vf vf_fma(vf a, vf b, vf c) { return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
static inline vf vf_max(vf a, vf b) { return (vf)_mm512_max_ps((__m512)b, (__m512)a); }
static inline vf vf_min(vf a, vf b) { return (vf)_mm512_min_ps((__m512)b, (__m512)a); }
static inline vi vf_round(vf x) { return (vi)_mm512_cvtps_epi32((__m512)x); }
static inline vf vi_float(vi x) { return (vf)_mm512_cvtepi32_ps((__m512i)x); }
static inline vf vf_from_half(const uint16_t *x) { return (vf)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)x)); }

#define QUANT_GROUP 2
#define QUANT_LIMIT 32767
#define QUANT_SUMS 0
typedef int16_t QuantX;
typedef vi QuantGroup, QuantSum;
static inline QuantGroup quant_repeat(const QuantX *x) {
  int32_t pair;
  __builtin_memcpy(&pair, x, sizeof pair);
  return (vi)_mm512_set1_epi32(pair);
}
static inline vi quant_weights(const int8_t *w) { return (vi)_mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)w)); }
static inline void quant_dot(QuantSum *sum, QuantGroup x, vi w) {
  *sum = (vi)_mm512_dpwssd_epi32((__m512i)*sum, (__m512i)x, (__m512i)w);
  KEEP(*sum);
}
static inline vi quant_total(QuantSum sum, const int32_t *sums) { return (void)sums, sum; }
static inline void quant_store(QuantX *out, vi x) { _mm256_storeu_si256((__m256i *)out, _mm512_cvtsepi32_epi16((__m512i)x)); }
