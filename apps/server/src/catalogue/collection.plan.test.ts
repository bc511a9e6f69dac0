// The decision over random catalogues: nothing that is named is ever given up, and nothing else is kept.

import { type VersionName, versionNames } from "@attune/shared/contracts/catalogue";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type KeptVersion, planCollection } from "./collection.plan.js";

const publishedBefore = new Date(1_000);

interface Drawn {
  readonly versions: readonly KeptVersion[];
  readonly names: ReadonlyMap<number, ReadonlySet<VersionName>>;
}

/** Versions with gaps where earlier ones were collected, some named, some falling back to any earlier number. */
const catalogue: fc.Arbitrary<Drawn> = fc
  .uniqueArray(
    fc.record({
      sequence: fc.integer({ min: 1, max: 40 }),
      fallbackShare: fc.option(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), { freq: 2 }),
      createdMs: fc.integer({ min: 0, max: 1_300 }),
      kinds: fc.subarray(versionNames.filter((kind) => kind !== "recent")),
      isNamed: fc.boolean(),
    }),
    { selector: ({ sequence }) => sequence, maxLength: 25 },
  )
  .map((drawn) => ({
    versions: drawn.map(({ sequence, fallbackShare, createdMs }) => ({
      sequence,
      fallback: fallbackShare === null || sequence === 1 ? null : 1 + Math.floor(fallbackShare * (sequence - 1)),
      createdAt: new Date(createdMs),
    })),
    names: new Map(drawn.filter(({ isNamed }) => isNamed).map(({ sequence, kinds }) => [sequence, new Set(kinds)])),
  }));

/** The naive version: repeats over all versions until nothing more is kept. */
function keptNaively({ versions, names }: Drawn): Set<number> {
  const kept = new Set<number>();
  for (let grew = true; grew; ) {
    grew = false;
    for (const { sequence, createdAt } of versions) {
      const isFallback = versions.some((other) => other.fallback === sequence && kept.has(other.sequence));
      const isNamed = (names.get(sequence)?.size ?? 0) > 0;
      if (kept.has(sequence) || !(isNamed || isFallback || createdAt >= publishedBefore)) continue;
      kept.add(sequence);
      grew = true;
    }
  }
  return kept;
}

describe("a collection", () => {
  test("keeps what is named, what is recent and their fallbacks' fallbacks, and collects all else", () => {
    fc.assert(
      fc.property(catalogue, (drawn) => {
        const { collect, keep } = planCollection({ ...drawn, publishedBefore });
        const kept = keptNaively(drawn);
        expect([...keep.keys()].sort()).toEqual([...kept].sort());
        expect(new Set(collect)).toEqual(
          new Set(drawn.versions.map(({ sequence }) => sequence).filter((sequence) => !kept.has(sequence))),
        );
        expect(collect.filter((sequence) => (drawn.names.get(sequence)?.size ?? 0) > 0)).toEqual([]);
        for (const kinds of keep.values()) expect(kinds.length).toBeGreaterThan(0);
      }),
      { numRuns: 3_000 },
    );
  });

  test("collects nothing more when it is repeated on what it kept", () => {
    fc.assert(
      fc.property(catalogue, (drawn) => {
        const { keep } = planCollection({ ...drawn, publishedBefore });
        const versions = drawn.versions.filter(({ sequence }) => keep.has(sequence));
        expect(planCollection({ ...drawn, versions, publishedBefore }).collect).toEqual([]);
      }),
    );
  });
});
