// Gives up the content that nothing names: marks the versions first, then removes chunks that no kept version lists.
// A collection that was killed between the two is completed by the next.

import type { Collection } from "@attune/shared/contracts/catalogue";
import type { Author } from "../callers/roles.js";
import type { ChunkStore } from "../content/chunk-store.js";
import { planCollection } from "./collection.plan.js";
import type { CollectionRepository, NamedVersions } from "./collection.repository.js";
import { readManifests, readRelease } from "./read-manifest.js";
import type { StoredVersion } from "./stored-version.js";

interface CollectionInput {
  readonly dryRun: boolean;
  /** Versions and chunks that are younger are kept. */
  readonly olderThanMs: number;
}

export interface CollectionService {
  collect(input: CollectionInput, by: Author): Promise<Collection>;
}

interface CollectionServiceDeps {
  readonly repository: CollectionRepository;
  readonly chunkStore: Pick<ChunkStore, "list" | "remove">;
  readonly manifests: Pick<ChunkStore, "read">;
  readonly now: () => number;
}

export function createCollectionService(deps: CollectionServiceDeps): CollectionService {
  const { repository, chunkStore, manifests, now } = deps;

  async function planOf({ versions, names }: NamedVersions, publishedBefore: Date) {
    const known = versions.map(async (version) => {
      const { fallback } = await readRelease(manifests, version);
      return { sequence: version.sequence, createdAt: version.createdAt, fallback };
    });
    return { versions, ...planCollection({ versions: await Promise.all(known), names, publishedBefore }) };
  }

  /** The old chunks that none of the versions lists, with their sizes. */
  async function unlisted(
    kept: readonly StoredVersion[],
    before: Date,
  ): Promise<{ sha256: string; sizeBytes: number }[]> {
    const listed = new Set<string>();
    for (const version of kept) {
      for (const { files } of await readManifests(manifests, version)) {
        for (const { chunks } of files) for (const { sha256 } of chunks) listed.add(sha256);
      }
    }
    const found = [];
    for await (const { storedAt, ...chunk } of chunkStore.list()) {
      if (storedAt < before && !listed.has(chunk.sha256)) found.push(chunk);
    }
    return found;
  }

  async function free(kept: readonly StoredVersion[], before: Date) {
    const chunks = await unlisted(kept, before);
    for (const { sha256 } of chunks) await chunkStore.remove(sha256);
    return chunks;
  }

  return {
    async collect({ dryRun, olderThanMs }, by) {
      const before = new Date(now() - olderThanMs);
      const decide = (named: NamedVersions) => planOf(named, before);
      const { versions, keep } = dryRun
        ? await decide(await repository.named())
        : await repository.mark({ by, atMs: now() }, decide);
      const isKept = ({ sequence }: StoredVersion) => keep.has(sequence);
      const chunks = dryRun
        ? await unlisted(versions.filter(isKept), before)
        : await repository.whileLocked((kept) => free(kept, before));
      return {
        dryRun,
        collected: versions.filter((version) => !isKept(version)).map(describe),
        kept: versions
          .filter(isKept)
          .map((version) => ({ ...describe(version), namedBy: [...keep.get(version.sequence)!] })),
        freedChunks: chunks.length,
        freedBytes: chunks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      };
    },
  };
}

function describe({ sequence, modelName, version }: StoredVersion) {
  return { sequence, model: modelName, modelVersion: version };
}
