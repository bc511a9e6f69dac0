// Reads the pickle inside a PyTorch checkpoint and executes nothing, although a pickle is a program that may
// call any function of Python. The reader knows the few opcodes and names that tensors need, and refuses
// everything else by name.

import { PickleInput } from "./pickle-input.js";

export type PickleValue = null | boolean | number | bigint | string | PickleValue[] | PickleObject;

type PickleObject =
  | { readonly kind: "dict"; readonly entries: Map<PickleValue, PickleValue> }
  | { readonly kind: "global"; readonly name: string }
  | StorageReference
  | StridedTensor
  | { readonly kind: "unread"; readonly name: string };

/** Bytes per element. */
export const storageWidths = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  C64: 8,
  C128: 16,
  QInt8: 1,
  QUInt8: 1,
  QInt32: 4,
  QUInt4x2: 1,
  QUInt2x4: 1,
  untyped: 1,
} as const;
export type StorageType = keyof typeof storageWidths;

interface StorageReference {
  readonly kind: "storage";
  readonly type: StorageType;
  /** The key of the values in the file. */
  readonly key: string;
  readonly elements: number;
}

/** The values of a storage that form a tensor; not yet checked against the storage's size. */
export interface StridedTensor {
  readonly kind: "tensor";
  /** The storage's type, or PyTorch's own name for a storage without a type. */
  readonly dtype: string;
  readonly storage: StorageReference;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
}

export interface ReadPickle {
  readonly value: PickleValue;
  /** Every storage that the pickle refers to, by key. */
  readonly storages: ReadonlyMap<string, StorageReference>;
  /** The position after the last opcode. */
  readonly end: number;
}

const storageTypes: Readonly<Record<string, StorageType>> = {
  "torch.DoubleStorage": "F64",
  "torch.FloatStorage": "F32",
  "torch.HalfStorage": "F16",
  "torch.BFloat16Storage": "BF16",
  "torch.LongStorage": "I64",
  "torch.IntStorage": "I32",
  "torch.ShortStorage": "I16",
  "torch.CharStorage": "I8",
  "torch.ByteStorage": "U8",
  "torch.BoolStorage": "BOOL",
  "torch.ComplexFloatStorage": "C64",
  "torch.ComplexDoubleStorage": "C128",
  "torch.QInt8Storage": "QInt8",
  "torch.QUInt8Storage": "QUInt8",
  "torch.QInt32Storage": "QInt32",
  "torch.QUInt4x2Storage": "QUInt4x2",
  "torch.QUInt2x4Storage": "QUInt2x4",
  "torch.storage.UntypedStorage": "untyped",
};

/**
 * Types and layouts. No value of a float tensor depends on them, but a tensor that is not taken may
 * be described with them.
 */
const plainName = /^torch\.(q?u?int\d+|b?float\d+\w*|complex\d+|bool|bits\w+|per_\w+_affine|sparse_\w+|strided)$/;

type Call = (args: PickleValue[]) => PickleValue;

/** Stands in for the functions that a checkpoint of tensors calls. No other function can be called. */
const calls: Readonly<Record<string, Call>> = {
  "collections.OrderedDict": ([pairs]) => {
    const entries = new Map<PickleValue, PickleValue>();
    for (const pair of pairs === undefined ? [] : asList(pairs)) {
      const [key, value] = asList(pair);
      if (key === undefined || value === undefined) throw new Error("an OrderedDict is not made of pairs");
      entries.set(key, value);
    }
    return { kind: "dict", entries };
  },
  "torch._utils._rebuild_tensor_v2": ([storage, offset, shape, stride, , , metadata]) => {
    refuseMetadata(metadata);
    const tensor = stridedTensor(storage, { offset, shape, stride });
    return { ...tensor, dtype: tensor.storage.type };
  },
  "torch._utils._rebuild_tensor_v3": ([storage, offset, shape, stride, , , dtype, metadata]) => {
    refuseMetadata(metadata);
    if (!isObject(dtype) || dtype.kind !== "unread") throw new Error("a tensor of an untyped storage names no dtype");
    return { ...stridedTensor(storage, { offset, shape, stride }), dtype: dtype.name };
  },
  "torch._utils._rebuild_parameter": parameter,
  "torch._utils._rebuild_parameter_with_state": parameter,
  ...Object.fromEntries(
    [
      "torch._utils._rebuild_qtensor",
      "torch._utils._rebuild_sparse_tensor",
      "torch.serialization._get_layout",
      "torch.Size",
      "torch.device",
    ].map((name) => [name, (): PickleValue => ({ kind: "unread", name })]),
  ),
};

