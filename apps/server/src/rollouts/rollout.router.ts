// Procedures about rollouts, all of them the fleet manager's.

import { fleetPattern } from "@attune/shared/subjects";
import { z } from "zod";
import { managerProcedure, router, viewerProcedure } from "../trpc.js";
import type { RolloutService } from "./rollout.service.js";

const fleetSchema = z.string().regex(fleetPattern);

export function createRolloutRouter(service: RolloutService) {
  return router({
    create: managerProcedure
      .input(z.strictObject({ fleet: fleetSchema, releaseSequence: z.int().min(1).max(65_535) }))
      .mutation(({ input, ctx }) => service.create(input, ctx.by)),
    status: viewerProcedure
      .input(z.union([z.strictObject({ rollout: z.uuid() }), z.strictObject({ fleet: fleetSchema })]))
      .query(({ input }) => service.status(input)),
  });
}
