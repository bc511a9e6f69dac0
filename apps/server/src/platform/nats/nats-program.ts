// Finds the nats-server program: NATS_SERVER_BIN, PATH, or a copy that is fetched once for every server of this user.

import { execFile } from "node:child_process";
import { access, chmod, constants, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path";
import { promisify } from "node:util";
import { copyFileDurably, makeTree } from "@attune/platform/durable-file";
import type { Logger } from "@attune/platform/logger";
import { AppError } from "@attune/shared/errors";
import type { NatsSource } from "./nats-sources.js";

const run = promisify(execFile);

export interface NatsProgramOptions {
  /** The path in NATS_SERVER_BIN. */
  readonly configured: string | undefined;
  readonly path: string;
  /** The directories in which Debian and other systems install it, which a user's PATH often lacks. */
  readonly usualPlaces?: readonly string[];
  /** The directories for a fetched program, of which the first writable one is used. */
  readonly directories: readonly string[];
  /** The sources, tried in order until one yields a program that runs. */
  readonly sources: readonly NatsSource[];
  readonly logger: Logger;
}

/**
 * The path of a program that runs. Throws NATS_MISSING, naming the places searched and why no program could be fetched.
 */
export async function findNatsServer(options: NatsProgramOptions): Promise<string> {
  if (options.configured !== undefined) {
    const program = resolve(options.configured);
    if (await isExecutable(program)) return program;
    throw new AppError("NATS_MISSING", `NATS_SERVER_BIN names ${program}, which is no program that can be run`);
  }
  const { path, usualPlaces = ["/usr/local/bin", "/usr/local/sbin", "/usr/sbin"] } = options;
  const places = [...path.split(delimiter), ...usualPlaces].filter(isAbsolute);
  const installed = places.map((directory) => join(directory, "nats-server"));
  const kept = options.directories.map((directory) => join(directory, `nats-server-${process.arch}`));
  for (const program of [...installed, ...kept]) if (await isExecutable(program)) return program;
  return fetchProgram(kept, options);
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function fetchProgram(targets: readonly string[], { sources, logger }: NatsProgramOptions): Promise<string> {
  const failures: string[] = [];
  for (const source of sources) {
    logger.warn("nats.fetching", { from: source.name, why: "nats-server is neither in NATS_SERVER_BIN nor on PATH" });
    const work = await mkdtemp(join(tmpdir(), "attune-nats-"));
    try {
      const kept = await keep(await source.fetch(work), targets);
      logger.info("nats.fetched", { from: source.name, to: kept });
      return kept;
    } catch (error) {
      failures.push(`${source.name}: ${(error as Error).message}`);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  const tried = failures.length === 0 ? "nothing offers it for this system" : failures.join("; ");
  throw new AppError(
    "NATS_MISSING",
    `nats-server is neither in NATS_SERVER_BIN nor on PATH, and was not fetched (${tried})`,
  );
}

/**
 * Copies the program beside its target and renames it. Servers that start at the same time share one copy and never
 * see half of it.
 */
async function keep(program: string, targets: readonly string[]): Promise<string> {
  let fault: unknown;
  for (const target of targets) {
    try {
      await makeTree(dirname(target));
      await copyFileDurably(program, target, async (copy) => {
        await chmod(copy, 0o755);
        await run(copy, ["--version"]);
      });
      return target;
    } catch (error) {
      fault = error;
    }
  }
  throw fault;
}
