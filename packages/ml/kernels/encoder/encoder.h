// The encoder kernels' interface. The caller owns the one block of memory that holds an encoder. Nothing here
// allocates, reads files or keeps global state.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "threads/parallel.h"

enum { ATTUNE_OK = 0, ATTUNE_BAD_CONFIG = -1, ATTUNE_BAD_TENSOR = -2, ATTUNE_BAD_INPUT = -3, ATTUNE_NOT_FINITE = -4 };
enum { ATTUNE_GELU = 0, ATTUNE_GELU_NEW = 1, ATTUNE_RELU = 2 };
enum { ATTUNE_CLS = 0, ATTUNE_MEAN = 1, ATTUNE_MEAN_MAX = 2 };
// The format in which a tensor arrives and is kept. Int8 has one scale for each row, and its linear layers multiply
// activations quantized per token. Linear layers of float16 are widened as they are read and computed in float32.
enum { ATTUNE_FLOAT32 = 0, ATTUNE_INT8 = 1, ATTUNE_FLOAT16 = 2 };
enum { ATTUNE_TRIGRAMS = 1, ATTUNE_BOTTLENECK = 2, ATTUNE_NO_NORM = 4 };
// The inputs of query, key and value: the layer's own width; the layer's input; or a shared bottleneck for query and
// key, and the input for value.
enum { ATTUNE_FROM_INSIDE = 0, ATTUNE_FROM_INPUT = 1, ATTUNE_FROM_SHARED = 2 };

typedef struct {
  int32_t vocab_size, hidden_size, layers, heads, intermediate_size, positions, types, activation;
  int32_t weights;   // the linear layers' format
  int32_t tables[3]; // the formats of words, positions and types
  int32_t rows;      // the most tokens in one forward, over all texts of a batch
  int32_t pad_token; // -1: a token's position is its place. Else RoBERTa's rule: padding takes this position, other tokens count on from it
  // Fields of MobileBERT; BERT has hidden_size twice, then 1, 0 and 0.
  int32_t embedding_size; // of the word embeddings, before they are transformed to hidden_size
  int32_t width;          // within a layer
  int32_t feed_forwards;  // in each layer
  int32_t flags, attention;
  float epsilon, other_epsilon; // for LayerNorm; other_epsilon for the embeddings and a layer's last feed-forward
} AttuneConfig;

// The destinations of tensors. Matrices are (rows, cols) row-major as PyTorch stores them; a vector is one row; a norm
// is two rows, weight and bias.
enum {
  ATTUNE_WORDS, ATTUNE_POSITIONS, ATTUNE_TYPES, ATTUNE_EMBEDDING_NORM, ATTUNE_TRANSFORMATION,
  ATTUNE_QUERY, ATTUNE_KEY, ATTUNE_VALUE, ATTUNE_ATTENTION_OUTPUT, ATTUNE_ATTENTION_NORM,
  ATTUNE_INTERMEDIATE, ATTUNE_OUTPUT, ATTUNE_OUTPUT_NORM, // for feed-forward network `layer * feed_forwards + its place`
  ATTUNE_INTO, ATTUNE_INTO_NORM, ATTUNE_SHARED, ATTUNE_SHARED_NORM, ATTUNE_OUT_OF, ATTUNE_OUT_OF_NORM, // the bottlenecks
  ATTUNE_BIAS = 32 // added to a linear layer's slot: its bias
};

typedef struct AttuneEncoder AttuneEncoder;

// The functions of one instruction set. All functions check their arguments and return one of the codes above.
typedef struct {
  const char *name;
  // The number of bytes that `init` needs (64-byte aligned) for `threads` threads, or ATTUNE_BAD_CONFIG.
  int64_t (*size)(const AttuneConfig *config, int threads);
  // memory: zeros, because memory beyond a row's end is never written. team: its threads compute; null means the caller
  // alone. Both give the same bits. It must outlive the last forward.
  int (*init)(void *memory, uint64_t bytes, const AttuneConfig *config, AttuneTeam *team);
  // Loads rows [first, first + count) of a tensor, `bytes` long, in the format that the config names (float32 for
  // vectors and norms). `scales` (count) comes with int8 and with no other format. All values must be finite.
  int (*load)(AttuneEncoder *encoder, int slot, int layer, int first, int count, const void *values, uint64_t bytes, const float *scales);
  // ids: all texts one after the other; lengths: (texts), each from 1 to `positions`; mask: 1 = attend to,
  // or null for all.
  int (*embed)(AttuneEncoder *encoder, const int32_t *ids, int tokens, const int32_t *lengths, int texts, const uint8_t *mask);
  // Runs layers [first, last) on what `embed` or an earlier layer left.
  int (*run)(AttuneEncoder *encoder, int first, int last);
  // The current hidden states: (tokens, hidden_size), with rows `stride` floats apart.
  const float *(*hidden)(const AttuneEncoder *encoder, int *stride);
  // One vector for each text: (texts, hidden_size), or twice as wide for mean-max, over positions with mask 1.
  // `floats`: the length of `out`.
  int (*pool)(const AttuneEncoder *encoder, int pooling, float *out, uint64_t floats);
  // For benchmarks: returns the operations of a loop over registers alone (limit.h). sink: 16 vectors of floats.
  double (*spin)(int quantized, int rounds, float *sink);
} AttuneKernels;
