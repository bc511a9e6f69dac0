// The heads' training in the C kernels: mini-batch descent, Gram matrices, Cholesky factors kept current. Twins: ../heads/mini-batch.ts, ../linalg.
import { MlError } from "../error.js";
import type { Descent } from "../heads/mini-batch.js";

/** Each of these works in memory of its own, sized when it is created. */
export interface HeadKernels {
  /**
   * As `descend` of ../heads/mini-batch.ts, in float32: weights (classes, width), equal to the twin's within 1e-4 of their size after 100
   * epochs. Throws `not-finite` when the learning rate made them diverge.
   */
  descend(descent: Descent): Float64Array;
  /** x: (rows, size) → xᵀx: (size, size), upper triangle. Throws `shape`. */
  gram(x: Float64Array, size: number): Float64Array;
  /** The factor of A + ridge·I; A: (size, size), upper triangle. Throws `shape`, and `singular` where a pivot is not safely positive. */
  factor(matrix: Float64Array, size: number, ridge?: number): KernelFactor;
}

export interface KernelFactor {
  /** Becomes the factor of A + sign · v vᵀ. A downdate is the caller's to judge: the twin re-factorizes where it is ill-posed. */
  rankOne(v: Float64Array, sign: 1 | -1): void;
  /** rhs: (count, size), each row ← A⁻¹ row, in place. */
  solveInPlace(rhs: Float64Array): void;
}

interface HeadExports {
  readonly memory: WebAssembly.Memory;
  heap_base(): number;
  head_padded_classes(classes: number): number;
  head_epoch(descent: number, arrays: number, order: number): number;
  head_gram(x: number, rows: number, size: number, gram: number): void;
  head_factorize(upper: number, pivots: number, size: number, smallest: number): number;
  head_solve(upper: number, pivots: number, size: number, rhs: number, count: number): void;
  head_rank_one(upper: number, pivots: number, size: number, sign: number, residual: number, gain: number): void;
}

/** bytes: `attune-simd128.wasm` or `attune-relaxed.wasm`. Throws `unsupported` where this host cannot run them. */
export function createHeadKernels(bytes: Uint8Array): HeadKernels {
  if (!WebAssembly.validate(bytes)) {
    throw new MlError("unsupported", "This host's WebAssembly has no SIMD, or the kernel's bytes are damaged");
  }
  const module = new WebAssembly.Module(bytes);
  const open = () => new WebAssembly.Instance(module).exports as unknown as HeadExports;
  return {
    descend: (descent) => descend(open(), descent),
    gram: (x, size) => gram(open(), x, size),
    factor: (matrix, size, ridge = 0) => factor(open(), { matrix, size, ridge }),
  };
}

/** Addresses of arrays of these byte lengths, one after the other from the heap on, all in memory that is there. */
function layOut(kernel: HeadExports, byteLengths: readonly number[]): number[] {
  let end = align(kernel.heap_base());
  const addresses = byteLengths.map((bytes) => {
    const address = end;
    end = align(end + bytes);
    return address;
  });
  const missing = Math.ceil((end - kernel.memory.buffer.byteLength) / 65536);
  if (missing > 0) {
    try {
      kernel.memory.grow(missing);
    } catch (cause) {
      throw new MlError("unsupported", `This host has no ${end} bytes for training in WebAssembly`, { cause });
    }
  }
  return addresses;
}

const align = (address: number) => Math.ceil(address / 64) * 64;

