// Procedures about fleets and enrolment tokens, all for the fleet manager.

import { fleetPattern } from "@attune/shared/subjects";
import { z } from "zod";
import { adminProcedure, router } from "../trpc.js";
import type { FleetService } from "./fleet.service.js";

const fleetSchema = z.string().regex(fleetPattern);

export function createFleetRouter(service: FleetService) {
  return router({
    create: adminProcedure
      .input(z.strictObject({ name: fleetSchema }))
      .mutation(({ input }) => service.createFleet(input.name)),
    list: adminProcedure.query(() => service.listFleets()),
  });
}

export function createTokenRouter(service: FleetService) {
  return router({
    create: adminProcedure
      .input(z.strictObject({ fleet: fleetSchema, ttlMs: z.int() }))
      .mutation(({ input }) => service.createToken(input)),
  });
}
