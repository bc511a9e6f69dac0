// Slots: one directory per release, named by its sequence. Which one is active is a record in the store, never a file.

import type { UpdateReason } from "@attune/shared/contracts/current-state";
import type { ReleaseFile, ReleaseFileName } from "@attune/shared/contracts/release";
import { sha256Schema } from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import { accept, type Result, refuse } from "@attune/shared/result";
import { z } from "zod";
import type { Files, Hashing, OpenFile } from "../ports.js";

export const activeSlotSchema = z.strictObject({
  version: z.literal(1),
  sequence: z.int().min(1),
  manifestSha256: sha256Schema,
  /** The release before, kept for a rollback. */
  previous: z.strictObject({ sequence: z.int().min(1), manifestSha256: sha256Schema }).nullable(),
});
export type ActiveSlot = z.infer<typeof activeSlotSchema>;

const root = "slots";
export const slotDirectory = (sequence: number): string => `${root}/${sequence}`;
export const slotFile = (sequence: number, name: ReleaseFileName | "manifest.json"): string =>
  `${slotDirectory(sequence)}/${name}`;

/** The numbers of the slots on the disk. */
export async function listSlots(files: Files): Promise<number[]> {
  return (await files.list(root)).map(Number).filter((sequence) => Number.isSafeInteger(sequence) && sequence > 0);
}

/** The slots whose files may hold pieces of the release `target`: the two newest others. */
export function sourceSlots(slots: readonly number[], target: number): number[] {
  return slots
    .filter((sequence) => sequence !== target)
    .toSorted((x, y) => y - x)
    .slice(0, 2);
}

/** Removes every slot that is not in `keep`; what a crash leaves behind goes at the next call. */
export async function pruneSlots(files: Files, keep: readonly number[]): Promise<void> {
  const kept = keep.map(String);
  for (const name of await files.list(root)) {
    if (!kept.includes(name)) await files.remove(`${root}/${name}`);
  }
}

export async function slotBytes(files: Files, sequence: number): Promise<number> {
  let bytes = 0;
  for (const name of await files.list(slotDirectory(sequence))) {
    bytes += (await files.size(`${slotDirectory(sequence)}/${name}`)) ?? 0;
  }
  return bytes;
}

type Reading = { readonly files: Files; readonly hashing: Pick<Hashing, "sha256" | "sha256Of"> };

/**
 * The file's bytes, if they are the bytes that the manifest names. Other bytes are removed, so that the next attempt
 * fetches them again. A file from another release (mix and match) is found here, too.
 */
export async function readVerified(
  { files, hashing }: Reading,
  sequence: number,
  file: ReleaseFile,
): Promise<Result<Uint8Array, UpdateReason>> {
  const path = slotFile(sequence, file.name);
  const bytes = await found(file, files.read(path));
  if (!bytes.ok) return bytes;
  const fault = await faultOf(file, bytes.value.length, () => hashing.sha256(bytes.value));
  if (fault === undefined) return bytes;
  await files.remove(path);
  return fault;
}

/** The same check for a file that stays on the disk. The caller closes it. */
export async function openVerified(
  { files, hashing }: Reading,
  sequence: number,
  file: ReleaseFile,
): Promise<Result<OpenFile, UpdateReason>> {
  const path = slotFile(sequence, file.name);
  const opened = await found(file, files.open(path));
  if (!opened.ok) return opened;
  try {
    const fault = await faultOf(file, opened.value.sizeBytes, () => hashing.sha256Of(opened.value));
    if (fault === undefined) return opened;
    await opened.value.close();
    await files.remove(path);
    return fault;
  } catch (error) {
    await opened.value.close();
    throw error;
  }
}

async function found<T>({ name }: ReleaseFile, content: Promise<T>): Promise<Result<T, UpdateReason>> {
  try {
    return accept(await content);
  } catch (error) {
    if (error instanceof AppError && error.code === "NOT_FOUND") return refuse("sizeMismatch", `${name} is missing`);
    throw error;
  }
}

async function faultOf({ name, sizeBytes, sha256 }: ReleaseFile, size: number, digest: () => Promise<string>) {
  if (size !== sizeBytes) return refuse("sizeMismatch" as const, `${name} has ${size} bytes, not ${sizeBytes}`);
  if ((await digest()) !== sha256) return refuse("digestMismatch" as const, `${name} is not the file of this release`);
  return undefined;
}
