// A slot's release, checked against the manifest that was accepted with it, parsed and tried: at testing
// and at every start.

import type { UpdateReason } from "@attune/shared/contracts/current-state";
import { type Release, type ReleaseFile, type ReleaseFileName, releaseSchema } from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import { accept, type Result, refuse } from "@attune/shared/result";
import { signedEnvelopeSchema } from "@attune/shared/trust/signed";
import type { OpenFile, Ports } from "../ports.js";
import type { Model } from "../prediction/model.js";
import type { Target } from "../update-state.js";
import { loadModel, type ReleaseFiles } from "./load-model.js";
import { openVerified, readVerified, slotFile } from "./slots.js";

type FilePorts = Pick<Ports, "files" | "hashing">;
type SlotPorts = FilePorts & Pick<Ports, "engine">;

export async function loadSlot(ports: SlotPorts, target: Target): Promise<Result<Model, UpdateReason>> {
  const release = await readAcceptedManifest(ports, target);
  if (!release.ok) return release;
  const opened = await openReleaseFiles(ports, release.value);
  if (!opened.ok) return opened;
  const { engine, hashing } = ports;
  try {
    return await loadModel({ release: release.value, files: opened.value, engine, hashing });
  } finally {
    await opened.value.model.close();
  }
}

/** Every file is what the manifest names, on the disk. */
export async function checkReleaseFiles(ports: FilePorts, release: Release): Promise<Result<void, UpdateReason>> {
  const opened = await openReleaseFiles(ports, release);
  if (!opened.ok) return opened;
  await opened.value.model.close();
  return accept(undefined);
}

interface OpenRelease extends ReleaseFiles {
  readonly model: OpenFile;
}

/** The small files in memory; the model, which is nearly all of a release, open. */
async function openReleaseFiles(ports: FilePorts, release: Release): Promise<Result<OpenRelease, UpdateReason>> {
  const small = new Map<ReleaseFileName, Uint8Array>();
  const isModel = ({ name }: ReleaseFile) => name === "model.safetensors";
  for (const file of release.files.filter((file) => !isModel(file))) {
    const read = await readVerified(ports, release.sequence, file);
    if (!read.ok) return read;
    small.set(file.name, read.value);
  }
  const model = await openVerified(ports, release.sequence, release.files.find(isModel)!);
  return model.ok ? accept({ model: model.value, small }) : model;
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

/** The manifest's signatures were checked before its hash was recorded, so an unchanged hash is enough. */
export async function readAcceptedManifest(
  ports: FilePorts,
  { sequence, manifestSha256 }: Target,
): Promise<Result<Release, UpdateReason>> {
  const bytes = await readManifest(ports, sequence);
  if (bytes === undefined || (await ports.hashing.sha256(bytes)) !== manifestSha256) {
    return refuse("digestMismatch", "the slot's manifest is not the accepted one");
  }
  try {
    return accept(parseManifest(bytes));
  } catch {
    return refuse("manifestMalformed", "the slot's manifest is of another version of this program");
  }
}

/** The release that a manifest describes, its signatures unchecked. Throws where the bytes are no manifest. */
export function parseManifest(bytes: Uint8Array): Release {
  return releaseSchema.parse(signedEnvelopeSchema.parse(JSON.parse(new TextDecoder().decode(bytes))).payload);
}
