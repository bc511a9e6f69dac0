// Makes the trainable encoder for a config: only this file of the pre-training knows every architecture.

import type { Random } from "@attune/ml/tensor/random";
import type { Tf } from "../backend/tensorflow.js";
import { bertHidden } from "./bert.js";
import { type EncoderForward, poolTokens } from "./forward.js";
import type { Tensor2D } from "./layers.js";
import { mobileBertHidden } from "./mobilebert.js";
import { robertaHidden } from "./roberta.js";

/** Pooled features: (B, H), or (B, 2H) for mean-max. Call it inside tf.tidy. */
export function encoderFeatures(tf: Tf, input: EncoderForward): Tensor2D {
  return poolTokens(tf, hiddenOf(tf, input), input);
}

function hiddenOf(tf: Tf, input: EncoderForward): Tensor2D {
  const { config } = input;
  switch (config.modelType) {
    case "bert":
      return bertHidden(tf, input);
    case "roberta":
      return robertaHidden(tf, { ...input, config });
    case "mobilebert":
      return mobileBertHidden(tf, { ...input, config });
  }
}

/** The initial weights of BERT and its successors: normal with deviation 0.02, biases 0, normalisation 1. */
export function initialValues(name: string, shape: readonly number[], random: Random): Float32Array {
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  if (name.endsWith("LayerNorm.weight")) return values.fill(1);
  if (name.endsWith(".bias")) return values;
  return values.map(() => 0.02 * random.normal());
}
