// The native build's Node-API addon: the same kernels compiled for several instruction sets, with each encoder in a
// block of its own. Their threads belong to the environment (the main thread's or a worker's). Every array's type and
// length is checked here; the kernels check the rest.
#include <node_api.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif
#include "node/choose.h"
#include "threads/team.h"

void attune_register_heads(napi_env env, napi_value exports);
void attune_register_memory(napi_env env, napi_value exports);

// The teams of an environment by their number of threads. Each team is made at the first request.
typedef struct { AttuneTeam *of[ATTUNE_MOST_THREADS + 1]; } Teams;
typedef struct { const AttuneKernels *kernels; void *block, *memory; int64_t bytes; AttuneConfig config; int tokens, texts; } Handle;
enum { MAX_ARGUMENTS = 7, BAD_ARGUMENTS = -10, NO_THREADS = -11 };
static const napi_type_tag handle_tag = {0x61747475656e6331, 0x656e636f64657231};

static napi_value number(napi_env env, double value) {
  napi_value result = NULL;
  napi_create_double(env, value, &result);
  return result;
}

static void release(napi_env env, void *data, void *hint) {
  (void)hint;
  Handle *handle = data;
  int64_t now;
  napi_adjust_external_memory(env, -handle->bytes, &now);
  free(handle->block);
  free(handle);
}

static bool arguments(napi_env env, napi_callback_info info, size_t expected, napi_value *values) {
  size_t count = MAX_ARGUMENTS;
  return napi_get_cb_info(env, info, &count, values, NULL, NULL) == napi_ok && count == expected;
}

static bool is_undefined(napi_env env, napi_value value) {
  napi_valuetype type;
  return napi_typeof(env, value, &type) == napi_ok && type == napi_undefined;
}

static bool handle_of(napi_env env, napi_value value, Handle **handle) {
  bool ours = false;
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_object) return false; // undefined would throw
  return napi_check_object_type_tag(env, value, &handle_tag, &ours) == napi_ok && ours &&
         napi_unwrap(env, value, (void **)handle) == napi_ok;
}

static bool array_of(napi_env env, napi_value value, napi_typedarray_type type, void **data, size_t *length) {
  bool typed = false;
  napi_typedarray_type actual;
  return napi_is_typedarray(env, value, &typed) == napi_ok && typed &&
         napi_get_typedarray_info(env, value, &actual, length, data, NULL, NULL) == napi_ok && actual == type;
}

static bool int_of(napi_env env, napi_value value, int32_t *result) { return napi_get_value_int32(env, value, result) == napi_ok; }

// instructionSets(): string[], best first
static napi_value instruction_sets(napi_env env, napi_callback_info info) {
  (void)info;
  const AttuneKernels *kernels[ATTUNE_MOST_BUILDS];
  const int count = attune_usable(kernels);
  napi_value result;
  if (napi_create_array(env, &result) != napi_ok) return NULL;
  for (int i = 0; i < count; i++) {
    napi_value name;
    napi_create_string_utf8(env, kernels[i]->name, NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, result, i, name);
  }
  return result;
}

// Returns zeros, of which only used pages take real memory; the caller frees `*block`. Linux backs them by huge pages
// where it has any to spare: weights are streamed, and translating addresses 4 KiB at a time takes longer than reading.
static void *allocate(size_t bytes, void **block) {
  const size_t huge = (size_t)2 << 20, unit = bytes < huge ? 64 : huge;
  *block = calloc(1, bytes + unit);
  if (!*block) return NULL;
  char *memory = (char *)*block + (unit - (uintptr_t)*block % unit);
#ifdef __linux__
  if (unit == huge) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  return memory;
}

// Runs at the end of the environment and ends its threads.
static void end_teams(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  Teams *teams = data;
  for (int i = 0; i <= ATTUNE_MOST_THREADS; i++) attune_end_team(teams->of[i]);
  free(teams);
}

static AttuneTeam *team_of(napi_env env, int threads) {
  void *data = NULL;
  if (napi_get_instance_data(env, &data) != napi_ok || !data) return NULL;
  Teams *teams = data;
  if (!teams->of[threads]) teams->of[threads] = attune_team(threads);
  return teams->of[threads];
}

