// The version of the egress contract that the device speaks. A newer version may say more about the person, so the
// person agrees to it first.

import { type Contracts, firstContract } from "@attune/shared/contracts/egress";
import { z } from "zod";
import type { Store, StoreOperation } from "../ports.js";
import { putRecord, readRecord } from "../storage/records.js";

const key = "consent";
const consentSchema = z.strictObject({
  version: z.literal(1),
  /** The newest version of the contract that the person has agreed to. */
  contract: z.int().min(1),
});

/** Whoever enrols a device agrees to the first version. */
export async function readConsent(store: Store): Promise<number> {
  return (await readRecord(store, key, consentSchema))?.contract ?? firstContract;
}

export function putConsent(contract: number): StoreOperation {
  return putRecord(key, { version: 1, contract });
}

interface Speaking {
  /** The versions that this agent knows. */
  readonly contracts: Pick<Contracts, "versions" | "saysMore">;
  readonly agreed: number;
  /** The version that the running release, or before it the first release, was published for; undefined before that. */
  readonly release: number | undefined;
}

/**
 * The newest version that agent, person and release all allow. A version that says less needs no new consent. Without a
 * release the device speaks the first version, which every server has taken.
 */
export function spokenContract({ contracts, agreed, release = firstContract }: Speaking): number {
  const allowed = contracts.versions.filter((version) => version <= release && !contracts.saysMore(version, agreed));
  return Math.max(firstContract, ...allowed);
}
