// The AVX-512 and VNNI instructions of isa/avx512-vnni.h in plain C, as Intel's Intrinsics Guide defines them. Included
// first, this header lets a processor without these instructions check the kernels. No shipped build uses it.
#pragma once
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define KEEP(SUM) ((void)0) // there are no registers of 64 bytes to pin a sum to
#define EMULATED static inline __attribute__((always_inline))
#define EACH(I, COUNT) for (int I = 0; I < COUNT; I++)

EMULATED __m512 emulated_set1_ps(float x) {
  __m512 r;
  EACH(i, 16) r[i] = x;
  return r;
}
EMULATED __m512 emulated_fmadd_ps(__m512 a, __m512 b, __m512 c) {
  EACH(i, 16) c[i] = fmaf(a[i], b[i], c[i]);
  return c;
}
// Returns the second operand where the two do not compare.
EMULATED __m512 emulated_max_ps(__m512 a, __m512 b) {
  EACH(i, 16) b[i] = a[i] > b[i] ? a[i] : b[i];
  return b;
}
EMULATED __m512 emulated_min_ps(__m512 a, __m512 b) {
  EACH(i, 16) b[i] = a[i] < b[i] ? a[i] : b[i];
  return b;
}
// Rounds to nearest, ties to even. A number that does not fit becomes the least integer.
EMULATED __m512i emulated_cvtps_epi32(__m512 x) {
  int32_t values[16];
  EACH(i, 16) values[i] = x[i] >= -0x1p31f && x[i] < 0x1p31f ? (int32_t)lrintf(x[i]) : INT32_MIN;
  __m512i r;
  memcpy(&r, values, sizeof r);
  return r;
}
EMULATED __m512 emulated_cvtepi32_ps(__m512i x) {
  int32_t values[16];
  memcpy(values, &x, sizeof values);
  __m512 r;
  EACH(i, 16) r[i] = (float)values[i];
  return r;
}
EMULATED __m512 emulated_cvtph_ps(__m256i x) {
  const __m256 halves[2] = {_mm256_cvtph_ps(_mm256_castsi256_si128(x)), _mm256_cvtph_ps(_mm256_extracti128_si256(x, 1))};
  __m512 r;
  memcpy(&r, halves, sizeof r);
  return r;
}
EMULATED __m512i emulated_set1_epi32(int32_t x) {
  int32_t values[16];
  EACH(i, 16) values[i] = x;
  __m512i r;
  memcpy(&r, values, sizeof r);
  return r;
}
EMULATED __m512i emulated_cvtepi8_epi16(__m256i x) {
  int8_t narrow[32];
  int16_t wide[32];
  memcpy(narrow, &x, sizeof narrow);
  EACH(i, 32) wide[i] = narrow[i];
  __m512i r;
  memcpy(&r, wide, sizeof r);
  return r;
}
// Adds two products of 16 bits to each sum of 32 bits, which wraps around.
EMULATED __m512i emulated_dpwssd_epi32(__m512i sum, __m512i a, __m512i b) {
  uint32_t sums[16];
  int16_t x[32], y[32];
  memcpy(sums, &sum, sizeof sums);
  memcpy(x, &a, sizeof x);
  memcpy(y, &b, sizeof y);
  EACH(i, 32) sums[i / 2] += (uint32_t)(x[i] * y[i]);
  memcpy(&sum, sums, sizeof sum);
  return sum;
}
// Saturates.
EMULATED __m256i emulated_cvtsepi32_epi16(__m512i x) {
  int32_t wide[16];
  int16_t narrow[16];
  memcpy(wide, &x, sizeof wide);
  EACH(i, 16) narrow[i] = (int16_t)(wide[i] > INT16_MAX ? INT16_MAX : wide[i] < INT16_MIN ? INT16_MIN : wide[i]);
  __m256i r;
  memcpy(&r, narrow, sizeof r);
  return r;
}

#define _mm512_set1_ps emulated_set1_ps
#define _mm512_fmadd_ps emulated_fmadd_ps
#define _mm512_max_ps emulated_max_ps
#define _mm512_min_ps emulated_min_ps
#define _mm512_cvtps_epi32 emulated_cvtps_epi32
#define _mm512_cvtepi32_ps emulated_cvtepi32_ps
#define _mm512_cvtph_ps emulated_cvtph_ps
#define _mm512_set1_epi32 emulated_set1_epi32
#define _mm512_cvtepi8_epi16 emulated_cvtepi8_epi16
#define _mm512_dpwssd_epi32 emulated_dpwssd_epi32
#define _mm512_cvtsepi32_epi16 emulated_cvtsepi32_epi16
