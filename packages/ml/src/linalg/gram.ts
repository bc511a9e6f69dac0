// Gram matrices XᵀX in float64, whole or one row at a time. In float32 they cost the solution up to half a percent.

/** gram (size, size, upper triangle) += XᵀX for X (rows, size), four rows at a time to spare memory traffic. */
export function addGram(gram: Float64Array, x: Float64Array, size: number): void {
  const rows = x.length / size;
  let n = 0;
  for (; n + 4 <= rows; n += 4) {
    const x0 = n * size;
    const x1 = x0 + size;
    const x2 = x1 + size;
    const x3 = x2 + size;
    for (let i = 0; i < size; i++) {
      const a0 = x[x0 + i]!;
      const a1 = x[x1 + i]!;
      const a2 = x[x2 + i]!;
      const a3 = x[x3 + i]!;
      const g = i * size;
      for (let j = i; j < size; j++) {
        gram[g + j]! += a0 * x[x0 + j]! + a1 * x[x1 + j]! + (a2 * x[x2 + j]! + a3 * x[x3 + j]!);
      }
    }
  }
  for (; n < rows; n++) {
    addOuterProduct(gram, x.subarray(n * size, (n + 1) * size), 1);
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
