// The interface of every encoder to the rest of the pipeline, whatever its architecture or engine.

import type { Matrix } from "../tensor/matrix.js";
import type { EncoderConfig } from "./config.js";
import type { Pooling } from "./pooling.js";

export interface EncoderOutput {
  /**
   * The embeddings' output, then each layer's output: numHiddenLayers + 1 matrices of (T, H). The last matrix is
   * the last hidden state.
   */
  readonly hiddenStates: Matrix[];
}

export interface Encoder {
  readonly config: EncoderConfig;
  /**
   * ids: (T); mask: (T), 1 = real, 0 = padding, default all real. A padded position attends but is not attended to.
   * Throws `empty` for no tokens, or for none that is real. Throws `shape` for a mask of another length than ids.
   * Throws `out-of-range` for an id outside the vocabulary, or for more tokens than positions.
   */
  forward(ids: Int32Array, mask?: Uint8Array): EncoderOutput;
  /**
   * Pools the last hidden states of several texts, whose ids are all real → (texts.length, pooled size). The states
   * between are not returned. An engine has this method where it is faster. A text's row does not depend on the other
   * texts. Throws as `forward`.
   */
  pooled?(texts: readonly Int32Array[], pooling: Pooling): Matrix;
}
