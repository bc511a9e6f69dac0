// The release manifest: everything that a device needs to know and to check about the release that it is asked to run.

import { z } from "zod";
import { labelSetOf, labelSetSchema } from "./label-set.js";
import { maxReleaseSequence, modelNamePattern, modelVersionPattern } from "./release-reference.js";

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
 * The largest size of each file, for devices hold every file but the model in memory as a whole. A tokenizer of 250,000
 * pieces takes 10 MiB. A projection of 3,072 features onto as many takes 36 MiB, and an online ELM of 4,096 hidden
 * units on 3,072 features takes 114 MiB.
 */
export const maxFileBytes: Readonly<Record<ReleaseFileName, number>> = {
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
  .refine(({ name, sizeBytes }) => sizeBytes <= maxFileBytes[name], {
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

export const modelNameSchema = z.string().regex(modelNamePattern);
export const modelVersionSchema = z.string().regex(modelVersionPattern);
export const releaseSequenceSchema = z.int().min(1).max(maxReleaseSequence);

/** The fields of every version. */
const fields = {
  kind: z.literal("release"),
  /**
   * Grows by at least one with every release of a fleet's server. A device never accepts a lower sequence than
   * it has accepted before.
   */
  sequence: releaseSequenceSchema,
  model: modelNameSchema,
  modelVersion: modelVersionSchema,
  issuedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  egressContractVersion: z.int().min(1),
  features: z.strictObject({
    /**
     * Identity of the features: extractor, tokenizer, pooling, DR. A head works with the features of
     * its own identity only.
     */
    identity: sha256Schema,
    pooling: z.enum(["cls", "mean", "mean-max"]),
    maxTokens: z.int().min(3).max(512),
    featureSize: z.int().min(1).max(65_536),
  }),
  headRecipe: headRecipeSchema,
  files: z
    .array(releaseFileSchema)
    .refine((files) => releaseFileNames.every((name) => files.filter((file) => file.name === name).length === 1), {
      error: `every file must be there exactly once: ${releaseFileNames.join(", ")}`,
    }),
};

/** The labels that a release of version 1 can have. Releases of version 2 carry a label set of their own. */
export const release1Labels = ["neutral", "joy", "surprise", "anger", "sadness", "disgust", "fear"] as const;

export const release1Schema = z.strictObject({
  version: z.literal(1),
  ...fields,
  labels: z.array(z.enum(release1Labels)).min(2),
});

const bytesSchema = z.int().min(1).max(Number.MAX_SAFE_INTEGER);

export const release2Schema = z
  .strictObject({
    version: z.literal(2),
    ...fields,
    labels: labelSetSchema,
    /** The sequence of the release that devices should fall back to; null where there is none. */
    fallback: releaseSequenceSchema.nullable(),
    /** A device decides by these sizes before it downloads. */
    sizes: z.strictObject({ downloadBytes: bytesSchema, residentBytes: bytesSchema }),
  })
  .refine(({ files, sizes }) => sizes.downloadBytes === downloadBytesOf(files), {
    path: ["sizes", "downloadBytes"],
    error: "is not the sum of the files' sizes",
  })
  .refine(({ sequence, fallback }) => fallback === null || fallback < sequence, {
    path: ["fallback"],
    error: "is not an earlier release",
  });

export type Release1 = z.infer<typeof release1Schema>;
export type Release2 = z.infer<typeof release2Schema>;

/** A manifest's payload as it is signed. */
export type ReleaseManifest = Release1 | Release2;

/** A release as every reader sees it, whatever the version of its manifest. */
export type Release = Omit<Release2, "version"> & { readonly version: 1 | 2 };

/** Reads the payload of a manifest of any version. */
export const releaseSchema = z.union([release1Schema.transform(liftRelease1), release2Schema]);

function liftRelease1({ labels, ...release }: Release1): Release {
  return { ...release, labels: labelSetOf(labels), fallback: null, sizes: sizesOf(release.files) };
}

/** The sizes of a release of these files. */
export function sizesOf(files: readonly Pick<ReleaseFile, "name" | "sizeBytes">[]): Release2["sizes"] {
  return { downloadBytes: downloadBytesOf(files), residentBytes: residentBytesOf(files) };
}

function downloadBytesOf(files: readonly Pick<ReleaseFile, "sizeBytes">[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Room for the activations of an encoder that is 1,024 wide and reads 512 tokens, on one thread. */
const activationBytes = 32 * mebibyte;
/** A parsed tokenizer, DR or head takes less than this many times its file. */
const parsedShare = 4;

/** An upper bound: engines hold the weights once, in the file's own formats, and every other file parsed. */
function residentBytesOf(files: readonly Pick<ReleaseFile, "name" | "sizeBytes">[]): number {
  return files.reduce(
    (sum, { name, sizeBytes }) => sum + (name === "model.safetensors" ? sizeBytes : parsedShare * sizeBytes),
    activationBytes,
  );
}

export const chunkPath = (sha256: string): string => `/v1/chunks/${sha256}`;
export const manifestPath = (sha256: string): string => `/v1/manifests/${sha256}`;
