// All procedures of the server in one router; its type is what the clients are built from.

import type { AuditRepository } from "./audit/audit.repository.js";
import { createAuditRouter } from "./audit/audit.router.js";
import { createRegistryRouter } from "./catalogue/catalogue.router.js";
import type { RegistryService } from "./catalogue/catalogue.service.js";
import { createDeviceRouter, createFleetRouter, createTokenRouter } from "./devices/device.router.js";
import type { DeviceService } from "./devices/device.service.js";
import { createReportRouter } from "./ingestion/report.router.js";
import { createRolloutRouter } from "./rollouts/rollout.router.js";
import type { RolloutService } from "./rollouts/rollout.service.js";
import { router } from "./trpc.js";

/** What the routers call; each area's service is made in app.ts. */
export interface AppServices {
  readonly devices: DeviceService;
  readonly registry: RegistryService;
  readonly rollouts: RolloutService;
  readonly audit: AuditRepository;
}

export function createAppRouter({ devices, registry, rollouts, audit }: AppServices) {
  return router({
    device: createDeviceRouter(devices),
    fleet: createFleetRouter(devices),
    token: createTokenRouter(devices),
    release: createRegistryRouter(registry),
    rollout: createRolloutRouter(rollouts),
    report: createReportRouter(audit),
    audit: createAuditRouter(audit),
  });
}

export type AppRouter = ReturnType<typeof createAppRouter>;
