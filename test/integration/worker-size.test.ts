// The bytes that a phone downloads beside the extractor: the worker as it is built, and the kernels that it runs.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";
import { expect, test } from "vitest";

const compressedBytes = (path: string) =>
  brotliCompressSync(readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)))).length;

test("the built worker stays below 160 kB, and each build of the kernels below 40 kB, both compressed", () => {
  const worker = compressedBytes("apps/edge-agent/dist/page-bundle/worker.js");
  const kernels = ["simd128", "relaxed"].map((build) =>
    compressedBytes(`packages/ml/kernels/wasm/attune-${build}.wasm`),
  );
  process.stderr.write(`Compressed: worker ${worker} bytes, kernels ${kernels.join(" and ")} bytes\n`);
  expect(worker).toBeLessThan(160_000);
  for (const kernel of kernels) expect(kernel).toBeLessThan(40_000);
});
