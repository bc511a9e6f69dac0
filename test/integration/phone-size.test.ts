// The bytes that a phone downloads: the page as it is built and compressed, and the bundled extractor as it is served.

import { readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { releaseFileNames } from "@attune/shared/contracts/release";
import { expect, test } from "vitest";

const bytesOf = (path: string) => statSync(fileURLToPath(new URL(`../../${path}`, import.meta.url))).size;
const built = "apps/edge-agent/dist/page-bundle";

test("page, worker, kernels and extractor stay below 8,500,000 bytes, the page below 60 kB, the worker below 160 kB", () => {
  const [page, worker] = [bytesOf(`${built}/phone.js.br`), bytesOf(`${built}/worker.js.br`)];
  const files = ["phone.html", "page.css", "icon.svg", "phone.webmanifest", "service-worker.js"];
  const kernels = ["attune-simd128.wasm", "attune-relaxed.wasm"].map((file) => bytesOf(`${built}/${file}.br`));
  const rest = [...files.map((file) => bytesOf(`${built}/${file}.br`)), ...kernels];
  const extractor = releaseFileNames.map((name) => bytesOf(`assets/extractor/${name}`));
  const all = [page, worker, ...rest, ...extractor].reduce((sum, bytes) => sum + bytes, 0);
  process.stderr.write(`A phone downloads ${all} bytes: page ${page}, worker ${worker}, both compressed\n`);
  expect(readdirSync(fileURLToPath(new URL(`../../${built}`, import.meta.url))).length).toBeGreaterThan(10);
  expect(page).toBeLessThan(60_000);
  expect(worker).toBeLessThan(160_000);
  expect(all).toBeLessThan(8_500_000);
});
