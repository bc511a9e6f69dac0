// Who may say what on NATS: operator, account and user JWTs, and the revocations that drop a live connection.

import { join } from "node:path";
import { AppError } from "@attune/shared/errors";
import { inboxPrefix, reportSubject } from "@attune/shared/subjects";
import { type Account, decode, encodeAccount, encodeOperator, encodeUser } from "@nats-io/jwt";
import { type Authenticator, jwtAuthenticator, type NatsConnection } from "@nats-io/nats-core";
import { readTextFile, writeFileDurably } from "./durable-file.js";
import type { NatsKeys } from "./nats-keys.js";

/** Far above the largest report with its headers, far below what could hurt the broker. */
const devicePayloadLimitBytes = 4_096;
/** A device needs one subscription (its inbox); a few more are room for reconnecting. */
const deviceSubscriptionLimit = 8;

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

export interface NatsCredentials {
  readonly operatorJwt: string;
  readonly systemAccount: { readonly publicKey: string; readonly jwt: string };
  /** The account's JWT as of now, with all its revocations. */
  account(): { readonly publicKey: string; readonly jwt: string };
  /** Signs in the server itself; `system` is the account that may push account updates. */
  authenticator(user: "server" | "system"): Authenticator;
  createDeviceJwt(input: DeviceJwtInput): Promise<string>;
  /** Refuses the key from now on and drops its live connection. Durable before it is pushed. */
  revoke(nkeyPublic: string): Promise<void>;
  /** Pushes the account's JWT to every nats-server: after a restart, or when an earlier push did not arrive. */
  push(): Promise<void>;
}

export interface DeviceJwtInput {
  /** The public half of the key that was born on the device. */
  readonly nkeyPublic: string;
  readonly fleet: string;
  readonly device: string;
  readonly lifeMs: number;
}

export interface NatsCredentialsOptions {
  readonly keys: NatsKeys;
  /** Where the account's JWT with its revocations is kept. */
  readonly directory: string;
  readonly now: () => number;
  /** A connection of the system account; undefined while there is none. */
  readonly systemConnection: () => NatsConnection | undefined;
}

export async function createNatsCredentials(options: NatsCredentialsOptions): Promise<NatsCredentials> {
  const { keys, now } = options;
  const accountPath = join(options.directory, "nats-account.jwt");
  const accountKey = keys.account.getPublicKey();
  const systemKey = keys.systemAccount.getPublicKey();
  const operatorJwt = await encodeOperator("attune", keys.operator, { system_account: systemKey });
  const systemJwt = await encodeAccount("SYS", keys.systemAccount, { limits: wholeAccount }, { signer: keys.operator });
  const allowAll = { pub: { allow: [">"], deny: [] }, sub: { allow: [">"], deny: [] } };
  const serverJwt = await encodeUser("attune-server", keys.serverUser, keys.account, allowAll);
  const systemUserJwt = await encodeUser("attune-system", keys.systemUser, keys.systemAccount, allowAll);

  const stored = (await readTextFile(accountPath))?.trim();
  let revocations: { readonly [nkey: string]: number } = stored === undefined ? {} : readRevocations(stored);
  let accountJwt = stored ?? (await encodeAccountJwt());
  if (stored === undefined) await writeFileDurably(accountPath, accountJwt, 0o600);
  // One change of the account at a time: two at once would each lose the other's revocation.
  let lastChange: Promise<void> = Promise.resolve();

  function readRevocations(jwt: string) {
    const claims = decode<Account>(jwt);
    if (claims.sub !== accountKey)
      throw new AppError("STORE_CORRUPT", `${accountPath} belongs to another account's key`);
    return claims.nats.revocations ?? {};
  }

  function encodeAccountJwt(): Promise<string> {
    const limits = { ...wholeAccount, ...jetStreamUnlimited };
    return encodeAccount("ATTUNE", keys.account, { limits, revocations }, { signer: keys.operator });
  }

  async function addRevocation(nkeyPublic: string): Promise<void> {
    revocations = { ...revocations, [nkeyPublic]: Math.floor(now() / 1000) };
    accountJwt = await encodeAccountJwt();
    await writeFileDurably(accountPath, accountJwt, 0o600);
    await push();
  }

  async function push(): Promise<void> {
    const connection = options.systemConnection();
    if (connection === undefined) {
      throw new AppError("NATS_UNAVAILABLE", "the account's update is saved but could not be pushed yet");
    }
    try {
      const reply = await connection.request("$SYS.REQ.CLAIMS.UPDATE", accountJwt, { timeout: 5_000 });
      const { error } = reply.json<{ error?: { description?: string } }>();
      if (error !== undefined) throw new Error(error.description ?? "nats-server refused the account's update");
    } catch (cause) {
      throw new AppError("NATS_UNAVAILABLE", "the account's update is saved but could not be pushed yet", { cause });
    }
  }

  return {
    operatorJwt,
    systemAccount: { publicKey: systemKey, jwt: systemJwt },
    account: () => ({ publicKey: accountKey, jwt: accountJwt }),
    authenticator: (user) =>
      user === "server"
        ? jwtAuthenticator(serverJwt, keys.serverUser.getSeed())
        : jwtAuthenticator(systemUserJwt, keys.systemUser.getSeed()),
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
    revoke(nkeyPublic) {
      const change = lastChange.then(() => addRevocation(nkeyPublic));
      lastChange = change.catch(() => undefined);
      return change;
    },
    push,
  };
}
