import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { MlError } from "../error.js";
import {
  bytesSource,
  getFloat32,
  openSafetensors,
  parseSafetensors,
  partOf,
  serializeSafetensors,
  type Tensor,
  type TensorFile,
} from "./safetensors.js";

const encoder = new TextEncoder();

/** A file of any header, even a wrong one, before `body`. */
function fileOf(header: unknown, body = new Uint8Array(0)): Uint8Array {
  const json = typeof header === "string" ? header : JSON.stringify(header);
  const text = encoder.encode(json);
  const bytes = new Uint8Array(8 + text.length + body.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(body, 8 + text.length);
  return bytes;
}

function notUtf8(): Uint8Array {
  const bytes = fileOf('{"a":{}}');
  bytes[10] = 0xff;
  return bytes;
}

const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});

const everyDtype: TensorFile = {
  tensors: new Map<string, Tensor>([
    ["odd bytes", { dtype: "I8", shape: [3], data: Int8Array.of(-127, 0, 127) }],
    ["f32", { dtype: "F32", shape: [2, 2], data: Float32Array.of(1.5, -0, Number.NaN, Number.POSITIVE_INFINITY) }],
    ["f64", { dtype: "F64", shape: [1], data: Float64Array.of(Math.PI) }],
    ["f16", { dtype: "F16", shape: [2], data: Uint16Array.of(0x3c00, 0xfc00) }],
    ["u8", { dtype: "U8", shape: [1], data: Uint8Array.of(255) }],
    ["i32", { dtype: "I32", shape: [1], data: Int32Array.of(-5) }],
    ["i64", { dtype: "I64", shape: [1], data: BigInt64Array.of(-(2n ** 62n)) }],
    ["scalar", { dtype: "F32", shape: [], data: Float32Array.of(9) }],
    ["empty", { dtype: "F32", shape: [0, 4], data: new Float32Array(0) }],
    ["7", { dtype: "U8", shape: [1], data: Uint8Array.of(7) }],
    ['naïve 名前 \u{1f600} "', { dtype: "U8", shape: [1], data: Uint8Array.of(1) }],
    ["__proto__", { dtype: "U8", shape: [1], data: Uint8Array.of(2) }],
  ]),
  metadata: { format: "pt", __proto: "x" },
};

/** Tensors of the types with which nothing is computed: their data are bytes. */
const opaque: TensorFile = {
  tensors: new Map<string, Tensor>([
    ["u16", { dtype: "U16", shape: [1], data: Uint8Array.of(1, 2) }],
    ["u64", { dtype: "U64", shape: [1], data: new Uint8Array(8).fill(3) }],
    ["bool", { dtype: "BOOL", shape: [3], data: Uint8Array.of(1, 0, 1) }],
    ["complex", { dtype: "C64", shape: [1], data: new Uint8Array(8).fill(4) }],
    ["eight bits", { dtype: "F8_E4M3", shape: [2], data: Uint8Array.of(0x38, 0) }],
    ["four bits", { dtype: "F4", shape: [3, 2], data: Uint8Array.of(0x21, 0x43, 0x65) }],
    ["weight", { dtype: "F32", shape: [1], data: Float32Array.of(2) }],
  ]),
  metadata: {},
};

test("reads a file with tensors of every other type, from memory and from a source, and writes the same bytes", () => {
  const bytes = serializeSafetensors(opaque);
  for (const { tensors } of [parseSafetensors(bytes), openSafetensors(bytesSource(bytes))]) {
    for (const [name, { dtype, shape, data }] of opaque.tensors) {
      expect(tensors.get(name), name).toMatchObject({ dtype, shape, data });
    }
    expect(serializeSafetensors({ tensors, metadata: {} })).toEqual(bytes);
  }
});

test("reads back what it writes, every dtype, shape and name", () => {
  const read = parseSafetensors(serializeSafetensors(everyDtype));
  expect(Object.fromEntries(read.tensors)).toEqual(Object.fromEntries(everyDtype.tensors));
  expect(read.metadata).toEqual(everyDtype.metadata);
});

test("writes equal bytes for equal content, whatever the order it was put together in, each tensor aligned", () => {
  const bytes = serializeSafetensors(everyDtype);
  const reversed = { tensors: new Map([...everyDtype.tensors].reverse()), metadata: { __proto: "x", format: "pt" } };
  expect(serializeSafetensors(reversed)).toEqual(bytes);
  expect(new DataView(bytes.buffer).getBigUint64(0, true) % 8n).toBe(0n);
  for (const { data } of parseSafetensors(bytes).tensors.values()) expect(data.buffer).toBe(bytes.buffer);
});

