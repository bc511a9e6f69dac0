// The port behind which encoders and heads are computed: the TypeScript reference today, WebAssembly and native kernels beside it.
import type { EncoderConfig } from "../encoder/config.js";
import type { Encoder } from "../encoder/encoder.js";
import type { HeadKernels } from "../heads/head-kernels.js";
import type { TensorFile } from "../tensor/safetensors.js";

export interface Engine {
  /** Part of a feature extractor's identity: two engines' features are close, not equal. */
  readonly name: "reference" | "wasm" | "native";
  /** Throws MlError naming the tensor for weights that are missing, of another shape, or not finite. */
  createEncoder(config: EncoderConfig, tensors: TensorFile): Encoder;
  /** Train heads and answer for them; the same numbers on every engine, within what the port allows. */
  readonly heads: HeadKernels;
}
