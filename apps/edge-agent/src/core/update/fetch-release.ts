// A release on its way to a slot: copied or fetched as its signed manifest says, then checked once more from the disk.

import type { UpdateReason } from "@attune/shared/contracts/current-state";
import type { Release } from "@attune/shared/contracts/release";
import { accept, type Result, refuse } from "@attune/shared/result";
import type { Files, Ports } from "../ports.js";
import type { Downloader } from "./download.js";
import { checkReleaseFiles, readManifest } from "./load-slot.js";
import { findLocalPieces } from "./local-pieces.js";
import { slotDirectory, slotFile } from "./slots.js";
import { type ManifestExpectations, verifyManifest } from "./verify.js";

type SlotPorts = Pick<Ports, "files" | "hashing">;

interface FetchParts extends SlotPorts, Pick<Ports, "log"> {
  readonly downloader: Downloader;
  /** Called with the manifest once it is believed, before any piece is fetched. */
  readonly onManifest: (release: Release) => void;
}

/** Resumes with the manifest and the files that the slot already holds. */
export async function fetchRelease(
  { files, hashing, log, downloader, onManifest }: FetchParts,
  expected: ManifestExpectations,
  signal: AbortSignal,
): Promise<Result<void, UpdateReason>> {
  const { sequence, manifestSha256 } = expected.target;
  const kept = await readManifest({ files }, sequence);
  const isKept = kept !== undefined && (await hashing.sha256(kept)) === manifestSha256;
  const bytes = isKept ? accept(kept) : await downloader.manifest(manifestSha256, signal);
  if (!bytes.ok) return bytes;
  const manifest = await verifyManifest(bytes.value, expected, hashing);
  if (!manifest.ok) return manifest;
  if (!isKept) {
    await files.remove(slotDirectory(sequence));
    await files.writeDurably(slotFile(sequence, "manifest.json"), bytes.value);
  }
  onManifest(manifest.value);
  const room = await judgeRoom(files, manifest.value);
  if (!room.ok) return room;
  const local = await findLocalPieces({ files, hashing, log }, manifest.value);
  for (const file of manifest.value.files) {
    const fetched = await downloader.file({ sequence, file, local }, signal);
    if (!fetched.ok) return fetched;
  }
  return accept(undefined);
}

/** Refuses a release that the disk cannot hold before the first of its bytes is fetched. */
async function judgeRoom(
  files: Files,
  { sequence, sizes, files: listed }: Release,
): Promise<Result<void, UpdateReason>> {
  const freeBytes = await files.freeBytes();
  let missingBytes = sizes.downloadBytes;
  for (const { name } of listed) missingBytes -= (await files.size(slotFile(sequence, name))) ?? 0;
  if (freeBytes === undefined || missingBytes <= freeBytes) return accept(undefined);
  return refuse("diskFull", `release ${sequence} needs ${missingBytes} bytes more, and the disk has ${freeBytes}`);
}

/** Checks everything once more, from the disk: the bytes that are checked are the bytes that will run. */
export async function verifySlot(
  ports: SlotPorts,
  expected: ManifestExpectations,
): Promise<Result<void, UpdateReason>> {
  const bytes = await readManifest(ports, expected.target.sequence);
  if (bytes === undefined) return refuse("sizeMismatch", "the manifest is missing");
  const manifest = await verifyManifest(bytes, expected, ports.hashing);
  return manifest.ok ? checkReleaseFiles(ports, manifest.value) : manifest;
}
