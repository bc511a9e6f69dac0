import fc from "fast-check";
import { expect, test } from "vitest";
import { MlError } from "../error.js";
import {
  bytesSource,
  openSafetensors,
  parseSafetensors,
  partOf,
  serializeSafetensors,
  type Tensor,
  type TensorFile,
} from "./safetensors.js";

const shapes = fc.array(fc.nat({ max: 5 }), { maxLength: 3 });
const elements = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

/** Every bit pattern of every width, NaN's among them. */
const tensors: fc.Arbitrary<Tensor> = fc
  .record({ shape: shapes, dtype: fc.constantFrom("F64", "I64", "F32", "I32", "F16", "BF16", "I8", "U8") })
  .chain(({ shape, dtype }) => {
    const type = { F64: Float64Array, I64: BigInt64Array, F32: Float32Array, I32: Int32Array }[dtype as "F64"];
    const array = type ?? { F16: Uint16Array, BF16: Uint16Array, I8: Int8Array, U8: Uint8Array }[dtype as "U8"];
    const length = elements(shape) * array.BYTES_PER_ELEMENT;
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((bytes) => ({ dtype, shape, data: new array(bytes.slice().buffer as ArrayBuffer) }) as Tensor);
  });
const names = fc.string({ unit: "binary", maxLength: 12 }).filter((name) => name !== "__metadata__");
const files: fc.Arbitrary<TensorFile> = fc.record({
  tensors: fc.array(fc.tuple(names, tensors), { maxLength: 6 }).map((entries) => new Map(entries)),
  metadata: fc.dictionary(fc.string({ unit: "binary", maxLength: 8 }), fc.string({ unit: "binary", maxLength: 8 })),
});
const bytesOf = ({ data }: Tensor) => [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];

test("any file that is written is read as it was, whole and piece by piece, and written again to the same bytes", () => {
  fc.assert(
    fc.property(files, fc.nat(), (file, at) => {
      const bytes = serializeSafetensors(file);
      const whole = parseSafetensors(bytes);
      const pieces = openSafetensors(bytesSource(bytes));
      for (const [name, tensor] of file.tensors) {
        for (const read of [whole.tensors.get(name)!, pieces.tensors.get(name)!]) {
          expect([read.dtype, read.shape, bytesOf(read)]).toEqual([tensor.dtype, tensor.shape, bytesOf(tensor)]);
        }
        const first = at % (elements(tensor.shape) + 1);
        const some = partOf(pieces.tensors.get(name)!, first, elements(tensor.shape) - first);
        const wanted = tensor.data.subarray(first);
        expect(new Uint8Array(some.buffer, some.byteOffset, some.byteLength)).toEqual(
          new Uint8Array(wanted.buffer, wanted.byteOffset, wanted.byteLength),
        );
      }
      expect(whole.metadata).toEqual(file.metadata);
      expect([whole, pieces].map((read) => serializeSafetensors(read))).toEqual([bytes, bytes]);
    }),
  );
});

test("a file with any of its bytes changed or cut off is read, or refused as malformed, and nothing else happens", () => {
  const change = fc.record({ at: fc.nat(), to: fc.nat({ max: 255 }), cut: fc.option(fc.nat()) });
  fc.assert(
    fc.property(files, change, (file, { at, to, cut }) => {
      const bytes = serializeSafetensors(file);
      bytes[at % bytes.length] = to;
      const given = cut === null ? bytes : bytes.subarray(0, cut % bytes.length);
      const outcomes = [() => parseSafetensors(given), () => openSafetensors(bytesSource(given))].map(outcomeOf);
      expect(outcomes[0]).toBe(outcomes[1]);
    }),
  );
});

/** The names of what was read, or the reason of the refusal; any other error fails the test. */
function outcomeOf(read: () => TensorFile): string {
  try {
    return JSON.stringify([...read().tensors].map(([name, { dtype, shape }]) => [name, dtype, shape]));
  } catch (error) {
    if (!(error instanceof MlError)) throw error;
    return error.message;
  }
}
