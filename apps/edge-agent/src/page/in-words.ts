// A prediction in words: "Sounds like joy, maybe surprise", or "Not sure".

import type { Prediction } from "@attune/shared/contracts/local-api";
import { texts } from "./texts.js";

/** A second emotion is named from this share of the first one's probability on. */
const maybeShare = 0.5;
/** The most emotions that are named as one answer. */
const maxNamed = 2;

interface RankedLabel {
  readonly slug: string;
  readonly probability: number;
}

/** The most probable first. */
export function ranked({ probabilities }: Pick<Prediction, "probabilities">): RankedLabel[] {
  return Object.entries(probabilities)
    .map(([slug, probability]) => ({ slug, probability }))
    .sort((a, b) => b.probability - a.probability);
}

export function inWords(prediction: Pick<Prediction, "probabilities">, wordOf: (slug: string) => string): string {
  const order = ranked(prediction);
  const top = order[0]?.probability ?? 0;
  const near = order.filter(({ probability }) => probability >= top * maybeShare);
  const words = near.map(({ slug }) => wordOf(slug));
  return near.length <= maxNamed ? texts.write.soundsLike(words) : texts.write.notSure(words);
}
