// Procedures about releases, all for the fleet manager. The bytes of the files are uploaded before,
// as chunks over HTTP.

import { labelSlugSchema, labelWordsSchema } from "@attune/shared/contracts/label-set";
import {
  headRecipeSchema,
  modelNameSchema,
  modelVersionSchema,
  releaseFileNames,
  releaseFileSchema,
  releaseSequenceSchema,
} from "@attune/shared/contracts/release";
import { z } from "zod";
import { adminProcedure, router } from "../trpc.js";
import type { CatalogueService } from "./catalogue.service.js";
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
});

export function createCatalogueRouter(service: CatalogueService) {
  return router({
    publish: adminProcedure.input(publishSchema).mutation(({ input }) => service.publish(input)),
    list: adminProcedure.query(() => service.list()),
    get: adminProcedure
      .input(z.strictObject({ sequence: releaseSequenceSchema }))
      .query(({ input }) => service.get(input.sequence)),
  });
}
