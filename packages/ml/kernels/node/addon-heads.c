// The head kernels in the Node-API addon: headCall(function, ...numbers, ...arrays). A refusal of heads/call.c is
// thrown, and no array is touched then.
#include <node_api.h>
#include <stdbool.h>
#include <stdio.h>
#include "heads/call.h"

void attune_register_heads(napi_env env, napi_value exports);

#if defined(__x86_64__)
extern const AttuneHeadKernels attune_heads_avx2;
static const AttuneHeadKernels *usable(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") ? &attune_heads_avx2 : NULL;
}
#elif defined(__aarch64__)
extern const AttuneHeadKernels attune_heads_neon;
static const AttuneHeadKernels *usable(void) { return &attune_heads_neon; }
#else
static const AttuneHeadKernels *usable(void) { return NULL; }
#endif

enum { MOST_ARGUMENTS = 1 + ATTUNE_MOST_NUMBERS + ATTUNE_MOST_ARRAYS };

static bool array_of(napi_env env, napi_value value, AttuneArray *array) {
  bool typed = false;
  napi_typedarray_type type;
  size_t length;
  if (napi_is_typedarray(env, value, &typed) != napi_ok || !typed ||
      napi_get_typedarray_info(env, value, &type, &length, &array->data, NULL, NULL) != napi_ok || length > INT32_MAX) {
    return false;
  }
  array->length = (uint32_t)length;
  array->type = type == napi_float32_array ? ATTUNE_ARRAY_FLOAT32 : type == napi_float64_array ? ATTUNE_ARRAY_FLOAT64 : ATTUNE_ARRAY_INT32;
  return type == napi_float32_array || type == napi_float64_array || type == napi_int32_array;
}

static napi_value head_call(napi_env env, napi_callback_info info) {
  napi_value values[MOST_ARGUMENTS], result = NULL;
  size_t count = MOST_ARGUMENTS;
  double numbers[1 + ATTUNE_MOST_NUMBERS];
  AttuneArray arrays[ATTUNE_MOST_ARRAYS];
  const AttuneHeadKernels *kernels = usable();
  if (!kernels) {
    napi_throw_error(env, NULL, "This processor has no head kernels");
    return NULL;
  }
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) != napi_ok) return NULL;
  size_t first = 0, at = 0;
  while (first < count && first < MOST_ARGUMENTS && first <= ATTUNE_MOST_NUMBERS && napi_get_value_double(env, values[first], &numbers[first]) == napi_ok) first++;
  bool good = first > 0 && count <= MOST_ARGUMENTS;
  for (; good && first + at < count; at++) good = at < ATTUNE_MOST_ARRAYS && array_of(env, values[first + at], &arrays[at]);
  const double function = good && numbers[0] >= 0 && numbers[0] < ATTUNE_FUNCTIONS ? numbers[0] : -1;
  double answer = 0;
  const int refusal = attune_head_call(kernels, (int)function, numbers + 1, (int)first - 1, arrays, (int)at, &answer);
  if (refusal != 0) {
    char message[80];
    snprintf(message, sizeof message, "The head kernels refuse this call's numbers or arrays (code %d)", refusal);
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", message);
    return NULL;
  }
  napi_create_double(env, answer, &result);
  return result;
}

void attune_register_heads(napi_env env, napi_value exports) {
  const napi_property_descriptor function = {"headCall", NULL, head_call, NULL, NULL, NULL, napi_enumerable, NULL};
  napi_define_properties(env, exports, 1, &function);
}
