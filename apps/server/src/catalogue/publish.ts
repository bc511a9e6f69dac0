// Makes the manifests of a checked extractor: the content of a release, and the hashes by which a
// device checks each file.

import { sha256 as sha256Of } from "@attune/platform/sha256";
import { firstContract } from "@attune/shared/contracts/egress";
import { compactGolden, plainGolden, type ReadGolden } from "@attune/shared/contracts/golden";
import { type LabelSet, labelSetOf, labelSetSchema, slugsOf } from "@attune/shared/contracts/label-set";
import {
  chunkSizeBytes,
  type HeadRecipe,
  type Release,
  type Release1,
  type Release2,
  type ReleaseFile,
  release1Labels,
  release1Schema,
  release2Schema,
  sizesOf,
} from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import { dayMs } from "@attune/shared/time";

export const defaultLifeDays = 90;

/** The content that devices run. A published version never changes it. */
export interface ReleaseContent {
  readonly headRecipe: HeadRecipe;
  readonly labels: LabelSet;
  readonly fallback: number | null;
  readonly files: readonly ReleaseFile[];
}

interface ReleaseInput extends ReleaseContent {
  readonly sequence: number;
  readonly model: string;
  readonly modelVersion: string;
  readonly features: Release["features"];
  /** golden.json as devices read it that read manifests of version 1 alone. */
  readonly plainGolden: ReleaseFile;
  readonly issuedAtMs: number;
  readonly lifeDays: number;
  /**
   * A device that runs the release speaks this version of the egress contract at most. A device that does not know
   * it refuses the release.
   */
  readonly egressContractVersion: number;
}

/** One release, as its manifest of each version describes it. */
interface ReleaseManifests {
  /** Absent for labels that version 1 does not have. */
  readonly first: Release1 | undefined;
  readonly second: Release2;
}

/** Throws CONFLICT when the sequence numbers are used up. */
export function buildReleases(input: ReleaseInput): ReleaseManifests {
  const { sequence, model, modelVersion, headRecipe, labels, features, issuedAtMs, lifeDays } = input;
  if (sequence > 65_535) throw new AppError("CONFLICT", "all 65535 release sequence numbers of this server are used");
  const common = {
    kind: "release",
    sequence,
    model,
    modelVersion,
    issuedAt: new Date(issuedAtMs).toISOString(),
    expiresAt: new Date(issuedAtMs + lifeDays * dayMs).toISOString(),
    egressContractVersion: input.egressContractVersion,
    features,
    headRecipe,
  };
  const files = byName(input.files);
  const second = { ...common, version: 2, labels, fallback: input.fallback, sizes: sizesOf(files), files };
  const first = {
    ...common,
    version: 1,
    labels: slugsOf(labels),
    files: byName(withFile(input, input.plainGolden).files),
    // Devices that read version 1 alone know no later version of the egress contract than the first.
    egressContractVersion: firstContract,
  };
  return {
    first: isOfVersion1(labels) ? release1Schema.parse(first) : undefined,
    second: release2Schema.parse(second),
  };
}

/** The content with `file` in place of the file of the same name. */
export function withFile<C extends { readonly files: readonly ReleaseFile[] }>(content: C, file: ReleaseFile): C {
  return { ...content, files: content.files.map((one) => (one.name === file.name ? file : one)) };
}

function byName(files: readonly ReleaseFile[]): ReleaseFile[] {
  return files.toSorted((x, y) => (x.name < y.name ? -1 : 1));
}

function isOfVersion1(labels: LabelSet): boolean {
  return slugsOf(labels).every((slug) => release1Labels.some((known) => known === slug));
}

/**
 * The label set of a prior head's classes. Throws INVALID_EXTRACTOR for classes, INVALID_INPUT for words of no class.
 */
export function labelsOf(classes: readonly string[], words: Readonly<Record<string, string>>): LabelSet {
  const other = Object.keys(words).find((slug) => !classes.includes(slug));
  if (other !== undefined) {
    throw new AppError("INVALID_INPUT", `words: ${other} is not among the labels ${classes.join(", ")}`);
  }
  const labels = labelSetSchema.safeParse(labelSetOf(classes, words));
  if (labels.success) return labels.data;
  const fault = labels.error.issues[0]!.message;
  throw new AppError("INVALID_EXTRACTOR", `prior-head.safetensors: the classes make no label set: ${fault}`);
}

/** golden.json for each version of the manifest, from the golden.json of the extractor. */
export function goldenFiles(given: Uint8Array, golden: ReadGolden): { plain: Uint8Array; compact: Uint8Array } {
  if (golden.version === 1) return { plain: given, compact: compactGolden(golden) ?? given };
  return { plain: plainGolden(golden), compact: given };
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

type PublishedContent = ReleaseContent & Pick<ReleaseInput, "egressContractVersion">;

/** Whether two releases have a device run the same content. */
export function sameContent(x: PublishedContent, y: PublishedContent): boolean {
  const content = ({ files, headRecipe, labels, fallback, egressContractVersion }: PublishedContent) =>
    JSON.stringify([
      Object.entries(headRecipe).sort(),
      labels.map(({ slug, words }) => [slug, words]),
      fallback,
      files.map(({ name, sha256 }) => `${name} ${sha256}`).sort(),
      egressContractVersion,
    ]);
  return content(x) === content(y);
}
