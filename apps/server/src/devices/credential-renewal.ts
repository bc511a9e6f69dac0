// A device's broker credentials, issued for a month. The same credentials are handed out again until half of
// their life is over.

import { AppError } from "@attune/shared/errors";
import { dayMs } from "@attune/shared/time";
import type { DeviceJwtInput, NatsCredentials } from "../platform/nats/nats-credentials.js";

export const lifeMs = 30 * dayMs;
/** Credentials can always be issued anew. Remembering them saves a signature for each poll. */
const rememberedDevices = 20_000;

interface RenewalDeps {
  readonly credentials: Pick<NatsCredentials, "createDeviceJwt">;
  readonly isRevoked: (device: string) => Promise<boolean>;
  readonly now: () => number;
}

interface Renewals {
  /** Throws UNAUTHORIZED for a device that was revoked. */
  currentJwt(input: Omit<DeviceJwtInput, "lifeMs">): Promise<string>;
}

export function createRenewals({ credentials, isRevoked, now }: RenewalDeps): Renewals {
  const issued = new Map<string, { readonly jwt: string; readonly renewAtMs: number }>();

  async function currentJwt(input: Omit<DeviceJwtInput, "lifeMs">): Promise<string> {
    const known = issued.get(input.device);
    if (known !== undefined && now() < known.renewAtMs) return known.jwt;
    const jwt = await credentials.createDeviceJwt({ ...input, lifeMs });
    // The device may have been revoked since its request was let in.
    if (await isRevoked(input.device)) throw new AppError("UNAUTHORIZED", "this device was revoked");
    issued.delete(input.device);
    issued.set(input.device, { jwt, renewAtMs: now() + lifeMs / 2 });
    const [oldest] = issued.keys();
    if (issued.size > rememberedDevices && oldest !== undefined) issued.delete(oldest);
    return jwt;
  }

  return { currentJwt };
}
