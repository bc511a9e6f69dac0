// The labels of the release that runs: their words, and their places, which give each its mark.

import type { AgentStatus } from "@attune/shared/contracts/local-api";

export interface Labels {
  readonly slugs: readonly string[];
  /** A label of an earlier release is shown by its slug. */
  wordOf(slug: string): string;
  indexOf(slug: string): number;
}

export function labelsOf({ release }: Pick<AgentStatus, "release">): Labels {
  const labels = release?.labels ?? [];
  const slugs = labels.map(({ slug }) => slug);
  return {
    slugs,
    wordOf: (slug) => labels.find((label) => label.slug === slug)?.words ?? slug,
    indexOf: (slug) => Math.max(0, slugs.indexOf(slug)),
  };
}
