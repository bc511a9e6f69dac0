// Vectors of float64 with half as many lanes as the instruction set's vectors of float32.
#pragma once
#include <stdint.h>

enum { DOUBLES = LANES / 2 };
typedef double vd __attribute__((vector_size(LANES * 4), aligned(8)));
typedef int64_t vl __attribute__((vector_size(LANES * 4), aligned(8)));
typedef float vf_narrow __attribute__((vector_size(LANES * 2), aligned(4)));

static inline vd vd_load(const double *p) { return *(const vd *)p; }
static inline void vd_store(double *p, vd x) { *(vd *)p = x; }
static inline vd vd_splat(double x) { return x - (vd){0}; }
static inline vd vd_widen(const float *p) {
#if defined(__AVX2__)
  return (vd)_mm256_cvtps_pd(_mm_loadu_ps(p)); // GCC would convert halves
#else
  return __builtin_convertvector(*(const vf_narrow *)p, vd);
#endif
}

static inline vd vd_fma(vd a, vd b, vd c) {
#if defined(__AVX2__)
  return (vd)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(__aarch64__)
  return (vd)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#elif defined(__wasm_relaxed_simd__)
  return (vd)wasm_f64x2_relaxed_madd((v128_t)a, (v128_t)b, (v128_t)c);
#else
  return a * b + c;
#endif
}

static inline double vd_sum(vd x) {
  double sum = 0;
  for (int i = 0; i < DOUBLES; i++) sum += x[i];
  return sum;
}

// Adding and then subtracting 1.5 · 2⁵² rounds to a whole number, to the even one when halfway. Every instruction
// set rounds the same.
#define ROUNDING 6755399441055744.0

// e^x within a relative error of 3e-16 for |x| ≤ 700; beyond that, e^±700. Cephes' exp (Moshier 1984):
// 2^n times a rational function. No operation is fused, so every instruction set gives the same bits
// as `exponential` of packages/ml/src/heads/hidden-layer.ts.
static inline vd vd_exp(vd x) {
  const vd most = vd_splat(700), least = vd_splat(-700);
  vl above = x > most, below = x < least;
  x = (vd)((above & (vl)most) | (below & (vl)least) | (~(above | below) & (vl)x));
  const vd shifted = x * 1.4426950408889634 + ROUNDING;
  const vd n = shifted - ROUNDING;
  const vd r = (x - n * 0.693145751953125) - n * 1.42860682030941723212e-6;
  const vd s = r * r;
  const vd p = r * ((1.26177193074810590878e-4 * s + 3.02994407707441961300e-2) * s + 9.99999999999999999910e-1);
  const vd q = ((3.00198505138664455042e-6 * s + 2.52448340349684104192e-3) * s + 2.27265548208155028766e-1) * s + 2.0;
  return (1.0 + 2.0 * (p / (q - p))) * (vd)(((vl)shifted + 1023) << 52);
}
