// The core's downloader against a fake fleet, without a whole agent: its messages pass the gate, and no
// journal is kept.

import { clear } from "@attune/edge-agent/core/egress/cleared";
import { gate } from "@attune/edge-agent/core/egress/gate";
import type { Files } from "@attune/edge-agent/core/ports";
import { createDownloader, type Downloader } from "@attune/edge-agent/core/update/download";
import { createContracts } from "@attune/shared/contracts/egress";
import { AppError } from "@attune/shared/errors";
import type { FakeFleet } from "./fake-fleet.js";
import { createTestHashing } from "./node-crypto.js";
import { createVirtualClock } from "./virtual-clock.js";

export function createTestDownloader(fleet: FakeFleet, files: Files): Downloader {
  const contracts = createContracts();
  return createDownloader({
    contracts,
    files,
    downloads: fleet.downloads,
    hashing: createTestHashing("download"),
    clock: createVirtualClock(),
    log: () => undefined,
    backoff: { minMs: 100, maxMs: 1_000 },
    requestTimeoutMs: 5_000,
    egress: {
      contract: 1,
      send: async (type, fields, deliver) => {
        const gated = gate({ contracts, nowMs: 0, releases: [] }, type, { ...fields, type, contract: 1 });
        if (!gated.ok) throw new AppError("EGRESS_DENIED", gated.detail);
        const [cleared] = await clear([gated.value], async () => undefined);
        return deliver(cleared!);
      },
    },
  });
}
