// The safetensors format (https://github.com/huggingface/safetensors#format), read and written in memory: a length, a JSON header, the bytes.
import { MlError } from "../error.js";

export type Tensor =
  | { readonly dtype: "F32"; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: "F64"; readonly shape: readonly number[]; readonly data: Float64Array }
  | { readonly dtype: "F16"; readonly shape: readonly number[]; readonly data: Uint16Array }
  | { readonly dtype: "BF16"; readonly shape: readonly number[]; readonly data: Uint16Array }
  | { readonly dtype: "I8"; readonly shape: readonly number[]; readonly data: Int8Array }
  | { readonly dtype: "U8"; readonly shape: readonly number[]; readonly data: Uint8Array }
  | { readonly dtype: "I32"; readonly shape: readonly number[]; readonly data: Int32Array }
  | { readonly dtype: "I64"; readonly shape: readonly number[]; readonly data: BigInt64Array };

export type Dtype = Tensor["dtype"];

export interface TensorFile {
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Record<string, string>;
}

const bytesPerElement: Record<Dtype, number> = { F64: 8, I64: 8, F32: 4, I32: 4, F16: 2, BF16: 2, I8: 1, U8: 1 };
const maximumHeaderBytes = 100_000_000; // the reference implementation's limit

/**
 * Reads a whole file. Tensors are views of `bytes` where alignment allows and copies where not; hosts are little-endian, as the format is.
 * Throws `malformed` (or `unsupported` for a dtype not listed above), naming the tensor and the field.
 */
export function parseSafetensors(bytes: Uint8Array): TensorFile {
  const headerLength = readHeaderLength(bytes);
  const header = readHeader(bytes.subarray(8, 8 + headerLength));
  const body = bytes.subarray(8 + headerLength);
  const placed = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => readPlacement(name, value));

  // The reference implementation's rule: in order of offset, tensors cover the body exactly, without overlap or gap.
  let expected = 0;
  for (const { name, begin, end } of placed.toSorted((x, y) => x.begin - y.begin || x.end - y.end)) {
    if (begin !== expected) {
      const what = begin < expected ? "overlaps the tensor before it" : "leaves a gap before it";
      throw malformed(`tensor "${name}": data_offsets ${what} (begins at ${begin}, expected ${expected})`);
    }
    if (end > body.length) {
      throw malformed(`tensor "${name}": its data end at ${end}, the file's at ${body.length}: the file is truncated`);
    }
    expected = end;
  }
  if (expected !== body.length) {
    throw malformed(`${body.length - expected} bytes after the last tensor belong to none`);
  }

  const tensors = new Map<string, Tensor>();
  for (const { name, dtype, shape, begin, end } of placed) {
    tensors.set(name, viewTensor(dtype, shape, body.subarray(begin, end)));
  }
  return { tensors, metadata: readMetadata(header.__metadata__) };
}

/**
 * Writes a file; equal input gives equal bytes. Wider elements come first and then names in order, as the reference implementation does,
 * so that every tensor is aligned to its element size; the header is padded with spaces to a multiple of 8 bytes.
 */
export function serializeSafetensors(file: TensorFile): Uint8Array {
  const ordered = [...file.tensors].sort(
    ([xName, x], [yName, y]) => bytesPerElement[y.dtype] - bytesPerElement[x.dtype] || compare(xName, yName),
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
    if (elements(shape) !== data.length) {
      throw new MlError(
        "shape",
        `Tensor "${name}" of shape [${shape}] needs ${elements(shape)} values, not ${data.length}`,
      );
    }
    header.push([name, { dtype, shape, data_offsets: [bodyLength, bodyLength + data.byteLength] }]);
    bodyLength += data.byteLength;
  }
  // Built by hand because an object would reorder names that look like numbers.
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

/** The float32 tensor `name`. Throws `malformed` when it is absent or of another dtype, `shape` when `shape` is given and differs. */
export function getFloat32(file: TensorFile, name: string, shape?: readonly number[]): Float32Array {
  const tensor = file.tensors.get(name);
  if (tensor?.dtype !== "F32") {
    throw malformed(
      tensor === undefined ? `tensor "${name}" is missing` : `tensor "${name}" is ${tensor.dtype}, not F32`,
    );
  }
  if (shape !== undefined && !sameShape(tensor.shape, shape)) {
    throw new MlError("shape", `Tensor "${name}" has shape [${tensor.shape}], expected [${shape}]`);
  }
  return tensor.data;
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

function readHeaderLength(bytes: Uint8Array): number {
  if (bytes.length < 8) {
    throw malformed(`${bytes.length} bytes are too few for the header's length`);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(maximumHeaderBytes)) {
    throw malformed(`a header of ${length} bytes is above the limit of ${maximumHeaderBytes}`);
  }
  if (8 + Number(length) > bytes.length) {
    throw malformed(`the header's ${length} bytes end past the file's ${bytes.length}: the file is truncated`);
  }
  return Number(length);
}

function readHeader(bytes: Uint8Array): Record<string, unknown> {
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
  refuseRepeatedKeys(text);
  return value;
}

/** JSON.parse keeps the last of two equal keys; a file that says two things about one tensor is refused instead. */
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
  if (!Object.hasOwn(bytesPerElement, dtype)) {
    const known = Object.keys(bytesPerElement).join(", ");
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
  const needed = elements(shape) * bytesPerElement[dtype as Dtype];
  if (end - begin !== needed) {
    throw malformed(
      `tensor "${name}": ${dtype} of shape [${shape}] takes ${needed} bytes, data_offsets span ${end - begin}`,
    );
  }
  return { name, dtype: dtype as Dtype, shape, begin, end };
}

function viewTensor(dtype: Dtype, shape: readonly number[], part: Uint8Array): Tensor {
  const bytes = part.byteOffset % bytesPerElement[dtype] === 0 ? part : part.slice();
  const { buffer, byteOffset } = bytes;
  const length = bytes.length / bytesPerElement[dtype];
  switch (dtype) {
    case "F32":
      return { dtype, shape, data: new Float32Array(buffer, byteOffset, length) };
    case "F64":
      return { dtype, shape, data: new Float64Array(buffer, byteOffset, length) };
    case "F16":
    case "BF16":
      return { dtype, shape, data: new Uint16Array(buffer, byteOffset, length) };
    case "I8":
      return { dtype, shape, data: new Int8Array(buffer, byteOffset, length) };
    case "U8":
      return { dtype, shape, data: new Uint8Array(buffer, byteOffset, length) };
    case "I32":
      return { dtype, shape, data: new Int32Array(buffer, byteOffset, length) };
    case "I64":
      return { dtype, shape, data: new BigInt64Array(buffer, byteOffset, length) };
  }
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

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function compare(x: string, y: string): number {
  return x < y ? -1 : x > y ? 1 : 0;
}

function malformed(what: string, cause?: unknown): MlError {
  return new MlError("malformed", `Safetensors file: ${what}`, { cause });
}
