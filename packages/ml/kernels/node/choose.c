// Finds the builds of the encoder kernels that this processor can run. The processor answers, and its system where the
// processor leaves a choice.
#include "node/choose.h"
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

#if defined(__x86_64__)
extern const AttuneKernels attune_avx2, attune_avx512_vnni;
#elif defined(__aarch64__)
extern const AttuneKernels attune_neon, attune_neon_dot;

static int has_dot_product(void) {
#if defined(__APPLE__)
  return 1; // every 64-bit Mac
#elif defined(__linux__)
  return (getauxval(AT_HWCAP) >> 20 & 1) != 0; // HWCAP_ASIMDDP
#else
  return 0;
#endif
}
#endif

__attribute__((visibility("default"))) int attune_usable(const AttuneKernels *kernels[ATTUNE_MOST_BUILDS]) {
  int count = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vnni")) {
    kernels[count++] = &attune_avx512_vnni;
  }
  if (avx2) kernels[count++] = &attune_avx2;
#elif defined(__aarch64__)
  if (has_dot_product()) kernels[count++] = &attune_neon_dot;
  kernels[count++] = &attune_neon;
#else
  (void)kernels;
#endif
  return count;
}
