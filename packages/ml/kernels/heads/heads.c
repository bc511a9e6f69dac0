// The heads' training and predictions in one source, which is compiled once per instruction set.
#include <stddef.h>
#include "heads/heads.h"
#include ISA_HEADER
#include "isa/vector-math.h"
#include "isa/vector-double.h"

#define INLINE static inline __attribute__((always_inline))
#include "heads/descent.h"
#include "heads/rows.h"
#include "heads/linalg.h"
#include "heads/ascent.h"

const AttuneHeadKernels HEAD_KERNELS = {epoch, cross_entropy, softmax, gram, factorize, solve, activate, scores, change, project, ascend};
