// The pieces of a release that the device has already. A slot's manifest says where to look, and only the hash of the
// bytes read counts.

import type { Release, ReleaseFile } from "@attune/shared/contracts/release";
import { codeOf } from "@attune/shared/errors";
import type { Files, Ports } from "../ports.js";
import { parseManifest, readManifest } from "./load-slot.js";
import { listSlots, slotFile, sourceSlots } from "./slots.js";

type LocalPorts = Pick<Ports, "files" | "hashing" | "log">;
type Chunk = ReleaseFile["chunks"][number];

export interface LocalPieces {
  /** The chunk that starts at `offset` of `file`, its hash verified; undefined where no slot holds it. */
  read(file: ReleaseFile, chunk: Chunk, offset: number): Promise<Uint8Array | undefined>;
}

/** Stretches of files in slots by the hash of their content. */
interface Places {
  /** Paths of whole files. */
  readonly files: Map<string, string[]>;
  /** The first occurrence of a chunk in each file, so that a chunk of zeroes has few places. */
  readonly chunks: Map<string, Place[]>;
}

interface Place {
  readonly path: string;
  readonly offset: number;
}

/**
 * Looks in the two newest other slots, and in the slot of the release itself for a chunk that occurs twice. The two
 * newest other slots are the same releases whether the device took or refused the last release.
 */
export async function findLocalPieces(ports: LocalPorts, release: Release): Promise<LocalPieces> {
  const { files } = ports;
  const places: Places = { files: new Map(), chunks: new Map() };
  for (const sequence of sourceSlots(await listSlots(files), release.sequence)) {
    const listed = await readListedFiles(files, sequence);
    for (const file of listed) {
      const path = slotFile(sequence, file.name);
      places.files.set(file.sha256, [...(places.files.get(file.sha256) ?? []), path]);
      addChunks(places.chunks, file, path);
    }
  }
  for (const file of release.files) addChunks(places.chunks, file, slotFile(release.sequence, file.name));
  return {
    async read(file, chunk, offset) {
      const whole = (places.files.get(file.sha256) ?? []).map((path) => ({ path, offset }));
      for (const place of [...whole, ...(places.chunks.get(chunk.sha256) ?? [])]) {
        const bytes = await readPlace(ports, place, chunk);
        if (bytes !== undefined) return bytes;
      }
      return undefined;
    },
  };
}

function addChunks(chunks: Places["chunks"], file: ReleaseFile, path: string): void {
  const seen = new Set<string>();
  let offset = 0;
  for (const { sha256, sizeBytes } of file.chunks) {
    if (!seen.has(sha256)) chunks.set(sha256, [...(chunks.get(sha256) ?? []), { path, offset }]);
    seen.add(sha256);
    offset += sizeBytes;
  }
}

/** The files that a slot's manifest lists; none where the manifest cannot be read. */
async function readListedFiles(files: Files, sequence: number): Promise<readonly ReleaseFile[]> {
  try {
    const bytes = await readManifest({ files }, sequence);
    return bytes === undefined ? [] : parseManifest(bytes).files;
  } catch {
    return [];
  }
}

/** Other bytes, a file that is too short and a file that cannot be read are no piece. */
async function readPlace({ files, hashing, log }: LocalPorts, { path, offset }: Place, { sha256, sizeBytes }: Chunk) {
  try {
    const opened = await files.open(path);
    try {
      if (opened.sizeBytes < offset + sizeBytes) return undefined;
      const bytes = new Uint8Array(sizeBytes);
      opened.read(offset, bytes);
      if ((await hashing.sha256(bytes)) === sha256) return bytes;
      log("warn", "download.localMismatch", { sha256, offset });
    } finally {
      await opened.close();
    }
  } catch (error) {
    const code = codeOf(error);
    if (code !== "NOT_FOUND") log("warn", "download.localUnreadable", { sha256, code });
  }
  return undefined;
}