function parameter([tensor]: PickleValue[]): PickleObject {
  if (!isObject(tensor) || (tensor.kind !== "tensor" && tensor.kind !== "unread")) {
    throw new Error("a parameter is built of no tensor");
  }
  return tensor;
}

function stridedTensor(
  storage: PickleValue | undefined,
  { offset, shape, stride }: Record<"offset" | "shape" | "stride", PickleValue | undefined>,
): Omit<StridedTensor, "dtype"> {
  if (!isObject(storage) || storage.kind !== "storage") throw new Error("a tensor is built of no storage");
  const tensor = { offset: asSize(offset), shape: asList(shape).map(asSize), stride: asList(stride).map(asSize) };
  if (tensor.shape.length !== tensor.stride.length) throw new Error("a tensor's shape and stride differ in length");
  return { kind: "tensor", storage, ...tensor };
}

/** Refuses a conjugated or negated view, whose values differ from those stored. */
function refuseMetadata(metadata: PickleValue | undefined): void {
  if (isObject(metadata) && metadata.kind === "dict" && metadata.entries.size > 0) {
    throw new Error("a tensor is a view with other values than its storage; save it as a tensor of its own");
  }
}

/** A tensor takes about forty steps. */
const maxSteps = 4_000_000;

/** Reads one pickle from `start`. Throws an Error that names the refused part, or says that the data end too soon. */
export function readPickle(bytes: Uint8Array, start = 0): ReadPickle {
  const machine = new PickleMachine(new PickleInput(bytes, start));
  const { input } = machine;
  for (let step = 0; ; step++) {
    // One byte can make an object of many bytes: a large file of such bytes must not fill the memory.
    if (step === maxSteps) throw new Error(`the pickle has more than ${maxSteps} steps; no checkpoint needs so many`);
    const at = input.position;
    const opcode = input.uint8();
    if (opcode === stop) return { value: machine.pop(), storages: machine.storages, end: input.position };
    const operation = operations[opcode];
    if (operation === undefined) {
      throw new Error(
        `the pickle's opcode 0x${opcode.toString(16)} at byte ${at} is refused: no checkpoint of tensors needs it`,
      );
    }
    operation(machine);
  }
}

/** The stack, the marks and the memo on which a pickle's operations work. */
class PickleMachine {
  readonly marks: number[] = [];
  readonly memo = new Map<number, PickleValue>();
  readonly storages = new Map<string, StorageReference>();
  private readonly stack: PickleValue[] = [];

  constructor(readonly input: PickleInput) {}

  push(value: PickleValue): void {
    this.stack.push(value);
  }

  pop(): PickleValue {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) throw new Error("the pickle takes a value that is not there");
    return this.stack.pop() as PickleValue;
  }

  popMany(count: number): PickleValue[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  mark(): void {
    this.marks.push(this.stack.length);
  }

  /** The values since the last mark. */
  popMark(): PickleValue[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw new Error("the pickle takes a mark that is not there");
    return this.stack.splice(mark);
  }

  top(): PickleValue {
    const value = this.stack.at(-1);
    if (value === undefined) throw new Error("the pickle takes a value that is not there");
    return value;
  }

  topDict(refusal: string): Map<PickleValue, PickleValue> {
    const dict = this.top();
    if (!isObject(dict) || dict.kind !== "dict") throw new Error(refusal);
    return dict.entries;
  }

  memorize(index: number): void {
    this.memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) throw new Error(`the pickle takes entry ${index} of its memory, which is not there`);
    this.push(value);
  }

  setItems(items: PickleValue[]): void {
    const entries = this.topDict("items are set on no dict");
    if (items.length % 2 !== 0) throw new Error("items are set on no dict");
    for (let i = 0; i < items.length; i += 2) entries.set(items[i]!, items[i + 1]!);
  }
}

/** STOP ends the pickle. */
const stop = 46;

