// Makes golden vectors: random token ids, which are no person's words, with the features that the reference
// engine computes for them.

import { createRandom } from "@attune/ml/tensor/random";
import type { Tokenizer } from "@attune/ml/tokenizer/tokenizer";
import type { Golden } from "@attune/shared/contracts/golden";

/** In standard deviations. The kernels' 16-bit activations move a feature of the bundled extractor by up to 0.0031. */
const goldenTolerance = 5e-3;

/** In tokens, special ones included; the longest text that the extractor reads is added at the end. */
const lengths = [3, 4, 6, 9, 13, 18, 25];

type Vocabulary = Pick<Tokenizer, "vocabSize" | "before" | "after" | "addedIds">;

/** `features` computes a head's input from ids, special tokens included. */
export function goldenVectors(
  { vocabSize, before, after, addedIds }: Vocabulary,
  maxTokens: number,
  features: (ids: Int32Array) => Float32Array,
): Golden {
  const random = createRandom(20_210_502);
  const wordIds = Array.from({ length: vocabSize }, (_, id) => id).filter((id) => !addedIds.has(id));
  const around = before.length + after.length;
  const vectors = [...lengths, maxTokens]
    .filter((length) => length > around && length <= maxTokens)
    .map((length) => {
      const words = Array.from({ length: length - around }, () => wordIds[random.integer(wordIds.length)]!);
      const ids = [...before, ...words, ...after];
      return { ids, features: [...features(Int32Array.from(ids))] };
    });
  return { tolerance: goldenTolerance, vectors };
}
