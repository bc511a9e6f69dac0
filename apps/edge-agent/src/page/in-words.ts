// A prediction in words: "Sounds like joy, maybe surprise", or "Not sure".

import type { Prediction } from "@attune/shared/contracts/local-api";
import { texts } from "./texts.js";

/** A larger set of emotions is no answer. */
const maxNamed = 3;

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

export function inWords(prediction: Pick<Prediction, "predictionSet">, wordOf: (slug: string) => string): string {
  const words = prediction.predictionSet.map(wordOf);
  return words.length <= maxNamed ? texts.write.soundsLike(words) : texts.write.notSure(words);
}
