// Bundles the parts of the product that turn text into features into one file, as the
// agent's bundle does (apps/edge-agent/bundle.js).

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

export type Ours = typeof import("@attune/ml/engine/wasm-engine") &
  typeof import("@attune/ml/tensor/safetensors") &
  typeof import("@attune/ml/tokenizer/tokenizer") &
  typeof import("@attune/edge-agent/node/native-engine");

/** Bundles the built modules, anew each time. Returns the file's path. */
export async function bundleOurs(folder: string): Promise<string> {
  const modules = [
    "@attune/ml/engine/wasm-engine",
    "@attune/ml/tensor/safetensors",
    "@attune/ml/tokenizer/tokenizer",
    "@attune/edge-agent/node/native-engine",
  ].map((name) => fileURLToPath(import.meta.resolve(name)));
  const input = join(folder, "ours.entry.mjs");
  const file = join(folder, "ours.mjs");
  writeFileSync(input, modules.map((path) => `export * from ${JSON.stringify(path)};\n`).join(""));
  const bundle = await rolldown({ input, platform: "node" });
  await bundle.write({ file, format: "esm", comments: false });
  await bundle.close();
  return file;
}
