// The port behind which encoders and heads are computed. The TypeScript reference, the WebAssembly kernels and the
// native kernels implement it.

import type { EncoderConfig } from "../encoder/config.js";
import type { Encoder } from "../encoder/encoder.js";
import type { HeadKernels } from "../heads/head-kernels.js";
import type { TensorFile } from "../tensor/safetensors.js";

export interface Engine {
  /** A part of a feature extractor's identity: the features of two engines are close but not equal. */
  readonly name: "reference" | "wasm" | "native";
  /** Throws MlError naming the tensor for weights that are missing, of another shape, or not finite. */
  createEncoder(config: EncoderConfig, tensors: TensorFile): Encoder;
  /** Trains heads and computes their predictions. Every engine gives the same numbers, within the port's tolerances. */
  readonly heads: HeadKernels;
}
