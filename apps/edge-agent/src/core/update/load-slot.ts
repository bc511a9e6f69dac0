// A slot's release, checked against the manifest that was accepted with it, parsed and tried: at testing and at every start.

import type { UpdateReason } from "@attune/shared/contracts/current-state";
import { type Release, type ReleaseFileName, releaseSchema } from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import { accept, type Result, refuse } from "@attune/shared/result";
import { signedEnvelopeSchema } from "@attune/shared/signature";
import type { Ports } from "../ports.js";
import type { Target } from "../state.js";
import { loadPair, type Pair, tryPair } from "./candidate.js";
import { readVerified, slotFile } from "./slots.js";

type SlotPorts = Pick<Ports, "files" | "hashing" | "engine">;

export async function loadSlot(ports: SlotPorts, target: Target): Promise<Result<Pair, UpdateReason>> {
  const release = await readAcceptedManifest(ports, target);
  if (!release.ok) return release;
  const files = await readReleaseFiles(ports, release.value);
  if (!files.ok) return files;
  const { engine, hashing } = ports;
  const pair = await loadPair({ release: release.value, files: files.value, engine, hashing });
  if (!pair.ok) return pair;
  const tried = tryPair(pair.value);
  return tried.ok ? pair : tried;
}

export async function readReleaseFiles(
  ports: Pick<Ports, "files" | "hashing">,
  release: Release,
): Promise<Result<Map<ReleaseFileName, Uint8Array>, UpdateReason>> {
  const contents = new Map<ReleaseFileName, Uint8Array>();
  const read = await Promise.all(release.files.map((file) => readVerified(ports, release.sequence, file)));
  for (const [i, bytes] of read.entries()) {
    if (!bytes.ok) return bytes;
    contents.set(release.files[i]!.name, bytes.value);
  }
  return accept(contents);
}

/** The manifest's bytes in the slot; undefined where there are none. */
export async function readManifest({ files }: Pick<Ports, "files">, sequence: number): Promise<Uint8Array | undefined> {
  try {
    return await files.read(slotFile(sequence, "manifest.json"));
  } catch (error) {
    if (error instanceof AppError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}

/** Its signatures were checked before its hash was recorded; the hash still being the same is enough. */
async function readAcceptedManifest(
  ports: SlotPorts,
  { sequence, manifestSha256 }: Target,
): Promise<Result<Release, UpdateReason>> {
  const bytes = await readManifest(ports, sequence);
  if (bytes === undefined || (await ports.hashing.sha256(bytes)) !== manifestSha256) {
    return refuse("digestMismatch", "the slot's manifest is not the accepted one");
  }
  try {
    const envelope = signedEnvelopeSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
    return accept(releaseSchema.parse(envelope.payload));
  } catch {
    return refuse("manifestMalformed", "the slot's manifest is of another version of this program");
  }
}
