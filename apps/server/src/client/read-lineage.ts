// Reads the lineage of a frozen extractor from the records in its folder: run.json or import.json, and the card. The
// program that publishes has no part of training, so it reads the fields that a lineage has and no others.

import { join } from "node:path";
import { readTextFile } from "@attune/platform/durable-file";
import { type Lineage, lineageSchema } from "@attune/shared/contracts/lineage";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";

const checkpointSchema = z.object({
  source: z.string(),
  licence: z.string().optional(),
  files: z.array(z.object({ name: z.string(), sha256: z.string() })),
});
type Checkpoint = z.infer<typeof checkpointSchema>;

const measuredSchema = z.object({
  frozen: z.object({ priorDevF1: z.number().optional() }).optional(),
  evaluation: z.record(z.string(), z.unknown()).optional(),
});

const runSchema = measuredSchema.extend({
  fingerprint: z.string(),
  recipeName: z.string(),
  recipe: z.record(z.string(), z.json()),
  seed: z.int(),
  backend: z.string(),
  trainingSeconds: z.number(),
  data: z.array(z.object({ name: z.string(), rows: z.int(), sha256: z.string() })),
  checkpoint: checkpointSchema.optional(),
  teacher: z.object({ fingerprint: z.string() }).optional(),
  curve: z.array(z.object({ step: z.int(), loss: z.number() })),
  evaluations: z.array(z.object({ step: z.int(), epoch: z.number(), trainLoss: z.number(), devMetric: z.number() })),
});

const importSchema = measuredSchema.extend(checkpointSchema.shape);

/** Undefined where the folder has no record. Throws INVALID_EXTRACTOR naming a damaged record and its field. */
export async function readLineage(folder: string): Promise<Lineage | undefined> {
  const card = (await readTextFile(join(folder, "README.md"))) ?? null;
  const run = await readRecord(join(folder, "run.json"), runSchema, (record) => ({
    base: record.checkpoint === undefined ? null : baseOf(record.checkpoint),
    datasets: record.data,
    run: runOf(record),
    f1: f1Of(record),
  }));
  const found =
    run ??
    (await readRecord(join(folder, "import.json"), importSchema, (record) => ({
      base: baseOf(record),
      datasets: [],
      run: null,
      f1: f1Of(record),
    })));
  return found && { ...found, card };
}

async function readRecord<T>(
  path: string,
  schema: z.ZodType<T>,
  describe: (record: T) => Omit<Lineage, "version" | "card">,
): Promise<Lineage | undefined> {
  const text = await readTextFile(path);
  if (text === undefined) return undefined;
  try {
    const record = schema.parse(JSON.parse(text));
    return lineageSchema.parse({ version: 1, ...describe(record), card: null });
  } catch (cause) {
    const field = cause instanceof z.ZodError ? `, ${cause.issues[0]!.path.join(".")}` : "";
    throw new AppError("INVALID_EXTRACTOR", `${path}${field}: the record of the extractor's origin cannot be read`, {
      cause,
    });
  }
}

/** A source on a hub names its commit behind an @. */
function baseOf({ source, licence, files }: Checkpoint): Lineage["base"] {
  const [, commit = null] = /@([0-9a-f]{7,64})$/.exec(source) ?? [];
  return { source, commit, licence: licence ?? null, files };
}

function runOf(record: z.infer<typeof runSchema>): Lineage["run"] {
  const { fingerprint, recipeName, recipe, seed, backend, trainingSeconds, teacher, curve, evaluations } = record;
  const teacherFingerprint = teacher?.fingerprint ?? null;
  return { fingerprint, recipeName, recipe, seed, backend, trainingSeconds, teacherFingerprint, curve, evaluations };
}

/** The evaluation also lists people, whose numbers stay in the record. */
function f1Of({ frozen, evaluation = {} }: z.infer<typeof measuredSchema>): Lineage["f1"] {
  const measured = { priorDev: frozen?.priorDevF1, ...evaluation };
  return Object.fromEntries(
    Object.entries(measured).filter((entry): entry is [string, number] => typeof entry[1] === "number"),
  );
}