test("reads a file at any alignment of its bytes", () => {
  const bytes = serializeSafetensors(everyDtype);
  for (let shift = 1; shift < 8; shift++) {
    const shifted = new Uint8Array(bytes.length + shift);
    shifted.set(bytes, shift);
    expect(parseSafetensors(shifted.subarray(shift)).tensors.get("f64")).toEqual(everyDtype.tensors.get("f64"));
  }
});

test.each(["odd", "single", "deep"])(
  "reads a file the reference library wrote, and writes the same bytes (%s)",
  (name) => {
    const bytes = readFileSync(new URL(`../../../../test/golden/encoder-${name}.safetensors`, import.meta.url));
    const file = parseSafetensors(bytes);
    expect(JSON.parse(file.metadata.versions ?? "")).toHaveProperty("safetensors");
    expect(bytes.equals(serializeSafetensors(file))).toBe(true);
  },
);

test.each([
  ["nothing", new Uint8Array(0), "0 bytes are too few"],
  ["half a length", new Uint8Array(7), "7 bytes are too few"],
  ["a length beyond the limit", new Uint8Array(8).fill(255), "above the limit of 100000000"],
  ["a header that ends past the file", fileOf("{}").subarray(0, 9), "truncated"],
  ["a header that is not JSON", fileOf("{nope}"), "not JSON in UTF-8"],
  ["a header that is not UTF-8", notUtf8(), "not JSON in UTF-8"],
  ["a header that is a list", fileOf("[]"), "not a JSON object"],
  ["a header that begins with a space", fileOf(" {}"), "not a JSON object"],
  ["an entry that is no object", fileOf({ a: 1 }), 'tensor "a": its entry is not an object'],
  ["no dtype", fileOf({ a: { shape: [], data_offsets: [0, 4] } }), 'tensor "a": dtype is missing'],
  ["another dtype", fileOf({ a: { dtype: "F7", shape: [], data_offsets: [0, 1] } }), 'tensor "a": dtype F7'],
  [
    "half a byte",
    fileOf({ a: { dtype: "F4", shape: [3], data_offsets: [0, 1] } }, new Uint8Array(1)),
    "takes 1.5 bytes",
  ],
  ["a dtype named as an object's method", fileOf({ a: { dtype: "toString", shape: [] } }), "dtype toString"],
  ["a negative size", fileOf({ a: f32(0, 4, [-1]) }), 'tensor "a": shape'],
  ["a fraction of a size", fileOf({ a: f32(0, 4, [0.5]) }), 'tensor "a": shape'],
  ["offsets the wrong way", fileOf({ a: f32(4, 0, [1]) }), 'tensor "a": data_offsets'],
  ["offsets of another size", fileOf({ a: f32(0, 8, [1]) }, new Uint8Array(8)), "takes 4 bytes, data_offsets span 8"],
  ["a size that overflows", fileOf({ a: f32(0, 4, [2 ** 40, 2 ** 40]) }), 'tensor "a"'],
  ["data past the end", fileOf({ a: f32(0, 8) }, new Uint8Array(4)), 'tensor "a": its data end at 8, the file\'s at 4'],
  ["an overlap", fileOf({ a: f32(0, 8), b: f32(4, 12) }, new Uint8Array(12)), 'tensor "b": data_offsets overlaps'],
  ["a gap", fileOf({ a: f32(0, 4), b: f32(8, 12) }, new Uint8Array(12)), 'tensor "b": data_offsets leaves a gap'],
  ["bytes left over", fileOf({ a: f32(0, 4) }, new Uint8Array(5)), "1 bytes after the last tensor"],
  ["metadata that is not text", fileOf({ __metadata__: { a: 1 } }), "__metadata__"],
  ["a name twice", fileOf('{"a":{},"\\u0061" :{}}'), '"a" appears twice'],
  [
    "a field twice",
    fileOf('{"a":{"dtype":"F32","dtype":"I8","shape":[],"data_offsets":[0,4]}}'),
    '"dtype" appears twice',
  ],
])("refuses %s, saying so", (_, bytes, message) => {
  expect(() => parseSafetensors(bytes)).toThrow(message);
  expect(() => parseSafetensors(bytes)).toThrow(MlError);
  expect(() => openSafetensors(bytesSource(bytes))).toThrow(message);
});

