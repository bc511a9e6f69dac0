// What every encoder, whichever its architecture or engine, offers to the rest of the pipeline.
import type { Matrix } from "../tensor/matrix.js";
import type { EncoderConfig } from "./config.js";
import type { Pooling } from "./pooling.js";

export interface EncoderOutput {
  /** The embeddings' output, then each layer's: numHiddenLayers + 1 matrices of (T, H); the last is the last hidden state. */
  readonly hiddenStates: Matrix[];
}

export interface Encoder {
  readonly config: EncoderConfig;
  /**
   * ids: (T); mask: (T), 1 = real, 0 = padding, default all real. A padded position attends but is not attended to.
   * Throws `empty` for no tokens (or none real), `out-of-range` for an id outside the vocabulary or more tokens than positions, `shape` for a mask of another length.
   */
  forward(ids: Int32Array, mask?: Uint8Array): EncoderOutput;
  /**
   * Texts of ids, all real → (texts.length, pooled size): the last hidden states pooled, without the states between. An engine has it where
   * that is faster; a text's row does not depend on the others. Throws as `forward`.
   */
  pooled?(texts: readonly Int32Array[], pooling: Pooling): Matrix;
}
