// The checks that every encoder makes on its input before it computes anything.

import { MlError } from "../error.js";
import { type EncoderConfig, maxInputTokens } from "./config.js";

/** ids: (T); mask: (T) or undefined. Throws as Encoder.forward says, naming the token. */
export function checkInput(config: EncoderConfig, ids: Int32Array, mask: Uint8Array | undefined): void {
  if (ids.length === 0) {
    throw new MlError("empty", "No tokens to encode");
  }
  if (ids.length > maxInputTokens(config)) {
    throw new MlError("out-of-range", `${ids.length} tokens where the encoder has ${maxInputTokens(config)} positions`);
  }
  for (const [i, id] of ids.entries()) {
    if (id < 0 || id >= config.vocabSize) {
      throw new MlError("out-of-range", `Token ${i} has id ${id}, outside the vocabulary of ${config.vocabSize}`);
    }
  }
  if (mask === undefined) return;
  if (mask.length !== ids.length) {
    throw new MlError("shape", `A mask of ${mask.length} for ${ids.length} tokens`);
  }
  if (mask.every((value) => value === 0)) {
    throw new MlError("empty", "The mask leaves no real token to encode");
  }
}
