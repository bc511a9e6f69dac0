// The release manifest: everything that a device needs to know and to check about the release that it is asked to run.

import { z } from "zod";
import { accept, type Result, refuse } from "../result.js";
import { emotionLabelSchema } from "./dataset.js";

export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

/** The files of a release. A device opens no file of another name. */
export const releaseFileNames = [
  "config.json",
  "model.safetensors",
  "tokenizer.json",
  "dr.safetensors",
  "prior-head.safetensors",
  "golden.json",
] as const;
export type ReleaseFileName = (typeof releaseFileNames)[number];

export const chunkSizeBytes = 262_144;
const mebibyte = 2 ** 20;
/**
 * The largest size of each file, for devices hold every file but the model in memory as a whole. A tokenizer of 250,000 pieces takes 10 MiB.
 * A projection of 3,072 features onto as many takes 36 MiB, and an online ELM of 4,096 hidden units on 3,072 features takes 114 MiB.
 */
export const largestFileBytes: Readonly<Record<ReleaseFileName, number>> = {
  "config.json": mebibyte,
  "model.safetensors": 2_048 * mebibyte,
  "tokenizer.json": 32 * mebibyte,
  "dr.safetensors": 64 * mebibyte,
  "prior-head.safetensors": 128 * mebibyte,
  "golden.json": 16 * mebibyte,
};

const chunkSchema = z.strictObject({ sha256: sha256Schema, sizeBytes: z.int().min(1).max(chunkSizeBytes) });

export const releaseFileSchema = z
  .strictObject({
    name: z.enum(releaseFileNames),
    sizeBytes: z.int().min(1),
    sha256: sha256Schema,
    chunks: z.array(chunkSchema).min(1),
  })
  .refine(({ name, sizeBytes }) => sizeBytes <= largestFileBytes[name], {
    error: "the file is larger than its kind may be",
  })
  .refine((file) => file.chunks.reduce((sum, chunk) => sum + chunk.sizeBytes, 0) === file.sizeBytes, {
    error: "the sizes of the chunks do not add up to sizeBytes",
  });
export type ReleaseFile = z.infer<typeof releaseFileSchema>;

export const headRecipeSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("linear") }),
  z.strictObject({ kind: z.literal("elm"), hidden: z.int().min(1).max(4096), l2: z.number().positive() }),
  z.strictObject({ kind: z.literal("oselm"), hidden: z.int().min(1).max(4096), l2: z.number().positive() }),
]);
export type HeadRecipe = z.infer<typeof headRecipeSchema>;

export const releaseSchema = z.strictObject({
  version: z.literal(1),
  kind: z.literal("release"),
  /** Grows by at least one with every release of a fleet's server. A device never accepts a lower sequence than it has accepted before. */
  sequence: z.int().min(1).max(65_535),
  model: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  modelVersion: z.string().regex(/^\d{1,4}\.\d{1,4}\.\d{1,4}$/),
  issuedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  egressContractVersion: z.int().min(1),
  features: z.strictObject({
    /** Identity of the features: extractor, tokenizer, pooling, DR. A head works with the features of its own identity only. */
    identity: sha256Schema,
    pooling: z.enum(["cls", "mean", "mean-max"]),
    maxTokens: z.int().min(3).max(512),
    featureSize: z.int().min(1).max(65_536),
  }),
  labels: z.array(emotionLabelSchema).min(2),
  headRecipe: headRecipeSchema,
  files: z
    .array(releaseFileSchema)
    .refine((files) => releaseFileNames.every((name) => files.filter((file) => file.name === name).length === 1), {
      error: `every file must be there exactly once: ${releaseFileNames.join(", ")}`,
    }),
});
export type Release = z.infer<typeof releaseSchema>;

/** Golden vectors: a release counts as working once the device's own engine reproduces them. */
export const goldenSchema = z.strictObject({
  version: z.literal(1),
  tolerance: z.number().positive().max(0.1),
  vectors: z
    .array(z.strictObject({ ids: z.array(z.int().min(0)).min(1), features: z.array(z.number()).min(1) }))
    .min(1)
    .max(64),
});
export type Golden = z.infer<typeof goldenSchema>;

/** Reads golden.json. The detail of a refusal names the file and the field at fault. */
export function readGolden(bytes: Uint8Array): Result<Golden, "malformed"> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return refuse("malformed", "golden.json: the content is not JSON");
  }
  const parsed = goldenSchema.safeParse(value);
  if (parsed.success) return accept(parsed.data);
  const { path, message } = parsed.error.issues[0]!;
  return refuse("malformed", `golden.json: ${path.join(".") || "its fields"}: ${message}`);
}

export const chunkPath = (sha256: string): string => `/v1/chunks/${sha256}`;
export const manifestPath = (sha256: string): string => `/v1/manifests/${sha256}`;
