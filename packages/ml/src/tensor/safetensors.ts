// The safetensors format (https://github.com/huggingface/safetensors#format): a length, a JSON header, the bytes. Files
// are read from memory or piece by piece, and written.

import { MlError } from "../error.js";

interface Arrays {
  F32: Float32Array;
  F64: Float64Array;
  F16: Uint16Array;
  BF16: Uint16Array;
  I8: Int8Array;
  U8: Uint8Array;
  I32: Int32Array;
  I64: BigInt64Array;
}
/** The format's other types. Nothing here computes with them, and a tensor's `data` are its bytes as stored. */
const opaqueBits = {
  C64: 64,
  U64: 64,
  U32: 32,
  I16: 16,
  U16: 16,
  BOOL: 8,
  F8_E4M3: 8,
  F8_E5M2: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F4: 4,
};
type Opaque = { readonly [D in keyof typeof opaqueBits]: Uint8Array };
type Data = Arrays & Opaque;
type Dtype = keyof Data;

interface TensorOf<D extends Dtype> {
  readonly dtype: D;
  readonly shape: readonly number[];
  /** All values. A file that is read piece by piece reads them again at each access. */
  readonly data: Data[D];
  /**
   * Only in a file that is read piece by piece: values [first, first + count). The next part of any of the file's
   * tensors overwrites their memory.
   */
  readonly part?: (first: number, count: number) => Data[D];
}
export type Tensor = { [D in Dtype]: TensorOf<D> }[Dtype];

export interface TensorFile {
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Record<string, string>;
}

/** A source from which a file's bytes are read as they are needed: an open file, a blob. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** Fills `into` with the bytes from `offset` on; throws when the source has too few. */
  read(offset: number, into: Uint8Array): void;
}

const bitsPerElement: Record<Dtype, number> = {
  F64: 64,
  I64: 64,
  F32: 32,
  I32: 32,
  F16: 16,
  BF16: 16,
  I8: 8,
  U8: 8,
  ...opaqueBits,
};
const arrayOf = {
  F64: Float64Array,
  I64: BigInt64Array,
  F32: Float32Array,
  I32: Int32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
};
const arrayFor = (dtype: Dtype) => (isOpaque(dtype) ? Uint8Array : arrayOf[dtype]);
const isOpaque = (dtype: Dtype): dtype is keyof Opaque => dtype in opaqueBits;
const maxHeaderBytes = 100_000_000; // the reference implementation's limit

/**
 * Reads a whole file. Tensors are views of `bytes` where alignment allows, and copies elsewhere; hosts are
 * little-endian, as the format is.
 * Throws `malformed` (or `unsupported` for a dtype that the format does not have), naming the tensor and the field.
 */
export function parseSafetensors(bytes: Uint8Array): TensorFile {
  const headerEnd = 8 + readHeaderLength(bytes.subarray(0, 8), bytes.length);
  const { placed, metadata } = readHeader(bytes.subarray(8, headerEnd), bytes.length - headerEnd);
  const body = bytes.subarray(headerEnd);
  const tensors = new Map<string, Tensor>();
  for (const { name, dtype, shape, begin, end } of placed) {
    tensors.set(name, { dtype, shape, data: viewOf(dtype, body.subarray(begin, end)) } as Tensor);
  }
  return { tensors, metadata };
}

/**
 * Reads a file from a source: the header is read and checked as a whole, and values are read on request. Nothing
 * outside the checked bounds is ever read, even if the source changes afterwards. Throws as parseSafetensors does, and
 * what the source throws.
 */
export function openSafetensors(source: ByteSource): TensorFile {
  const { sizeBytes } = source;
  const read = (offset: number, length: number) => {
    const bytes = new Uint8Array(length);
    source.read(offset, bytes);
    return bytes;
  };
  const headerEnd = 8 + readHeaderLength(read(0, Math.min(8, sizeBytes)), sizeBytes);
  const { placed, metadata } = readHeader(read(8, headerEnd - 8), sizeBytes - headerEnd);
  let scratch = new Uint8Array(0);

  function lazyTensor({ dtype, shape, begin, end }: Placement): Tensor {
    const size = arrayFor(dtype).BYTES_PER_ELEMENT;
    const at = headerEnd + begin;
    const lazy: TensorOf<Dtype> = {
      dtype,
      shape,
      get data() {
        return viewOf(dtype, read(at, end - begin));
      },
      part(first, count) {
        if (first < 0 || count < 0 || (first + count) * size > end - begin) {
          throw new MlError("out-of-range", `Values ${first} to ${first + count} are not inside the tensor`);
        }
        if (scratch.length < count * size) scratch = new Uint8Array(count * size);
        const bytes = scratch.subarray(0, count * size);
        source.read(at + first * size, bytes);
        return viewOf(dtype, bytes);
      },
    };
    return lazy as Tensor;
  }

  return { tensors: new Map(placed.map((placement) => [placement.name, lazyTensor(placement)])), metadata };
}

