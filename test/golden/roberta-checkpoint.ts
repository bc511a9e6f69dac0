// The golden RoBERTa as its publishers would lay it out: a folder with a configuration, weights and
// a byte-level BPE vocabulary.

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const golden = fileURLToPath(new URL("./", import.meta.url));

/** Makes `folder`, which must not be there yet. */
export function writeRobertaCheckpoint(folder: string): void {
  const { vocab, merges } = JSON.parse(readFileSync(join(golden, "bpe.json"), "utf8"));
  mkdirSync(folder);
  for (const name of ["config.json", "pytorch_model.bin"]) {
    copyFileSync(join(golden, "checkpoint", name), join(folder, name));
  }
  writeFileSync(join(folder, "vocab.json"), JSON.stringify(vocab));
  writeFileSync(join(folder, "merges.txt"), merges.join("\n"));
}
