// The data of experiments in tests: a folder in MELD's form with made-up utterances, and an
// extractor with random weights.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createTinyRelease, sayings } from "./tiny-release.js";

const speakers = ["Joey", "Ross", "Rachel", "Phoebe", "Monica", "Chandler"];

/** Writes `rows` utterances for each split; every utterance holds the word "secret". */
export function writeTinyMeld(folder: string, rows: Readonly<Partial<Record<"train" | "dev" | "test", number>>>): void {
  mkdirSync(folder);
  for (const [split, count] of Object.entries(rows)) {
    const lines = sayings(count, 0, split.length).map(
      ({ text, label }, i) => `"${text} secret",${speakers[i % speakers.length]},${label}`,
    );
    writeFileSync(join(folder, `${split}_sent_emo.csv`), `Utterance,Speaker,Emotion\n${lines.join("\n")}\n`);
  }
}

/** Writes a frozen extractor's folder with float32 weights. */
export function writeTinyExtractor(folder: string): void {
  mkdirSync(folder);
  for (const [file, bytes] of createTinyRelease().files) writeFileSync(join(folder, file), bytes);
}
