// The rights on NATS: operator, account and user JWTs, and the revocations that drop a live connection.
//
// NATS checks the subject of a publication and never its reply subject, where JetStream sends its acknowledgement. So devices
// live in an account of their own, in which no reply subject means anything. The account that stores reports exports their
// subjects as a service, and the devices' account imports this service.

import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { readTextFile, writeFileDurably } from "@attune/platform/durable-file";
import type { Logger } from "@attune/platform/logger";
import { challengePattern } from "@attune/shared/contracts/egress";
import { AppError } from "@attune/shared/errors";
import { inboxPrefix, reportStreamSubjects, reportSubject } from "@attune/shared/subjects";
import { type Account, decode, encodeAccount, encodeOperator, encodeUser } from "@nats-io/jwt";
import { type Authenticator, jwtAuthenticator, type NatsConnection } from "@nats-io/nats-core";
import type { KeyPair } from "@nats-io/nkeys";
import type { NatsKeys } from "./nats-keys.js";

/** Far above the largest report with its headers, and far below a size that could hurt the broker. */
const devicePayloadLimitBytes = 4_096;
/** A device needs one subscription (its inbox); a few more leave room for reconnecting. */
const deviceSubscriptionLimit = 8;

/**
 * The time up to which a revocation counts, in seconds: for ever. NATS refuses a JWT issued up to then. Neither a clock that
 * runs behind nor a JWT that is signed at this very moment escapes the revocation.
 */
const forever = Date.UTC(9999, 0) / 1_000;

/** A newer nats-server refuses an account's JWT beyond 1 MiB, and with the JWT every device. One revocation takes 96 bytes. */
export const revocationLimit = 10_000;

const unlimited = -1;
const wholeAccount = {
  subs: unlimited,
  data: unlimited,
  payload: unlimited,
  imports: unlimited,
  exports: unlimited,
  wildcards: true,
  conn: unlimited,
  leaf: unlimited,
};
const jetStreamUnlimited = { mem_storage: unlimited, disk_storage: unlimited, streams: unlimited, consumer: unlimited };

/** `server` works with the stream, `system` pushes account updates, `mover` empties the stream that an earlier release kept. */
export type OwnUser = "server" | "system" | "mover";

export interface AccountJwt {
  readonly publicKey: string;
  readonly jwt: string;
}

export interface NatsCredentials {
  readonly operatorJwt: string;
  readonly systemAccount: AccountJwt;
  readonly storeAccount: AccountJwt;
  /** The devices' account as it is now, with the newest `revocationLimit` of its revocations. */
  account(): AccountJwt;
  /** Authenticates the server itself. */
  authenticator(user: OwnUser): Authenticator;
  createDeviceJwt(input: DeviceJwtInput): Promise<string>;
  /** Refuses the keys from now on, whichever JWTs they have, and drops their live connections. Durable before it is pushed. */
  revoke(keys: Revocations): Promise<void>;
  /** Pushes the accounts' JWTs to every nats-server: after a restart, or when an earlier push did not arrive. */
  push(): Promise<void>;
  /** True in a home of an earlier release, whose devices' account still holds the stream. */
  devicesStillStore(): boolean;
  /** Takes the stream from the devices' account, once the reports were moved. Durable before it is pushed. */
  separateDevices(): Promise<void>;
}

/** Public keys to revoke. */
export interface Revocations {
  /** The revoked keys, the latest revocation last. */
  readonly revoked: readonly string[];
  /** The keys whose JWTs have all expired: they need no longer be listed. */
  readonly expired?: readonly string[];
}

export interface DeviceJwtInput {
  /** The public half of the key that was made on the device. */
  readonly nkeyPublic: string;
  readonly fleet: string;
  readonly device: string;
  readonly lifeMs: number;
}

export interface NatsCredentialsOptions {
  readonly keys: NatsKeys;
  /** The directory of the devices' account's JWT, which holds the revocations. */
  readonly directory: string;
  readonly now: () => number;
  /** A connection of the system account; undefined while there is none. */
  readonly systemConnection: () => NatsConnection | undefined;
  readonly logger: Logger;
}

