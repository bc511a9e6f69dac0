// Float32 matrix products for training, as a Node-API addon: TensorFlow.js's wasm backend spends most of a step in
// products, at an eighth of the processor's speed. One thread and one order of sums give equal results for equal
// inputs. The method is that of Goto and van de Geijn 2008: blocks packed for the caches, and tiles of TILE_ROWS x
// TILE_COLUMNS sums that stay in registers.
#include <node_api.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 8, TILE_ROWS = 6, TILE_COLUMNS = 2 * LANES, BLOCK_ROWS = 16 * TILE_ROWS, BLOCK_DEPTH = 256, BLOCK_COLUMNS = 512 };
typedef float Vector __attribute__((vector_size(4 * LANES)));
typedef float AnyVector __attribute__((vector_size(4 * LANES), aligned(4), may_alias)); // at any address

// A matrix to read: element (row, column) lies at row * row_step + column * column_step, so that a transposed
// matrix needs no copy.
typedef struct { const float *at; size_t row_step, column_step; } Matrix;
typedef struct { float rows[BLOCK_ROWS * BLOCK_DEPTH], columns[BLOCK_COLUMNS * BLOCK_DEPTH]; } Blocks;

static inline int least(int a, int b) { return a < b ? a : b; }

// Packs `count` lines of `from` side by side in groups of `width`, with zeros beyond the last line: to[group][k][line].
static void pack(float *to, Matrix from, int count, int depth, int width) {
  for (int first = 0; first < count; first += width) {
    const int lines = least(width, count - first);
    const float *group = from.at + first * from.row_step;
    for (int k = 0; k < depth; k++, to += width) {
      const float *at = group + k * from.column_step;
      if (lines == width && from.row_step == 1) {
        memcpy(to, at, width * sizeof(float));
        continue;
      }
      for (int line = 0; line < lines; line++) to[line] = at[line * from.row_step];
      for (int line = lines; line < width; line++) to[line] = 0;
    }
  }
}

// Adds the product of one group of packed rows and one group of packed columns to y (rows, columns); if `fresh`,
// y becomes that product.
static void tile(const float *a, const float *b, int depth, float *y, size_t step, int rows, int columns, bool fresh) {
  Vector sums[TILE_ROWS][2] = {{{0}}};
  for (int k = 0; k < depth; k++, a += TILE_ROWS, b += TILE_COLUMNS) {
    const Vector left = *(const AnyVector *)b, right = *(const AnyVector *)(b + LANES);
#pragma GCC unroll 6
    for (int r = 0; r < TILE_ROWS; r++) {
      sums[r][0] += a[r] * left;
      sums[r][1] += a[r] * right;
    }
  }
  for (int r = 0; r < rows; r++, y += step) {
    if (columns == TILE_COLUMNS) {
      for (int half = 0; half < 2; half++) {
        if (!fresh) sums[r][half] += *(AnyVector *)(y + half * LANES);
        *(AnyVector *)(y + half * LANES) = sums[r][half];
      }
    } else {
      const float *from = (const float *)sums[r];
      for (int c = 0; c < columns; c++) y[c] = fresh ? from[c] : y[c] + from[c];
    }
  }
}

// y (m, n) = a (m, k) b (k, n)
static void multiply(Blocks *blocks, float *y, Matrix a, Matrix b, int m, int n, int k) {
  for (int column = 0; column < n; column += BLOCK_COLUMNS) {
    const int columns = least(BLOCK_COLUMNS, n - column);
    for (int start = 0; start < k; start += BLOCK_DEPTH) {
      const int depth = least(BLOCK_DEPTH, k - start);
      const Matrix wide = {b.at + column * b.column_step + start * b.row_step, b.column_step, b.row_step};
      pack(blocks->columns, wide, columns, depth, TILE_COLUMNS);
      for (int row = 0; row < m; row += BLOCK_ROWS) {
        const int rows = least(BLOCK_ROWS, m - row);
        const Matrix tall = {a.at + row * a.row_step + start * a.column_step, a.row_step, a.column_step};
        pack(blocks->rows, tall, rows, depth, TILE_ROWS);
        for (int c = 0; c < columns; c += TILE_COLUMNS) for (int r = 0; r < rows; r += TILE_ROWS) {
          tile(blocks->rows + r * depth, blocks->columns + c * depth, depth, y + (size_t)(row + r) * n + column + c, n,
               least(TILE_ROWS, rows - r), least(TILE_COLUMNS, columns - c), start == 0);
        }
      }
    }
  }
}

static bool floats_of(napi_env env, napi_value value, float **data, size_t *length) {
  bool typed = false;
  napi_typedarray_type type;
  return napi_is_typedarray(env, value, &typed) == napi_ok && typed &&
         napi_get_typedarray_info(env, value, &type, length, (void **)data, NULL, NULL) == napi_ok && type == napi_float32_array;
}

// matMul(y, a, b, sizes: Int32Array of batch, m, n, k, transposeA, transposeB): boolean. a is (batch, m, k), or (batch,
// k, m) if transposeA is set; b likewise. Returns false if sizes and arrays do not fit.
static napi_value mat_mul(napi_env env, napi_callback_info info) {
  napi_value values[4], result;
  size_t count = 4, lengths[3], size_count = 0;
  float *arrays[3];
  int32_t *sizes = NULL;
  napi_typedarray_type type;
  Blocks *blocks = NULL;
  bool ok = napi_get_cb_info(env, info, &count, values, NULL, NULL) == napi_ok && count == 4 &&
            napi_get_instance_data(env, (void **)&blocks) == napi_ok && blocks != NULL;
  for (int i = 0; ok && i < 3; i++) ok = floats_of(env, values[i], &arrays[i], &lengths[i]);
  ok = ok && napi_get_typedarray_info(env, values[3], &type, &size_count, (void **)&sizes, NULL, NULL) == napi_ok &&
       type == napi_int32_array && size_count == 6;
  if (ok) {
    const size_t batch = sizes[0], m = sizes[1], n = sizes[2], k = sizes[3];
    ok = sizes[0] > 0 && sizes[1] > 0 && sizes[2] > 0 && sizes[3] > 0 && lengths[0] == batch * m * n && lengths[1] == batch * m * k &&
         lengths[2] == batch * k * n;
    for (size_t i = 0; ok && i < batch; i++) {
      const float *a = arrays[1] + i * m * k, *b = arrays[2] + i * k * n;
      multiply(blocks, arrays[0] + i * m * n, sizes[4] ? (Matrix){a, 1, m} : (Matrix){a, k, 1},
               sizes[5] ? (Matrix){b, 1, k} : (Matrix){b, n, 1}, m, n, k);
    }
  }
  napi_get_boolean(env, ok, &result);
  return result;
}

static void release(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  free(data);
}

NAPI_MODULE_INIT() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return exports; // the addon was compiled for both
#endif
  Blocks *blocks = aligned_alloc(64, (sizeof(Blocks) + 63) / 64 * 64);
  if (blocks == NULL) return exports;
  napi_value function;
  if (napi_set_instance_data(env, blocks, release, NULL) != napi_ok) free(blocks);
  else if (napi_create_function(env, "matMul", NAPI_AUTO_LENGTH, mat_mul, NULL, &function) == napi_ok)
    napi_set_named_property(env, exports, "matMul", function);
  return exports;
}
