// Compilers reorder integer sums until these no longer fit the registers. KEEP pins a sum to its register.
#pragma once

#if defined(KEEP) // instructions are emulated
#elif defined(__x86_64__) && defined(__AVX512F__)
#define KEEP(SUM) __asm__("" : "+v"(SUM))
#elif defined(__x86_64__)
#define KEEP(SUM) __asm__("" : "+x"(SUM))
#elif defined(__aarch64__)
#define KEEP(SUM) __asm__("" : "+w"(SUM))
#endif
