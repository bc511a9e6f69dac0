// WebAssembly SIMD128: 4 lanes, int8 weights widened to int16 for the 16x16→32 dot product, so activations keep up to 16 bits. With relaxed
// SIMD, multiply-adds are fused. Its 8-bit dot product is left alone: with 7 bits for an activation, features moved by up to 0.15.
#pragma once
#include <stdint.h>
#include <wasm_simd128.h>

#ifdef __wasm_relaxed_simd__
#define ISA_NAME "relaxed-simd"
#else
#define ISA_NAME "simd128"
#endif
#define LANES 4
#define TILE_ROWS 4
#define TILE_VECTORS 2
#define PACK_ROWS 1
typedef float vf __attribute__((vector_size(16), aligned(4)));
typedef int32_t vi __attribute__((vector_size(16), aligned(4)));

static inline vf vf_splat(float x) { return (vf)wasm_f32x4_splat(x); }
#ifdef __wasm_relaxed_simd__
static inline vf vf_fma(vf a, vf b, vf c) { return (vf)wasm_f32x4_relaxed_madd((v128_t)a, (v128_t)b, (v128_t)c); }
#else
static inline vf vf_fma(vf a, vf b, vf c) { return a * b + c; }
#endif
static inline vf vf_max(vf a, vf b) { return (vf)wasm_f32x4_pmax((v128_t)a, (v128_t)b); }
static inline vf vf_min(vf a, vf b) { return (vf)wasm_f32x4_pmin((v128_t)a, (v128_t)b); }
// For |x| < 2^22: a number whose last bit counts ones rounds the sum to whole ones. The conversion instruction is a dozen of x86's.
static inline vi vf_round(vf x) { return (vi)(x + 12582912.0f) - 0x4b400000; }
static inline vf vi_float(vi x) { return (vf)wasm_f32x4_convert_i32x4((v128_t)x); }
// Sign (of which the widening makes many), exponent and fraction into place; a product with 2^112 corrects the exponent's bias, exactly, for
// denormals too.
static inline vf vf_from_half(const uint16_t *x) {
  const vi bits = (vi)wasm_i32x4_load16x4(x) << 13;
  return (vf)(bits & (int32_t)0x8fffe000) * 0x1p112f;
}

// Quantized products: `quant_repeat` repeats one group of QUANT_GROUP activations, `quant_weights` loads LANES groups of weights,
// `quant_total` is what remains to be done to a sum, with QUANT_SUMS by the sums of the weights.
#define QUANT_GROUP 2
#define QUANT_LIMIT 32767
#define QUANT_SUMS 0
typedef int16_t QuantX;
typedef vi QuantGroup, QuantSum;
static inline QuantGroup quant_repeat(const QuantX *x) { return (vi)wasm_v128_load32_splat(x); }
static inline vi quant_weights(const int8_t *w) { return (vi)wasm_i16x8_load8x8(w); }
static inline void quant_dot(QuantSum *sum, QuantGroup x, vi w) { *sum += (vi)wasm_i32x4_dot_i16x8((v128_t)x, (v128_t)w); }
static inline vi quant_total(QuantSum sum, const int32_t *sums) { return (void)sums, sum; }
static inline void quant_store(QuantX *out, vi x) {
  wasm_v128_store64_lane(out, wasm_i16x8_narrow_i32x4((v128_t)x, (v128_t)x), 0);
}
