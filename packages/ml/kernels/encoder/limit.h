// Measures the most operations that this processor can do with the instructions of this build: the kernels'
// multiply-adds, on registers alone. For benchmarks.
#pragma once

#define READ_AGAIN __asm__ volatile("" ::: "memory")
// The number of independent sums: two for each row of the kernels' tile. They hide the latency of a single sum
// and fit the registers.
enum { CHAINS = 2 * TILE_ROWS };

// Returns the number of operations in `rounds` rounds; a multiply and an add count as two. Each round reads `sink` (16
// vectors, aligned to one) anew, so that no product can be computed once and kept. The end writes `sink`, so that no
// operation can be left out.
static double spin(int quantized, int rounds, float *sink) {
  if (!quantized) {
    vf sum[CHAINS], x[2] = {vf_splat(0.5f), vf_splat(0.25f)};
    UNROLL for (int c = 0; c < CHAINS; c++) sum[c] = vf_splat((float)c);
    for (int i = 0; i < rounds; i++) {
      READ_AGAIN;
      UNROLL for (int c = 0; c < CHAINS; c += 2) {
        vf w = vf_load(sink + c * LANES);
        sum[c] = vf_fma(x[0], w, sum[c]);
        sum[c + 1] = vf_fma(x[1], w, sum[c + 1]);
      }
    }
    UNROLL for (int c = 0; c < CHAINS; c++) sink[0] += vf_sum(sum[c]);
    return 2.0 * LANES * CHAINS * rounds;
  }
  QuantX levels[2 * QUANT_GROUP];
  for (int i = 0; i < 2 * QUANT_GROUP; i++) levels[i] = (QuantX)(3 + 256 * i); // all differ and none is zero, or a compiler would simplify
  const QuantGroup x[2] = {quant_repeat(levels), quant_repeat(levels + QUANT_GROUP)};
  QuantSum sum[CHAINS];
  UNROLL for (int c = 0; c < CHAINS; c++) sum[c] = (QuantSum){0};
  for (int i = 0; i < rounds; i++) {
    READ_AGAIN;
    UNROLL for (int c = 0; c < CHAINS; c += 2) {
      vi w = (vi)vf_load(sink + c * LANES);
      UNROLL for (int k = 0; k < 2; k++) quant_dot(&sum[c + k], x[k], w);
    }
  }
  UNROLL for (int c = 0; c < CHAINS; c++) sink[0] += vf_sum(vi_float(quant_total(sum[c], (const int32_t *)sink)));
  return 2.0 * LANES * QUANT_GROUP * CHAINS * rounds;
}
