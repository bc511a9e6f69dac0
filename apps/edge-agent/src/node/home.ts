// The files in a device's directory beside its store, and how they are read: addresses, tokens and keys.

import { join } from "node:path";
import { readTextFile } from "@attune/platform/durable-file";
import { isPresentSync } from "@attune/platform/presence";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { parseJson } from "../core/storage/parse-json.js";
import { writeOwnFile } from "./own-file.js";

export interface HomePaths {
  readonly home: string;
  /** LevelDB's directory. */
  readonly store: string;
  readonly storeKey: string;
  readonly deviceSeed: string;
  /** The server that the device was enrolled with. */
  readonly config: string;
  /** The running daemon's address. */
  readonly localApi: string;
  /** The token for every call. */
  readonly localToken: string;
  /** The token that may only predict. */
  readonly predictToken: string;
}

export function homePaths(home: string): HomePaths {
  return {
    home,
    store: join(home, "store"),
    storeKey: join(home, "keys", "store.key"),
    deviceSeed: join(home, "keys", "device.seed"),
    config: join(home, "config.json"),
    localApi: join(home, "local-api.json"),
    localToken: join(home, "local-token"),
    predictToken: join(home, "predict-token"),
  };
}

const configSchema = z.strictObject({ version: z.literal(1), server: z.url({ protocol: /^https?$/ }) });
const localApiSchema = z.strictObject({ url: z.url(), pid: z.int().positive() });
type LocalApiAddress = z.infer<typeof localApiSchema>;

export async function readServer(paths: HomePaths): Promise<string | undefined> {
  return (await readJsonFile(paths.config, configSchema))?.server;
}

export async function writeServer(paths: HomePaths, server: string): Promise<void> {
  await writeOwnFile(paths.config, `${JSON.stringify({ version: 1, server })}\n`);
}

export function readLocalApi(paths: HomePaths): Promise<LocalApiAddress | undefined> {
  return readJsonFile(paths.localApi, localApiSchema);
}

export async function writeLocalApi(paths: HomePaths, address: LocalApiAddress): Promise<void> {
  await writeOwnFile(paths.localApi, `${JSON.stringify(address)}\n`);
}

/** Undefined where no daemon has run yet. */
export async function readLocalToken(path: string): Promise<string | undefined> {
  return (await readTextFile(path))?.trim();
}

/** Whether a store lies here. Its values are sealed with a key, so the key must be here, too. */
export function hasStore(paths: HomePaths): boolean {
  return isPresentSync(join(paths.store, "CURRENT"));
}

async function readJsonFile<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readTextFile(path);
  if (text === undefined) return undefined;
  const json = parseJson(new TextEncoder().encode(text));
  const parsed = schema.safeParse(json.ok ? json.value : undefined);
  if (!parsed.success) throw new AppError("STORE_CORRUPT", `${path} does not hold what belongs there`);
  return parsed.data;
}
