// Prints the kernels' results for a few encoders of fixed pseudo-random weights, one number in each line:
// `check format threads`. The outputs of two builds or of two numbers of threads are compared (another processor
// under an emulator, or a build with sanitizers). Built with ADDON it takes the kernels from a Node-API addon,
// without Node: `check format threads addon.node name`. `check list 1 addon.node` prints the names of the kernels
// that this processor can run.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "node/choose.h"
#include "threads/team.h"

#ifdef ADDON
#include <dlfcn.h>
static AttuneKernels kernels;
#else
extern const AttuneKernels kernels;
#endif

static uint32_t state = 1;
static float next(void) { // xorshift32 in [-1, 1)
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return (float)(state >> 8) / 8388608.0f - 1.0f;
}

static void must(int code, const char *what) {
  if (code == ATTUNE_OK) return;
  fprintf(stderr, "%s: code %d\n", what, code);
  exit(1);
}

// A tensor of the given format. `centre`: a norm's values lie around 1, other values around 0 with a size that
// keeps activations near 1.
static void fill(AttuneEncoder *e, int slot, int index, int rows, int cols, int format, float centre) {
  const size_t count = (size_t)rows * cols;
  const float size = centre > 0 ? 0.1f : (cols > 1 ? 1.2f : 1) / __builtin_sqrtf((float)cols);
  float *floats = malloc(count * sizeof(float)), *scales = malloc(rows * sizeof(float));
  uint16_t *halves = malloc(count * sizeof(uint16_t));
  int8_t *bytes = malloc(count);
  for (size_t i = 0; i < count; i++) {
    floats[i] = centre + next() * size;
    bytes[i] = (int8_t)(next() * 127);
    // The bits of a half: sign, an exponent from a denormal's to 1/16, fraction.
    halves[i] = (uint16_t)((next() < 0 ? 0x8000 : 0) | (int)((next() + 1) * 5) << 10 | (int)((next() + 1) * 511));
  }
  for (int i = 0; i < rows; i++) scales[i] = size / 127;
  if (format == ATTUNE_INT8) must(kernels.load(e, slot, index, 0, rows, bytes, count, scales), "load int8");
  else if (format == ATTUNE_FLOAT16) must(kernels.load(e, slot, index, 0, rows, halves, count * sizeof(uint16_t), 0), "load float16");
  else must(kernels.load(e, slot, index, 0, rows, floats, count * sizeof(float), 0), "load float32");
  free(floats);
  free(scales);
  free(halves);
  free(bytes);
}

static void fill_norm(AttuneEncoder *e, int slot, int index, int size) { fill(e, slot, index, 2, size, ATTUNE_FLOAT32, 1); }

static void fill_linear(AttuneEncoder *e, int slot, int index, int in, int out) {
  const AttuneConfig *c = (const AttuneConfig *)e; // an encoder begins with its config
  fill(e, slot, index, out, in, c->weights, 0);
  fill(e, slot + ATTUNE_BIAS, index, 1, out, ATTUNE_FLOAT32, 0);
}

static void fill_layer(AttuneEncoder *e, const AttuneConfig *c, int layer) {
  const int h = c->hidden_size, w = c->width;
  fill_linear(e, ATTUNE_QUERY, layer, w, w);
  fill_linear(e, ATTUNE_KEY, layer, w, w);
  fill_linear(e, ATTUNE_VALUE, layer, c->attention == ATTUNE_FROM_SHARED ? h : w, w);
  fill_linear(e, ATTUNE_ATTENTION_OUTPUT, layer, w, w);
  fill_norm(e, ATTUNE_ATTENTION_NORM, layer, w);
  for (int i = layer * c->feed_forwards; i < (layer + 1) * c->feed_forwards; i++) {
    fill_linear(e, ATTUNE_INTERMEDIATE, i, w, c->intermediate_size);
    fill_linear(e, ATTUNE_OUTPUT, i, c->intermediate_size, w);
    fill_norm(e, ATTUNE_OUTPUT_NORM, i, w);
  }
  if (!(c->flags & ATTUNE_BOTTLENECK)) return;
  fill_linear(e, ATTUNE_INTO, layer, h, w);
  fill_norm(e, ATTUNE_INTO_NORM, layer, w);
  fill_linear(e, ATTUNE_OUT_OF, layer, w, h);
  fill_norm(e, ATTUNE_OUT_OF_NORM, layer, h);
  if (c->attention != ATTUNE_FROM_SHARED) return;
  fill_linear(e, ATTUNE_SHARED, layer, h, w);
  fill_norm(e, ATTUNE_SHARED_NORM, layer, w);
}

