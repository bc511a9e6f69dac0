// Chooses the architecture of a config: the only place that names all architectures.

import type { TensorFile } from "../tensor/safetensors.js";
import { createBert } from "./bert.js";
import type { EncoderConfig } from "./config.js";
import type { Encoder } from "./encoder.js";
import { createMobileBert } from "./mobilebert.js";
import { createRoberta } from "./roberta.js";

/**
 * The encoder of `config.modelType`. Throws MlError naming the tensor that is missing, of another shape or
 * dtype, or not finite.
 */
export function createEncoder(config: EncoderConfig, tensors: TensorFile): Encoder {
  switch (config.modelType) {
    case "bert":
      return createBert(config, tensors);
    case "roberta":
      return createRoberta(config, tensors);
    case "mobilebert":
      return createMobileBert(config, tensors);
  }
}
