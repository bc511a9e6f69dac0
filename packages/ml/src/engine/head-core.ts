// Calls the C head kernels with numbers and arrays, and returns one number. The arrays lie in the module's memory
// in WebAssembly, anywhere natively.

import { MlError } from "../error.js";

/** In the order of `packages/ml/kernels/heads/call.h`, which says what numbers and arrays each function takes. */
export const headFunctions = {
  epoch: 0,
  crossEntropy: 1,
  softmax: 2,
  gram: 3,
  factorize: 4,
  solve: 5,
  activate: 6,
  scores: 7,
  change: 8,
  project: 9,
  ascend: 10,
} as const;

type HeadFunction = keyof typeof headFunctions;
export type NumberArray = Float32Array | Float64Array | Int32Array;
type ArrayType = Float32ArrayConstructor | Float64ArrayConstructor | Int32ArrayConstructor;

/** Arrays by name: the type of each array and how many numbers it holds. */
type Layout = Readonly<Record<string, readonly [type: ArrayType, length: number]>>;

interface HeadMemory<L extends Layout> {
  /** The arrays' first values are undefined. */
  readonly arrays: { readonly [K in keyof L]: InstanceType<L[K][0]> };
  /** Throws `shape` when the kernels refuse the numbers or arrays. */
  call(name: HeadFunction, numbers: readonly number[], arrays: readonly NumberArray[]): number;
  /**
   * Returns the memory for reuse: the arrays must not be used afterwards. Memory that is
   * never closed is garbage-collected.
   */
  close(): void;
}

export interface HeadCore {
  /** Throws `unsupported` where the host has too little memory. */
  open<L extends Layout>(layout: L): HeadMemory<L>;
}

interface HeadExports {
  readonly memory: WebAssembly.Memory;
  heap_base(): number;
  head_call(
    fn: number,
    numbers: number,
    numberCount: number,
    arrays: number,
    arrayCount: number,
    result: number,
  ): number;
}

/** Memory larger than this is given back to the host after use; smaller memory is kept for the next call. */
const keptBytes = 16 * 2 ** 20;
/** ATTUNE_MOST_NUMBERS and ATTUNE_MOST_ARRAYS of `packages/ml/kernels/heads/call.h`. */
const maxNumbers = 9;
const maxArrays = 11;
/** An array is described by its address, type and length. */
const wordsPerArray = 3;
/** A call's numbers, descriptions of arrays and result follow each other; the result starts at a multiple of 8. */
const arraysOffset = maxNumbers * Float64Array.BYTES_PER_ELEMENT;
const resultOffset = Math.ceil((arraysOffset + maxArrays * wordsPerArray * Uint32Array.BYTES_PER_ELEMENT) / 8) * 8;
const callBytes = align(resultOffset + Float64Array.BYTES_PER_ELEMENT);
const pageBytes = 65_536;

/** module: the compiled `attune-simd128.wasm` or `attune-relaxed.wasm`. */
export function createWasmHeadCore(module: WebAssembly.Module): HeadCore {
  let idle: HeadExports | undefined;

  function open<L extends Layout>(layout: L): HeadMemory<L> {
    const kernel = idle ?? (new WebAssembly.Instance(module).exports as unknown as HeadExports);
    idle = undefined;
    const base = align(kernel.heap_base());
    const arrays = layOut(kernel, base + callBytes, layout);
    const numbersAt = new Float64Array(kernel.memory.buffer, base, maxNumbers);
    const arraysAt = new Uint32Array(kernel.memory.buffer, base + arraysOffset, maxArrays * wordsPerArray);
    const resultAt = new Float64Array(kernel.memory.buffer, base + resultOffset, 1);
    let closed = false;
    return {
      arrays,
      call(name, numbers, given) {
        numbersAt.set(numbers);
        for (let i = 0; i < given.length; i++) {
          const array = given[i]!;
          arraysAt[wordsPerArray * i] = array.byteOffset;
          arraysAt[wordsPerArray * i + 1] = array instanceof Float32Array ? 0 : array instanceof Float64Array ? 1 : 2;
          arraysAt[wordsPerArray * i + 2] = array.length;
        }
        const fn = headFunctions[name];
        const code = kernel.head_call(fn, base, numbers.length, arraysAt.byteOffset, given.length, resultAt.byteOffset);
        if (code !== 0) {
          throw new MlError("shape", `The head kernel ${name} refused its numbers or arrays (code ${code})`);
        }
        return resultAt[0]!;
      },
      close() {
        if (!closed && kernel.memory.buffer.byteLength <= keptBytes) idle = kernel;
        closed = true;
      },
    };
  }

  return { open };
}

function align(address: number): number {
  return Math.ceil(address / 64) * 64;
}

/** Places the arrays one after the other from `start` on; the memory must already be large enough. */
function layOut<L extends Layout>(kernel: HeadExports, start: number, layout: L): HeadMemory<L>["arrays"] {
  let end = start;
  const addresses = Object.values(layout).map(([type, length]) => {
    const address = end;
    end = align(end + type.BYTES_PER_ELEMENT * length);
    return address;
  });
  const missing = Math.ceil((end - kernel.memory.buffer.byteLength) / pageBytes);
  if (missing > 0) {
    try {
      kernel.memory.grow(missing);
    } catch (cause) {
      throw new MlError("unsupported", `This host has no ${end} bytes for training in WebAssembly`, { cause });
    }
  }
  const { buffer } = kernel.memory;
  const views = Object.entries(layout).map(([name, [type, length]], i) => [
    name,
    new type(buffer, addresses[i], length),
  ]);
  return Object.fromEntries(views) as HeadMemory<L>["arrays"];
}
