// `attune extractor freeze`: turns a training run into the folder that is published. `import` is in a file of its own.

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Engine } from "@attune/ml/engine/engine";
import { parseSafetensors } from "@attune/ml/tensor/safetensors";
import { writeFileDurablySync } from "@attune/platform/durable-file";
import { openReproducibleEngine } from "@attune/platform/engine";
import { makeOutputDirectory } from "@attune/platform/output-directory";
import { AppError } from "@attune/shared/errors";
import { readExtractorFolder } from "@attune/training/checkpoints/extractor-files";
import { loadMeld } from "@attune/training/datasets/meld";
import { cardOf } from "@attune/training/freezing/card";
import { type Evaluation, evaluateExtractor } from "@attune/training/freezing/evaluation";
import { freezeExtractor, readOrigin, writeRecord } from "@attune/training/freezing/freeze";
import { createExtractionLine } from "@attune/training/pretraining/run/progress";
import type { Command, CommandIo } from "./command.js";
import { importOptions, importUsage, runImport } from "./extractor-import.js";
import { countOf, readFlags } from "./flags.js";

const freezeUsage = `Usage: attune extractor freeze --run DIR --data DIR --out DIR [--extra DIR] [--meld DIR]
                               [--threads N] [--json]

Freezes a run of \`attune pretrain\` or an imported checkpoint: int8 weights, DR (standardisation), prior head, golden vectors, record and card, in the
folder that \`attune publish\` packs and signs. The same bytes on every machine and on any number of threads.

  --run DIR    the run folder, or what \`attune extractor import\` wrote
  --data DIR   GoEmotions, on whose features DR and prior head are fitted, whatever the run was trained on
  --out DIR    the frozen extractor
  --extra DIR  EmoryNLP: dialogue for the prior head to learn from too
  --meld DIR   also measure the features on MELD's dev split, for the card
  --threads N  that compute features (default: one a core, at most 4); on a busy machine 1 is faster
  --json       print what was found as JSON

Examples:
  attune extractor freeze --run runs/tiny-1 --data data/goemotions --out assets/extractor
  attune extractor freeze --run runs/tiny-1 --data data/goemotions --extra data/emorynlp --out /tmp/candidate --meld data/meld --json
`;

const freezeOptions = {
  run: { type: "string" },
  data: { type: "string" },
  out: { type: "string" },
  extra: { type: "string" },
  meld: { type: "string" },
  threads: { type: "string" },
  json: { type: "boolean" },
} as const;

export const extractorCommand: Command = {
  name: "extractor",
  usage: `${importUsage}\n${freezeUsage}`,
  options: { ...importOptions, ...freezeOptions },
  parts: new Map([
    ["import", importUsage],
    ["freeze", freezeUsage],
  ]),
  run: (argv, io) => (argv[0] === "import" ? runImport(argv.slice(1), io) : freeze(argv, io)),
};

async function freeze(argv: string[], io: CommandIo): Promise<number> {
  const flags = parseFlags(argv);
  await makeOutputDirectory(resolve(flags.out), "--out");
  const { engine, close } = openReproducibleEngine(flags.threads);
  try {
    freezeOn(engine, flags, io);
  } finally {
    close();
  }
  return 0;
}

function freezeOn(engine: Engine, flags: Flags, io: CommandIo): void {
  const runDirectory = resolve(flags.run);
  const out = resolve(flags.out);
  const origin = readOrigin(runDirectory);
  const report = createExtractionLine({ write: io.stderr, isTty: io.isTty, nowMs: Date.now });
  const onWarning = (text: string) => io.stderr(`warning: ${text}\n`);
  const frozen = freezeExtractor({
    engine,
    runDirectory,
    dataDirectory: flags.data,
    extraPath: flags.extra,
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

interface Flags {
  readonly run: string;
  readonly data: string;
  readonly out: string;
  readonly extra: string | undefined;
  readonly meld: string | undefined;
  readonly threads: number;
}

function parseFlags(argv: string[]): Flags {
  const { values, positionals } = readFlags("extractor", {
    args: argv,
    allowPositionals: true,
    options: freezeOptions,
  });
  if (positionals.length !== 1 || positionals[0] !== "freeze") {
    throw new AppError(
      "INVALID_INPUT",
      `attune extractor ${positionals.join(" ")}: there are \`freeze\` and \`import\``,
    );
  }
  const required = (name: "run" | "data" | "out"): string => {
    const value = values[name];
    if (value === undefined) throw new AppError("INVALID_INPUT", `--${name} is missing; see attune extractor --help`);
    return value;
  };
  const { extra, meld } = values;
  const threads = countOf("threads", values.threads);
  return { run: required("run"), data: required("data"), out: required("out"), extra, meld, threads };
}
