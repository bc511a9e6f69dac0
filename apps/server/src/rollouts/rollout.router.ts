// Procedures about rollouts, all of them the fleet manager's.

import { fleetPattern } from "@attune/shared/subjects";
import { z } from "zod";
import { adminProcedure, router } from "../trpc.js";
import type { RolloutService } from "./rollout.service.js";

const fleetSchema = z.string().regex(fleetPattern);

export function createRolloutRouter(service: RolloutService) {
  return router({
    create: adminProcedure
      .input(z.strictObject({ fleet: fleetSchema, releaseSequence: z.int().min(1).max(65_535) }))
      .mutation(({ input }) => service.create(input)),
    status: adminProcedure
      .input(z.union([z.strictObject({ rollout: z.uuid() }), z.strictObject({ fleet: fleetSchema })]))
      .query(({ input }) => service.status(input)),
  });
}
