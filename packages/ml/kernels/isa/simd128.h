// WebAssembly SIMD128: 4 lanes. Int8 weights are widened to int16 for the 16x16→32 dot product, so activations keep up
// to 16 bits. Relaxed SIMD fuses multiply-adds. Its 8-bit dot product is not used: with 7 bits for an activation,
// features moved by up to 0.15.
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
// For |x| < 2^22: adding a number whose last bit counts ones rounds to whole numbers. The conversion instruction takes
// a dozen instructions on x86.
static inline vi vf_round(vf x) { return (vi)(x + 12582912.0f) - 0x4b400000; }
static inline vf vi_float(vi x) { return (vf)wasm_f32x4_convert_i32x4((v128_t)x); }
// Moves sign (which the widening repeats), exponent and fraction into place. A product with 2^112 then corrects the
// exponent's bias. The product is exact, for denormals too.
static inline vf vf_from_half(const uint16_t *x) {
  const vi bits = (vi)wasm_i32x4_load16x4(x) << 13;
  return (vf)(bits & (int32_t)0x8fffe000) * 0x1p112f;
}

// Quantized products: `quant_repeat` repeats one group of QUANT_GROUP activations, and `quant_weights` loads LANES
// groups of weights. `quant_total` finishes a sum; with QUANT_SUMS it also takes the sums of the weights.
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