/** Values [first, first + count), which the next part may overwrite. */
export function partOf<D extends Dtype>(tensor: TensorOf<D>, first: number, count: number): Data[D] {
  return tensor.part?.(first, count) ?? (tensor.data.subarray(first, first + count) as Data[D]);
}

/** Lets a function that takes a source read bytes in memory. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return {
    sizeBytes: bytes.length,
    read(offset, into) {
      if (offset + into.length > bytes.length) throw malformed("its bytes have become fewer: the file is truncated");
      into.set(bytes.subarray(offset, offset + into.length));
    },
  };
}

/**
 * Writes a file; equal input gives equal bytes. Wider elements come first, then names in order, as in the reference
 * implementation. So every tensor is aligned to its element size. Spaces pad the header to a multiple of 8 bytes.
 */
export function serializeSafetensors(file: TensorFile): Uint8Array {
  const ordered = [...file.tensors].sort(
    ([xName, x], [yName, y]) => bitsPerElement[y.dtype] - bitsPerElement[x.dtype] || compare(xName, yName),
  );
  const header: [string, unknown][] = [];
  const metadata = Object.entries(file.metadata).sort(([x], [y]) => compare(x, y));
  if (metadata.length > 0) {
    header.push(["__metadata__", Object.fromEntries(metadata)]);
  }
  let bodyLength = 0;
  for (const [name, { dtype, shape, data }] of ordered) {
    if (name === "__metadata__") {
      throw malformed('"__metadata__" cannot be a tensor\'s name');
    }
    if (bytesOf(dtype, shape) !== data.byteLength) {
      const had = data.byteLength / bytesOf(dtype, [1]);
      throw new MlError("shape", `Tensor "${name}" of shape [${shape}] needs ${elements(shape)} values, not ${had}`);
    }
    header.push([name, { dtype, shape, data_offsets: [bodyLength, bodyLength + data.byteLength] }]);
    bodyLength += data.byteLength;
  }
  // The JSON is built by hand, because an object would reorder names that look like numbers.
  const json = `{${header.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`;
  const encoded = new TextEncoder().encode(json);
  const headerLength = Math.ceil(encoded.length / 8) * 8;

  const bytes = new Uint8Array(8 + headerLength + bodyLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.set(encoded, 8);
  bytes.fill(0x20, 8 + encoded.length, 8 + headerLength);
  let offset = 8 + headerLength;
  for (const [, { data }] of ordered) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return bytes;
}

/**
 * The float32 tensor `name`. Throws `malformed` when it is absent or of another dtype, and `shape` when `shape`
 * is given and differs.
 */
export function requireFloat32(file: TensorFile, name: string, shape?: readonly number[]): TensorOf<"F32"> {
  const tensor = file.tensors.get(name);
  if (tensor?.dtype !== "F32") {
    throw malformed(
      tensor === undefined ? `tensor "${name}" is missing` : `tensor "${name}" is ${tensor.dtype}, not F32`,
    );
  }
  if (shape !== undefined && !sameShape(tensor.shape, shape)) {
    throw new MlError("shape", `Tensor "${name}" has shape [${tensor.shape}], expected [${shape}]`);
  }
  return tensor;
}

/** The values of the float32 tensor `name`. Throws as requireFloat32 does. */
export function getFloat32(file: TensorFile, name: string, shape?: readonly number[]): Float32Array {
  return requireFloat32(file, name, shape).data;
}

export function sameShape(x: readonly number[], y: readonly number[]): boolean {
  return x.length === y.length && x.every((size, i) => size === y[i]);
}

interface Placement {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: number[];
  readonly begin: number;
  readonly end: number;
}

/** `first`: the file's first 8 bytes, or the whole file if it is shorter. */
function readHeaderLength(first: Uint8Array, fileBytes: number): number {
  if (first.length < 8) {
    throw malformed(`${first.length} bytes are too few for the header's length`);
  }
  const length = new DataView(first.buffer, first.byteOffset).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    throw malformed(`a header of ${length} bytes is above the limit of ${maxHeaderBytes}`);
  }
  if (8 + Number(length) > fileBytes) {
    throw malformed(`the header's ${length} bytes end past the file's ${fileBytes}: the file is truncated`);
  }
  return Number(length);
}