static void check(AttuneConfig c, AttuneTeam *team) {
  const int64_t size = kernels.size(&c, team ? team->threads : 1);
  void *memory = size > 0 ? aligned_alloc(64, (size_t)size) : 0;
  must(memory ? kernels.init(memset(memory, 0, size), size, &c, team) : ATTUNE_BAD_CONFIG, "init");
  AttuneEncoder *e = memory;
  const int h = c.hidden_size, words = c.embedding_size * (c.flags & ATTUNE_TRIGRAMS ? 3 : 1);
  fill(e, ATTUNE_WORDS, 0, c.vocab_size, c.embedding_size, c.tables[0], 0);
  fill(e, ATTUNE_POSITIONS, 0, c.positions, h, c.tables[1], 0);
  fill(e, ATTUNE_TYPES, 0, c.types, h, c.tables[2], 0);
  fill_norm(e, ATTUNE_EMBEDDING_NORM, 0, h);
  if (c.flags & ATTUNE_TRIGRAMS || c.embedding_size != h) fill_linear(e, ATTUNE_TRANSFORMATION, 0, words, h);
  for (int layer = 0; layer < c.layers; layer++) fill_layer(e, &c, layer);
  const int32_t lengths[] = {1, 2, 3, 5, 7, 13, 31, 33, 64, 100};
  for (int i = 0; i < 10; i++) {
    int32_t ids[128];
    uint8_t mask[128];
    for (int t = 0; t < lengths[i]; t++) {
      ids[t] = (int32_t)((next() + 1) / 2 * (float)(c.vocab_size - 1));
      mask[t] = t == 0 || next() < 0.4f;
    }
    float *pooled = malloc(2 * h * sizeof(float));
    must(kernels.embed(e, ids, lengths[i], &lengths[i], 1, mask), "embed");
    must(kernels.run(e, 0, c.layers), "run");
    must(kernels.pool(e, ATTUNE_MEAN_MAX, pooled, 2 * h), "pool");
    for (int k = 0; k < 2 * h; k++) printf("%.9g\n", pooled[k]);
    free(pooled);
  }
  // A batch, whose texts the threads share out.
  int32_t ids[120], shorts[15];
  for (int t = 0; t < 120; t++) ids[t] = (int32_t)((next() + 1) / 2 * (float)(c.vocab_size - 1));
  for (int i = 0; i < 15; i++) shorts[i] = 1 + i;
  float *pooled = malloc(15 * h * sizeof(float));
  must(kernels.embed(e, ids, 120, shorts, 15, 0), "embed a batch");
  must(kernels.run(e, 0, c.layers), "run a batch");
  must(kernels.pool(e, ATTUNE_MEAN, pooled, 15 * h), "pool a batch");
  for (int k = 0; k < 15 * h; k++) printf("%.9g\n", pooled[k]);
  free(pooled);
  free(memory);
}

#ifdef ADDON
// Node's functions stay unresolved, because nothing here calls them.
static void take_from(const char *addon, const char *name) {
  void *library = dlopen(addon, RTLD_LAZY);
  int (*usable)(const AttuneKernels **) = library ? (int (*)(const AttuneKernels **))dlsym(library, "attune_usable") : 0;
  must(usable ? ATTUNE_OK : ATTUNE_BAD_INPUT, library ? "attune_usable" : dlerror());
  const AttuneKernels *found[ATTUNE_MOST_BUILDS];
  for (int i = 0, count = usable(found); i < count; i++) {
    if (!name) puts(found[i]->name);
    else if (strcmp(found[i]->name, name) == 0) kernels = *found[i];
  }
  if (!name) exit(0);
  must(kernels.name ? ATTUNE_OK : ATTUNE_BAD_INPUT, name);
}
#endif

int main(int count, char **arguments) {
  const int f = count > 1 ? atoi(arguments[1]) : ATTUNE_FLOAT32;
#ifdef ADDON
  must(count > 3 ? ATTUNE_OK : ATTUNE_BAD_INPUT, "arguments");
  take_from(arguments[3], count > 4 ? arguments[4] : 0);
#endif
  const int threads = count > 2 ? atoi(arguments[2]) : 1;
  AttuneTeam *team = attune_team(threads);
  if (team) team->least = 0; // share out even small products
  must((team != 0) == (threads > 1) ? ATTUNE_OK : ATTUNE_BAD_INPUT, "threads");
  const int plain = ATTUNE_FROM_INSIDE;
  check((AttuneConfig){50, 128, 2, 2, 512, 128, 2, ATTUNE_GELU, f, {f, f, f}, 128, -1, 128, 128, 1, 0, plain, 1e-12f, 1e-12f}, team);
  check((AttuneConfig){50, 33, 1, 3, 77, 128, 2, ATTUNE_GELU_NEW, f, {f, f, f}, 128, -1, 33, 33, 1, 0, plain, 1e-12f, 1e-12f}, team);
  check((AttuneConfig){50, 65, 2, 5, 30, 130, 1, ATTUNE_RELU, f, {f, f, f}, 128, 1, 65, 65, 1, 0, plain, 1e-5f, 1e-5f}, team);
  const int all = ATTUNE_TRIGRAMS | ATTUNE_BOTTLENECK | ATTUNE_NO_NORM;
  check((AttuneConfig){50, 48, 2, 4, 44, 128, 2, ATTUNE_RELU, f, {f, f, f}, 128, -1, 9, 20, 3, all, ATTUNE_FROM_SHARED, 1e-12f, 1e-5f}, team);
  check((AttuneConfig){50, 31, 2, 1, 40, 128, 2, ATTUNE_RELU, f, {f, f, f}, 128, -1, 40, 17, 2, ATTUNE_BOTTLENECK, plain, 1e-12f, 1e-5f}, team);
  check((AttuneConfig){50, 24, 1, 3, 20, 128, 2, ATTUNE_RELU, f, {f, f, f}, 128, -1, 24, 24, 1, ATTUNE_BOTTLENECK, ATTUNE_FROM_INPUT, 1e-12f, 1e-5f}, team);
  attune_end_team(team);
  return 0;
}
