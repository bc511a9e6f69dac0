// Procedures about fleets, enrolment tokens and devices. Devices call `enrol` and `poll`; the rest is the fleet manager's.
import { signedEnrolmentSchema } from "@attune/shared/contracts/enrolment";
import { pollSchema } from "@attune/shared/contracts/target-state";
import { devicePattern, fleetPattern } from "@attune/shared/subjects";
import { z } from "zod";
import { adminProcedure, publicProcedure, router } from "../trpc.js";
import type { DeviceService } from "./device.service.js";

const fleetSchema = z.string().regex(fleetPattern);
const deviceSchema = z.string().regex(devicePattern);

export function createDeviceRouter(service: DeviceService) {
  return router({
    enrol: publicProcedure.input(signedEnrolmentSchema).mutation(({ input, ctx }) => service.enrol(input, ctx.host)),
    poll: publicProcedure.input(pollSchema).mutation(({ input, ctx }) => service.poll(input, ctx.host)),
    list: adminProcedure
      .input(z.strictObject({ fleet: fleetSchema.optional() }).optional())
      .query(({ input }) => service.listDevices(input?.fleet)),
    revoke: adminProcedure
      .input(z.strictObject({ device: deviceSchema }))
      .mutation(({ input }) => service.revoke(input.device)),
  });
}

export function createTokenRouter(service: DeviceService) {
  return router({
    create: adminProcedure
      .input(z.strictObject({ fleet: fleetSchema, ttlMs: z.int() }))
      .mutation(({ input }) => service.createToken(input)),
  });
}

export function createFleetRouter(service: DeviceService) {
  return router({
    create: adminProcedure
      .input(z.strictObject({ name: fleetSchema }))
      .mutation(({ input }) => service.createFleet(input.name)),
    list: adminProcedure.query(() => service.listFleets()),
  });
}
