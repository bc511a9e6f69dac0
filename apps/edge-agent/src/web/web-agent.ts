// Composes the agent over the browser's adapters: probes the browser, takes the lock, opens the database and hands the
// ports to the core.

import { AppError } from "@attune/shared/errors";
import { createAgent } from "../core/agent.js";
import type { Agent } from "../core/agent-api.js";
import { createHttpFetcher } from "../transports/http-fetcher.js";
import { createTrpcTransport } from "../transports/trpc-transport.js";
import { createBrowserClock } from "./browser-clock.js";
import { chooseWebEngine } from "./engine.js";
import { createFetchClient } from "./fetch-client.js";
import { judge, probeBrowser } from "./probe.js";
import { openWebHome } from "./web-home.js";
import { createWebNatsTransport } from "./web-nats-transport.js";
import { workerLog as log } from "./worker-log.js";

interface WebAgentOptions {
  /** The page's own origin, from which the server is reached. */
  readonly origin: string;
  /** The folder that serves the kernels' builds, and the script of a kernel's thread. */
  readonly kernels: string;
  readonly threadScript: string;
}

const idleTimeoutMs = 30_000;
const homeName = "attune";

/**
 * Throws BROWSER_LACKING naming all that the browser lacks, before anything is kept, and HOME_IN_USE while another tab
 * runs the agent.
 */
export async function openWebAgent({ origin, ...engineFiles }: WebAgentOptions): Promise<Agent> {
  const { lacks, warnings } = judge(await probeBrowser());
  if (lacks.length > 0) throw new AppError("BROWSER_LACKING", `this browser lacks ${lacks.join("; ")}`);
  if (warnings.length > 0) log("warn", "browser.lacks", { detail: warnings.join("; ") });
  const home = await openWebHome(homeName);
  const { deviceKey } = home;
  const http = createFetchClient({ idleTimeoutMs });
  const { engine, why } = await chooseWebEngine({ ...engineFiles, threads: 1 });
  const ports = {
    ...home,
    control: createTrpcTransport(http, origin),
    downloads: createHttpFetcher(http, origin),
    reports: createWebNatsTransport({ deviceKey, log, url: brokerUrl(origin) }),
    clock: createBrowserClock(),
    log,
    engine,
    engineChoice: why,
  };
  return createAgent(ports, { deviceKind: "phone", memoryMib: memoryMib() });
}

/** The server carries the broker's WebSocket under the page's own origin, whatever addresses it names to daemons. */
function brokerUrl(origin: string): string {
  const url = new URL("/v1/nats", origin);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** Chromium rounds its statement; other browsers make none. */
function memoryMib(): number {
  const { deviceMemory = 4 } = navigator as { deviceMemory?: number };
  return Math.round(deviceMemory * 1_024);
}
