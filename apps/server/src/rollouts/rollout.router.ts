// Procedures about rollouts, all of them the fleet manager's.

import { sha256Schema } from "@attune/shared/contracts/release";
import { fleetPattern } from "@attune/shared/subjects";
import { z } from "zod";
import { managerProcedure, router, viewerProcedure } from "../trpc.js";
import { rolloutRequestSchema } from "./draft.plan.js";
import type { RolloutService } from "./rollout.service.js";

const fleetSchema = z.string().regex(fleetPattern);

const whichSchema = z.union([z.strictObject({ rollout: z.uuid() }), z.strictObject({ fleet: fleetSchema })]);

export function createRolloutRouter(service: RolloutService) {
  return router({
    create: managerProcedure
      .input(z.strictObject({ fleet: fleetSchema, releaseSequence: z.int().min(1).max(65_535) }))
      .mutation(({ input, ctx }) => service.create(input, ctx.by)),
    status: viewerProcedure.input(whichSchema).query(({ input }) => service.status(input)),
    plan: managerProcedure
      .input(z.strictObject({ fleet: fleetSchema, request: rolloutRequestSchema }))
      .mutation(({ input }) => service.plan(input)),
    // tRPC keeps the word apply for itself.
    start: managerProcedure
      .input(z.strictObject({ plan: sha256Schema }))
      .mutation(({ input, ctx }) => service.apply(input.plan, ctx.by)),
    pause: managerProcedure.input(whichSchema).mutation(({ input, ctx }) => service.pause(input, ctx.by)),
    resume: managerProcedure.input(whichSchema).mutation(({ input, ctx }) => service.resume(input, ctx.by)),
    abort: managerProcedure
      .input(z.strictObject({ which: whichSchema, reverts: z.boolean() }))
      .mutation(({ input: { which, reverts }, ctx }) => service.abort({ ...which, reverts }, ctx.by)),
  });
}
