// The catalogue between a fleet manager and the server: models, versions, aliases, and the names by which a version
// is asked for.

import { z } from "zod";
import { labelSlugSchema } from "./label-set.js";
import {
  headRecipeSchema,
  modelNameSchema,
  modelVersionSchema,
  releaseFileNames,
  releaseSequenceSchema,
  sha256Schema,
} from "./release.js";
import { aliasPattern } from "./release-reference.js";

export const aliasSchema = z
  .string()
  .regex(aliasPattern, "is not a lower-case letter and up to 31 lower-case letters, digits and dashes");
export const tagSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,31}$/, "is not 1 to 32 lower-case letters, digits, dots, dashes and underscores");
export const maxTags = 16;
export const noteSchema = z
  .string()
  .max(1_000)
  .regex(/^[^\p{Cc}\p{Bidi_Control}\u2028\u2029]*$/u, "holds a control character");

/** A version by its release's number, by its model and version, or by an alias of its model. */
export const releaseReferenceSchema = z.union([
  z.strictObject({ sequence: releaseSequenceSchema }),
  z.strictObject({ model: modelNameSchema, version: modelVersionSchema }),
  z.strictObject({ model: modelNameSchema, alias: aliasSchema }),
]);

/** A published version. */
export const versionSummarySchema = z.strictObject({
  sequence: releaseSequenceSchema,
  model: modelNameSchema,
  modelVersion: modelVersionSchema,
  /** The newest version of the manifest. */
  manifestSha256: sha256Schema,
  /** The manifest for devices that read version 1 alone; null where such devices cannot run the release. */
  manifest1Sha256: sha256Schema.nullable(),
  featureIdentity: sha256Schema,
  issuedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  sizeBytes: z.int().min(0),
  aliases: z.array(aliasSchema),
  tags: z.array(tagSchema),
  note: noteSchema,
  /** When the content was given up, because nothing named the version; null while the content is kept. */
  collectedAt: z.iso.datetime().nullable(),
});
export type VersionSummary = z.infer<typeof versionSummarySchema>;

const nullableRelease = releaseSequenceSchema.nullable();

/** An alias that was set or deleted. Null is no release. */
export const aliasChangedSchema = z.strictObject({
  model: modelNameSchema,
  alias: aliasSchema,
  release: nullableRelease,
  before: nullableRelease,
});
export type AliasChanged = z.infer<typeof aliasChangedSchema>;

const modelFields = {
  model: modelNameSchema,
  createdAt: z.iso.datetime(),
  aliases: z.array(z.strictObject({ alias: aliasSchema, release: releaseSequenceSchema })),
};

export const modelSummarySchema = z.strictObject({
  ...modelFields,
  versions: z.int().min(0),
  latestRelease: nullableRelease,
});
export type ModelSummary = z.infer<typeof modelSummarySchema>;

export const modelDetailsSchema = z.strictObject({ ...modelFields, versions: z.array(versionSummarySchema) });
export type ModelDetails = z.infer<typeof modelDetailsSchema>;

/** The things that keep a version's content. */
export const versionNames = ["alias", "rollout", "device", "fallback", "recent"] as const;
export type VersionName = (typeof versionNames)[number];

const namedVersion = { sequence: releaseSequenceSchema, model: modelNameSchema, modelVersion: modelVersionSchema };

/** A collection, done or planned. */
export const collectionSchema = z.strictObject({
  dryRun: z.boolean(),
  collected: z.array(z.strictObject(namedVersion)),
  kept: z.array(z.strictObject({ ...namedVersion, namedBy: z.array(z.enum(versionNames)).min(1) })),
  /** The chunks that no kept version lists, those of uploads that were never published included. */
  freedChunks: z.int().min(0),
  freedBytes: z.int().min(0),
});
export type Collection = z.infer<typeof collectionSchema>;

const sides = <T extends z.ZodType>(schema: T) => z.strictObject({ from: schema, to: schema });
const bytes = z.int().min(0);

/** Two versions side by side. `onTheWire` is what a device that has the first downloads for the second. */
export const comparisonSchema = z.strictObject({
  from: z.strictObject(namedVersion),
  to: z.strictObject(namedVersion),
  /** Whether personal heads of the first work with the second. */
  sameFeatures: z.boolean(),
  headRecipe: sides(headRecipeSchema),
  /** Weighted F1 by measurement; null where a version's lineage does not have it. */
  f1: z.array(z.strictObject({ name: z.string(), from: z.number().nullable(), to: z.number().nullable() })),
  /** The median over devices of their median times of a prediction; null where no device has reported one. */
  latency: sides(z.strictObject({ devices: z.int().min(1), medianMicroseconds: z.int().min(0) }).nullable()),
  bytes: z.strictObject({ from: bytes, to: bytes, onTheWire: bytes }),
  files: z.array(
    z.strictObject({
      name: z.enum(releaseFileNames),
      same: z.boolean(),
      fromBytes: bytes,
      toBytes: bytes,
      onTheWireBytes: bytes,
    }),
  ),
  labels: z.strictObject({
    added: z.array(labelSlugSchema),
    removed: z.array(labelSlugSchema),
    reworded: z.array(labelSlugSchema),
  }),
});
export type Comparison = z.infer<typeof comparisonSchema>;
