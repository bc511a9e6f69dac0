// Latencies over fixed sentences that ship with the product: latencies over the person's own sentences
// would reveal their length.

import { warmUpRounds, warmUpTexts } from "@attune/ml/features/open-extractor";
import { createMatrix } from "@attune/ml/tensor/matrix";
import type { Clock } from "../ports.js";
import { createLatencies, type Latencies } from "../prediction/latencies.js";
import type { Model } from "../prediction/model.js";

export function measureLatencies({ extract, prior }: Model, clock: Pick<Clock, "monotonicMs">): Latencies {
  const latencies = createLatencies();
  for (let round = 0; round < warmUpRounds; round++) {
    for (const text of warmUpTexts) {
      const startedMs = clock.monotonicMs();
      const features = extract(text);
      prior.probabilities(createMatrix(1, features.length, features));
      latencies.add(clock.monotonicMs() - startedMs);
    }
  }
  return latencies;
}
