// The keys of the NATS operator, its accounts and the server's own users, made once. Only the
// server reads their directory.

import { join } from "node:path";
import { makeDirectory, readTextFile, writeFileDurably } from "@attune/platform/durable-file";
import { createAccount, createOperator, createUser, fromSeed, type KeyPair } from "@nats-io/nkeys";
import { withNativeSigning } from "./nkey-signatures.js";

export interface NatsKeys {
  readonly operator: KeyPair;
  /** $SYS: receives account updates, so that a revocation drops live connections. */
  readonly systemAccount: KeyPair;
  readonly systemUser: KeyPair;
  /** The account of all devices. It has no JetStream: no publication of a device can act on the stream. */
  readonly account: KeyPair;
  /** The account of the server, which holds the stream. */
  readonly storeAccount: KeyPair;
  readonly serverUser: KeyPair;
}

/** Reads the seeds in `directory`, and makes the missing ones. */
export async function openNatsKeys(directory: string): Promise<NatsKeys> {
  await makeDirectory(directory, 0o700);
  const open = async (name: string, create: () => KeyPair): Promise<KeyPair> => {
    const path = join(directory, `nats-${name}.seed`);
    const seed = await readTextFile(path);
    if (seed !== undefined) return withNativeSigning(fromSeed(new TextEncoder().encode(seed.trim())));
    const pair = create();
    await writeFileDurably(path, new TextDecoder().decode(pair.getSeed()), { mode: 0o600 });
    return withNativeSigning(pair);
  };
  return {
    operator: await open("operator", createOperator),
    systemAccount: await open("system-account", createAccount),
    systemUser: await open("system-user", createUser),
    account: await open("account", createAccount),
    storeAccount: await open("store-account", createAccount),
    serverUser: await open("server-user", createUser),
  };
}
