// Procedures about fleets and enrolment tokens, all for the fleet manager.

import { deviceTagSchema, enrolmentTokensSchema, maxDeviceTags } from "@attune/shared/contracts/inventory";
import { fleetPattern } from "@attune/shared/subjects";
import { z } from "zod";
import { managerProcedure, router, viewerProcedure } from "../trpc.js";
import type { FleetService } from "./fleet.service.js";

const fleetSchema = z.string().regex(fleetPattern);

export function createFleetRouter(service: FleetService) {
  return router({
    create: managerProcedure
      .input(z.strictObject({ name: fleetSchema }))
      .mutation(({ input, ctx }) => service.createFleet(input.name, ctx.by)),
    list: viewerProcedure.query(() => service.listFleets()),
  });
}

export function createTokenRouter(service: FleetService) {
  return router({
    create: managerProcedure
      .input(
        z.strictObject({
          fleet: fleetSchema,
          ttlMs: z.int(),
          count: z.int().min(1).max(1_000).default(1),
          tags: z.array(deviceTagSchema).max(maxDeviceTags).default([]),
        }),
      )
      .output(enrolmentTokensSchema)
      .mutation(({ input, ctx }) => service.createTokens(input, ctx.by)),
  });
}
