// All procedures of the server in one router. Clients are built from its type.

import { createAccessRouter } from "./access/access.router.js";
import type { AccessService } from "./access/access.service.js";
import { createAuditRouter } from "./audit/audit.router.js";
import type { AuditService } from "./audit/audit.service.js";
import { createCatalogueRouter } from "./catalogue/catalogue.router.js";
import type { CatalogueService } from "./catalogue/catalogue.service.js";
import type { CollectionService } from "./catalogue/collection.service.js";
import { createModelRouter } from "./catalogue/model.router.js";
import type { ModelService } from "./catalogue/model.service.js";
import { createDeviceRouter } from "./devices/device.router.js";
import type { DeviceService } from "./devices/device.service.js";
import { createFleetRouter, createTokenRouter } from "./devices/fleet.router.js";
import type { FleetService } from "./devices/fleet.service.js";
import type { InventoryService } from "./devices/inventory.service.js";
import { createReportRouter } from "./ingestion/report.router.js";
import type { ReportService } from "./ingestion/report.service.js";
import { createRolloutRouter } from "./rollouts/rollout.router.js";
import type { RolloutService } from "./rollouts/rollout.service.js";
import { router } from "./trpc.js";

/** The services that procedures call; compose.ts makes them. */
export interface RoutedServices {
  readonly devices: DeviceService;
  readonly fleets: FleetService;
  readonly inventory: InventoryService;
  readonly catalogue: CatalogueService;
  readonly collection: CollectionService;
  readonly models: ModelService;
  readonly rollouts: RolloutService;
  readonly reports: ReportService;
  readonly audit: AuditService;
  readonly access: AccessService;
}

export function createAppRouter({ devices, fleets, inventory, ...services }: RoutedServices) {
  const { catalogue, collection, models, rollouts, reports, audit, access } = services;
  return router({
    device: createDeviceRouter({ devices, fleets, inventory }),
    fleet: createFleetRouter(fleets),
    token: createTokenRouter(fleets),
    release: createCatalogueRouter(catalogue, collection),
    model: createModelRouter(models),
    rollout: createRolloutRouter(rollouts),
    report: createReportRouter(reports),
    audit: createAuditRouter(audit),
    access: createAccessRouter(access),
  });
}

export type AppRouter = ReturnType<typeof createAppRouter>;
