// The sentences that every bench predicts, with the paper's tokenizer and model sizes if the data
// folder (ATTUNE_DATA) has them.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createTokenizer, type Tokenizer, wordPieceTokenizerJson } from "@attune/ml/tokenizer/tokenizer";
import { readEnv } from "./env.js";

export const assets = fileURLToPath(new URL("../../../assets/", import.meta.url));
const sentenceCount = 80;
/** BERT's uncased vocabulary. */
export const vocabSize = 30_522;
export const maxTokens = 32;

/**
 * The last 80 sentences of the paper's phone app, which it timed; without the data folder, as many
 * of the sample people.
 */
export function readSentences(): string[] {
  const seed = `${readEnv().dataFolder}/seed-app/sentences_100.json`;
  if (existsSync(seed)) {
    const { phrases } = JSON.parse(readFileSync(seed, "utf8")) as { phrases: string[] };
    return phrases.slice(-sentenceCount);
  }
  const lines = readFileSync(`${assets}sample-people/dev_sent_emo.csv`, "utf8").split("\r\n");
  return lines
    .slice(1, sentenceCount + 1)
    .map((line) => /^\d+,(?:"((?:[^"]|"")*)"|([^,]*)),/.exec(line)?.slice(1).find(Boolean) ?? "");
}

/** BERT's own tokenizer; without the data folder the bundled extractor's, whose ids lie in the same range. */
export function bertTokenizerJson(): string {
  const vocabulary = `${readEnv().dataFolder}/vocab/bert-uncased/vocab.txt`;
  if (!existsSync(vocabulary)) return readFileSync(`${assets}extractor/tokenizer.json`, "utf8");
  return wordPieceTokenizerJson(readFileSync(vocabulary, "utf8").trimEnd().split("\n"), { lowercase: true });
}

export function bertTokenizer(): Tokenizer {
  return createTokenizer(bertTokenizerJson());
}
