// Composes the agent over Node's adapters: takes the home's lock, opens the store and hands the ports to the core.

import { randomBytes } from "node:crypto";
import { totalmem } from "node:os";
import { moveAside } from "@attune/platform/durable-file";
import { isPresentSync } from "@attune/platform/presence";
import type { EgressContracts } from "@attune/shared/contracts/egress-declaration";
import { AppError } from "@attune/shared/errors";
import { createAgent } from "../core/agent.js";
import type { Agent } from "../core/agent-api.js";
import type { Log } from "../core/ports.js";
import { createHttpFetcher } from "../transports/http-fetcher.js";
import { createTrpcTransport } from "../transports/trpc-transport.js";
import { createAesCipher, keySizeBytes } from "./aes-cipher.js";
import { chooseEngine } from "./engine.js";
import { type HomePaths, hasStore } from "./home.js";
import { lockHome } from "./home-lock.js";
import { createHttpClient } from "./http-client.js";
import { openLevelStore } from "./level-store.js";
import { createNatsTransport } from "./nats-transport.js";
import { createDeviceKey } from "./nkey.js";
import { createNodeFiles } from "./node-files.js";
import { createNodeHashing } from "./node-hashing.js";
import { readOrCreateSecret, readSecret } from "./secret-file.js";
import { createSystemClock } from "./system-clock.js";

interface OpenAgentOptions {
  readonly paths: HomePaths;
  /** The server's address for enrolment, polls and downloads. */
  readonly server: string;
  /** The broker's address for reports, instead of the addresses that the server names. */
  readonly natsUrl?: string | undefined;
  readonly outboxLimit: number;
  readonly threads: number;
  readonly log: Log;
  /** The versions of the egress contract that the agent knows; the product's without it. */
  readonly contracts?: EgressContracts | undefined;
  /** Opened for one command: a daemon that starts meanwhile waits for its end. */
  readonly brief?: boolean;
}

export interface OpenedAgent {
  readonly agent: Agent;
  close(): Promise<void>;
}

const idleTimeoutMs = 30_000;

/** Fails with HOME_IN_USE, STORE_CORRUPT or DISK_FULL; nothing stays open then. */
export async function openAgent(options: OpenAgentOptions): Promise<OpenedAgent> {
  const { paths, server, natsUrl, outboxLimit, threads, log, contracts, brief = false } = options;
  const lock = await lockHome(paths.home, { brief });
  const http = createHttpClient({ idleTimeoutMs, keepAlive: true });
  try {
    if (hasStore(paths) && (await readSecret(paths.storeKey)) === undefined) {
      throw new AppError("STORE_CORRUPT", `${paths.storeKey} is missing; without it ${paths.store} cannot be read`);
    }
    await setAsideOrphan(paths);
    const storeKey = await readOrCreateSecret(paths.storeKey, () => randomBytes(keySizeBytes));
    const cipher = createAesCipher(storeKey);
    const deviceKey = createDeviceKey(paths.deviceSeed);
    const store = await openLevelStore(paths.store);
    const { engine, why, close: closeEngine } = await chooseEngine({ threads });
    const agent = createAgent(
      {
        store,
        files: createNodeFiles(paths.home),
        cipher,
        hashing: createNodeHashing(storeKey),
        deviceKey,
        control: createTrpcTransport(http, server),
        downloads: createHttpFetcher(http, server),
        reports: createNatsTransport({ deviceKey, log, url: natsUrl }),
        clock: createSystemClock(),
        log,
        engine,
        engineChoice: why,
      },
      {
        deviceKind: deviceKind(),
        memoryMib: Math.round(totalmem() / 2 ** 20),
        outboxLimit,
        ...(contracts && { contracts }),
      },
    );
    return {
      agent,
      close: async () => {
        http.close();
        closeEngine();
        await store.close();
        await lock.release();
      },
    };
  } catch (cause) {
    http.close();
    await lock.release();
    throw cause;
  }
}

/**
 * The device's key is made after its store. A key without a store belongs to a device whose store was lost. The server
 * knows that key under a lost number, so a new enrolment needs a new key.
 */
async function setAsideOrphan(paths: HomePaths): Promise<void> {
  if (!hasStore(paths) && isPresentSync(paths.deviceSeed)) await moveAside(paths.deviceSeed, "orphan");
}

/** NVIDIA's system image for Jetson boards carries this file. */
function deviceKind(): "jetson" | "linux" {
  return isPresentSync("/etc/nv_tegra_release") ? "jetson" : "linux";
}
