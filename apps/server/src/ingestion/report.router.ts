// Procedures about the reports of the fleet, for its manager.
import { devicePattern } from "@attune/shared/subjects";
import { z } from "zod";
import type { AuditRepository } from "../audit/audit.repository.js";
import { adminProcedure, router } from "../trpc.js";

const deviceSchema = z.string().regex(devicePattern);

export function createReportRouter(repository: AuditRepository) {
  return router({
    list: adminProcedure
      .input(
        z
          .strictObject({ device: deviceSchema.optional(), limit: z.int().min(1).max(1_000).default(100) })
          .default({ limit: 100 }),
      )
      .query(({ input }) => repository.listReports(input)),
    summary: adminProcedure
      .input(z.strictObject({ device: deviceSchema.optional() }).optional())
      .query(({ input }) => repository.summarise(input?.device)),
  });
}
