// Procedures for the auditor: what the server holds of a device, report by report.
import { AppError } from "@attune/shared/errors";
import { devicePattern } from "@attune/shared/subjects";
import { z } from "zod";
import { adminProcedure, router } from "../trpc.js";
import type { AuditRepository } from "./audit.repository.js";

const deviceSchema = z.string().regex(devicePattern);
const cursorSchema = z.strictObject({ epoch: z.string().regex(/^[0-9a-f]{16}$/), sequence: z.int().min(0) });

export function createAuditRouter(repository: AuditRepository) {
  return router({
    /** One page of a device's reports in order; go on with `after` while `more`. */
    device: adminProcedure
      .input(z.strictObject({ device: deviceSchema, after: cursorSchema.optional() }))
      .query(async ({ input }) => {
        if (!(await repository.deviceExists(input.device))) {
          throw new AppError("NOT_FOUND", `there is no device ${input.device}`);
        }
        const [page, conflicts] = await Promise.all([
          repository.reportsOfDevice(input.device, input.after),
          repository.conflictsOfDevice(input.device),
        ]);
        return { device: input.device, ...page, conflicts };
      }),
  });
}
