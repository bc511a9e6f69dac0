/// <reference path="../platform.d.ts" />

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { testHeadKernels } from "../../../../test/heads/kernels-suite.js";
import { createWasmHeadCore } from "./head-core.js";
import { createHeadKernels } from "./kernel-heads.js";
import { hasRelaxedSimd } from "./wasm-engine.js";

const compile = (name: string) =>
  new WebAssembly.Module(readFileSync(new URL(`../../kernels/wasm/attune-${name}.wasm`, import.meta.url)));

testHeadKernels("SIMD128", createHeadKernels(createWasmHeadCore(compile("simd128"))));
if (hasRelaxedSimd()) testHeadKernels("relaxed SIMD", createHeadKernels(createWasmHeadCore(compile("relaxed"))));

test("a call of other numbers, types or lengths than the kernel takes is refused", () => {
  const memory = createWasmHeadCore(compile("simd128")).open({ x: [Float64Array, 6], f: [Float32Array, 6] });
  const { x, f } = memory.arrays;
  expect(() => memory.call("gram", [3, 2], [x, x])).toThrow("code -11");
  expect(() => memory.call("gram", [3, 2], [f, x])).toThrow("code -10");
  expect(() => memory.call("gram", [3.5, 2], [x, x])).toThrow("code -2");
  expect(() => memory.call("gram", [0, 2], [x, x])).toThrow("code -2");
  expect(() => memory.call("gram", [3], [x, x])).toThrow("code -1");
});

test("one job inside another has memory of its own", () => {
  const core = createWasmHeadCore(compile("simd128"));
  const outer = core.open({ x: [Float64Array, 4] });
  outer.arrays.x.fill(1);
  const inner = core.open({ x: [Float64Array, 4] });
  inner.arrays.x.fill(2);
  inner.close();
  core.open({ x: [Float64Array, 4] }).arrays.x.fill(3);
  expect([...outer.arrays.x]).toEqual([1, 1, 1, 1]);
});
