// Procedures about the reports of the fleet, for its manager.

import { devicePattern, fleetPattern } from "@attune/shared/subjects";
import { z } from "zod";
import { router, viewerProcedure } from "../trpc.js";
import type { ReportService } from "./report.service.js";

const deviceSchema = z.string().regex(devicePattern);

export function createReportRouter(service: ReportService) {
  return router({
    list: viewerProcedure
      .input(
        z
          .strictObject({ device: deviceSchema.optional(), limit: z.int().min(1).max(1_000).default(100) })
          .default({ limit: 100 }),
      )
      .query(({ input }) => service.list(input)),
    summary: viewerProcedure
      .input(z.strictObject({ device: deviceSchema.optional() }).optional())
      .query(({ input }) => service.summarise(input?.device)),
    averages: viewerProcedure
      .input(z.strictObject({ fleet: z.string().regex(fleetPattern).optional() }).optional())
      .query(({ input }) => service.average(input?.fleet)),
  });
}
