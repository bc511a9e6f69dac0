// Compares two versions: what a device that has the first downloads for the second, and what differs. Pure.

import type { Comparison } from "@attune/shared/contracts/catalogue";
import type { Lineage } from "@attune/shared/contracts/lineage";
import type { Release, ReleaseFile } from "@attune/shared/contracts/release";

export interface ComparedVersion {
  readonly release: Release;
  /** The size of the manifest that a device downloads. */
  readonly manifestBytes: number;
  readonly lineage: Lineage | null;
  readonly latency: Comparison["latency"]["from"];
}

/** `from` is what a device has, `to` is what it is offered. */
export function compareVersions(from: ComparedVersion, to: ComparedVersion): Comparison {
  const [before, after] = [from.release, to.release];
  return {
    from: nameOf(before),
    to: nameOf(after),
    sameFeatures: before.features.identity === after.features.identity,
    headRecipe: { from: before.headRecipe, to: after.headRecipe },
    f1: f1Of(from.lineage, to.lineage),
    latency: { from: from.latency, to: to.latency },
    bytes: {
      from: before.sizes.downloadBytes,
      to: after.sizes.downloadBytes,
      onTheWire: to.manifestBytes + lackingBytes(before.files, after.files),
    },
    files: after.files.map((file) => {
      const earlier = before.files.find(({ name }) => name === file.name)!;
      return {
        name: file.name,
        same: file.sha256 === earlier.sha256,
        fromBytes: earlier.sizeBytes,
        toBytes: file.sizeBytes,
        onTheWireBytes: lackingBytes(before.files, [file]),
      };
    }),
    labels: labelsOf(before, after),
  };
}

function nameOf({ sequence, model, modelVersion }: Release) {
  return { sequence, model, modelVersion };
}

/** The bytes of the chunks that the files `had` do not hold. A whole file of equal hash is taken over as it is. */
function lackingBytes(had: readonly ReleaseFile[], wanted: readonly ReleaseFile[]): number {
  const files = new Set(had.map(({ sha256 }) => sha256));
  const chunks = new Set(had.flatMap((file) => file.chunks.map(({ sha256 }) => sha256)));
  let bytes = 0;
  for (const file of wanted) {
    if (files.has(file.sha256)) continue;
    for (const { sha256, sizeBytes } of file.chunks) {
      if (!chunks.has(sha256)) bytes += sizeBytes;
      chunks.add(sha256);
    }
  }
  return bytes;
}

function f1Of(from: Lineage | null, to: Lineage | null): Comparison["f1"] {
  const names = [...new Set([...Object.keys(from?.f1 ?? {}), ...Object.keys(to?.f1 ?? {})])];
  return names.map((name) => ({ name, from: from?.f1[name] ?? null, to: to?.f1[name] ?? null }));
}

function labelsOf({ labels: from }: Release, { labels: to }: Release): Comparison["labels"] {
  const wordsBefore = new Map(from.map(({ slug, words }) => [slug, words]));
  const wordsAfter = new Map(to.map(({ slug, words }) => [slug, words]));
  const slugs = (labels: Release["labels"]) => labels.map(({ slug }) => slug);
  return {
    added: slugs(to).filter((slug) => !wordsBefore.has(slug)),
    removed: slugs(from).filter((slug) => !wordsAfter.has(slug)),
    reworded: slugs(to).filter((slug) => wordsBefore.has(slug) && wordsBefore.get(slug) !== wordsAfter.get(slug)),
  };
}
