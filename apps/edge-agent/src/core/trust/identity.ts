// Who this device is and how it was enrolled: written once, at enrolment, together with the root of trust.

import { sha256Schema } from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import { devicePattern, fleetPattern } from "@attune/shared/subjects";
import { trustedKeysSchema } from "@attune/shared/trust/keys";
import { pinnedRoot, type Root } from "@attune/shared/trust/root";
import { z } from "zod";
import type { Store, StoreOperation } from "../ports.js";
import { putRecord, readRecord } from "../storage/records.js";
import { putRoot, readRoot } from "./trust-records.js";

const identityKey = "identity";

const identitySchema = z.strictObject({
  version: z.literal(2),
  device: z.string().regex(devicePattern),
  fleet: z.string().regex(fleetPattern),
  /** sha256 of the token's secret, so that the same token may be spent again after a lost answer. */
  tokenSha256: sha256Schema,
});
export type Identity = z.infer<typeof identitySchema>;

/** The first form of the record held the keys that the device believes, too. */
const identityWithKeysSchema = identitySchema.extend({ version: z.literal(1), releaseKeys: trustedKeysSchema });

const storedIdentitySchema = z.discriminatedUnion("version", [identitySchema, identityWithKeysSchema]);

/** An enrolled device has an identity and the keys that check every answer to it. */
export interface Enrolled {
  readonly identity: Identity;
  readonly root: Root;
}

export function putEnrolled({ identity, root }: Enrolled): StoreOperation[] {
  return [putRecord(identityKey, identity), putRoot(root)];
}

/** Undefined before enrolment. Keys in an identity of the first form move to their own record, in one batch. */
export async function readEnrolled(store: Store): Promise<Enrolled | undefined> {
  const stored = await readRecord(store, identityKey, storedIdentitySchema);
  if (stored === undefined) return undefined;
  if (stored.version === 1) {
    const { releaseKeys, ...identity } = stored;
    const enrolled: Enrolled = { identity: { ...identity, version: 2 }, root: pinnedRoot(releaseKeys) };
    await store.batch(putEnrolled(enrolled));
    return enrolled;
  }
  const root = await readRoot(store);
  if (root === undefined) throw new AppError("STORE_CORRUPT", "the record root is missing, which the identity needs");
  return { identity: stored, root };
}