// createEncoder(instructionSet: number, config: Uint8Array, threads: number): object, or a negative number
static napi_value create_encoder(napi_env env, napi_callback_info info) {
  napi_value values[MAX_ARGUMENTS], object;
  int32_t index, threads;
  void *config;
  size_t length;
  const AttuneKernels *kernels[ATTUNE_MOST_BUILDS];
  if (!arguments(env, info, 3, values) || !int_of(env, values[0], &index) || index < 0 || index >= attune_usable(kernels) ||
      !array_of(env, values[1], napi_uint8_array, &config, &length) || length != sizeof(AttuneConfig) ||
      !int_of(env, values[2], &threads) || threads < 1 || threads > ATTUNE_MOST_THREADS) {
    return number(env, BAD_ARGUMENTS);
  }
  AttuneTeam *team = threads > 1 ? team_of(env, threads) : NULL;
  if (threads > 1 && !team) return number(env, NO_THREADS);
  Handle *handle = calloc(1, sizeof *handle);
  if (!handle) return number(env, ATTUNE_BAD_CONFIG);
  handle->kernels = kernels[index];
  memcpy(&handle->config, config, sizeof(AttuneConfig));
  handle->bytes = handle->kernels->size(&handle->config, threads);
  if (handle->bytes > 0) handle->memory = allocate((size_t)handle->bytes, &handle->block);
  if (!handle->memory || handle->kernels->init(handle->memory, handle->bytes, &handle->config, team) != ATTUNE_OK) {
    free(handle->block);
    free(handle);
    return number(env, ATTUNE_BAD_CONFIG);
  }
  int64_t now;
  if (napi_create_object(env, &object) != napi_ok || napi_wrap(env, object, handle, release, NULL, NULL) != napi_ok) {
    free(handle->block);
    free(handle);
    return number(env, ATTUNE_BAD_CONFIG);
  }
  napi_adjust_external_memory(env, handle->bytes, &now);
  napi_type_tag_object(env, object, &handle_tag);
  return object;
}

// load(encoder, slot, layer, first, count, values: Float32Array | Int8Array | Uint16Array, scales:
// Float32Array | undefined): code
static napi_value load_rows(napi_env env, napi_callback_info info) {
  napi_value values[MAX_ARGUMENTS];
  Handle *handle;
  int32_t slot, layer, first, count;
  void *data, *scales = NULL;
  size_t length, scale_count;
  if (!arguments(env, info, 7, values) || !handle_of(env, values[0], &handle) || !int_of(env, values[1], &slot) ||
      !int_of(env, values[2], &layer) || !int_of(env, values[3], &first) || !int_of(env, values[4], &count)) {
    return number(env, BAD_ARGUMENTS);
  }
  size_t width = sizeof(int8_t);
  if (!is_undefined(env, values[6])) {
    if (!array_of(env, values[5], napi_int8_array, &data, &length) || !array_of(env, values[6], napi_float32_array, &scales, &scale_count) ||
        scale_count != (size_t)count) {
      return number(env, BAD_ARGUMENTS);
    }
  } else if (array_of(env, values[5], napi_float32_array, &data, &length)) {
    width = sizeof(float);
  } else if (array_of(env, values[5], napi_uint16_array, &data, &length)) {
    width = sizeof(uint16_t);
  } else {
    return number(env, BAD_ARGUMENTS);
  }
  const uint64_t bytes = length * width;
  return number(env, handle->kernels->load(handle->memory, slot, layer, first, count, data, bytes, scales));
}

// embed(encoder, ids: Int32Array, lengths: Int32Array, mask: Uint8Array | undefined): code
static napi_value embed_tokens(napi_env env, napi_callback_info info) {
  napi_value values[MAX_ARGUMENTS];
  Handle *handle;
  void *ids, *lengths, *mask = NULL;
  size_t tokens, texts, masked;
  if (!arguments(env, info, 4, values) || !handle_of(env, values[0], &handle) || !array_of(env, values[1], napi_int32_array, &ids, &tokens) ||
      !array_of(env, values[2], napi_int32_array, &lengths, &texts) || tokens > INT32_MAX || texts > INT32_MAX ||
      (!is_undefined(env, values[3]) && (!array_of(env, values[3], napi_uint8_array, &mask, &masked) || masked != tokens))) {
    return number(env, BAD_ARGUMENTS);
  }
  const int code = handle->kernels->embed(handle->memory, ids, (int)tokens, lengths, (int)texts, mask);
  handle->tokens = code == ATTUNE_OK ? (int)tokens : 0;
  return number(env, code);
}

