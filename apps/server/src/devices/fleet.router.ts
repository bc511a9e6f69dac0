// Procedures about fleets and enrolment tokens, all for the fleet manager.

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
      .input(z.strictObject({ fleet: fleetSchema, ttlMs: z.int() }))
      .mutation(({ input, ctx }) => service.createToken(input, ctx.by)),
  });
}
