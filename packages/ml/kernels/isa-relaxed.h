// WebAssembly relaxed SIMD: fused multiply-add, and the 8-bit dot product whose second operand has 7 bits: unsigned activations, 0 to 127.
#pragma once
#include <stdint.h>
#include <wasm_simd128.h>

#define ISA_NAME "relaxed-simd"
#define LANES 4
#define TILE_ROWS 4
#define TILE_VECTORS 2
typedef float vf __attribute__((vector_size(16), aligned(4)));
typedef int32_t vi __attribute__((vector_size(16), aligned(4)));

static inline vf vf_splat(float x) { return (vf)wasm_f32x4_splat(x); }
static inline vf vf_fma(vf a, vf b, vf c) { return (vf)wasm_f32x4_relaxed_madd((v128_t)a, (v128_t)b, (v128_t)c); }
static inline vf vf_max(vf a, vf b) { return (vf)wasm_f32x4_pmax((v128_t)a, (v128_t)b); }
static inline vf vf_min(vf a, vf b) { return (vf)wasm_f32x4_pmin((v128_t)a, (v128_t)b); }
static inline vi vf_round(vf x) { return (vi)wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest((v128_t)x)); }
static inline vf vi_float(vi x) { return (vf)wasm_f32x4_convert_i32x4((v128_t)x); }

#define QUANT_GROUP 4
#define QUANT_UNSIGNED 1
#define QUANT_LIMIT 127
typedef uint8_t QuantX;
static inline vi vi_splat_group(const QuantX *x) { return (vi)wasm_v128_load32_splat(x); }
static inline vi quant_weights(const int8_t *w) { return (vi)wasm_v128_load(w); }
static inline vi quant_dot(vi sum, vi x, vi w) {
  return (vi)wasm_i32x4_relaxed_dot_i8x16_i7x16_add((v128_t)w, (v128_t)x, (v128_t)sum);
}
static inline void quant_store(QuantX *out, vi x) {
  v128_t narrow = wasm_i16x8_narrow_i32x4((v128_t)x, (v128_t)x);
  wasm_v128_store32_lane(out, wasm_u8x16_narrow_i16x8(narrow, narrow), 0);
}
