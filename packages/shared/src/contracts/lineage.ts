// The lineage of a version: what its extractor was made from and how, as its makers recorded it. Data are named by
// digest, never by their text. The lineage of a version from before lineages is unknown.

import { z } from "zod";
import { sha256Schema } from "./release.js";

const words = z.string().min(1).max(200);
const count = z.int().min(0);

/** The checkpoint that training started from, or that was imported. */
const baseSchema = z.strictObject({
  source: words,
  /** The commit of the source's repository; null where it was not recorded. */
  commit: z
    .string()
    .regex(/^[0-9a-f]{7,64}$/)
    .nullable(),
  licence: words.nullable(),
  files: z.array(z.strictObject({ name: words, sha256: sha256Schema })).max(64),
});

const runSchema = z.strictObject({
  fingerprint: sha256Schema,
  recipeName: words,
  recipe: z.record(z.string(), z.json()),
  seed: z.int(),
  backend: words,
  trainingSeconds: z.number().min(0),
  /** The run whose predictions the recipe distils; null for none. */
  teacherFingerprint: sha256Schema.nullable(),
  /** The mean loss since the point before. */
  curve: z.array(z.strictObject({ step: count, loss: z.number() })).max(5_000),
  /** `devMetric` is the weighted F1 on the labelled dataset's dev rows. */
  evaluations: z
    .array(z.strictObject({ step: count, epoch: z.number(), trainLoss: z.number(), devMetric: z.number() }))
    .max(1_000),
});

export const lineageSchema = z.strictObject({
  version: z.literal(1),
  /** Null where training started from random weights. */
  base: baseSchema.nullable(),
  datasets: z.array(z.strictObject({ name: words, rows: count, sha256: sha256Schema })).max(64),
  /** Null for an imported checkpoint. */
  run: runSchema.nullable(),
  /** Weighted F1 by the name of the measurement, as freezing measured it. */
  f1: z.record(z.string().max(64), z.number()),
  /** The model card, as its makers wrote it; null where there is none. */
  card: z.string().max(65_536).nullable(),
});
export type Lineage = z.infer<typeof lineageSchema>;
