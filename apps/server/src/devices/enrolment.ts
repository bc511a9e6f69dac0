// The rules of enrolment: the form of a token, and when a token may be used. Pure; the caller supplies the
// clock and the database.

import type { Message } from "@attune/shared/contracts/egress";
import { enrolmentTokenPattern } from "@attune/shared/contracts/enrolment";
import { AppError } from "@attune/shared/errors";
import { dayMs } from "@attune/shared/time";

export const tokenSecretBytes = 24;
export const minTokenLifeMs = 1_000;
export const maxTokenLifeMs = 30 * dayMs;

/**
 * The token that the fleet manager hands over. Its fingerprint pins the release keys; the server knows its secret
 * by the hash alone.
 */
export function formatToken(fingerprint: string, secret: string): string {
  const token = `attune1.${fingerprint}.${secret}`;
  if (!enrolmentTokenPattern.test(token)) throw new TypeError("the fingerprint or the secret has the wrong form");
  return token;
}

export interface TokenRecord {
  readonly fleetName: string;
  readonly expiresAt: Date;
  /** The device that the token enrolled; null while the token is unused. */
  readonly device: {
    readonly id: string;
    readonly nkey: string;
    readonly epoch: string;
    readonly revokedAt: Date | null;
  } | null;
}

/**
 * Judges the use of a token now: `new` for its first use, `again` where the same device repeats a request whose reply
 * was lost. The device's key identifies the device. A repeat is answered even after the token has expired, because its
 * first use was in time.
 * Throws TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_USED, or UNAUTHORIZED for a device that was revoked since.
 */
export function judgeToken(
  token: TokenRecord | undefined,
  message: Pick<Message<"enrol">, "nkey" | "epoch">,
  nowMs: number,
): { readonly use: "new" } | { readonly use: "again"; readonly device: string } {
  if (token === undefined) throw new AppError("TOKEN_INVALID", "the enrolment token is not known here");
  const { device } = token;
  if (device !== null) {
    if (device.nkey !== message.nkey || device.epoch !== message.epoch) {
      throw new AppError("TOKEN_USED", "the enrolment token has enrolled another device");
    }
    if (device.revokedAt !== null) throw new AppError("UNAUTHORIZED", "this device was revoked");
    return { use: "again", device: device.id };
  }
  if (token.expiresAt.getTime() <= nowMs) {
    throw new AppError("TOKEN_EXPIRED", `the enrolment token ended at ${token.expiresAt.toISOString()}`);
  }
  return { use: "new" };
}
