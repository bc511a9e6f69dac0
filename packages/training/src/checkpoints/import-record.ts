// import.json: the record of an imported checkpoint, with its only schema and its only reader.

import { modelTypes } from "@attune/ml/encoder/config";
import { poolings } from "@attune/ml/encoder/pooling";
import { z } from "zod";

export const importRecordName = "import.json";

const count = z.int().min(0);

export const fileDigestSchema = z.object({
  name: z.string(),
  sizeBytes: count,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type FileDigest = Readonly<z.infer<typeof fileDigestSchema>>;

/** Freezing adds `frozen` and `evaluation`, which no code reads; they stay as they are. */
const importRecordSchema = z.object({
  version: z.literal(1),
  source: z.string(),
  /** The licence, if the publisher names one. */
  licence: z.string().optional(),
  modelType: z.enum(modelTypes),
  numHiddenLayers: count,
  hiddenSize: count,
  vocabularySize: count,
  parameters: count,
  pooling: z.enum(poolings),
  maxTokens: count,
  files: z.array(fileDigestSchema),
});
export type ImportRecord = Readonly<z.infer<typeof importRecordSchema>>;

/** Returns the record with every field that the text holds. Throws an Error naming the field. */
export function parseImportRecord(text: string): ImportRecord {
  const value: unknown = JSON.parse(text);
  const parsed = importRecordSchema.safeParse(value);
  if (parsed.success) return value as ImportRecord;
  const { path: field, message } = parsed.error.issues[0]!;
  throw new Error(`${field.join(".") || "its content"}: ${message}`);
}
