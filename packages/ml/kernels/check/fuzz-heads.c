// A libFuzzer target for the head kernels' entry. The input chooses the function, its numbers and the arrays' content.
// AddressSanitizer and UndefinedBehaviorSanitizer stop it at any access outside an array.
// It also stops when a call with right arrays is refused, or a call with a wrong array is answered.
#include <stdlib.h>
#include "check/heads-shapes.h"

extern const AttuneHeadKernels HEAD_KERNELS;

typedef struct { const uint8_t *data; size_t left; } Input;

static uint8_t byte(Input *in) {
  if (in->left == 0) return 0;
  in->left--;
  return *in->data++;
}

static double any(Input *in) {
  union { uint8_t bytes[8]; double value; } all;
  for (int i = 0; i < 8; i++) all.bytes[i] = byte(in);
  return all.value;
}

// Mostly a value that a kernel takes; sometimes a value that no caller should pass.
static double pick(Input *in, int least, int most) {
  const uint8_t kind = byte(in);
  if (kind < 252) return least + kind % (most - least + 1);
  return kind == 252 ? any(in) : kind == 253 ? -1 : kind == 254 ? 0.5 : 16777217;
}

static double value(Input *in) {
  const uint8_t kind = byte(in);
  switch (kind) {
    case 250: return 0.0 / 0.0;
    case 251: return 1.0 / 0.0;
    case 252: return 3e38;
    case 253: return 1e-41;
    case 254: return any(in);
    default: return (kind - 125) / 32.0;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Input in = {data, size};
  const int function = byte(&in) % ATTUNE_FUNCTIONS;
  double n[9] = {pick(&in, 1, 70), pick(&in, 1, 40), pick(&in, function == ATTUNE_PROJECT ? 0 : 1, 40)};
  if (function == ATTUNE_EPOCH) {
    n[3] = pick(&in, 1, n[0] >= 1 && n[0] <= 70 ? (int)n[0] : 1), n[4] = pick(&in, 0, 1), n[5] = pick(&in, 0, 9);
    for (int i = 6; i < 9; i++) n[i] = value(&in);
  } else if (function == ATTUNE_FACTORIZE) {
    n[1] = value(&in);
  } else if (function == ATTUNE_ASCEND) {
    n[3] = value(&in), n[4] = value(&in);
  } else {
    n[3] = pick(&in, 0, 1), n[4] = pick(&in, 1, 20), n[5] = pick(&in, 0, 1) > 0 ? 1 : -1, n[6] = pick(&in, 0, 1);
  }
  HeadShape shapes[ATTUNE_MOST_ARRAYS];
  int numbers;
  const int count = head_shapes(function, n, shapes, &numbers);
  AttuneArray arrays[ATTUNE_MOST_ARRAYS];
  const uint8_t spoil = byte(&in); // the array that gets another length or type; mostly none
  for (int i = 0; i < count; i++) {
    double length = shapes[i].length;
    if (!(length >= 0 && length < 200000)) length = byte(&in);
    arrays[i] = (AttuneArray){NULL, shapes[i].type, (uint32_t)length};
    if (spoil == i) arrays[i].length += byte(&in) % 2 ? 1 : -1u;
    if (spoil == i + 20) arrays[i].type = (arrays[i].type + 1) % 3;
    if (arrays[i].length > 200001) arrays[i].length = 0;
    // The array ends where the allocation ends, so that the sanitizer notices a read past it.
    arrays[i].data = malloc((size_t)arrays[i].length * (arrays[i].type == D ? 8 : 4) + (arrays[i].length == 0));
    const double base = value(&in);
    for (uint32_t k = 0; k < arrays[i].length; k++) {
      const double v = in.left > 0 ? value(&in) : base * (1 + k % 7);
      if (arrays[i].type == D) ((double *)arrays[i].data)[k] = v;
      else if (arrays[i].type == F) ((float *)arrays[i].data)[k] = (float)v;
      // Labels and orders lie mostly below the smallest limit, so that the call is accepted.
      else ((int32_t *)arrays[i].data)[k] = in.left > 0 && byte(&in) == 255 ? (int32_t)byte(&in) - 3 : 0;
    }
  }
  const int wrong = spoil < count || (spoil >= 20 && spoil < 20 + count);
  double answer;
  const int refusal = attune_head_call(&HEAD_KERNELS, function, n, numbers, arrays, count, &answer);
  if (wrong && refusal == 0) abort();
  if (refusal > 0 || (refusal <= ATTUNE_BAD_ARRAY && ATTUNE_BAD_ARRAY - refusal >= count)) abort();
  if (attune_head_call(&HEAD_KERNELS, function, n, numbers - 1, arrays, count, &answer) != ATTUNE_BAD_CALL) abort();
  if (attune_head_call(&HEAD_KERNELS, function + ATTUNE_FUNCTIONS, n, numbers, arrays, count, &answer) != ATTUNE_BAD_CALL) abort();
  for (int i = 0; i < count; i++) free(arrays[i].data);
  return 0;
}
