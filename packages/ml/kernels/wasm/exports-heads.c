// The WebAssembly build's export for heads; exports.c has the exports for encoders.
#include "heads/call.h"

extern const AttuneHeadKernels attune_head_kernels;

__attribute__((export_name("head_call"))) int head_call(int function, const double *numbers, int number_count, const AttuneArray *arrays,
                                                        int array_count, double *result) {
  return attune_head_call(&attune_head_kernels, function, numbers, number_count, arrays, array_count, result);
}
