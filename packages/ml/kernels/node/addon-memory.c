// Makes glibc keep little freed memory, for a daemon. By default glibc sets an arena apart for each thread and keeps up
// to twice the largest freed block (32 MB). On a small device that is more than an extractor.
#include <node_api.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

void attune_register_memory(napi_env env, napi_value exports);

enum { KEPT_BYTES = 128 * 1024 };

// saveMemory(): boolean, whether the C library has these settings. Memory that is free now is returned, too; call it
// again after work that freed much.
static napi_value save_memory(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value told = NULL;
#ifdef __GLIBC__
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TRIM_THRESHOLD, KEPT_BYTES); // fixing this also fixes the threshold of mmap
  mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
  malloc_trim(KEPT_BYTES);
  napi_get_boolean(env, true, &told);
#else
  napi_get_boolean(env, false, &told);
#endif
  return told;
}

void attune_register_memory(napi_env env, napi_value exports) {
  const napi_property_descriptor save = {"saveMemory", NULL, save_memory, NULL, NULL, NULL, napi_enumerable, NULL};
  napi_define_properties(env, exports, 1, &save);
}
