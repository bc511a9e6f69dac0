// Makes files of torch.save by hand: pickles of protocol 2 in a zip of stored entries, well-formed and malformed.

import { crc32 } from "node:zlib";

export const text = (value: string) => new TextEncoder().encode(value);
export const global = (module: string, name: string) => [0x63, ...text(`${module}\n${name}\n`)];
export const string = (value: string) => [0x58, value.length, 0, 0, 0, ...text(value)];
export const int = (value: number) => [0x4a, ...new Uint8Array(Int32Array.of(value).buffer)];
export const long = (value: bigint) => [0x8a, 8, ...new Uint8Array(BigInt64Array.of(value).buffer)];
export const tuple = (...items: number[][]) => [0x28, ...items.flat(), 0x74];
export const pickle = (...parts: number[][]) => Uint8Array.from([0x80, 2, ...parts.flat(), 0x2e]);
export const storage = (elements: number[], type = "FloatStorage") => [
  ...tuple(string("storage"), global("torch", type), string("0"), string("cpu"), elements),
  0x51,
];
export const tensor = (parts: { storage?: number[]; offset?: number[]; shape: number[]; stride: number[] }) => [
  ...global("torch._utils", "_rebuild_tensor_v2"),
  ...tuple(parts.storage ?? storage(int(4)), parts.offset ?? int(0), parts.shape, parts.stride, [0x89], [0x4e]),
  0x52,
];
export const dict = (name: string, value: number[]) => dictOf({ [name]: value });
export const dictOf = (values: Record<string, number[]>) =>
  pickle([0x7d, 0x28, ...Object.entries(values).flatMap(([name, value]) => [...string(name), ...value]), 0x75]);

interface ZipEdit {
  readonly method?: number;
  readonly size?: number;
  readonly offset?: number;
  readonly flags?: number;
}

export function zipOf(files: Record<string, Uint8Array>, edits: Record<string, ZipEdit> = {}): Uint8Array {
  const [locals, centrals]: [number[], number[]] = [[], []];
  const u16 = (value: number) => [value & 255, value >> 8];
  const u32 = (value: number) => [...u16(value & 0xffff), ...u16(value >>> 16)];
  for (const [name, content] of Object.entries(files)) {
    const { method = 0, size = content.length, offset = locals.length, flags = 0 } = edits[name] ?? {};
    const sum = u32(crc32(content));
    const shared = [...u16(flags), ...u16(method), 0, 0, 0, 0, ...sum, ...u32(content.length), ...u32(size)];
    locals.push(...u32(0x04034b50), 20, 0, ...shared, ...u16(name.length), 0, 0, ...text(name));
    for (const byte of content) locals.push(byte);
    const rest = [...u16(name.length), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...u32(offset)];
    centrals.push(...u32(0x02014b50), 20, 0, 20, 0, ...shared, ...rest, ...text(name));
  }
  const count = u16(Object.keys(files).length);
  const end = [
    ...u32(0x06054b50),
    0,
    0,
    0,
    0,
    ...count,
    ...count,
    ...u32(centrals.length),
    ...u32(locals.length),
    0,
    0,
  ];
  return Uint8Array.from([...locals, ...centrals, ...end]);
}

export interface View {
  readonly shape: readonly number[];
  readonly offset: number;
}

/** A pytorch_model.bin whose tensors are all views of one storage, row-major from their offset on. */
export function torchFileOfViews(values: Float32Array, views: Record<string, View>): Uint8Array {
  const tensors = Object.entries(views).map(([name, { shape, offset }]): [string, number[]] => {
    const stride = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
    const sizes = { shape: tuple(...shape.map(int)), stride: tuple(...stride.map(int)) };
    return [name, tensor({ storage: storage(int(values.length)), offset: int(offset), ...sizes })];
  });
  return zipOf({ "m/data.pkl": dictOf(Object.fromEntries(tensors)), "m/data/0": new Uint8Array(values.buffer) });
}
