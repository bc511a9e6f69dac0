// Makes every service of the server once, with exactly the parts that it uses. HTTP, ingestion and
// tests share these services.

import { randomUUID } from "node:crypto";
import type { Logger } from "@attune/platform/logger";
import type { Contracts } from "@attune/shared/contracts/egress";
import { type AccessRepository, createAccessRepository } from "./access/access.repository.js";
import { createAccessService } from "./access/access.service.js";
import type { RoutedServices } from "./app-router.js";
import { createAuditRepository } from "./audit/audit.repository.js";
import { createAuditService } from "./audit/audit.service.js";
import { createCatalogueRepository } from "./catalogue/catalogue.repository.js";
import { createCatalogueService } from "./catalogue/catalogue.service.js";
import { createCollectionRepository } from "./catalogue/collection.repository.js";
import { createCollectionService } from "./catalogue/collection.service.js";
import { createModelRepository } from "./catalogue/model.repository.js";
import { createModelService } from "./catalogue/model.service.js";
import type { ChunkStore } from "./content/chunk-store.js";
import { createDeviceRepository } from "./devices/device.repository.js";
import { createDeviceService } from "./devices/device.service.js";
import { createFleetRepository } from "./devices/fleet.repository.js";
import { createFleetService } from "./devices/fleet.service.js";
import { createInventoryRepository } from "./devices/inventory.repository.js";
import { createInventoryService } from "./devices/inventory.service.js";
import { createIngestionRepository } from "./ingestion/ingestion.repository.js";
import { createIngestionService, type IngestionService } from "./ingestion/ingestion.service.js";
import { createReportRepository } from "./ingestion/report.repository.js";
import { createReportService } from "./ingestion/report.service.js";
import { createMetricsRepository } from "./metrics/metrics.repository.js";
import { createMetricsService, type ProcessMetrics } from "./metrics/metrics.service.js";
import type { NatsCredentials } from "./platform/nats/nats-credentials.js";
import type { Database } from "./platform/postgres/database.js";
import { createRolloutRepository } from "./rollouts/rollout.repository.js";
import { createRolloutService } from "./rollouts/rollout.service.js";
import { createRolloutTicker, type RolloutTicker } from "./rollouts/rollout.ticker.js";
import { createRolloutPlanRepository } from "./rollouts/rollout-plan.repository.js";
import { createRolloutStepsRepository } from "./rollouts/rollout-steps.repository.js";
import { createTargetRepository } from "./rollouts/target.repository.js";
import type { ReleaseSigner } from "./signing/sign.js";

/** After a process died, another one takes its rollouts over within this time. */
const rolloutLeaseMs = 30_000;

interface Parts {
  /** The connections of the ingestion and the fleet manager, which never wait behind strangers. */
  readonly database: Database;
  /** The connections of enrolments and polls, which any stranger may attempt. */
  readonly publicDatabase: Database;
  readonly credentials: NatsCredentials;
  readonly signer: ReleaseSigner;
  readonly chunkStore: ChunkStore;
  readonly manifests: ChunkStore;
  /** The broker's addresses for a device that has reached this server as `host`. */
  readonly natsUrls: (host: string | undefined) => readonly string[];
  readonly pollIntervalMs: number;
  /** The versions of the egress contract that this server takes. */
  readonly contracts: Contracts;
  /** The version that new releases carry. */
  readonly publishedContract: number;
  readonly now: () => number;
  readonly logger: Logger;
}

export interface Services extends RoutedServices {
  readonly ingestion: IngestionService;
  /** Finds the token of a request. Strangers may present any, so the public connections look it up. */
  readonly findAccess: AccessRepository["find"];
  readonly rolloutTicker: RolloutTicker;
  /** Makes the text of the metrics, once the intake runs. */
  readonly metricsWith: (process: ProcessMetrics) => () => Promise<string>;
}

export function composeServices(parts: Parts): Services {
  const { database, publicDatabase, credentials, signer, chunkStore, manifests, contracts, now } = parts;
  const rolloutSteps = createRolloutStepsRepository(database);
  const versions = createCatalogueRepository(database);
  return {
    devices: createDeviceService({
      repository: createDeviceRepository(publicDatabase, now),
      targetRelease: createTargetRepository(publicDatabase).targetOf,
      credentials,
      signer,
      natsUrls: parts.natsUrls,
      pollIntervalMs: parts.pollIntervalMs,
      contracts,
      now,
    }),
    inventory: createInventoryService({
      repository: createInventoryRepository(database),
      pollIntervalMs: parts.pollIntervalMs,
      now,
    }),
    fleets: createFleetService({ repository: createFleetRepository(database), credentials, signer, now }),
    catalogue: createCatalogueService({
      repository: versions,
      chunkStore,
      manifests,
      signer,
      contracts,
      publishedContract: parts.publishedContract,
      now,
    }),
    collection: createCollectionService({
      repository: createCollectionRepository(database),
      chunkStore,
      manifests,
      now,
    }),
    models: createModelService({ repository: createModelRepository(database), versions, now }),
    rollouts: createRolloutService({
      repository: createRolloutRepository(database),
      plans: createRolloutPlanRepository(database),
      steps: rolloutSteps,
      now,
    }),
    metricsWith: (process) => createMetricsService({ repository: createMetricsRepository(database), ...process }),
    rolloutTicker: createRolloutTicker({
      repository: rolloutSteps,
      holder: randomUUID(),
      leaseMs: rolloutLeaseMs,
      now,
      logger: parts.logger,
    }),
    ingestion: createIngestionService(createIngestionRepository(database, now), contracts),
    reports: createReportService(createReportRepository(database)),
    audit: createAuditService(createAuditRepository(database)),
    access: createAccessService(createAccessRepository(database), now),
    findAccess: createAccessRepository(publicDatabase).find,
  };
}
