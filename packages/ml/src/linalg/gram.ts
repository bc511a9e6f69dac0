// Gram matrices XᵀX in float64, of all rows at once or of one row at a time. In float32 the solution would lose up
// to half a percent.

/**
 * gram (size, size, upper triangle) += XᵀX for X (rows, size). Four rows and two columns at a time: eight
 * products share six loads.
 */
export function addGram(gram: Float64Array, x: Float64Array, size: number): void {
  const rows = x.length / size;
  let n = 0;
  for (; n + 4 <= rows; n += 4) {
    addFourRows(gram, x.subarray(n * size, (n + 4) * size), size);
  }
  for (; n < rows; n++) {
    addOuterProduct(gram, x.subarray(n * size, (n + 1) * size), 1);
  }
}

function addFourRows(gram: Float64Array, x: Float64Array, size: number): void {
  const x1 = size;
  const x2 = 2 * size;
  const x3 = 3 * size;
  let i = 0;
  for (; i + 2 <= size; i += 2) {
    const a0 = x[i]!;
    const a1 = x[x1 + i]!;
    const a2 = x[x2 + i]!;
    const a3 = x[x3 + i]!;
    const b0 = x[i + 1]!;
    const b1 = x[x1 + i + 1]!;
    const b2 = x[x2 + i + 1]!;
    const b3 = x[x3 + i + 1]!;
    const g = i * size;
    const h = g + size;
    gram[g + i]! += a0 * a0 + a1 * a1 + (a2 * a2 + a3 * a3);
    for (let j = i + 1; j < size; j++) {
      const v0 = x[j]!;
      const v1 = x[x1 + j]!;
      const v2 = x[x2 + j]!;
      const v3 = x[x3 + j]!;
      gram[g + j]! += a0 * v0 + a1 * v1 + (a2 * v2 + a3 * v3);
      gram[h + j]! += b0 * v0 + b1 * v1 + (b2 * v2 + b3 * v3);
    }
  }
  if (i < size) {
    const a0 = x[i]!;
    const a1 = x[x1 + i]!;
    const a2 = x[x2 + i]!;
    const a3 = x[x3 + i]!;
    gram[i * size + i]! += a0 * a0 + a1 * a1 + (a2 * a2 + a3 * a3);
  }
}

/** gram (size, size, upper triangle) += sign · v vᵀ. */
export function addOuterProduct(gram: Float64Array, v: Float64Array, sign: 1 | -1): void {
  const size = v.length;
  for (let i = 0; i < size; i++) {
    const a = sign * v[i]!;
    const g = i * size;
    for (let j = i; j < size; j++) {
      gram[g + j]! += a * v[j]!;
    }
  }
}

/** Copies the upper triangle of a (size, size) matrix onto the lower one. */
export function mirrorUpper(matrix: Float64Array, size: number): void {
  for (let i = 0; i < size; i++) {
    for (let j = i + 1; j < size; j++) {
      matrix[j * size + i] = matrix[i * size + j]!;
    }
  }
}
