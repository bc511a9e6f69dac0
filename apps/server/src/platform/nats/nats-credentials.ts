// The rights on NATS: operator, account and user JWTs, and the revocations that drop a live connection.
//
// NATS checks the subject of a publication and never its reply subject, where JetStream sends its acknowledgement. So
// devices live in an account of their own, in which no reply subject means anything. The account that stores reports
// exports their subjects as a service, and the devices' account imports this service.

import type { Logger } from "@attune/platform/logger";
import { challengePattern } from "@attune/shared/contracts/egress";
import { AppError } from "@attune/shared/errors";
import { inboxPrefix, reportSubject } from "@attune/shared/subjects";
import { encodeAccount, encodeOperator, encodeUser } from "@nats-io/jwt";
import { type Authenticator, jwtAuthenticator, type NatsConnection } from "@nats-io/nats-core";
import type { KeyPair } from "@nats-io/nkeys";
import { jetStreamUnlimited, reportService, wholeAccount } from "./account-limits.js";
import { type DevicesAccount, openDevicesAccount } from "./devices-account.js";
import type { NatsKeys } from "./nats-keys.js";

/** Far above the largest report with its headers, and far below a size that could hurt the broker. */
const devicePayloadLimitBytes = 4_096;
/** A device needs one subscription (its inbox); a few more leave room for reconnecting. */
const deviceSubscriptionLimit = 8;

/**
 * `server` works with the stream, `system` pushes account updates, `mover` empties the stream that
 * an earlier release kept.
 */
export type OwnUser = "server" | "system" | "mover";

interface AccountJwt {
  readonly publicKey: string;
  readonly jwt: string;
}

export interface NatsCredentials extends Omit<DevicesAccount, "jwt"> {
  readonly operatorJwt: string;
  readonly systemAccount: AccountJwt;
  readonly storeAccount: AccountJwt;
  /** The devices' account as it is now, with the newest of its revocations. */
  account(): AccountJwt;
  /** Authenticates the server itself. */
  authenticator(user: OwnUser): Authenticator;
  createDeviceJwt(input: DeviceJwtInput): Promise<string>;
}

export interface DeviceJwtInput {
  /** The public half of the key that was made on the device. */
  readonly nkeyPublic: string;
  readonly fleet: string;
  readonly device: string;
  readonly lifeMs: number;
}

interface NatsCredentialsOptions {
  readonly keys: NatsKeys;
  /** The directory of the devices' account's JWT, which holds the revocations. */
  readonly directory: string;
  readonly now: () => number;
  /** A connection of the system account; undefined while there is none. */
  readonly systemConnection: () => NatsConnection | undefined;
  readonly logger: Logger;
}

export async function createNatsCredentials(options: NatsCredentialsOptions): Promise<NatsCredentials> {
  const { keys, now } = options;
  const signer = keys.operator;
  const systemKey = keys.systemAccount.getPublicKey();
  const operatorJwt = await encodeOperator("attune", signer, { system_account: systemKey });
  const systemJwt = await encodeAccount("SYS", keys.systemAccount, { limits: wholeAccount }, { signer });
  const storeRights = { limits: { ...wholeAccount, ...jetStreamUnlimited }, exports: [reportService] };
  const storeJwt = await encodeAccount("ATTUNE-STORE", keys.storeAccount, storeRights, { signer });
  const ownUsers = await signInOwnUsers(keys);
  const { jwt, ...devicesAccount } = await openDevicesAccount({ ...options, storeJwt });
  return {
    ...devicesAccount,
    operatorJwt,
    systemAccount: { publicKey: systemKey, jwt: systemJwt },
    storeAccount: { publicKey: keys.storeAccount.getPublicKey(), jwt: storeJwt },
    account: () => ({ publicKey: keys.account.getPublicKey(), jwt: jwt() }),
    authenticator: (user) => ownUsers[user],
    createDeviceJwt: (input) => encodeDevice(keys.account, input, now()),
  };
}

async function signInOwnUsers(keys: NatsKeys): Promise<{ readonly [user in OwnUser]: Authenticator }> {
  const allowAll = { pub: { allow: [">"], deny: [] }, sub: { allow: [">"], deny: [] } };
  const encode = (name: string, user: KeyPair, account: KeyPair) => encodeUser(name, user, account, allowAll);
  return {
    server: signIn(await encode("attune-server", keys.serverUser, keys.storeAccount), keys.serverUser),
    system: signIn(await encode("attune-system", keys.systemUser, keys.systemAccount), keys.systemUser),
    mover: signIn(await encode("attune-mover", keys.serverUser, keys.account), keys.serverUser),
  };
}

/** A device may publish its own reports and read its own inbox, nothing else. */
function encodeDevice(account: KeyPair, { nkeyPublic, fleet, device, lifeMs }: DeviceJwtInput, nowMs: number) {
  const permissions = {
    pub: { allow: [reportSubject(fleet, device)], deny: [] },
    sub: { allow: [`${inboxPrefix(device)}.>`], deny: [] },
    payload: devicePayloadLimitBytes,
    subs: deviceSubscriptionLimit,
  };
  return encodeUser(device, nkeyPublic, account, permissions, { exp: Math.floor((nowMs + lifeMs) / 1000) });
}

/**
 * Signs only a challenge in a broker's own form, because the program at the broker's address chooses what is signed.
 */
function signIn(jwt: string, user: KeyPair): Authenticator {
  const authenticate = jwtAuthenticator(jwt, user.getSeed());
  return (nonce) => {
    if (!challengePattern.test(nonce ?? "")) {
      throw new AppError("FORBIDDEN", "the challenge from NATS has another form than a broker's has; it is not signed");
    }
    return authenticate(nonce);
  };
}
