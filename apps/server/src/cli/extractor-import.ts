// `attune extractor import`: turns a published checkpoint, from a folder or the hub, into an extractor folder.

import { readdirSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { makeOutputDirectory } from "@attune/platform/output-directory";
import { isPresentSync } from "@attune/platform/presence";
import { AppError } from "@attune/shared/errors";
import { importCheckpoint } from "@attune/training/checkpoints/checkpoint-import";
import { fetchCheckpoint } from "./checkpoint-source.js";
import type { extractorImport } from "./declarations/training.js";

export const runImport: Body<typeof extractorImport, CommandIo> = async ({ values, arguments: [source] }, io) => {
  const { pooling, "max-tokens": maxTokens } = values;
  const out = resolve(values.out);
  if (isPresentSync(out) && readdirSync(out).length > 0) {
    throw new AppError("INVALID_INPUT", `--out ${out} holds files already; choose another folder`);
  }
  await makeOutputDirectory(dirname(out), "--out");
  // The download lies beside the result, so that the same command resumes a stopped run.
  const download = `${out}.download`;
  const checkpoint = await fetchCheckpoint(source, download, io);
  const record = importCheckpoint({ ...checkpoint, out, pooling, maxTokens });
  rmSync(download, { recursive: true, force: true });
  if (io.json) {
    io.stdout(JSON.stringify({ out, ...record }));
    return;
  }
  const { modelType, numHiddenLayers, hiddenSize, parameters } = record;
  io.stdout(
    `${out}: ${modelType}, ${numHiddenLayers} layers, ${hiddenSize} wide, ${parameters.toLocaleString("en")} weights`,
  );
  io.stdout(`from ${record.source}; pooling ${pooling}, at most ${maxTokens} tokens`);
};
