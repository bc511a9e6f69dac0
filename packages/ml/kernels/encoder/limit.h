// What this processor can do at best with the instructions of this build: the kernels' own multiply-adds, on registers alone. For benchmarks.
#pragma once

#define READ_AGAIN __asm__ volatile("" ::: "memory")
// Independent sums: two for each row of the kernels' tile, which hides the latency of one and fits the registers.
enum { CHAINS = 2 * TILE_ROWS };

// Operations (a multiply and an add count two) that `rounds` rounds perform. `sink` (16 vectors, aligned to one) is read anew in every round, so that no
// product can be computed once and kept, and written at the end, so that nothing can be left out.
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
  for (int i = 0; i < 2 * QUANT_GROUP; i++) levels[i] = (QuantX)(3 + 256 * i); // no two alike, and none zero: a compiler would notice
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
