// Which builds of the encoder kernels this processor can run.
#pragma once
#include "encoder/encoder.h"

enum { ATTUNE_MOST_BUILDS = 2 };

// Fills `kernels`, best first, and returns how many. Visible, so that a cross-built addon can be asked under an emulator (check/check.c).
int attune_usable(const AttuneKernels *kernels[ATTUNE_MOST_BUILDS]);