/** By opcode, as Python's pickletools lists them. */
const operations: Readonly<Record<number, (machine: PickleMachine) => void>> = {
  128: ({ input }) => expectProtocol(input.uint8()), // PROTO
  149: ({ input }) => void input.take(8), // FRAME
  40: (machine) => machine.mark(), // MARK
  48: (machine) => void machine.pop(), // POP
  78: (machine) => machine.push(null), // NONE
  136: (machine) => machine.push(true), // NEWTRUE
  137: (machine) => machine.push(false), // NEWFALSE
  74: (machine) => machine.push(machine.input.int32()), // BININT
  75: (machine) => machine.push(machine.input.uint8()), // BININT1
  77: (machine) => machine.push(machine.input.uint16()), // BININT2
  138: (machine) => machine.push(machine.input.long(machine.input.uint8())), // LONG1
  71: (machine) => machine.push(machine.input.float64()), // BINFLOAT
  88: (machine) => machine.push(machine.input.text(machine.input.uint32())), // BINUNICODE
  140: (machine) => machine.push(machine.input.text(machine.input.uint8())), // SHORT_BINUNICODE
  41: (machine) => machine.push([]), // EMPTY_TUPLE
  133: (machine) => machine.push(machine.popMany(1)), // TUPLE1
  134: (machine) => machine.push(machine.popMany(2)), // TUPLE2
  135: (machine) => machine.push(machine.popMany(3)), // TUPLE3
  116: (machine) => machine.push(machine.popMark()), // TUPLE
  93: (machine) => machine.push([]), // EMPTY_LIST
  97: (machine) => appendTo([machine.pop()], machine.top()), // APPEND
  101: (machine) => appendTo(machine.popMark(), machine.top()), // APPENDS
  125: (machine) => machine.push({ kind: "dict", entries: new Map() }), // EMPTY_DICT
  115: (machine) => machine.setItems(machine.popMany(2)), // SETITEM
  117: (machine) => machine.setItems(machine.popMark()), // SETITEMS
  113: (machine) => machine.memorize(machine.input.uint8()), // BINPUT
  114: (machine) => machine.memorize(machine.input.uint32()), // LONG_BINPUT
  148: (machine) => machine.memorize(machine.memo.size), // MEMOIZE
  104: (machine) => machine.recall(machine.input.uint8()), // BINGET
  106: (machine) => machine.recall(machine.input.uint32()), // LONG_BINGET
  99: (machine) => machine.push(knownGlobal(machine.input.line(), machine.input.line())), // GLOBAL
  147: (machine) => machine.push(knownGlobal(...(machine.popMany(2).map(asText) as [string, string]))), // STACK_GLOBAL
  // BINPERSID
  81: (machine) => {
    const storage = storageOf(machine.pop());
    machine.storages.set(storage.key, storage);
    machine.push(storage);
  },
  // REDUCE
  82: (machine) => {
    const [callee, args] = machine.popMany(2);
    machine.push(call(callee, asList(args)));
  },
  // BUILD: state_dict carries its modules' versions as an attribute, which no tensor needs.
  98: (machine) => {
    machine.pop();
    machine.topDict("attributes are set on something that is no dict");
  },
};

function expectProtocol(protocol: number): void {
  if (protocol < 2 || protocol > 5) throw new Error(`pickle protocol ${protocol} is not 2 to 5`);
}

function knownGlobal(module: string, name: string): PickleObject {
  const full = `${module}.${name}`;
  if (plainName.test(full)) return { kind: "unread", name: full };
  if (!Object.hasOwn(calls, full) && !Object.hasOwn(storageTypes, full)) {
    // The file chooses the name, so it is shown in part and without control characters.
    const shown = full.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 100);
    throw new Error(`the pickle names ${shown}, which is refused: only tensors are read, and no code is run`);
  }
  return { kind: "global", name: full };
}

function call(callee: PickleValue | undefined, args: PickleValue[]): PickleValue {
  const name = isObject(callee) && callee.kind === "global" ? callee.name : undefined;
  const known = name !== undefined && Object.hasOwn(calls, name) ? calls[name] : undefined;
  if (known === undefined) throw new Error(`the pickle calls ${name ?? "a value"}, which is no function`);
  return known(args);
}

/**
 * A persistent id: ("storage", type, key, device, elements), and in the older container a view of the storage,
 * which must be None.
 */
function storageOf(id: PickleValue): StorageReference {
  const [tag, type, key, , elements, view] = asList(id);
  if (tag !== "storage" || !isObject(type) || type.kind !== "global") throw new Error("a persistent id is no storage");
  const storageType = Object.hasOwn(storageTypes, type.name) ? storageTypes[type.name] : undefined;
  if (storageType === undefined) throw new Error(`a storage has the type ${type.name}`);
  if (view !== undefined && view !== null) throw new Error("a storage is a view of another: save the checkpoint again");
  return { kind: "storage", type: storageType, key: asText(key), elements: asSize(elements) };
}

function appendTo(items: PickleValue[], list: PickleValue): void {
  const target = asList(list);
  for (const item of items) target.push(item);
}

function isObject(value: PickleValue | undefined): value is PickleObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asList(value: PickleValue | undefined): PickleValue[] {
  if (!Array.isArray(value)) throw new Error("a list stands where none is: the pickle is no checkpoint of tensors");
  return value;
}

function asText(value: PickleValue | undefined): string {
  if (typeof value !== "string") throw new Error("text is missing: the pickle is no checkpoint of tensors");
  return value;
}

function asSize(value: PickleValue | undefined): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new Error("a size, offset or stride is not a whole, non-negative number");
  }
  return value;
}
