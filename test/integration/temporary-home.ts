// An ATTUNE_HOME for one test: real processes, free ports, everything removed afterwards.

import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, type Logger } from "@attune/platform/logger";
import { parseEnv, readEnv } from "@attune/server/env";
import { makePlaces, placesOf, type ServerPlaces } from "@attune/server/platform/home";
import { type Nats, startNats } from "@attune/server/platform/nats/nats";
import { findNatsServer } from "@attune/server/platform/nats/nats-program";
import { natsSources } from "@attune/server/platform/nats/nats-sources";
import { openPorts } from "@attune/server/platform/ports";
import { vi } from "vitest";

/** The home has a space in its name, because users' directories have spaces. */
export async function makeTemporaryHome(): Promise<ServerPlaces & { remove(): Promise<void> }> {
  const home = await mkdtemp(join(tmpdir(), "attune test "));
  // mkdtemp makes 0700, through which PostgreSQL's own user could not pass.
  await chmod(home, 0o755);
  const places = placesOf(home);
  await makePlaces(places);
  return { ...places, remove: () => rm(home, { recursive: true, force: true }) };
}

/** `ATTUNE_TEST_LOG=debug` shows what the server's processes log. */
export const testLogger: Logger = createLogger({
  level: process.env.ATTUNE_TEST_LOG === "debug" ? "debug" : "silent",
  write: (line) => process.stderr.write(line),
});

/** Finds the program as the server does, with this user's cache. */
export async function findTestNatsServer(): Promise<string> {
  const { natsServerBinary: configured, path, cacheDirectory } = readEnv();
  const directories = [cacheDirectory ?? join(tmpdir(), "attune-cache")];
  return findNatsServer({
    configured,
    path,
    directories,
    sources: await natsSources(parseEnv(process.env).proxies),
    logger: testLogger,
  });
}

/** The server's own broker, with its accounts, on a free port. */
export function startTestNats(places: ServerPlaces, logger = testLogger): Promise<Nats> {
  return startNats({
    places,
    logger,
    now: Date.now,
    externalUrl: undefined,
    listenHost: "127.0.0.1",
    choosePort: choosePort(places, "ATTUNE_NATS_PORT"),
    findProgram: findTestNatsServer,
  });
}

export function choosePort(places: ServerPlaces, variable: "ATTUNE_NATS_PORT" | "ATTUNE_POSTGRES_PORT") {
  return async () =>
    (await openPorts(places.portsFile)).choose({ variable, configured: 0, host: "127.0.0.1", known: true });
}

export function eventually<T>(attempt: () => Promise<T>, timeoutMs = 20_000): Promise<T> {
  return vi.waitFor(attempt, { timeout: timeoutMs, interval: 50 });
}
