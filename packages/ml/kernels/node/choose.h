// The builds of the encoder kernels that this processor can run.
#pragma once
#include "encoder/encoder.h"

enum { ATTUNE_MOST_BUILDS = 2 };

// Fills `kernels`, best first, and returns their number. Visible, so that check/check.c can call it in a cross-built
// addon under an emulator.
int attune_usable(const AttuneKernels *kernels[ATTUNE_MOST_BUILDS]);
