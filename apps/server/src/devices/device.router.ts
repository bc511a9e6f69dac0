// Procedures about devices. A device calls `enrol` and `poll`; the fleet manager lists and revokes.

import { signedEnrolmentSchema } from "@attune/shared/contracts/enrolment";
import { pollSchema } from "@attune/shared/contracts/target-state";
import { devicePattern, fleetPattern } from "@attune/shared/subjects";
import { z } from "zod";
import { managerProcedure, publicProcedure, router, viewerProcedure } from "../trpc.js";
import type { DeviceService } from "./device.service.js";
import type { FleetService } from "./fleet.service.js";

const fleetSchema = z.string().regex(fleetPattern);
const deviceSchema = z.string().regex(devicePattern);

export function createDeviceRouter(devices: DeviceService, fleets: FleetService) {
  return router({
    enrol: publicProcedure.input(signedEnrolmentSchema).mutation(({ input, ctx }) => devices.enrol(input, ctx.host)),
    poll: publicProcedure.input(pollSchema).mutation(({ input, ctx }) => devices.poll(input, ctx)),
    list: viewerProcedure
      .input(z.strictObject({ fleet: fleetSchema.optional() }).optional())
      .query(({ input }) => fleets.listDevices(input?.fleet)),
    revoke: managerProcedure
      .input(z.strictObject({ device: deviceSchema }))
      .mutation(({ input, ctx }) => fleets.revoke(input.device, ctx.by)),
  });
}
