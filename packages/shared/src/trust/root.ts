// The root of trust: which keys may sign in which role, in the vocabulary of The Update Framework (TUF).

import { z } from "zod";
import { keyIdSchema, maxSigners, publicKeySchema, type TrustedKeys, thresholdSchema } from "./keys.js";

/** `targets` signs release manifests, `timestamp` the dated answers to polls. No key has the other two roles yet. */
const roleNames = ["root", "targets", "snapshot", "timestamp"] as const;
export type RoleName = (typeof roleNames)[number];

const roleSchema = z.strictObject({
  keyIds: z.array(keyIdSchema).min(1).max(maxSigners),
  /** The number of distinct keys that must have signed. */
  threshold: thresholdSchema,
});

export const rootSchema = z.strictObject({
  /** 0 is the root that an enrolment pins and nobody signs. A signed root counts from 1. */
  version: z.int().min(0),
  keys: z.record(keyIdSchema, publicKeySchema),
  /** A role that is not listed has no key, so nothing is valid in that role. */
  roles: z.partialRecord(z.enum(roleNames), roleSchema),
});
export type Root = z.infer<typeof rootSchema>;

/** The root that an enrolment pins: the release keys sign both manifests and answers. */
export function pinnedRoot({ threshold, keys }: TrustedKeys): Root {
  const role = { keyIds: keys.map(({ keyId }) => keyId), threshold };
  return {
    version: 0,
    keys: Object.fromEntries(keys.map(({ keyId, publicKey }) => [keyId, publicKey])),
    roles: { targets: role, timestamp: role },
  };
}
