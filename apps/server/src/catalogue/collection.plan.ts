// Decides which versions' content is given up. Pure: the catalogue and what names its versions in, the decision out.

import type { VersionName } from "@attune/shared/contracts/catalogue";

/** A version whose content is kept so far. */
export interface KeptVersion {
  readonly sequence: number;
  /** The release that devices of this version fall back to. */
  readonly fallback: number | null;
  readonly createdAt: Date;
}

interface CatalogueSnapshot {
  readonly versions: readonly KeptVersion[];
  /** The names of each version, by its number. */
  readonly names: ReadonlyMap<number, ReadonlySet<VersionName>>;
  /** A version that was published later is kept, because its rollout may be about to begin. */
  readonly publishedBefore: Date;
}

interface CollectionPlan {
  readonly collect: readonly number[];
  /** The names that keep each other version. */
  readonly keep: ReadonlyMap<number, readonly VersionName[]>;
}

/** A version is kept where something names it, and where a version that is kept falls back to it. */
export function planCollection({ versions, names, publishedBefore }: CatalogueSnapshot): CollectionPlan {
  const keep = new Map<number, VersionName[]>();
  // A release falls back to an earlier release alone. So a version is reached after all that fall back to it.
  const fallbacks = new Set<number>();
  for (const { sequence, fallback, createdAt } of versions.toSorted((x, y) => y.sequence - x.sequence)) {
    const kinds = new Set(names.get(sequence));
    if (fallbacks.has(sequence)) kinds.add("fallback");
    if (createdAt >= publishedBefore) kinds.add("recent");
    if (kinds.size === 0) continue;
    keep.set(sequence, [...kinds]);
    if (fallback !== null) fallbacks.add(fallback);
  }
  const collect = versions.map(({ sequence }) => sequence).filter((sequence) => !keep.has(sequence));
  return { collect: collect.sort((x, y) => x - y), keep };
}