export async function createNatsCredentials(options: NatsCredentialsOptions): Promise<NatsCredentials> {
  const { keys, now, logger } = options;
  const accountPath = join(options.directory, "nats-account.jwt");
  const accountKey = keys.account.getPublicKey();
  const systemKey = keys.systemAccount.getPublicKey();
  const storeKey = keys.storeAccount.getPublicKey();
  const signer = keys.operator;
  const operatorJwt = await encodeOperator("attune", signer, { system_account: systemKey });
  const systemJwt = await encodeAccount("SYS", keys.systemAccount, { limits: wholeAccount }, { signer });
  const withJetStream = { ...wholeAccount, ...jetStreamUnlimited };
  const reports = { name: "reports", subject: reportStreamSubjects, type: "service" } as const;
  const storeJwt = await encodeAccount(
    "ATTUNE-STORE",
    keys.storeAccount,
    { limits: withJetStream, exports: [reports] },
    { signer },
  );
  const allowAll = { pub: { allow: [">"], deny: [] }, sub: { allow: [">"], deny: [] } };
  const encodeOwnUser = (name: string, user: KeyPair, account: KeyPair) => encodeUser(name, user, account, allowAll);
  const ownUsers: { readonly [user in OwnUser]: Authenticator } = {
    server: signIn(await encodeOwnUser("attune-server", keys.serverUser, keys.storeAccount), keys.serverUser),
    system: signIn(await encodeOwnUser("attune-system", keys.systemUser, keys.systemAccount), keys.systemUser),
    mover: signIn(await encodeOwnUser("attune-mover", keys.serverUser, keys.account), keys.serverUser),
  };

  const stored = (await readTextFile(accountPath))?.trim();
  const claims = stored === undefined ? undefined : readAccount(stored);
  let revocations = newest(Object.keys(claims?.revocations ?? {}));
  let devicesStillStore = (claims?.limits?.disk_storage ?? 0) !== 0;
  // An earlier release listed all revocations, without a limit.
  const isCurrent = stored !== undefined && isDeepStrictEqual(claims?.revocations ?? {}, revocations);
  let accountJwt = isCurrent ? stored : await encodeDevicesAccount();
  if (!isCurrent) await writeFileDurably(accountPath, accountJwt, { mode: 0o600 });
  let isPushed = false;
  // The account changes one step at a time: two changes at once would each lose the other's revocation.
  let lastChange: Promise<void> = Promise.resolve();

  function readAccount(jwt: string): Partial<Account> {
    const claims = decode<Account>(jwt);
    if (claims.sub !== accountKey)
      throw new AppError("STORE_CORRUPT", `${accountPath} belongs to another account's key`);
    return claims.nats;
  }

  function newest(nkeys: readonly string[]): { readonly [nkey: string]: number } {
    if (nkeys.length > revocationLimit) {
      const unlisted = nkeys.length - revocationLimit;
      const why =
        "the broker's list is full: devices revoked before those on it can connect until their credentials expire, " +
        "though their polls and reports are refused; block their addresses to keep them out";
      logger.warn("revocations.unlisted", { unlisted, listed: revocationLimit, why });
    }
    return Object.fromEntries(nkeys.slice(-revocationLimit).map((nkey) => [nkey, forever]));
  }

  function encodeDevicesAccount(): Promise<string> {
    const rights = devicesStillStore
      ? { limits: withJetStream }
      : { limits: wholeAccount, imports: [{ ...reports, account: storeKey, local_subject: reportStreamSubjects }] };
    return encodeAccount("ATTUNE", keys.account, { ...rights, revocations }, { signer });
  }

  /** `make` answers whether it changed the account. */
  function change(make: () => boolean): Promise<void> {
    const changed = lastChange.then(async () => {
      if (make()) {
        isPushed = false;
        accountJwt = await encodeDevicesAccount();
        await writeFileDurably(accountPath, accountJwt, { mode: 0o600 });
      }
      if (!isPushed) await push();
    });
    lastChange = changed.catch(() => undefined);
    return changed;
  }

  async function push(): Promise<void> {
    const latest = accountJwt;
    // The exporting account is pushed first.
    for (const jwt of [storeJwt, latest]) await pushAccount(jwt);
    isPushed = latest === accountJwt;
  }

  async function pushAccount(jwt: string): Promise<void> {
    const connection = options.systemConnection();
    if (connection === undefined) {
      throw new AppError("NATS_UNAVAILABLE", "the account's update is saved but could not be pushed yet");
    }
    const limitBytes = connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    if (jwt.length > limitBytes) {
      const remedy = `raise the broker's max_payload of ${limitBytes} bytes to 1MB, or restart it with its account files written anew`;
      throw new AppError(
        "NATS_UNAVAILABLE",
        `the account's update has ${jwt.length} bytes and cannot be pushed: ${remedy}`,
      );
    }
    try {
      const reply = await connection.request("$SYS.REQ.CLAIMS.UPDATE", jwt, { timeout: 5_000 });
      const { error } = reply.json<{ error?: { description?: string } }>();
      if (error !== undefined) throw new Error(error.description ?? "nats-server refused the account's update");
    } catch (cause) {
      throw new AppError("NATS_UNAVAILABLE", "the account's update is saved but could not be pushed yet", { cause });
    }
  }

  return {
    operatorJwt,
    systemAccount: { publicKey: systemKey, jwt: systemJwt },
    storeAccount: { publicKey: storeKey, jwt: storeJwt },
    account: () => ({ publicKey: accountKey, jwt: accountJwt }),
    authenticator: (user) => ownUsers[user],
    createDeviceJwt({ nkeyPublic, fleet, device, lifeMs }) {
      const permissions = {
        pub: { allow: [reportSubject(fleet, device)], deny: [] },
        sub: { allow: [`${inboxPrefix(device)}.>`], deny: [] },
        payload: devicePayloadLimitBytes,
        subs: deviceSubscriptionLimit,
      };
      const exp = Math.floor((now() + lifeMs) / 1000);
      return encodeUser(device, nkeyPublic, keys.account, permissions, { exp });
    },
    revoke: ({ revoked, expired = [] }) =>
      change(() => {
        const listed = new Set(Object.keys(revocations));
        for (const key of [...revoked, ...expired]) listed.delete(key);
        const ended = new Set(expired);
        const wanted = newest([...listed, ...revoked.filter((key) => !ended.has(key))]);
        if (isDeepStrictEqual(revocations, wanted)) return false;
        revocations = wanted;
        return true;
      }),
    push,
    devicesStillStore: () => devicesStillStore,
    separateDevices: () =>
      change(() => {
        devicesStillStore = false;
        return true;
      }),
  };
}

/** Signs only a challenge in a broker's own form, because the program at the broker's address chooses what is signed. */
function signIn(jwt: string, user: KeyPair): Authenticator {
  const authenticate = jwtAuthenticator(jwt, user.getSeed());
  return (nonce) => {
    if (!challengePattern.test(nonce ?? "")) {
      throw new AppError("FORBIDDEN", "the challenge from NATS has another form than a broker's has; it is not signed");
    }
    return authenticate(nonce);
  };
}
