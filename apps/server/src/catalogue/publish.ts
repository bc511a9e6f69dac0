// Makes the manifest of a checked extractor: what a device is to run, and the hashes by which it checks each file.
import { sha256 as sha256Of } from "@attune/platform/sha256";
import {
  chunkSizeBytes,
  type HeadRecipe,
  type ReleaseFile,
  type ReleaseManifest,
  release1Schema,
} from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import type { CheckedExtractor } from "./extractor-check.js";

export const defaultLifeDays = 90;
const dayMs = 86_400_000;

export interface ReleaseInput {
  readonly sequence: number;
  readonly model: string;
  readonly modelVersion: string;
  readonly headRecipe: HeadRecipe;
  readonly files: readonly ReleaseFile[];
  readonly extractor: CheckedExtractor;
  readonly issuedAtMs: number;
  readonly lifeDays: number;
  /** A device that runs the release speaks this version of the egress contract at most. A device that does not know it refuses the release. */
  readonly egressContractVersion: number;
}

/** Throws CONFLICT when the sequence numbers are used up. */
export function buildRelease(input: ReleaseInput): ReleaseManifest {
  const { sequence, model, modelVersion, headRecipe, files, extractor, issuedAtMs, lifeDays } = input;
  if (sequence > 65_535) throw new AppError("CONFLICT", "all 65535 release sequence numbers of this server are used");
  return release1Schema.parse({
    version: 1,
    kind: "release",
    sequence,
    model,
    modelVersion,
    issuedAt: new Date(issuedAtMs).toISOString(),
    expiresAt: new Date(issuedAtMs + lifeDays * dayMs).toISOString(),
    egressContractVersion: input.egressContractVersion,
    ...extractor,
    headRecipe,
    files: files.toSorted((x, y) => (x.name < y.name ? -1 : 1)),
  });
}

export interface Chunk {
  readonly sha256: string;
  readonly bytes: Uint8Array;
}

/** A file as the manifest describes it, and its chunks in order. Every chunk but the last has `chunkSizeBytes`. */
export function splitFile(name: ReleaseFile["name"], bytes: Uint8Array): { file: ReleaseFile; chunks: Chunk[] } {
  const chunks: Chunk[] = [];
  for (let start = 0; start < bytes.length; start += chunkSizeBytes) {
    const part = bytes.subarray(start, start + chunkSizeBytes);
    chunks.push({ sha256: sha256Of(part), bytes: part });
  }
  const described = chunks.map((chunk) => ({ sha256: chunk.sha256, sizeBytes: chunk.bytes.length }));
  return { file: { name, sizeBytes: bytes.length, sha256: sha256Of(bytes), chunks: described }, chunks };
}

type Content = Pick<ReleaseInput, "files" | "headRecipe" | "egressContractVersion">;

/** Whether two releases have a device run the same content. */
export function sameContent(x: Content, y: Content): boolean {
  const content = ({ files, headRecipe, egressContractVersion }: Content) =>
    JSON.stringify([
      Object.entries(headRecipe).sort(),
      files.map(({ name, sha256 }) => `${name} ${sha256}`).sort(),
      egressContractVersion,
    ]);
  return content(x) === content(y);
}
