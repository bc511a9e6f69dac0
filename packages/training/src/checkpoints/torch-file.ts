// Reads the two containers of PyTorch's tensors: a zip of stored entries (since 1.6), and before it pickles with
// the values after them. Files are read in place: a tensor's values are copied only on request, and never beyond
// what the file holds.

import { float32FromBfloat16, float32FromHalf } from "@attune/ml/tensor/half";
import { readStoredZip } from "./stored-zip.js";
import {
  type PickleValue,
  type ReadPickle,
  readPickle,
  type StorageType,
  type StridedTensor,
  storageWidths,
} from "./torch-pickle.js";

export interface StoredTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** The size of the values as they are stored. */
  readonly sizeBytes: number;
  /**
   * Row-major float32; undefined for a tensor that is no weight. Throws an Error if the tensor does
   * not fit its storage.
   */
  values(): Float32Array | undefined;
}

/** The tensors of a `pytorch_model.bin` by name. Throws an Error saying what is wrong or refused. */
export function readTorchFile(bytes: Uint8Array): Map<string, StoredTensor> {
  const { value, storages } = isZip(bytes) ? readZipContainer(bytes) : readOlderContainer(bytes);
  if (typeof value !== "object" || value === null || Array.isArray(value) || value.kind !== "dict") {
    throw new Error("it does not hold a dict of tensors");
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [name, tensor] of value.entries) {
    if (typeof name !== "string" || typeof tensor !== "object" || tensor === null || Array.isArray(tensor)) continue;
    if (tensor.kind === "unread") {
      tensors.set(name, { dtype: tensor.name, shape: [], sizeBytes: 0, values: () => undefined });
    }
    if (tensor.kind !== "tensor") continue;
    const { dtype, shape, storage } = tensor;
    const sizeBytes = elementsOf(shape) * storageWidths[storage.type];
    tensors.set(name, { dtype, shape, sizeBytes, values: () => readValues(name, tensor, storages) });
  }
  return tensors;
}

interface Container {
  readonly value: PickleValue;
  readonly storages: ReadonlyMap<string, Uint8Array>;
}

function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b;
}

/** `<folder>/data.pkl` names the tensors and their storages, `<folder>/data/<key>` holds a storage's bytes. */
function readZipContainer(bytes: Uint8Array): Container {
  const entries = readStoredZip(bytes);
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (pickle === undefined || pickles.length > 1) throw new Error("the zip does not hold one data.pkl");
  const folder = pickle.slice(0, -"data.pkl".length);
  const byteOrder = entries.get(`${folder}byteorder`);
  if (byteOrder !== undefined && new TextDecoder().decode(byteOrder) !== "little") {
    throw new Error("byteorder is not little: save the checkpoint on a little-endian machine");
  }
  const storages = new Map<string, Uint8Array>();
  for (const [name, content] of entries) {
    if (name.startsWith(`${folder}data/`)) storages.set(name.slice(folder.length + "data/".length), content);
  }
  return { value: readPickle(entries.get(pickle)!).value, storages };
}

/**
 * Pickles in sequence: a magic number, a version, the machine's sizes, the tensors, the storages'
 * keys; then each storage.
 */
function readOlderContainer(bytes: Uint8Array): Container {
  const first = startsAsPickle(bytes) ? readPickle(bytes) : undefined;
  if (first?.value !== 0x1950a86a20f9469cfc6cn) throw new Error("it is no file of torch.save");
  const version = readPickle(bytes, first.end);
  if (version.value !== 1001) throw new Error(`version ${String(version.value)} of the container is not 1001`);
  const machine = readPickle(bytes, version.end);
  if (!isLittleEndian(machine.value)) throw new Error("little_endian is not true: save the checkpoint again");
  const { value, storages: references, end }: ReadPickle = readPickle(bytes, machine.end);
  const keys = readPickle(bytes, end);
  if (!Array.isArray(keys.value)) throw new Error("the list of storages is missing");

  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const storages = new Map<string, Uint8Array>();
  let at = keys.end;
  for (const key of keys.value) {
    const reference = typeof key === "string" ? references.get(key) : undefined;
    if (reference === undefined) throw new Error("a storage belongs to no tensor");
    if (at + 8 > bytes.length) throw new Error(`the file is truncated before storage ${String(key)}`);
    const length = Number(view.getBigUint64(at, true)) * storageWidths[reference.type];
    at += 8;
    if (at + length > bytes.length) throw new Error(`the file is truncated inside storage ${String(key)}`);
    storages.set(key as string, bytes.subarray(at, at + length));
    at += length;
  }
  return { value, storages };
}

function startsAsPickle(bytes: Uint8Array): boolean {
  return bytes[0] === 0x80;
}

function isLittleEndian(value: PickleValue): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value) || value.kind !== "dict") return false;
  return value.entries.get("little_endian") === true;
}

function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function readValues(name: string, tensor: StridedTensor, storages: Container["storages"]): Float32Array | undefined {
  const { storage, offset, shape, stride } = tensor;
  if (!isFloat(storage.type)) return undefined;
  const bytes = storages.get(storage.key);
  if (bytes === undefined) throw new Error(`tensor "${name}": its storage ${storage.key} is missing`);
  const needed = storage.elements * storageWidths[storage.type];
  if (bytes.length !== needed) {
    throw new Error(`tensor "${name}": its storage has ${bytes.length} bytes where ${needed} are declared`);
  }
  const elements = elementsOf(shape);
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * stride[axis]!, offset);
  // A tensor may be smaller than its storage, never larger: by repeating values, a small file could ask for all memory.
  if (elements > storage.elements || (elements > 0 && last >= storage.elements)) {
    throw new Error(`tensor "${name}" of shape [${shape}] reaches past its storage of ${storage.elements} values`);
  }
  // Copies only the tensor's own part of a storage that many tensors share.
  const width = storageWidths[storage.type];
  const stored = storedValues(storage.type, bytes.subarray(offset * width, elements === 0 ? 0 : (last + 1) * width));
  return isContiguous(shape, stride) ? stored : gather(stored, tensor, elements);
}

type FloatType = "F64" | "F32" | "F16" | "BF16";

function isFloat(type: StorageType): type is FloatType {
  return type === "F64" || type === "F32" || type === "F16" || type === "BF16";
}

function storedValues(type: FloatType, bytes: Uint8Array): Float32Array {
  // A copy, because the file's parts lie at any address and a typed array needs a multiple of its element's size.
  const { buffer } = bytes.slice();
  switch (type) {
    case "F64":
      return Float32Array.from(new Float64Array(buffer));
    case "F32":
      return new Float32Array(buffer);
    case "F16":
      return float32FromHalf(new Uint16Array(buffer));
    case "BF16":
      return float32FromBfloat16(new Uint16Array(buffer));
  }
}

function isContiguous(shape: readonly number[], stride: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && stride[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/** `stored` begins at the tensor's first value. */
function gather(stored: Float32Array, { shape, stride }: StridedTensor, elements: number): Float32Array {
  const values = new Float32Array(elements);
  const index = new Array<number>(shape.length).fill(0);
  let at = 0;
  for (let i = 0; i < elements; i++) {
    values[i] = stored[at]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += stride[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      at -= stride[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return values;
}