function descend(kernel: HeadExports, { design, penalty, recipe, random, onEpoch }: Descent): Float64Array {
  const { rows, width, classes } = design;
  const padded = kernel.head_padded_classes(classes);
  const batch = Math.min(recipe.batchSize, rows);
  const weightBytes = 4 * width * padded;
  const sizes = [4 * rows * width, 4 * rows, 4 * rows, ...new Array(5).fill(weightBytes), 4 * batch * padded, 4 * rows];
  const [settings, pointers, ...arrays] = layOut(kernel, [64, 64, ...sizes]) as [number, number, ...number[]];
  const { buffer } = kernel.memory;
  const [x, labels, importance, centre, weights] = arrays as [number, number, number, number, number];
  new Float32Array(buffer, x, rows * width).set(design.x);
  new Int32Array(buffer, labels, rows).set(design.labels);
  new Float32Array(buffer, importance, rows).set(design.importance);
  const centres = new Float32Array(buffer, centre, width * padded);
  for (let c = 0; c < classes; c++) {
    for (let d = 0; d < width; d++) centres[d * padded + c] = penalty.centre[c * width + d]!;
  }
  const result = new Float32Array(buffer, weights, width * padded);
  result.set(centres);
  const optimizer = recipe.optimizer === "adam" ? 1 : 0;
  new Int32Array(buffer, settings, 6).set([rows, width, classes, batch, optimizer, 0]);
  new Float32Array(buffer, settings + 24, 3).set([recipe.learningRate, penalty.l2, penalty.biasL2]);
  new Int32Array(buffer, pointers, 9).set(arrays.slice(0, 9));
  const order = new Int32Array(buffer, arrays[9], rows);
  for (let i = 0; i < rows; i++) order[i] = i;

  for (let epoch = 0; epoch < recipe.epochs; epoch++) {
    onEpoch();
    random.shuffle(order);
    const loss = kernel.head_epoch(settings, pointers, order.byteOffset);
    if (!Number.isFinite(loss)) {
      throw new MlError("not-finite", `The loss became ${loss} in epoch ${epoch + 1}; use a smaller learning rate`);
    }
  }
  const learned = new Float64Array(classes * width);
  for (let c = 0; c < classes; c++) {
    for (let d = 0; d < width; d++) learned[c * width + d] = result[d * padded + c]!;
  }
  return learned;
}

function gram(kernel: HeadExports, x: Float64Array, size: number): Float64Array {
  const rows = x.length / size;
  if (!Number.isSafeInteger(rows) || size < 1) {
    throw new MlError("shape", `${x.length} values are no rows of ${size}`);
  }
  const [from, to] = layOut(kernel, [8 * x.length, 8 * size * size]) as [number, number];
  new Float64Array(kernel.memory.buffer, from, x.length).set(x);
  kernel.head_gram(from, rows, size, to);
  return new Float64Array(kernel.memory.buffer, to, size * size).slice();
}

/** The twin's: a pivot below this many roundings of the largest diagonal element is not told apart from zero. */
const roundingsPerPivot = 16;

function factor(
  kernel: HeadExports,
  { matrix, size, ridge }: { matrix: Float64Array; size: number; ridge: number },
): KernelFactor {
  if (matrix.length !== size * size) {
    throw new MlError("shape", `A ${size} x ${size} matrix needs ${size * size} values, not ${matrix.length}`);
  }
  const rowBytes = 8 * size;
  const parts = layOut(kernel, [rowBytes * size, rowBytes, rowBytes, rowBytes, rowBytes * batchRows]);
  const [upper, pivots, residual, gain, rhs] = parts as [number, number, number, number, number];
  const { buffer } = kernel.memory;
  const values = new Float64Array(buffer, upper, size * size);
  values.set(matrix);
  let largest = 0;
  for (let i = 0; i < size; i++) {
    values[i * size + i]! += ridge;
    largest = Math.max(largest, Math.abs(values[i * size + i]!));
  }
  const smallest = Math.max(roundingsPerPivot * size * Number.EPSILON * largest, Number.MIN_VALUE);
  const failed = kernel.head_factorize(upper, pivots, size, smallest);
  if (failed !== 0) {
    throw new MlError(
      "singular",
      `The matrix is singular: pivot ${failed - 1} of ${size}; use a larger l2 or more rows`,
    );
  }
  const vector = new Float64Array(buffer, residual, size);
  const sides = new Float64Array(buffer, rhs, size * batchRows);
  return {
    rankOne(v, sign) {
      vector.set(v);
      kernel.head_rank_one(upper, pivots, size, sign, residual, gain);
    },
    solveInPlace(given) {
      for (let start = 0; start < given.length; start += sides.length) {
        const part = given.subarray(start, start + sides.length);
        sides.set(part);
        kernel.head_solve(upper, pivots, size, rhs, part.length / size);
        part.set(sides.subarray(0, part.length));
      }
    },
  };
}

/** Right-hand sides taken at once: a head has one a class. */
const batchRows = 16;
