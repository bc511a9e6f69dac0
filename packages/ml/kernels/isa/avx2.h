// x86-64 with AVX2, FMA and F16C: 8 lanes. Int8 weights are widened to int16 for the 16x16→32 dot product.
#pragma once
#include <immintrin.h>
#include <stdint.h>
#include "isa/keep.h"

#define ISA_NAME "avx2"
#define LANES 8
#define TILE_ROWS 6
#define TILE_VECTORS 2
#define PACK_ROWS 0
typedef float vf __attribute__((vector_size(32), aligned(4)));
typedef int32_t vi __attribute__((vector_size(32), aligned(4)));

static inline vf vf_splat(float x) { return (vf)_mm256_set1_ps(x); }
static inline vf vf_fma(vf a, vf b, vf c) { return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
static inline vf vf_max(vf a, vf b) { return (vf)_mm256_max_ps((__m256)b, (__m256)a); }
static inline vf vf_min(vf a, vf b) { return (vf)_mm256_min_ps((__m256)b, (__m256)a); }
static inline vi vf_round(vf x) { return (vi)_mm256_cvtps_epi32((__m256)x); }
static inline vf vi_float(vi x) { return (vf)_mm256_cvtepi32_ps((__m256i)x); }
static inline vf vf_from_half(const uint16_t *x) { return (vf)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)x)); }

#define QUANT_GROUP 2
#define QUANT_LIMIT 32767
#define QUANT_SUMS 0
typedef int16_t QuantX;
typedef vi QuantGroup, QuantSum;
static inline QuantGroup quant_repeat(const QuantX *x) {
  int32_t pair;
  __builtin_memcpy(&pair, x, sizeof pair);
  return (vi)_mm256_set1_epi32(pair);
}
static inline vi quant_weights(const int8_t *w) { return (vi)_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)w)); }
// Written as one piece, so that a compiler neither reorders the sums nor keeps more products than
// the sixteen registers hold.
static inline void quant_dot(QuantSum *sum, QuantGroup x, vi w) {
  vi product;
  __asm__ volatile("vpmaddwd %2, %3, %1\n\tvpaddd %1, %0, %0" : "+x"(*sum), "=&x"(product) : "x"(w), "x"(x));
}
static inline vi quant_total(QuantSum sum, const int32_t *sums) { return (void)sums, sum; }
static inline void quant_store(QuantX *out, vi x) {
  __m256i halves = _mm256_packs_epi32((__m256i)x, (__m256i)x);
  _mm_storeu_si128((__m128i *)out, _mm256_castsi256_si128(_mm256_permute4x64_epi64(halves, 0xd8)));
}