test("reads of a source the header and then what is asked for, in parts or whole, and the same as from memory", () => {
  const bytes = serializeSafetensors(everyDtype);
  const reads: number[] = [];
  const { sizeBytes, read } = bytesSource(bytes);
  const file = openSafetensors({
    sizeBytes,
    read(offset, into) {
      reads.push(into.length);
      read(offset, into);
    },
  });
  const headerBytes = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  expect(reads).toEqual([8, headerBytes]);
  expect(file.metadata).toEqual(everyDtype.metadata);
  expect([...file.tensors.keys()].sort()).toEqual([...everyDtype.tensors.keys()].sort());
  for (const [name, { dtype, shape, data }] of everyDtype.tensors) {
    const tensor = file.tensors.get(name)!;
    expect(tensor).toMatchObject({ dtype, shape });
    expect(tensor.data).toEqual(data);
    for (let i = 0; i < data.length; i++) {
      reads.length = 0;
      expect(partOf(tensor, i, 1)).toEqual(data.subarray(i, i + 1));
      expect(reads).toEqual([data.BYTES_PER_ELEMENT]);
    }
    expect(() => partOf(tensor, data.length, 1)).toThrow("not inside the tensor");
    expect(() => partOf(tensor, -1, 1)).toThrow("not inside the tensor");
  }
});

test("answers values of a source that has become shorter with an error, and reads nothing beyond what the header was checked against", () => {
  let bytes = serializeSafetensors(everyDtype);
  const whole = bytes.length;
  const file = openSafetensors({
    sizeBytes: whole,
    read(offset, into) {
      expect(offset + into.length).toBeLessThanOrEqual(whole);
      bytesSource(bytes).read(offset, into);
    },
  });
  bytes = bytes.slice(0, bytes.length - 1);
  const refused = [...file.tensors.values()].filter((tensor) => {
    try {
      return tensor.data === undefined;
    } catch (error) {
      expect(error).toBeInstanceOf(MlError);
      return true;
    }
  });
  expect(refused).toHaveLength(1);
  bytes = new Uint8Array(whole + 100).fill(0xff);
  for (const { data, shape } of file.tensors.values()) {
    expect(data.length).toBe(shape.reduce((product, size) => product * size, 1));
  }
});

test("accepts a colon, brace or quote inside a name without losing count", () => {
  const tensors = new Map<string, Tensor>([['{"a":{}} \\', { dtype: "U8", shape: [1], data: Uint8Array.of(1) }]]);
  const metadata = { a: '"a":{"a":1}' };
  expect(parseSafetensors(serializeSafetensors({ tensors, metadata }))).toEqual({ tensors, metadata });
});

test("refuses a file cut anywhere, and answers a flipped bit anywhere with a file or an MlError, never another fault", () => {
  const bytes = serializeSafetensors(everyDtype);
  for (let length = 0; length < bytes.length; length++) {
    expect(() => parseSafetensors(bytes.subarray(0, length))).toThrow(MlError);
  }
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    try {
      parseSafetensors(flipped);
    } catch (error) {
      expect(error).toBeInstanceOf(MlError);
    }
  }
});

test("refuses to write a tensor whose shape and data disagree, or named like the metadata", () => {
  const wrong: Tensor = { dtype: "F32", shape: [3], data: new Float32Array(2) };
  expect(() => serializeSafetensors({ tensors: new Map([["w", wrong]]), metadata: {} })).toThrow(
    'Tensor "w" of shape [3]',
  );
  const named: Tensor = { dtype: "F32", shape: [2], data: new Float32Array(2) };
  expect(() => serializeSafetensors({ tensors: new Map([["__metadata__", named]]), metadata: {} })).toThrow(
    "__metadata__",
  );
});

test("names the tensor that is missing, of another dtype or of another shape", () => {
  expect(() => getFloat32(everyDtype, "absent")).toThrow('tensor "absent" is missing');
  expect(() => getFloat32(everyDtype, "u8")).toThrow('tensor "u8" is U8, not F32');
  expect(() => getFloat32(everyDtype, "f32", [4])).toThrow('Tensor "f32" has shape [2,2], expected [4]');
});
