// The encoder kernels' interface: one caller-owned block of memory holds an encoder; nothing here allocates, reads files or keeps global state.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { ATTUNE_OK = 0, ATTUNE_BAD_CONFIG = -1, ATTUNE_BAD_TENSOR = -2, ATTUNE_BAD_INPUT = -3, ATTUNE_NOT_FINITE = -4 };
enum { ATTUNE_GELU = 0, ATTUNE_GELU_NEW = 1, ATTUNE_RELU = 2 };
enum { ATTUNE_CLS = 0, ATTUNE_MEAN = 1, ATTUNE_MEAN_MAX = 2 };

typedef struct {
  int32_t vocab_size, hidden_size, layers, heads, intermediate_size, positions, types, activation;
  int32_t int8_weights; // 1: linear weights arrive as int8 rows with a scale each, and activations are quantized per token
  int32_t int8_tables;  // bit 0: words, bit 1: positions, bit 2: types arrive as int8 rows with a scale each
  int32_t rows;         // tokens that one forward may take, over all texts of a batch
  int32_t pad_token;    // -1: a token's position is its place; else RoBERTa's rule: padding takes this position, other tokens count on from it
  float epsilon;        // of LayerNorm
} AttuneConfig;

// Where a tensor belongs. Matrices are (rows, cols) row-major as PyTorch stores them; vectors are one row.
enum {
  ATTUNE_WORDS, ATTUNE_POSITIONS, ATTUNE_TYPES, ATTUNE_EMBEDDING_NORM, // a norm: 2 rows, weight and bias
  ATTUNE_QUERY, ATTUNE_KEY, ATTUNE_VALUE, ATTUNE_ATTENTION_OUTPUT, ATTUNE_ATTENTION_NORM,
  ATTUNE_INTERMEDIATE, ATTUNE_OUTPUT, ATTUNE_OUTPUT_NORM,
  ATTUNE_BIAS = 16 // added to a linear layer's slot: its bias
};

typedef struct AttuneEncoder AttuneEncoder;

// The functions of one instruction set. All check what they are given and return one of the codes above.
typedef struct {
  const char *name;
  // Bytes that `init` needs (64-byte aligned), or ATTUNE_BAD_CONFIG.
  int64_t (*size)(const AttuneConfig *config);
  int (*init)(void *memory, uint64_t bytes, const AttuneConfig *config);
  // Rows [first, first + count) of a tensor, `bytes` long. `scales` (count) marks int8 values; without it they are float32. All must be finite.
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
