// `attune extractor import`: a published checkpoint, from a folder or the hub, becomes an extractor folder.

import { existsSync, readdirSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Pooling, poolings } from "@attune/ml/encoder/pooling";
import { makeOutputDirectory } from "@attune/platform/output-directory";
import { AppError } from "@attune/shared/errors";
import { importCheckpoint } from "@attune/training/checkpoints/checkpoint-import";
import { fetchCheckpoint } from "./checkpoint-source.js";
import type { CommandIo } from "./command.js";
import { readFlags } from "./flags.js";

export const importUsage = `Usage: attune extractor import FOLDER|hf:OWNER/NAME[@REVISION] --out DIR [--pooling P] [--max-tokens N] [--json]

Imports a BERT, RoBERTa or MobileBERT checkpoint in Hugging Face's layout: config.json; model.safetensors or pytorch_model.bin,
whole or in shards, float32, float16 or bfloat16; tokenizer.json, vocab.txt, or vocab.json with merges.txt, each read as
tokenizer_config.json says. What Transformers would compute otherwise is refused by name. Nothing in a checkpoint is executed. The
result holds config.json, model.safetensors (float32, the encoder alone), tokenizer.json and import.json.

  --out DIR        the extractor folder; it must be empty or not exist
  --pooling P      ${poolings.join(", ")}: how token vectors become features (default: cls, as in the paper)
  --max-tokens N   longer texts are cut (default: 32, as in the paper)
  --json           print the record as JSON

A download is checked against the hub's hashes, and goes on where it stopped when the command is run again. HF_ENDPOINT names
another server with the hub's layout, HF_TOKEN is sent to it for private and gated models. HTTPS_PROXY, HTTP_PROXY and NO_PROXY are
obeyed; what is on this machine itself (localhost, 127.0.0.1) is reached directly.

Examples:
  attune extractor import hf:google/mobilebert-uncased --out extractors/mobilebert
  attune extractor import checkpoints/roberta-base --out extractors/roberta --pooling mean --json
`;

export const importOptions = {
  out: { type: "string" },
  pooling: { type: "string", default: "cls" },
  "max-tokens": { type: "string", default: "32" },
  json: { type: "boolean" },
} as const;

/** argv: what follows `import`. */
export async function runImport(argv: string[], io: CommandIo): Promise<number> {
  const { source, out, pooling, maxTokens } = parseFlags(argv);
  if (existsSync(out) && readdirSync(out).length > 0) {
    throw new AppError("INVALID_INPUT", `--out ${out}: holds files already; choose another folder`);
  }
  await makeOutputDirectory(dirname(out), "--out");
  // Beside the result, so that a run that was stopped is gone on from by the same command.
  const download = `${out}.download`;
  const checkpoint = await fetchCheckpoint(source, download, io);
  const record = importCheckpoint({ ...checkpoint, out, pooling, maxTokens });
  rmSync(download, { recursive: true, force: true });
  if (io.json) io.stdout(JSON.stringify({ out, ...record }));
  else {
    const { modelType, numHiddenLayers, hiddenSize, parameters } = record;
    io.stdout(
      `${out}: ${modelType}, ${numHiddenLayers} layers, ${hiddenSize} wide, ${parameters.toLocaleString("en")} weights`,
    );
    io.stdout(`from ${record.source}; pooling ${pooling}, at most ${maxTokens} tokens`);
  }
  return 0;
}

interface Flags {
  readonly source: string;
  readonly out: string;
  readonly pooling: Pooling;
  readonly maxTokens: number;
}

function parseFlags(argv: string[]): Flags {
  const { values, positionals } = readFlags("extractor", {
    args: argv,
    allowPositionals: true,
    options: importOptions,
  });
  const [source] = positionals;
  if (source === undefined || positionals.length > 1) {
    throw new AppError("INVALID_INPUT", "attune extractor import: name one folder or hf:owner/name");
  }
  if (values.out === undefined) {
    throw new AppError("INVALID_INPUT", "--out is missing; see attune extractor --help");
  }
  const pooling = poolings.find((known) => known === values.pooling);
  if (pooling === undefined) {
    throw new AppError("INVALID_INPUT", `--pooling ${values.pooling}: is not one of ${poolings.join(", ")}`);
  }
  const maxTokens = Number(values["max-tokens"]);
  if (!Number.isSafeInteger(maxTokens) || maxTokens < 3 || maxTokens > 512) {
    throw new AppError("INVALID_INPUT", `--max-tokens ${values["max-tokens"]}: is not a whole number from 3 to 512`);
  }
  return { source, out: resolve(values.out), pooling, maxTokens };
}
