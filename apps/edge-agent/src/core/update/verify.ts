// Checks on a release's manifest, in the order in which they must be made: nothing unsigned is looked into. No I/O.

import type { UpdateReason } from "@attune/shared/contracts/current-state";
import { slugsOf } from "@attune/shared/contracts/label-set";
import { type Release, releaseSchema } from "@attune/shared/contracts/release";
import { accept, type Result, refuse } from "@attune/shared/result";
import type { Root } from "@attune/shared/trust/root";
import { type TrustFault, verifySigned } from "@attune/shared/trust/signed";
import type { Hashing } from "../ports.js";
import { parseJson } from "../storage/parse-json.js";
import type { Target } from "../update-state.js";

export interface ManifestExpectations {
  readonly target: Target;
  readonly root: Root;
  /** The newest release that has ever passed these checks here. */
  readonly highest: Target | null;
  /** The versions of the egress contract that this agent knows. */
  readonly knownContracts: readonly number[];
  readonly nowMs: number;
}

const reasons: Readonly<Record<TrustFault, UpdateReason>> = {
  malformed: "manifestMalformed",
  signature: "manifestSignature",
  unknownRole: "manifestSignature",
};

export async function verifyManifest(
  bytes: Uint8Array,
  { target, root, highest, knownContracts, nowMs }: ManifestExpectations,
  hashing: Pick<Hashing, "sha256" | "verifyEd25519">,
): Promise<Result<Release, UpdateReason>> {
  if ((await hashing.sha256(bytes)) !== target.manifestSha256) {
    return refuse("digestMismatch", "the manifest is not the one the target state names");
  }
  const json = parseJson(bytes);
  if (!json.ok) return refuse("manifestMalformed", "the manifest is not JSON");
  const signed = await verifySigned(json.value, { root, role: "targets" }, hashing.verifyEd25519);
  if (!signed.ok) return refuse(reasons[signed.reason], `the manifest ${signed.detail}`);

  const parsed = releaseSchema.safeParse(signed.value);
  if (!parsed.success) {
    return refuse("manifestMalformed", `the manifest's ${parsed.error.issues[0]?.path.join(".") || "whole"}`);
  }
  const release = parsed.data;
  if (new Set(slugsOf(release.labels)).size !== release.labels.length) {
    return refuse("manifestMalformed", "the manifest's labels repeat");
  }
  if (release.sequence !== target.sequence) {
    return refuse("manifestMismatch", `the manifest is of release ${release.sequence}, not ${target.sequence}`);
  }
  if (highest !== null && !isForward(target, highest)) {
    return refuse("manifestRollback", `release ${release.sequence} is behind ${highest.sequence}, accepted before`);
  }
  if (nowMs > Date.parse(release.expiresAt)) {
    return refuse("manifestExpired", `the manifest expired at ${release.expiresAt}`);
  }
  if (!knownContracts.includes(release.egressContractVersion)) {
    return refuse("contractUnsupported", `egress contract ${release.egressContractVersion} is not known here`);
  }
  return accept(release);
}

/** The same release may come again; another release may not take its number. */
function isForward(target: Target, highest: Target): boolean {
  if (target.sequence !== highest.sequence) return target.sequence > highest.sequence;
  return target.manifestSha256 === highest.manifestSha256;
}
