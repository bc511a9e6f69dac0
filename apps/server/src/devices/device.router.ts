// Procedures about devices. A device calls `enrol` and `poll`; the fleet manager lists, tags and revokes.

import { signedEnrolmentSchema } from "@attune/shared/contracts/enrolment";
import {
  deviceTagSchema,
  deviceTagsSchema,
  listedDeviceSchema,
  maxDeviceTags,
  timelineSchema,
} from "@attune/shared/contracts/inventory";
import { deviceHealths } from "@attune/shared/contracts/inventory-words";
import { pollSchema } from "@attune/shared/contracts/target-state";
import { devicePattern, fleetPattern } from "@attune/shared/subjects";
import { z } from "zod";
import { managerProcedure, publicProcedure, router, viewerProcedure } from "../trpc.js";
import type { DeviceService } from "./device.service.js";
import type { FleetService } from "./fleet.service.js";
import type { InventoryService } from "./inventory.service.js";

const fleetSchema = z.string().regex(fleetPattern);
const deviceSchema = z.string().regex(devicePattern);
const wordSchema = z.string().max(32);
const filterSchema = z.strictObject({
  fleet: fleetSchema.optional(),
  kind: wordSchema.optional(),
  tag: deviceTagSchema.optional(),
  engine: wordSchema.optional(),
  memory: z.int().min(0).optional(),
  release: z.int().min(0).max(65_535).optional(),
  health: z.enum(deviceHealths).optional(),
  decommissioned: z.boolean().optional(),
});
const tagChangeSchema = z.strictObject({
  device: deviceSchema,
  add: z.array(deviceTagSchema).max(maxDeviceTags),
  remove: z.array(deviceTagSchema).max(maxDeviceTags),
});

interface DeviceServices {
  readonly devices: DeviceService;
  readonly fleets: FleetService;
  readonly inventory: InventoryService;
}

export function createDeviceRouter({ devices, fleets, inventory }: DeviceServices) {
  return router({
    enrol: publicProcedure.input(signedEnrolmentSchema).mutation(({ input, ctx }) => devices.enrol(input, ctx.host)),
    poll: publicProcedure.input(pollSchema).mutation(({ input, ctx }) => devices.poll(input, ctx)),
    list: viewerProcedure
      .input(filterSchema.optional())
      .output(z.array(listedDeviceSchema))
      .query(({ input }) => inventory.list(input)),
    tag: managerProcedure
      .input(tagChangeSchema)
      .output(deviceTagsSchema)
      .mutation(({ input, ctx }) => inventory.changeTags(input, ctx.by)),
    timeline: viewerProcedure
      .input(z.strictObject({ device: deviceSchema, limit: z.int().min(1).max(1_000) }))
      .output(timelineSchema)
      .query(({ input }) => inventory.timeline(input.device, input.limit)),
    revoke: managerProcedure
      .input(z.strictObject({ device: deviceSchema }))
      .mutation(({ input, ctx }) => fleets.revoke(input.device, ctx.by)),
    decommission: managerProcedure
      .input(z.strictObject({ device: deviceSchema }))
      .mutation(({ input, ctx }) => fleets.decommission(input.device, ctx.by)),
  });
}
