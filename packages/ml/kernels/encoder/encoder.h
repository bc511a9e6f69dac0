// The encoder kernels' interface: one caller-owned block of memory holds an encoder; nothing here allocates, reads files or keeps global state.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "threads/parallel.h"

enum { ATTUNE_OK = 0, ATTUNE_BAD_CONFIG = -1, ATTUNE_BAD_TENSOR = -2, ATTUNE_BAD_INPUT = -3, ATTUNE_NOT_FINITE = -4 };
enum { ATTUNE_GELU = 0, ATTUNE_GELU_NEW = 1, ATTUNE_RELU = 2 };
enum { ATTUNE_CLS = 0, ATTUNE_MEAN = 1, ATTUNE_MEAN_MAX = 2 };
// How a tensor arrives and is kept. Int8: rows with a scale each. Linear layers of float16 are widened as they are read and computed in float32;
// those of int8 meet activations that are quantized per token.
enum { ATTUNE_FLOAT32 = 0, ATTUNE_INT8 = 1, ATTUNE_FLOAT16 = 2 };
enum { ATTUNE_TRIGRAMS = 1, ATTUNE_BOTTLENECK = 2, ATTUNE_NO_NORM = 4 };
// What query, key and value read: the layer's own width; its input; or query and key a bottleneck of theirs and value the input.
enum { ATTUNE_FROM_INSIDE = 0, ATTUNE_FROM_INPUT = 1, ATTUNE_FROM_SHARED = 2 };

typedef struct {
  int32_t vocab_size, hidden_size, layers, heads, intermediate_size, positions, types, activation;
  int32_t weights;   // the linear layers' format
  int32_t tables[3]; // the formats of words, positions and types
  int32_t rows;      // tokens that one forward may take, over all texts of a batch
  int32_t pad_token; // -1: a token's position is its place; else RoBERTa's rule: padding takes this position, other tokens count on from it
  // MobileBERT's; BERT has hidden_size twice, 1, 0 and 0.
  int32_t embedding_size; // of the word embeddings, before they are transformed to hidden_size
  int32_t width;          // within a layer
  int32_t feed_forwards;  // of a layer
  int32_t flags, attention;
  float epsilon, other_epsilon; // of LayerNorm; the other one for the embeddings and a layer's last feed-forward
} AttuneConfig;

// Where a tensor belongs. Matrices are (rows, cols) row-major as PyTorch stores them; vectors are one row; a norm is 2 rows, weight and bias.
enum {
  ATTUNE_WORDS, ATTUNE_POSITIONS, ATTUNE_TYPES, ATTUNE_EMBEDDING_NORM, ATTUNE_TRANSFORMATION,
  ATTUNE_QUERY, ATTUNE_KEY, ATTUNE_VALUE, ATTUNE_ATTENTION_OUTPUT, ATTUNE_ATTENTION_NORM,
  ATTUNE_INTERMEDIATE, ATTUNE_OUTPUT, ATTUNE_OUTPUT_NORM, // of feed-forward network `layer * feed_forwards + its place`
  ATTUNE_INTO, ATTUNE_INTO_NORM, ATTUNE_SHARED, ATTUNE_SHARED_NORM, ATTUNE_OUT_OF, ATTUNE_OUT_OF_NORM, // the bottlenecks
  ATTUNE_BIAS = 32 // added to a linear layer's slot: its bias
};

typedef struct AttuneEncoder AttuneEncoder;

// The functions of one instruction set. All check what they are given and return one of the codes above.
typedef struct {
  const char *name;
  // Bytes that `init` needs (64-byte aligned) for so many threads, or ATTUNE_BAD_CONFIG.
  int64_t (*size)(const AttuneConfig *config, int threads);
  // memory: zeros, as what lies beyond a row's end stays. team: whose threads compute, or null for the caller's alone; what is computed is the same to the last bit. It must outlive the last forward.
  int (*init)(void *memory, uint64_t bytes, const AttuneConfig *config, AttuneTeam *team);
  // Rows [first, first + count) of a tensor, `bytes` long, in the format that the config names (float32 for vectors and norms). `scales`
  // (count): with int8, and with nothing else. All must be finite.
  int (*load)(AttuneEncoder *encoder, int slot, int layer, int first, int count, const void *values, uint64_t bytes, const float *scales);
  // ids: all texts one after the other; lengths: (texts), each from 1 to `positions`; mask: 1 = attend to, or null for all.
  int (*embed)(AttuneEncoder *encoder, const int32_t *ids, int tokens, const int32_t *lengths, int texts, const uint8_t *mask);
  // Runs layers [first, last) on what `embed` or an earlier layer left.
  int (*run)(AttuneEncoder *encoder, int first, int last);
  // The hidden states as they are: (tokens, hidden_size), rows `stride` floats apart.
  const float *(*hidden)(const AttuneEncoder *encoder, int *stride);
  // One vector a text: (texts, hidden_size), or twice as wide for mean-max, over positions with mask 1. `floats`: what `out` holds.
  int (*pool)(const AttuneEncoder *encoder, int pooling, float *out, uint64_t floats);
  // For benchmarks: the operations of a loop over registers alone (limit.h). sink: 16 vectors of floats.
  double (*spin)(int quantized, int rounds, float *sink);
} AttuneKernels;
