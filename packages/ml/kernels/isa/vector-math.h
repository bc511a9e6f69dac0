// Elementary functions over vectors of float32, written once in terms of the operations that each
// instruction set's header defines.
#pragma once

// ThreadSanitizer alone does not see accesses of more than 16 bytes.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
void __tsan_read_range(void *at, unsigned long bytes);
void __tsan_write_range(void *at, unsigned long bytes);
#define WILL_READ(P) __tsan_read_range((void *)(P), sizeof(vf))
#define WILL_WRITE(P) __tsan_write_range(P, sizeof(vf))
#endif
#endif
#ifndef WILL_READ
#define WILL_READ(P)
#define WILL_WRITE(P)
#endif

static inline vf vf_load(const float *p) {
  WILL_READ(p);
  return *(const vf *)p;
}
static inline void vf_store(float *p, vf x) {
  WILL_WRITE(p);
  *(vf *)p = x;
}
static inline vf vf_select(vi mask, vf yes, vf no) { return (vf)((mask & (vi)yes) | (~mask & (vi)no)); }

static inline float vf_sum(vf x) {
  float sum = 0;
  for (int i = 0; i < LANES; i++) sum += x[i];
  return sum;
}

static inline float vf_largest(vf x) {
  float largest = x[0];
  for (int i = 1; i < LANES; i++) largest = x[i] > largest ? x[i] : largest;
  return largest;
}

// e^x for x ≤ 88, within a relative error of 2e-7; exactly 0 below -87, so that no denormal arises. Cephes' expf
// (Moshier 1992): 2^n times a polynomial.
static inline vf vf_exp(vf x) {
  const vf floor = vf_splat(-87.0f);
  vf clamped = vf_max(x, floor);
  vi n = vf_round(clamped * 1.44269504088896341f);
  vf whole = vi_float(n);
  vf r = clamped - whole * 0.693359375f;
  r = r - whole * -2.12194440e-4f;
  vf p = vf_splat(1.9875691500e-4f);
  p = vf_fma(p, r, vf_splat(1.3981999507e-3f));
  p = vf_fma(p, r, vf_splat(8.3334519073e-3f));
  p = vf_fma(p, r, vf_splat(4.1665795894e-2f));
  p = vf_fma(p, r, vf_splat(1.6666665459e-1f));
  p = vf_fma(p, r, vf_splat(5.0000001201e-1f));
  p = vf_fma(p, r * r, r + 1.0f);
  vf power = (vf)((n + 127) << 23);
  return vf_select((vi)(x < floor), vf_splat(0), p * power); // NaN stays NaN
}

// erf(x) within 4e-7: Eigen's rational approximation, odd over even, on [-4, 4]. Beyond that, erf is ±1 in float32.
static inline vf vf_erf(vf x) {
  x = vf_max(vf_min(x, vf_splat(4)), vf_splat(-4));
  vf s = x * x;
  vf p = vf_splat(-2.72614225801306e-10f);
  p = vf_fma(p, s, vf_splat(2.77068142495902e-08f));
  p = vf_fma(p, s, vf_splat(-2.10102402082508e-06f));
  p = vf_fma(p, s, vf_splat(-5.69250639462346e-05f));
  p = vf_fma(p, s, vf_splat(-7.34990630326855e-04f));
  p = vf_fma(p, s, vf_splat(-2.95459980854025e-03f));
  p = vf_fma(p, s, vf_splat(-1.60960333262415e-02f));
  vf q = vf_splat(-1.45660718464996e-05f);
  q = vf_fma(q, s, vf_splat(-2.13374055278905e-04f));
  q = vf_fma(q, s, vf_splat(-1.68282697438203e-03f));
  q = vf_fma(q, s, vf_splat(-7.37332916720468e-03f));
  q = vf_fma(q, s, vf_splat(-1.42647390514189e-02f));
  return x * p / q;
}

static inline vf vf_gelu(vf x) { return 0.5f * x * (1.0f + vf_erf(x * 0.70710678118654752f)); }

// tanh(y) = 1 - 2 / (e^2y + 1), where e^2y is kept finite.
static inline vf vf_gelu_new(vf x) {
  vf y = 0.7978845608028654f * (x + 0.044715f * x * x * x);
  vf tanh = 1.0f - 2.0f / (vf_exp(vf_min(2.0f * y, vf_splat(80))) + 1.0f);
  return 0.5f * x * (1.0f + tanh);
}
