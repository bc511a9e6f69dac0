// Procedures for the auditor: the server's records of a device, report by report.

import { devicePattern } from "@attune/shared/subjects";
import { z } from "zod";
import { auditorProcedure, router } from "../trpc.js";
import type { AuditService } from "./audit.service.js";

const deviceSchema = z.string().regex(devicePattern);
const cursorSchema = z.strictObject({ epoch: z.string().regex(/^[0-9a-f]{16}$/), sequence: z.int().min(0) });

export function createAuditRouter(service: AuditService) {
  return router({
    /** One page of a device's reports in order. `more` says that another page begins `after` the last report. */
    device: auditorProcedure
      .input(z.strictObject({ device: deviceSchema, after: cursorSchema.optional() }))
      .query(({ input }) => service.pageOfDevice(input.device, input.after)),
  });
}