interface Header {
  readonly placed: readonly Placement[];
  readonly metadata: Record<string, string>;
}

/**
 * Applies the reference implementation's rule: in order of offset, tensors cover the body exactly,
 * without overlap or gap.
 */
function readHeader(bytes: Uint8Array, bodyBytes: number): Header {
  const header = parseHeader(bytes);
  const placed = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => readPlacement(name, value));
  let expected = 0;
  for (const { name, begin, end } of placed.toSorted((x, y) => x.begin - y.begin || x.end - y.end)) {
    if (begin !== expected) {
      const what = begin < expected ? "overlaps the tensor before it" : "leaves a gap before it";
      throw malformed(`tensor "${name}": data_offsets ${what} (begins at ${begin}, expected ${expected})`);
    }
    if (end > bodyBytes) {
      throw malformed(`tensor "${name}": its data end at ${end}, the file's at ${bodyBytes}: the file is truncated`);
    }
    expected = end;
  }
  if (expected !== bodyBytes) {
    throw malformed(`${bodyBytes - expected} bytes after the last tensor belong to none`);
  }
  return { placed, metadata: readMetadata(header.__metadata__) };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    throw malformed("the header is not JSON in UTF-8", cause);
  }
  if (!isRecord(value) || text[0] !== "{") {
    throw malformed("the header is not a JSON object");
  }
  // A header that serializes to the same text had no key twice. Only headers with other spacing or order need the
  // search for repeated keys.
  if (JSON.stringify(value) !== text.trimEnd()) refuseRepeatedKeys(text);
  return value;
}

/** JSON.parse keeps the last of two equal keys. A file that says two things about one tensor is refused instead. */
function refuseRepeatedKeys(json: string): void {
  const open: Set<string>[] = [];
  const strings = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/gs;
  for (const [token, colon] of json.matchAll(strings)) {
    if (token === "{") {
      open.push(new Set());
    } else if (token === "}") {
      open.pop();
    } else if (colon !== undefined) {
      const key = JSON.parse(token.slice(0, -colon.length)) as string;
      const seen = open.at(-1);
      if (seen?.has(key)) {
        throw malformed(`"${key}" appears twice in the header`);
      }
      seen?.add(key);
    }
  }
}

function readPlacement(name: string, value: unknown): Placement {
  if (!isRecord(value)) {
    throw malformed(`tensor "${name}": its entry is not an object`);
  }
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string") {
    throw malformed(`tensor "${name}": dtype is missing`);
  }
  if (!Object.hasOwn(bitsPerElement, dtype)) {
    const known = Object.keys(bitsPerElement).join(", ");
    throw new MlError(
      "unsupported",
      `Safetensors file: tensor "${name}": dtype ${dtype} is not one of ${known}; convert it first`,
    );
  }
  if (!isSizes(shape)) {
    throw malformed(`tensor "${name}": shape is not a list of whole, non-negative sizes`);
  }
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw malformed(`tensor "${name}": data_offsets is not [begin, end]`);
  }
  const [begin, end] = offsets as [number, number];
  const needed = bytesOf(dtype as Dtype, shape);
  if (end - begin !== needed) {
    throw malformed(
      `tensor "${name}": ${dtype} of shape [${shape}] takes ${needed} bytes, data_offsets span ${end - begin}`,
    );
  }
  return { name, dtype: dtype as Dtype, shape, begin, end };
}

function viewOf(dtype: Dtype, part: Uint8Array): Data[Dtype] {
  const array = arrayFor(dtype);
  const bytes = part.byteOffset % array.BYTES_PER_ELEMENT === 0 ? part : part.slice();
  const { buffer, byteOffset } = bytes;
  return new array(buffer as ArrayBuffer, byteOffset, bytes.length / array.BYTES_PER_ELEMENT);
}

function readMetadata(value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value) || !Object.values(value).every((entry) => typeof entry === "string")) {
    throw malformed("__metadata__ is not an object of strings");
  }
  return value as Record<string, string>;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/**
 * The number of bytes is not whole when values of fewer than 8 bits do not fill their last byte. No file may
 * have such a tensor.
 */
function bytesOf(dtype: Dtype, shape: readonly number[]): number {
  return (elements(shape) * bitsPerElement[dtype]) / 8;
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function compare(x: string, y: string): number {
  return x < y ? -1 : x > y ? 1 : 0;
}

function malformed(what: string, cause?: unknown): MlError {
  return new MlError("malformed", `Safetensors file: ${what}`, { cause });
}
