import { expect, test } from "vitest";
import { MlError } from "../error.js";
import { createRandom } from "./random.js";
import { bytesSource, openSafetensors, parseSafetensors, serializeSafetensors } from "./safetensors.js";

const valid = serializeSafetensors({
  tensors: new Map([
    ["a.weight", { dtype: "F32", shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
    ["b", { dtype: "I8", shape: [5], data: Int8Array.of(1, 2, 3, 4, 5) }],
    ["c", { dtype: "F64", shape: [1, 1], data: Float64Array.of(7) }],
    ["empty", { dtype: "F16", shape: [0, 4], data: new Uint16Array(0) }],
  ]),
  metadata: { kind: "x" },
});
const headerEnd = 8 + Number(new DataView(valid.buffer).getBigUint64(0, true));

/** Damages a file: flips bits, exchanges bytes, changes digits of sizes and offsets, cuts or lengthens the file. */
function damage(random: ReturnType<typeof createRandom>): Uint8Array {
  const bytes = valid.slice();
  for (let edits = 1 + random.integer(4); edits > 0; edits--) {
    const at = random.integer(random.next() < 0.9 ? headerEnd : bytes.length);
    const kind = random.integer(4);
    if (kind === 0) bytes[at]! ^= 1 << random.integer(8);
    else if (kind === 1) bytes[at] = random.integer(256);
    else if (kind === 2) bytes.copyWithin(at, random.integer(headerEnd), random.integer(headerEnd));
    else if (bytes[at]! >= 0x30 && bytes[at]! <= 0x39) bytes[at] = 0x30 + random.integer(10);
  }
  const length = random.next() < 0.8 ? bytes.length : random.integer(bytes.length + 20);
  const cut = new Uint8Array(length);
  cut.set(bytes.subarray(0, length));
  return cut;
}

test.each([
  ["in memory", parseSafetensors],
  ["read piece by piece", (bytes: Uint8Array) => openSafetensors(bytesSource(bytes))],
])("a damaged file is refused with a reason, or its tensors are whole and lie inside it (%s)", (_, read) => {
  const random = createRandom(1);
  const outcomes = { refused: 0, read: 0 };
  for (let i = 0; i < 20_000; i++) {
    const bytes = damage(random);
    try {
      for (const { shape, data } of read(bytes).tensors.values()) {
        expect(data.length).toBe(shape.reduce((product, size) => product * size, 1));
        expect(data.byteLength).toBeLessThanOrEqual(bytes.length);
      }
      outcomes.read++;
    } catch (error) {
      if (!(error instanceof MlError)) throw error;
      outcomes.refused++;
    }
  }
  expect(outcomes.refused).toBeGreaterThan(1000);
  expect(outcomes.read).toBeGreaterThan(100);
});
