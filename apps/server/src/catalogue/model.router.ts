// Procedures about models and their aliases, all for the fleet manager.

import {
  aliasChangedSchema,
  aliasSchema,
  modelDetailsSchema,
  modelSummarySchema,
  releaseReferenceSchema,
} from "@attune/shared/contracts/catalogue";
import { modelNameSchema } from "@attune/shared/contracts/release";
import { z } from "zod";
import { managerProcedure, router, viewerProcedure } from "../trpc.js";
import type { ModelService } from "./model.service.js";

const aliasInput = {
  model: modelNameSchema,
  alias: aliasSchema,
  expect: z.int().min(0).max(65_535).optional(),
};

export function createModelRouter(service: ModelService) {
  return router({
    list: viewerProcedure.output(z.array(modelSummarySchema)).query(() => service.list()),
    get: viewerProcedure
      .input(z.strictObject({ model: modelNameSchema }))
      .output(modelDetailsSchema)
      .query(({ input }) => service.get(input.model)),
    setAlias: managerProcedure
      .input(z.strictObject({ ...aliasInput, release: releaseReferenceSchema }))
      .output(aliasChangedSchema)
      .mutation(({ input, ctx }) => service.setAlias(input, ctx.by)),
    deleteAlias: managerProcedure
      .input(z.strictObject(aliasInput))
      .output(aliasChangedSchema)
      .mutation(({ input, ctx }) => service.deleteAlias(input, ctx.by)),
  });
}
