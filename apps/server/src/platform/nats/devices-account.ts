// The devices' account on NATS: its JWT with the revocations, which drop a live connection. Each change is durable
// before it is pushed.

import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { readTextFile, writeFileDurably } from "@attune/platform/durable-file";
import type { Logger } from "@attune/platform/logger";
import { AppError } from "@attune/shared/errors";
import { reportStreamSubjects } from "@attune/shared/subjects";
import { type Account, decode, encodeAccount } from "@nats-io/jwt";
import type { NatsConnection } from "@nats-io/nats-core";
import { jetStreamUnlimited, reportService, wholeAccount } from "./account-limits.js";
import type { NatsKeys } from "./nats-keys.js";
import { pushAccount } from "./push-account.js";

/**
 * The time up to which a revocation counts, in seconds: for ever. NATS refuses a JWT issued up to then. Neither a clock
 * that runs behind nor a JWT that is signed at this very moment escapes the revocation.
 */
const forever = Date.UTC(9999, 0) / 1_000;

/**
 * A newer nats-server refuses an account's JWT beyond 1 MiB, and with the JWT every device. One
 * revocation takes 96 bytes.
 */
export const revocationLimit = 10_000;

/** Public keys to revoke. */
export interface Revocations {
  /** The revoked keys, the latest revocation last. */
  readonly revoked: readonly string[];
  /** The keys whose JWTs have all expired: they need no longer be listed. */
  readonly expired?: readonly string[];
}

export interface DevicesAccount {
  /** The account as it is now, with the newest `revocationLimit` of its revocations. */
  jwt(): string;
  /**
   * Refuses the keys from now on, whichever JWTs they have, and drops their live connections. Durable
   * before it is pushed.
   */
  revoke(keys: Revocations): Promise<void>;
  /** Pushes the accounts' JWTs to every nats-server: after a restart, or when an earlier push did not arrive. */
  push(): Promise<void>;
  /** True in a home of an earlier release, whose devices' account still holds the stream. */
  hasEarlierStream(): boolean;
  /** Takes the stream from the devices' account, once the reports were moved. Durable before it is pushed. */
  removeEarlierStream(): Promise<void>;
}

interface DevicesAccountParts {
  readonly keys: Pick<NatsKeys, "operator" | "account" | "storeAccount">;
  /** The JWT of the account that stores reports, which is pushed before the devices' account. */
  readonly storeJwt: string;
  /** The directory of the account's JWT, which holds the revocations. */
  readonly directory: string;
  /** A connection of the system account; undefined while there is none. */
  readonly systemConnection: () => NatsConnection | undefined;
  readonly logger: Logger;
}

type RevocationList = { readonly [nkey: string]: number };

interface AccountState {
  readonly path: string;
  jwt: string;
  revocations: RevocationList;
  hasEarlierStream: boolean;
  isPushed: boolean;
}

export async function openDevicesAccount(parts: DevicesAccountParts): Promise<DevicesAccount> {
  const state = await readAccount(parts);
  // The account changes one step at a time: two changes at once would each lose the other's revocation.
  let lastChange: Promise<void> = Promise.resolve();

  function inTurn(step: () => Promise<void>): Promise<void> {
    const changed = lastChange.then(step);
    lastChange = changed.catch(() => undefined);
    return changed;
  }

  return {
    jwt: () => state.jwt,
    revoke: (keys) =>
      inTurn(async () => {
        const revocations = newest(revokedKeys(state, keys), parts.logger);
        if (!isDeepStrictEqual(state.revocations, revocations)) await save(parts, state, { revocations });
        if (!state.isPushed) await push(parts, state);
      }),
    push: () => push(parts, state),
    hasEarlierStream: () => state.hasEarlierStream,
    removeEarlierStream: () =>
      inTurn(async () => {
        await save(parts, state, { hasEarlierStream: false });
        await push(parts, state);
      }),
  };
}

/** Reads the account from its file, and writes the file anew where it lists other revocations than it may. */
async function readAccount(parts: DevicesAccountParts): Promise<AccountState> {
  const path = join(parts.directory, "nats-account.jwt");
  const stored = (await readTextFile(path))?.trim();
  const claims = stored === undefined ? undefined : readClaims(stored, path, parts.keys.account.getPublicKey());
  const state: AccountState = {
    path,
    jwt: stored ?? "",
    revocations: newest(Object.keys(claims?.revocations ?? {}), parts.logger),
    hasEarlierStream: (claims?.limits?.disk_storage ?? 0) !== 0,
    isPushed: false,
  };
  // An earlier release listed all revocations, without a limit.
  const isCurrent = stored !== undefined && isDeepStrictEqual(claims?.revocations ?? {}, state.revocations);
  if (!isCurrent) await save(parts, state, {});
  return state;
}

function readClaims(jwt: string, path: string, accountKey: string): Partial<Account> {
  const claims = decode<Account>(jwt);
  if (claims.sub !== accountKey) throw new AppError("STORE_CORRUPT", `${path} belongs to another account's key`);
  return claims.nats;
}

/** The keys whose JWTs may still be valid, the latest revocation last. */
function revokedKeys({ revocations }: AccountState, { revoked, expired = [] }: Revocations): string[] {
  const listed = new Set(Object.keys(revocations));
  for (const key of [...revoked, ...expired]) listed.delete(key);
  const ended = new Set(expired);
  return [...listed, ...revoked.filter((key) => !ended.has(key))];
}

function newest(nkeys: readonly string[], logger: Logger): RevocationList {
  if (nkeys.length > revocationLimit) {
    const unlisted = nkeys.length - revocationLimit;
    const why =
      "the broker's list is full: devices revoked before those on it can connect until their credentials expire, " +
      "though their polls and reports are refused; block their addresses to keep them out";
    logger.warn("revocations.unlisted", { unlisted, listed: revocationLimit, why });
  }
  return Object.fromEntries(nkeys.slice(-revocationLimit).map((nkey) => [nkey, forever]));
}

type Changes = Partial<Pick<AccountState, "revocations" | "hasEarlierStream">>;

/** Writes the changed account durably. It waits to be pushed then. */
async function save({ keys }: DevicesAccountParts, state: AccountState, changes: Changes): Promise<void> {
  const { revocations, hasEarlierStream } = { ...state, ...changes };
  const imports = [
    { ...reportService, account: keys.storeAccount.getPublicKey(), local_subject: reportStreamSubjects },
  ];
  const rights = hasEarlierStream
    ? { limits: { ...wholeAccount, ...jetStreamUnlimited } }
    : { limits: wholeAccount, imports };
  const jwt = await encodeAccount("ATTUNE", keys.account, { ...rights, revocations }, { signer: keys.operator });
  await writeFileDurably(state.path, jwt, { mode: 0o600 });
  Object.assign(state, changes, { jwt, isPushed: false });
}

async function push({ storeJwt, systemConnection }: DevicesAccountParts, state: AccountState): Promise<void> {
  const latest = state.jwt;
  // The exporting account is pushed first.
  for (const jwt of [storeJwt, latest]) await pushAccount(systemConnection(), jwt);
  state.isPushed = latest === state.jwt;
}
