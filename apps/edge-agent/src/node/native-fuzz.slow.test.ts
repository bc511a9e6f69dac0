// The addon's own checks of what JavaScript passes: any values, in any number, with detached buffers. A crash would end
// the test's process. check/fuzz.c covers what the kernels do with sizes and ids that pass.

import { createRandom } from "@attune/ml/tensor/random";
import { expect, test } from "vitest";
import { readGoldenEncoders } from "../../../../test/golden/encoders.js";
import { describeUnlessLacking, lackOfAddon } from "../../../../test/requirements.js";
import { createNativeEngine, loadNativeAddon } from "./native-engine.js";

const calls = 100_000;

function detached<T extends Float32Array | Int32Array | Int8Array | Uint8Array | Uint16Array>(array: T): T {
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
  return array;
}

/** Values that a caller could pass by mistake or on purpose; `encoders` are real. */
function strangers(encoders: readonly unknown[]): unknown[] {
  const kinds = [Float32Array, Int32Array, Int8Array, Uint8Array, Uint16Array, Float64Array] as const;
  const arrays = kinds.flatMap((Kind) => [0, 1, 2, 3, 21, 84, 128, 1000].map((length) => new Kind(length)));
  const gone = [new Float32Array(84), new Int32Array(3), new Int8Array(84), new Uint8Array(84), new Uint16Array(8)].map(
    detached,
  );
  const odd = [undefined, null, true, "21", Symbol("s"), 7n, {}, [], [1, 2], () => 0, new ArrayBuffer(84), new Date(0)];
  const views = [
    new DataView(new ArrayBuffer(84)),
    new Uint8ClampedArray(84),
    new Float32Array(new SharedArrayBuffer(84)),
  ];
  const numbers = [
    0,
    1,
    2,
    3,
    32,
    33,
    -1,
    0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 31,
    -(2 ** 31),
    2 ** 53,
    65536,
  ];
  const heirs = encoders.flatMap((encoder) => [new Proxy(encoder as object, {}), Object.create(encoder as object)]);
  return [...arrays, ...gone, ...odd, ...views, ...numbers, ...heirs, ...encoders, ...encoders, ...encoders];
}

describeUnlessLacking("the addon", lackOfAddon(), () => {
  const addon = loadNativeAddon();
  test("the addon answers any arguments with a code, and computes the same afterwards", () => {
    const { config, file, cases } = readGoldenEncoders("mobilebert")[0]!;
    const encoder = createNativeEngine(addon).createEncoder(config, file);
    const texts = cases.map(({ ids }) => ids);
    const before = encoder.pooled!(texts, "mean-max").data;

    const good = new Uint8Array(
      new Int32Array([9, 4, 1, 2, 8, 16, 2, 0, 0, 0, 0, 0, 32, -1, 4, 4, 1, 0, 0, 0, 0]).buffer,
    );
    new Float32Array(good.buffer).fill(1e-5, 19);
    const fresh = Array.from({ length: 3 }, (_, i) => addon.createEncoder(0, good, i + 1));
    for (const object of fresh) expect(object).toBeTypeOf("object");
    const values = [...strangers(fresh), good];

    // Three tokens, their length, a mask, and room for hidden states and pooled vectors: some calls must get through.
    const ids = [Int32Array.of(1, 2, 0), Int32Array.of(3), Uint8Array.of(1, 1, 1)];
    const plausible = [
      undefined,
      0,
      1,
      2,
      ...ids,
      new Float32Array(12),
      new Float32Array(8),
      new Float32Array(4),
      good,
    ];
    const random = createRandom(21);
    const functions = ["createEncoder", "load", "embed", "run", "readHidden", "pool", "spin"] as const;
    const arity = { createEncoder: 3, load: 7, embed: 4, run: 3, readHidden: 2, pool: 3, spin: 3 };
    const seen = new Map<string, number>();
    for (let i = 0; i < calls; i++) {
      const name = functions[random.integer(functions.length)]!;
      const count = random.integer(8) === 0 ? random.integer(10) : arity[name];
      const from = random.integer(2) === 0 ? values : plausible;
      const given = Array.from({ length: count }, () => from[random.integer(from.length)]);
      // An encoder mostly comes first, or the other arguments would seldom be checked.
      if (count > 0 && name !== "createEncoder" && name !== "spin" && random.integer(8) > 0) given[0] = fresh[i % 3];
      const result = (addon[name] as (...given: unknown[]) => unknown)(...given);
      const code = typeof result === "number" ? `${Math.sign(result)}` : typeof result;
      expect(code).toMatch(name === "createEncoder" ? /^-1$|^object$/ : /^-?[01]$/);
      seen.set(`${name} ${code}`, (seen.get(`${name} ${code}`) ?? 0) + 1);
    }
    // The calls were not all refused: each of these was also accepted.
    for (const name of ["embed 0", "run 0", "readHidden 0", "pool 0", "createEncoder object"])
      expect([...seen.keys()]).toContain(name);
    expect(encoder.pooled!(texts, "mean-max").data).toEqual(before);
  });
});
