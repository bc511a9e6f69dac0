// `attune release export` and `import`: a release as a folder, which another server publishes.

import { resolve } from "node:path";
import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { exportRelease, importRelease } from "../client/exported-release.js";
import { accessOf } from "./access.js";
import type { releaseExport, releaseImport } from "./declarations/catalogue.js";
import { progressOn } from "./progress-on.js";

export const runExport: Body<typeof releaseExport, CommandIo> = async ({ values, arguments: [reference, dir] }, io) => {
  const folder = resolve(dir);
  const progress = progressOn(io);
  const onProgress = (done: number, total: number) => progress.show({ what: `writing ${folder}`, done, total });
  const exported = await exportRelease(await accessOf(values), { reference, folder, onProgress }).finally(progress.end);
  const { sequence, model, modelVersion, bytes } = exported;
  io.stdout(
    io.json ? JSON.stringify(exported) : `${folder}: release ${sequence}, ${model} ${modelVersion}, ${bytes} bytes`,
  );
};

export const runImport: Body<typeof releaseImport, CommandIo> = async ({ values, arguments: [dir] }, io) => {
  const folder = resolve(dir);
  const progress = progressOn(io);
  const onProgress = (done: number, total: number) => progress.show({ what: `uploading ${folder}`, done, total });
  const input = { folder, lifeDays: values.days, onProgress };
  const release = await importRelease(await accessOf(values), input).finally(progress.end);
  const { sequence, model, modelVersion, sizeBytes } = release;
  io.stdout(io.json ? JSON.stringify(release) : `release ${sequence}: ${model} ${modelVersion}, ${sizeBytes} bytes`);
};
