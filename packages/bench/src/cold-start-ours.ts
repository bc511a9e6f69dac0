// What a program needs of the product to turn text into features, in one file, as the agent's parts are joined (apps/edge-agent/bundle.js).

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { nativeEngineUrl } from "./product.js";

export type Ours = typeof import("@attune/ml/engine/wasm-engine") &
  typeof import("@attune/ml/tensor/safetensors") &
  typeof import("@attune/ml/tokenizer/tokenizer") &
  typeof import("../../apps/edge-agent/dist/node/native-engine.js");

/** Made of what is built, anew each time. Returns its path. */
export async function bundleOurs(folder: string): Promise<string> {
  const modules = [
    ...["engine/wasm-engine", "tensor/safetensors", "tokenizer/tokenizer"].map((name) =>
      import.meta.resolve(`@attune/ml/${name}`),
    ),
    nativeEngineUrl.href,
  ];
  const input = join(folder, "ours.entry.mjs");
  const file = join(folder, "ours.mjs");
  writeFileSync(input, modules.map((url) => `export * from ${JSON.stringify(fileURLToPath(url))};\n`).join(""));
  const bundle = await rolldown({ input, platform: "node" });
  await bundle.write({ file, format: "esm", comments: false });
  await bundle.close();
  return file;
}
