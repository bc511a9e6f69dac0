import { expect, test } from "vitest";
import { testHeadKernels } from "../../../../test/heads/kernels-suite.js";
import { describeUnlessLacking, lackOfAddon } from "../../../../test/requirements.js";
import { createNativeEngine, loadNativeAddon } from "./native-engine.js";

describeUnlessLacking("the native head kernels", lackOfAddon(), () => {
  const addon = loadNativeAddon();
  testHeadKernels("native", createNativeEngine(addon).heads);

  test("the addon has glibc keep little, and says so where there is another C library", () => {
    const isGlibc = "glibcVersionRuntime" in (process.report.getReport() as { header: object }).header;
    expect(addon.saveMemory()).toBe(isGlibc);
  });

  test("the addon throws for wrong head calls, whatever they hold, and touches nothing", () => {
    const call = addon.headCall as (...values: unknown[]) => number;
    const gram = 3;
    const sums = new Float64Array(4).fill(7);
    const x = new Float64Array(6);
    const odd = new Float64Array(x.buffer, 8, 2);
    const wrong: unknown[][] = [
      [],
      [gram],
      [99, 3, 2, x, sums],
      [-1, 3, 2, x, sums],
      [Number.NaN, 3, 2, x, sums],
      [gram, 3, x, sums],
      [gram, 3, 2, x],
      [gram, 3, 2, x, sums, sums],
      [gram, 3, 2, new Float32Array(6), sums],
      [gram, 3, 2, new Int32Array(6), sums],
      [gram, 3, 2, new Uint8Array(48), sums],
      [gram, 3, 2, [1, 2, 3, 4, 5, 6], sums],
      [gram, 3, 2, x.buffer, sums],
      [gram, 3, 2, new DataView(x.buffer), sums],
      [gram, 3, 2, x, odd],
      [gram, 3, 2, x, undefined],
      [gram, 3, 2, x, 5],
      [gram, 2, 3, x, sums],
      [gram, 2.5, 2, x, sums],
      [gram, -3, 2, x, sums],
      [gram, 2 ** 32 + 3, 2, x, sums],
      [gram, Number.POSITIVE_INFINITY, 2, x, sums],
      [gram, "3", 2, x, sums],
      [gram, ...new Array(30).fill(1)],
      [gram, 3, 2, ...new Array(30).fill(x)],
    ];
    for (const values of wrong) expect(() => call(...values)).toThrow("refuse this call");
    expect([...sums]).toEqual([7, 7, 7, 7]);
    const gone = new Float64Array(6);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    expect(() => call(gram, 3, 2, gone, sums)).toThrow("refuse this call");
  });

  test("a label or a row beyond what there is is refused before it is used", () => {
    const crossEntropy = 1;
    const arrays = (label: number) =>
      [
        new Float32Array(2),
        Int32Array.of(label),
        new Float64Array(1),
        new Float64Array(4),
        new Float64Array(4),
        new Float64Array(64),
      ] as const;
    expect(addon.headCall(crossEntropy, 1, 2, 2, ...arrays(1))).toBe(0);
    for (const label of [2, -1, 2 ** 31 - 1]) {
      expect(() => addon.headCall(crossEntropy, 1, 2, 2, ...arrays(label))).toThrow("code -3");
    }
  });
});