// run(encoder, first, last): code
static napi_value run_layers(napi_env env, napi_callback_info info) {
  napi_value values[MAX_ARGUMENTS];
  Handle *handle;
  int32_t first, last;
  if (!arguments(env, info, 3, values) || !handle_of(env, values[0], &handle) || !int_of(env, values[1], &first) || !int_of(env, values[2], &last)) {
    return number(env, BAD_ARGUMENTS);
  }
  return number(env, handle->kernels->run(handle->memory, first, last));
}

// readHidden(encoder, out: Float32Array of tokens * hiddenSize): code
static napi_value read_hidden(napi_env env, napi_callback_info info) {
  napi_value values[MAX_ARGUMENTS];
  Handle *handle;
  void *out;
  size_t length;
  if (!arguments(env, info, 2, values) || !handle_of(env, values[0], &handle) || !array_of(env, values[1], napi_float32_array, &out, &length)) {
    return number(env, BAD_ARGUMENTS);
  }
  const size_t cols = (size_t)handle->config.hidden_size;
  if (handle->tokens == 0 || length != handle->tokens * cols) return number(env, BAD_ARGUMENTS);
  int stride;
  const float *hidden = handle->kernels->hidden(handle->memory, &stride);
  for (int t = 0; t < handle->tokens; t++) memcpy((float *)out + t * cols, hidden + (size_t)t * stride, cols * sizeof(float));
  return number(env, ATTUNE_OK);
}

// pool(encoder, pooling, out: Float32Array): code
static napi_value pool_texts(napi_env env, napi_callback_info info) {
  napi_value values[MAX_ARGUMENTS];
  Handle *handle;
  int32_t pooling;
  void *out;
  size_t length;
  if (!arguments(env, info, 3, values) || !handle_of(env, values[0], &handle) || !int_of(env, values[1], &pooling) ||
      !array_of(env, values[2], napi_float32_array, &out, &length)) {
    return number(env, BAD_ARGUMENTS);
  }
  return number(env, handle->kernels->pool(handle->memory, pooling, out, length));
}

// spin(instructionSet, quantized, rounds): operations performed
static napi_value spin_limit(napi_env env, napi_callback_info info) {
  napi_value values[MAX_ARGUMENTS];
  int32_t index, quantized, rounds;
  const AttuneKernels *kernels[ATTUNE_MOST_BUILDS];
  _Alignas(64) float sink[16 * 16] = {0}; // a load across cache lines would take two turns and halve the limit
  if (!arguments(env, info, 3, values) || !int_of(env, values[0], &index) || index < 0 || index >= attune_usable(kernels) ||
      !int_of(env, values[1], &quantized) || !int_of(env, values[2], &rounds)) {
    return number(env, BAD_ARGUMENTS);
  }
  return number(env, kernels[index]->spin(quantized, rounds, sink));
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      {"instructionSets", NULL, instruction_sets, NULL, NULL, NULL, napi_enumerable, NULL},
      {"createEncoder", NULL, create_encoder, NULL, NULL, NULL, napi_enumerable, NULL},
      {"load", NULL, load_rows, NULL, NULL, NULL, napi_enumerable, NULL},
      {"embed", NULL, embed_tokens, NULL, NULL, NULL, napi_enumerable, NULL},
      {"run", NULL, run_layers, NULL, NULL, NULL, napi_enumerable, NULL},
      {"readHidden", NULL, read_hidden, NULL, NULL, NULL, napi_enumerable, NULL},
      {"pool", NULL, pool_texts, NULL, NULL, NULL, napi_enumerable, NULL},
      {"spin", NULL, spin_limit, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  Teams *teams = calloc(1, sizeof *teams);
  if (teams && napi_set_instance_data(env, teams, end_teams, NULL) != napi_ok) free(teams);
  napi_define_properties(env, exports, sizeof functions / sizeof functions[0], functions);
  attune_register_heads(env, exports);
  attune_register_memory(env, exports);
  return exports;
}
