// `attune extractor freeze`: turns a training run into the folder that is published. `import` has a file of its own.

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Engine } from "@attune/ml/engine/engine";
import { parseSafetensors } from "@attune/ml/tensor/safetensors";
import type { Body, ValuesOf } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { writeFileDurablySync } from "@attune/platform/durable-file";
import { openReproducibleEngine } from "@attune/platform/engine";
import { makeOutputDirectory } from "@attune/platform/output-directory";
import { AppError } from "@attune/shared/errors";
import { readExtractorFolder } from "@attune/training/checkpoints/extractor-files";
import { setKindOf } from "@attune/training/datasets/labelled-set";
import { parseMapping } from "@attune/training/datasets/mapping";
import { loadMeld } from "@attune/training/datasets/meld";
import { cardOf } from "@attune/training/freezing/card";
import { type Evaluation, evaluateExtractor } from "@attune/training/freezing/evaluation";
import { freezeExtractor, readOrigin, writeRecord } from "@attune/training/freezing/freeze";
import type { extractorFreeze } from "./declarations/training.js";
import { progressOn } from "./progress-on.js";
import { usualThreads } from "./usual-threads.js";

export const runFreeze: Body<typeof extractorFreeze, CommandIo> = async ({ values }, io) => {
  await makeOutputDirectory(resolve(values.out), "--out");
  const { engine, close } = openReproducibleEngine(values.threads ?? usualThreads());
  try {
    freezeOn(engine, values, io);
  } finally {
    close();
  }
};

function freezeOn(engine: Engine, flags: ValuesOf<(typeof extractorFreeze)["options"]>, io: CommandIo): void {
  const runDirectory = resolve(flags.run);
  const out = resolve(flags.out);
  const origin = readOrigin(runDirectory);
  if (flags.meld !== undefined && setKindOf(flags.data) !== "goemotions") {
    throw new AppError("INVALID_INPUT", "--meld measures the seven emotions; omit it for a set of your own");
  }
  const report = progressOn(io).show;
  const onWarning = (text: string) => io.stderr(`warning: ${text}\n`);
  const frozen = freezeExtractor({
    engine,
    runDirectory,
    dataDirectory: flags.data,
    extraPath: flags.extra,
    mapping: parseMapping(flags),
    out,
    report,
    onWarning,
  });
  let evaluation: Evaluation | undefined;
  if (flags.meld !== undefined) {
    const file = (name: string) => parseSafetensors(new Uint8Array(readFileSync(join(out, name))));
    evaluation = evaluateExtractor({
      engine,
      run: readExtractorFolder(runDirectory),
      frozen: {
        ...readExtractorFolder(out),
        reduction: file("dr.safetensors"),
        priorHead: file("prior-head.safetensors"),
      },
      meld: loadMeld(flags.meld, onWarning),
      seed: 1,
      report,
    });
  }
  writeRecord(out, origin, { frozen, ...(evaluation ? { evaluation } : {}) });
  writeFileDurablySync(join(out, "README.md"), new TextEncoder().encode(cardOf(origin, { frozen, evaluation })));
  if (io.json) io.stdout(JSON.stringify({ out, ...frozen, ...(evaluation ? { evaluation } : {}) }));
  else {
    io.stdout(`${out}: ${frozen.featureSize} features, identity ${frozen.identity}`);
    for (const [name, value] of Object.entries(evaluation ?? {})) {
      if (typeof value === "number") io.stdout(`${name}: weighted F1 ${value.toFixed(4)} on MELD dev`);
    }
  }
}
