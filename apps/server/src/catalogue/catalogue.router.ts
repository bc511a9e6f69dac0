// Procedures about releases, all for the fleet manager. The bytes of the files are uploaded before,
// as chunks over HTTP.

import {
  collectionSchema,
  comparisonSchema,
  maxTags,
  noteSchema,
  releaseReferenceSchema,
  tagSchema,
  versionSummarySchema,
} from "@attune/shared/contracts/catalogue";
import { labelSlugSchema, labelWordsSchema } from "@attune/shared/contracts/label-set";
import { lineageSchema } from "@attune/shared/contracts/lineage";
import {
  headRecipeSchema,
  modelNameSchema,
  modelVersionSchema,
  releaseFileNames,
  releaseFileSchema,
  releaseSequenceSchema,
} from "@attune/shared/contracts/release";
import { z } from "zod";
import { managerProcedure, router, viewerProcedure } from "../trpc.js";
import type { CatalogueService } from "./catalogue.service.js";
import type { CollectionService } from "./collection.service.js";
import { defaultLifeDays } from "./publish.js";

const publishSchema = z.strictObject({
  model: modelNameSchema,
  modelVersion: modelVersionSchema,
  files: z.array(releaseFileSchema).length(releaseFileNames.length),
  headRecipe: headRecipeSchema.default({ kind: "linear" }),
  /** Words to show, by slug. A label without words is shown by its slug. */
  words: z.record(labelSlugSchema, labelWordsSchema).optional(),
  fallback: releaseSequenceSchema.optional(),
  lifeDays: z.int().min(1).max(3_650).default(defaultLifeDays),
  egressContractVersion: z.int().min(1).optional(),
  lineage: lineageSchema.optional(),
});

const tagsSchema = z.array(tagSchema).max(maxTags);

export function createCatalogueRouter(service: CatalogueService, collection: CollectionService) {
  return router({
    publish: managerProcedure
      .input(publishSchema)
      .output(versionSummarySchema)
      .mutation(({ input, ctx }) => service.publish(input, ctx.by)),
    list: viewerProcedure.output(z.array(versionSummarySchema)).query(() => service.list()),
    get: viewerProcedure.input(releaseReferenceSchema).query(({ input }) => service.get(input)),
    compare: viewerProcedure
      .input(z.strictObject({ from: releaseReferenceSchema, to: releaseReferenceSchema }))
      .output(comparisonSchema)
      .query(({ input: { from, to } }) => service.compare(from, to)),
    annotate: managerProcedure
      .input(
        z.strictObject({
          release: releaseReferenceSchema,
          addTags: tagsSchema.optional(),
          removeTags: tagsSchema.optional(),
          note: noteSchema.optional(),
        }),
      )
      .output(versionSummarySchema)
      .mutation(({ input: { release, ...annotations }, ctx }) => service.annotate(release, annotations, ctx.by)),
    collect: managerProcedure
      .input(z.strictObject({ dryRun: z.boolean(), olderThanMs: z.int().min(0) }))
      .output(collectionSchema)
      .mutation(({ input, ctx }) => collection.collect(input, ctx.by)),
  });
}
